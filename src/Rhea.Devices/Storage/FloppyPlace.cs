using Rhea.Core.State;

namespace Rhea.Devices.Storage;

/// <summary>One of the two places on a floppy controller's cable: where the head of its drive stands. It exists without a drive, too.</summary>
internal sealed class FloppyPlace : IState
{
    public static readonly StructType Type = new("fdrive", 1);

    public byte Head, Track, Sector, MediaRate, Perpendicular;

    /// <summary>The disk change line: set by a change, cleared by a step of the head over a disk.</summary>
    public bool MediaChanged = true;

    public FloppyDrive? Drive { get; set; }

    public FloppyFormat? Format => Drive?.Format;

    public int LastSector => Format?.Sectors ?? 0;

    public long Offset => Format?.Offset(Track, Head, Sector) ?? 0;

    private int LastTrack => Format?.Tracks - 1 ?? 0;

    private int LastHead => Format?.Heads - 1 ?? 0;

    /// <summary>A disk has come, or gone.</summary>
    public void Changed()
    {
        MediaChanged = true;
        MediaRate = Format?.Rate ?? MediaRate;
    }

    public void Reset()
    {
        (Head, Track, Sector) = (0, 0, 1);
        MediaRate = Format?.Rate ?? MediaRate;
    }

    /// <summary>Steps the head to a track; it stays where it is when the disk has none of that number.</summary>
    public void Step(int track)
    {
        if (track > LastTrack || track == Track) return;
        Track = (byte)track;
        if (Format is not null) MediaChanged = false;
    }

    /// <summary>Goes to a sector.</summary>
    public FloppySeek Seek(byte track, byte head, byte sector)
    {
        if (track > LastTrack || head > LastHead) return FloppySeek.NoTrack;
        if (sector > LastSector || sector == 0) return FloppySeek.NoSector;
        FloppySeek result = track != Track ? FloppySeek.Stepped : FloppySeek.Found;
        Step(track);
        (Head, Sector) = (head, sector);
        return result;
    }

    /// <summary>Goes to the sector after this one.</summary>
    /// <param name="last">The number of the last one on a track, by the command.</param>
    /// <param name="bothSides">The second side of a track follows the first.</param>
    /// <returns>Whether it belongs to the command.</returns>
    public bool Advance(byte last, bool bothSides)
    {
        if (Sector < LastSector && Sector != last)
        {
            Sector++;
            return true;
        }

        Sector = 1;
        if (bothSides && Head == 0 && LastHead > 0)
        {
            Head = 1;
            return true;
        }

        if (bothSides) Head = 0;
        Track++;
        return false;
    }

    public void Visit(StateVisitor state)
    {
        state.UInt8("head", ref Head);
        state.UInt8("track", ref Track);
        state.UInt8("sect", ref Sector);
        state.Demand(Head <= 1, $"head was {Head}");
        state.Subsection("fdrive/media_changed", 1, Drive is not null && !MediaChanged, inner => inner.UInt8("media_changed", ref MediaChanged));
        state.Subsection("fdrive/media_rate", 1, true, inner => inner.UInt8("media_rate", ref MediaRate));
        state.Subsection("fdrive/perpendicular", 1, Perpendicular != 0, inner => inner.UInt8("perpendicular", ref Perpendicular));
    }
}

/// <summary>How a seek ends.</summary>
internal enum FloppySeek
{
    Found,

    /// <summary>The head has moved.</summary>
    Stepped,
    NoTrack,
    NoSector,
}
