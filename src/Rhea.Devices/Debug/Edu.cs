using Rhea.Core.Diagnostics;
using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Core.Pci;
using Rhea.Core.State;
using Rhea.Core.Time;

namespace Rhea.Devices.Debug;

/// <summary>A card to learn writing drivers with: it computes factorials, moves memory and interrupts.</summary>
/// <remarks>QEMU's specification "edu". A factorial takes a microsecond, a transfer a tenth of a second.</remarks>
[Device("edu", "A card to learn writing drivers with")]
public sealed class Edu : Device
{
    private const int Identification = 0x00, Liveness = 0x04, Factorial = 0x08, Status = 0x20, InterruptStatus = 0x24, RaiseInterrupt = 0x60,
        Acknowledge = 0x64, DmaSource = 0x80, DmaDestination = 0x88, DmaCount = 0x90, DmaCommand = 0x98;
    private const uint Identity = 0x0100_00ED;
    private const uint Computing = 0x01, InterruptsWhenDone = 0x80;              // status
    private const uint Start = 0x01, FromCard = 0x02, InterruptsAtEnd = 0x04;    // DMA command
    private const uint FactorialDone = 0x001, DmaDone = 0x100;                   // interrupts
    private const uint BufferStart = 0x4_0000, BufferLength = 0x1000, FirstZero = 34; // 34! is 0 in 32 bits
    private const long FactorialTime = 1_000, DmaTime = VmClock.Second / 10;

    private readonly Slot _slot;
    private readonly PciFunction _pci;
    private readonly PciMsi _msi;
    private readonly Options _options;
    private readonly VmTimer _factorialTimer, _dmaTimer;
    private readonly byte[] _buffer = new byte[BufferLength];
    private uint _liveness, _factorial, _status, _interrupts;
    private ulong _source, _destination, _count, _command;

    public Edu(PciSlot slot, Options options)
    {
        (_slot, _options) = (slot, options);
        (_factorialTimer, _dmaTimer) = (slot.CreateTimer(OnComputed), slot.CreateTimer(OnMoved));
        _pci = slot.Plug(new PciIdentity(0x1234, 0x11E8, Revision: 0x10, Class: 0x00FF, SubsystemVendor: 0x1AF4, Subsystem: 0x1100, InterruptPin: 1));
        _msi = _pci.AddMsi(1, wide: true, maskable: false);
        _pci.AddMemoryBar(0, 1 << 20, MemoryRegion.Io(new IoRegion("edu-mmio", 1 << 20, new AccessSizes(1, 8), Read, Write)));
    }

    public override string Model => "edu";

    public override StructType Section { get; } = new("edu", 1);

    public override void Reset()
    {
        _pci.Reset();
        (_liveness, _factorial, _status, _interrupts) = (0, 0, 0, 0);
        (_source, _destination, _count, _command) = (0, 0, 0, 0);
        Array.Clear(_buffer);
        _factorialTimer.Cancel();
        _dmaTimer.Cancel();
    }

    /// <summary>QEMU saves nothing of it.</summary>
    public override void Visit(StateVisitor state)
    {
        _pci.Visit("pdev", state);
        state.UInt32("addr4", ref _liveness);
        state.UInt32("fact", ref _factorial);
        state.UInt32("status", ref _status);
        state.UInt32("irq_status", ref _interrupts);
        state.UInt64("dma.src", ref _source);
        state.UInt64("dma.dst", ref _destination);
        state.UInt64("dma.cnt", ref _count);
        state.UInt64("dma.cmd", ref _command);
        state.Buffer("dma_buf", _buffer);
        state.Timer("fact_timer", _factorialTimer);
        state.Timer("dma_timer", _dmaTimer);
    }

    public override void Loaded() => _pci.Loaded();

    /// <summary>Registers below 80h have 32 bits, those above may also be read and written whole.</summary>
    private static bool Fits(uint offset, int size) => size == 4 || (size == 8 && offset >= DmaSource);

    private ulong Read(uint offset, int size)
    {
        if (!Fits(offset, size)) return offset < DmaSource && size < 4 ? 0 : ulong.MaxValue;
        return offset switch
        {
            Identification => Identity,
            Liveness => _liveness,
            Factorial => _factorial,
            Status => _status,
            InterruptStatus => _interrupts,
            DmaSource => _source,
            DmaDestination => _destination,
            DmaCount => _count,
            DmaCommand => _command,
            _ => ulong.MaxValue,
        };
    }

    private void Write(uint offset, int size, ulong value)
    {
        if (!Fits(offset, size)) return;
        bool moving = (_command & Start) != 0;
        switch (offset)
        {
            case Liveness:
                _liveness = ~(uint)value;
                break;
            case Factorial when (_status & Computing) == 0:
                _factorial = (uint)value;
                _status |= Computing;
                _factorialTimer.Arm(_slot.Clock.Now + FactorialTime);
                break;
            case Status:
                _status = (_status & ~InterruptsWhenDone) | ((uint)value & InterruptsWhenDone);
                break;
            case RaiseInterrupt:
                Raise((uint)value);
                break;
            case Acknowledge:
                _interrupts &= ~(uint)value;
                if (_interrupts == 0) _pci.Interrupt = false;
                break;
            case DmaSource when !moving:
                _source = value;
                break;
            case DmaDestination when !moving:
                _destination = value;
                break;
            case DmaCount when !moving:
                _count = value;
                break;
            case DmaCommand when !moving && (value & Start) != 0:
                _command = value;
                _dmaTimer.Arm(_slot.Clock.Now + DmaTime);
                break;
        }
    }

    private void OnComputed()
    {
        uint product = _factorial < FirstZero ? 1u : 0;
        for (uint factor = 2; product != 0 && factor <= _factorial; factor++) product *= factor;
        _factorial = product;
        _status &= ~Computing;
        if ((_status & InterruptsWhenDone) != 0) Raise(FactorialDone);
    }

    private void OnMoved()
    {
        bool fromCard = (_command & FromCard) != 0;
        ulong inside = (fromCard ? _source : _destination) - BufferStart, address = (fromCard ? _destination : _source) & _options.DmaMask;
        if (inside > BufferLength || _count > BufferLength - inside)
        {
            _slot.Log.Write(LogLevel.Guest, $"edu: a transfer of {_count} bytes leaves the buffer");
        }
        else
        {
            Span<byte> bytes = _buffer.AsSpan((int)inside, (int)_count);
            if (fromCard) _pci.Dma.Write(address, bytes);
            else _pci.Dma.Read(address, bytes);
        }

        _command &= ~(ulong)Start;
        if ((_command & InterruptsAtEnd) != 0) Raise(DmaDone);
    }

    private void Raise(uint interrupts)
    {
        _interrupts |= interrupts;
        if (_interrupts == 0) return;
        if (_msi.Enabled) _msi.Send(0);
        else _pci.Interrupt = true;
    }

    public sealed record Options
    {
        [Option("dma_mask", "Bits of an address that its transfers have")]
        public ulong DmaMask { get; init; } = (1UL << 28) - 1;
    }
}
