using Rhea.Core;
using Rhea.Core.Backends;
using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.State;

namespace Rhea.Devices.Storage;

/// <summary>An IDE cable with places for two drives: registers, the choice between the drives, reset, and the interrupt line.</summary>
/// <remarks>
/// ATA/ATAPI-6, chapters 5 to 9. Both drives hear every write to a register, the selected one answers. A command's work for the host
/// is an <see cref="IdeRequest"/>, of which there is one at a time; until it is done the drive is busy and no vCPU waits.
/// </remarks>
public sealed class IdeChannel
{
    private const uint Data = 0, ErrorFeature = 1, Count = 2, SectorNumber = 3, CylinderLow = 4, CylinderHigh = 5, DeviceHead = 6, StatusCommand = 7;
    private const byte SecondDrive = 0x10;                                   // device/head
    private const byte NoInterrupt = 0x02, SoftReset = 0x04, HighOrder = 0x80; // device control
    private const byte DeviceReset = 0x08;                                   // the one command that a busy drive takes
    internal static readonly StructType Type = new("ide_bus", 1);

    private readonly Slot _slot;
    private readonly IrqLine _irq;
    private readonly IdeBusMaster _master;
    private readonly IdeDrive?[] _drives = new IdeDrive?[2];
    private readonly IdeTaskFile[] _places = [new(), new()];
    private readonly IdeRequest _request = new();
    private byte _control, _unit;
    private CancellationTokenSource? _running;
    private Action? _afterRunning;

    public IdeChannel(Slot slot, int number, IrqLine irq, IdeBusMaster master)
    {
        (_slot, Number, _irq, _master) = (slot, number, irq, master);
        master.OnStart += Continue;
        CommandBlock = new IoRegion("ide", 8, new AccessSizes(1, 4), ReadRegister, WriteRegister);
        ControlBlock = new IoRegion("ide", 1, AccessSizes.Byte, (_, _) => Status, (_, _, value) => WriteControl((byte)value));
    }

    public int Number { get; }

    /// <summary>As the user names it: "ide.0".</summary>
    public string Name => $"ide.{Number}";

    public IoRegion CommandBlock { get; }

    public IoRegion ControlBlock { get; }

    public IReadOnlyList<IdeDrive?> Drives => _drives;

    internal IdeBusMaster Master => _master;

    internal ReadOnlySpan<IdeTaskFile> Places => _places;

    private IdeTaskFile Selected => _places[_unit];

    private byte Status => _drives[_unit] is null ? (byte)0 : Selected.Status;

    public bool HasFreePlace => Array.IndexOf(_drives, null) >= 0;

    /// <summary>Finds a place for a drive; -1 is the first one free.</summary>
    /// <exception cref="ConfigException">It is taken, or there is none.</exception>
    internal int Reserve(int unit)
    {
        if (unit < 0) unit = Array.IndexOf(_drives, null) is var free and >= 0 ? free : _drives.Length;
        if (unit >= _drives.Length) throw new ConfigException($"Can't create IDE unit {unit}, bus supports only {_drives.Length} units");
        return _drives[unit] is null ? unit : throw new ConfigException($"IDE unit {unit} is in use");
    }

    internal void Plug(int unit, IdeDrive drive) => _drives[unit] = drive;

    internal void Unplug(int unit)
    {
        if (_request.IsPending && _request.Unit == unit) Abandon(null);
        _drives[unit] = null;
    }

    /// <summary>Power-on, or the machine's reset, after which nothing is under way any more.</summary>
    public void Reset()
    {
        _running?.Cancel();
        (_running, _afterRunning) = (null, null);
        _request.Reset();
        (_control, _unit) = (0, 0);
        for (var unit = 0; unit < _places.Length; unit++)
        {
            _places[unit].Reset();
            if (_drives[unit] is { } drive) drive.Reset();
            else _places[unit].SetSignature(0xFF, 0xFF);
        }

        _irq.Set(false);
    }

    /// <summary>What failed while the machine was stopped, or waited when it was saved, is tried again.</summary>
    public void Resumed() => Continue();

    public void Loaded() => _irq.Restore(_master.Interrupted && (_control & NoInterrupt) == 0);

    internal void Visit(StateVisitor state)
    {
        state.UInt8("cmd", ref _control);
        state.UInt8("unit", ref _unit);
        state.Demand(_unit <= 1, $"unit was {_unit}");
        state.Subsection("ide_bus/error", 2, _request.IsPending, _request.Visit);
    }

    internal void VisitMaster(StateVisitor state) => _master.Visit(state, _request);

    internal void VisitPlaces(StateVisitor state) => state.Structs($"bus[{Number}].ifs", IdeTaskFile.Type, _places.AsSpan(),
        (ref IdeTaskFile place, StateVisitor inner) => place.Visit(inner, _request.IsPending && place == _places[_request.Unit & 1] && NeedsPio(_request.Kind)), each: true);

    /// <summary>INTRQ, unless the guest has turned it off.</summary>
    internal void Interrupt()
    {
        if ((_control & NoInterrupt) != 0) return;
        _master.NoteInterrupt();
        _irq.Set(true);
    }

    /// <summary>Starts a drive's request, now or when the guest has started the bus master.</summary>
    internal void Begin(IdeDrive drive, IdeRequestKind kind)
    {
        _request.Set(kind, drive.Unit, drive.Position, drive.Registers.Count);
        Continue();
    }

    /// <summary>EXECUTE DEVICE DIAGNOSTIC: both drives, whichever is selected; then the first is.</summary>
    internal void Diagnose()
    {
        SetSignatures();
        Interrupt();
    }

    private static bool NeedsPio(IdeRequestKind kind) => (kind & IdeRequestKind.WritePio) != 0;

    private ulong ReadRegister(uint offset, int size)
    {
        if (offset == Data) return ReadData(size);
        ulong value = 0;
        for (var i = 0; i < size; i++) value |= (ulong)ReadRegister(offset + (uint)i) << (i * 8);
        return value;
    }

    private byte ReadRegister(uint offset)
    {
        if (_drives[0] is null && _drives[1] is null) return 0;
        bool high = (_control & HighOrder) != 0;
        IdeTaskFile place = Selected;
        switch (offset)
        {
            case ErrorFeature when _unit == 1 && _drives[1] is null: return 0;
            case ErrorFeature: return high ? place.HobFeature : place.Error;
            case Count: return high ? place.HobCount : (byte)place.Count;
            case SectorNumber: return high ? place.HobSectorNumber : place.SectorNumber;
            case CylinderLow: return high ? place.HobCylinderLow : place.CylinderLow;
            case CylinderHigh: return high ? place.HobCylinderHigh : place.CylinderHigh;
            case DeviceHead: return place.DeviceHead;
            default:
                _irq.Set(false);
                return Status;
        }
    }

    private void WriteRegister(uint offset, int size, ulong value)
    {
        if (offset == Data) WriteData(size, (uint)value);
        else for (var i = 0; i < size; i++) WriteRegister(offset + (uint)i, (byte)(value >> (i * 8)));
    }

    private void WriteRegister(uint offset, byte value)
    {
        if (offset == StatusCommand)
        {
            Command(value);
            return;
        }

        _control &= unchecked((byte)~HighOrder);
        if (Selected.Is(IdeTaskFile.Busy | IdeTaskFile.DataRequest)) return;
        foreach (IdeTaskFile place in _places) SetRegister(place, offset, value);
        if (offset == DeviceHead) _unit = (value & SecondDrive) != 0 ? (byte)1 : (byte)0;
    }

    private static void SetRegister(IdeTaskFile place, uint offset, byte value)
    {
        switch (offset)
        {
            case ErrorFeature: (place.HobFeature, place.Feature) = (place.Feature, value); break;
            case Count: (place.HobCount, place.Count) = ((byte)place.Count, value); break;
            case SectorNumber: (place.HobSectorNumber, place.SectorNumber) = (place.SectorNumber, value); break;
            case CylinderLow: (place.HobCylinderLow, place.CylinderLow) = (place.CylinderLow, value); break;
            case CylinderHigh: (place.HobCylinderHigh, place.CylinderHigh) = (place.CylinderHigh, value); break;
            default: place.DeviceHead = (byte)(value | 0xA0); break;
        }
    }

    private void Command(byte command)
    {
        _irq.Set(false);
        if (_drives[_unit] is not { } drive) return;
        if (drive.Registers.Is(IdeTaskFile.Busy | IdeTaskFile.DataRequest))
        {
            if (command == DeviceReset && drive.TakesDeviceReset) Abandon(() => drive.Command(command));
            return;
        }

        _control &= unchecked((byte)~HighOrder);
        drive.Command(command);
    }

    private ulong ReadData(int size)
    {
        if (_drives[_unit] is not { } drive || !drive.Registers.Is(IdeTaskFile.DataRequest) || IsWritten(drive)) return 0;
        if (drive.Registers.Pio.Read(Math.Max(size, 2), out uint value)) drive.BlockPassed();
        return value;
    }

    private void WriteData(int size, uint value)
    {
        if (_drives[_unit] is not { } drive || !drive.Registers.Is(IdeTaskFile.DataRequest) || !IsWritten(drive)) return;
        if (drive.Registers.Pio.Write(Math.Max(size, 2), value)) drive.BlockPassed();
    }

    private static bool IsWritten(IdeDrive drive) => drive.Registers.Pio.Next is IdeStep.WriteSectors or IdeStep.Packet;

    private void WriteControl(byte value)
    {
        bool resets = (value & SoftReset) != 0 && (_control & SoftReset) == 0;
        _control = value;
        if (resets) Abandon(SetSignatures);
        if ((value & NoInterrupt) != 0) _irq.Set(false);
    }

    /// <summary>SRST and the end of the diagnosis.</summary>
    private void SetSignatures()
    {
        _unit = 0;
        for (var unit = 0; unit < _places.Length; unit++)
        {
            if (_drives[unit] is { } drive) drive.SoftReset();
            else _places[unit].SetSignature(0xFF, 0xFF);
        }
    }

    /// <summary>Gives up what is under way. Until the host has let go of the memory the drives stay busy.</summary>
    private void Abandon(Action? then)
    {
        if (_running is null)
        {
            _request.Clear();
            then?.Invoke();
            return;
        }

        for (var unit = 0; unit < _places.Length; unit++)
            if (_drives[unit] is not null) _places[unit].Status = IdeTaskFile.Busy;
        _afterRunning = then;
        _running.Cancel();
    }

    private void Continue()
    {
        if (!_request.IsPending || _running is not null || _request.Unit > 1 || _drives[_request.Unit] is not { } drive) return;
        if (drive.NeedsMaster(_request.Kind) && !_master.Started) return;
        drive.Retry(_request);
        _slot.Start(cancel => Run(drive, _request.Kind, cancel));
    }

    private async Task Run(IdeDrive drive, IdeRequestKind kind, CancellationToken machineReset)
    {
        using var running = CancellationTokenSource.CreateLinkedTokenSource(machineReset);
        _running = running;
        if (drive.NeedsMaster(kind)) _master.Begin();
        IdeOutcome outcome;
        try
        {
            outcome = await drive.Transfer(kind, running.Token);
        }
        catch (OperationCanceledException)
        {
            outcome = IdeOutcome.Abandoned;
        }
        catch (BlockException error)
        {
            outcome = running.IsCancellationRequested ? IdeOutcome.Abandoned : drive.Judge(kind, error);
        }

        if (_running != running) return; // the machine was reset meanwhile
        _running = null;
        Finish(drive, kind, running.IsCancellationRequested ? IdeOutcome.Abandoned : outcome);
    }

    private void Finish(IdeDrive drive, IdeRequestKind kind, IdeOutcome outcome)
    {
        if (outcome == IdeOutcome.Waits) return; // pending until the machine goes on
        if (drive.NeedsMaster(kind))
            _master.End(outcome == IdeOutcome.DoneWithMoreMemory, outcome == IdeOutcome.MemoryFault);
        _request.Clear();
        Action? then = _afterRunning;
        _afterRunning = null;
        if (outcome != IdeOutcome.Abandoned) drive.Completed(kind, outcome);
        else then?.Invoke();
    }
}

/// <summary>How a request to the host ended.</summary>
public enum IdeOutcome
{
    Done,

    /// <summary>Done, and the bus master's table goes on.</summary>
    DoneWithMoreMemory,

    /// <summary>The bus master's table ended first: nothing is transferred, and nobody is told.</summary>
    MemoryTooShort,

    /// <summary>The bus master's table points to no RAM.</summary>
    MemoryFault,

    /// <summary>The drive refuses: past the end, no medium, an unreadable sector. It has its reason in its registers.</summary>
    Refused,

    /// <summary>The machine stops for the error; it is tried again when the machine goes on.</summary>
    Waits,

    /// <summary>The guest has reset the drive meanwhile.</summary>
    Abandoned,
}
