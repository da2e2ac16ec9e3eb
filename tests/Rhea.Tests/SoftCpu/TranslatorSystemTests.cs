using Iced.Intel;
using Rhea.Core.Cpu;
using Rhea.X86;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>A kernel's instructions, translated and interpreted: flags on the stack, interrupts off and on, SWAPGS, selectors, ports, the time.</summary>
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

    /// <summary>A saved machine may come from a processor that has more of them, or from somebody who wants the host to fault.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Bits_of_mxcsr_that_there_are_not_are_dropped(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            code.addps(xmm0, xmm1);
            code.hlt();
        });
        bench.Set(registers => registers.State.Mxcsr = 0xFFFF_1F80);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(0x1F80u, bench.State.Mxcsr);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Avx_that_is_switched_off_is_an_invalid_opcode_again(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            Label again = code.CreateLabel();
            code.Label(ref again);
            code.vpaddq(ymm0, ymm0, ymm1);
            code.vmovdqu(__ymmword_ptr[rbx], ymm0);
            code.xor(ecx, ecx);
            code.xor(edx, edx);
            code.mov(eax, 3); // x87 and SSE
            code.xsetbv();
            code.jmp(again);
        });
        bench.HaltOnExceptions();
        bench.Set(registers =>
        {
            (registers.State.Cr4, registers.State.Xcr0, registers.State.General[3]) = (registers.State.Cr4 | Cr4.OsXsave, 7, 0x4_0000);
            registers.State.Vector[1][3] = 5;
        });

        bench.Run();

        Assert.Equal(6, bench.Exception);
        Assert.Equal(5UL, bench.State.Vector[0][3]);
        Assert.Equal(5UL, bench.Memory.Read<ulong>(0x4_0018));
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
        EnterUser(bench);

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

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void A_selector_is_stored_as_16_bits_and_extended_in_a_register(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            code.mov(rax, -1);
            code.mov(r10, -1);
            code.mov(eax, fs);
            code.mov(r10, gs);
            code.mov(__word_ptr[0x8000], cs);
            code.mov(rbx, __qword_ptr[0x8000]);
            code.hlt();
        });
        bench.Memory.Write(0x8000, ulong.MaxValue);
        bench.Set(registers => (registers.State.Segments[4].Selector, registers.State.Segments[5].Selector) = (0x1234, 0xFEDC));

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((0x1234UL, 0xFEDCUL, 0xFFFF_FFFF_FFFF_0028UL), (bench.State.General[0], bench.State.General[10], bench.State.General[3]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void A_port_where_nobody_answers_reads_as_ones(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            code.xor(eax, eax);
            code.mov(edx, 0x80);
            code.@in(al, dx);
            code.@out(dx, al);
            code.mov(edx, CpuBench.Port);
            code.@out(dx, al);
            code.hlt();
        });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(0xFFUL, bench.State.General[0]);
        Assert.Equal([0xFFu], bench.Written);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void The_time_stamp_counter_fills_two_registers(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            code.mov(rax, -1);
            code.mov(rdx, -1);
            code.rdtsc();
            code.mov(rsi, rax);
            code.mov(rdi, rdx);
            code.rdtscp();
            code.hlt();
        });
        bench.Set(registers => (registers.State.Tsc, registers.State.TscAux) = (0x12_3456_789A, 7));

        Assert.Equal(VcpuStop.Halted, bench.Run());
        ref CpuState state = ref bench.State;
        Assert.Equal((0x3456_789AUL, 0x12UL), (state.General[6], state.General[7]));
        Assert.Equal((0x3456_789AUL, 7UL, 0x12UL), (state.General[0], state.General[1], state.General[2]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void The_time_stamp_counter_can_be_denied_to_user_code(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            code.rdtsc();
            code.mov(ebx, 1);
        });
        EnterUser(bench);
        bench.Set(registers => registers.State.Cr4 |= 4);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((0x6001UL, 0UL), (bench.State.Rip, bench.State.General[3]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Time_that_flows_as_the_hosts_never_goes_back_and_never_leaves_it(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            Label loop = code.CreateLabel(), end = code.CreateLabel();
            code.mov(ecx, 300_000);
            code.xor(ebx, ebx);
            code.Label(ref loop);
            code.rdtsc();
            code.shl(rdx, 32);
            code.or(rax, rdx);
            code.cmp(rax, rbx);
            code.jb(end);
            code.mov(rbx, rax);
            code.sub(ecx, 1);
            code.jne(loop);
            code.Label(ref end);
            code.hlt();
        }, timeFlows: true);
        long before = bench.Time;
        bench.Set(registers => registers.State.Tsc = (ulong)before);

        Assert.Equal(VcpuStop.Halted, bench.Run(long.MaxValue));
        long after = bench.Time;
        Assert.Equal((0UL, 0x1F80u), (bench.State.General[1], bench.State.Mxcsr)); // the reckoning is nothing the guest could see
        Assert.InRange((long)bench.State.General[3], before, after + 100_000);
    }

    /// <summary>64-bit code at level 0, in which an interrupt or a protection fault leads to HLT at 6000h.</summary>
    private static CpuBench Start(int warmth, Action<Assembler> program, bool timeFlows = false)
    {
        var bench = new CpuBench(warmth: warmth, timeFlows: timeFlows);
        foreach (ulong vector in (ulong[])[13, 0x20]) bench.Memory.Write(0x2000 + (vector * 16), 0x0000_8E00_0028_6000UL);
        bench.Assemble(64, 0x6000, code => code.hlt());
        bench.Assemble(64, 0x7000, program);
        bench.Long64(0x7000);
        return bench;
    }

    private static void EnterUser(CpuBench bench)
    {
        bench.Memory.Write(0x3004, 0x9000UL); // RSP0
        bench.Set(registers =>
        {
            ref CpuState state = ref registers.State;
            CpuBench.EnterUser64(ref state);
            state.Tr = CpuBench.TaskState;
        });
    }
}
