using Iced.Intel;
using Rhea.Core.Cpu;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>Two processors at the same memory: what one stores between a locked access's read and its write is not lost.</summary>
public class LockedAccessTests
{
    private const int Turns = 60_000;
    private const long Budget = 4_000_000_000; // the host may give a processor no time while it has the guest's lock
    private const ulong Code = 0x7000, PageOfItsOwn = 0x8000, Counter = 0x9000;

    /// <summary>The firmware's way: LOCK BTS takes the lock, a plain store gives it back. In a page with code neither goes straight to memory.</summary>
    [Theory]
    [InlineData(-1, PageOfItsOwn)]
    [InlineData(-1, Code + 0x800)]
    [InlineData(0, PageOfItsOwn)]
    [InlineData(0, Code + 0x800)]
    public async Task A_lock_that_is_given_back_is_free(int warmth, ulong place)
    {
        UInt128 counted = await OnTwo(warmth, code =>
        {
            Label taken = code.CreateLabel();
            code.mov(ecx, Turns);
            code.Label(ref taken);
            code.pause();
            code.@lock.bts(__dword_ptr[place], 0);
            code.jc(taken);
            code.inc(__dword_ptr[Counter]);
            code.mov(__dword_ptr[place], 0);
            code.dec(ecx);
            code.jnz(taken);
            code.hlt();
        }, Counter);

        Assert.Equal(2UL * Turns, counted);
    }

    [Theory]
    [InlineData(-1, Counter)]
    [InlineData(-1, Code + 0x800)]
    [InlineData(0, Counter)]
    [InlineData(0, Code + 0x800)]
    public async Task Wide_exchanges_and_additions_do_not_undo_each_other(int warmth, ulong place)
    {
        UInt128 counted = await OnTwo(warmth, code =>
        {
            Label turn = code.CreateLabel(), again = code.CreateLabel();
            code.mov(esi, Turns);
            code.Label(ref turn);
            code.@lock.add(__qword_ptr[place], 1);
            code.mov(rax, __qword_ptr[place]);
            code.mov(rdx, __qword_ptr[place + 8]);
            code.Label(ref again);
            code.mov(rbx, rax);
            code.lea(rcx, __[rdx + 1]);
            code.@lock.cmpxchg16b(__xmmword_ptr[place]);
            code.jne(again);
            code.dec(esi);
            code.jnz(turn);
            code.hlt();
        }, place);

        Assert.Equal(new UInt128(2UL * Turns, 2UL * Turns), counted);
    }

    /// <summary>Runs the code on two processors to its end; what is at a place then.</summary>
    private static async Task<UInt128> OnTwo(int warmth, Action<Assembler> assemble, ulong result)
    {
        using var bench = new CpuBench(warmth: warmth);
        bench.Long64(Code);
        bench.Assemble(64, Code, assemble);
        IVcpu other = bench.AddProcessor();
        Task<VcpuStop> second = Task.Run(() => other.Run(Budget), TestContext.Current.CancellationToken);
        VcpuStop stop = bench.Run(Budget);

        Assert.Equal((VcpuStop.Halted, VcpuStop.Halted), (stop, await second));
        return bench.Memory.Read<UInt128>(result);
    }
}
