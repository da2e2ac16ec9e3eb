using Rhea.Devices.Serial;
using Xunit;

namespace Rhea.Tests.Devices;

public class PciSerialTests
{
    private const ushort Ports = 0xC000;

    private readonly PcBench _pc = new();
    private readonly TestWire _wire = new();

    public PciSerialTests()
    {
        _pc.Chardevs.Add("com", _wire);
        new PciSerial(_pc.PciSlot(), new() { Chardev = "com" }).Reset();
        _pc.WriteConfig(0x10, 4, Ports);
        _pc.WriteConfig(0x04, 2, 1);
    }

    [Fact]
    public void It_is_the_serial_port_that_every_system_knows()
    {
        Assert.Equal((0x0002_1B36u, 0x0700_0201u), (_pc.ReadConfig(0x00, 4), _pc.ReadConfig(0x08, 4)));
        Assert.Equal(0x60, _pc.In(Ports + 5));
    }

    [Fact]
    public void Its_bytes_go_out_and_its_interrupt_comes_by_its_pin()
    {
        _pc.Out(Ports, (byte)'x');
        Assert.Equal("x", _wire.Received);

        _pc.Out(Ports + 1, 0x02);
        Assert.True(_pc.Pins[^1].Level);

        Assert.Equal(0x02, _pc.In(Ports + 2));
        Assert.False(_pc.Pins[^1].Level);
    }
}
