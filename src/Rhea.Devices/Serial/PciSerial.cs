using Rhea.Core.Machines;
using Rhea.Core.Pci;
using Rhea.Core.State;

namespace Rhea.Devices.Serial;

/// <summary>A serial port on a PCI card.</summary>
/// <remarks>QEMU's specification "pci-serial": a class code that every system has a driver for.</remarks>
[Device("pci-serial", "Serial port on a PCI card, a 16550A")]
public sealed class PciSerial : Device
{
    private readonly PciFunction _pci;
    private readonly Uart16550 _uart;

    public PciSerial(PciSlot slot, Options options)
    {
        _pci = slot.Plug(new PciIdentity(0x1B36, 0x0002, Revision: 1, Class: 0x0700, SubsystemVendor: 0x1AF4, Subsystem: 0x1100, InterruptPin: 1)
        {
            ProgrammingInterface = options.ProgrammingInterface,
        });
        _uart = new Uart16550(slot, options.Chardev, level => _pci.Interrupt = level);
        _pci.AddPortBar(0, _uart.Registers);
    }

    public override string Model => "pci-serial";

    public override StructType Section { get; } = new("pci-serial", 1);

    public override void Reset()
    {
        _pci.Reset();
        _uart.Reset();
    }

    public override void Visit(StateVisitor state)
    {
        _pci.Visit("dev", state);
        _uart.Visit(state);
    }

    public override void Loaded() => _pci.Loaded();

    public sealed record Options
    {
        [Option("chardev", "What the port is wired to")]
        public string Chardev { get; init; } = "";

        [Option("prog_if", "Programming interface in the class code: 2 is a 16550")]
        public byte ProgrammingInterface { get; init; } = 2;
    }
}
