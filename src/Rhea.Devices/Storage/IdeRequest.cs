using Rhea.Core.State;

namespace Rhea.Devices.Storage;

/// <summary>What a command still wants from the host: a few numbers, so that it can wait, be saved, and be tried again.</summary>
/// <remarks>
/// A request waits until the guest starts the bus master, and again, after an error with <c>werror=stop</c>, until the machine
/// goes on. In both cases it is saved as QEMU saves what it would try again.
/// </remarks>
public sealed class IdeRequest : IState
{
    private int _kind;
    private long _sector;
    private uint _count;
    private byte _unit;

    public IdeRequestKind Kind => (IdeRequestKind)_kind;

    /// <summary>The drive on the cable that asks.</summary>
    public int Unit => _unit;

    public long Sector => _sector;

    public uint Count => _count;

    public bool IsPending => _kind != 0;

    public void Set(IdeRequestKind kind, int unit, long sector, uint count) => (_kind, _unit, _sector, _count) = ((int)kind, (byte)unit, sector, count);

    /// <summary>It is done. The other numbers stay, as they stay for QEMU, and mean nothing.</summary>
    public void Clear() => _kind = 0;

    public void Reset() => (_kind, _unit, _sector, _count) = (0, 0, 0, 0);

    public void Visit(StateVisitor state)
    {
        state.Int32("error_status", ref _kind);
        state.Demand(Enum.IsDefined((IdeRequestKind)_kind), $"error_status was {_kind}");
        if (state.Version < 2) return;
        state.Int64("retry_sector_num", ref _sector);
        state.UInt32("retry_nsector", ref _count);
        state.UInt8("retry_unit", ref _unit);
        state.Demand(_unit <= 1, $"retry_unit was {_unit}");
    }

    /// <summary>The copy that the bus master's struct carries for the sake of older versions.</summary>
    internal void VisitCopy(StateVisitor state)
    {
        state.Int64("migration_retry_sector_num", ref _sector);
        state.UInt32("migration_retry_nsector", ref _count);
        state.UInt8("migration_retry_unit", ref _unit);
    }
}

/// <summary>As the stream has it, made of bits: 8 through the bus master, 10h through the data register, 20h from the disk.</summary>
public enum IdeRequestKind
{
    None = 0,
    WriteDma = 0x08,
    WritePio = 0x10,

    /// <summary>Whatever the packet in the buffer asks for, from its start.</summary>
    Packet = 0x18,
    ReadDma = 0x28,
    ReadPio = 0x30,
    Flush = 0x40,
    TrimDma = 0x88,

    /// <summary>More of a packet command's answer; an error there is reported, never waited out.</summary>
    PacketPio = 0x38,
}
