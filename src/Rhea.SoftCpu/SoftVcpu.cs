using Rhea.Core.Cpu;
using Rhea.SoftCpu.Interpreter;
using Rhea.X86;

namespace Rhea.SoftCpu;

/// <summary>One processor of the software accelerator: its pins, its signals, and the loop between two blocks.</summary>
/// <remarks>
/// The processor's thread holds a lock of its own while it runs guest code, and gives it up for device accesses and when it is
/// asked to: whoever changes its TLB from outside takes that lock. So nobody waits for a processor that waits for the machine.
/// </remarks>
public sealed class SoftVcpu : IVcpu
{
    private readonly SoftAccelerator _accelerator;
    private readonly Cpu _cpu;
    private readonly Engine _engine;
    private readonly InsideLock _inside = new();
    private readonly Lock _queue = new();
    private readonly List<(nint Host, int Length)> _written = [];
    private readonly AutoResetEvent _wake = new(initialState: false);
    private volatile bool _kicked, _intr, _a20 = true, _a20Changed;
    private PendingSignals _signals;
    private volatile int _waiting;

    internal SoftVcpu(SoftAccelerator accelerator, int index, IReadOnlyList<CpuidLeaf> model, IMachineBus bus)
    {
        _accelerator = accelerator;
        _cpu = new Cpu(bus, accelerator, new Outside(bus, _inside), model, index);
        _engine = new Engine(_cpu, accelerator.Warmth);
    }

    public Span<ulong> General => _cpu.State.General;

    public VcpuStop Run(long budget = long.MaxValue)
    {
        _inside.Enter();
        try
        {
            _cpu.Debugger.Resume();
            _cpu.TickClock?.Pause();
            _cpu.Head.Budget = budget;
            return _cpu.Debugger.Stops.SingleStep ? RunStep() : RunInside(ref _cpu.Head.Budget);
        }
        catch (Exception fault)
        {
            _accelerator.Report($"processor at {_cpu.State.Rip:x}h: {fault}");
            return VcpuStop.InternalError;
        }
        finally
        {
            _inside.Exit();
        }
    }

    public long BudgetLeft => _cpu.Head.Budget;

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
        _intr = _cpu.InterruptWaits = level;
        if (level) Notice();
    }

    public void SetA20(bool open)
    {
        _a20 = open;
        _a20Changed = true;
        Notice();
    }

    public void Signal(CpuSignal signal, byte vector = 0)
    {
        _signals.Send(signal, vector);
        Notice();
    }

    public void Read(CpuRegisters into)
    {
        using (_inside.EnterScope())
        {
            into.State = _cpu.State;
            into.State.Rflags = _cpu.ReadRflags();
            into.State.Tsc = _cpu.TimeStamp;
            (into.State.NmiPending, into.State.SmiPending, into.State.InitPending, into.State.InterruptPending) = (_signals.Nmi, _signals.Smi, _signals.Init, _intr);
        }
    }

    public void Write(CpuRegisters from)
    {
        using (_inside.EnterScope())
        {
            _cpu.State = from.State;
            _cpu.State.Mxcsr &= Mxcsr.Bits; // another processor may have more of them; generated code would fault on the host
            (_signals.Nmi, _signals.Smi, _signals.Init) = (from.State.NmiPending, from.State.SmiPending, from.State.InitPending);
            _signals.StartUp = false;
            _a20 = from.State.A20;
            _cpu.TimeStamp = from.State.Tsc;
            _cpu.WriteRflags(from.State.Rflags);
            _cpu.Attention = true;
            _cpu.Mmu.Flush();
            _cpu.Breakpoints.Update();
        }
    }

    public void Resetting()
    {
        lock (_inside) _accelerator.Execution?.Resetting(_cpu.Index, in _cpu.State);
    }

    public DebugStops DebugStops
    {
        get => _cpu.Debugger.Stops;
        set
        {
            using (_inside.EnterScope())
            {
                _cpu.Debugger.Stops = value;
                _cpu.Mmu.Flush();
            }
        }
    }

    public TripleFault? TripleFault => _cpu.TripleFault;

    public DebugHit? DebugHit => _cpu.Debugger.Hit;

    public bool TryTranslate(ulong linear, out ulong physical)
    {
        using (_inside.EnterScope()) return _cpu.Mmu.TryTranslate(linear, out physical);
    }

    public string? TranslatorReport()
    {
        using (_inside.EnterScope()) return _engine.TranslatorReport;
    }

    public void Dispose()
    {
        _engine.Dispose();
        _cpu.Dispose();
        _wake.Dispose();
    }

    /// <summary>Does something to the processor while it does not run guest code. Any thread but its own while it runs.</summary>
    internal void Hold(Action<Cpu> work)
    {
        Interlocked.Increment(ref _waiting);
        _cpu.Attention = true;
        using (_inside.EnterScope()) work(_cpu);
        Interlocked.Decrement(ref _waiting);
    }

    /// <summary>The same for another processor, whose own lock is not held meanwhile: two may want each other.</summary>
    internal void HoldFrom(Cpu by, Action<Cpu> work)
    {
        if (by == _cpu) return;
        by.Outside.Leave();
        Hold(work);
        by.Outside.Enter();
    }

    /// <summary>See <see cref="CodeCache.BlockCache.TrySpare"/>.</summary>
    internal bool TrySpare(nint host, int length) => _engine.Cache.TrySpare(host, length);

    internal void Invalidate(nint host, int length, Cpu? by)
    {
        if (by == _cpu)
        {
            _engine.Cache.Invalidate(host, length);
            return;
        }

        lock (_queue) _written.Add((host, length));
        _cpu.Attention = true;
    }

    private VcpuStop RunInside(ref long budget)
    {
        while (true)
        {
            if (_cpu.Attention && Attend() is { } stop) return stop;
            if (_cpu.State.Activity != CpuActivity.Running) return VcpuStop.Halted;
            if (budget <= 0) return VcpuStop.BudgetSpent;
            if (_engine.Run(ref budget) != Step.Fault) continue;
            if (!Delivery.Exception(_cpu)) return VcpuStop.TripleFault;
            budget--;
        }
    }

    /// <summary>One instruction, or the delivery of its exception, for a debugger.</summary>
    private VcpuStop RunStep()
    {
        _cpu.Head.Budget = 1;
        VcpuStop stop = RunInside(ref _cpu.Head.Budget);
        if (stop != VcpuStop.BudgetSpent) return stop;
        _cpu.Debugger.OnStep();
        return VcpuStop.DebugTrap;
    }

    /// <summary>Between two instructions: what others asked for, then events by priority (Intel SDM vol. 3, table 7-2).</summary>
    private VcpuStop? Attend()
    {
        _cpu.Attention = false;
        ref CpuState state = ref _cpu.State;
        GiveWay();
        DropWritten();
        if (_a20Changed) CloseA20(ref state);
        if (_kicked)
        {
            _kicked = false;
            _cpu.Attention = true;
            return VcpuStop.Kicked;
        }

        if (_cpu.Yields)
        {
            _cpu.Yields = false;
            _cpu.Attention = true;
            return VcpuStop.Yielded;
        }

        if (_cpu.Debugger.Hit is not null) return VcpuStop.DebugTrap;
        if (state.Injected.Any && !DeliverInjected(ref state)) return VcpuStop.TripleFault;
        if (_signals.Init && !state.Smm) Initialize(ref state);
        if (_signals.StartUp && state.Activity != CpuActivity.Running) StartUp();
        if (state.Activity == CpuActivity.WaitForSipi) return null;
        return _cpu.TrapsHeld || _cpu.Debugger.Stops.SingleStep ? Postpone() : AttendEvents(ref state);
    }

    /// <summary>What a hypervisor had taken for its guest, and not yet delivered, when the machine was saved.</summary>
    private bool DeliverInjected(ref CpuState state)
    {
        InjectedEvents events = state.Injected;
        state.Injected = default;
        state.Activity = CpuActivity.Running;
        if (events.Exception)
        {
            _cpu.Fault((ExceptionVector)events.ExceptionVector, events.ExceptionErrorCode);
            return Delivery.Exception(_cpu);
        }

        state.NmiBlocked |= events.Nmi;
        return Delivery.Interrupt(_cpu, events.Nmi ? (byte)ExceptionVector.Nmi : events.InterruptVector);
    }

    private VcpuStop? AttendEvents(ref CpuState state)
    {
        if (_cpu.Breakpoints.TakeTrap())
        {
            _cpu.Fault(ExceptionVector.Debug);
            return Delivery.Exception(_cpu) ? null : VcpuStop.TripleFault;
        }

        if (_cpu.InterruptsHeld) return Postpone();
        var done = true;
        if (_signals.Smi && !state.Smm)
        {
            _signals.Smi = false;
            SystemManagement.Enter(_cpu);
        }
        else if (_signals.Nmi && !state.NmiBlocked)
        {
            _signals.Nmi = false;
            state.Activity = CpuActivity.Running;
            state.NmiBlocked = true;
            done = Delivery.Interrupt(_cpu, (byte)ExceptionVector.Nmi);
        }
        else if (_intr && (state.Rflags & Rflags.Interrupt) != 0)
        {
            int vector = _cpu.Outside.AcknowledgeInterrupt();
            if (vector < 0) return null;
            state.Activity = CpuActivity.Running;
            done = Delivery.Interrupt(_cpu, (byte)vector);
        }

        if (_signals.Smi || _signals.Nmi || _intr) _cpu.Attention |= WouldDeliver();
        return done ? null : VcpuStop.TripleFault;
    }

    /// <summary>One instruction first, then events.</summary>
    private VcpuStop? Postpone()
    {
        _cpu.Attention = true;
        return null;
    }

    private bool WouldDeliver() => (_signals.Smi && !_cpu.State.Smm) || (_signals.Nmi && !_cpu.State.NmiBlocked)
        || (_intr && (_cpu.State.Rflags & Rflags.Interrupt) != 0);

    private bool Woken()
    {
        CpuActivity activity = _cpu.State.Activity;
        if (_signals.Init || _signals.StartUp || _waiting != 0) return true;
        return activity != CpuActivity.WaitForSipi && WouldDeliver();
    }

    private void Notice()
    {
        _cpu.Attention = true;
        _wake.Set();
    }

    private void GiveWay()
    {
        if (_waiting == 0) return;
        _inside.Exit();
        for (SpinWait spin = default; _waiting != 0;) spin.SpinOnce();
        _inside.Enter();
    }

    private void DropWritten()
    {
        lock (_queue)
        {
            foreach ((nint host, int length) in _written) _engine.Cache.Invalidate(host, length);
            _written.Clear();
        }
    }

    private void CloseA20(ref CpuState state)
    {
        _a20Changed = false;
        if (state.A20 == _a20) return;
        state.A20 = _a20;
        _cpu.Mmu.Flush();
    }

    private void Initialize(ref CpuState state)
    {
        _signals.Init = false;
        _accelerator.Execution?.Resetting(_cpu.Index, in state);
        SystemReset.Init(_cpu);
        _cpu.Mmu.Flush();
        _cpu.Attention = true;
        if (_cpu.Index == 0) state.Activity = CpuActivity.Running;
    }

    private void StartUp()
    {
        _signals.StartUp = false;
        SystemReset.StartUp(_cpu, _signals.StartUpVector);
    }
}
