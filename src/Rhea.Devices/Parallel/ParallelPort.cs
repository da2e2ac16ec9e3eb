using Rhea.Core;
using Rhea.Core.Backends;
using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.State;

namespace Rhea.Devices.Parallel;

/// <summary>A parallel port, as LPT1 to LPT3, with a printer on it that gives each byte to the host.</summary>
/// <remarks>
/// IBM PC AT Technical Reference, 1984, "Printer Adapter", and IEEE 1284-1994 for the direction bit. The printer takes a byte at
/// the front of STROBE, is busy until the guest has looked once after the strobe, and pulls ACK low for one look after that.
/// While the host takes nothing it stays busy.
/// </remarks>
[Device("isa-parallel", "Parallel port")]
public sealed class ParallelPort : Device, ICharFrontend
{
    private const int Data = 0, Status = 1, Control = 2;
    private const byte NotBusy = 0x80, NotAcknowledged = 0x40, Online = 0x10, NoError = 0x08, Timeout = 0x01; // status
    private const byte Strobe = 0x01, NotInitialized = 0x04, Select = 0x08, Interrupts = 0x10, Input = 0x20; // control
    private const byte Unused = 0xC0;                                                                        // control bits that read as ones
    private const byte Idle = NotBusy | NotAcknowledged | Online | NoError;

    private static readonly ushort[] Ports = [0x378, 0x278, 0x3BC];

    private readonly IrqLine _irq;
    private readonly ICharBackend? _host;
    private byte _data, _input, _status, _control;
    private int _irqPending;
    private int _eppTimeout; // only a real port of the host's has EPP in QEMU

    [NotState("a byte that the host is slow to take; a printer's buffer, which QEMU does not save either")]
    private bool _holds;

    public ParallelPort(IsaSlot slot, Options options)
    {
        int index = options.Index >= 0 ? options.Index : Math.Max(Array.FindIndex(Ports, slot.IsFree), 0);
        if (index >= Ports.Length) throw new ConfigException($"Max. supported number of parallel ports is {Ports.Length}.");
        _irq = slot.Irq((int)options.Irq);
        _host = slot.Chardev(options.Chardev, this);
        slot.MapPorts(options.IoBase != 0 ? options.IoBase : Ports[index], new IoRegion("parallel", 8, AccessSizes.Byte, (offset, _) => Read(offset), Write));
    }

    public override string Model => "isa-parallel";

    public override StructType Section { get; } = new("parallel_isa", 1);

    public int Room => 0;

    public override void Reset()
    {
        (_data, _input, _status, _control) = (0xFF, 0xFF, Idle | Timeout, Unused | Select | NotInitialized);
        (_irqPending, _eppTimeout, _holds) = (0, 0, false);
        UpdateIrq();
    }

    public override void Visit(StateVisitor state)
    {
        state.UInt8("state.dataw", ref _data);
        state.UInt8("state.datar", ref _input);
        state.UInt8("state.status", ref _status);
        state.UInt8("state.control", ref _control);
        state.Int32("state.irq_pending", ref _irqPending);
        state.Int32("state.epp_timeout", ref _eppTimeout);
    }

    public override void Loaded() => _irq.Restore(_irqPending != 0);

    public void Receive(ReadOnlySpan<byte> bytes)
    {
    }

    public void CanWrite()
    {
        if (_holds) Print();
    }

    public void Connected(bool open)
    {
    }

    public void Break()
    {
    }

    private byte Read(uint offset)
    {
        switch (offset)
        {
            case Data:
                return (_control & Input) != 0 ? _input : _data;
            case Status:
                byte status = _status;
                _irqPending = 0;
                Look();
                UpdateIrq();
                return status;
            case Control:
                return _control;
            default:
                return 0xFF;
        }
    }

    /// <summary>What five microseconds do on paper, the guest's looks do here: first ACK, then ready again.</summary>
    private void Look()
    {
        if ((_status & NotBusy) != 0 || (_control & Strobe) != 0 || _holds) return;
        if ((_status & NotAcknowledged) != 0) _status &= unchecked((byte)~NotAcknowledged);
        else _status |= NotAcknowledged | NotBusy;
    }

    private void Write(uint offset, int size, ulong value)
    {
        if (offset == Data) _data = (byte)value;
        else if (offset == Control) WriteControl((byte)(value | Unused));
        UpdateIrq();
    }

    private void WriteControl(byte value)
    {
        byte before = _control;
        _control = value;
        if ((value & NotInitialized) == 0)
        {
            (_status, _holds) = (Idle, false);
        }
        else if ((value & Select) != 0 && (value & Strobe) != 0)
        {
            _status &= unchecked((byte)~NotBusy);
            if ((before & Strobe) == 0) Print();
        }
        else if ((value & Select) != 0 && (before & Interrupts) != 0)
        {
            _irqPending = 1;
        }
    }

    private void Print() => _holds = _host is not null && _host.Write([_data]) == 0;

    private void UpdateIrq() => _irq.Set(_irqPending != 0);

    public sealed record Options
    {
        [Option("chardev", "Where the bytes go")]
        public string Chardev { get; init; } = "";

        [Option("index", "0 is LPT1; -1 is the first one free")]
        public int Index { get; init; } = -1;

        [Option("iobase", "First port; 0 follows from the index")]
        public ushort IoBase { get; init; }

        [Option("irq", "ISA interrupt")]
        public uint Irq { get; init; } = 7;
    }
}
