using Rhea.Devices.Pci;
using Xunit;

namespace Rhea.Tests.Devices;

public class PciHostTests
{
    private readonly PcBench _pc = new();

    public PciHostTests()
    {
        new PciHost(_pc.IsaSlot(), _pc.Bus).Reset();
        _pc.PciSlot().Plug(new(0x8086, 0x1237, 2, 0x0600, 0x1AF4, 0x1100));
    }

    [Fact]
    public void The_window_shows_the_register_at_every_width()
    {
        _pc.Ports.Write(0xCF8, 4, 0x8000_1000);

        Assert.Equal(0x1237_8086u, _pc.Ports.Read(0xCFC, 4));
        Assert.Equal((0x1237u, 0x12u), (_pc.Ports.Read(0xCFE, 2), _pc.Ports.Read(0xCFF, 1)));
    }

    [Fact]
    public void The_address_is_written_as_a_doubleword_or_not_at_all()
    {
        _pc.Ports.Write(0xCF8, 4, 0x8000_1000);

        _pc.Ports.Write(0xCF8, 1, 0x04);
        _pc.Ports.Write(0xCF8, 2, 0x0004);

        Assert.Equal(0x8000_1000u, _pc.Ports.Read(0xCF8, 4));
    }

    [Fact]
    public void Without_the_enable_bit_and_where_nobody_is_all_bits_are_ones()
    {
        _pc.Ports.Write(0xCF8, 4, 0x0000_1000);
        Assert.Equal(0xFFFF_FFFFu, _pc.Ports.Read(0xCFC, 4));

        _pc.Ports.Write(0xCF8, 4, 0x8000_1800);
        Assert.Equal(0xFFFFu, _pc.Ports.Read(0xCFC, 2));

        _pc.Ports.Write(0xCF8, 4, 0x8001_1000); // another bus
        Assert.Equal(0xFFFF_FFFFu, _pc.Ports.Read(0xCFC, 4));
    }

    [Fact]
    public void The_byte_inside_the_address_register_is_left_to_the_south_bridge()
    {
        Assert.Null(_pc.Ports.Owner(0xCF9));
    }
}
