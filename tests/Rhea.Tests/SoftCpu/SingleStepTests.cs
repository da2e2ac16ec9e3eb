using Iced.Intel;
using Rhea.Core.Cpu;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>Debug exceptions between instructions (Intel SDM vol. 3, 19.3.1): where they are taken, and what DR6 says then.</summary>
public class SingleStepTests
{
    private const uint Handler = 0x6000, Log = 0x5000;
    private const ulong Step = 0xFFFF_4FF0, Nothing = 0xFFFF_0FF0;

    [Fact]
    public void STI_does_not_hold_a_trap_up() => Assert.Equal(
        [(0x7001UL, Step), (0x7002UL, Step)],
        Run(code =>
        {
            code.sti();
            code.nop();
        }));

    [Fact]
    public void MOV_SS_does() => Assert.Equal(
        [(0x7003UL, Step)],
        Run(code =>
        {
            code.mov(ss, ecx);
            code.nop();
        }));

    [Fact]
    public void INT1_is_no_step_though_it_comes_after_MOV_SS() => Assert.Equal(
        [(0x7003UL, Nothing), (0x7004UL, Step)],
        Run(code =>
        {
            code.mov(ss, ecx);
            code.int1();
            code.nop();
        }));

    [Fact]
    public void Which_breakpoint_it_was_is_told_of_this_exception_alone() => Assert.Equal(
        [(0x7001UL, Step | 0x8000)],
        Run(code => code.nop(), status: 0x800F));

    [Theory]
    [InlineData(0x100u, new ulong[] { })]                 // TF is masked: no trap in the kernel
    [InlineData(0u, new ulong[] { 0x7100, 0x7101 })]
    public void SYSCALL_traps_by_the_TF_it_leaves(uint mask, ulong[] at) => Assert.Equal(
        at,
        Run(code => code.syscall(), mask: mask).Select(entry => entry.Item1));

    [Fact]
    public void SYSRET_traps_at_once_when_it_sets_TF() => Assert.Equal(
        [0x7100UL, 0x7101UL],
        Run(code =>
        {
            code.mov(ecx, 0x7100);
            code.mov(r11d, 0x102);
            code.sysretq();
        }, flags: 2).Select(entry => entry.Item1));

    [Theory]
    [InlineData(0x428u)] // no such bank of machine-check registers
    [InlineData(0x47Fu)]
    [InlineData(0x48u)]  // not in CPUID: SPEC_CTRL, PRED_CMD, FLUSH_CMD
    [InlineData(0x49u)]
    [InlineData(0x10Bu)]
    public void MSRs_that_CPUID_tells_are_not_there_fault(uint number)
    {
        using var bench = new CpuBench();
        bench.Assemble(64, 0x7000, code =>
        {
            code.mov(ecx, number);
            code.rdmsr();
        });
        bench.Long64(0x7000);
        bench.HaltOnExceptions();

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(13, bench.Exception);
    }

    /// <summary>Runs the code with TF set, to a HLT behind it or at 7100h; the handler notes RIP and DR6.</summary>
    private static List<(ulong Rip, ulong Status)> Run(Action<Assembler> write, uint mask = 0, ulong flags = 0x102, ulong status = 0)
    {
        using var bench = new CpuBench();
        bench.Assemble(64, 0x7000, code =>
        {
            write(code);
            code.hlt();
        });
        bench.Memory.Write(0x7100, [0x90, 0xF4]);
        bench.Assemble(64, Handler, code =>
        {
            code.mov(rax, __[rsp]);
            code.mov(__[rbx], rax);
            code.mov(rax, dr6);
            code.mov(__[rbx + 8], rax);
            code.add(rbx, 16);
            code.xor(eax, eax);
            code.mov(dr6, rax);
            code.mov(rax, __[rsp]);
            code.cmp(__byte_ptr[rax], 0xF4);
            Label more = code.CreateLabel();
            code.jne(more);
            code.and(__qword_ptr[rsp + 16], ~0x100); // the next ends it
            code.Label(ref more);
            code.iretq();
        });
        bench.Long64(0x7000);
        bench.Memory.Write(0x2000 + 16, Handler | 0x28UL << 16 | 0x8EUL << 40);
        bench.Memory.Write(0x3004, 0x8000UL);
        bench.Memory.Write(0x1058, 0x00CF_F300_0000_FFFFUL); // for SYSRET: data and 64-bit code of level 3
        bench.Memory.Write(0x1060, 0x00AF_FB00_0000_FFFFUL);
        bench.Set(registers =>
        {
            ref CpuState state = ref registers.State;
            (state.General[1], state.General[3], state.Rflags) = (0x10, Log, flags);
            state.Debug[6] = status == 0 ? Nothing : Nothing | status;
            state.Star = 0x0050_0008_0000_0000;
            (state.Lstar, state.Fmask) = (0x7100, mask);
            state.Tr = CpuBench.TaskState;
        });

        bench.Run(budget: 200);
        var log = new List<(ulong, ulong)>();
        for (ulong at = Log; at < bench.State.General[3]; at += 16) log.Add((bench.Memory.Read<ulong>(at), bench.Memory.Read<ulong>(at + 8)));
        return log;
    }
}
