using Rhea.Core.Machines;
using Rhea.Core.Pci;
using Rhea.Devices.Debug;
using Rhea.Devices.Pci;
using Rhea.Tests.Cpu;
using Rhea.Tests.State;
using Xunit;

namespace Rhea.Tests.Devices;

public sealed class PciPciBridgeTests : IDisposable
{
    private const int Bridge = 0x28, Panic = 0x08;

    private readonly Machine _machine = TinyBoard.Build(new FakeAccelerator(hosted: false));
    private readonly PciBus _bus;
    private readonly PciPciBridge _bridge;

    public PciPciBridgeTests()
    {
        _bus = (PciBus)_machine.Devices["pci.0"].Device;
        _bridge = _machine.Parts.Add("bridge", _bus, Bridge, slot => new PciPciBridge(slot, new() { Chassis = 3 }), id: "b1");
        _bridge.Reset();
        _bus.WriteConfig(0, Bridge, 0x18, 4, 0x0001_0100);
    }

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void Is_the_bridge_of_qemu()
    {
        Assert.Equal([0x0001_1B36u, 0x00B0_0000u, 0x0604_0000u, 0x0001_0000u], Enumerable.Range(0, 4).Select(i => _bus.ReadConfig(0, Bridge, i * 4, 4)));
        Assert.Equal(0x00A0_0000u, _bus.ReadConfig(0, Bridge, 0x1C, 4));
        Assert.Equal([0x40u, 0x0320_0004u, 0u], new[] { 0x34, 0x40, 0x44 }.Select(register => _bus.ReadConfig(0, Bridge, register, 4)));
    }

    [Fact]
    public void The_bus_behind_it_bears_its_name_and_takes_devices()
    {
        PciBus behind = _bus.FindBus("b1")!;

        _machine.Parts.Add("panic1", behind, Panic, slot => new PvPanicPci(slot, new()));

        Assert.Equal(0x0011_1B36u, _bus.ReadConfig(1, Panic, 0, 4));
        Assert.Contains(_machine.Sections, section => section.Id == "0000:00:05.0:01.0/pvpanic-pci");
        Assert.Equal("b1", _machine.Devices["panic1"].Bus);
    }

    [Fact]
    public void Its_bus_has_a_section_of_its_own()
    {
        Assert.Equal([("PCIBUS", 0), ("PCIBUS", 1)], _machine.Sections.Where(section => section.Id == "PCIBUS").Select(section => (section.Id, section.Instance)));
        Assert.StartsWith("""{"name":"bridge","instance_id":0,"vmsd_name":"pci_bridge","version":0,"fields":[{"name":"parent_obj","type":"struct",""",
            QemuSections.Describe("bridge", _bridge), StringComparison.Ordinal);
    }

    [Fact]
    public void Unplugged_it_takes_along_what_is_behind_it()
    {
        _machine.Parts.Add("panic1", _bus.FindBus("b1")!, Panic, slot => new PvPanicPci(slot, new()));
        _bus.WriteConfig(0, Bridge, 0x20, 4, 0xFE00_FE00);
        _bus.WriteConfig(0, Bridge, 0x04, 2, 2);
        _bus.WriteConfig(1, Panic, 0x10, 4, 0xFE00_0000);
        _bus.WriteConfig(1, Panic, 0x04, 2, 2);
        Assert.Equal(3u, _machine.Memory.Read(0xFE00_0000, 1));

        _machine.Remove(_machine.Devices["bridge"]);

        Assert.Equal(0xFFu, _machine.Memory.Read(0xFE00_0000, 1));
        Assert.DoesNotContain("panic1", _machine.Devices.Keys);
        Assert.DoesNotContain(_machine.Sections, section => section.Id.StartsWith("0000:00:05.0", StringComparison.Ordinal) || (section.Id, section.Instance) == ("PCIBUS", 1));
    }
}
