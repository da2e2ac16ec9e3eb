using Rhea.Core.Io;
using Rhea.Core.Memory;
using Rhea.Core.Pci;
using Rhea.Tests.Devices;
using Xunit;

namespace Rhea.Tests.Pci;

public class PciBridgeTests
{
    private const int Command = 0x04, Bar0 = 0x10, Bar1 = 0x14, BusNumbers = 0x18, IoWindow = 0x1C, MemoryWindow = 0x20, PrefetchWindow = 0x24;
    private const int Behind = 1, Inner = 0x18; // device 3

    private readonly PcBench _pc = new();
    private readonly PciBridge _bridge;
    private readonly PciFunction _inner;

    public PciBridgeTests()
    {
        PciFunction function = _pc.PciSlot().Plug(new PciIdentity(0x1B36, 0x0001, 0, 0x0604, 0, 0));
        _bridge = new PciBridge(function, "bridge0");
        function.Reset();
        _inner = new PciSlot(_pc.Services, _bridge.Bus, Inner).Plug(new PciIdentity(0x1234, 0x5678, 0, 0x0200, 0, 0, InterruptPin: 2));
        _inner.AddMemoryBar(0, 0x1000, MemoryRegion.Io(new IoRegion("registers", 0x1000, AccessSizes.Byte, (_, _) => 0x11, (_, _, _) => { })));
        _inner.AddPortBar(1, new IoRegion("ports", 0x20, AccessSizes.Byte, (_, _) => 0x42, (_, _, _) => { }));
        _inner.Reset();
        _pc.WriteConfig(BusNumbers, 4, 0x0001_0100);
    }

    [Fact]
    public void Configuration_cycles_go_to_the_bus_behind_once_it_is_numbered()
    {
        Assert.Equal(0x5678_1234u, _pc.Bus.ReadConfig(Behind, Inner, 0, 4));

        _pc.WriteConfig(BusNumbers, 4, 0x0005_0500);

        Assert.Equal(0xFFFF_FFFFu, _pc.Bus.ReadConfig(Behind, Inner, 0, 4));
        Assert.Equal(0x5678_1234u, _pc.Bus.ReadConfig(5, Inner, 0, 4));
    }

    [Fact]
    public void Has_the_header_of_a_bridge()
    {
        Assert.Equal(0x01u, _pc.ReadConfig(0x0E, 1));
        Assert.Equal(0x0001_0001u, _pc.ReadConfig(PrefetchWindow, 4));
    }

    [Fact]
    public void The_stream_names_what_is_behind_by_the_way_to_it()
    {
        Assert.Equal("0000:00:02.0", _bridge.Bus.Path);
        Assert.Equal("bridge0", _bridge.Bus.Name);
    }

    [Fact]
    public void Memory_is_seen_through_the_window_alone()
    {
        Inside(Bar0, 0xFE00_0000);
        Inside(Command, 2);
        _pc.WriteConfig(Command, 2, 2);
        Assert.Equal(0xFFu, _pc.Memory.Read(0xFE00_0000, 1));

        _pc.WriteConfig(MemoryWindow, 4, 0xFE00_FE00);
        Assert.Equal(0x11u, _pc.Memory.Read(0xFE00_0000, 1));

        _pc.WriteConfig(Command, 2, 0);
        Assert.Equal(0xFFu, _pc.Memory.Read(0xFE00_0000, 1));
    }

    [Fact]
    public void The_prefetchable_window_shows_it_too()
    {
        Inside(Bar0, 0xFD00_0000);
        Inside(Command, 2);
        _pc.WriteConfig(MemoryWindow, 4, 0x0000_FFF0); // closed
        _pc.WriteConfig(PrefetchWindow, 4, 0xFD00_FD00);
        _pc.WriteConfig(Command, 2, 2);

        Assert.Equal(0x11u, _pc.Memory.Read(0xFD00_0FFF, 1));
    }

    [Fact]
    public void Ports_are_seen_through_the_window_alone()
    {
        Inside(Bar1, 0xC000);
        Inside(Command, 1);
        _pc.WriteConfig(Command, 2, 1);
        Assert.Equal(0xFF, _pc.In(0xC000));

        _pc.WriteConfig(IoWindow, 2, 0xC0C0);
        Assert.Equal(0x42, _pc.In(0xC000));

        _pc.WriteConfig(IoWindow, 2, 0xD0D0);
        Assert.Equal(0xFF, _pc.In(0xC000));
    }

    [Fact]
    public void A_pin_behind_is_a_pin_of_the_bridge_turned_by_the_slot()
    {
        _inner.Interrupt = true; // pin B of device 3: pin A of the bridge, (3 + 1) & 3

        Assert.Equal([new(2, 0, true, 2)], _pc.Pins);
    }

    [Fact]
    public void Masters_behind_need_the_bridge_to_be_one()
    {
        Inside(Command, 4);
        Assert.False(_inner.Dma.Connected);

        _pc.WriteConfig(Command, 2, 4);

        Assert.True(_inner.Dma.Connected);
    }

    private void Inside(int register, uint value) => _pc.Bus.WriteConfig(Behind, Inner, register, 4, value);
}
