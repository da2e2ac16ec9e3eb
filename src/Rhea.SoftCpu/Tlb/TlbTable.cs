using System.Runtime.InteropServices;

namespace Rhea.SoftCpu.Tlb;

/// <summary>The entries for one kind of access by one kind of code, and a list of those in use, so that a flush costs what was filled.</summary>
/// <remarks>UNSAFE: unmanaged memory that handlers and generated code index. SAFETY: an index is always masked to the table's size.</remarks>
internal sealed unsafe class TlbTable : IDisposable
{
    private TlbEntry* _entries;
    private int _last; // index
    private int[] _used = [];
    private bool[] _global = [];
    private int _count, _replaced;

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
        if (free)
        {
            if (_count == _used.Length) Compact();
            _used[_count++] = index;
        }

        entry = new TlbEntry { Tag = ~page, Host = host };
        _global[index] = global;
        if (replaces) _replaced++;
        return replaces;
    }

    /// <summary>From now on there is place for so many pages, a power of two and more than before. Whoever has its address asks again.</summary>
    public void Grow(int entries)
    {
        TlbEntry* smaller = _entries;
        (int last, bool[] global) = (_last, _global);
        Allocate(entries);
        for (var i = 0; i <= last; i++)
            if (smaller[i].Tag != (i == last ? LastPage : 0)) Insert(~smaller[i].Tag, smaller[i].Host, global[i]);
        NativeMemory.Free(smaller);
    }

    /// <summary>The host page behind a linear page; 0 when it is not here.</summary>
    public nint Find(ulong page)
    {
        TlbEntry* entry = _entries + IndexOf(page);
        return entry->Tag == ~page ? entry->Host : 0;
    }

    public void Flush()
    {
        for (var i = 0; i < _count; i++) Clear(_used[i]);
        (_count, _replaced) = (0, 0);
    }

    /// <summary>Forgets all but global pages; true when there were others.</summary>
    public bool FlushLocal()
    {
        int kept = 0;
        var found = false;
        for (var i = 0; i < _count; i++)
        {
            int index = _used[i];
            if (_global[index])
            {
                _used[kept++] = index;
                continue;
            }

            found |= _entries[index].Tag != Empty(index);
            Clear(index);
        }

        (_count, _replaced) = (kept, 0);
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
            Clear(index); // it stays in the list until the next flush
            found = true;
        }

        return found;
    }

    /// <summary>Forgets a page of host memory under all its linear addresses.</summary>
    public void FlushHost(nint host)
    {
        for (var i = 0; i < _count; i++)
        {
            int index = _used[i];
            ref TlbEntry entry = ref _entries[index];
            if (entry.Host == host && entry.Tag != Empty(index)) Clear(index);
        }
    }

    /// <summary>Forgets the pages of a stretch of host memory, and calls back with each.</summary>
    public void Take(nint start, ulong length, Action<nint> page)
    {
        for (var i = 0; i < _count; i++)
        {
            int index = _used[i];
            ref TlbEntry entry = ref _entries[index];
            if (entry.Tag == Empty(index) || (ulong)(entry.Host - start) >= length) continue;
            page(entry.Host);
            Clear(index);
        }
    }

    public void Dispose() => NativeMemory.Free(_entries);

    /// <summary>The tag in the last entry that stands for nothing.</summary>
    private const ulong LastPage = 0x1000;

    private void Allocate(int entries)
    {
        _entries = (TlbEntry*)NativeMemory.AllocZeroed((nuint)entries, (nuint)sizeof(TlbEntry));
        (_last, _used, _global, _count, _replaced) = (entries - 1, new int[entries], new bool[entries], 0, 0);
        Clear(_last);
    }

    private int IndexOf(ulong page) => (int)(page >> 12) & _last;

    private ulong Empty(int index) => index == _last ? LastPage : 0;

    private void Clear(int index) => _entries[index].Tag = Empty(index);

    /// <summary>Pages flushed one by one left their places in the list; the same entry may be in it more than once.</summary>
    private void Compact()
    {
        _count = 0;
        for (var i = 0; i <= _last; i++)
            if (_entries[i].Tag != Empty(i)) _used[_count++] = i;
        if (_count == _used.Length) Flush();
    }
}
