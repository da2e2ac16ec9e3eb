using Iced.Intel;
using Rhea.Core.Cpu;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

public class RealModeTests
{
    [Fact]
    public void After_reset_it_starts_sixteen_bytes_below_four_gigabytes_and_reaches_a_port()
    {
        using var bench = new CpuBench();
        bench.Memory.Write(0xF_FFF0, [0xEA, 0x00, 0x01, 0x00, 0xF0]); // jmp F000:0100
        bench.Assemble(16, 0xF_0100, code =>
        {
            code.mov(dx, CpuBench.Port);
            foreach (char letter in "Hi")
            {
                code.mov(al, (byte)letter);
                code.@out(dx, al);
            }

            code.hlt();
        });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(['H', 'i'], bench.Written.Select(value => (char)value));
        Assert.Equal(0xF000, bench.State.Segments[1].Selector);
    }

    [Fact]
    public void An_interrupt_goes_through_the_vector_table_and_returns()
    {
        using var bench = new CpuBench();
        bench.Memory.Write(0x20 * 4, 0x0000_6000u);
        bench.Assemble(16, 0x6000, code =>
        {
            code.mov(bx, 0x1234);
            code.iret();
        });
        bench.Assemble(16, 0x7000, code =>
        {
            code.@int(0x20);
            code.hlt();
        });
        StartReal(bench, 0x7000);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(0x1234UL, bench.State.General[3]);
        Assert.Equal(0x8000UL, bench.State.General[4]);
    }

    /// <summary>A machine that was saved under a hypervisor may have an event on its way: it comes first, whatever IF says.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_event_that_was_taken_before_the_machine_moved_is_delivered_first(bool exception)
    {
        using var bench = new CpuBench();
        bench.Memory.Write(0x20 * 4, 0x0000_6000u);
        bench.Memory.Write(6 * 4, 0x0000_6000u);
        bench.Assemble(16, 0x6000, code =>
        {
            code.mov(bx, ax);
            code.iret();
        });
        bench.Assemble(16, 0x7000, code =>
        {
            code.mov(ax, 0x1234);
            code.hlt();
        });
        StartReal(bench, 0x7000);
        bench.Set(registers => registers.State.Injected = exception
            ? new InjectedEvents { Exception = true, ExceptionVector = 6 }
            : new InjectedEvents { Interrupt = true, InterruptVector = 0x20 });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((0UL, 0x1234UL), (bench.State.General[3] & 0xFFFF, bench.State.General[0] & 0xFFFF));
        Assert.Equal(0x7000, bench.Memory.Read<ushort>(0x8000 - 6)); // where it came back to
        Assert.False(bench.State.Injected.Any);
    }

    [Fact]
    public void A_hardware_interrupt_wakes_it_from_a_halt_and_waits_one_instruction_after_sti()
    {
        using var bench = new CpuBench();
        bench.Memory.Write(0x08 * 4, 0x0000_6000u);
        bench.Assemble(16, 0x6000, code =>
        {
            code.inc(cx);
            code.iret();
        });
        bench.Assemble(16, 0x7000, code =>
        {
            code.sti();
            code.hlt();
            code.cli();
            code.hlt();
        });
        StartReal(bench, 0x7000);
        bench.Vector = 8;
        bench.Cpu.SetIntr(true);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(0x7004UL, bench.State.Rip); // past the second HLT: the interrupt came after the first, not before
        Assert.Equal(1UL, bench.State.General[1]);
    }

    [Fact]
    public void An_access_across_the_end_of_a_segment_is_a_fault()
    {
        using var bench = new CpuBench();
        bench.Memory.Write(13 * 4, 0x0000_6000u);
        bench.Assemble(16, 0x6000, code => code.hlt());
        bench.Assemble(16, 0x7000, code =>
        {
            code.mov(bx, 0xFFFF);
            code.mov(ax, __[bx]);
        });
        StartReal(bench, 0x7000);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(0x6001UL, bench.State.Rip);
        Assert.Equal(0x7003, bench.Memory.Read<ushort>(0x7FFA)); // the address of the instruction, for it may start over
    }

    [Fact]
    public void String_moves_repeat_and_wrap_in_their_segment()
    {
        using var bench = new CpuBench();
        bench.Memory.Write(0x500, "abcdefgh"u8);
        bench.Assemble(16, 0x7000, code =>
        {
            code.mov(si, 0x500);
            code.mov(di, 0x600);
            code.mov(cx, 4);
            code.rep.movsw();
            code.hlt();
        });
        StartReal(bench, 0x7000);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal("hgfedcba", string.Concat(Enumerable.Range(0, 8).Select(i => (char)bench.Memory.Read<byte>(0x607 - (ulong)i))));
        Assert.Equal((0UL, 0x508UL, 0x608UL), (bench.State.General[1], bench.State.General[6], bench.State.General[7]));
    }

    [Fact]
    public void Code_that_changes_the_next_instruction_runs_what_it_wrote()
    {
        using var bench = new CpuBench();
        bench.Assemble(16, 0x7000, code =>
        {
            Label patched = code.CreateLabel();
            code.mov(__byte_ptr[0x7006], 0x42); // the immediate of the MOV that follows
            code.mov(al, 0x11);
            code.hlt();
            code.Label(ref patched);
            code.nop();
        });
        StartReal(bench, 0x7000);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(0x42UL, bench.State.General[0]);
    }

    [Fact]
    public void A_budget_is_spent_to_the_instruction()
    {
        using var bench = new CpuBench();
        bench.Assemble(16, 0x7000, code =>
        {
            for (var i = 0; i < 10; i++) code.inc(ax);
            code.hlt();
        });
        StartReal(bench, 0x7000);

        Assert.Equal(VcpuStop.BudgetSpent, bench.Run(budget: 7));
        Assert.Equal((7UL, 0x7007UL), (bench.State.General[0], bench.State.Rip));
    }

    [Fact]
    public void A_fault_without_a_usable_handler_is_a_triple_fault()
    {
        using var bench = new CpuBench();
        bench.Assemble(16, 0x7000, code => code.ud2());
        StartReal(bench, 0x7000);
        bench.Set(registers => registers.State.Idtr.Limit = 0);

        Assert.Equal(VcpuStop.TripleFault, bench.Run());
    }

    private static void StartReal(CpuBench bench, ulong rip) => bench.Set(registers =>
    {
        registers.State.Segments[1] = registers.State.Segments[3] with { Flags = 0x9B00 };
        registers.State.Rip = rip;
        registers.State.General[2] = 0;
        registers.State.General[4] = 0x8000;
    });
}
