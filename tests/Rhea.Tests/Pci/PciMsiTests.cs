using Rhea.Core.Pci;
using Rhea.Tests.Devices;
using Xunit;

namespace Rhea.Tests.Pci;

public class PciMsiTests
{
    private const int Command = 0x04, Status = 0x06, Capabilities = 0x34;
    private const int Control = 0x42, Address = 0x44, AddressUpper = 0x48, Data = 0x4C, Mask = 0x50, Pending = 0x54;

    private readonly PcBench _pc = new();
    private readonly PciFunction _function;
    private readonly PciMsi _msi;

    public PciMsiTests()
    {
        _function = _pc.PciSlot().Plug(new PciIdentity(0x1234, 0x5678, 0, 0x0100, 0, 0, InterruptPin: 1));
        _msi = _function.AddMsi(vectors: 4, wide: true, maskable: true);
        _function.Reset();
        _pc.WriteConfig(Command, 2, 4);
        _pc.WriteConfig(Address, 4, 0xFEE0_1000);
        _pc.WriteConfig(Data, 2, 0x4033);
    }

    [Fact]
    public void Is_found_through_the_list_of_capabilities()
    {
        Assert.Equal(0x10u, _pc.ReadConfig(Status, 1) & 0x10);
        Assert.Equal(0x40u, _pc.ReadConfig(Capabilities, 1));
        Assert.Equal(0x0184_0005u, _pc.ReadConfig(0x40, 4)); // 64 bits, maskable, four vectors
    }

    [Fact]
    public void A_message_goes_where_the_guest_said()
    {
        _pc.WriteConfig(Control, 2, 0x0001);

        _msi.Send(0);

        Assert.Equal([(0xFEE0_1000ul, 0x4033u)], _pc.Messages);
    }

    [Fact]
    public void The_vector_replaces_as_many_bits_of_the_data_as_the_guest_granted()
    {
        _pc.WriteConfig(Control, 2, 0x0021); // four

        _msi.Send(2);

        Assert.Equal([(0xFEE0_1000ul, 0x4032u)], _pc.Messages);
    }

    [Fact]
    public void No_more_vectors_are_granted_than_offered()
    {
        _pc.WriteConfig(Control, 2, 0x0071);

        Assert.Equal(0x01A5u, _pc.ReadConfig(Control, 2));
    }

    [Fact]
    public void A_masked_vector_waits_until_it_is_unmasked()
    {
        _pc.WriteConfig(Control, 2, 0x0021);
        _pc.WriteConfig(Mask, 4, 0xFFFF_FFFF);
        _msi.Send(3);
        Assert.Equal((0xFu, 8u), (_pc.ReadConfig(Mask, 4), _pc.ReadConfig(Pending, 4)));
        Assert.Empty(_pc.Messages);

        _pc.WriteConfig(Mask, 4, 7);

        Assert.Equal([(0xFEE0_1000ul, 0x4033u)], _pc.Messages);
        Assert.Equal(0u, _pc.ReadConfig(Pending, 4));
    }

    [Fact]
    public void Enabling_messages_lets_go_of_the_pin()
    {
        _function.Interrupt = true;

        _pc.WriteConfig(Control, 2, 0x0001);

        Assert.False(_pc.Bus.Level(2));
    }

    [Fact]
    public void Who_is_no_bus_master_sends_nothing()
    {
        _pc.WriteConfig(Control, 2, 0x0001);
        _pc.WriteConfig(Command, 2, 0);

        _msi.Send(0);

        Assert.Empty(_pc.Messages);
    }

    [Fact]
    public void Reset_switches_messages_off()
    {
        _pc.WriteConfig(AddressUpper, 4, 1);
        _pc.WriteConfig(Control, 2, 0x0001);

        _function.Reset();

        Assert.False(_msi.Enabled);
        Assert.Equal((0u, 0u, 0u), (_pc.ReadConfig(Address, 4), _pc.ReadConfig(AddressUpper, 4), _pc.ReadConfig(Data, 2)));
    }
}
