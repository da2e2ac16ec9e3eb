using Iced.Intel;
using Rhea.Core.Cpu;
using Rhea.Tests.SoftCpu.Differential;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>The same bytes run as code of 16, 32 and 64 bits, in real, protected, compatibility and 64-bit mode, and are rewritten between two runs; translated and interpreted alike.</summary>
public class ModeTortureTests
{
    private const int Programs = 60, Turns = 12, Parts = 14;
    private const ulong Function = 0x7000, Driver = 0x6000, FarPointers = 0x5F00, Data = 0x8000, DataLength = 0x1000, Adjust = 0x10; // undefined after shifts
    private const ushort Code32 = 8, Code64 = 0x28, Code16 = 0x38;

    private static readonly int[] General = [0, 2, 6, 1]; // AX, DX, SI, CX

    private enum CodeMode
    {
        Real,
        Protected,
        Long,
    }

    [Fact]
    public void Each_mode_sees_its_own_instructions_in_the_same_bytes()
    {
        for (ulong seed = 1; seed <= Programs; seed++)
        {
            using CpuBench translated = new(warmth: 0), interpreted = new(warmth: -1);
            CaseRandom random = new(seed);
            byte[] function = MakeFunction(random, out List<int> numbers);
            foreach (CpuBench bench in (CpuBench[])[translated, interpreted])
            {
                bench.Memory.Write(Function, function);
                for (ulong at = 0; at < DataLength; at += 8) bench.Memory.Write(Data + at, (seed + at) * 0x9E37_79B9_7F4A_7C15);
            }

            for (var phase = 0; phase < 6; phase++)
            {
                var mode = (CodeMode)random.Below(3);
                ulong drivers = random.Next();
                foreach (CpuBench bench in (CpuBench[])[translated, interpreted]) Start(bench, mode, new CaseRandom(drivers), numbers);
                Assert.Equal(VcpuStop.Halted, interpreted.Run(long.MaxValue));
                Assert.Equal(VcpuStop.Halted, translated.Run(long.MaxValue));
                AssertSame(interpreted, translated, $"program {seed}, phase {phase}, {mode}");
            }
        }
    }

    private static void AssertSame(CpuBench expected, CpuBench found, string where)
    {
        Assert.True(expected.State.Rip == found.State.Rip, $"{where}: RIP {found.State.Rip:x}, not {expected.State.Rip:x}");
        for (var i = 0; i < 16; i++)
            Assert.True(expected.State.General[i] == found.State.General[i], $"{where}: register {i} is {found.State.General[i]:x}, not {expected.State.General[i]:x}");
        Assert.True(((expected.State.Rflags ^ found.State.Rflags) & ~Adjust) == 0, $"{where}: RFLAGS {found.State.Rflags:x}, not {expected.State.Rflags:x}");
        for (ulong at = Data; at < Data + DataLength; at += 8)
            Assert.True(expected.Memory.Read<ulong>(at) == found.Memory.Read<ulong>(at), $"{where}: memory at {at:x}");
    }

    /// <summary>A driver at its place, and the registers with which it starts.</summary>
    private static void Start(CpuBench bench, CodeMode mode, CaseRandom random, List<int> numbers)
    {
        if (mode == CodeMode.Long) bench.Long64(Driver, rsp: 0xA000);
        else
        {
            bench.Set(registers => (registers.State.Cr0, registers.State.Cr4, registers.State.Efer) = (0x10, 0, 0));
            bench.Protected32(Driver, rsp: 0xA000);
        }

        bench.Memory.Write(0x1000 + Code16, 0x0000_9B00_0000_FFFFUL);
        ushort[] selectors = mode switch
        {
            CodeMode.Real => [0],
            CodeMode.Protected => [Code32, Code16],
            _ => [Code64, Code32, Code16],
        };
        for (var i = 0; i < selectors.Length; i++)
        {
            bench.Memory.Write(FarPointers + (ulong)(8 * i), selectors[i] is Code32 or Code64 ? Function | (ulong)selectors[i] << 32 : Function | (ulong)selectors[i] << 16);
        }

        bench.Set(registers =>
        {
            ref CpuState state = ref registers.State;
            if (mode == CodeMode.Real)
            {
                state.Cr0 = 0x10;
                for (var i = 0; i < 6; i++) state.Segments[i] = new Segment { Limit = 0xFFFF, Flags = i == 1 ? 0x9B00U : 0x9300U };
            }

            for (var i = 0; i < 16; i++)
                if (i != 4) state.General[i] = random.Next() & (mode == CodeMode.Long ? ulong.MaxValue : uint.MaxValue);
            (state.General[3], state.General[7]) = (Data + 0x100, Data + 0x200); // what addresses are made of, in code of 16 bits and in other code
        });
        bench.Assemble(mode switch { CodeMode.Real => 16, CodeMode.Protected => 32, _ => 64 }, Driver, code => EmitDriver(code, random, selectors, numbers));
    }

    /// <summary>Calls the function in each kind of code segment again and again, and changes numbers in it.</summary>
    private static void EmitDriver(Assembler code, CaseRandom random, ushort[] selectors, List<int> numbers)
    {
        Label turn = code.CreateLabel();
        code.mov(__dword_ptr[Data + 0xF00], Turns);
        code.Label(ref turn);
        for (var i = 0; i < 5; i++)
        {
            int which = random.Below(selectors.Length), number = numbers[random.Below(numbers.Count)];
            EmitCall(code, (int)FarPointers + (8 * which), shortFrame: selectors[which] is 0 or Code16);
            if (random.OneIn(2)) code.mov(__byte_ptr[Function + (ulong)number], (byte)random.Below(128));
            else code.inc(__byte_ptr[Function + (ulong)number]);
        }

        code.dec(__dword_ptr[Data + 0xF00]);
        code.jne(turn);
        code.hlt();
    }

    /// <summary>CALL FAR through memory at an absolute address (FFh /3), so that its frame is what RETF of the function's segment takes.</summary>
    private static void EmitCall(Assembler code, int pointer, bool shortFrame)
    {
        if (shortFrame && code.Bitness != 16) code.db(0x66);
        switch (code.Bitness)
        {
            case 16:
                code.db(0xFF, 0x1E, (byte)pointer, (byte)(pointer >> 8));
                break;
            case 32:
                code.db(0xFF, 0x1D, (byte)pointer, (byte)(pointer >> 8), 0, 0);
                break;
            default:
                code.db(0xFF, 0x1C, 0x25, (byte)pointer, (byte)(pointer >> 8), 0, 0);
                break;
        }
    }

    /// <summary>Bytes that are instructions, other ones, in all modes: they leave the stack and what addresses are made of alone, and have the same end.</summary>
    /// <param name="random">What is chosen.</param>
    /// <param name="numbers">Where in it numbers are that may be any.</param>
    private static byte[] MakeFunction(CaseRandom random, out List<int> numbers)
    {
        var bytes = new List<byte>();
        List<int> found = numbers = [];
        AddNumber([0x83, 0xC0]); // there is one at least
        for (var i = 0; i < Parts; i++) AddPart();
        bytes.Add(0xCB); // retf
        return [.. bytes];

        int Register(bool counts = true) => General[random.Below(counts ? 4 : 3)];
        byte Pair(bool keepsCount = false) => (byte)(0xC0 | Register() << 3 | Register(!keepsCount));
        byte Binary() => (byte)(random.Below(8) << 3 | 1);

        void AddNumber(ReadOnlySpan<byte> before)
        {
            bytes.AddRange(before);
            found.Add((int)Function + bytes.Count);
            bytes.Add((byte)random.Below(256));
        }

        void AddMemory()
        {
            ReadOnlySpan<byte> opcodes = [0x8B, 0x01, 0x03, 0x31, 0x11, 0x8A, 0xFF];
            byte opcode = opcodes[random.Below(opcodes.Length)];
            int register = opcode == 0xFF ? random.Below(2) : opcode == 0x8A ? random.Below(3) + (4 * random.Below(2)) : Register();
            if (random.OneIn(2)) bytes.AddRange([opcode, (byte)(register << 3 | 7)]); // [bx] or [rdi]
            else AddNumber([opcode, (byte)(0x47 | register << 3)]);
        }

        void AddPart()
        {
            switch (random.Below(13))
            {
                case 0 or 1:
                    AddNumber([0x83, (byte)(0xC0 | random.Below(8) << 3 | Register())]);
                    break;
                case 2:
                    bytes.AddRange([Binary(), Pair()]);
                    break;
                case 3: // two numbers, and two NOPs or two bytes more
                    AddNumber([(byte)(0xB8 | Register())]);
                    AddNumber([]);
                    bytes.AddRange([0x90, 0x90]);
                    break;
                case 4: // REX, or INC and DEC
                    ReadOnlySpan<byte> prefixes = [0x40, 0x41, 0x42, 0x45, 0x46, 0x48, 0x49, 0x4A, 0x4D];
                    bytes.AddRange([prefixes[random.Below(prefixes.Length)], Binary(), Pair()]);
                    break;
                case 5:
                    AddMemory();
                    break;
                case 6: // the other size of operands, or of addresses
                    bytes.Add((byte)(random.OneIn(2) ? 0x66 : 0x67));
                    AddMemory();
                    break;
                case 7:
                    AddNumber([0x83, (byte)(random.Below(8) << 3 | 7)]);
                    break;
                case 8:
                    bytes.AddRange([(byte)(0x70 | random.Below(16)), 2, Binary(), Pair()]);
                    break;
                case 9: // a loop
                    AddNumber([0xB1]);
                    int start = bytes.Count;
                    bytes.AddRange([Binary(), Pair(keepsCount: true), 0x01, 0x07, 0xFE, 0xC9]);
                    bytes.AddRange([0x75, (byte)(start - bytes.Count - 2)]);
                    break;
                case 10:
                    bytes.AddRange(random.Below(4) switch { 0 => [0x9C, 0x9D], 1 => [0x98], 2 => [0x99], _ => (byte[])[0xF7, (byte)(0xD0 | random.Below(2) << 3 | Register())] });
                    break;
                case 11:
                    bytes.AddRange([0x0F, 0xB6, (byte)(0xC0 | Register() << 3 | random.Below(3)), 0x0F, (byte)(0x90 | random.Below(16)), (byte)(0xC0 | random.Below(3))]);
                    break;
                default:
                    bytes.AddRange([(byte)(0x50 | Register()), Binary(), Pair(), (byte)(0x58 | Register())]);
                    break;
            }
        }
    }
}
