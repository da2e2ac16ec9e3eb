using Iced.Intel;
using Rhea.Core.Cpu;
using Rhea.Tests.SoftCpu.Differential;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>
/// Two processors run random programs in one page of code: they count together with and without locks, walk through memory of their own, and rewrite
/// functions that they, or the other, call. Nothing in the result depends on who was first.
/// </summary>
public class ProcessorTortureTests
{
    private const int Turns = 300, Length = 8;
    private const ulong Code = 0x7000, Second = 0x7800, Functions = 0x7D00, SharedFunction = 0x7E00, Version = 0x7F00, Lock = 0x7F40;
    private const ulong Counters = 0x8000, Errors = 0x8100, Private = 0x4_0000, PrivateLength = 0x2000;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public async Task Two_processors_come_to_the_same_end_translated_and_interpreted(ulong seed)
    {
        using CpuBench interpreted = await Run(seed, -1), translated = await Run(seed, 0);

        Assert.Equal(0UL, interpreted.Memory.Read<ulong>(Errors));
        Assert.Equal(0UL, translated.Memory.Read<ulong>(Errors));
        Assert.Equal(interpreted.Memory.Read<uint>(Version), translated.Memory.Read<uint>(Version));
        for (ulong at = Counters; at < Counters + 0x100; at += 8) AssertSame(at);
        for (ulong at = Private; at < Private + (2 * PrivateLength); at += 8) AssertSame(at);

        void AssertSame(ulong at)
        {
            ulong expected = interpreted.Memory.Read<ulong>(at), found = translated.Memory.Read<ulong>(at);
            Assert.True(expected == found, $"seed {seed}: {found:x}, not {expected:x}, at {at:x}");
        }
    }

    private static async Task<CpuBench> Run(ulong seed, int warmth)
    {
        var bench = new CpuBench(warmth: warmth);
        bench.Long64(Code);
        for (ulong i = 0; i < 2; i++) bench.Assemble(64, i == 0 ? Code : Second, code => EmitProgram(code, new CaseRandom((seed * 2) + i), i));
        foreach (ulong function in (ReadOnlySpan<ulong>)[Functions, Functions + 0x40, SharedFunction])
        {
            bench.Assemble(64, function, code =>
            {
                code.mov(eax, 0);
                code.ret();
            });
        }

        bench.Set(registers => (registers.State.Rip, registers.State.General[4]) = (Second, 0xA000));
        IVcpu other = bench.AddProcessor();
        bench.Set(registers => (registers.State.Rip, registers.State.General[4]) = (Code, 0x9800));
        Task<VcpuStop> second = Task.Run(() => other.Run(long.MaxValue), TestContext.Current.CancellationToken);
        VcpuStop stop = bench.Run(long.MaxValue);
        Assert.Equal((VcpuStop.Halted, VcpuStop.Halted), (stop, await second));
        return bench;
    }

    private static void EmitProgram(Assembler code, CaseRandom random, ulong processor)
    {
        Label turn = code.CreateLabel();
        ulong own = Private + (processor * PrivateLength), function = Functions + (processor * 0x40);
        code.mov(r15d, Turns);
        code.xor(r14d, r14d);
        code.Label(ref turn);
        code.nop();
        for (var i = 0; i < Length; i++) EmitPart(code, random, own, function);
        code.mov(__qword_ptr[own], r14);
        code.dec(r15d);
        code.jne(turn);
        code.hlt();
    }

    private static void EmitPart(Assembler code, CaseRandom random, ulong own, ulong function)
    {
        Label again = code.CreateLabel(), fits = code.CreateLabel();
        ulong counter = Counters + (ulong)(8 * random.Below(8)), plain = Counters + 0x40 + (ulong)(8 * random.Below(8));
        int number = 1 + random.Below(100);
        switch (random.Below(10))
        {
            case 0:
                code.@lock.add(__qword_ptr[counter], number);
                break;
            case 1:
                code.mov(eax, number);
                code.@lock.xadd(__qword_ptr[counter], rax);
                break;
            case 2:
                code.@lock.inc(__dword_ptr[counter]);
                break;
            case 3:
                Take(code);
                code.add(__qword_ptr[plain], number);
                Give(code);
                break;
            case 4 or 5: // its own function, in the page that both run
                code.mov(__dword_ptr[function + 1], r15d);
                code.call(function);
                code.add(r14, rax);
                break;
            case 6: // a function of both: what it returns is what was written into it last
                Take(code);
                code.cpuid();
                code.call(SharedFunction);
                code.cmp(eax, __dword_ptr[Version]);
                code.je(fits);
                code.@lock.inc(__qword_ptr[Errors]);
                code.Label(ref fits);
                code.inc(eax);
                code.mov(__dword_ptr[Version], eax);
                code.mov(__dword_ptr[SharedFunction + 1], eax);
                Give(code);
                break;
            case 7:
                code.mov(edi, (uint)own + 0xF00 + (uint)number);
                code.mov(ecx, 64);
                code.Label(ref again);
                code.mov(rax, __qword_ptr[rdi]);
                code.lea(rax, __[rax + (rax * 2) + number]);
                code.mov(__qword_ptr[rdi], rax);
                code.add(rdi, 8);
                code.dec(ecx);
                code.jne(again);
                break;
            case 8:
                code.mov(rax, __qword_ptr[counter]);
                code.Label(ref again);
                code.lea(rdx, __[rax + number]);
                code.@lock.cmpxchg(__qword_ptr[counter], rdx);
                code.jne(again);
                break;
            default:
                code.invlpg(__[own]);
                code.xchg(__qword_ptr[own + 8], r14);
                code.add(r14, number);
                break;
        }
    }

    private static void Take(Assembler code)
    {
        Label taken = code.CreateLabel();
        code.Label(ref taken);
        code.pause();
        code.@lock.bts(__dword_ptr[Lock], 0);
        code.jc(taken);
    }

    private static void Give(Assembler code) => code.mov(__dword_ptr[Lock], 0);
}
