using Rhea.Core;
using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.State;

namespace Rhea.Devices.Serial;

/// <summary>A serial port on the ISA bus, as COM1 to COM4.</summary>
[Device("isa-serial", "Serial port, a 16550A")]
public sealed class IsaSerial : Device
{
    private static readonly ushort[] ComPorts = [0x3F8, 0x2F8, 0x3E8, 0x2E8];

    private readonly IrqLine _irq;
    private readonly Uart16550 _uart;

    public IsaSerial(IsaSlot slot, Options options)
    {
        if (options.Index is < -1 or > 3) throw new ConfigException("Max. supported number of ISA serial ports is 4.");
        int index = options.Index >= 0 ? options.Index : Math.Max(Array.FindIndex(ComPorts, slot.IsFree), 0);
        _irq = slot.Irq(options.Irq != 0 ? options.Irq : (index & 1) == 0 ? 4 : 3);
        _uart = new Uart16550(slot, options.Chardev, _irq.Set);
        slot.MapPorts(options.IoBase != 0 ? options.IoBase : ComPorts[index], _uart.Registers);
    }

    public override string Model => "isa-serial";

    public override StructType Section { get; } = new("serial", 3, Oldest: 2);

    public override void Reset() => _uart.Reset();

    public override void Visit(StateVisitor state) => _uart.Visit(state);

    public override void Loaded() => _irq.Restore(_uart.Interrupts);

    public sealed record Options
    {
        [Option("index", "Which COM port, 0 to 3; -1 takes the next free")]
        public int Index { get; init; } = -1;

        [Option("iobase", "First port; 0 follows from the index")]
        public ushort IoBase { get; init; }

        [Option("irq", "Interrupt; 0 follows from the index")]
        public int Irq { get; init; }

        [Option("chardev", "What the port is wired to")]
        public string Chardev { get; init; } = "";
    }
}
