using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Rhea.Boards;
using Rhea.Control.CommandLines;
using Rhea.Core.Config;
using Rhea.Core.Cpu;
using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Core.Time;
using Rhea.Host;
using Rhea.SoftCpu;
using Xunit;

namespace Rhea.GuestTests;

/// <summary>Two machines boot Linux side by side, one interpreted, one translated, and must never differ.</summary>
/// <remarks>
/// Guest time is the number of instructions, so all that happens to one happens to the other. Interrupts come from the 8259, which is
/// reached through ports: the two processors look for interrupts at different places behind accesses to a device's memory.
/// </remarks>
public class LockstepTests
{
    private const int Slice = 2000; // instructions between two comparisons: the translator leaves its code that often
    private const long Long = 2_500_000_000;
    private const ulong InterruptFlag = 0x200, Undefined = 0x8D5; // all status flags
    private const int RflagsWord = 17; // behind sixteen registers and RIP

    private static readonly ulong[] Meaning = FindMeaning();

    /// <summary>In the suite the decompression and the kernel's first steps; with RHEA_TEST_ALL=1 far into user space.</summary>
    [Theory]
    [InlineData("qemu64", 150_000_000)]
    [InlineData("max,-rdrand,-rdseed", 50_000_000)]
    public void Translated_and_interpreted_linux_are_one_and_the_same(string cpu, long instructions)
    {
        if (Environment.GetEnvironmentVariable("RHEA_TEST_ALL") == "1") instructions = Long;
        using var interpreted = new Side(cpu, warmth: -1);
        using var translated = new Side(cpu, warmth: 4);
        for (long done = 0; done < instructions && !interpreted.Ended; done += Slice)
        {
            interpreted.Run(Slice);
            translated.Run(Slice);
            Compare(interpreted, translated, done);
        }

        Assert.Equal(interpreted.Ended, translated.Ended);
        Assert.Matches(@"unchecked loops +[1-9]", translated.TranslatorReport);
        CompareMemory(interpreted, translated);
    }

    /// <summary>Flags that an instruction leaves undefined are what the host makes of them; a program that saves flags has them in registers.</summary>
    private static void Compare(Side left, Side right, long done)
    {
        ref CpuState a = ref left.Registers.State, b = ref right.Registers.State;
        Span<ulong> one = MemoryMarshal.Cast<CpuState, ulong>(new Span<CpuState>(ref a)), other = MemoryMarshal.Cast<CpuState, ulong>(new Span<CpuState>(ref b));
        for (var i = 0; i < one.Length; i++)
            if (((one[i] ^ other[i]) & Meaning[i]) is not 0 and var apart && (i > RflagsWord || (apart & ~Undefined) != 0))
                Assert.Fail($"word {i} of the state is {one[i]:x} interpreted and {other[i]:x} translated, within {Slice} instructions behind {done}, at {a.Rip:x} and {b.Rip:x}");
    }

    /// <summary>What of each word of the state is to be the same. Segments and x87 registers end in bytes that are nothing; translated code does not note where the last x87 instruction was.</summary>
    private static ulong[] FindMeaning()
    {
        const int segments = RflagsWord + 1, segmentWords = 3, segmentCount = 10, registerWords = 2, registerCount = 8;
        CpuState state = default;
        var meaning = new ulong[Unsafe.SizeOf<CpuState>() / sizeof(ulong)];
        Array.Fill(meaning, ulong.MaxValue);
        int registers = Word(ref Unsafe.As<X87Register, byte>(ref state.X87[0]));
        for (var i = 0; i < segmentCount; i++) meaning[segments + (i * segmentWords) + segmentWords - 1] = ushort.MaxValue;
        for (var i = 0; i < registerCount; i++) meaning[registers + (i * registerWords) + registerWords - 1] = ushort.MaxValue;
        meaning[Word(ref Unsafe.As<ulong, byte>(ref state.FpuInstruction))] = meaning[Word(ref Unsafe.As<ulong, byte>(ref state.FpuOperand))] = 0;
        return meaning;

        int Word(ref byte field) => (int)Unsafe.ByteOffset(ref Unsafe.As<CpuState, byte>(ref state), ref field) / sizeof(ulong);
    }

    private static void CompareMemory(Side left, Side right)
    {
        for (ulong at = 0; at < Side.MemoryLength; at += Side.Piece)
        {
            ReadOnlySpan<ulong> one = left.Read(at), other = right.Read(at);
            for (var i = 0; i < one.Length; i++)
                if (((one[i] ^ other[i]) & ~Undefined) != 0) Assert.Fail($"memory at {at + ((ulong)i * sizeof(ulong)):x} is {one[i]:x} interpreted and {other[i]:x} translated");
        }
    }

    private sealed class Side : IDisposable
    {
        public const ulong MemoryLength = 96 << 20, Piece = 1 << 20;

        private readonly ulong[] _piece = new ulong[Piece / sizeof(ulong)];
        private readonly CountedClock _clock = new();
        private readonly Machine _machine;
        private readonly SoftAccelerator _accelerator;
        private readonly IVcpu _processor;

        public Side(string cpu, int warmth)
        {
            string[] options = ["-nodefaults", "-display", "none", "-m", "96", "-M", "hpet=off", "-cpu", cpu, "-rtc", "base=2024-01-01", "-kernel", Assets.CloudKernel, "-initrd", Assets.CloudInitrd,
                "-append", "nolapic noapic acpi=off nosmp tsc=reliable no_timer_check lpj=1000000 panic=-1 quiet"];
            MachineConfig config = CommandLine.Parse(options, VirtualMachine.Catalogue).Machine;
            _accelerator = new SoftAccelerator(warmth: warmth);
            _machine = PcI440fx.Build(config, new BoardHost(_accelerator, _clock, new HostRam(), (_, _) => { }, _ => { }));
            _processor = _machine.Processors[0].Vcpu;
            _machine.Loop.StartTime();
            _ = _processor.Run(0); // the kick that came with its reset
        }

        public CpuRegisters Registers { get; } = new(0);

        public string TranslatorReport => ((SoftVcpu)_processor).TranslatorReport() ?? "";

        /// <summary>The guest stopped itself.</summary>
        public bool Ended { get; private set; }

        public ReadOnlySpan<ulong> Read(ulong at)
        {
            new GuestMemory(_machine.Memory).Read(at, MemoryMarshal.AsBytes(_piece.AsSpan()));
            return _piece;
        }

        public void Run(int instructions)
        {
            VcpuStop stop = _processor.Run(instructions);
            _clock.Monotonic += instructions;
            if (stop == VcpuStop.Halted) _clock.Monotonic = Math.Max(_clock.Monotonic, Math.Min(_machine.Clock.NextDeadline, _clock.Monotonic + 10_000_000));
            _machine.Loop.Turn();
            _processor.Read(Registers);
            Assert.True(stop is VcpuStop.BudgetSpent or VcpuStop.Halted, $"{stop} at {Registers.State.Rip:x}, time {_clock.Monotonic}, {_machine.State}, {_machine.Loop.Fault}");
            Ended = stop == VcpuStop.Halted && (Registers.State.Rflags & InterruptFlag) == 0;
        }

        public void Dispose()
        {
            _machine.Dispose();
            _accelerator.Dispose();
        }
    }

    private sealed class CountedClock : IHostClock
    {
        public long Monotonic { get; set; }

        public long Wall => 1_700_000_000_000_000_000;

        public void Sleep(long nanoseconds)
        {
        }

        public void Wake()
        {
        }
    }
}
