using Rhea.Core.Cpu;

namespace Rhea.X86;

/// <summary>A segment selector: which table, which entry, and who asks (Intel SDM vol. 3, 3.4.2).</summary>
public readonly record struct Selector(ushort Value)
{
    public int Rpl => Value & 3;

    public bool InLdt => (Value & 4) != 0;

    /// <summary>Offset in its table.</summary>
    public uint Offset => Value & 0xFFF8u;

    /// <summary>The first four values load a register with nothing.</summary>
    public bool IsNull => (Value & 0xFFFC) == 0;

    /// <summary>As an error code names it.</summary>
    public uint Error => Value & 0xFFFCu;
}

/// <summary>System descriptor types (Intel SDM vol. 3, table 3-2); in long mode only the 32-bit ones exist, and mean 64 bits.</summary>
public static class SystemType
{
    public const int Tss16 = 1, Ldt = 2, BusyTss16 = 3, CallGate16 = 4, TaskGate = 5, InterruptGate16 = 6, TrapGate16 = 7,
        Tss32 = 9, BusyTss32 = 11, CallGate32 = 12, InterruptGate32 = 14, TrapGate32 = 15;
}

/// <summary>Eight bytes of a descriptor table: a segment, a system segment or a gate (Intel SDM vol. 3, 3.4.5, 3.5, 7.11).</summary>
public readonly record struct Descriptor(ulong Value)
{
    public const uint AccessedBit = 0x100, BusyBit = 0x200, BigBit = 0x40_0000, LongBit = 0x20_0000;

    private uint High => (uint)(Value >> 32);

    /// <summary>Bits 8 to 23 of the upper half, in place: what <see cref="Segment.Flags"/> holds.</summary>
    public uint Flags => High & 0x00F0_FF00;

    public uint Base => (uint)(Value >> 16 & 0xFF_FFFF) | (High & 0xFF00_0000);

    /// <summary>In bytes.</summary>
    public uint Limit
    {
        get
        {
            uint limit = (uint)(Value & 0xFFFF) | (High & 0xF_0000);
            return (High & 0x80_0000) != 0 ? limit << 12 | 0xFFF : limit;
        }
    }

    public int Type => (int)(High >> 8) & 15;

    public int Dpl => (int)(High >> 13) & 3;

    public bool Present => (High & 0x8000) != 0;

    public bool IsSystem => (High & 0x1000) == 0;

    public bool IsCode => (High & 0x1800) == 0x1800;

    public bool IsConforming => IsCode && (High & 0x400) != 0;

    public bool IsWritableData => (High & 0x1A00) == 0x1200;

    /// <summary>Data, or code that may be read.</summary>
    public bool IsReadable => !IsSystem && (!IsCode || (High & 0x200) != 0);

    public bool IsLong => (High & LongBit) != 0;

    public bool IsBig => (High & BigBit) != 0;

    // Gates

    public ushort GateSelector => (ushort)(Value >> 16);

    public uint GateOffset => (uint)(Value & 0xFFFF) | (High & 0xFFFF_0000);

    /// <summary>How many parameters a call gate copies.</summary>
    public int GateCount => (int)High & 31;

    /// <summary>Number of the interrupt stack, 0 for none.</summary>
    public int GateStack => (int)High & 7;

    public Segment ToSegment(ushort selector) => new() { Selector = selector, Base = Base, Limit = Limit, Flags = Flags };
}
