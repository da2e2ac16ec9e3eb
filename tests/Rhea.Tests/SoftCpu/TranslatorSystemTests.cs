using Iced.Intel;
using Rhea.Core.Cpu;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>A kernel's instructions, translated and interpreted: flags on the stack, interrupts off and on, SWAPGS.</summary>
public class TranslatorSystemTests
{
    private const uint InterruptFlag = 0x200;

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Flags_pass_through_the_stack(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            code.mov(eax, 0x7FFF_FFFF);
            code.add(eax, 1); // OF, SF, AF, PF
            code.pushfq();
            code.xor(ecx, ecx); // ZF, PF
            code.popfq();
            code.seto(bl);
            code.pushfq();
            code.pop(rdx);
            code.push(0x4D7); // DF too
            code.popfq();
            code.pushfq();
            code.pop(rsi);
            code.hlt();
        });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((1UL, 0x896UL, 0x4D7UL), (bench.State.General[3], bench.State.General[2], bench.State.General[6]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Interrupts_are_switched_off_and_on(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            code.sti();
            code.nop();
            code.pushfq();
            code.pop(rax);
            code.cli();
            code.pushfq();
            code.pop(rbx);
            code.push(rax);
            code.popfq();
            code.pushfq();
            code.pop(rcx);
            code.hlt();
        });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        ref CpuState state = ref bench.State;
        Assert.Equal((0x200UL, 0UL, 0x200UL), (state.General[0] & InterruptFlag, state.General[3] & InterruptFlag, state.General[1] & InterruptFlag));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void An_interrupt_that_waits_comes_in_behind_the_instruction_after_sti(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            code.mov(eax, 1);
            code.sti();
            code.mov(eax, 2);
            code.mov(eax, 3);
            code.cli();
            code.hlt();
        });
        bench.Vector = 0x20;
        bench.Cpu.SetIntr(true);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((0x6001UL, 2UL), (bench.State.Rip, bench.State.General[0]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void An_interrupt_that_waits_comes_in_behind_popf(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            code.mov(eax, 1);
            code.push(0x202);
            code.popfq();
            code.mov(eax, 2);
            code.cli();
            code.hlt();
        });
        bench.Vector = 0x20;
        bench.Cpu.SetIntr(true);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((0x6001UL, 1UL), (bench.State.Rip, bench.State.General[0]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void User_code_may_not_switch_interrupts_off(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            code.mov(eax, 1);
            code.cli();
            code.mov(eax, 2);
        });
        bench.Memory.Write(0x3004, 0x9000UL); // RSP0
        bench.Set(registers =>
        {
            ref CpuState state = ref registers.State;
            state.Segments[1] = new Segment { Selector = 0x33, Limit = uint.MaxValue, Flags = 0xA0_FB00 };
            state.Segments[2] = new Segment { Selector = 0x23, Limit = uint.MaxValue, Flags = 0xC0_F300 };
            state.Tr = new Segment { Selector = 0x40, Base = 0x3000, Limit = 0x67, Flags = 0x8B00 };
        });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((0x6001UL, 1UL), (bench.State.Rip, bench.State.General[0]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Swapgs_changes_where_gs_points_at_once(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            code.mov(rax, __qword_ptr.gs[0]);
            code.swapgs();
            code.mov(rbx, __qword_ptr.gs[0]);
            code.push(__qword_ptr.gs[8]);
            code.swapgs();
            code.pop(__qword_ptr.gs[0]);
            code.mov(rcx, __qword_ptr.gs[0]);
            code.hlt();
        });
        ulong[] memory = [1, 0, 2, 3];
        for (var i = 0; i < memory.Length; i++) bench.Memory.Write(0x8000 + ((ulong)i * 8), memory[i]);
        bench.Set(registers => (registers.State.Segments[5].Base, registers.State.KernelGsBase) = (0x8000, 0x8010));

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((1UL, 2UL, 3UL), (bench.State.General[0], bench.State.General[3], bench.State.General[1]));
    }

    /// <summary>64-bit code at level 0, in which an interrupt or a protection fault leads to HLT at 6000h.</summary>
    private static CpuBench Start(int warmth, Action<Assembler> program)
    {
        var bench = new CpuBench(warmth: warmth);
        foreach (ulong vector in (ulong[])[13, 0x20]) bench.Memory.Write(0x2000 + (vector * 16), 0x0000_8E00_0028_6000UL);
        bench.Assemble(64, 0x6000, code => code.hlt());
        bench.Assemble(64, 0x7000, program);
        bench.Long64(0x7000);
        return bench;
    }
}
