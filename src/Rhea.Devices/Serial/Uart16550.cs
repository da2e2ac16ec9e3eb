using Rhea.Core.Backends;
using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.State;
using Rhea.Core.Time;

namespace Rhea.Devices.Serial;

/// <summary>The chip of a serial port, a 16550A with 16-byte FIFOs both ways; what bus it is on, its card knows.</summary>
/// <remarks>
/// Data sheet: National Semiconductor PC16550D, 1995. As in QEMU the line is as fast as the host: a byte leaves at once, or waits
/// in the chip until the host takes it, so none is lost; the baud rate only says how long a received byte may wait below the
/// trigger level. Modem inputs say that somebody is there. OUT2 does not gate the interrupt.
/// </remarks>
internal sealed class Uart16550 : IState, ICharFrontend
{
    private const int Data = 0, InterruptEnable = 1, InterruptId = 2, LineControl = 3, ModemControl = 4, LineStatus = 5, ModemStatus = 6, Scratch = 7;
    private const byte RxEnable = 0x01, TxEnable = 0x02, LineEnable = 0x04, ModemEnable = 0x08;                       // IER
    private const byte NoInterrupt = 0x01, TxEmptyId = 0x02, RxDataId = 0x04, LineStatusId = 0x06, TimeoutId = 0x0C;  // IIR
    private const byte FifosOn = 0xC0;                                                                               // IIR
    private const byte FifoEnable = 0x01, ClearRx = 0x02, ClearTx = 0x04, FifoBits = 0xC9;                           // FCR
    private const byte DivisorAccess = 0x80, TwoStops = 0x04, Parity = 0x08;                                         // LCR
    private const byte Loopback = 0x10, Out2 = 0x08;                                                                 // MCR
    private const byte DataReady = 0x01, Overrun = 0x02, BreakSeen = 0x10, LineErrors = 0x1E, TxHoldingEmpty = 0x20, TxEmpty = 0x40; // LSR
    private const byte ModemDeltas = 0x0F, ClearToSend = 0x10, DataSetReady = 0x20, CarrierDetect = 0x80;             // MSR
    private const int Crystal = 115_200;                                                                             // Hz, already divided by 16

    private static readonly StructType Type = new("serial", 3, Oldest: 2);

    private readonly VmClock _clock;
    private readonly Action<bool> _interrupt;
    private readonly ICharBackend? _host;
    private readonly VmTimer _timeout; // a byte has waited below the trigger level for four character times
    private readonly VmTimer _modemPoll; // never armed here: modem inputs do not change, but QEMU's section may carry it
    private readonly SerialFifo _received = new(), _sending = new();
    private ushort _divisor;
    private byte _rbr, _ier, _iir, _lcr, _mcr, _lsr, _msr, _scr, _fcr;
    private byte _thr, _tsr;
    private uint _tsrWaits;   // the shift register holds a byte that the host has not taken
    private int _txPending, _timeoutPending;
    private int _polling;          // QEMU asks a host tty for its modem lines; -1 when it has none

    /// <param name="slot">Its card's.</param>
    /// <param name="chardev">What it is wired to.</param>
    /// <param name="interrupt">Drives its interrupt output.</param>
    public Uart16550(Slot slot, string chardev, Action<bool> interrupt)
    {
        (_clock, _interrupt) = (slot.Clock, interrupt);
        (_timeout, _modemPoll) = (slot.CreateTimer(OnTimeout), slot.CreateTimer(() => { }));
        _host = slot.Chardev(chardev, this);
        Registers = new IoRegion("serial", 8, AccessSizes.Byte, ReadPort, WritePort);
    }

    public IoRegion Registers { get; }

    /// <summary>The interrupt output.</summary>
    public bool Interrupts => (_iir & NoInterrupt) == 0;

    /// <summary>Up to the trigger level, so that the interrupt comes before the FIFO runs over.</summary>
    public int Room
    {
        get
        {
            if (!FifoOn) return (_lsr & DataReady) == 0 ? 1 : 0;
            if (_received.Count == SerialFifo.Capacity) return 0;
            return _received.Count < Trigger ? Trigger - _received.Count : 1;
        }
    }

    private bool FifoOn => (_fcr & FifoEnable) != 0;

    private int Trigger => (_fcr >> 6) switch { 0 => 1, 1 => 4, 2 => 8, _ => 14 };

    /// <summary>Start bit, data, parity and stop bits at the programmed rate, in nanoseconds.</summary>
    private long CharacterTime
    {
        get
        {
            int bits = 1 + 5 + (_lcr & 3) + ((_lcr & Parity) != 0 ? 1 : 0) + ((_lcr & TwoStops) != 0 ? 2 : 1);
            return VmClock.Second * bits * Math.Max(_divisor, (ushort)1) / Crystal;
        }
    }

    public void Reset()
    {
        (_divisor, _rbr, _ier, _iir, _lcr, _mcr, _scr, _fcr) = (0x0C, 0, 0, NoInterrupt, 0, Out2, 0, 0);
        (_lsr, _msr) = (TxEmpty | TxHoldingEmpty, CarrierDetect | DataSetReady | ClearToSend);
        (_thr, _tsr, _tsrWaits, _txPending, _timeoutPending, _polling) = (0, 0, 0, 0, 0, -1);
        _received.Clear();
        _sending.Clear();
        _timeout.Cancel();
        _modemPoll.Cancel();
        UpdateIrq();
    }

    public void Visit(StateVisitor state) => state.Struct("state", Type, VisitRegisters);

    public void Receive(ReadOnlySpan<byte> bytes)
    {
        if ((_mcr & Loopback) != 0) return; // the input is cut off
        foreach (byte value in bytes) Take(value);
        UpdateIrq();
    }

    public void CanWrite()
    {
        if (_tsrWaits == 0) return;
        Transmit();
        UpdateIrq();
    }

    public void Connected(bool open)
    {
    }

    /// <summary>A break is a zero byte with a flag.</summary>
    public void Break()
    {
        Take(0);
        _lsr |= BreakSeen;
        UpdateIrq();
    }

    private void VisitRegisters(StateVisitor state)
    {
        state.UInt16("divider", ref _divisor);
        state.UInt8("rbr", ref _rbr);
        state.UInt8("ier", ref _ier);
        state.UInt8("iir", ref _iir);
        state.UInt8("lcr", ref _lcr);
        state.UInt8("mcr", ref _mcr);
        state.UInt8("lsr", ref _lsr);
        state.UInt8("msr", ref _msr);
        state.UInt8("scr", ref _scr);
        if (state.Version >= 3) state.UInt8("fcr_vmstate", ref _fcr);
        bool implied = (_iir & 0x0F) == TxEmptyId;
        if (!state.Subsection("serial/thr_ipending", 1, _txPending != (implied ? 1 : 0), inner => inner.Int32("thr_ipending", ref _txPending)) && state.Loading)
            _txPending = implied ? 1 : 0;
        state.Subsection("serial/tsr", 1, _tsrWaits != 0, inner =>
        {
            inner.UInt32("tsr_retry", ref _tsrWaits);
            inner.UInt8("thr", ref _thr);
            inner.UInt8("tsr", ref _tsr);
        });
        state.Subsection("serial/recv_fifo", 1, _received.Count > 0, inner => inner.Struct("recv_fifo", SerialFifo.Type, _received.Visit));
        state.Subsection("serial/xmit_fifo", 1, _sending.Count > 0, inner => inner.Struct("xmit_fifo", SerialFifo.Type, _sending.Visit));
        state.Subsection("serial/fifo_timeout_timer", 1, _timeout.IsArmed, inner => inner.Timer("fifo_timeout_timer", _timeout));
        state.Subsection("serial/timeout_ipending", 1, _timeoutPending != 0, inner => inner.Int32("timeout_ipending", ref _timeoutPending));
        state.Subsection("serial/poll", 1, _polling >= 0, inner =>
        {
            inner.Int32("poll_msl", ref _polling);
            inner.Timer("modem_status_poll", _modemPoll);
        });
    }

    private ulong ReadPort(uint register, int size)
    {
        switch (register)
        {
            case Data:
                return (_lcr & DivisorAccess) != 0 ? (byte)_divisor : ReadData();
            case InterruptEnable:
                return (_lcr & DivisorAccess) != 0 ? (byte)(_divisor >> 8) : _ier;
            case InterruptId:
                byte id = _iir;
                if ((id & 0x0F) == TxEmptyId) _txPending = 0;
                UpdateIrq();
                return id;
            case LineControl:
                return _lcr;
            case ModemControl:
                return _mcr;
            case LineStatus:
                byte status = _lsr;
                _lsr &= unchecked((byte)~(Overrun | BreakSeen));
                UpdateIrq();
                return status;
            case ModemStatus:
                return ReadModemStatus();
            default:
                return _scr;
        }
    }

    private void WritePort(uint register, int size, ulong number)
    {
        var value = (byte)number;
        switch (register)
        {
            case Data when (_lcr & DivisorAccess) != 0:
                _divisor = (ushort)((_divisor & 0xFF00) | value);
                break;
            case Data:
                WriteData(value);
                break;
            case InterruptEnable when (_lcr & DivisorAccess) != 0:
                _divisor = (ushort)((_divisor & 0x00FF) | value << 8);
                break;
            case InterruptEnable:
                if ((value & ~_ier & TxEnable) != 0 && (_lsr & TxHoldingEmpty) != 0) _txPending = 1;
                _ier = (byte)(value & 0x0F);
                UpdateIrq();
                break;
            case InterruptId:
                WriteFifoControl(value);
                break;
            case LineControl:
                _lcr = value;
                break;
            case ModemControl:
                _mcr = (byte)(value & 0x1F);
                UpdateIrq();
                break;
            case Scratch:
                _scr = value;
                break;
        }
    }

    private byte ReadData()
    {
        byte value = _rbr;
        if (FifoOn)
        {
            value = _received.Count > 0 ? _received.Dequeue() : (byte)0;
            if (_received.Count == 0) _lsr &= unchecked((byte)~(DataReady | BreakSeen));
            else _timeout.Arm(_clock.Now + (4 * CharacterTime));
            _timeoutPending = 0;
        }
        else
        {
            _lsr &= unchecked((byte)~(DataReady | BreakSeen));
        }

        if (_received.Count == 0) _timeout.Cancel();
        UpdateIrq();
        _host?.ResumeReading();
        return value;
    }

    /// <summary>In loopback the modem outputs are the modem inputs: DTR is DSR, RTS is CTS, OUT1 is RI, OUT2 is DCD.</summary>
    private byte ReadModemStatus()
    {
        if ((_mcr & Loopback) != 0) return (byte)((_mcr & 0x0C) << 4 | (_mcr & 0x02) << 3 | (_mcr & 0x01) << 5);
        byte status = _msr;
        _msr &= unchecked((byte)~ModemDeltas);
        UpdateIrq();
        return status;
    }

    private void WriteData(byte value)
    {
        _thr = value;
        if (FifoOn)
        {
            if (_sending.Count == SerialFifo.Capacity) _sending.Dequeue(); // an overrun loses the oldest, as in QEMU
            _sending.Enqueue(value);
        }

        _txPending = 0;
        _lsr &= unchecked((byte)~(TxHoldingEmpty | TxEmpty));
        if (_tsrWaits == 0) Transmit();
        UpdateIrq();
    }

    /// <summary>Moves bytes into the shift register and out, until there is none or the host takes none.</summary>
    private void Transmit()
    {
        while (true)
        {
            if (_tsrWaits == 0)
            {
                if ((_lsr & TxHoldingEmpty) != 0) break;
                _tsr = FifoOn && _sending.Count > 0 ? _sending.Dequeue() : _thr;
                if (_sending.Count == 0)
                {
                    _lsr |= TxHoldingEmpty;
                    _txPending = 1;
                }
            }

            _tsrWaits = 0;
            if ((_mcr & Loopback) != 0) Take(_tsr);
            else if (_host is not null && _host.Write([_tsr]) == 0) _tsrWaits = 1;
            if (_tsrWaits != 0) return;
        }

        _lsr |= TxEmpty;
    }

    private void WriteFifoControl(byte value)
    {
        if (((value ^ _fcr) & FifoEnable) != 0) value |= ClearRx | ClearTx;
        if ((value & ClearRx) != 0)
        {
            _received.Clear();
            _lsr &= unchecked((byte)~(DataReady | BreakSeen));
            _timeout.Cancel();
            _timeoutPending = 0;
        }

        if ((value & ClearTx) != 0)
        {
            _sending.Clear();
            _lsr |= TxHoldingEmpty;
            _txPending = 1;
            if (_tsrWaits == 0) _lsr |= TxEmpty;
        }

        _fcr = (byte)(value & FifoBits);
        UpdateIrq();
        _host?.ResumeReading();
    }

    private void Take(byte value)
    {
        if (!FifoOn)
        {
            if ((_lsr & DataReady) != 0) _lsr |= Overrun;
            _rbr = value;
        }
        else if (_received.Count == SerialFifo.Capacity)
        {
            _lsr |= Overrun;
        }
        else
        {
            _received.Enqueue(value);
            _timeout.Arm(_clock.Now + (4 * CharacterTime));
        }

        _lsr |= DataReady;
    }

    private void OnTimeout()
    {
        if (_received.Count == 0) return;
        _timeoutPending = 1;
        UpdateIrq();
    }

    /// <summary>The most important enabled cause is what IIR shows (table III of the data sheet).</summary>
    private void UpdateIrq()
    {
        byte id = NoInterrupt;
        if ((_ier & LineEnable) != 0 && (_lsr & LineErrors) != 0) id = LineStatusId;
        else if ((_ier & RxEnable) != 0 && _timeoutPending != 0) id = TimeoutId;
        else if ((_ier & RxEnable) != 0 && (_lsr & DataReady) != 0 && (!FifoOn || _received.Count >= Trigger)) id = RxDataId;
        else if ((_ier & TxEnable) != 0 && _txPending != 0) id = TxEmptyId;
        else if ((_ier & ModemEnable) != 0 && (_msr & ModemDeltas) != 0) id = 0;
        _iir = (byte)(id | (FifoOn ? FifosOn : 0));
        _interrupt(id != NoInterrupt);
    }
}

/// <summary>Sixteen bytes, first in, first out. QEMU's section shows the ring as it lies in memory.</summary>
internal sealed class SerialFifo : IState
{
    public const int Capacity = 16;

    private readonly byte[] _ring = new byte[Capacity];
    private uint _head, _count;

    public static StructType Type { get; } = new("Fifo8", 1);

    public int Count => (int)_count;

    public void Clear() => (_head, _count) = (0, 0);

    public void Enqueue(byte value) => _ring[(_head + _count++) % Capacity] = value;

    public byte Dequeue()
    {
        byte value = _ring[_head];
        _head = (_head + 1) % Capacity;
        _count--;
        return value;
    }

    public void Visit(StateVisitor state)
    {
        state.Buffer("data", _ring);
        state.UInt32("head", ref _head);
        state.UInt32("num", ref _count);
        state.Demand(_head < Capacity && _count <= Capacity, $"a FIFO of {Capacity} holds {_count} bytes from {_head}");
    }
}
