using Rhea.Core.Backends;
using Rhea.Devices.Parallel;
using Xunit;

namespace Rhea.Tests.Devices;

public class ParallelPortTests
{
    private const ushort Data = 0x378, Status = 0x379, Control = 0x37A;

    private readonly PcBench _pc = new();
    private readonly TestWire _printer = new();
    private readonly ParallelPort _port;

    public ParallelPortTests()
    {
        _pc.Chardevs.Add("lp", _printer);
        _port = new ParallelPort(_pc.IsaSlot(), new() { Chardev = "lp" });
        _port.Reset();
    }

    [Fact]
    public void A_byte_is_printed_at_the_front_of_the_strobe_and_acknowledged_after_it()
    {
        Assert.Equal((0xD9, 0xCC), (_pc.In(Status), _pc.In(Control)));

        _pc.Out(Data, (byte)'A');
        _pc.Out(Control, 0x0D);
        _pc.Out(Control, 0x0D);
        Assert.Equal(("A", 0x59), (_printer.Received, _pc.In(Status)));

        _pc.Out(Control, 0x0C);
        Assert.Equal([0x59, 0x19, 0xD9], [_pc.In(Status), _pc.In(Status), _pc.In(Status)]);
    }

    [Fact]
    public void With_interrupts_on_the_end_of_the_strobe_interrupts_until_the_status_is_read()
    {
        _pc.Out(Control, 0x1D);
        _pc.Out(Control, 0x1C);
        Assert.Equal([7], _pc.Edges);

        _pc.In(Status);

        Assert.False(_pc.Input(7).Level);
    }

    [Fact]
    public void Input_reads_the_pins_and_output_the_latch()
    {
        _pc.Out(Data, 0x42);
        Assert.Equal(0x42, _pc.In(Data));

        _pc.Out(Control, 0x2C);

        Assert.Equal((0xFF, 0xEC), (_pc.In(Data), _pc.In(Control)));
    }

    [Fact]
    public void A_host_that_takes_nothing_keeps_the_printer_busy()
    {
        _printer.Room = 0;
        _pc.Out(Data, (byte)'x');
        _pc.Out(Control, 0x0D);
        _pc.Out(Control, 0x0C);
        Assert.Equal([0x59, 0x59, 0x59], [_pc.In(Status), _pc.In(Status), _pc.In(Status)]);

        _printer.Room = int.MaxValue;
        ((ICharFrontend)_port).CanWrite();

        Assert.Equal("x", _printer.Received);
        Assert.Equal([0x59, 0x19, 0xD9], [_pc.In(Status), _pc.In(Status), _pc.In(Status)]);
    }

    [Fact]
    public void Initializing_ends_the_wait()
    {
        _pc.Out(Control, 0x0D);
        _pc.Out(Control, 0x08);

        Assert.Equal(0xD8, _pc.In(Status));
    }
}
