using System.Runtime.InteropServices;
using System.Text;
using Rhea.Core.Cpu;
using Rhea.Tests.SoftCpu.Differential;
using Xunit;

namespace Rhea.Tests.SoftCpu;

/// <summary>Random programs in code of 16 and 32 bits, in segments with random bases, limits and rights, in real, virtual-8086 and protected mode; translated and interpreted alike.</summary>
/// <remarks>Each program runs again and again, in other modes, with other segments, at another RIP; RHEA_TEST_ALL=1 makes it eight times as many.</remarks>
public class SegmentTortureTests
{
    private const int Programs = 250, Phases = 8, Budget = 1500;
    private const ulong Adjust = 0x10, AdjustAnywhere = 0x1010_1010_1010_1010; // undefined after what computes with bits; FLAGS that a fault has pushed may be at any address
    private const ulong Harmless = 0x5757_5757_5757_5757; // as code, all that is left of a byte adds, increments, pushes or pops: programs get lost
    private const uint Handlers = 0x3800, TaskState = 0x3000, SystemStack = 0x5000, Compared = 0x6_0000;
    private const uint Present = 0xF000, Big = 0x40_0000, Virtual = 0x2_0000; // at level 3

    private static readonly ushort[] Selectors = [0x4B, 0x53, 0x5B, 0x63, 0x23, 0];

    private readonly ulong[] _expected = new ulong[Compared / sizeof(ulong)], _found = new ulong[Compared / sizeof(ulong)];

    private enum CodeMode
    {
        Real,
        Virtual,
        Protected16,
        Protected32,
    }

    [Fact]
    public void Programs_in_segments_end_as_the_interpreted_ones_do()
    {
        int programs = Programs * (Environment.GetEnvironmentVariable("RHEA_TEST_ALL") == "1" ? 8 : 1);
        var ends = new HashSet<int>();
        using CpuBench counted = new("qemu64", warmth: 0), free = new("qemu64", warmth: 0), interpreted = new("qemu64", warmth: -1);
        for (ulong seed = 1; seed <= (ulong)programs; seed++)
        {
            var random = new CaseRandom(seed);
            bool code32 = random.OneIn(3);
            byte[] program = new SegmentedProgram(random, code32) { Selectors = Selectors }.Make(4 + random.Below(24));
            uint place = 0x1_8000 + (uint)(random.OneIn(3) ? 0xF80 + random.Below(0x80) : random.Below(0x1000));
            for (var phase = 0; phase < Phases; phase++)
            {
                CodeMode mode = code32 ? CodeMode.Protected32 : (CodeMode)random.Below(3);
                ulong state = random.Next();
                foreach (CpuBench bench in (CpuBench[])[counted, free, interpreted]) Start(bench, mode, program, place, new CaseRandom(state), fresh: phase == 0);
                Func<string> where = Describe(seed, phase, mode, interpreted.State, program);
                VcpuStop stop = interpreted.Run(Budget);
                Check(stop == counted.Run(Budget), where, $"another stop");
                AssertSame(interpreted, counted, where);
                if (stop == VcpuStop.BudgetSpent) free.Run(Budget);
                else Check(stop == free.Run(long.MaxValue), where, $"another stop");
                AssertSame(interpreted, free, () => "not counted, " + where());
                if (stop == VcpuStop.Halted && interpreted.State.Rip - Handlers is < 32 and var vector) ends.Add((int)vector);
            }
        }

        Assert.Superset(new HashSet<int> { 1 + 12, 1 + 13 }, ends); // stack faults and protection faults, whose handlers have halted
    }

    private void AssertSame(CpuBench expected, CpuBench found, Func<string> where)
    {
        Check(expected.State.Rip == found.State.Rip, where, $"EIP {found.State.Rip:x}, not {expected.State.Rip:x}");
        for (var i = 0; i < 8; i++)
            Check(expected.State.General[i] == found.State.General[i], where, $"register {i} is {found.State.General[i]:x}, not {expected.State.General[i]:x}");
        for (var i = 0; i < 6; i++)
        {
            Segment one = expected.State.Segments[i], other = found.State.Segments[i];
            Check((one.Selector, one.Base, one.Limit, one.Flags) == (other.Selector, other.Base, other.Limit, other.Flags), where, $"segment {i}");
        }

        Check(((expected.State.Rflags ^ found.State.Rflags) & ~Adjust) == 0, where, $"EFLAGS {found.State.Rflags:x}, not {expected.State.Rflags:x}");
        expected.Memory.Read(0, MemoryMarshal.AsBytes(_expected.AsSpan()));
        found.Memory.Read(0, MemoryMarshal.AsBytes(_found.AsSpan()));
        for (int at = _expected.AsSpan().CommonPrefixLength(_found); at < _expected.Length; at++)
            Check(((_expected[at] ^ _found[at]) & ~AdjustAnywhere) == 0, where, $"memory at {at * sizeof(ulong):x} is {_found[at]:x}, not {_expected[at]:x}");
    }

    private static void Check(bool same, Func<string> where, FormattableString difference)
    {
        if (!same) Assert.Fail($"{where()}: {difference.ToString(null)}");
    }

    private static Func<string> Describe(ulong seed, int phase, CodeMode mode, CpuState state, byte[] program) => () =>
    {
        var text = new StringBuilder();
        text.AppendLine(null, $"program {seed}, phase {phase}, {mode}, EIP {state.Rip:x}");
        for (var i = 0; i < 6; i++) text.AppendLine(null, $"  segment {i}: {state.Segments[i].Base:x}, limit {state.Segments[i].Limit:x}, {state.Segments[i].Flags:x}");
        var decoder = Iced.Intel.Decoder.Create(mode == CodeMode.Protected32 ? 32 : 16, program);
        while (decoder.IP < (ulong)program.Length) text.AppendLine(null, $"  {decoder.IP:x} {decoder.Decode()}");
        return text.ToString();
    };

    private static void Start(CpuBench bench, CodeMode mode, byte[] program, uint place, CaseRandom random, bool fresh)
    {
        if (fresh)
        {
            for (ulong at = 0; at < Compared; at += 8) bench.Memory.Write(at, (at + place) * 0x9E37_79B9_7F4A_7C15 & Harmless);
        }

        bench.Memory.Write(place, program);
        bench.Set(registers =>
        {
            registers.Reset(0x663);
            registers.State.Cr4 = 0x600; // SSE
        });
        bench.Protected32(0);
        WriteSystem(bench, mode, random);
        bench.Set(registers =>
        {
            ref CpuState state = ref registers.State;
            state.Idtr = mode == CodeMode.Real ? new Segment { Limit = 0x3FF } : new Segment { Base = 0x2000, Limit = 0x7FF };
            if (mode == CodeMode.Real) state.Cr0 = 0x10;
            state.Tr = new Segment { Selector = 0x40, Base = TaskState, Limit = 0x67, Flags = 0x8B00 };
            state.Rflags = 2 | (random.Next() & 0x8C5) | (mode == CodeMode.Virtual ? Virtual | (random.OneIn(2) ? 0x3000UL : 0) : 0);
            bool usual = random.OneIn(2); // then most accesses succeed
            for (var i = 0; i < 6; i++)
                if (i != 1) state.Segments[i] = usual ? MakeUsual(random) : MakeSegment(i, mode, random);
            state.Segments[1] = MakeCode(mode, program.Length, place, random, out uint ip);
            state.Rip = ip;
            for (var i = 0; i < 8; i++) state.General[i] = usual && !random.OneIn(4) ? 0x40 + (uint)random.Below(0x7000) : Value(state.Segments[random.Below(6)].Limit, random);
        });
    }

    /// <summary>Handlers that halt, for all modes, and data segments that programs may load.</summary>
    private static void WriteSystem(CpuBench bench, CodeMode mode, CaseRandom random)
    {
        for (uint vector = 0; vector < 32; vector++)
        {
            bench.Memory.Write(Handlers + vector, (byte)0xF4);
            bench.Memory.Write(vector * 4, Handlers + vector);
            bench.Memory.Write(0x2000 + (vector * 8), (Handlers + vector) | 8UL << 16 | 0x8EUL << 40);
        }

        bench.Memory.Write(TaskState + 4, SystemStack);
        bench.Memory.Write(TaskState + 8, 0x10U);
        bench.Memory.Write(TaskState + 0x66, (ushort)0x68);
        for (uint at = SystemStack - 0x80; at < SystemStack; at += 8) bench.Memory.Write(at, (ulong)at * (uint)mode);
        for (uint entry = 9; entry < 13; entry++)
        {
            uint limit = (uint)random.Below(0x300), flags = Present | (uint)((ReadOnlySpan<byte>)[3, 1, 7, 11])[random.Below(4)] << 8;
            bench.Memory.Write(0x1000 + (entry * 8), limit | 0x4_0000UL << 16 | (ulong)flags << 32 | (random.OneIn(2) ? (ulong)Big << 32 : 0));
        }
    }

    private static Segment MakeUsual(CaseRandom random) => new()
    {
        Selector = 0x23,
        Base = 0x4_0000 + (uint)(random.Below(0x800) * 16),
        Limit = 0xFFFF,
        Flags = Present | 3 << 8 | (random.OneIn(3) ? Big : 0),
    };

    private static Segment MakeSegment(int number, CodeMode mode, CaseRandom random)
    {
        bool real = mode is CodeMode.Real or CodeMode.Virtual, flat = random.OneIn(5);
        uint type = number == 2 || random.OneIn(2) ? 3U : (uint)((ReadOnlySpan<byte>)[3, 1, 5, 7, 9, 11])[random.Below(6)];
        if (number == 2 && random.OneIn(5)) type = 7; // a stack that expands down
        if (real) type = 3;
        uint flags = Present | type << 8 | (random.OneIn(2) ? Big : 0);
        if (mode is CodeMode.Virtual) flags = Present | 3 << 8;
        if (number != 2 && !real && random.OneIn(8)) return new Segment { Selector = 0 }; // cannot be used
        uint limit = random.Below(6) switch
        {
            0 => (uint)random.Below(0x200) + 0x20,
            1 => 0xFFF,
            2 => 0x1_0000 + (uint)random.Below(64),
            3 => uint.MaxValue,
            _ => 0xFFFF,
        };
        uint start = flat && type == 3 ? 0 : 0x4_0000 + (uint)(random.Below(4) * 0x3000) + (uint)random.Below(64);
        return new Segment { Selector = 0x23, Base = start, Limit = flat && type == 3 ? uint.MaxValue : limit, Flags = flags };
    }

    private static Segment MakeCode(CodeMode mode, int length, uint place, CaseRandom random, out uint ip)
    {
        bool code32 = mode == CodeMode.Protected32;
        ip = random.Below(5) switch
        {
            0 => 0x1_0000 - (uint)random.Below(length + 8),
            1 => (uint)random.Below(8),
            2 => code32 ? (uint)random.Next() : (uint)random.Below(0x4000),
            3 => place & 0xFFF,
            _ => place & 0xFFFF,
        };
        if (!code32) ip &= 0xFFFF;
        bool flat = random.OneIn(3);
        if (flat) ip = code32 ? place : place & 0xFFFF;
        uint limit = random.Below(5) switch
        {
            0 => ip + (uint)(length - 1 - random.Below(20)),
            1 => ip + (uint)length,
            2 => uint.MaxValue,
            _ => 0xFFFF,
        };
        uint type = mode is CodeMode.Protected16 or CodeMode.Protected32 && random.OneIn(3) ? 9U : 11;
        return new Segment { Selector = 0x1B, Base = place - ip, Limit = flat && code32 ? uint.MaxValue : limit, Flags = Present | type << 8 | (code32 ? Big : 0) };
    }

    /// <summary>Small, near a limit, or at the end of 64 KiB; what is above 16 bits may be anything.</summary>
    private static ulong Value(uint limit, CaseRandom random)
    {
        uint low = random.Below(5) switch
        {
            0 => limit - (uint)random.Below(24),
            1 => 0xFFFF - (uint)random.Below(24),
            2 => (uint)random.Below(6),
            _ => 0x40 + (uint)random.Below(0x100),
        };
        return random.OneIn(3) ? (low & 0xFFFF) | (uint)random.Next() << 16 : low;
    }
}
