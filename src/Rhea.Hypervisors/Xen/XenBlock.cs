using Rhea.Core.Memory;

namespace Rhea.Hypervisors.Xen;

/// <summary>A block of guest memory: where each of its pages is in the domain's physical memory.</summary>
/// <param name="address">Where it is mapped here.</param>
/// <param name="home">The frame of its first page when it is not on the map; the others follow.</param>
/// <param name="pages">How many it has.</param>
internal sealed class XenBlock(nint address, ulong home, ulong pages)
{
    public const uint Nowhere = uint.MaxValue;

    public nint Address => address;

    public ulong Home => home;

    /// <summary>By page.</summary>
    public uint[] Frames { get; } = [.. Enumerable.Repeat(Nowhere, (int)pages)];

    /// <summary>Its pages follow each other in the domain's memory.</summary>
    public bool IsInOnePiece
    {
        get
        {
            for (var i = 0; i < Frames.Length; i++)
                if (Frames[i] == Nowhere || Frames[i] != Frames[0] + i) return false;
            return true;
        }
    }

    public Whereabouts Find(ulong page, ulong wanted) => Frames[page] switch
    {
        Nowhere => Whereabouts.Nowhere,
        var frame when frame == wanted => Whereabouts.Here,
        var frame when frame == home + page => Whereabouts.Home,
        _ => Whereabouts.Elsewhere,
    };

    public void Note(ulong first, ulong count, ulong frame)
    {
        for (ulong i = 0; i < count; i++) Frames[first + i] = (uint)(frame + i);
    }
}

/// <summary>Where a page of a block is, as seen from a place where the map wants it.</summary>
internal enum Whereabouts
{
    Nowhere,
    Home,
    Here,
    Elsewhere,
}

/// <summary>Pages of the guest's that show what a read-only block has, at a second place.</summary>
internal sealed class XenCopy
{
    private readonly RamBlock _from;
    private readonly ulong _offset;
    private readonly int _length;
    private readonly nint _at;

    public XenCopy(IXenFrames frames, MapEntry entry, ulong offset, ulong frame, int count)
    {
        (Entry, Frame, Count, _from, _offset, _length) = (entry, frame, count, entry.Ram!, offset, count << RamBlock.PageBits);
        _at = HostMemory.Reserve((nuint)_length);
        var list = new ulong[count];
        for (var i = 0; i < count; i++) list[i] = frame + (ulong)i;
        frames.Map(_at, list, new int[count]);
    }

    /// <summary>Whose place it is.</summary>
    public MapEntry Entry { get; }

    public ulong Frame { get; }

    /// <summary>In pages.</summary>
    public int Count { get; }

    public void Refresh() => _from.Span(_offset, _length).CopyTo(HostMemory.Bytes(_at, _length));

    public void Release() => HostMemory.Unmap(_at, (nuint)_length);
}
