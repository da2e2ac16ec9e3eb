using Rhea.Control.Monitor.Hmp;
using Rhea.Core.Machines;
using Rhea.Core.Monitor;
using Xunit;

namespace Rhea.Tests.Control;

public sealed class HmpServerTests : IDisposable
{
    private readonly MonitorBench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void It_greets_echoes_and_answers()
    {
        MonitorBench.Client client = _bench.Hmp();
        Assert.Equal("QEMU 7.2.22 monitor - type 'help' for more information\r\n(qemu) ", client.Until("(qemu) "));

        client.Say("in");
        Assert.Equal("i\e[K\e[Din\e[K", client.Until("in\e[K"));
        client.Say("f\u007Ffo status\r");

        Assert.Equal("VM status: paused (prelaunch)\r\n(qemu) ", client.Until("(qemu) ")[^38..]);
    }

    [Fact]
    public void The_arrow_brings_back_the_line_before()
    {
        MonitorBench.Client client = _bench.Hmp();
        client.Until("(qemu) ");

        client.Say("cont\r");
        client.Until("(qemu) ");
        client.Say("stop\r");
        client.Until("(qemu) ");
        client.Say("\e[A\e[A\r");
        client.Until("(qemu) ");

        Assert.Equal(RunState.Running, _bench.Machine.State);
    }

    [Fact]
    public void A_tab_completes_a_name()
    {
        MonitorBench.Client client = _bench.Hmp();
        client.Until("(qemu) ");

        client.Say("info sta\t\r");

        client.Until("VM status: paused");
    }

    /// <summary>Lines, and what QEMU 7.2.22 prints.</summary>
    [Theory]
    [InlineData("foo", "unknown command: 'foo'\n")]
    [InlineData("info foo", "unknown command: 'info foo'\n")]
    [InlineData("stop foo", "stop|s: extraneous characters at the end of line\nTry \"help stop\" for more information\n")]
    [InlineData("screendump", "screendump: filename expected\nTry \"help screendump\" for more information\n")]
    [InlineData("print 1+2*3", "0x7\n")]
    [InlineData("print /x 0x10", "0x10\n")]
    [InlineData("p/d -5", "-5\n")]
    [InlineData("p (1|6)&0xc", "0x4\n")]
    [InlineData("print foo", "invalid char 'f' in expression\nTry \"help print\" for more information\n")]
    [InlineData("print 1/0", "division by zero\nTry \"help print\" for more information\n")]
    [InlineData("xp /2dg 0", "0000000000000000:                    0                    0\n")]
    [InlineData("xp /3ub 0", "0000000000000000:   0   0   0\n")]
    [InlineData("xp /2xw 0x10", "0000000000000010: 0x00000000 0x00000000\n")]
    [InlineData("i /b 0x123", "portb[0x0123] = 0xff\n")]
    [InlineData("info version", "7.2.22 rhea 0.1\n")]
    [InlineData("info name", "vm1\n")]
    [InlineData("info uuid", "00000000-0000-0000-0000-000000000000\n")]
    [InlineData("sendkey foo", "Error: invalid parameter: foo\n")]
    [InlineData("device_del x", "Error: Device 'x' not found\n")]
    [InlineData("help quit", "quit|q  -- quit the emulator\n")]
    [InlineData("help x", "x /fmt addr -- virtual memory dump starting at 'addr'\n")]
    [InlineData("help foo", "unknown command: 'foo'\n")]
    public void It_answers_as_QEMU(string line, string answer) => Assert.Equal(answer, Run(line));

    [Fact]
    public void Memory_is_shown_in_every_form()
    {
        _bench.Machine.Memory.Write(0x1000, 8, 0x0A27_2480_C4EA_B866);

        Assert.Equal("0000000000001000: 'f' '\\xb8' '\\xea' '\\xc4' '\\x80' '$' '\\'' '\\n'\n", Run("xp /8cb 0x1000"));
        Assert.Equal("0000000000001000: 0x66 0xb8 0xea 0xc4\n", Run("xp /4xb 0x1000"));
        Assert.Equal("0x00001000:  66 b8 ea c4 80 24        movl     $0x2480c4ea, %eax\n", Run("xp /i 0x1000"));
    }

    [Fact]
    public void The_map_names_who_answers()
    {
        Assert.Contains("(prio 0, ram): pc.ram\n", Run("info mtree -f"), StringComparison.Ordinal);
        Assert.Contains("0000000000000070-0000000000000071 (prio 0, i/o): rtc\n", Run("info mtree"), StringComparison.Ordinal);
        Assert.Contains("Class 0880: PCI device 1b36:0011\n      PCI subsystem 1af4:1100\n", Run("info pci"), StringComparison.Ordinal);
        Assert.Contains("bus: pci.0\n    type PCI\n    dev: pvpanic-pci, id \"\"\n", Run("info qtree"), StringComparison.Ordinal);
        Assert.Contains("pic0: irr=00 imr=00 isr=00 hprio=0 irq_base=00 rr_sel=0 elcr=00 fnm=0\n", Run("info pic"), StringComparison.Ordinal);
    }

    [Fact]
    public void Nonsense_is_answered()
    {
        uint seed = 3;
        string[] parts = ["x", "print", " ", "/", "4", "xb", "$eax", "-", "(", ")", "\"", "info", "registers", "i", "'", "quit2", "help", "9999999999", "%", "0x"];

        for (var i = 0; i < 5000; i++) Run(string.Concat(Enumerable.Range(0, 8).Select(_ => parts[Next() % (uint)parts.Length])));

        Assert.Null(_bench.Machine.Loop.Fault);

        uint Next() => seed = (seed * 1664525) + 1013904223 >> 1;
    }

    private string Run(string line) => _bench.Machine.Invoke(() => HmpDispatcher.Run(new MonitorSession(_bench.Monitored), line));
}
