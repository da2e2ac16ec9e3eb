using Rhea.Devices.Chipset;
using Xunit;

namespace Rhea.Tests.Devices;

public class IoApicTests
{
    private readonly PcBench _pc = new();
    private readonly IoApic _ioApic;
    private readonly List<(ulong Address, uint Data)> _sent = [];

    public IoApicTests()
    {
        _ioApic = new IoApic(_pc.IsaSlot(), new(), (address, data) => _sent.Add((address, data)));
        _ioApic.Reset();
    }

    [Fact]
    public void Has_24_masked_inputs_and_version_20h()
    {
        Assert.Equal((0x0017_0020u, 0x1_0000u, 0x1_0000u), (Read(1), Read(0x10), Read(0x3E)));
        Assert.Equal(0u, Read(0x40));

        Write(0, 0xFFFF_FFFF);
        Assert.Equal((0x0F00_0000u, 0x0F00_0000u), (Read(0), Read(2)));
    }

    [Fact]
    public void An_edge_is_sent_once_to_where_its_entry_says()
    {
        Write(0x15, 0x0300_0000);
        Write(0x14, 0x0000_0830); // logical

        _ioApic.Inputs[2].NewLine().Set(true);

        Assert.Equal([(0xFEE0_3004, 0x030)], _sent);
        Assert.Equal(0x830u, Read(0x14));
    }

    [Fact]
    public void A_masked_edge_is_lost_and_a_masked_level_is_not()
    {
        _ioApic.Inputs[2].NewLine().Set(true);
        _ioApic.Inputs[3].NewLine().Set(true);

        Write(0x14, 0x30);
        Write(0x16, 0x8031);

        Assert.Equal([(0xFEE0_0000, 0xC031)], _sent);
    }

    [Fact]
    public void A_level_waits_for_the_end_of_its_interrupt_and_asks_again_while_high()
    {
        var line = _ioApic.Inputs[10].NewLine();
        Write(0x24, 0x8045);
        line.Set(true);
        Assert.Equal(0xC045u, Read(0x24)); // remote IRR

        line.Set(false);
        line.Set(true);
        Assert.Single(_sent);

        _ioApic.EndOfInterrupt(0x45);
        Assert.Equal(2, _sent.Count);

        line.Set(false);
        _ioApic.EndOfInterrupt(0x45);
        Assert.Equal((2, 0x8045u), (_sent.Count, Read(0x24)));
    }

    [Fact]
    public void The_guest_may_end_an_interrupt_itself()
    {
        _ioApic.Inputs[10].NewLine().Set(true);
        Write(0x24, 0x8045);

        _pc.Memory.Write(0xFEC0_0040, 4, 0x45);

        Assert.Equal(2, _sent.Count);
    }

    [Fact]
    public void Edge_mode_has_no_remote_irr()
    {
        _ioApic.Inputs[10].NewLine().Set(true);
        Write(0x24, 0x8045);

        Write(0x24, 0x1_0045);

        Assert.Equal(0x1_0045u, Read(0x24));
    }

    private uint Read(byte register)
    {
        _pc.Memory.Write(0xFEC0_0000, 4, register);
        return (uint)_pc.Memory.Read(0xFEC0_0010, 4);
    }

    private void Write(byte register, uint value)
    {
        _pc.Memory.Write(0xFEC0_0000, 4, register);
        _pc.Memory.Write(0xFEC0_0010, 4, value);
    }
}
