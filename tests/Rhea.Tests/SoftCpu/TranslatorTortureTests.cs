using Iced.Intel;
using Rhea.Core.Cpu;
using Rhea.Tests.SoftCpu.Differential;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>Random loops that walk over page ends into pages that are read-only or not there, and change themselves; translated and interpreted alike.</summary>
public class TranslatorTortureTests
{
    private const int Programs = 600, Turns = 24, LongTurns = 300;
    private const ulong Data = 0x4_0000, DataLength = 0x4000, ReadOnlyPage = 0x4_2000, MissingPage = 0x4_4000, Stack = 0x5_0000;
    private const ulong Adjust = 0x10; // undefined after what computes with bits

    private static readonly AssemblerRegister64[] Values = [rax, rcx, rdx, r8, r9, r12];
    private static readonly AssemblerRegister64[] Bases = [rbx, rsi, rdi, rbp, r10, r13];

    [Fact]
    public void Translated_loops_end_as_the_interpreted_ones_do()
    {
        for (ulong seed = 1; seed <= Programs; seed++)
        {
            using CpuBench counted = Bench(seed, 0, Emit), free = Bench(seed, 0, Emit), interpreted = Bench(seed, -1, Emit);
            Assert.Equal(VcpuStop.Halted, interpreted.Run());
            Assert.Equal(VcpuStop.Halted, counted.Run());
            AssertSame(interpreted, counted, seed);
            Assert.Equal(VcpuStop.Halted, free.Run(long.MaxValue));
            AssertSame(interpreted, free, seed);
        }
    }

    [Fact]
    public void Translated_walks_through_memory_end_as_the_interpreted_ones_do()
    {
        for (ulong seed = 1; seed <= Programs; seed++)
        {
            using CpuBench free = Bench(seed, 0, EmitWalk), counted = Bench(seed, 0, EmitWalk), interpreted = Bench(seed, -1, EmitWalk);
            const int slice = 97;
            while (interpreted.Run(slice) == VcpuStop.BudgetSpent)
            {
                Assert.Equal(VcpuStop.BudgetSpent, counted.Run(slice));
                AssertSame(interpreted, counted, seed, memory: false);
            }

            Assert.Equal(VcpuStop.Halted, counted.Run(slice));
            AssertSame(interpreted, counted, seed);
            Assert.Equal(VcpuStop.Halted, free.Run(long.MaxValue));
            AssertSame(interpreted, free, seed);
        }
    }

    private static void AssertSame(CpuBench expected, CpuBench found, ulong seed, bool memory = true)
    {
        Assert.True(expected.State.Rip == found.State.Rip, $"program {seed}: RIP {found.State.Rip:x}, not {expected.State.Rip:x}");
        for (var i = 0; i < 16; i++)
            Assert.True(expected.State.General[i] == found.State.General[i], $"program {seed}: register {i} is {found.State.General[i]:x}, not {expected.State.General[i]:x}");
        Assert.True(((expected.State.Rflags ^ found.State.Rflags) & ~Adjust) == 0, $"program {seed}: RFLAGS {found.State.Rflags:x}, not {expected.State.Rflags:x}");
        if (expected.Exception is not null)
        {
            ulong frame = expected.State.General[4] + 24; // error code, RIP, CS, RFLAGS
            ulong flags = expected.Memory.Read<ulong>(frame), others = found.Memory.Read<ulong>(frame);
            Assert.True(((flags ^ others) & ~Adjust) == 0, $"program {seed}: the fault shows {others:x}, not {flags:x}");
        }

        for (ulong at = Data; memory && at < Data + DataLength; at += 8)
            Assert.True(expected.Memory.Read<ulong>(at) == found.Memory.Read<ulong>(at), $"program {seed}: memory at {at:x}");
    }

    private static CpuBench Bench(ulong seed, int warmth, Action<Assembler, CaseRandom> emit)
    {
        var random = new CaseRandom(seed);
        var bench = new CpuBench(warmth: warmth);
        ulong start = 0x7000 + (ulong)(random.OneIn(2) ? 0 : 0xF00 + random.Below(0x100));
        bench.Assemble(64, start, code => emit(code, random));
        bench.Long64(start, rsp: Stack + (ulong)(8 * random.Below(8)));
        bench.HaltOnExceptions();
        bench.Memory.Write(0x1_3000 + ((ReadOnlyPage >> 12) * 8), ReadOnlyPage | 5);
        bench.Memory.Write(0x1_3000 + ((MissingPage >> 12) * 8), 0UL);
        for (ulong at = 0; at < DataLength; at += 8) bench.Memory.Write(Data + at, (seed + at) * 0x9E37_79B9_7F4A_7C15);
        bench.Set(registers =>
        {
            registers.State.Cr0 |= 0x1_0000; // supervisors may not write to read-only pages either
            for (var i = 0; i < 16; i++)
                if (i != 4) registers.State.General[i] = Data + 0xF00 + (ulong)random.Below(0x140);
            if (random.OneIn(4)) registers.State.General[6] = MissingPage - (ulong)random.Below(0x80);
            if (random.OneIn(4)) registers.State.General[7] = ReadOnlyPage + (ulong)random.Below(0x80) - 0x40;
        });
        return bench;
    }

    private static void Emit(Assembler code, CaseRandom random)
    {
        Label again = code.CreateLabel(), changed = code.CreateLabel();
        code.mov(r15d, Turns);
        code.Label(ref again);
        int length = 3 + random.Below(14);
        for (var i = 0; i < length; i++) EmitOne(code, random);
        if (random.OneIn(6))
        {
            code.lea(r11, __[changed]);
            code.mov(__dword_ptr[r11 + 2], r15d); // the immediate
            code.Label(ref changed);
            code.mov(r14d, 0x1234_5678);
        }

        if (random.OneIn(3)) code.add(r14, r15);
        code.sub(r15d, 1);
        code.jne(again);
        code.hlt();
    }

    /// <summary>A long loop whose accesses move by the same distance each time, or by none, and some that do not.</summary>
    private static void EmitWalk(Assembler code, CaseRandom random)
    {
        Label again = code.CreateLabel(), end = code.CreateLabel(), number = code.CreateLabel();
        code.mov(r15d, LongTurns);
        code.mov(r12d, random.Below(0x30));
        code.mov(r8, random.Below(5) - 2);
        code.Label(ref again);
        int length = 2 + random.Below(8);
        for (var i = 0; i < length; i++) EmitStep(code, random, end, number);
        code.sub(r15d, 1);
        code.jne(again);
        code.Label(ref end);
        for (var i = 0; i < 6; i++) code.inc(r14); // instructions of the loop's block that are behind it
        code.hlt();
        code.Label(ref number);
        code.dq(0x1122_3344_5566_7788);
    }

    private static void EmitStep(Assembler code, CaseRandom random, Label end, Label number)
    {
        AssemblerRegister64[] values = [rax, rcx, rdx, r9, r11], bases = [rbx, rsi, rdi, rbp, r10, r13], steps = [r8, r12, r14];
        AssemblerRegister64 value = values[random.Below(values.Length)], at = bases[random.Below(bases.Length)], other = bases[random.Below(bases.Length)];
        AssemblerRegister64 step = steps[random.Below(steps.Length)];
        int displacement = random.Below(0x60) - 0x30, distance = random.Below(0x28) - 0x10;
        switch (random.Below(20))
        {
            case 0 or 1:
                code.mov(value, __qword_ptr[at + displacement]);
                break;
            case 2 or 3:
                code.mov(__qword_ptr[at + displacement], value);
                break;
            case 4:
                code.add(__dword_ptr[at + (step * 4) + displacement], value == rax ? eax : ecx);
                break;
            case 5:
                code.movzx(eax, __byte_ptr[at + step + displacement]);
                break;
            case 6 or 7:
                code.add(at, distance);
                break;
            case 8:
                code.add(at, step);
                break;
            case 9:
                code.lea(at, __[other + step + displacement]);
                break;
            case 10:
                code.sub(at, 8);
                break;
            case 11:
                code.inc(step);
                break;
            case 12:
                code.adc(value, __qword_ptr[at + (step * 8)]);
                break;
            case 13:
                code.add(value, __qword_ptr[number]);
                break;
            case 14:
                code.cmp(value, at);
                code.ja(end);
                break;
            case 15:
                code.movsd(xmm0, __qword_ptr[at + displacement]);
                code.addsd(xmm0, __qword_ptr[other + step]);
                code.movsd(__qword_ptr[at + displacement], xmm0);
                break;
            case 16:
                code.paddd(xmm1, __[at + displacement]);
                break;
            case 17:
                code.mov(__qword_ptr[rsp - 0x20], value);
                break;
            case 18:
                code.xor(value, at);
                break;
            default:
                code.movzx(r11d, __word_ptr[other + (at * 2) - (int)Data * 2]);
                break;
        }
    }

    private static void EmitOne(Assembler code, CaseRandom random)
    {
        AssemblerRegister64 value = Values[random.Below(Values.Length)], other = Values[random.Below(Values.Length)], at = Bases[random.Below(Bases.Length)];
        int displacement = random.Below(0x60) - 0x30;
        switch (random.Below(24))
        {
            case 0 or 1 or 2:
                code.mov(value, __qword_ptr[at + displacement]);
                break;
            case 3 or 4 or 5:
                code.mov(__qword_ptr[at + displacement], value);
                break;
            case 6:
                code.add(value, __qword_ptr[at + displacement]);
                break;
            case 7:
                code.@lock.add(__dword_ptr[at + displacement], r15d);
                break;
            case 8:
                code.add(at, random.Below(0x20));
                break;
            case 9:
                code.lea(at, __[Bases[random.Below(Bases.Length)] + random.Below(0x18)]);
                break;
            case 10:
                code.push(value);
                code.push(other);
                code.pop(value);
                code.pop(other);
                break;
            case 11:
                code.cmp(value, other);
                break;
            case 12:
                code.sub(value, other);
                break;
            case 13:
                code.add(value, other);
                break;
            case 14:
                code.test(value, other);
                break;
            case 15:
                code.xor(value, other);
                break;
            case 16:
                code.shl(value, (byte)(1 + random.Below(20)));
                code.test(value, value); // OF is undefined after more than one place
                break;
            case 17:
                code.adc(value, random.Below(100));
                break;
            case 18:
                code.inc(value);
                break;
            case 19:
                code.cmovb(value, other);
                break;
            case 20:
                code.cmp(al, (sbyte)(random.Below(256) - 128));
                break;
            case 21:
                code.setl(cl);
                break;
            case 22:
                Label skip = code.CreateLabel();
                code.jb(skip);
                code.mov(value, __qword_ptr[at + displacement]);
                code.mov(__qword_ptr[at + displacement + 8], other);
                code.Label(ref skip);
                code.nop();
                break;
            default:
                code.movups(xmm1, __[at + displacement]);
                code.movups(__[at + displacement + 8], xmm1);
                break;
        }
    }
}
