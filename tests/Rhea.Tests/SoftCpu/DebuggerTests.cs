using Iced.Intel;
using Rhea.Core.Cpu;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>Breakpoints, watchpoints and single steps of a debugger that the guest cannot see, interpreted and translated.</summary>
public sealed class DebuggerTests : IDisposable
{
    private const ulong Start = 0x4000, Variable = 0x6000;

    private CpuBench _pc = new();

    public void Dispose() => _pc.Dispose();

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    public void It_stops_before_the_instruction_at_a_breakpoint_and_passes_it_when_it_goes_on(int warmth)
    {
        Loop(warmth);
        StopAt(Start + 5); // the increment

        for (ulong pass = 0; pass < 3; pass++)
        {
            Assert.Equal(VcpuStop.DebugTrap, _pc.Run());
            Assert.Equal((Start + 5, pass), (_pc.State.Rip, _pc.State.General[0]));
            Assert.Equal(new DebugHit(Start + 5, null), _pc.Cpu.DebugHit);
        }

        _pc.Cpu.DebugStops = DebugStops.None;
        Assert.Equal(VcpuStop.Halted, _pc.Run());
        Assert.Equal(5UL, _pc.State.General[0]);
    }

    [Fact]
    public void A_breakpoint_is_a_linear_address_whatever_the_segment()
    {
        _pc.Assemble(16, 0x1_2340, code => { code.nop(); code.nop(); code.hlt(); });
        _pc.Set(registers =>
        {
            registers.State.Segments[(int)SegmentRegister.Cs] = new Segment { Selector = 0x1234, Base = 0x1_2340, Limit = 0xFFFF, Flags = 0x9B00 };
            registers.State.Rip = 0;
        });
        StopAt(0x1_2341);

        Assert.Equal(VcpuStop.DebugTrap, _pc.Run());
        Assert.Equal(1UL, _pc.State.Rip);
    }

    [Fact]
    public void A_step_is_one_instruction_even_of_a_repeated_one_that_faults()
    {
        _pc.Protected32(Start);
        _pc.Assemble(32, Start, code => { code.mov(eax, 7); code.ud2(); });
        _pc.Memory.Write(0x2000 + (6 * 8), 0x0000_8E00_0008_5000UL); // #UD goes to 5000h
        _pc.Cpu.DebugStops = DebugStops.None with { SingleStep = true };

        Assert.Equal(VcpuStop.DebugTrap, _pc.Run(long.MaxValue));
        Assert.Equal((Start + 5, 7UL), (_pc.State.Rip, _pc.State.General[0]));
        Assert.Equal(VcpuStop.DebugTrap, _pc.Run(long.MaxValue));
        Assert.Equal(0x5000UL, _pc.State.Rip);
    }

    [Fact]
    public void No_interrupt_comes_between_two_steps()
    {
        _pc.Protected32(Start);
        _pc.Assemble(32, Start, code => { code.nop(); code.nop(); });
        _pc.Set(registers => registers.State.Rflags |= 0x200);
        _pc.Vector = 0x40;
        _pc.Cpu.SetIntr(true);
        _pc.Cpu.DebugStops = DebugStops.None with { SingleStep = true };

        Assert.Equal(VcpuStop.DebugTrap, _pc.Run(long.MaxValue));
        Assert.Equal(Start + 1, _pc.State.Rip);
        Assert.Equal(0x40, _pc.Vector); // nobody has asked for it
    }

    [Theory]
    [InlineData(false, true, Start + 5)]
    [InlineData(true, false, Start + 10)]
    [InlineData(true, true, Start + 5)]
    public void It_stops_after_the_access_that_a_watchpoint_is_for(bool onRead, bool onWrite, ulong stop)
    {
        _pc.Protected32(Start);
        _pc.Assemble(32, Start, code =>
        {
            code.mov(__dword_ptr[Variable], eax); // five bytes each
            code.mov(eax, __dword_ptr[Variable]);
            code.hlt();
        });
        var watch = new Watchpoint(Variable + 2, 1, onRead, onWrite);
        _pc.Cpu.DebugStops = DebugStops.None with { Watchpoints = [watch] };

        Assert.Equal(VcpuStop.DebugTrap, _pc.Run());

        Assert.Equal(stop, _pc.State.Rip);
        Assert.Equal(new DebugHit(null, watch), _pc.Cpu.DebugHit);
    }

    private void Loop(int warmth)
    {
        _pc.Dispose();
        _pc = new CpuBench(warmth: warmth);
        _pc.Long64(Start);
        _pc.Assemble(64, Start, code =>
        {
            code.mov(ecx, 5);
            Label next = code.CreateLabel();
            code.Label(ref next);
            code.inc(rax);
            code.dec(ecx);
            code.jnz(next);
            code.hlt();
        });
    }

    private void StopAt(ulong address) => _pc.Cpu.DebugStops = DebugStops.None with { Breakpoints = [address] };
}
