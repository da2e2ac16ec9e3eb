using Rhea.Core.Cpu;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

public class ProtectedModeTests
{
    private const uint HandlerAt = 0x6000;

    [Fact]
    public void Real_mode_turns_into_protected_and_long_mode()
    {
        using var bench = new CpuBench();
        bench.Long64(0); // for its tables
        bench.Set(registers => registers.Reset(0));
        bench.Memory.Write(0x2F00, (ushort)0x7F);
        bench.Memory.Write(0x2F02, 0x1000u);
        bench.Assemble(16, 0x7000, code =>
        {
            code.lgdt(__[0x2F00]);
            code.mov(eax, cr0);
            code.or(eax, 1);
            code.mov(cr0, eax);
            code.db(0x66, 0xEA, 0x00, 0x71, 0x00, 0x00, 0x08, 0x00); // jmp dword 8:7100
        });
        bench.Assemble(32, 0x7100, code =>
        {
            code.mov(eax, 0x6B0);
            code.mov(cr4, eax);
            code.mov(eax, 0x1_0000);
            code.mov(cr3, eax);
            code.mov(ecx, 0xC000_0080);
            code.mov(eax, 0x100);
            code.xor(edx, edx);
            code.wrmsr();
            code.mov(eax, 0x8000_0011);
            code.mov(cr0, eax);
            code.db(0xEA, 0x00, 0x72, 0x00, 0x00, 0x28, 0x00); // jmp 28:7200
        });
        bench.Assemble(64, 0x7200, code =>
        {
            code.mov(rax, 0x1234_5678_9ABC_DEF0);
            code.hlt();
        });
        bench.Set(registers =>
        {
            registers.State.Segments[1] = registers.State.Segments[3] with { Flags = 0x9B00 };
            registers.State.Rip = 0x7000;
        });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(0x1234_5678_9ABC_DEF0UL, bench.State.General[0]);
        Assert.Equal(0x500UL, bench.State.Efer);
    }

    [Theory]
    [InlineData(0, 13, 0x000Cu)] // an LDT that is not there
    [InlineData(1, 13, 0x0038u)] // no segment at all
    [InlineData(2, 11, 0x0048u)] // not present
    public void Loading_a_bad_selector_is_a_fault_that_names_it(int which, byte vector, uint code)
    {
        using var bench = new CpuBench();
        bench.Protected32(0x7000);
        bench.Memory.Write(0x1048, 0x00CF_1300_0000_FFFFUL);
        Handle(bench, vector);
        ushort selector = which == 0 ? (ushort)0xC : which == 1 ? (ushort)0x38 : (ushort)0x48;
        bench.Assemble(32, 0x7000, c =>
        {
            c.mov(eax, (uint)selector);
            c.mov(ds, eax);
        });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(HandlerAt + 1, bench.State.Rip);
        Assert.Equal(code, bench.Memory.Read<uint>(bench.State.General[4]));
        Assert.Equal(0x7005u, bench.Memory.Read<uint>(bench.State.General[4] + 4));
    }

    [Fact]
    public void An_interrupt_from_level_three_switches_to_the_stack_of_the_TSS_and_comes_back()
    {
        using var bench = new CpuBench();
        bench.Protected32(0x7000);
        Gate(bench, 0x80, HandlerAt, dpl: 3);
        bench.Memory.Write(0x3004, 0x5000u);
        bench.Memory.Write(0x3008, 0x10u);
        bench.Assemble(32, HandlerAt, code =>
        {
            code.mov(ebx, __[esp + 12]); // the outer ESP
            code.iretd();
        });
        bench.Assemble(32, 0x7000, code =>
        {
            code.mov(eax, 0x40);
            code.ltr(ax);
            code.push(0x23);
            code.push(0x4000);
            code.push(0x1B);
            code.push(0x7100);
            code.retf();
        });
        bench.Assemble(32, 0x7100, code =>
        {
            code.@int(0x80);
            code.hlt(); // not allowed here: a fault, and no gate for it
        });

        Assert.Equal(VcpuStop.TripleFault, bench.Run());
        Assert.Equal(0x4000UL, bench.State.General[3]);
        Assert.Equal(0x7102UL, bench.State.Rip);
        Assert.Equal(0x1B, bench.State.Segments[1].Selector);
    }

    [Fact]
    public void A_page_fault_tells_address_and_cause_and_the_instruction_starts_over()
    {
        using var bench = new CpuBench();
        bench.Long64(0x7000);
        bench.Memory.Write(0x1_3000 + (0x200 * 8), 0UL); // 20_0000h is not present
        bench.Memory.Write(0x2000 + (14 * 16), GateValue(HandlerAt, 0x28, 0));
        bench.Memory.Write(0x2000 + (14 * 16) + 8, 0UL);
        bench.Assemble(64, HandlerAt, code =>
        {
            code.pop(rcx); // the error code
            code.mov(rdx, cr2);
            code.mov(__qword_ptr[0x1_4000], 0x20_0007); // the second table's first entry
            code.iretq();
        });
        bench.Assemble(64, 0x7000, code =>
        {
            code.mov(rbx, 0x20_0008);
            code.add(__qword_ptr[rbx], 5);
            code.hlt();
        });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((2UL, 0x20_0008UL), (bench.State.General[1], bench.State.General[2])); // a write, by the supervisor, not present
        Assert.Equal(5UL, bench.Memory.Read<ulong>(0x20_0008));
        Assert.Equal(0x67UL, bench.Memory.Read<ulong>(0x1_4000) & 0xFFF); // accessed and dirty
    }

    [Fact]
    public void A_system_call_goes_to_level_zero_and_back()
    {
        using var bench = new CpuBench();
        bench.Long64(0x7000);
        bench.Set(registers =>
        {
            ref CpuState state = ref registers.State;
            (state.Star, state.Lstar, state.Fmask) = (0x0018_0028_0000_0000, 0x7100, 0x200);
            CpuBench.EnterUser64(ref state);
            state.Rflags = 0x202;
        });
        bench.Assemble(64, 0x7000, code => code.syscall());
        bench.Assemble(64, 0x7100, code => code.hlt());

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((0x7002UL, 0x202UL, 0x7101UL), (bench.State.General[1], bench.State.General[11], bench.State.Rip));
        Assert.Equal((0x28, 0x30), (bench.State.Segments[1].Selector, bench.State.Segments[2].Selector));
        Assert.Equal(0UL, bench.State.Rflags & 0x200);
    }

    [Fact]
    public void A_non_canonical_address_is_a_general_protection_fault()
    {
        using var bench = new CpuBench();
        bench.Long64(0x7000);
        bench.Memory.Write(0x2000 + (13 * 16), GateValue(HandlerAt, 0x28, 0));
        bench.Memory.Write(0x2000 + (13 * 16) + 8, 0UL);
        bench.Assemble(64, HandlerAt, code => code.hlt());
        bench.Assemble(64, 0x7000, code =>
        {
            code.mov(rbx, 0x8000_0000_0000_0000);
            code.mov(rax, __[rbx]);
        });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(0UL, bench.Memory.Read<ulong>(bench.State.General[4]));
    }

    [Fact]
    public void A_single_step_traps_after_each_instruction()
    {
        using var bench = new CpuBench();
        bench.Protected32(0x7000);
        Gate(bench, 1, HandlerAt, dpl: 0);
        bench.Assemble(32, HandlerAt, code =>
        {
            code.inc(ecx);
            code.iretd();
        });
        bench.Assemble(32, 0x7000, code =>
        {
            code.nop();
            code.nop();
            code.nop();
            code.push(2);
            code.popfd(); // still traps: TF was set when it began
            code.hlt();
        });
        bench.Set(registers => registers.State.Rflags |= 0x100);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(5UL, bench.State.General[1]);
        Assert.Equal(0x4000UL, bench.State.Debug[6] & 0x4000);
    }

    [Fact]
    public void A_management_interrupt_saves_all_and_RSM_brings_it_back()
    {
        using var bench = new CpuBench();
        bench.Long64(0x7000);
        bench.Set(registers => registers.State.Smbase = 0x3_0000);
        bench.Assemble(16, 0x3_8000, code =>
        {
            code.mov(dx, CpuBench.Port);
            code.mov(al, 0x99);
            code.@out(dx, al);
            code.rsm();
        });
        bench.Assemble(64, 0x7000, code =>
        {
            code.mov(rax, 0x1122_3344_5566_7788);
            code.hlt();
        });
        bench.Cpu.Signal(CpuSignal.Smi);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(0x99u, Assert.Single(bench.Written));
        Assert.Equal((0x1122_3344_5566_7788UL, false), (bench.State.General[0], bench.State.Smm));
        Assert.Equal(0x7000UL, bench.Memory.Read<ulong>(0x3_FF78));
    }

    [Theory]
    [InlineData(CpuActivity.WaitForSipi)]
    [InlineData(CpuActivity.Halted)] // all that a saved machine tells of a processor that waits
    public void A_start_up_signal_starts_a_processor_that_waits(CpuActivity waiting)
    {
        using var bench = new CpuBench();
        bench.Assemble(16, 0x9000, code =>
        {
            code.mov(bx, cs);
            code.hlt();
        });
        bench.Set(registers => registers.State.Activity = waiting);
        Assert.Equal(VcpuStop.Halted, bench.Run());

        bench.Cpu.Signal(CpuSignal.StartUp, 9);
        bench.Cpu.Sleep(); // there is something to do

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((0x900UL, 3UL), (bench.State.General[3] & 0xFFFF, bench.State.Rip));
    }

    [Theory]
    [InlineData(5_000_000ul, 4_000_000ul)] // a million ahead of guest time
    [InlineData(3_999_999ul, 3_001_000ul)] // past: at once
    [InlineData(0ul, 0ul)]
    public void A_deadline_on_the_time_stamp_counter_follows_what_was_written_to_the_counter(ulong deadline, ulong time)
    {
        using var bench = new CpuBench { Time = 3_000_000, Deadline = 77 };
        bench.Protected32(0x7000);
        bench.Assemble(32, 0x7000, code =>
        {
            code.mov(ecx, 0x10);
            code.mov(eax, 4_000_000);
            code.xor(edx, edx);
            code.wrmsr();
            code.hlt();
            code.mov(ecx, CpuBench.DeadlineMsr);
            code.mov(eax, (uint)deadline);
            code.wrmsr();
            code.rdmsr();
            code.hlt();
        });
        bench.Run();
        bench.Time += 1000;
        bench.Set(registers => registers.State.Activity = CpuActivity.Running);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(time, bench.Deadline);
        Assert.Equal(deadline == 3_999_999 ? 4_001_000 : deadline, bench.State.General[0]);
    }

    [Theory]
    [InlineData(0x10)] // IA32_TIME_STAMP_COUNTER
    [InlineData(0x3B)] // IA32_TSC_ADJUST, which is 0 at the start
    public void A_deadline_comes_sooner_when_the_counter_is_moved_towards_it(int counter)
    {
        using var bench = new CpuBench { Time = 3_000_000 };
        bench.Protected32(0x7000);
        bench.Assemble(32, 0x7000, code =>
        {
            code.mov(ecx, CpuBench.DeadlineMsr);
            code.mov(eax, 8_000_000);
            code.xor(edx, edx);
            code.wrmsr();
            code.mov(ecx, counter);
            code.rdmsr();
            code.add(eax, 1_000_000);
            code.wrmsr();
            code.hlt();
        });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(7_000_000UL, bench.Deadline);
    }

    /// <summary>A handler that only halts.</summary>
    /// <summary>With an operand of 32 bits EBP becomes all of ESP, though on a stack of 16 bits only SP moved.</summary>
    [Fact]
    public void ENTER_sets_all_of_EBP_on_a_stack_of_16_bits()
    {
        using var bench = new CpuBench();
        bench.Protected32(0x7000, rsp: 0x1_8000);
        bench.Assemble(32, 0x7000, code =>
        {
            code.enter(0x10, 0);
            code.hlt();
        });
        bench.Set(registers => registers.State.Segments[2] = new Segment { Selector = 0x10, Limit = 0xFFFF, Flags = 0x9300 });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(0x1_7FFCUL, bench.State.General[5]);
        Assert.Equal(0x1_7FECUL, bench.State.General[4]);
    }

    /// <summary>A selector that has the privilege already is not written: its segment need not be writable.</summary>
    [Theory]
    [InlineData(0xFFF3u, VcpuStop.Halted, 0u)]
    [InlineData(0xFFF0u, VcpuStop.TripleFault, 0u)]
    public void ARPL_writes_only_what_changes(uint selector, VcpuStop stop, uint zero)
    {
        using var bench = new CpuBench();
        bench.Protected32(0x7000);
        bench.Memory.Write(0x5000, selector);
        bench.Assemble(32, 0x7000, code =>
        {
            code.mov(ebx, 2);
            code.arpl(__word_ptr[0x5000], bx);
            code.hlt();
        });
        bench.Set(registers =>
        {
            registers.State.Segments[3] = new Segment { Selector = 0x10, Limit = uint.MaxValue, Flags = 0xC0_9100 };
            registers.State.Idtr.Limit = 0;
        });

        Assert.Equal(stop, bench.Run());
        Assert.Equal(zero, (uint)bench.State.Rflags & 0x40);
    }

    private static void Handle(CpuBench bench, byte vector)
    {
        Gate(bench, vector, HandlerAt, dpl: 0);
        bench.Assemble(32, HandlerAt, code => code.hlt());
    }

    private static void Gate(CpuBench bench, byte vector, uint address, int dpl) =>
        bench.Memory.Write(0x2000 + (vector * 8UL), GateValue(address, 8, dpl));

    private static ulong GateValue(uint address, ushort selector, int dpl) =>
        (address & 0xFFFF) | (ulong)selector << 16 | (0x8E00UL | (ulong)dpl << 13) << 32 | (ulong)(address >> 16) << 48;
}
