using System.Collections.Concurrent;
using System.Text;
using Rhea.Backends.Char;
using Rhea.Control.Gdb;
using Rhea.Control.Monitor;
using Rhea.Core.Machines;
using Rhea.Devices;
using Xunit;

namespace Rhea.Tests.Control;

/// <summary>GDB's packets and what the stub answers.</summary>
public sealed class GdbServerTests : IDisposable
{
    private readonly VirtualMachine _pc = VirtualMachine.Create("-accel", "tcg", "-m", "16", "-nodefaults", "-smp", "2", "-display", "none", "-nic", "none", "-S");
    private readonly RingChar _line = new();
    private readonly BlockingCollection<string> _pieces = [];
    private string _heard = "";
    private GdbServer? _stub;

    public GdbServerTests()
    {
        _line.Sent += bytes => _pieces.Add(Encoding.Latin1.GetString(bytes.Span));
        _pc.Start();
        _pc.Machine.Loop.Post(_ => _stub = new GdbServer(Monitors.Of(_pc.Machine, _pc.Configuration, DeviceCatalog.All), _line), null);
    }

    public void Dispose() => _pc.Dispose();

    [Theory]
    [InlineData("?", "T05thread:01;")]
    [InlineData("qSupported:swbreak+", "PacketSize=fff0;qXfer:features:read+;vContSupported+;QStartNoAckMode+")]
    [InlineData("qAttached", "1")]
    [InlineData("qC", "QC01")]
    [InlineData("qfThreadInfo", "m01,02")]
    [InlineData("qsThreadInfo", "l")]
    [InlineData("T2", "OK")]
    [InlineData("T3", "E22")]
    [InlineData("vCont?", "vCont;c;C;s;S")]
    [InlineData("vMustReplyEmpty", "")]
    [InlineData("p10", "f0ff000000000000")] // RIP
    [InlineData("p12", "00f00000")]         // CS
    [InlineData("p999", "E22")]
    [InlineData("pzz", "E22")]
    [InlineData("m", "E22")]
    [InlineData("m0,4", "00000000")]
    [InlineData("M0,4:zz", "E22")]
    [InlineData("Z9,0,1", "")]
    [InlineData("G1", "E22")]
    public void It_answers(string packet, string answer) => Assert.Equal(answer, Ask(packet));

    [Fact]
    public void It_passes_commands_to_the_monitor() =>
        Assert.Equal(Convert.ToHexStringLower("VM status: paused (prelaunch)\n"u8), Ask($"qRcmd,{Convert.ToHexString("info status"u8)}"));

    [Fact]
    public void Memory_and_registers_keep_what_is_written()
    {
        Assert.Equal("OK", Ask("M1000,3:112233"));
        Assert.Equal("112233", Ask("m1000,3"));
        Assert.Equal("OK", Ask("X1000,2:}]\u0001")); // an escaped brace
        Assert.Equal("7d0133", Ask("m1000,3"));
        Assert.Equal("OK", Ask("P0=8877665500000000"));
        Assert.Equal("8877665500000000", Ask("p0"));
        Assert.Equal("E22", Ask("P12=00000000"));
    }

    [Fact]
    public void The_description_comes_in_pieces_and_names_the_registers_in_the_order_of_g()
    {
        string first = Ask("qXfer:features:read:target.xml:0,100"), rest = Ask($"qXfer:features:read:target.xml:{first.Length - 1:x},f000");

        Assert.Equal(('m', 'l'), (first[0], rest[0]));
        string description = first[1..] + rest[1..];
        Assert.EndsWith("</target>", description, StringComparison.Ordinal);
        int bits = description.Split("bitsize=\"")[1..].Sum(part => int.Parse(part[..part.IndexOf('"')], null));
        Assert.Equal(bits / 4, Ask("g").Length);
    }

    [Fact]
    public void A_packet_that_arrives_damaged_is_asked_for_again()
    {
        Say("$qC#00");
        Assert.Equal("-", Hear(1));
        Say("$qC#b4");
        Assert.Equal("+$QC01#f5", Hear(9));
        Say("-");
        Assert.Equal("$QC01#f5", Hear(8));
    }

    [Fact]
    public void Nonsense_does_no_harm()
    {
        uint seed = 7;
        const string letters = "?gGpPmMXZzHTvqQ0123456789abcdef:;,=-Cont";
        for (var i = 0; i < 3000; i++)
        {
            var packet = new StringBuilder();
            for (uint length = Next() % 20; length > 0; length--) packet.Append(letters[(int)(Next() % (uint)letters.Length)]);
            if (packet.Length == 0 || packet[0] is not ('c' or 'C')) Ask(packet.ToString()); // those let the machine go on
        }

        Assert.Equal("QC", Ask("qC")[..2]);
        Assert.Null(_pc.Machine.Loop.Fault);

        uint Next() => (seed = unchecked((seed * 1664525) + 1013904223)) >> 8;
    }

    [Fact]
    public void It_runs_the_machine_and_stops_it()
    {
        Assert.Equal("OK", Ask("Z0,ffffe05b,1")); // never reached: the BIOS goes on below 1 MiB
        Assert.Equal("OK", Ask("Z1,fe05b,1"));
        Assert.Equal("T05thread:01;", Ask("c"));
        Assert.Equal("5be0000000000000", Ask("p10"));
        Assert.Equal("OK", Ask("z1,fe05b,1"));
        Assert.Equal("T05thread:01;", Ask("vCont;s:1;c"));
        Assert.NotEqual("5be0000000000000", Ask("p10"));
        Send("c");
        Say("\u0003");
        Assert.Equal("T02thread:01;", Receive());
        Assert.Equal("OK", Ask("D"));
        Assert.Equal(RunState.Running, _pc.Machine.Invoke(() => _pc.State));
    }

    private string Ask(string packet)
    {
        Send(packet);
        return Receive();
    }

    private void Send(string data)
    {
        byte sum = 0;
        foreach (byte value in Encoding.Latin1.GetBytes(data)) sum += value;
        Say($"${data}#{sum:x2}");
        Assert.Equal("+", Hear(1));
    }

    private string Receive()
    {
        Assert.Equal("$", Hear(1));
        var data = new StringBuilder();
        for (string next; (next = Hear(1)) != "#";) data.Append(next);
        _ = Hear(2);
        Say("+");
        return data.ToString();
    }

    private void Say(string text) => _pc.Machine.Loop.Post(_ => _line.Send(Encoding.Latin1.GetBytes(text)), null);

    private string Hear(int length)
    {
        while (_heard.Length < length)
        {
            Assert.True(_pieces.TryTake(out string? piece, TimeSpan.FromSeconds(20)), $"nothing more after '{_heard}'");
            _heard += piece;
        }

        string heard = _heard[..length];
        _heard = _heard[length..];
        return heard;
    }
}
