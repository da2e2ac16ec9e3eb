using Rhea.Core.Machines;
using Rhea.Core.Pci;
using Rhea.Devices.Chipset;
using Rhea.Devices.Pci;
using Rhea.Tests.State;
using Xunit;

namespace Rhea.Tests.Devices;

public class Piix3Tests
{
    private const int Number = 0x08, PirqA = 0x60;

    private readonly PcBench _pc = new();
    private readonly Piix3 _bridge;
    private readonly PciFunction _first, _second; // both pull request 2

    public Piix3Tests()
    {
        new PciHost(_pc.IsaSlot(), _pc.Bus).Reset();
        _bridge = new Piix3(_pc.PciSlot(Number), [.. Enumerable.Range(0, 16).Select(_pc.Input)]);
        _bridge.Reset();
        var identity = new PciIdentity(0x1234, 0x5678, 0, 0x0200, 0, 0, InterruptPin: 1);
        (_first, _second) = (_pc.PciSlot(2 << 3).Plug(identity), _pc.PciSlot(6 << 3).Plug(identity));
    }

    [Fact]
    public void Powers_on_as_in_qemu()
    {
        Assert.Equal([0x7000_8086, 0x0200_0000, 0x0601_0000, 0x0080_0000], Config(0x00, 4));
        Assert.Equal([0, 0, 0, 0x0003_004D], Config(0x40, 4));
        Assert.Equal([0x8080_8080, 0, 0x0000_0200, 0, 0x0000_0080, 0x0C0C_0000, 0x0000_0002], Config(0x60, 7));
        Assert.Equal([0x0000_0008, 0, 0x0000_000F], Config(0xA0, 3));
    }

    [Fact]
    public void A_request_leads_nowhere_until_it_is_routed()
    {
        _first.Interrupt = true;
        Assert.Empty(_pc.Edges);

        Route(2, 11);

        Assert.Equal([11], _pc.Edges);
    }

    [Fact]
    public void A_shared_request_is_high_while_anyone_pulls_it()
    {
        Route(2, 10);
        _first.Interrupt = _second.Interrupt = true;

        _first.Interrupt = false;
        Assert.True(_pc.Input(10).Level);

        _second.Interrupt = false;
        Assert.False(_pc.Input(10).Level);
    }

    [Fact]
    public void A_request_that_is_routed_elsewhere_leaves_its_old_line()
    {
        Route(2, 10);
        _first.Interrupt = true;

        Route(2, 5);
        Assert.Equal((false, true), (_pc.Input(10).Level, _pc.Input(5).Level));

        Route(2, 0x80);
        Assert.False(_pc.Input(5).Level);
    }

    [Fact]
    public void Two_requests_on_one_line_are_one_line()
    {
        PciFunction third = _pc.PciSlot(3 << 3).Plug(new PciIdentity(0x1234, 0x5678, 0, 0x0200, 0, 0, InterruptPin: 1));
        Route(2, 10);
        Route(3, 10);
        _first.Interrupt = third.Interrupt = true;

        third.Interrupt = false;

        Assert.True(_pc.Input(10).Level);
    }

    [Fact]
    public void Port_cf9_keeps_the_kind_of_reset_and_resets_with_bit_2()
    {
        _pc.Out(0xCF9, 0xFB);
        Assert.Equal(0x02, _pc.In(0xCF9));
        Assert.Empty(_pc.Shutdowns);

        _pc.Out(0xCF9, 0x06);
        Assert.Equal([new(ShutdownCause.Reset)], _pc.Shutdowns);
    }

    [Fact]
    public void The_address_of_configuration_cycles_is_not_disturbed_by_cf9()
    {
        _pc.Ports.Write(0xCF8, 4, 0x8000_0800);
        _pc.Out(0xCF9, 0x02);

        Assert.Equal(0x7000_8086u, _pc.Ports.Read(0xCFC, 4));
    }

    [Fact]
    public void Loading_restores_the_lines_without_an_edge()
    {
        Route(2, 11);
        _first.Interrupt = true;
        _pc.Edges.Clear();

        _bridge.Loaded();

        Assert.True(_pc.Input(11).Level);
        Assert.Empty(_pc.Edges);
    }

    [Fact]
    public void Its_section_is_qemus() => QemuSections.AssertDescribes("0000:00:01.0/PIIX3", _bridge);

    [Fact]
    public void The_reset_control_register_travels_when_it_is_set()
    {
        Assert.DoesNotContain("PIIX3/rcr", QemuSections.Describe("PIIX3", _bridge), StringComparison.Ordinal);

        _pc.Out(0xCF9, 0x02);

        Assert.Contains("\"vmsd_name\":\"PIIX3/rcr\",\"version\":1,\"fields\":[{\"name\":\"rcr\",\"type\":\"uint8\",\"size\":1}]",
            QemuSections.Describe("PIIX3", _bridge), StringComparison.Ordinal);
    }

    private uint[] Config(int from, int count) => [.. Enumerable.Range(0, count).Select(i => _pc.ReadConfig(from + (i * 4), 4, Number))];

    private void Route(int request, byte irq) => _pc.WriteConfig(PirqA + request, 1, irq, Number);
}
