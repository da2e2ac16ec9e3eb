using Rhea.Core;
using Rhea.Core.Machines;
using Rhea.Core.Pci;
using Rhea.Core.State;

namespace Rhea.Devices.Pci;

/// <summary>A PCI-to-PCI bridge: a whole bus in a slot of another.</summary>
/// <remarks>
/// PCI-to-PCI Bridge Architecture 1.2. It is QEMU's with <c>shpc=off</c>: cards behind it are there from the start, for it has no
/// controller for plugging them in later.
/// </remarks>
[Device("pci-bridge", "A PCI bus behind a slot of another")]
public sealed class PciPciBridge : Device
{
    private const byte SlotNumbering = 0x04, FirstInChassis = 0x20; // a capability

    private readonly PciFunction _pci;
    private readonly PciBridge _bridge;

    public PciPciBridge(PciSlot slot, Options options)
    {
        if (options.Shpc) throw new ConfigException("shpc=on is not available in this version of rhea");
        _pci = slot.Plug(new PciIdentity(0x1B36, 0x0001, Revision: 0, Class: 0x0604, SubsystemVendor: 0, Subsystem: 0));
        _pci.SetWord(0x06, 0x00A0); // 66 MHz, fast back-to-back
        _pci.SetWord(0x1E, 0x00A0);
        _bridge = new PciBridge(_pci, slot.Id ?? $"pci.{slot.PciBus.NextNumber()}");
        slot.OnRelease(_bridge.Close);
        int numbering = _pci.AddCapability(SlotNumbering, 4);
        (_pci[numbering + 2], _pci[numbering + 3]) = (FirstInChassis, (byte)options.Chassis);
        _pci.SetWritable(numbering + 3, 0xFF);
        slot.AddSection("PCIBUS", _bridge.Bus.Section, _bridge.Bus);
    }

    public override string Model => "pci-bridge";

    public override StructType Section { get; } = new("pci_bridge", 0);

    public override void Reset()
    {
        _pci.Reset();
        _bridge.Settle();
    }

    public override void Visit(StateVisitor state) => _pci.Visit("parent_obj", state);

    public override void Loaded()
    {
        _pci.Loaded();
        _bridge.Settle();
    }

    public sealed record Options
    {
        [Option("chassis_nr", "Number of the chassis the bus is in")]
        public int Chassis { get; init; }

        [Option("shpc", "Has a hot plug controller: only off is possible")]
        public bool Shpc { get; init; }

        [Option("msi", "Offers message signalled interrupts, which only a hot plug controller has")]
        public bool Msi { get; init; }
    }
}
