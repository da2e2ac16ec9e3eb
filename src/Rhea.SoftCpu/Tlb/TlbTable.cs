using System.Runtime.InteropServices;

namespace Rhea.SoftCpu.Tlb;

/// <summary>The entries for one kind of access by one kind of code, and a list of those in use, so that a flush costs what was filled.</summary>
/// <remarks>UNSAFE: unmanaged memory that handlers and generated code index. SAFETY: an index is always masked to the table's size.</remarks>
internal sealed unsafe class TlbTable : IDisposable
{
    private readonly TlbEntry* _entries = (TlbEntry*)NativeMemory.AllocZeroed(TlbEntry.Count, (nuint)sizeof(TlbEntry));
    private readonly ushort[] _used = new ushort[TlbEntry.Count];
    private readonly bool[] _global = new bool[TlbEntry.Count];
    private int _count;

    public TlbTable()
    {
        _entries[TlbEntry.Count - 1].Tag = Empty(TlbEntry.Count - 1);
    }

    public nint Address => (nint)_entries;

    public TlbEntry* Entries => _entries;

    /// <summary>True when another page had to go.</summary>
    public bool Insert(ulong page, nint host, bool global)
    {
        var index = (int)(page >> 12) & (TlbEntry.Count - 1);
        ref TlbEntry entry = ref _entries[index];
        bool free = entry.Tag == Empty(index), replaces = !free && entry.Tag != ~page;
        if (free)
        {
            if (_count == _used.Length) Compact();
            _used[_count++] = (ushort)index;
        }

        entry = new TlbEntry { Tag = ~page, Host = host };
        _global[index] = global;
        return replaces;
    }

    /// <summary>The host page behind a linear page; 0 when it is not here.</summary>
    public nint Find(ulong page)
    {
        TlbEntry* entry = _entries + (page >> 12 & (TlbEntry.Count - 1));
        return entry->Tag == ~page ? entry->Host : 0;
    }

    public void Flush()
    {
        for (var i = 0; i < _count; i++) _entries[_used[i]].Tag = Empty(_used[i]);
        _count = 0;
    }

    /// <summary>Forgets all but global pages; true when there were others.</summary>
    public bool FlushLocal()
    {
        int kept = 0;
        var found = false;
        for (var i = 0; i < _count; i++)
        {
            ushort index = _used[i];
            if (_global[index])
            {
                _used[kept++] = index;
                continue;
            }

            found |= _entries[index].Tag != Empty(index);
            _entries[index].Tag = Empty(index);
        }

        _count = kept;
        return found;
    }

    /// <summary>Forgets the pages in a stretch of 2^<paramref name="bits"/> bytes around an address; true when there were some.</summary>
    public bool FlushPages(ulong linear, int bits)
    {
        ulong first = linear >> bits << bits >> 12;
        var found = false;
        for (var i = 0; i < Math.Min(1 << (bits - 12), TlbEntry.Count); i++)
        {
            var index = (int)(first + (ulong)i) & (TlbEntry.Count - 1);
            if (_entries[index].Tag == Empty(index) || (~_entries[index].Tag ^ linear) >> bits != 0) continue;
            _entries[index].Tag = Empty(index); // it stays in the list until the next flush
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
            if (entry.Host == host && entry.Tag != Empty(index)) entry.Tag = Empty(index);
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
            entry.Tag = Empty(index);
        }
    }

    public void Dispose() => NativeMemory.Free(_entries);

    private static ulong Empty(int index) => index == TlbEntry.Count - 1 ? 0x1000UL : 0;

    /// <summary>Pages flushed one by one left their places in the list; the same entry may be in it more than once.</summary>
    private void Compact()
    {
        _count = 0;
        for (var i = 0; i < TlbEntry.Count; i++)
            if (_entries[i].Tag != Empty(i)) _used[_count++] = (ushort)i;
        if (_count == _used.Length) Flush();
    }
}
