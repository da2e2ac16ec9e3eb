using System.Numerics;
using Rhea.Core.Cpu;
using Rhea.Core.Machines;
using Rhea.Core.State;

namespace Rhea.X86.Apic;

/// <summary>The interrupt controller inside a processor: it takes messages and pins, and hands over the most important vector.</summary>
/// <remarks>
/// Intel SDM vol. 3, chapter 11 (xAPIC and x2APIC). As in QEMU, a software-disabled APIC keeps its local vectors as they are,
/// so the 8259 pair still reaches the processor through LINT0, and no message through the APIC bus is ever retried.
/// </remarks>
public sealed class LocalApic : Device, ILocalApic
{
    internal const int TimerVector = 0;

    private const int Lint0 = 3, Lint1 = 4, ErrorVector = 5;                                                // local vectors
    private const uint Masked = 0x1_0000, LevelTriggered = 0x8000;
    private const uint GlobalEnable = 0x800, X2Enable = 0x400, BootProcessor = 0x100;                       // IA32_APIC_BASE
    private const uint SoftwareEnable = 0x100;                                                              // spurious vector
    private const uint SendIllegalVector = 0x20, ReceiveIllegalVector = 0x40, IllegalRegister = 0x80;       // error status
    private const uint Version = 0x5_0014;
    private const uint ApicBaseMsr = 0x1B, TscDeadlineMsr = 0x6E0, FirstX2Msr = 0x800, LastX2Msr = 0x8FF;
    private const int Id = 0x02, VersionRegister = 0x03, TaskPriorityRegister = 0x08, Arbitration = 0x09, ProcessorPriorityRegister = 0x0A,
        EndOfInterrupt = 0x0B, LogicalDestination = 0x0D, DestinationFormat = 0x0E, Spurious = 0x0F, InService = 0x10, TriggerMode = 0x18,
        Request = 0x20, ErrorStatus = 0x28, CommandLow = 0x30, CommandHigh = 0x31, LocalVectors = 0x32, LastLocalVector = 0x37,
        InitialCount = 0x38, CurrentCount = 0x39, Divide = 0x3E, SelfIpi = 0x3F;

    private readonly LocalApicRegisters _chip;
    private readonly ApicBus _bus;
    private readonly ApicTimer _timer;
    private readonly bool _hasX2;

    [NotState("errors since the guest last wrote the error status register; QEMU's section has no field for them")]
    private uint _newErrors;

    /// <param name="slot">Its place on the board.</param>
    /// <param name="registers">Its registers; instance 0 is the boot processor's.</param>
    /// <param name="bus">The other local APICs.</param>
    /// <param name="hasX2">The processor model has x2APIC.</param>
    public LocalApic(IsaSlot slot, LocalApicRegisters registers, ApicBus bus, bool hasX2)
    {
        (_chip, _bus, _hasX2) = (registers, bus, hasX2);
        _timer = new ApicTimer(slot, registers, () => Deliver(TimerVector));
        bus.Add(this);
    }

    public override StructType Section => _chip.Section;

    /// <summary>Its processor. The board sets it once, for a processor is made with the bus that leads here.</summary>
    public IVcpu? Vcpu { get; set; }

    public LocalApicRegisters Registers => _chip;

    /// <summary>What the current count register reads.</summary>
    public uint TimerCount => _timer.Count;

    public ulong Page => (_chip.Base & (GlobalEnable | X2Enable)) == GlobalEnable ? _chip.Base & ~0xFFFu : ulong.MaxValue;

    public byte TaskPriority
    {
        get => (byte)(_chip.TaskPriority >> 4);
        set
        {
            _chip.TaskPriority = (byte)(value << 4);
            Update();
        }
    }

    /// <summary>The more important of what the guest set and what is in service.</summary>
    internal byte ProcessorPriority
    {
        get
        {
            int serving = Math.Max(Highest(_chip.InService), 0) & 0xF0;
            return (byte)(_chip.TaskPriority >= serving ? _chip.TaskPriority : serving);
        }
    }

    internal bool TakesInterrupts => (_chip.Base & GlobalEnable) != 0 && (_chip.SpuriousVector & SoftwareEnable) != 0;

    private bool IsX2 => (_chip.Base & (GlobalEnable | X2Enable)) == (GlobalEnable | X2Enable);

    /// <summary>The 8259 pair asks, and LINT0 (or, without an APIC, the INTR pin that it is then) lets it.</summary>
    private bool PicAsks => _bus.Intr.Level && ((_chip.Base & GlobalEnable) == 0
        || ((_chip.LocalVectors[Lint0] & Masked) == 0 && Mode(_chip.LocalVectors[Lint0]) == DeliveryMode.ExtInt));

    public override void Reset()
    {
        _chip.Reset();
        _newErrors = 0;
        _timer.Settle();
        Update();
    }

    public override void Visit(StateVisitor state) => _chip.Visit(state);

    public override void Loaded()
    {
        _timer.Restore();
        Update();
    }

    public uint Read(uint offset) => ReadRegister((int)(offset >> 4));

    public void Write(uint offset, uint value) => WriteRegister((int)(offset >> 4), value);

    /// <summary>Requests of the 8259 pair come first: they know no priority.</summary>
    public int Acknowledge()
    {
        if (PicAsks) return _bus.AcknowledgePic();
        if (!TakesInterrupts) return -1;
        int vector = Highest(_chip.Request);
        if (vector < 0) return -1;
        if ((vector & 0xF0) <= (ProcessorPriority & 0xF0)) return (int)(_chip.SpuriousVector & 0xFF);
        Clear(_chip.Request, vector);
        Set(_chip.InService, vector);
        Update();
        return vector;
    }

    public bool TryReadMsr(uint msr, out ulong value)
    {
        value = 0;
        switch (msr)
        {
            case ApicBaseMsr:
                value = _chip.Base;
                return true;
            case TscDeadlineMsr:
                value = _timer.Deadline;
                return true;
            case >= FirstX2Msr and <= LastX2Msr when IsX2:
                return TryReadX2((int)(msr - FirstX2Msr), out value);
            default:
                return false;
        }
    }

    public bool TryWriteMsr(uint msr, ulong value)
    {
        switch (msr)
        {
            case ApicBaseMsr:
                return TryWriteBase(value);
            case TscDeadlineMsr:
                _timer.Deadline = value;
                return true;
            case >= FirstX2Msr and <= LastX2Msr when IsX2:
                return TryWriteX2((int)(msr - FirstX2Msr), value);
            default:
                return false;
        }
    }

    internal void OnLint0(bool level)
    {
        uint vector = _chip.LocalVectors[Lint0];
        if (Mode(vector) == DeliveryMode.Fixed && (vector & (LevelTriggered | Masked)) == LevelTriggered && !level)
            Clear(_chip.Request, (byte)vector);
        else if (level && (_chip.Base & GlobalEnable) != 0) Deliver(Lint0);
        Update();
    }

    internal void OnLint1(bool level)
    {
        if (!level) return;
        if ((_chip.Base & GlobalEnable) == 0) Vcpu?.Signal(CpuSignal.Nmi);
        else Deliver(Lint1);
    }

    internal bool IsAddressedBy(in ApicMessage message)
    {
        uint destination = message.Destination;
        if (destination == ApicMessage.Everybody) return true;
        if (!message.Logical) return destination == _chip.Id;
        if (IsX2) return destination >> 16 == LogicalX2Id >> 16 && (destination & LogicalX2Id & 0xFFFF) != 0;
        bool together = _chip.DestinationFormat != 0 || destination >> 4 == _chip.LogicalDestination >> 4;
        return together && (destination & _chip.LogicalDestination & (_chip.DestinationFormat != 0 ? 0xFFu : 0x0Fu)) != 0;
    }

    internal void Receive(in ApicMessage message)
    {
        if ((_chip.Base & GlobalEnable) == 0) return;
        switch (message.Mode)
        {
            case DeliveryMode.Fixed or DeliveryMode.LowestPriority:
                Accept(message.Vector, message.Level);
                break;
            case DeliveryMode.Smi:
                Vcpu?.Signal(CpuSignal.Smi);
                break;
            case DeliveryMode.Nmi:
                Vcpu?.Signal(CpuSignal.Nmi);
                break;
            case DeliveryMode.Init:
                Initialize();
                break;
            case DeliveryMode.StartUp when _chip.WaitForSipi != 0:
                (_chip.WaitForSipi, _chip.SipiVector) = (0, message.Vector);
                Vcpu?.Signal(CpuSignal.StartUp, message.Vector);
                break;
        }
    }

    /// <summary>INIT, from outside or from another processor: all but the identity is as after power-on (11.4.7.3).</summary>
    private void Initialize()
    {
        ForgetAll();
        _chip.WaitForSipi = _chip.Instance == 0 ? 0 : 1;
        Vcpu?.Signal(CpuSignal.Init);
        Update();
    }

    private void ForgetAll()
    {
        (uint place, byte id, byte arbitration) = (_chip.Base, _chip.Id, _chip.ArbitrationId);
        _chip.Reset();
        (_chip.Base, _chip.Id, _chip.ArbitrationId, _chip.WaitForSipi) = (place, id, arbitration, 0);
        _newErrors = 0;
        _timer.Settle();
    }

    private void Deliver(int localVector)
    {
        uint vector = _chip.LocalVectors[localVector];
        if ((vector & Masked) != 0) return;
        switch (localVector is TimerVector or ErrorVector ? DeliveryMode.Fixed : Mode(vector))
        {
            case DeliveryMode.Fixed:
                Accept((byte)vector, localVector is Lint0 or Lint1 && (vector & LevelTriggered) != 0);
                break;
            case DeliveryMode.Smi:
                Vcpu?.Signal(CpuSignal.Smi);
                break;
            case DeliveryMode.Nmi:
                Vcpu?.Signal(CpuSignal.Nmi);
                break;
        }
    }

    private void Accept(byte vector, bool level)
    {
        if (!TakesInterrupts) return;
        if (vector < 16)
        {
            Fail(ReceiveIllegalVector);
            return;
        }

        Set(_chip.Request, vector);
        if (level) Set(_chip.TriggerMode, vector);
        else Clear(_chip.TriggerMode, vector);
        Update();
    }

    /// <summary>The error interrupt itself may have an illegal vector; then there is none.</summary>
    private void Fail(uint error)
    {
        _newErrors |= error;
        if ((byte)_chip.LocalVectors[ErrorVector] >= 16) Deliver(ErrorVector);
    }

    /// <summary>The INTR pin of the processor.</summary>
    private void Update()
    {
        int vector = TakesInterrupts ? Highest(_chip.Request) : -1;
        Vcpu?.SetIntr((vector >= 0 && (vector & 0xF0) > (ProcessorPriority & 0xF0)) || PicAsks);
    }

    private void Finish()
    {
        int vector = Highest(_chip.InService);
        if (vector < 0) return;
        Clear(_chip.InService, vector);
        if (IsSet(_chip.TriggerMode, vector)) _bus.LevelEnded((byte)vector);
        Update();
    }

    private uint ReadRegister(int register)
    {
        switch (register)
        {
            case Id:
                return (uint)_chip.Id << 24;
            case VersionRegister:
                return Version;
            case TaskPriorityRegister:
                return _chip.TaskPriority;
            case Arbitration or EndOfInterrupt:
                return 0;
            case ProcessorPriorityRegister:
                return ProcessorPriority;
            case LogicalDestination:
                return (uint)_chip.LogicalDestination << 24;
            case DestinationFormat:
                return (uint)_chip.DestinationFormat << 28 | 0xFFF_FFFF;
            case Spurious:
                return _chip.SpuriousVector;
            case >= InService and < TriggerMode:
                return _chip.InService[register - InService];
            case >= TriggerMode and < Request:
                return _chip.TriggerMode[register - TriggerMode];
            case >= Request and < ErrorStatus:
                return _chip.Request[register - Request];
            case ErrorStatus:
                return _chip.ErrorStatus;
            case CommandLow or CommandHigh:
                return _chip.InterruptCommand[register - CommandLow];
            case >= LocalVectors and <= LastLocalVector:
                return _chip.LocalVectors[register - LocalVectors];
            case InitialCount:
                return _chip.InitialCount;
            case CurrentCount:
                return _timer.Count;
            case Divide:
                return _chip.DivideConfiguration;
            default:
                Fail(IllegalRegister);
                return 0;
        }
    }

    private void WriteRegister(int register, uint value)
    {
        switch (register)
        {
            case Id:
                _chip.Id = (byte)(value >> 24);
                break;
            case TaskPriorityRegister:
                _chip.TaskPriority = (byte)value;
                Update();
                break;
            case EndOfInterrupt:
                Finish();
                break;
            case LogicalDestination:
                _chip.LogicalDestination = (byte)(value >> 24);
                break;
            case DestinationFormat:
                _chip.DestinationFormat = (byte)(value >> 28);
                break;
            case Spurious:
                _chip.SpuriousVector = value & 0x1FF;
                Update();
                break;
            case ErrorStatus:
                (_chip.ErrorStatus, _newErrors) = (_newErrors, 0);
                break;
            case CommandLow:
                _chip.InterruptCommand[0] = value & 0xC_CFFF;
                Send(value, ApicBus.Widen((byte)(_chip.InterruptCommand[1] >> 24)));
                break;
            case CommandHigh:
                _chip.InterruptCommand[1] = value;
                break;
            case >= LocalVectors and <= LastLocalVector:
                WriteLocalVector(register - LocalVectors, value);
                break;
            case InitialCount:
                _timer.Load(value);
                break;
            case Divide:
                _timer.Divide(value);
                break;
            case VersionRegister or Arbitration or ProcessorPriorityRegister or CurrentCount or (>= InService and < ErrorStatus):
                break;
            default:
                Fail(IllegalRegister);
                break;
        }
    }

    private void WriteLocalVector(int index, uint value)
    {
        uint before = _chip.LocalVectors[index];
        _chip.LocalVectors[index] = value & LocalVectorBits(index);
        if (index == TimerVector) _timer.ModeChanged(before);
        Update();
    }

    private static uint LocalVectorBits(int index) => index switch
    {
        TimerVector => 0x7_00FF,
        ErrorVector => 0x1_00FF,
        Lint0 or Lint1 => 0x1_A7FF,
        _ => 0x1_07FF,
    };

    /// <summary>An interrupt between processors. Only INIT has levels, and its de-assertion does nothing any more.</summary>
    private void Send(uint command, uint destination)
    {
        DeliveryMode mode = Mode(command);
        if (mode == DeliveryMode.Init && (command & 0xC000) == 0x8000) return;
        if (mode is DeliveryMode.Fixed or DeliveryMode.LowestPriority && (byte)command < 16)
        {
            Fail(SendIllegalVector);
            return;
        }

        var message = new ApicMessage(destination, (command & 0x800) != 0, mode, (byte)command, Level: false);
        switch (command >> 18 & 3)
        {
            case 0:
                _bus.Send(message);
                break;
            case 1:
                Receive(message);
                break;
            default:
                _bus.SendToAll(message, (command >> 18 & 1) != 0 ? this : null);
                break;
        }
    }

    private static DeliveryMode Mode(uint register) => (DeliveryMode)(register >> 8 & 7);

    /// <summary>Which modes lead to which: figure 11-6. Bits that mean nothing must be zero.</summary>
    private bool TryWriteBase(ulong value)
    {
        bool enable = (value & GlobalEnable) != 0, x2 = (value & X2Enable) != 0, wasEnabled = (_chip.Base & GlobalEnable) != 0;
        if (value > uint.MaxValue || (value & 0x2FF) != 0) return false;
        if (x2 && (!_hasX2 || !enable || !wasEnabled)) return false;
        if (IsX2 && enable && !x2) return false;
        _chip.Base = (uint)(value & ~BootProcessor) | (_chip.Base & BootProcessor);
        if (!enable) ForgetAll();
        Update();
        return true;
    }

    private uint LogicalX2Id => (uint)(_chip.Id >> 4) << 16 | 1u << (_chip.Id & 15);

    /// <summary>Table 11-6: the same registers by number, without gaps to fall into.</summary>
    private bool TryReadX2(int register, out ulong value)
    {
        value = register switch
        {
            Id => _chip.Id,
            LogicalDestination => LogicalX2Id,
            CommandLow => _chip.InterruptCommand[0] | (ulong)_chip.InterruptCommand[1] << 32,
            _ when IsInX2(register) && register is not (EndOfInterrupt or SelfIpi) => ReadRegister(register),
            _ => ulong.MaxValue,
        };
        return value != ulong.MaxValue;
    }

    private bool TryWriteX2(int register, ulong value)
    {
        if ((value & ~X2Writable(register)) != 0 || X2Writable(register) == 0 && register is not (EndOfInterrupt or ErrorStatus)) return false;
        switch (register)
        {
            case CommandLow:
                (_chip.InterruptCommand[0], _chip.InterruptCommand[1]) = ((uint)value & 0xC_CFFF, (uint)(value >> 32));
                Send((uint)value, (uint)(value >> 32));
                break;
            case SelfIpi:
                Send((uint)value | 0x4_0000, 0);
                break;
            default:
                WriteRegister(register, (uint)value);
                break;
        }

        return true;
    }

    private static bool IsInX2(int register) => register is VersionRegister or TaskPriorityRegister or ProcessorPriorityRegister or Spurious
        or EndOfInterrupt or (>= InService and <= ErrorStatus) or (>= LocalVectors and <= CurrentCount) or Divide or SelfIpi;

    /// <summary>The bits that may be one; none at all in a register that is read-only or not there.</summary>
    private static ulong X2Writable(int register) => register switch
    {
        TaskPriorityRegister or SelfIpi => 0xFF,
        Spurious => 0x1FF,
        CommandLow => 0xFFFF_FFFF_000C_DFFF,
        >= LocalVectors and <= LastLocalVector => LocalVectorBits(register - LocalVectors) | 0x1000u,
        InitialCount => uint.MaxValue,
        Divide => 0xB,
        _ => 0,
    };

    private static int Highest(uint[] bits)
    {
        for (var i = 7; i >= 0; i--)
            if (bits[i] != 0) return (i * 32) + BitOperations.Log2(bits[i]);
        return -1;
    }

    private static bool IsSet(uint[] bits, int vector) => (bits[vector >> 5] >> vector & 1) != 0;

    private static void Set(uint[] bits, int vector) => bits[vector >> 5] |= 1u << vector;

    private static void Clear(uint[] bits, int vector) => bits[vector >> 5] &= ~(1u << vector);
}
