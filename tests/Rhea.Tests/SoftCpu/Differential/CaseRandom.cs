namespace Rhea.Tests.SoftCpu.Differential;

/// <summary>Numbers that a seed determines (SplitMix64), and values at the borders where instructions go wrong.</summary>
internal sealed class CaseRandom(ulong seed)
{
    private static readonly ulong[] Singles =
    [
        0, 0x8000_0000, 0x3F80_0000, 0xBF80_0000, 0x4000_0000, 0x7F80_0000, 0xFF80_0000, 0x7FC0_0001, 0xFFC0_0000, 0x7F80_0001, 0xFFA0_0000,
        0x0000_0001, 0x807F_FFFF, 0x0080_0000, 0x8080_0001, 0x7F7F_FFFF, 0x4F00_0000, 0xCF00_0000, 0x4EFF_FFFF, 0x3F00_0000, 0x3FC0_0000,
        0x5F00_0000, 0xDF00_0000, 0x3EAA_AAAB,
    ];

    private static readonly ulong[] Doubles =
    [
        0, 0x8000_0000_0000_0000, 0x3FF0_0000_0000_0000, 0xBFF0_0000_0000_0000, 0x7FF0_0000_0000_0000, 0xFFF0_0000_0000_0000,
        0x7FF8_0000_0000_0001, 0xFFF8_0000_0000_0000, 0x7FF0_0000_0000_0001, 0xFFF4_0000_0000_0000, 1, 0x800F_FFFF_FFFF_FFFF,
        0x0010_0000_0000_0000, 0x7FEF_FFFF_FFFF_FFFF, 0x41E0_0000_0000_0000, 0xC1E0_0000_0000_0000, 0x41DF_FFFF_FFE0_0000,
        0xC1E0_0000_0010_0000, 0x43E0_0000_0000_0000, 0xC3E0_0000_0000_0000, 0x3FE0_0000_0000_0000, 0x4004_0000_0000_0000,
        0x47F0_0000_0000_0000, 0x36A0_0000_0000_0000, 0x3810_0000_0000_0000, 0x3FD5_5555_5555_5555,
    ];

    private static readonly (ulong Significand, ushort SignExponent)[] Extendeds =
    [
        (0, 0), (0, 0x8000), (1UL << 63, 0x3FFF), (1UL << 63, 0xBFFF), (1UL << 63, 0x7FFF), (1UL << 63, 0xFFFF), (3UL << 62, 0xFFFF),
        (0xC000_0000_0000_0001, 0x7FFF), (0x8000_0000_0000_0001, 0x7FFF), (0xA000_0000_0000_0000, 0xFFFF), (1, 0), (0x7FFF_FFFF_FFFF_FFFF, 0x8000),
        (1UL << 63, 0), (1UL << 63, 1), (ulong.MaxValue, 0x7FFE), (ulong.MaxValue, 0x3FFE), (0x4000_0000_0000_0000, 0x4000), (0, 0x7FFF),
        (0xC90F_DAA2_2168_C235, 0x4000), (0xC90F_DAA2_2168_C235, 0xBFFF), (1UL << 63, 0x3FFE), (1UL << 63, 0x403E), (ulong.MaxValue, 0x403D),
        (0xC000_0000_0000_0000, 0x3FFF), (1UL << 63, 0x400E), (1UL << 63, 0xC00E), (0xFFFF_FF00_0000_0000, 0x407E), (0xFFFF_FFFF_FFFF_FC00, 0x43FE),
    ];

    private ulong _state = seed;

    public ulong Next()
    {
        ulong z = _state += 0x9E37_79B9_7F4A_7C15;
        z = (z ^ z >> 30) * 0xBF58_476D_1CE4_E5B9;
        z = (z ^ z >> 27) * 0x94D0_49BB_1331_11EB;
        return z ^ z >> 31;
    }

    public int Below(int limit) => (int)(Next() % (ulong)limit);

    public bool OneIn(int count) => Below(count) == 0;

    /// <summary>An integer of any width: small, near a power of two, or anything.</summary>
    public ulong Integer() => Below(8) switch
    {
        0 => (ulong)Below(5) - 2,
        1 => (1UL << Below(64)) + (ulong)Below(3) - 1,
        2 => (ulong)Below(256),
        3 => 0x8000_0000_8000_8080 * (ulong)Below(2),
        4 => 0x7FFF_FFFF_7FFF_7F7F,
        5 => Next() >> Below(64),
        _ => Next(),
    };

    /// <summary>Bits for a vector lane or memory: integers, one double or two singles.</summary>
    public ulong Lanes() => Below(5) switch
    {
        0 => Integer(),
        1 => Doubles[Below(Doubles.Length)],
        2 => Singles[Below(Singles.Length)] | Singles[Below(Singles.Length)] << 32,
        3 => NearDouble(),
        _ => NearSingle() | NearSingle() << 32,
    };

    public (ulong Significand, ushort SignExponent) Extended() => Below(4) switch
    {
        0 => Extendeds[Below(Extendeds.Length)],
        1 => (1UL << 63 | Next(), (ushort)(0x3FFF + Below(140) - 70 | Below(2) << 15)),
        2 => (1UL << 63 | Next() << Below(63), (ushort)(0x3FFF + Below(8) - 4 | Below(2) << 15)),
        _ => (1UL << 63 | Next(), (ushort)Next()),
    };

    private ulong NearDouble() => (Next() & 0x800F_FFFF_FFFF_FFFF) << (OneIn(2) ? 0 : 20) & ~0x7FF0_0000_0000_0000UL | (ulong)(0x3FF + Below(80) - 40) << 52;

    private ulong NearSingle() => Next() & 0x807F_FFFF | (ulong)(0x7F + Below(40) - 20) << 23;
}
