using Rhea.Core;
using Rhea.Core.Memory;

namespace Rhea.Hypervisors.Xen;

/// <summary>Guest memory that belongs to the domain: where each page of a block is in the guest's physical memory, and its mapping here.</summary>
/// <remarks>
/// Xen knows a page at one frame only. A block's page that is not on the map is at its home, far above all RAM; when the map changes,
/// pages move. Of a read-only page that the map shows twice, the second place has a copy; of another one, only the first place is
/// memory, and accesses to the others come here.
/// </remarks>
/// <param name="frames">The domain's.</param>
/// <param name="mostChunks">How many chunks stay mapped here.</param>
/// <param name="populated">Bytes of RAM that a toolstack has given the domain already, where xl has them; 0 for a domain of our own.</param>
internal sealed class XenMemory(IXenFrames frames, int mostChunks = XenMapCache.MostChunks, ulong populated = 0) : IRamProvider, IMapListener
{
    private const int PageBits = RamBlock.PageBits;
    private const string MainMemory = "pc.ram";
    private const ulong FirstHome = 0x0F00_0000;  // 960 GiB

    private readonly Dictionary<nint, XenBlock> _blocks = []; // by address
    private readonly XenMapCache _cache = new(mostChunks);
    private readonly List<MapEntry> _removed = [], _added = [];
    private readonly List<XenCopy> _copies = [];
    private readonly HashSet<RamBlock> _followed = [];
    private RamBlock? _tracked; // whose writes Xen logs: it does so for one range
    private ulong _nextHome = FirstHome;

    public bool OnDemand => true;

    public int MappedChunks => _cache.Count;

    public nint Reserve(string name, ulong length)
    {
        nint address = HostMemory.Reserve((nuint)length);
        if (address == -1) throw new ConfigException($"{name}: the host has no {length >> 20} MiB of address space; try a smaller -m");
        ulong pages = length >> PageBits;
        var block = new XenBlock(address, _nextHome, pages);
        _blocks.Add(address, block);
        _nextHome += pages;
        if (populated != 0 && name == MainMemory) Find(block);
        else frames.Allow(pages);
        return address;
    }

    /// <summary>Takes over RAM as xl has laid it: without the VGA's window, and in two pieces. What lies under the firmware goes home first.</summary>
    private void Find(XenBlock block)
    {
        const ulong Vga = 0xA_0000 >> PageBits, Firmware = 0xC_0000 >> PageBits, Extended = 0x10_0000 >> PageBits, HoleStart = 0xF000_0000 >> PageBits, HoleEnd = 1UL << 32 >> PageBits;
        ulong pages = Math.Min(populated >> PageBits, (ulong)block.Frames.Length), low = Math.Min(pages, HoleStart);
        frames.Allow(Firmware - Vga + ((ulong)block.Frames.Length - pages));
        block.Note(0, Vga, 0);
        block.Note(Firmware, low - Firmware, Firmware);
        block.Note(low, pages - low, HoleEnd);
        Move(block, Firmware, Extended - Firmware, block.Home + Firmware);
    }

    public Action Crowded { get; set; } = () => { };

    public void Map(RamBlock block, ulong offset, ulong length)
    {
        lock (_cache)
        {
            if (!_cache.Take(block, offset >> RamBlock.ChunkBits)) return;
            XenBlock pages = _blocks[block.HostAddress];
            ulong first = offset >> PageBits, count = length >> PageBits;
            PopulateHome(pages, first, count);
            Map(pages, first, (int)count);
        }

        if (_cache.IsCrowded) Crowded();
    }

    public void Pin(RamBlock block, ulong offset, int length)
    {
        lock (_cache) _cache.Pin(block, offset, length, 1);
    }

    public void Unpin(RamBlock block, ulong offset, int length)
    {
        lock (_cache) _cache.Pin(block, offset, length, -1);
    }

    public void Trim()
    {
        lock (_cache)
            foreach ((RamBlock block, ulong chunk) in _cache.Evict())
            {
                ulong offset = chunk << RamBlock.ChunkBits;
                HostMemory.Reserve(block.HostAddress + (nint)offset, (nuint)Math.Min(1UL << RamBlock.ChunkBits, block.Length - offset));
            }
    }

    /// <summary>The guest has given pages back, or others have come in their place: what is mapped may be wrong.</summary>
    public void Invalidate()
    {
        lock (_cache) _cache.Invalidate();
        Crowded();
    }

    public void Free(RamBlock block)
    {
        lock (_cache) _cache.Remove(block);
        _blocks.Remove(block.HostAddress);
        _followed.Remove(block);
        if (_tracked == block) _tracked = null;
        HostMemory.Unmap(block.HostAddress, (nuint)block.Length);
    }

    public void Removed(MapEntry entry)
    {
        if (IsMemory(entry)) _removed.Add(entry);
    }

    public void Added(MapEntry entry)
    {
        if (!IsMemory(entry)) return;
        _added.Add(entry);
        if (_followed.Add(entry.Ram!)) entry.Ram!.Collecting += Collect;
    }

    /// <summary>First all that goes makes room, then what comes takes its place. What only changes its owner's borders stays where it is.</summary>
    public void Committed(FlatMap map)
    {
        lock (_cache) // the host's disk threads map chunks meanwhile
        {
            foreach (MapEntry entry in _removed) RemoveCopies(entry);
            foreach (MapEntry entry in _removed)
                foreach ((ulong start, ulong end) in Leaving(entry)) SendHome(entry, start, end);
            foreach (MapEntry entry in _added) Place(entry);
        }

        _removed.Clear();
        _added.Clear();
    }

    /// <summary>Before the guest runs: memory that it has not been given yet, and copies as their originals are now.</summary>
    public void Complete()
    {
        lock (_cache)
            foreach (XenBlock block in _blocks.Values) PopulateHome(block, 0, (ulong)block.Frames.Length);
        foreach (XenCopy copy in _copies) copy.Refresh();
    }

    /// <summary>The guest's writes to a block that lies in one piece are in Xen's log; of others, any page may have been written.</summary>
    private void Collect(RamBlock ram)
    {
        XenBlock block = _blocks[ram.HostAddress];
        if (_tracked is null || !_tracked.IsTracked) _tracked = ram;
        var bitmap = new byte[(block.Frames.Length + 7) / 8];
        bool known = _tracked == ram && block.IsInOnePiece && frames.CollectDirty(block.Frames[0], (ulong)block.Frames.Length, bitmap);
        for (var page = 0; page < block.Frames.Length; page++)
            if (!known || (bitmap[page / 8] >> (page % 8) & 1) != 0) ram.MarkDirty((ulong)page << PageBits, 1);
    }

    private static bool IsMemory(MapEntry entry) => entry.Ram is not null && (entry.Start & RamBlock.PageSize - 1) == 0 && (entry.Length & RamBlock.PageSize - 1) == 0;

    private void Map(XenBlock block, ulong first, int count)
    {
        Span<ulong> list = count <= 256 ? stackalloc ulong[count] : new ulong[count];
        Span<int> errors = count <= 256 ? stackalloc int[count] : new int[count];
        for (var i = 0; i < count; i++) list[i] = block.Frames[first + (ulong)i];
        nint at = block.Address + (nint)(first << PageBits);
        frames.Map(at, list, errors);
        for (var i = 0; i < count; i++)
            if (errors[i] != 0) HostMemory.MapAbsent(at + (i << PageBits), RamBlock.PageSize);
    }

    /// <summary>The parts of an entry that no new one shows at the same place.</summary>
    private List<(ulong Start, ulong End)> Leaving(MapEntry entry)
    {
        List<(ulong Start, ulong End)> left = [(entry.Start, entry.Start + entry.Length)];
        foreach (MapEntry other in _added)
        {
            if (other.Ram != entry.Ram || other.Start - other.Offset != entry.Start - entry.Offset) continue;
            ulong from = other.Start, to = other.Start + other.Length;
            left = [.. left.SelectMany(part => ((ulong, ulong)[])[(part.Start, Math.Min(part.End, from)), (Math.Max(part.Start, to), part.End)])
                .Where(part => part.Item1 < part.Item2)];
        }

        return left;
    }

    private void SendHome(MapEntry entry, ulong start, ulong end)
    {
        XenBlock block = _blocks[entry.Ram!.HostAddress];
        ulong frame = start >> PageBits, first = (start - entry.Start + entry.Offset) >> PageBits, count = (end - start) >> PageBits;
        for (ulong i = 0, run; i < count; i += run)
        {
            bool here = block.Frames[first + i] == frame + i;
            for (run = 1; i + run < count && block.Frames[first + i + run] == frame + i + run == here;) run++;
            if (here) Move(block, first + i, run, block.Home + first + i);
        }
    }

    private void Place(MapEntry entry)
    {
        XenBlock block = _blocks[entry.Ram!.HostAddress];
        ulong frame = entry.Start >> PageBits, first = entry.Offset >> PageBits, count = entry.Length >> PageBits;
        for (ulong i = 0, run; i < count; i += run)
        {
            Whereabouts where = block.Find(first + i, frame + i);
            for (run = 1; i + run < count && block.Find(first + i + run, frame + i + run) == where;) run++;
            switch (where)
            {
                case Whereabouts.Nowhere:
                    frames.Populate(frame + i, run);
                    block.Note(first + i, run, frame + i);
                    if (entry.ReadOnly) frames.Protect(frame + i, run, readOnly: true);
                    break;
                case Whereabouts.Home:
                    Move(block, first + i, run, frame + i);
                    if (entry.ReadOnly) frames.Protect(frame + i, run, readOnly: true);
                    break;
                case Whereabouts.Here:
                    frames.Protect(frame + i, run, entry.ReadOnly);
                    break;
                case Whereabouts.Elsewhere when entry.ReadOnly:
                    AddCopy(entry, frame + i, first + i, run);
                    break;
            }
        }
    }

    private void Move(XenBlock block, ulong first, ulong count, ulong frame)
    {
        frames.Move(block.Frames[first], frame, count);
        block.Note(first, count, frame);
    }

    private void PopulateHome(XenBlock block, ulong first, ulong count)
    {
        for (ulong i = first, run; i < first + count; i += run)
        {
            bool nowhere = block.Frames[i] == XenBlock.Nowhere;
            for (run = 1; i + run < first + count && block.Frames[i + run] == XenBlock.Nowhere == nowhere;) run++;
            if (!nowhere) continue;
            frames.Populate(block.Home + i, run);
            block.Note(i, run, block.Home + i);
        }
    }

    private void AddCopy(MapEntry entry, ulong frame, ulong first, ulong count)
    {
        frames.Allow(count);
        frames.Populate(frame, count);
        var copy = new XenCopy(frames, entry, first << PageBits, frame, (int)count);
        copy.Refresh();
        _copies.Add(copy);
        frames.Protect(frame, count, readOnly: true);
    }

    private void RemoveCopies(MapEntry entry)
    {
        foreach (XenCopy copy in _copies.Where(copy => copy.Entry == entry).ToList())
        {
            copy.Release();
            frames.Release(copy.Frame, (ulong)copy.Count);
            _copies.Remove(copy);
        }
    }
}
