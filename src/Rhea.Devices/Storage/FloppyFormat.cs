namespace Rhea.Devices.Storage;

/// <summary>How a floppy disk is divided, and at which data rate it is read; found by the size of its image.</summary>
/// <param name="Type">The drive it is made for.</param>
/// <param name="Tracks">On each side.</param>
/// <param name="Heads">Sides.</param>
/// <param name="Sectors">Of 512 bytes on each track.</param>
/// <param name="Rate">As the data rate register has it: 0 is 500 Kb/s, 1 is 300, 2 is 250, 3 is 1 Mb/s.</param>
public readonly record struct FloppyFormat(FloppyType Type, byte Tracks, byte Heads, byte Sectors, byte Rate)
{
    /// <summary>The usual format of each drive first. Of two formats with one size the earlier is taken.</summary>
    private static readonly FloppyFormat[] Known =
    [
        new(FloppyType.Inch3M144, 80, 2, 18, 0), new(FloppyType.Inch3M144, 80, 2, 20, 0), new(FloppyType.Inch3M144, 80, 2, 21, 0),
        new(FloppyType.Inch3M144, 82, 2, 21, 0), new(FloppyType.Inch3M144, 83, 2, 21, 0), new(FloppyType.Inch3M144, 80, 2, 22, 0),
        new(FloppyType.Inch3M144, 80, 2, 23, 0), new(FloppyType.Inch3M144, 80, 2, 24, 0),
        new(FloppyType.Inch3M288, 80, 2, 36, 3), new(FloppyType.Inch3M288, 80, 2, 39, 3), new(FloppyType.Inch3M288, 80, 2, 40, 3),
        new(FloppyType.Inch3M288, 80, 2, 44, 3), new(FloppyType.Inch3M288, 80, 2, 48, 3),
        new(FloppyType.Inch3M144, 80, 2, 9, 2), new(FloppyType.Inch3M144, 80, 2, 10, 2), new(FloppyType.Inch3M144, 82, 2, 10, 2),
        new(FloppyType.Inch3M144, 83, 2, 10, 2), new(FloppyType.Inch3M144, 80, 2, 13, 2), new(FloppyType.Inch3M144, 80, 2, 14, 2),
        new(FloppyType.Inch5M12, 80, 2, 15, 0), new(FloppyType.Inch5M12, 80, 2, 18, 0), new(FloppyType.Inch5M12, 82, 2, 18, 0),
        new(FloppyType.Inch5M12, 83, 2, 18, 0), new(FloppyType.Inch5M12, 80, 2, 20, 0),
        new(FloppyType.Inch5M12, 80, 2, 9, 1), new(FloppyType.Inch5M12, 80, 2, 11, 1),
        new(FloppyType.Inch5M12, 40, 2, 9, 1), new(FloppyType.Inch5M12, 40, 1, 9, 1), new(FloppyType.Inch5M12, 41, 2, 10, 1),
        new(FloppyType.Inch5M12, 42, 2, 10, 1), new(FloppyType.Inch5M12, 40, 2, 8, 2), new(FloppyType.Inch5M12, 40, 1, 8, 2),
        new(FloppyType.Inch3M144, 80, 1, 9, 0),
    ];

    private const int SectorLength = 512;

    private long Length => (long)Tracks * Heads * Sectors * SectorLength;

    /// <param name="length">Of the image, in bytes.</param>
    /// <param name="drive">The drive that the disk is in; null when the disk decides.</param>
    /// <param name="fallback">What that drive is for a size that nobody knows.</param>
    public static FloppyFormat Of(long length, FloppyType? drive, FloppyType fallback)
    {
        foreach (FloppyFormat format in Known)
            if (format.Length == length && (drive is null || format.Type == drive)) return format;
        FloppyType type = drive ?? fallback;
        return Array.Find(Known, format => format.Type == type);
    }

    /// <summary>Where on the disk a sector is, in bytes.</summary>
    /// <param name="sector">Counted from 1.</param>
    public long Offset(int track, int head, int sector) => ((((long)track * Heads) + head) * Sectors + sector - 1) * SectorLength;
}

/// <summary>Kinds of floppy drive by their number in CMOS byte 10h.</summary>
public enum FloppyType : byte
{
    None = 0,
    Inch5M12 = 2,
    Inch3M144 = 4,
    Inch3M288 = 5,
}
