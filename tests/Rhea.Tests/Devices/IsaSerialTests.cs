using Rhea.Core;
using Rhea.Core.State;
using Rhea.Devices.Serial;
using Xunit;

namespace Rhea.Tests.Devices;

public class IsaSerialTests
{
    private const ushort Data = 0x3F8, Ier = 0x3F9, Iir = 0x3FA, Lcr = 0x3FB, Mcr = 0x3FC, Lsr = 0x3FD, Msr = 0x3FE, Scr = 0x3FF;

    private readonly PcBench _pc = new();
    private readonly TestWire _line = new();
    private readonly IsaSerial _port;

    public IsaSerialTests()
    {
        _pc.Chardevs.Add("com1", _line);
        _port = new IsaSerial(_pc.IsaSlot(), new() { Index = 0, Chardev = "com1" });
        _port.Reset();
    }

    [Fact]
    public void Reset_values_are_those_of_table_ii()
    {
        Assert.Equal((0x00, 0x01, 0x00, 0x08, 0x60, 0xB0, 0x00),
            (_pc.In(Ier), _pc.In(Iir), _pc.In(Lcr), _pc.In(Mcr), _pc.In(Lsr), _pc.In(Msr), _pc.In(Scr)));
    }

    [Theory]
    [InlineData(0, 0x3F8, 4)]
    [InlineData(1, 0x2F8, 3)]
    [InlineData(2, 0x3E8, 4)]
    [InlineData(3, 0x2E8, 3)]
    public void Com_ports_are_where_dos_looks(int index, ushort port, int irq)
    {
        var pc = new PcBench();
        new IsaSerial(pc.IsaSlot(), new() { Index = index }).Reset();

        pc.Out((ushort)(port + 1), 0x02);

        Assert.Equal([irq], pc.Edges);
    }

    [Fact]
    public void Without_an_index_it_is_the_next_port_that_is_free()
    {
        new IsaSerial(_pc.IsaSlot(), new()).Reset();

        _pc.Out(0x2FF, 0x5A);

        Assert.Equal((0x5A, 0x00), (_pc.In(0x2FF), _pc.In(Scr)));
    }

    [Fact]
    public void There_is_no_fifth_port()
    {
        var error = Assert.Throws<ConfigException>(() => new IsaSerial(_pc.IsaSlot(), new() { Index = 4 }));

        Assert.Equal("Max. supported number of ISA serial ports is 4.", error.Message);
    }

    [Fact]
    public void The_divisor_hides_behind_bit_7_of_the_line_control()
    {
        _pc.Out(Lcr, 0x83);
        _pc.Out(Data, 0x01);
        _pc.Out(Ier, 0x02);
        Assert.Equal((0x01, 0x02), (_pc.In(Data), _pc.In(Ier)));

        _pc.Out(Lcr, 0x03);
        Assert.Equal(0x00, _pc.In(Ier));
        Assert.Equal("", _line.Received);
    }

    [Fact]
    public void A_written_byte_leaves_and_its_interrupt_goes_when_identified()
    {
        _pc.Out(Ier, 0x02);
        Assert.Equal(0x02, _pc.In(Iir));

        _pc.Out(Data, (byte)'A');
        Assert.Equal(("A", 0x60), (_line.Received, _pc.In(Lsr)));
        Assert.Equal((0x02, 0x01), (_pc.In(Iir), _pc.In(Iir)));
        Assert.Equal([4, 4], _pc.Edges);
    }

    [Fact]
    public void Nothing_is_lost_when_the_host_is_slow()
    {
        _pc.Out(Iir, 0x01);
        _line.Room = 1;
        foreach (char c in "abc") _pc.Out(Data, (byte)c);
        Assert.Equal(("a", 0x00), (_line.Received, _pc.In(Lsr)));

        _line.Room = 1;
        _line.Device!.CanWrite();
        Assert.Equal(("ab", 0x20), (_line.Received, _pc.In(Lsr)));

        _line.Room = 9;
        _line.Device!.CanWrite();
        Assert.Equal(("abc", 0x60), (_line.Received, _pc.In(Lsr)));
    }

    [Fact]
    public void A_received_byte_interrupts_until_read()
    {
        _pc.Out(Ier, 0x01);

        _line.Device!.Receive("x"u8);
        Assert.Equal((0, 0x61, 0x04), (_line.Device!.Room, _pc.In(Lsr), _pc.In(Iir)));

        Assert.Equal((byte)'x', _pc.In(Data));
        Assert.Equal((0x60, 0x01, 1, 1), (_pc.In(Lsr), _pc.In(Iir), _line.Device!.Room, _line.Resumed));
    }

    [Fact]
    public void Below_the_trigger_level_a_byte_waits_four_characters()
    {
        _pc.Out(Iir, 0xC1); // 14 bytes
        _pc.Out(Lcr, 0x03);
        _pc.Out(Ier, 0x01);

        _line.Device!.Receive("x"u8);
        Assert.Equal(0xC1, _pc.In(Iir));

        _pc.Clock.AdvanceTo(4_166_000); // at 9600 baud ten bits take 1041666 ns
        Assert.Equal(0xC1, _pc.In(Iir));
        _pc.Clock.AdvanceTo(4_167_000);
        Assert.Equal(0xCC, _pc.In(Iir));

        _pc.In(Data);
        Assert.Equal(0xC1, _pc.In(Iir));
    }

    [Fact]
    public void The_trigger_level_interrupts_and_the_line_is_asked_for_no_more_than_fits()
    {
        _pc.Out(Iir, 0x41); // 4 bytes
        _pc.Out(Ier, 0x01);
        Assert.Equal(4, _line.Device!.Room);

        _line.Device!.Receive("1234"u8);

        Assert.Equal((0xC4, 1), (_pc.In(Iir), _line.Device!.Room));
        Assert.Equal("1234", string.Concat(Enumerable.Range(0, 4).Select(_ => (char)_pc.In(Data))));
    }

    [Fact]
    public void More_than_sixteen_bytes_run_over()
    {
        _pc.Out(Iir, 0x01);
        _pc.Out(Ier, 0x04);

        _line.Device!.Receive(new byte[17]);

        Assert.Equal(0xC6, _pc.In(Iir));
        Assert.Equal((0x63, 0x61), (_pc.In(Lsr), _pc.In(Lsr)));
    }

    [Fact]
    public void A_break_is_a_zero_with_a_flag()
    {
        _line.Device!.Break();

        Assert.Equal((0x71, 0x00), (_pc.In(Lsr), _pc.In(Data)));
    }

    [Fact]
    public void Clearing_the_fifos_forgets_what_is_in_them()
    {
        _pc.Out(Iir, 0x01);
        _line.Device!.Receive("abc"u8);

        _pc.Out(Iir, 0x03);

        Assert.Equal(0x60, _pc.In(Lsr));
    }

    [Fact]
    public void Loopback_sends_to_itself_and_shows_its_own_modem_lines()
    {
        _pc.Out(Mcr, 0x1A);
        _pc.Out(Data, 0x5A);
        _line.Device!.Receive("x"u8);

        Assert.Equal(("", 0x5A, 0x90), (_line.Received, _pc.In(Data), _pc.In(Msr)));
    }

    [Fact]
    public void Bytes_on_their_way_survive_a_save()
    {
        _pc.Out(Iir, 0x01);
        _line.Room = 0;
        foreach (char c in "out") _pc.Out(Data, (byte)c);
        _line.Device!.Receive("in"u8);
        var pc = new PcBench();
        var line = new TestWire();
        pc.Chardevs.Add("com1", line);
        var copy = new IsaSerial(pc.IsaSlot(), new() { Chardev = "com1" });
        copy.Reset();
        var stream = new MemoryStream();
        var wire = new WireWriter(stream);
        new StateWriter(wire).Write(_port, 3);
        wire.Flush();
        stream.Position = 0;

        new StateReader(new WireReader(stream)).Read(copy, 3);
        copy.Loaded();
        line.Device!.CanWrite();

        Assert.Equal(("out", (byte)'i', (byte)'n'), (line.Received, pc.In(Data), pc.In(Data)));
    }
}
