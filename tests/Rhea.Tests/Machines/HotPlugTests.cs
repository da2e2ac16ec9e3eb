using Rhea.Core;
using Rhea.Core.Machines;
using Rhea.Core.Pci;
using Rhea.Devices.Debug;
using Rhea.Tests.Cpu;
using Xunit;

namespace Rhea.Tests.Machines;

public sealed class HotPlugTests : IDisposable
{
    private const int Number = 0x20;

    private readonly Machine _machine = TinyBoard.Build(new FakeAccelerator(hosted: false));
    private readonly PciBus _bus;

    public HotPlugTests() => _bus = (PciBus)_machine.Devices["pci.0"].Device;

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void A_device_plugged_and_unplugged_a_thousand_times_leaves_nothing_behind()
    {
        Footprint before = Footprint.Of(_machine);

        for (var i = 0; i < 1000; i++)
        {
            using (_machine.Loop.Enter()) _machine.Parts.Add("panic1", _bus, Number, slot => new PvPanicPci(slot, new()));
            _bus.WriteConfig(0, Number, 0x10, 4, 0xFEBF_0000);
            _bus.WriteConfig(0, Number, 0x04, 2, 7);
            Assert.Equal(3u, _machine.Memory.Read(0xFEBF_0000, 1));
            _machine.Remove(_machine.Devices["panic1"]);
        }

        Assert.Equal(before, Footprint.Of(_machine));
        Assert.Equal(0xFFFF_FFFFu, _bus.ReadConfig(0, Number, 0, 4));
    }

    [Fact]
    public void A_device_that_fails_to_plug_in_leaves_nothing_behind()
    {
        Footprint before = Footprint.Of(_machine);

        Assert.Throws<ConfigException>(() => _machine.Parts.Add("full", _bus, Number, slot => new Broken(slot)));

        Assert.Equal(before, Footprint.Of(_machine));
    }

    [Fact]
    public void The_first_free_slot_is_found()
    {
        Assert.Equal(new PciAddress(0), _bus.FindFree());

        for (var slot = 0; slot < 32; slot++)
            if (slot != 2) _machine.Parts.Add($"panic{slot}", _bus, slot << 3, place => new PvPanicPci(place, new())); // 2 is taken

        Assert.Null(_bus.FindFree());
    }

    private sealed record Footprint(int Devices, int Sections, int Blocks, int Ports, int Entries, int Functions)
    {
        public static Footprint Of(Machine machine) => new(
            machine.Devices.Count, machine.Sections.Count, machine.Parts.Blocks.Count,
            Enumerable.Range(0, 0x10000).Count(port => machine.Ports.Owner((ushort)port) is not null),
            machine.Memory.Map.Entries.Count(), ((PciBus)machine.Devices["pci.0"].Device).Functions.Count());
    }

    /// <summary>Takes all kinds of things and then asks for firmware that is not there.</summary>
    private sealed class Broken : Device
    {
        public Broken(PciSlot slot)
        {
            slot.Plug(new PciIdentity(1, 2, 0, 0, 0, 0));
            slot.AddRam("ram", 0x1000);
            slot.MapPorts(0x3B4, new("ports", 2, Core.Io.AccessSizes.Byte, (_, _) => 0, (_, _, _) => { }));
            slot.AddRom("rom", "missing.bin");
        }

        public override void Reset()
        {
        }
    }
}
