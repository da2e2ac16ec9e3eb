using Rhea.Core;
using Rhea.Core.Backends;
using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.State;
using Rhea.Core.Time;

namespace Rhea.Devices.Storage;

/// <summary>The floppy disk controller, an 82078, with a cable for two drives.</summary>
/// <remarks>
/// Data sheet: Intel 82078, 1995. As in QEMU heads move and disks turn in no time, but for READ ID, which waits for a sector to
/// come by; every command seeks, whether CONFIGURE has asked for that or not; and as an image has no marks, deleted data are
/// never found and cannot be written. While the host reads or writes a sector the guest sees a controller that is busy.
/// </remarks>
[Device("isa-fdc", "Floppy disk controller, an 82078")]
public sealed class I82078 : Device
{
    private const byte NotReset = 0x04, DmaEnable = 0x08, DriveSelect = 0x01;                              // digital output
    private const byte RateBits = 0x03, PowerDown = 0x40, SoftwareReset = 0x80;                            // data rate select
    private const byte BootSelect = 0x04;                                                                  // tape drive
    private const byte Request = 0x80, ToHost = 0x40, NonDma = 0x20, Busy = 0x10;                          // main status
    private const byte InterruptPending = 0x80, OneDrive = 0x40;                                           // status A
    private const byte DriveZero = 0x20, NothingSelected = 0xC0;                                           // status B
    private const byte Abnormal = 0x40, Invalid = 0x80, ReadyChanged = 0xC0, SeekEnd = 0x20;               // ST0
    private const byte EndOfTrack = 0x80, DataError = 0x20, NotWritable = 0x02, MissingMark = 0x01;        // ST1
    private const byte BadData = 0x20, ScanHit = 0x08, ScanFailed = 0x04;                                  // ST2
    private const byte MultiTrack = 0x80, EnableCount = 0x80;                                              // of commands
    private const byte ImpliedSeek = 0x40, FifoOff = 0x20;                                                 // CONFIGURE
    private const byte Ignored = 0xFF;                                                                     // a byte that SCAN does not compare
    private const byte Two512 = 2;                                                                         // N: sectors of 128 << 2 bytes
    private const int Drives = 2, SectorLength = 512, IdLength = 4, IdentificationTime = (int)(VmClock.Second / 50);
    private const int SaveLength = 15, SensesAfterReset = 4;

    private static readonly StructType Type = new("fdc", 2);

    private readonly Slot _slot;
    private readonly IrqLine _irq;
    private readonly IDmaChannel? _dma;
    private readonly Options _options;
    private readonly FloppyPlace[] _places = [new(), new()];
    private readonly VmTimer _identification;
    private readonly byte[] _fifo = new byte[SectorLength];
    private byte _statusA, _statusB, _output, _selected, _tape, _rate, _status; // a command selects its drive, whatever the digital output says
    private byte _st0, _st1, _st2;
    private uint _position, _length; // in the phase's bytes
    private byte _transfer;          // a Transfer
    private byte _direction;         // a Direction
    private byte _lastSector, _timer0, _timer1, _precompensation, _configuration, _lock, _powerMode;
    private int _senses;             // SENSE INTERRUPT STATUS answers still due for the reset
    private byte _phase;             // a Phase

    [NotState("a number for each transfer, so that a host request that outlives its command is dropped")]
    private int _number;

    [NotState("follows from the phase: a transfer that asks for nothing and is at rest waits for its channel")]
    private bool _waitsForDma;

    public I82078(IsaSlot slot, Options options)
    {
        (_slot, _options) = (slot, options);
        (_irq, _dma) = (slot.Irq((int)options.Irq), slot.Dma((int)options.Dma));
        FallbackType = FloppyDrive.TypeOf("fallback", options.Fallback);
        _identification = slot.CreateTimer(Identified);
        _dma?.Opened = OnDmaOpened;
        var registers = new IoRegion("fdc", 8, AccessSizes.Byte, (offset, _) => ReadPort(offset), (offset, _, value) => WritePort(offset, (byte)value));
        slot.MapPorts((ushort)(options.IoBase + 1), Part(registers, 1, 5), 5);
        slot.MapPorts((ushort)(options.IoBase + 7), Part(registers, 7, 1), 1);
    }

    private enum Phase : byte
    {
        Reconstruct,
        Command,
        Execution,
        Result,
    }

    /// <summary>As in the state: which way sectors go, or how they are compared.</summary>
    private enum Direction : byte
    {
        Write,
        Read,
        ScanEqual,
        ScanLowOrEqual,
        ScanHighOrEqual,
        Verify,
    }

    /// <summary>Bits, as in the state.</summary>
    [Flags]
    private enum Transfer : byte
    {
        None = 0,
        BothSides = 1,
        Format = 2,
    }

    public override string Model => "isa-fdc";

    public override StructType Section { get; } = new("fdc", 2);

    /// <summary>Each drive's place among what is booted from; negative for none.</summary>
    public IReadOnlyList<int> BootIndexes => [_options.BootIndexA, _options.BootIndexB];

    /// <summary>What the two drives are for the machine's set-up, first to last.</summary>
    public IReadOnlyList<FloppyType> DriveTypes => [.. _places.Select(place => place.Drive?.Type ?? FloppyType.None)];

    /// <summary>What a drive is when neither user nor disk says so.</summary>
    internal FloppyType? FallbackType { get; }

    private int Selected => _selected;

    private byte DigitalOutput => (byte)(_output | _selected);

    /// <summary>With BOOTSEL the two drives change places.</summary>
    private FloppyPlace Place => _places[(_tape & BootSelect) != 0 ? Selected ^ 1 : Selected];

    private bool UsesDma => (_output & DmaEnable) != 0 && _dma is not null;

    private bool IsReset => (_output & NotReset) == 0;

    private bool IsExecuting => _phase == (byte)Phase.Execution;

    private bool Writes => (Direction)_direction == Direction.Write;

    private bool Formats => ((Transfer)_transfer & Transfer.Format) != 0;

    private bool Scans => (Direction)_direction is Direction.ScanEqual or Direction.ScanLowOrEqual or Direction.ScanHighOrEqual;

    /// <summary>Bytes that the host gives or gets for each sector: formatting wants its identification only.</summary>
    private int UnitLength => Formats ? IdLength : SectorLength;

    /// <summary>The user's word for the drive of a place, if there is one.</summary>
    internal FloppyType? DefaultType(int unit) =>
        unit == 0 ? FloppyDrive.TypeOf("fdtypeA", _options.TypeA) : FloppyDrive.TypeOf("fdtypeB", _options.TypeB);

    internal int Plug(FloppyDrive drive, int unit)
    {
        if (unit < 0) unit = Array.FindIndex(_places, place => place.Drive is null);
        if (unit is < 0 or >= Drives) throw new ConfigException($"Can't create floppy unit {(unit < 0 ? Drives : unit)}, bus supports only {Drives} units");
        if (_places[unit].Drive is not null) throw new ConfigException($"Floppy unit {unit} is in use");
        _places[unit].Drive = drive;
        drive.Changed = _places[unit].Changed;
        return unit;
    }

    internal void Unplug(int unit)
    {
        _places[unit].Drive!.Changed = null;
        _places[unit].Drive = null;
    }

    public override void Reset()
    {
        _configuration = ImpliedSeek | FifoOff;
        (_lastSector, _timer0, _timer1, _precompensation, _lock, _powerMode, _rate, _tape) = (0, 0, 0, 0, 0, 0, 0, 0);
        Array.Clear(_fifo);
        foreach (FloppyPlace place in _places) (place.Perpendicular, place.MediaChanged) = (0, true);
        ResetController();
    }

    public override void Visit(StateVisitor state) => state.Struct("state", Type, VisitState);

    public override void Loaded()
    {
        _irq.Restore((_statusA & InterruptPending) != 0);
        _dma?.Ask(IsExecuting && UsesDma);
        (_number, _waitsForDma) = (_number + 1, IsExecuting && (_status & Request) == 0 && !_identification.IsArmed);
    }

    public override void Resumed() => OnDmaOpened();

    private static IoRegion Part(IoRegion registers, uint first, uint length) => new(registers.Name, length, AccessSizes.Byte,
        (offset, size) => registers.Read(first + offset, size), (offset, size, value) => registers.Write(first + offset, size, value));

    private void VisitState(StateVisitor state)
    {
        state.UInt8("sra", ref _statusA);
        state.UInt8("srb", ref _statusB);
        byte output = DigitalOutput;
        state.UInt8("dor_vmstate", ref output);
        if (state.Loading) (_output, _selected) = (output, (byte)(output & DriveSelect));
        state.UInt8("tdr", ref _tape);
        state.UInt8("dsr", ref _rate);
        state.UInt8("msr", ref _status);
        state.UInt8("status0", ref _st0);
        state.UInt8("status1", ref _st1);
        state.UInt8("status2", ref _st2);
        state.UInt8("fifo", _fifo);
        state.UInt32("data_pos", ref _position);
        state.UInt32("data_len", ref _length);
        state.UInt8("data_state", ref _transfer);
        state.UInt8("data_dir", ref _direction);
        state.UInt8("eot", ref _lastSector);
        state.UInt8("timer0", ref _timer0);
        state.UInt8("timer1", ref _timer1);
        state.UInt8("precomp_trk", ref _precompensation);
        state.UInt8("config", ref _configuration);
        state.UInt8("lock", ref _lock);
        state.UInt8("pwrd", ref _powerMode);
        state.Equal("num_floppies", (byte)Drives);
        state.Structs("drives", FloppyPlace.Type, _places.AsSpan(), (ref FloppyPlace place, StateVisitor inner) => place.Visit(inner), each: true);
        state.Subsection("fdc/reset_sensei", 1, _senses != 0, inner => inner.Int32("reset_sensei", ref _senses));
        state.Subsection("fdc/result_timer", 1, _identification.IsArmed, inner => inner.Timer("result_timer", _identification));
        VisitPhase(state);
    }

    /// <summary>The phase is sent only where the main status register does not tell it.</summary>
    private void VisitPhase(StateVisitor state)
    {
        Phase implied = (_status & NonDma) != 0 || (_status & Request) == 0 ? Phase.Execution : (_status & ToHost) != 0 ? Phase.Result : Phase.Command;
        if (!state.Subsection("fdc/phase", 1, _phase != (byte)implied, inner => inner.UInt8("phase", ref _phase)) && state.Loading) _phase = (byte)implied;
    }

    private byte ReadPort(uint offset)
    {
        switch (offset)
        {
            case 1: return _statusB;
            case 2: return DigitalOutput;
            case 3: return _tape;
            case 4:
                _rate &= unchecked((byte)~PowerDown);
                _output |= NotReset;
                return _status;
            case 5: return ReadData();
            case 7: return (byte)(Place.MediaChanged ? 0x80 : 0);
            default: return 0;
        }
    }

    private void WritePort(uint offset, byte value)
    {
        switch (offset)
        {
            case 2:
                WriteOutput(value);
                break;
            case 3 when !IsReset:
                _tape = (byte)(value & BootSelect);
                break;
            case 4 when !IsReset:
                if ((value & (SoftwareReset | PowerDown)) != 0) ResetController(interrupts: true);
                _rate = value;
                break;
            case 5:
                WriteData(value);
                break;
            case 7 when !IsReset:
                _rate = (byte)((_rate & ~RateBits) | (value & RateBits));
                break;
        }
    }

    private void WriteOutput(byte value)
    {
        _statusB = (byte)(NothingSelected | (value >> 4 & 3) | ((value & DriveSelect) != 0 ? DriveZero : 0));
        bool released = IsReset && (value & NotReset) != 0;
        if (!IsReset && (value & NotReset) == 0) EndTransfer();
        if (released) ResetController(interrupts: true);
        (_output, _selected) = (value, (byte)(value & DriveSelect));
        if (!released) return;
        _rate &= unchecked((byte)~PowerDown);
    }

    /// <summary>What all of its resets do. CONFIGURE, SPECIFY and PERPENDICULAR MODE are kept.</summary>
    private void ResetController(bool interrupts = false)
    {
        EndTransfer();
        _identification.Cancel();
        (_statusA, _statusB) = ((byte)(_places[1].Drive is null ? OneDrive : 0), NothingSelected);
        (_output, _selected) = ((byte)(NotReset | (_dma is null ? 0 : DmaEnable)), 0);
        (_position, _length, _transfer, _senses) = (0, 0, 0, 0);
        (_st0, _st1, _st2) = (0, 0, 0);
        foreach (FloppyPlace place in _places) place.Reset();
        BeginCommand();
        if (interrupts)
        {
            _st0 = ReadyChanged;
            Interrupt();
            _senses = SensesAfterReset;
        }

        UpdateIrq();
    }

    private void EndTransfer()
    {
        _number++;
        _waitsForDma = false;
        _dma?.Ask(false);
    }

    private void BeginCommand()
    {
        (_phase, _direction, _position, _length) = ((byte)Phase.Command, (byte)Direction.Write, 0, 1);
        _status = Request;
    }

    private void BeginResult(int length)
    {
        (_phase, _direction, _position, _length) = ((byte)Phase.Result, (byte)Direction.Read, 0, (uint)length);
        _status = Request | ToHost | Busy;
    }

    private void Answer(params ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_fifo);
        BeginResult(bytes.Length);
    }

    private byte ReadData()
    {
        _rate &= unchecked((byte)~PowerDown);
        if ((_status & (Request | ToHost)) != (Request | ToHost)) return 0;
        byte value = _fifo[_position % SectorLength];
        _position++;
        if (IsExecuting)
        {
            PassedByte();
        }
        else if (_position >= _length)
        {
            BeginCommand();
            _st0 = 0;
            Acknowledge();
        }

        return value;
    }

    private void WriteData(byte value)
    {
        _rate &= unchecked((byte)~PowerDown);
        if (IsReset || (_status & (Request | ToHost)) != Request) return;
        if (IsExecuting)
        {
            if (Scans) Compare(_position % SectorLength, value);
            else _fifo[_position % UnitLength] = value;
            _position++;
            PassedByte();
            return;
        }

        if (_position == 0)
        {
            _length = (uint)CommandLength(value);
            _status |= Busy;
        }

        _fifo[_position++ % SectorLength] = value;
        if (_position >= _length) Execute();
    }

    /// <summary>A command's code without MT, MFM and SK, where it has such bits.</summary>
    private static int Code(byte command)
    {
        if ((command & 0x1F) is 0x06 or 0x0C or 0x11 or 0x16 or 0x19 or 0x1D) return command & 0x1F;
        if ((command & 0x3F) is 0x05 or 0x09) return command & 0x3F;
        if ((command & 0xBF) is 0x02 or 0x0A or 0x0D) return command & 0xBF;
        return command;
    }

    /// <summary>With its parameters, in bytes.</summary>
    private static int CommandLength(byte command) => Code(command) switch
    {
        0x02 or 0x05 or 0x06 or 0x09 or 0x0C or 0x11 or 0x16 or 0x19 or 0x1D => 9,
        0x0D => 6,
        0x03 or 0x0F or 0x8F or 0xCF => 3,
        0x04 or 0x07 or 0x0A or 0x12 or 0x17 or 0x33 or 0x8E => 2,
        0x13 => 4,
        0x4E => 18,
        _ => 1,
    };

    private void Execute()
    {
        switch (Code(_fifo[0]))
        {
            case 0x05: BeginTransfer(Direction.Write); break;
            case 0x06 or 0x02: BeginTransfer(Direction.Read); break; // READ TRACK begins at its sector here, for there is no index hole
            case 0x11: BeginTransfer(Direction.ScanEqual); break;
            case 0x19: BeginTransfer(Direction.ScanLowOrEqual); break;
            case 0x1D: BeginTransfer(Direction.ScanHighOrEqual); break;
            case 0x16: BeginTransfer(Direction.Verify); break;
            case 0x09 or 0x0C: // deleted data
                Select(_fifo[1]);
                Stop(Abnormal | SeekEnd);
                break;
            case 0x0D: BeginFormat(); break;
            case 0x0A: BeginIdentification(); break;
            case 0x07: Seek(_fifo[1], 0); break;
            case 0x0F or 0x8F or 0xCF: Seek(); break;
            case 0x08: SenseInterrupt(); break;
            case 0x04: SenseDrive(); break;
            case 0x0E or 0x2E or 0x4E or 0x8E: DumpOrSave(); break;
            default: Configure(); break;
        }
    }

    /// <summary>Commands that set the chip up, or tell what it is.</summary>
    private void Configure()
    {
        switch (_fifo[0])
        {
            case 0x03: // SPECIFY
                (_timer0, _timer1) = ((byte)(_fifo[1] >> 4), (byte)(_fifo[2] >> 1));
                _output = (byte)((_fifo[2] & 1) != 0 ? _output & ~DmaEnable : _output | DmaEnable);
                BeginCommand();
                break;
            case 0x13: // CONFIGURE
                (_configuration, _precompensation) = (_fifo[2], _fifo[3]);
                BeginCommand();
                break;
            case 0x12: // PERPENDICULAR MODE
                if ((_fifo[1] & 0x80) != 0) Place.Perpendicular = (byte)(_fifo[1] & 7);
                BeginCommand();
                break;
            case 0x14 or 0x94: // LOCK
                _lock = (byte)(_fifo[0] >> 7);
                Answer((byte)(_lock << 4));
                break;
            case 0x17: // POWERDOWN MODE
                _powerMode = _fifo[1];
                Answer(_powerMode);
                break;
            case 0x33: // OPTION
                BeginCommand();
                break;
            case 0x10: // VERSION
                Answer(0x90);
                break;
            case 0x18: // PART ID
                Answer(0x41);
                break;
            default:
                Answer(Invalid);
                break;
        }
    }

    private void DumpOrSave()
    {
        byte modes = (byte)(_lock << 7 | Place.Perpendicular << 2), last = (byte)Place.LastSector;
        switch (_fifo[0])
        {
            case 0x0E: // DUMPREG
                Answer(_places[0].Track, _places[1].Track, 0, 0, _timer0, (byte)(_timer1 << 1 | (UsesDma ? 1 : 0)), last, modes,
                    _configuration, _precompensation);
                break;
            case 0x2E: // SAVE
                _fifo.AsSpan(0, SaveLength).Clear();
                (_fifo[2], _fifo[3], _fifo[6], _fifo[7], _fifo[8]) = (_places[0].Track, _places[1].Track, _timer0, _timer1, last);
                (_fifo[9], _fifo[10], _fifo[11], _fifo[12]) = (modes, _configuration, _precompensation, _powerMode);
                BeginResult(SaveLength);
                break;
            case 0x4E: // RESTORE
                (_timer0, _timer1, _lock, Place.Perpendicular) = (_fifo[7], _fifo[8], (byte)(_fifo[10] >> 7), (byte)(_fifo[10] >> 2 & 0x0F));
                (_configuration, _precompensation, _powerMode) = (_fifo[11], _fifo[12], _fifo[13]);
                BeginCommand();
                break;
            default: // DRIVE SPECIFICATION: bytes up to one with bit 7 set, and no answer with bit 6 of that
                if ((_fifo[1] & 0x80) == 0) (_position, _length) = (1, 2);
                else if ((_fifo[1] & 0x40) != 0) BeginCommand();
                else Answer(0, 0, 0, 0);
                break;
        }
    }

    private void Select(byte parameter)
    {
        _selected = (byte)(parameter & DriveSelect);
        (_st0, _st1, _st2) = (0, 0, 0);
    }

    private void Seek()
    {
        int track = _fifo[2];
        Select(_fifo[1]);
        if (_fifo[0] == 0xCF) track = Math.Min(Place.Track + track, Math.Max((Place.Format?.Tracks ?? 1) - 1, 0)); // RELATIVE SEEK in
        else if (_fifo[0] == 0x8F) track = Math.Max(Place.Track - track, 0);                                       // and out
        Seek(_fifo[1], track);
    }

    private void Seek(byte parameter, int track)
    {
        Select(parameter);
        Place.Step(track);
        BeginCommand();
        _st0 = SeekEnd;
        Interrupt();
        UpdateIrq();
    }

    private void SenseInterrupt()
    {
        if (_senses > 0)
        {
            Answer((byte)(ReadyChanged + SensesAfterReset - _senses), Place.Track);
            _senses--;
        }
        else if ((_statusA & InterruptPending) != 0)
        {
            Answer((byte)((_st0 & ~(0x04 | 0x03)) | Selected), Place.Track);
        }
        else
        {
            Answer(Invalid);
            return;
        }

        Acknowledge();
        _st0 = ReadyChanged;
    }

    private void SenseDrive()
    {
        const byte WriteProtected = 0x40, Ready = 0x28, TrackZero = 0x10;
        Select(_fifo[1]);
        Place.Head = (byte)(_fifo[1] >> 2 & 1);
        Answer((byte)((Place.Drive is { IsWritable: true } ? 0 : WriteProtected) | Ready | (Place.Track == 0 ? TrackZero : 0) | Place.Head << 2 | Selected));
    }

    private void BeginIdentification()
    {
        Select(_fifo[1]);
        Place.Head = (byte)(_fifo[1] >> 2 & 1);
        (_phase, _status) = ((byte)Phase.Execution, Busy);
        _identification.Arm(_slot.Clock.Now + IdentificationTime);
    }

    /// <summary>The next sector of the track has come by.</summary>
    private void Identified()
    {
        if (Place.LastSector > 0) Place.Sector = (byte)((Place.Sector % Place.LastSector) + 1);
        if (RateIsWrong) Stop(Abnormal, MissingMark);
        else Stop();
    }

    private bool RateIsWrong => (_rate & RateBits) != Place.MediaRate;

    private void BeginTransfer(Direction direction)
    {
        Select(_fifo[1]);
        (byte track, byte head, byte sector) = (_fifo[2], _fifo[3], _fifo[4]);
        FloppySeek found = Place.Seek(track, head, sector);
        if (found == FloppySeek.Stepped) _st0 |= SeekEnd;
        if (found is FloppySeek.NoTrack or FloppySeek.NoSector) Stop(Abnormal, found == FloppySeek.NoSector ? EndOfTrack : (byte)0, at: (track, head, sector));
        else if (RateIsWrong) Stop(Abnormal, MissingMark, at: (track, head, sector));
        else if (direction == Direction.Write && Place.Drive is not { IsWritable: true }) Stop(Abnormal, NotWritable, at: (track, head, sector));
        else
        {
            _transfer = (byte)((_fifo[0] & MultiTrack) != 0 ? Transfer.BothSides : Transfer.None);
            _lastSector = _fifo[6];
            _length = LengthOfTransfer(direction);
            Begin(direction);
        }
    }

    /// <summary>In bytes. The head's position has to be what the command says.</summary>
    private uint LengthOfTransfer(Direction direction)
    {
        if (_fifo[5] == 0) return Math.Max(_fifo[8], (byte)1);
        int sectors = _fifo[6] - _fifo[4] + 1;
        if ((_fifo[0] & MultiTrack) != 0) sectors += _fifo[6];
        if (direction == Direction.Verify && (_fifo[1] & EnableCount) != 0) sectors = _fifo[8];
        return (uint)Math.Max(sectors, 1) * (128u << (_fifo[5] & 7));
    }

    private void BeginFormat()
    {
        Select(_fifo[1]);
        Place.Head = (byte)(_fifo[1] >> 2 & 1);
        if (Place.Drive is not { IsWritable: true }) Stop(Abnormal, NotWritable);
        else if (RateIsWrong || _fifo[2] != Two512 || _fifo[3] == 0) Stop(Abnormal, MissingMark);
        else
        {
            (_transfer, _length) = ((byte)Transfer.Format, (uint)(_fifo[3] * IdLength));
            Begin(Direction.Write);
        }
    }

    private void Begin(Direction direction)
    {
        (_phase, _direction, _position) = ((byte)Phase.Execution, (byte)direction, 0);
        bool dma = UsesDma || direction == Direction.Verify;
        _status = (byte)(Busy | (dma ? 0 : direction == Direction.Read ? NonDma | ToHost : NonDma));
        if (dma) _dma?.Ask(direction != Direction.Verify);
        Continue(passed: false, last: false);
    }

    private void OnDmaOpened()
    {
        if (!_waitsForDma) return;
        _waitsForDma = false;
        Continue(passed: false, last: false);
    }

    private void PassedByte()
    {
        Acknowledge();
        if (_position % UnitLength != 0 && _position < _length) return;
        _status &= unchecked((byte)~Request);
        Continue(passed: true, last: false);
    }

    private void Continue(bool passed, bool last)
    {
        int number = ++_number;
        var sector = new byte[SectorLength];
        _slot.Start(async cancel =>
        {
            try
            {
                await Run(number, sector, passed, last, cancel);
            }
            catch (BlockException)
            {
                if (number == _number) Stop(Abnormal, DataError, BadData);
            }
        });
    }

    /// <summary>Takes turns: a sector comes from the disk, the guest or its memory takes it, and the other way round.</summary>
    private async ValueTask Run(int number, byte[] sector, bool passed, bool last, CancellationToken cancel)
    {
        while (true)
        {
            if (passed)
            {
                if (Writes) await Store(sector, cancel);
                if (number != _number || IsOver(last)) return;
            }

            if (!Writes && _position % SectorLength == 0)
            {
                await Place.Drive!.ReadAsync(Place.Offset, sector, cancel);
                if (number != _number) return;
                sector.CopyTo(_fifo, 0);
                if (Scans) _st2 = ScanHit;
            }

            if ((_status & NonDma) != 0)
            {
                _status |= Request;
                Interrupt();
                UpdateIrq();
                return;
            }

            passed = MoveByDma(out last);
            if (passed) continue;
            _waitsForDma = true;
            return;
        }
    }

    /// <summary>Moves to the next sector, unless only a part of this one was wanted, or ends the command.</summary>
    private bool IsOver(bool last)
    {
        bool hit = Scans && (_st2 & ScanFailed) == 0;
        bool more = Formats || _position % SectorLength != 0 || Place.Advance(_lastSector, ((Transfer)_transfer & Transfer.BothSides) != 0);
        if (!more) _st0 |= SeekEnd;
        if (more && !hit && !last && _position < _length) return false;
        Stop();
        return true;
    }

    /// <summary>Writes what the buffer has of a sector, and zeros for the rest; or formats one.</summary>
    private async ValueTask Store(byte[] sector, CancellationToken cancel)
    {
        if (Formats)
        {
            (byte track, byte head, byte number) = (_fifo[0], _fifo[1], _fifo[2]);
            if (track != Place.Track || Place.Seek(track, head, number) != FloppySeek.Found) return; // one that no image has room for
            Array.Fill(sector, _fifo[5]);
        }
        else
        {
            int length = (int)((_position - 1) % SectorLength) + 1;
            _fifo.AsSpan(0, length).CopyTo(sector);
            sector.AsSpan(length).Clear();
        }

        await Place.Drive!.WriteAsync(Place.Offset, sector, cancel);
    }

    /// <returns>Whether a sector is done, or the transfer.</returns>
    private bool MoveByDma(out bool last)
    {
        int at = (int)(_position % UnitLength), length = (int)Math.Min(UnitLength - at, _length - _position);
        last = false;
        int moved;
        if ((Direction)_direction == Direction.Verify || _dma is null)
        {
            moved = length;
        }
        else if ((Direction)_direction == Direction.Read)
        {
            moved = _dma.WriteMemory(_fifo.AsSpan(at, length), out last);
        }
        else if (Writes)
        {
            moved = _dma.ReadMemory(_fifo.AsSpan(at, length), out last);
        }
        else
        {
            Span<byte> memory = stackalloc byte[SectorLength];
            moved = _dma.ReadMemory(memory[..length], out last);
            for (var i = 0; i < moved; i++) Compare((uint)(at + i), memory[i]);
        }

        _position += (uint)moved;
        return last || (moved > 0 && (_position % UnitLength == 0 || _position >= _length));
    }

    /// <summary>SCAN: a byte of the guest's against one of the sector's.</summary>
    private void Compare(uint at, byte wanted)
    {
        byte found = _fifo[at];
        if (found == wanted || wanted == Ignored) return;
        bool holds = (Direction)_direction switch
        {
            Direction.ScanLowOrEqual => found < wanted,
            Direction.ScanHighOrEqual => found > wanted,
            _ => false,
        };
        _st2 = (byte)((_st2 & ~ScanHit) | (holds ? 0 : ScanFailed));
    }

    /// <summary>The result phase of a command that has to do with a sector.</summary>
    private void Stop(byte st0 = 0, byte st1 = 0, byte st2 = 0, (byte Track, byte Head, byte Sector)? at = null)
    {
        EndTransfer();
        (byte track, byte head, byte sector) = at ?? (Place.Track, Place.Head, Place.Sector);
        _st0 |= (byte)(st0 | Place.Head << 2 | Selected);
        (_st1, _st2, _transfer) = ((byte)(_st1 | st1), (byte)(_st2 | st2), 0);
        Answer(_st0, _st1, _st2, track, head, sector, Two512);
        Interrupt();
        UpdateIrq();
    }

    private void Interrupt()
    {
        _statusA |= InterruptPending;
        _senses = 0;
    }

    private void Acknowledge()
    {
        _statusA &= unchecked((byte)~InterruptPending);
        UpdateIrq();
    }

    private void UpdateIrq() => _irq.Set((_statusA & InterruptPending) != 0);

    public sealed record Options
    {
        [Option("iobase", "First port")]
        public ushort IoBase { get; init; } = 0x3F0;

        [Option("irq", "ISA interrupt")]
        public uint Irq { get; init; } = 6;

        [Option("dma", "DMA channel")]
        public uint Dma { get; init; } = 2;

        [Option("fdtypeA", "Type of the first drive: 144, 288, 120, none, auto")]
        public string TypeA { get; init; } = "auto";

        [Option("fdtypeB", "Type of the second drive")]
        public string TypeB { get; init; } = "auto";

        [Option("fallback", "Type of a drive when nothing else decides")]
        public string Fallback { get; init; } = "288";

        [Option("bootindexA", "The first drive's place among what is booted from")]
        public int BootIndexA { get; init; } = -1;

        [Option("bootindexB", "The second drive's")]
        public int BootIndexB { get; init; } = -1;
    }
}
