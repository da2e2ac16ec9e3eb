using System.Runtime.InteropServices;

namespace Rhea.SoftCpu.Tlb;

/// <summary>The entries for one kind of access by one kind of code, and lists of those in use, so that a flush costs what it forgets.</summary>
/// <remarks>UNSAFE: unmanaged memory that handlers and generated code index. SAFETY: an index is always masked to the table's size.</remarks>
internal sealed unsafe class TlbTable : IDisposable
{
    private TlbEntry* _entries;
    private int _last; // index
    private bool* _global; // by index
    private readonly List<int> _locals = [], _globals = []; // where entries are, and maybe were; an entry that has changed its kind is in both
    private int _replaced;

    public TlbTable() => Allocate(TlbEntry.Fewest);

    public nint Address => (nint)_entries;

    /// <summary>More pages had to go for others of late than there is place for.</summary>
    public bool IsCrowded => _replaced > _last;

    /// <summary>True when another page had to go.</summary>
    public bool Insert(ulong page, nint host, bool global)
    {
        int index = IndexOf(page);
        ref TlbEntry entry = ref _entries[index];
        bool free = entry.Tag == Empty(index), replaces = !free && entry.Tag != ~page;
        if (free || _global[index] != global) List(index, global);
        entry = new TlbEntry { Tag = ~page, Host = host };
        _global[index] = global;
        if (replaces) _replaced++;
        return replaces;
    }

    /// <summary>From now on there is place for so many pages, a power of two and more than before. Whoever has its address asks again.</summary>
    public void Grow(int entries)
    {
        TlbEntry* smaller = _entries;
        bool* global = _global;
        int last = _last;
        Allocate(entries);
        for (var i = 0; i <= last; i++)
            if (smaller[i].Tag != (i == last ? LastPage : 0)) Insert(~smaller[i].Tag, smaller[i].Host, global[i]);
        NativeMemory.Free(smaller);
        NativeMemory.Free(global);
    }

    /// <summary>The host page behind a linear page; 0 when it is not here.</summary>
    public nint Find(ulong page)
    {
        TlbEntry* entry = _entries + IndexOf(page);
        return entry->Tag == ~page ? entry->Host : 0;
    }

    public void Flush()
    {
        foreach (int index in _locals) Clear(index);
        foreach (int index in _globals) Clear(index);
        _locals.Clear();
        _globals.Clear();
        _replaced = 0;
    }

    /// <summary>Forgets all but global pages; true when there were others.</summary>
    public bool FlushLocal()
    {
        var found = false;
        foreach (int index in _locals)
        {
            if (_global[index]) continue;
            found |= _entries[index].Tag != Empty(index);
            Clear(index);
        }

        _locals.Clear();
        _replaced = 0;
        return found;
    }

    /// <summary>Forgets the pages in a stretch of 2^<paramref name="bits"/> bytes around an address; true when there were some.</summary>
    public bool FlushPages(ulong linear, int bits)
    {
        ulong first = linear >> bits << bits;
        var found = false;
        for (var i = 0; i < Math.Min(1 << (bits - 12), _last + 1); i++)
        {
            int index = IndexOf(first + ((ulong)i << 12));
            if (_entries[index].Tag == Empty(index) || (~_entries[index].Tag ^ linear) >> bits != 0) continue;
            Clear(index); // it stays in its list until the next flush
            found = true;
        }

        return found;
    }

    /// <summary>Forgets a page of host memory under all its linear addresses.</summary>
    public void FlushHost(nint host)
    {
        foreach (List<int> list in (ReadOnlySpan<List<int>>)[_locals, _globals])
            foreach (int index in list)
                if (_entries[index].Host == host && _entries[index].Tag != Empty(index)) Clear(index);
    }

    /// <summary>Forgets the pages of a stretch of host memory, and calls back with each.</summary>
    public void Take(nint start, ulong length, Action<nint> page)
    {
        foreach (List<int> list in (ReadOnlySpan<List<int>>)[_locals, _globals])
        {
            foreach (int index in list)
            {
                if (_entries[index].Tag == Empty(index) || (ulong)(_entries[index].Host - start) >= length) continue;
                page(_entries[index].Host);
                Clear(index);
            }
        }
    }

    public void Dispose()
    {
        NativeMemory.Free(_entries);
        NativeMemory.Free(_global);
    }

    /// <summary>The tag in the last entry that stands for nothing.</summary>
    private const ulong LastPage = 0x1000;

    private void Allocate(int entries)
    {
        _entries = (TlbEntry*)NativeMemory.AllocZeroed((nuint)entries, (nuint)sizeof(TlbEntry));
        _global = (bool*)NativeMemory.AllocZeroed((nuint)entries);
        (_last, _replaced) = (entries - 1, 0);
        _locals.Clear();
        _globals.Clear();
        Clear(_last);
    }

    private int IndexOf(ulong page) => (int)(page >> 12) & _last;

    private ulong Empty(int index) => index == _last ? LastPage : 0;

    private void Clear(int index) => _entries[index].Tag = Empty(index);

    /// <summary>Notes where an entry is. Pages flushed one by one, and entries that have changed their kind, have left their places in the lists.</summary>
    private void List(int index, bool global)
    {
        if ((global ? _globals : _locals).Count > _last)
        {
            _locals.Clear();
            _globals.Clear();
            for (var i = 0; i <= _last; i++)
                if (_entries[i].Tag != Empty(i)) (_global[i] ? _globals : _locals).Add(i);
        }

        (global ? _globals : _locals).Add(index);
    }
}
