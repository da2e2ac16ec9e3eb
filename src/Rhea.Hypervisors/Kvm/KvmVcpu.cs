using System.Buffers.Binary;
using Rhea.Core;
using Rhea.Core.Cpu;
using Rhea.Host;

namespace Rhea.Hypervisors.Kvm;

/// <summary>A processor of KVM's: runs on its thread inside KVM_RUN, and comes out for devices, for signals and to be stopped.</summary>
/// <remarks>
/// Kernel documentation: virt/kvm/api.rst, chapter 5. A port or memory read is finished by the KVM_RUN after it, so a processor is never
/// left in between: registers are only looked at once that is done.
/// </remarks>
internal sealed class KvmVcpu : IVcpu
{
    private const uint DebugEnable = 1, DebugSingleStep = 2, DebugHardwareBreakpoints = 0x2_0000, DebugBlockInterrupts = 0x10_0000;
    private const uint DebugSoftwareBreakpoints = 0x1_0000;
    private const int DebugRegisters = 4, DebugException = 1, BreakpointException = 3;
    private const ushort RunInSmm = 1;
    private const ulong InterruptFlag = 0x200;
    private const uint ApicBaseMsr = 0x1B;

    private readonly KvmAccelerator _accelerator;
    private readonly KvmFile _file;
    private readonly KvmRunPage _page;
    private readonly KvmMsrs _msrs;
    private readonly IMachineBus _bus;
    private readonly uint _signature;
    private readonly AutoResetEvent _wake = new(initialState: false);
    private readonly Lock _signalling = new();
    private readonly ulong[] _general = new ulong[16];
    private nint _thread;                // 0 until it first runs, and after its end
    private volatile bool _kicked, _intr;
    private PendingSignals _signals;
    private bool _unfinished;            // the last exit was an access whose instruction is not done
    private bool _generalFetched, _a20 = true;
    private ulong[] _hardwareBreakpoints = [], _softwareBreakpoints = []; // in debug registers, and those that found no room there
    private readonly List<ulong> _inserted = []; // of the latter: where they are in physical memory
    private CpuActivity _activity;       // where the local APICs are here: the kernel does not know it then

    public KvmVcpu(KvmAccelerator accelerator, KvmFile vm, int index, IReadOnlyList<CpuidLeaf> model, IMachineBus bus)
    {
        (_accelerator, _bus, Index) = (accelerator, bus, index);
        CpuidLeaf features = model.First(leaf => leaf.Leaf == 1);
        (_signature, ApicId) = (features.Eax, features.Ebx >> 24);
        _file = vm.Create(KvmCall.CreateVcpu, (long)ApicId);
        _page = _file.MapRunPage(accelerator.RunPageLength);
        KvmCpuidList cpuid = accelerator.Cpuid.For(model);
        _file.Call(KvmCall.SetCpuid2, ref cpuid);
        ulong machineChecks = accelerator.MachineCheckCapabilities;
        if (machineChecks != 0) _file.Call(KvmCall.SetupMce, ref machineChecks);
        _msrs = new KvmMsrs(_file);
    }

    public int Index { get; }

    public uint ApicId { get; }

    /// <summary>It waits for a start-up IPI, as the local APIC that was written last has it.</summary>
    public bool WaitsForSipi { get; set; }

    public Span<ulong> General
    {
        get
        {
            if (!_generalFetched)
            {
                KvmRegs registers = default;
                CpuState state = default;
                _file.Call(KvmCall.GetRegs, ref registers);
                KvmRegisters.Fetch(in registers, ref state);
                ((ReadOnlySpan<ulong>)state.General).CopyTo(_general);
                _generalFetched = true;
            }

            return _general;
        }
    }

    public DebugStops DebugStops
    {
        get;
        set
        {
            if (value.Watchpoints.Count > DebugRegisters)
                throw new ConfigException($"KVM has {DebugRegisters} debug registers for watchpoints; with -accel tcg there is no limit");
            field = value;
            int registers = DebugRegisters - value.Watchpoints.Count;
            (_hardwareBreakpoints, _softwareBreakpoints) = ([.. value.Breakpoints.Take(registers)], [.. value.Breakpoints.Skip(registers)]);
            SetDebug();
        }
    } = DebugStops.None;

    public DebugHit? DebugHit { get; private set; }

    public VcpuStop Run(long budget = long.MaxValue)
    {
        if (_thread == 0) EnterThread();
        DebugHit = null;
        try
        {
            InsertBreakpoints();
            while (true)
                if (Attend() is { } before) return before;
                else if (Enter() is { } after) return after;
        }
        catch (Exception fault)
        {
            _accelerator.Report($"KVM: processor {Index}: {(fault is HostException ? fault.Message : fault)}");
            return VcpuStop.InternalError;
        }
        finally
        {
            foreach (ulong physical in _inserted) _accelerator.Breakpoints.Remove(_bus, physical);
            _inserted.Clear();
        }
    }

    public void Sleep()
    {
        while (!_kicked && !Woken()) _wake.WaitOne();
    }

    public void Kick()
    {
        _kicked = true;
        Notice();
    }

    public void SetIntr(bool level)
    {
        _intr = level;
        if (level) Notice();
    }

    /// <summary>The hardware has no A20M# pin: its level is only kept.</summary>
    public void SetA20(bool open) => _a20 = open;

    public void Signal(CpuSignal signal, byte vector = 0)
    {
        if (signal == CpuSignal.Smi && !_accelerator.HasSmm) return; // a processor without the mode does not have the pin either
        _signals.Send(signal, vector);
        Notice();
    }

    public void Read(CpuRegisters into)
    {
        ref CpuState state = ref into.State;
        KvmRegs registers = default;
        KvmSregs system = default;
        KvmDebugRegs debug = default;
        KvmXsave extended = default;
        _file.Call(KvmCall.GetRegs, ref registers);
        _file.Call(KvmCall.GetSregs, ref system);
        _file.Call(KvmCall.GetDebugRegs, ref debug);
        _file.Call(KvmCall.GetXsave, ref extended);
        KvmRegisters.Fetch(in registers, ref state);
        KvmRegisters.Fetch(in system, ref state);
        KvmRegisters.Fetch(in debug, ref state);
        KvmRegisters.FetchExtended(extended, ref state);
        if (_accelerator.HasXcrs)
        {
            KvmXcrs control = default;
            _file.Call(KvmCall.GetXcrs, ref control);
            state.Xcr0 = control.Value;
        }

        _msrs.Fetch(ref state);
        state.McgCap = _accelerator.MachineCheckCapabilities;
        state.TscKilohertz = Math.Max(0, _file.Try(KvmCall.GetTscKhz));
        (state.A20, state.InterruptPending) = (_a20, _intr);
        ReadEvents(ref state);
        state.Activity = ReadActivity();
    }

    public void Write(CpuRegisters from)
    {
        ref CpuState state = ref from.State;
        KvmSregs system = default;
        KvmRegs registers = default;
        KvmDebugRegs debug = default;
        KvmXsave extended = default;
        _file.Call(KvmCall.GetSregs, ref system);
        KvmRegisters.Store(in state, ref system);
        if (!_accelerator.HostsApic && _bus.TryReadApicMsr(ApicBaseMsr, out ulong apicBase)) system.ApicBase = apicBase;
        KvmRegisters.Store(in state, ref registers);
        KvmRegisters.Store(in state, ref debug);
        KvmRegisters.StoreExtended(in state, extended);
        _file.Call(KvmCall.SetSregs, ref system);
        _file.Call(KvmCall.SetRegs, ref registers);
        if (_accelerator.HasXcrs)
        {
            var control = new KvmXcrs { Count = 1, Value = state.Xcr0 };
            _file.Call(KvmCall.SetXcrs, ref control);
        }

        _file.Call(KvmCall.SetXsave, ref extended);
        SetTscRate(state.TscKilohertz);
        _msrs.Store(ref state);
        _file.Call(KvmCall.SetDebugRegs, ref debug);
        WriteEvents(in state);
        WriteActivity(state.Activity);
        (_a20, _unfinished) = (state.A20, false);
        SetDebug();
    }

    public bool TryTranslate(ulong linear, out ulong physical)
    {
        var translation = new KvmTranslation { Linear = linear };
        _file.Call(KvmCall.Translate, ref translation);
        physical = translation.Physical;
        return translation.Valid != 0;
    }

    /// <summary>Its registers, for the local APIC that is a part of it.</summary>
    public KvmFile File => _file;

    public long Time => _bus.Time;

    public void Dispose()
    {
        lock (_signalling) _thread = 0;
        _page.Dispose();
        _file.Dispose();
        _wake.Dispose();
    }

    /// <summary>On the processor's own thread: the signal that ends KVM_RUN is blocked here and let through there.</summary>
    private void EnterThread()
    {
        var mask = new KvmSignalMask { Length = sizeof(ulong), Signals = KickSignal.BlockHere() };
        _file.Call(KvmCall.SetSignalMask, ref mask);
        lock (_signalling) _thread = KickSignal.ThisThread;
    }

    /// <summary>Whatever it does, it soon looks at what is asked of it. A signal that comes too early ends the next KVM_RUN.</summary>
    private void Notice()
    {
        lock (_signalling)
            if (_thread != 0) KickSignal.Send(_thread);
        _wake.Set();
    }

    /// <summary>Outside the guest: what others asked for.</summary>
    private VcpuStop? Attend()
    {
        if (_kicked)
        {
            while (_unfinished)
                if (Finish() is { } stop) return stop;
            _kicked = false;
            return VcpuStop.Kicked;
        }

        if (_signals.Nmi)
        {
            _signals.Nmi = false;
            Deliver(KvmCall.Nmi);
        }

        if (_signals.Smi)
        {
            _signals.Smi = false;
            Deliver(KvmCall.Smi);
        }

        if (_accelerator.HostsApic)
        {
            AttendPic();
            return null;
        }

        if (_signals.Init) Initialize();
        if (_signals.StartUp && _activity == CpuActivity.WaitForSipi) StartUp();
        if (_activity == CpuActivity.Halted && Woken()) _activity = CpuActivity.Running;
        if (_activity != CpuActivity.Running) return VcpuStop.Halted;
        AttendPic();
        _page.Run.Cr8 = _bus.TaskPriority;
        return null;
    }

    /// <summary>Interrupts of controllers that are here: one at a time, when the guest can take it; until then it is told to come out when it can.</summary>
    private void AttendPic()
    {
        ref KvmRun run = ref _page.Run;
        if (_intr && run.ReadyForInterruptInjection != 0 && _bus.AcknowledgeInterrupt() is >= 0 and var vector)
        {
            var number = (uint)vector;
            _file.Call(KvmCall.Interrupt, ref number);
            run.ReadyForInterruptInjection = 0;
        }

        run.RequestInterruptWindow = _intr ? (byte)1 : (byte)0;
    }

    private void Deliver(KvmCall call)
    {
        _file.Call(call);
        if (_activity == CpuActivity.Halted) _activity = CpuActivity.Running;
    }

    /// <summary>Lets the guest finish the instruction of the last exit, and no more; it may have another access in it.</summary>
    private VcpuStop? Finish()
    {
        _page.Run.ImmediateExit = 1;
        int result = _file.Try(KvmCall.Run);
        _accelerator.CoalescedWrites.Drain(_page, _bus);
        _page.Run.ImmediateExit = 0;
        _unfinished = false;
        if (result == KvmFile.Interrupted) return null;
        return result >= 0 ? Handle() : throw new HostException(-result);
    }

    private VcpuStop? Enter()
    {
        int changes = _accelerator.MapChanges;
        int result = _file.Try(KvmCall.Run);
        _accelerator.CoalescedWrites.Drain(_page, _bus);
        if (!_accelerator.HostsApic) TakeApicChanges();
        switch (result)
        {
            case >= 0:
                _unfinished = false;
                return _page.Run.ExitReason == KvmExit.InternalError && changes != _accelerator.MapChanges ? null : Handle();
            case KvmFile.Interrupted:
                KickSignal.Take();
                _unfinished = false;
                return null;
            case KvmFile.TryAgain:
                return null;
            default:
                throw new HostException(-result);
        }
    }

    /// <summary>CR8 and IA32_APIC_BASE change inside the guest, while their APIC is here.</summary>
    private void TakeApicChanges()
    {
        ref KvmRun run = ref _page.Run;
        if (_bus.TaskPriority != (byte)run.Cr8) _bus.TaskPriority = (byte)run.Cr8;
        if (_bus.TryReadApicMsr(ApicBaseMsr, out ulong before) && before != run.ApicBase) _ = _bus.TryWriteApicMsr(ApicBaseMsr, run.ApicBase);
    }

    private VcpuStop? Handle()
    {
        ref KvmRun run = ref _page.Run;
        switch (run.ExitReason)
        {
            case KvmExit.Io:
                _unfinished = true;
                AccessPort(ref run);
                return null;
            case KvmExit.Mmio:
                _unfinished = true;
                AccessMemory(ref run);
                return null;
            case KvmExit.Interrupted or KvmExit.InterruptWindowOpen or KvmExit.SetTpr:
                return null;
            case KvmExit.Halt:
                _activity = CpuActivity.Halted;
                return null;
            case KvmExit.IoApicEoi:
                _bus.EndOfInterrupt(run.EoiVector);
                return null;
            case KvmExit.Shutdown:
                return VcpuStop.TripleFault;
            case KvmExit.Debug:
                return Trap(ref run);
            default:
                return Fail(ref run);
        }
    }

    private void AccessPort(ref KvmRun run)
    {
        int size = run.IoSize;
        Span<byte> data = _page.Data(run.IoDataOffset, checked(size * (int)run.IoCount));
        _generalFetched = false;
        for (; data.Length >= size; data = data[size..])
        {
            if (run.IoIsOut != 0) _bus.WritePort(run.IoPort, size, (uint)Number(data, size));
            else Put(data, size, _bus.ReadPort(run.IoPort, size));
            if (data.Length == size) break;
        }

        if (_generalFetched) StoreGeneral();
    }

    /// <summary>The device at the port has changed them.</summary>
    private void StoreGeneral()
    {
        KvmRegs registers = default;
        CpuState state = default;
        _file.Call(KvmCall.GetRegs, ref registers);
        KvmRegisters.Fetch(in registers, ref state);
        _general.CopyTo(state.General);
        KvmRegisters.Store(in state, ref registers);
        _file.Call(KvmCall.SetRegs, ref registers);
    }

    private void AccessMemory(ref KvmRun run)
    {
        bool smm = (run.Flags & RunInSmm) != 0, whole = run.MmioLength is 1 or 2 or 4 or 8;
        int step = whole ? (int)run.MmioLength : 1;
        for (var at = 0; at < run.MmioLength; at += step)
        {
            ulong address = run.MmioAddress + (ulong)at;
            if (run.MmioIsWrite != 0)
            {
                _bus.WriteMemory(address, step, whole ? run.MmioData & Mask(step) : run.MmioData >> (at * 8) & 0xFF, smm);
            }
            else
            {
                ulong value = _bus.ReadMemory(address, step, smm) & Mask(step);
                run.MmioData = run.MmioData & ~(Mask(step) << (at * 8)) | value << (at * 8);
            }
        }
    }

    private VcpuStop? Trap(ref KvmRun run)
    {
        ulong pc = run.DebugPc, hit = run.DebugDr6;
        if (run.DebugException == BreakpointException)
        {
            if (!_softwareBreakpoints.Contains(pc)) return GiveBreakpoint();
            DebugHit = new DebugHit(pc, null);
        }

        if (run.DebugException == DebugException)
        {
            for (var i = 0; i < _hardwareBreakpoints.Length + DebugStops.Watchpoints.Count; i++)
                if ((hit >> i & 1) != 0)
                    DebugHit = i < _hardwareBreakpoints.Length
                        ? new DebugHit(pc, null)
                        : new DebugHit(null, DebugStops.Watchpoints.ElementAt(i - _hardwareBreakpoints.Length));
        }

        return VcpuStop.DebugTrap;
    }

    /// <summary>An INT3 of the guest's own.</summary>
    private VcpuStop? GiveBreakpoint()
    {
        KvmVcpuEvents events = default;
        _file.Call(KvmCall.GetVcpuEvents, ref events);
        (events.ExceptionInjected, events.ExceptionPending, events.ExceptionNumber, events.ExceptionHasErrorCode) = (1, 0, BreakpointException, 0);
        _file.Call(KvmCall.SetVcpuEvents, ref events);
        return null;
    }

    /// <summary>Before it runs. One whose page is not there yet is tried again when it runs next.</summary>
    private void InsertBreakpoints()
    {
        foreach (ulong linear in _softwareBreakpoints)
        {
            if (!TryTranslate(linear, out ulong physical)) continue;
            if (_accelerator.Breakpoints.Insert(_bus, physical)) _inserted.Add(physical);
            else if (Index == 0) _accelerator.Report($"there is no memory for a breakpoint at {linear:x}h, and KVM's {DebugRegisters} debug registers are taken");
        }
    }

    private VcpuStop Fail(ref KvmRun run)
    {
        string what = run.ExitReason switch
        {
            KvmExit.FailEntry => $"entry failed, hardware reason {run.HardwareEntryFailureReason:x}h",
            KvmExit.InternalError => $"internal error {run.InternalSubError}",
            _ => $"exit {(uint)run.ExitReason}",
        };
        KvmRegs registers = default;
        KvmSregs system = default;
        _file.Call(KvmCall.GetRegs, ref registers);
        _file.Call(KvmCall.GetSregs, ref system);
        ulong pc = system.Cs.Base + registers.Rip;
        if (run.ExitReason == KvmExit.InternalError && _softwareBreakpoints.Contains(pc)) // a KVM without hardware cannot run an INT3 in long mode
        {
            DebugHit = new DebugHit(pc, null);
            return VcpuStop.DebugTrap;
        }

        _accelerator.Report($"KVM: processor {Index} at {system.Cs.Selector:x4}:{registers.Rip:x}: {what}");
        return VcpuStop.InternalError;
    }

    /// <summary>Four debug registers hold the debugger's breakpoints (execution) and watchpoints, as DR7 describes them (Intel SDM vol. 3, 18.2.4).</summary>
    private void SetDebug()
    {
        DebugStops stops = DebugStops;
        KvmGuestDebug debug = default;
        if (stops.SingleStep) debug.Control = DebugEnable | DebugSingleStep | (_accelerator.BlocksInterruptsWhileStepping ? DebugBlockInterrupts : 0);
        if (_hardwareBreakpoints.Length + stops.Watchpoints.Count > 0) debug.Control |= DebugEnable | DebugHardwareBreakpoints;
        if (_softwareBreakpoints.Length > 0) debug.Control |= DebugEnable | DebugSoftwareBreakpoints;
        var index = 0;
        ulong control = 0x400;
        foreach (ulong address in _hardwareBreakpoints)
        {
            debug.DebugRegisters[index] = address;
            control |= 2UL << (2 * index++);
        }

        foreach (Watchpoint watch in stops.Watchpoints)
        {
            debug.DebugRegisters[index] = watch.Address;
            ulong length = watch.Length switch { 1 => 0, 2 => 1, 8 => 2, _ => 3 }, kind = watch.OnRead ? 3UL : 1;
            control |= 2UL << (2 * index) | (kind | length << 2) << (16 + (4 * index));
            index++;
        }

        debug.DebugRegisters[7] = control;
        if (debug.Control != 0 || _accelerator.HasGuestDebug) _file.Call(KvmCall.SetGuestDebug, ref debug);
    }

    private void ReadEvents(ref CpuState state)
    {
        KvmVcpuEvents events = default;
        _file.Call(KvmCall.GetVcpuEvents, ref events);
        state.InterruptShadow = events.InterruptShadow != 0;
        state.NmiBlocked = events.NmiMasked != 0;
        state.NmiPending = events.NmiPending != 0 || _signals.Nmi;
        (state.Smm, state.SmiInsideNmi) = (events.Smm != 0, events.SmmInsideNmi != 0);
        state.SmiPending = events.SmiPending != 0 || _signals.Smi;
        state.InitPending = events.LatchedInit != 0 || _signals.Init;
        state.SipiVector = (byte)events.SipiVector;
        state.Injected = new InjectedEvents
        {
            Interrupt = events.InterruptInjected != 0,
            InterruptIsSoft = events.InterruptIsSoft != 0,
            InterruptVector = events.InterruptNumber,
            Nmi = events.NmiInjected != 0,
            Exception = (events.ExceptionInjected | events.ExceptionPending) != 0,
            ExceptionHasErrorCode = events.ExceptionHasErrorCode != 0,
            ExceptionVector = events.ExceptionNumber,
            ExceptionErrorCode = events.ExceptionErrorCode,
        };
    }

    private void WriteEvents(in CpuState state)
    {
        const uint ValidNmiPending = 1, ValidSipiVector = 2, ValidShadow = 4, ValidSmm = 8;
        (_signals.Nmi, _signals.Smi, _signals.Init, _signals.StartUp) = (false, false, !_accelerator.HostsApic && state.InitPending, false);
        InjectedEvents injected = state.Injected;
        var events = new KvmVcpuEvents
        {
            Flags = ValidNmiPending | ValidSipiVector | ValidShadow | (_accelerator.HasSmm ? ValidSmm : 0),
            InterruptShadow = Flag(state.InterruptShadow),
            NmiMasked = Flag(state.NmiBlocked),
            NmiPending = Flag(state.NmiPending),
            Smm = Flag(state.Smm),
            SmmInsideNmi = Flag(state.SmiInsideNmi),
            SmiPending = Flag(state.SmiPending),
            LatchedInit = Flag(state.InitPending && _accelerator.HostsApic),
            SipiVector = state.SipiVector,
            InterruptInjected = Flag(injected.Interrupt),
            InterruptIsSoft = Flag(injected.InterruptIsSoft),
            InterruptNumber = injected.InterruptVector,
            NmiInjected = Flag(injected.Nmi),
            ExceptionInjected = Flag(injected.Exception),
            ExceptionHasErrorCode = Flag(injected.ExceptionHasErrorCode),
            ExceptionNumber = injected.ExceptionVector,
            ExceptionErrorCode = injected.ExceptionErrorCode,
        };
        _file.Call(KvmCall.SetVcpuEvents, ref events);
    }

    /// <summary>A guest from elsewhere keeps the rate of its time stamp counter where the hardware can scale it; 0 is unknown.</summary>
    private void SetTscRate(long kilohertz)
    {
        const long Tolerance = 250; // parts in a million: what an operating system corrects by itself
        int here = _file.Try(KvmCall.GetTscKhz);
        if (kilohertz <= 0 || here <= 0 || Math.Abs(kilohertz - here) <= here * Tolerance / 1_000_000) return;
        if (_file.Try(KvmCall.SetTscKhz, kilohertz) < 0 && Index == 0)
            _accelerator.Report($"the guest's time stamp counter ran at {kilohertz} kHz, this host's runs at {here} and cannot be scaled: a guest that takes the time from it is wrong");
    }

    private CpuActivity ReadActivity()
    {
        if (!_accelerator.HostsApic) return _activity;
        var state = KvmActivity.Runnable;
        _file.Call(KvmCall.GetMpState, ref state);
        return state switch
        {
            KvmActivity.Uninitialized or KvmActivity.InitReceived or KvmActivity.SipiReceived => CpuActivity.WaitForSipi,
            KvmActivity.Halted => CpuActivity.Halted,
            _ => CpuActivity.Running,
        };
    }

    /// <summary>A saved state calls a processor halted that waits for its start: its local APIC knows better.</summary>
    private void WriteActivity(CpuActivity activity)
    {
        _activity = activity;
        if (!_accelerator.HostsApic) return;
        KvmActivity state = activity == CpuActivity.WaitForSipi || (activity == CpuActivity.Halted && WaitsForSipi) ? KvmActivity.Uninitialized
            : activity == CpuActivity.Halted ? KvmActivity.Halted
            : KvmActivity.Runnable;
        _file.Call(KvmCall.SetMpState, ref state);
    }

    private void Initialize()
    {
        _signals.Init = false;
        var registers = new CpuRegisters(Index);
        Read(registers);
        registers.Init(_signature);
        Write(registers);
        if (Index == 0) _activity = CpuActivity.Running;
    }

    private void StartUp()
    {
        _signals.StartUp = false;
        var registers = new CpuRegisters(Index);
        Read(registers);
        registers.StartUp(_signals.StartUpVector);
        Write(registers);
        _activity = CpuActivity.Running;
    }

    private bool Woken() => _signals.Init || _signals.StartUp || (_activity != CpuActivity.WaitForSipi && (_signals.Nmi || _signals.Smi || (_intr && _page.Run.IfFlag != 0)));

    private static byte Flag(bool on) => on ? (byte)1 : (byte)0;

    private static ulong Mask(int size) => size == 8 ? ulong.MaxValue : (1UL << (size * 8)) - 1;

    private static ulong Number(ReadOnlySpan<byte> data, int size) => size switch
    {
        1 => data[0],
        2 => BinaryPrimitives.ReadUInt16LittleEndian(data),
        _ => BinaryPrimitives.ReadUInt32LittleEndian(data),
    };

    private static void Put(Span<byte> data, int size, uint value)
    {
        for (var i = 0; i < size; i++) data[i] = (byte)(value >> (i * 8));
    }
}

/// <summary>KVM_MP_STATE_…: what a processor does outside the guest.</summary>
internal enum KvmActivity : uint
{
    Runnable = 0,
    Uninitialized = 1,
    InitReceived = 2,
    Halted = 3,
    SipiReceived = 4,
}
