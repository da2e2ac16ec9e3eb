using Rhea.Core.Cpu;
using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.Pci;
using Rhea.Core.State;

namespace Rhea.Devices.Chipset;

/// <summary>The PC's south bridge: leads the four PCI interrupt requests to ISA interrupts, and resets the machine through port CF9h.</summary>
/// <remarks>Data sheet: Intel 82371SB (PIIX3), 1997. Its IDE function and the ISA devices in it are devices of their own.</remarks>
public sealed class Piix3 : Device
{
    private const int Requests = 4, IsaLines = 16;
    private const int PirqA = 0x60;                         // four routing registers
    private const byte SystemReset = 0x02, ResetCpu = 0x04; // port CF9h

    private readonly PciFunction _pci;
    private readonly PciBus _bus;
    private readonly IrqLine[][] _lines = []; // by request, then ISA interrupt
    private readonly IHostedPlatform? _platform;
    private readonly int[] _levels = new int[Requests]; // of the requests, for the stream
    private byte _resetControl;

    /// <summary>With the routing here.</summary>
    public Piix3(PciSlot slot, IReadOnlyList<IrqInput> isa) : this(slot)
    {
        _lines = [.. Enumerable.Range(0, Requests).Select(_ => isa.Select(input => input.NewLine()).ToArray())];
        _bus.PinChanged = change => Route(change.Request);
    }

    /// <summary>With the routing in the hypervisor: it gets the pins and the registers.</summary>
    public Piix3(PciSlot slot, IHostedPlatform platform) : this(slot)
    {
        _platform = platform;
        _bus.PinChanged = change => platform.SetPciPin(change.Device, change.Pin, change.Level);
    }

    private Piix3(PciSlot slot)
    {
        _bus = slot.PciBus;
        _pci = slot.Plug(new PciIdentity(0x8086, 0x7000, Revision: 0, Class: 0x0601, SubsystemVendor: 0x1AF4, Subsystem: 0x1100) { MultiFunction = true, Fixed = true });
        _pci.SetWord(0x06, 0x0200); // medium DEVSEL timing
        _pci.ConfigWritten += (offset, size) =>
        {
            if (offset < PirqA + Requests && offset + size > PirqA) RouteAll();
        };
        slot.MapPorts(0xCF9, new IoRegion("piix3-reset-control", 1, AccessSizes.Byte, (_, _) => _resetControl, (_, _, value) =>
        {
            if ((value & ResetCpu) != 0) slot.RequestShutdown(new(ShutdownCause.Reset));
            else _resetControl = (byte)(value & SystemReset);
        }));
    }

    public override string Model => "PIIX3";

    public override StructType Section { get; } = new("PIIX3", 3, Oldest: 2);

    /// <summary>The power-on values of the data sheet, chapter 2.2; no request is routed.</summary>
    public override void Reset()
    {
        _pci.Reset();
        for (var i = 0x40; i < 0x100; i++) _pci[i] = 0;
        (_pci[0x4C], _pci[0x4E]) = (0x4D, 0x03);
        for (var request = 0; request < Requests; request++) _pci[PirqA + request] = 0x80;
        (_pci[0x69], _pci[0x70], _pci[0x76], _pci[0x77], _pci[0x78], _pci[0xA0], _pci[0xA8]) = (0x02, 0x80, 0x0C, 0x0C, 0x02, 0x08, 0x0F);
        _resetControl = 0;
        RouteAll();
    }

    public override void Saving()
    {
        for (var request = 0; request < Requests; request++) _levels[request] = _bus.Level(request) ? 1 : 0;
    }

    public override void Visit(StateVisitor state)
    {
        _pci.Visit("dev", state);
        if (state.Version >= 3) state.Int32("pci_irq_levels_vmstate", _levels);
        state.Subsection("PIIX3/rcr", 1, _resetControl != 0, rcr => rcr.UInt8("rcr", ref _resetControl));
    }

    /// <summary>The levels are the bus's, whose own section has them.</summary>
    public override void Loaded()
    {
        _pci.Loaded();
        for (var request = 0; request < _lines.Length; request++)
            for (var irq = 0; irq < IsaLines; irq++) _lines[request][irq].Restore(_bus.Level(request) && Target(request) == irq);
        if (_platform is not null) RouteAll();
    }

    private void RouteAll()
    {
        for (var request = 0; request < Requests; request++) Route(request);
    }

    private void Route(int request)
    {
        int irq = Target(request);
        _platform?.RoutePirq(request, irq < IsaLines ? irq : 0);
        if (_platform is not null) return;
        bool level = _bus.Level(request);
        for (var i = 0; i < IsaLines; i++) _lines[request][i].Set(level && i == irq);
    }

    /// <summary>An ISA interrupt; with bit 7, more than any: the request leads nowhere.</summary>
    private int Target(int request) => _pci[PirqA + request];
}
