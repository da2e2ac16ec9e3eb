using System.Text;
using Rhea.Core.Config;
using Rhea.Core.Cpu;
using Rhea.SoftCpu;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>What <c>-d</c> tells of guest code, in QEMU's shape.</summary>
public class ExecutionLogTests
{
    private readonly StringBuilder _log = new();

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    public void Code_is_disassembled_once_where_it_is_decoded(int warmth)
    {
        using CpuBench bench = Loop(warmth, "in_asm");

        bench.Run();

        Assert.Equal("""
            ----------------
            IN: 
            0x00007000:  b9 64 00 00 00           movl     $0x64, %ecx

            """.ReplaceLineEndings("\n") + "0x00007005:  49                       decl     %ecx\n"
            + "0x00007006:  75 fd                    jne      0x7005\n0x00007008:  f4                       hlt\n\n",
            _log.ToString()[.._log.ToString().IndexOf("\n\n", StringComparison.Ordinal)] + "\n\n");
        Assert.Equal(2, Count("IN: ")); // from its start, and from the loop's
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    public void Every_block_that_is_entered_is_told_of_without_chains(int warmth)
    {
        using CpuBench bench = Loop(warmth, "exec", "nochain");

        bench.Run();

        Assert.Equal(1, Count("/0000000000007000/"));
        Assert.Equal(99, Count("/0000000000007005/"));
        Assert.Matches(@"^Trace 0: 0x[0-9a-f]+ \[0000000000000000/0000000000007000/[0-9a-f]{8}/00000200\] \n", _log.ToString());
    }

    [Fact]
    public void Hot_blocks_are_counted_although_one_leads_to_the_next_unseen()
    {
        using CpuBench bench = Loop(0, "hot"), quiet = Loop(0);

        bench.Run(long.MaxValue);
        quiet.Run(long.MaxValue);

        Assert.Matches(@"\n  0000000000007005  +3 +4  +[0-9]+ +99 +1 +[01]\n", bench.Cpu.TranslatorReport()); // HLT is interpreted
        Assert.Matches(@"\n  0000000000007000  +4 +9  +[0-9]+ +1 +0 +[01]\n", bench.Cpu.TranslatorReport());
        Assert.DoesNotContain("hot blocks", quiet.Cpu.TranslatorReport(), StringComparison.Ordinal);
    }

    [Fact]
    public void Chained_blocks_are_told_of_when_the_chain_is_entered()
    {
        using CpuBench bench = Loop(0, "exec");

        bench.Run();

        Assert.InRange(Count("/0000000000007005/"), 1, 10);
    }

    [Theory]
    [InlineData("0x7000..0x7000", 1)]
    [InlineData("0x7005+0x1", 99)]
    [InlineData("0x7005-0x2", 99)]
    [InlineData("0x8000..0x8fff,0x7000+6", 100)]
    [InlineData("0x7001..0x7004", 0)]
    public void Only_code_in_the_wanted_ranges_is_told_of(string ranges, int blocks)
    {
        using CpuBench bench = Loop(-1, AddressRange.ParseList(ranges), "exec", "nochain");

        bench.Run();

        Assert.Equal(blocks, Count("Trace 0:"));
    }

    [Fact]
    public void Registers_come_with_every_block()
    {
        using CpuBench bench = Loop(-1, "cpu", "nochain");

        bench.Run();

        Assert.Contains("EAX=00000000 EBX=00000000 ECX=00000032 EDX=", _log.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("FCW", _log.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("Trace", _log.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Interrupts_and_exceptions_are_told_of_with_registers()
    {
        using var bench = new CpuBench(log: Log("int"));
        bench.Protected32(0x7000);
        bench.Assemble(32, 0x7000, code =>
        {
            code.@int(0x40);
            code.ud2();
        });
        bench.Assemble(32, 0x6000, code => code.iretd());
        bench.Assemble(32, 0x6100, code => code.hlt());
        bench.Memory.Write(0x2000 + (0x40 * 8), 0x0000_8E00_0008_6000UL);
        bench.Memory.Write(0x2000 + (6 * 8), 0x0000_8E00_0008_6100UL);

        Assert.Equal(VcpuStop.Halted, bench.Run());

        string[] lines = _log.ToString().Split('\n');
        Assert.Equal("     0: v=40 e=0000 i=1 cpl=0 IP=0008:0000000000007002 pc=0000000000007002 SP=0010:0000000000009000 env->regs[R_EAX]=0000000000000000", lines[0]);
        Assert.Contains("check_exception old: 0xffffffff new 0x6", lines);
        Assert.Contains("     1: v=06 e=0000 i=0 cpl=0 IP=0008:0000000000007002 pc=0000000000007002 SP=0010:0000000000009000 env->regs[R_EAX]=0000000000000000", lines);
    }

    [Fact]
    public void An_interrupt_from_outside_is_told_of_in_real_mode_too()
    {
        using var bench = new CpuBench(log: Log("int"));
        bench.Memory.Write(0x20 * 4, 0x0000_6000u);
        bench.Assemble(16, 0x6000, code => code.hlt());
        bench.Assemble(16, 0x7000, code => code.sti());
        bench.Set(registers => (registers.State.Rip, registers.State.Segments[1]) = (0x7000, registers.State.Segments[3] with { Flags = 0x9B00 }));
        (bench.Vector, bench.Cpu.DebugStops) = (0x20, DebugStops.None);
        bench.Cpu.SetIntr(true);

        bench.Run();

        Assert.Equal("Servicing hardware INT=0x20\n", _log.ToString());
    }

    [Fact]
    public void Resets_are_told_of_with_what_was_before()
    {
        using var bench = new CpuBench(log: Log("cpu_reset"));
        bench.Set(registers => registers.State.General[0] = 0x1234);

        bench.Cpu.Resetting();
        bench.Cpu.Signal(CpuSignal.Init);
        bench.Run(1);

        Assert.Equal(2, Count("CPU Reset (CPU 0)\nEAX=00001234 "));
        Assert.Equal(2, Count("FCW=037f"));
    }

    [Theory]
    [InlineData("0x1000")]
    [InlineData("0x2000..0x1000")]
    [InlineData("5+0")]
    [InlineData("a..b")]
    public void A_range_that_is_none_is_refused(string text) => Assert.Throws<Core.ConfigException>(() => AddressRange.ParseList(text));

    /// <summary>A hundred times round.</summary>
    private CpuBench Loop(int warmth, params string[] items) => Loop(warmth, [], items);

    private CpuBench Loop(int warmth, IReadOnlyList<AddressRange> only, params string[] items)
    {
        var bench = new CpuBench(warmth: warmth, log: new ExecutionLog(items, only, text => _log.Append(text)));
        bench.Protected32(0x7000);
        bench.Assemble(32, 0x7000, code =>
        {
            code.mov(ecx, 100);
            Iced.Intel.Label again = code.CreateLabel();
            code.Label(ref again);
            code.dec(ecx);
            code.jne(again);
            code.hlt();
        });
        return bench;
    }

    private ExecutionLog Log(params string[] items) => new(items, [], text => _log.Append(text));

    private int Count(string text) => _log.ToString().Split(text).Length - 1;
}
