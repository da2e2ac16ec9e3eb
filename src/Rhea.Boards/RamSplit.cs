namespace Rhea.Boards;

/// <summary>How a PC's RAM is laid around the hole below 4 GiB where PCI devices, APICs and the BIOS are.</summary>
/// <param name="Below4G">Bytes from address 0.</param>
/// <param name="Above4G">Bytes from 4 GiB.</param>
public readonly record struct RamSplit(ulong Below4G, ulong Above4G)
{
    public const ulong FourGiB = 1UL << 32;
    private const ulong DefaultLimit = 0xE000_0000, WholeGiBLimit = 0xC000_0000;

    /// <summary>RAM that does not fit under the limit goes above 4 GiB, and then what stays below ends at a whole gigabyte.</summary>
    /// <param name="total">Bytes of RAM.</param>
    /// <param name="limit">The user's <c>max-ram-below-4g</c>; 0 for the board's own.</param>
    public static RamSplit Of(ulong total, ulong limit = 0)
    {
        if (limit == 0) limit = DefaultLimit;
        if (total >= limit) limit = Math.Min(limit, WholeGiBLimit);
        ulong below = Math.Min(total, limit);
        return new RamSplit(below, total - below);
    }
}
