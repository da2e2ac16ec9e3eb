using System.Collections.Concurrent;
using Rhea.Core.Cpu;
using Rhea.Core.Io;
using Rhea.Core.Memory;
using Rhea.Core.Pci;
using Rhea.Core.State;
using Rhea.Core.Time;

namespace Rhea.Core.Machines;

/// <summary>A finished machine: it runs, pauses, resets, saves and loads. It knows its devices by path and treats them all alike.</summary>
/// <remarks>
/// <see cref="Run"/> turns the loop on the thread that calls it. What changes the run state happens on that thread, outside the
/// machine lock, because it waits for the processors to park, and a processor may be waiting for the lock; others hand it such
/// work with <see cref="Invoke{T}"/>.
/// </remarks>
public sealed class Machine : IDisposable
{
    private readonly ConcurrentQueue<Action> _requests = [];
    private readonly BoardSwitches _board;
    private MachineEnd? _end;
    private int _loopThread;

    /// <param name="type">"pc-i440fx-7.2".</param>
    /// <param name="parts">All that is in it.</param>
    /// <param name="memory">As processors and devices see it.</param>
    /// <param name="smmMemory">As a processor in system management mode sees it.</param>
    /// <param name="processors">The first is the one that boots.</param>
    /// <param name="board">What the board does for the machine as a whole.</param>
    public Machine(string type, MachineParts parts, AddressSpace memory, AddressSpace smmMemory, IReadOnlyList<Processor> processors, BoardSwitches board)
    {
        (Type, Parts, Memory, SmmMemory, Processors, _board) = (type, parts, memory, smmMemory, processors, board);
        parts.OnShutdown = OnShutdown; // a guest may end the machine before Run waits for that
        parts.OnRemoved = node => Report(new DeviceDeletedEvent(node.Id, node.Path));
        foreach (Processor processor in processors) processor.Stopped = OnStopped;
    }

    public string Type { get; }

    public MachineLoop Loop => Parts.Loop;

    public VmClock Clock => Parts.Clock;

    public PortSpace Ports => Parts.Ports;

    public AddressSpace Memory { get; }

    public AddressSpace SmmMemory { get; }

    public MachineParts Parts { get; }

    public IReadOnlyList<Processor> Processors { get; }

    public IReadOnlyDictionary<string, DeviceNode> Devices => Parts.Devices;

    public IReadOnlyList<Section> Sections => Parts.Sections;

    public RunState State { get; private set; } = RunState.Prelaunch;

    /// <summary>What the guest's own reset does: <c>-no-reboot</c> makes it end the machine.</summary>
    public bool EndsOnReset { get; set; }

    /// <summary>False with <c>-no-shutdown</c>: the machine stays, stopped, when the guest powers itself off.</summary>
    public bool EndsOnPowerOff { get; set; } = true;

    /// <summary>When the guest says that it has crashed.</summary>
    public PanicAction OnPanic { get; set; } = PanicAction.Shutdown;

    /// <summary>When a watchdog has waited in vain.</summary>
    public WatchdogAction OnWatchdog { get; set; } = WatchdogAction.Reset;

    /// <summary>What in it is otherwise than under other accelerators, so that it may not go on there, in sentences.</summary>
    public IReadOnlyList<string> Peculiarities { get; set; } = [];

    /// <summary>How to build it again as it is now; null when nobody knows.</summary>
    public Func<SavedConfiguration?> Configuration { get; set; } = () => null;

    /// <summary>A processor has shut down; whether that ends the machine or resets it comes after. On the loop's thread.</summary>
    public event Action<TripleFault>? TripleFaulted;

    /// <summary>On the loop's thread, outside the lock.</summary>
    public event Action<MachineEvent>? Happened;

    /// <summary>Turns the loop until the machine ends.</summary>
    public MachineEnd Run(CancellationToken stop = default)
    {
        _loopThread = Environment.CurrentManagedThreadId;
        using (stop.Register(() => Request(() => _end ??= new MachineEnd(ShutdownCause.PowerOff, 0))))
        {
            while (_end is null)
            {
                while (_end is null && _requests.TryDequeue(out Action? request)) Serve(request);
                if (_end is not null) break;
                if (Loop.Fault is { } fault && State != RunState.InternalError) Fail(fault);
                else if (Loop.Turns is { } turns && State == RunState.Running) turns.Turn();
                else Loop.Turn();
            }
        }

        Pause();
        return _end;
    }

    /// <summary>An exception that a request leaves behind is our fault, as a device's would be, and never ends the program.</summary>
    private void Serve(Action request)
    {
        try
        {
            request();
        }
        catch (Exception fault)
        {
            Loop.Fail(fault);
        }
    }

    /// <summary>Any thread: has the work done by <see cref="Run"/>'s thread, where the run state may change, and does not wait.</summary>
    public void Request(Action work)
    {
        _requests.Enqueue(work);
        Loop.Wake();
    }

    /// <summary>Any thread: has the work done by <see cref="Run"/>'s thread and waits for its result; on that thread it is done at once.</summary>
    public T Invoke<T>(Func<T> work)
    {
        if (Environment.CurrentManagedThreadId == _loopThread || _loopThread == 0) return work();
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Request(() =>
        {
            try
            {
                done.SetResult(work());
            }
            catch (Exception error)
            {
                done.SetException(error);
            }
        });
        return done.Task.GetAwaiter().GetResult();
    }

    public void Invoke(Action work) => Invoke(() =>
    {
        work();
        return true;
    });

    /// <summary>Lets the processors and guest time run.</summary>
    public void Start()
    {
        if (State is RunState.Running or RunState.Suspended) return;
        State = RunState.Running;
        Loop.StartTime();
        using (Loop.Enter())
            foreach (DeviceNode node in Parts.Devices.Values) node.Device.Resumed();
        foreach (Processor processor in Processors) processor.Resume();
        Happened?.Invoke(new ResumedEvent());
    }

    /// <summary>Stops the processors and guest time.</summary>
    public void Stop(RunState why = RunState.Paused)
    {
        if (State == RunState.Suspended && why == RunState.Paused) return; // it stands still already, and wakes up by itself
        bool ran = State == RunState.Running;
        Pause();
        State = why;
        if (ran) Happened?.Invoke(new StoppedEvent());
    }

    /// <summary>Looks at processors that stand still for the moment. On <see cref="Run"/>'s thread, outside the lock.</summary>
    public T WhilePaused<T>(Func<T> look)
    {
        if (State != RunState.Running) return look();
        Pause();
        try
        {
            return look();
        }
        finally
        {
            Unpause();
        }
    }

    /// <summary>The reset button: all devices and processors as at power-on; RAM keeps its contents.</summary>
    public void Reset() => Reset(byGuest: false);

    private void Reset(bool byGuest)
    {
        bool ran = State is RunState.Running or RunState.Suspended;
        if (State == RunState.Suspended) using (Loop.Enter()) _board.Suspend(false);
        ResetDevices();
        if (ran) Unpause();
        Happened?.Invoke(new ResetEvent(byGuest, byGuest ? "guest-reset" : "host-qmp-system-reset"));
    }

    private void ResetDevices()
    {
        Pause();
        using (Loop.Enter()) Loop.Cancel();
        Loop.Drain(); // the host may still be reading into the guest's memory
        using (Loop.Enter())
        {
            _board.Reset();
            foreach (DeviceNode node in Parts.Devices.Values.ToList()) // some go now: the user has asked for them back
                if (Parts.Devices.ContainsKey(node.Path)) node.Device.Reset();
        }
    }

    /// <summary>Presses the power button: what follows is up to the guest, but for one that sleeps, which wakes up.</summary>
    public void PowerDown()
    {
        if (State == RunState.Suspended) WakeUp();
        else using (Loop.Enter()) _board.PowerButton();
        Happened?.Invoke(new PowerDownEvent());
    }

    /// <summary>Ends the guest's sleep: all but RAM and clock begins anew, and the firmware finds out why.</summary>
    /// <param name="byAlarm">The clock did; else the user.</param>
    /// <exception cref="ConfigException">The guest does not sleep.</exception>
    public void WakeUp(bool byAlarm = false)
    {
        if (State != RunState.Suspended) throw new ConfigException("Unable to wake up: guest is not in suspended state");
        ResetDevices();
        using (Loop.Enter()) _board.WakeUp(byAlarm);
        Unpause();
        Happened?.Invoke(new WakeUpEvent());
    }

    public void Nmi()
    {
        using (Loop.Enter()) _board.Nmi();
    }

    /// <summary>Ends the machine at once, as <c>quit</c> does.</summary>
    /// <param name="status">The exit status of the program.</param>
    /// <param name="reason">In QMP's words: "host-signal" when the host asked.</param>
    public void Quit(int status = 0, string reason = "host-qmp-quit") =>
        End(new MachineEnd(ShutdownCause.PowerOff, status), new ShutdownEvent(Guest: false, reason));

    /// <summary>Tells of something that a part of the machine outside this class has seen. Any thread, inside or outside the lock.</summary>
    public void Report(MachineEvent happened) => Request(() => Happened?.Invoke(happened));

    /// <summary>Asks the guest to let go of a PCI device; it goes when the guest has, or when the machine is reset.</summary>
    /// <exception cref="ConfigException">It is of a kind that stays.</exception>
    public void RequestRemoval(DeviceNode node)
    {
        if (node is not { Id: not null, Slot: PciSlot { PciBus.HotPlug: { } hotPlug, Function: { IsFixed: false } function } })
            throw new ConfigException($"Device '{node.Device.Model}' does not support hotplugging");
        using (Loop.Enter()) hotPlug.RequestEject(function.Address.Slot);
    }

    /// <summary>Unplugs a device while the machine runs, with all that it registered.</summary>
    public void Remove(DeviceNode node)
    {
        using (Loop.Enter()) Parts.Remove(node);
    }

    /// <summary>With the processors stopped.</summary>
    public void Save(Stream to)
    {
        Loop.Drain();
        foreach (DeviceNode node in Parts.Devices.Values) node.Device.Saving();
        MachineStream.Save(to, Type, new RamState(Parts.Blocks), Parts.Sections, Configuration());
    }

    /// <summary>Into a machine built alike. Nothing runs, nothing fires, no line has an edge until all of it is in place.</summary>
    /// <exception cref="StateException">The machine is half loaded and must not run; a reset makes it new.</exception>
    public void Load(Stream from)
    {
        Reset();
        MachineStream.Load(from, Type, new RamState(Parts.Blocks), Parts.Sections);
        foreach (DeviceNode node in Parts.Devices.Values) node.Device.Loaded();
    }

    /// <summary>Stops the machine for good and writes it, with what it was doing, for one elsewhere to go on with. If that fails it goes on here.</summary>
    /// <param name="to">Takes the stream.</param>
    /// <param name="complete">Told when all of it is written; may still fail.</param>
    public void Send(Stream to, Action complete)
    {
        bool ran = State == RunState.Running;
        Pause();
        try
        {
            Save(to);
            complete();
        }
        catch when (ran)
        {
            Unpause();
            throw;
        }

        State = RunState.PostMigrate;
        if (ran) Happened?.Invoke(new StoppedEvent());
    }

    /// <summary>From now on it waits for <see cref="Receive"/>.</summary>
    public void ExpectIncoming() => State = RunState.InMigrate;

    /// <summary>Loads a machine that was sent, and goes on with what it was doing.</summary>
    /// <param name="from">Gives the stream.</param>
    /// <param name="paused">It stands still though it ran there.</param>
    /// <exception cref="StateException">The machine is half loaded and must not run.</exception>
    public void Receive(Stream from, bool paused)
    {
        Load(from);
        string was = Parts.Sections.Select(section => section.State).OfType<GlobalState>().First().Loaded ?? RunState.Running.Word();
        State = Enum.GetValues<RunState>().FirstOrDefault(state => state.Word() == was, RunState.Paused);
        if (State is not (RunState.Running or RunState.Suspended)) return;
        bool sleeps = State == RunState.Suspended;
        State = RunState.Paused;
        if (paused) return;
        if (!sleeps) Start();
        else
        {
            State = RunState.Suspended;
            Loop.StartTime();
        }
    }

    public void Dispose()
    {
        foreach (Processor processor in Processors) processor.Dispose();
        foreach (DeviceNode node in Parts.Devices.Values.Where(node => node.Device is not Processor)) (node.Device as IDisposable)?.Dispose();
        foreach (RamBlock block in Parts.Blocks) block.Dispose();
        Loop.Dispose();
    }

    /// <summary>Under the machine lock, on any thread: the processors stop where they are, the rest happens on the loop.</summary>
    private void OnShutdown(ShutdownRequest request)
    {
        if (request.Cause is ShutdownCause.WakeUpByAlarm or ShutdownCause.WakeUpByUser && State != RunState.Suspended) return;
        foreach (Processor processor in Processors) processor.RequestPause();
        Request(() => Handle(request));
    }

    private void HandlePanic()
    {
        bool ends = OnPanic is PanicAction.Shutdown or PanicAction.ExitFailure && EndsOnPowerOff;
        Happened?.Invoke(new GuestPanickedEvent(OnPanic == PanicAction.None ? "run" : ends ? "poweroff" : "pause"));
        if (OnPanic == PanicAction.None) Unpause();
        else if (!ends) Stop(RunState.GuestPanicked);
        else End(new MachineEnd(ShutdownCause.GuestPanic, OnPanic == PanicAction.ExitFailure ? ExitStatus.Failure : ExitStatus.Panic),
            new ShutdownEvent(Guest: true, ReasonOf(ShutdownCause.GuestPanic)));
    }

    private void HandleWatchdog()
    {
        Happened?.Invoke(new WatchdogEvent(OnWatchdog));
        switch (OnWatchdog)
        {
            case WatchdogAction.Reset:
                Handle(new ShutdownRequest(ShutdownCause.Reset));
                break;
            case WatchdogAction.PowerOff:
                Handle(new ShutdownRequest(ShutdownCause.PowerOff));
                break;
            case WatchdogAction.Pause:
                Stop(RunState.Watchdog);
                break;
            default:
                if (OnWatchdog == WatchdogAction.Shutdown) PowerDown();
                if (OnWatchdog == WatchdogAction.InjectNmi) Nmi();
                Unpause();
                break;
        }
    }

    /// <summary>Processors stand still, while the clock and all that may wake them goes on.</summary>
    private void Suspend()
    {
        Park();
        using (Loop.Enter()) _board.Suspend(true);
        State = RunState.Suspended;
        Happened?.Invoke(new SuspendEvent());
    }

    private void OnStopped(Processor processor, VcpuStop why) => Request(() =>
    {
        switch (why)
        {
            case VcpuStop.TripleFault:
                if (processor.Vcpu.TripleFault is { } fault) TripleFaulted?.Invoke(fault);
                Handle(new ShutdownRequest(ShutdownCause.TripleFault, ExitStatus.TripleFault));
                break;
            case VcpuStop.PoweredOff:
                Handle(new ShutdownRequest(ShutdownCause.PowerOff));
                break;
            case VcpuStop.Restarted:
                Handle(new ShutdownRequest(ShutdownCause.Reset));
                break;
            case VcpuStop.Crashed:
                Handle(new ShutdownRequest(ShutdownCause.GuestPanic));
                break;
            default:
                Stop(why == VcpuStop.DebugTrap ? RunState.Debug : RunState.InternalError);
                break;
        }
    });

    private void Handle(ShutdownRequest request)
    {
        switch (request.Cause)
        {
            case ShutdownCause.Reset or ShutdownCause.TripleFault when !EndsOnReset:
                Reset(byGuest: true);
                break;
            case ShutdownCause.PowerOff or ShutdownCause.Reset or ShutdownCause.TripleFault when !EndsOnPowerOff:
                Happened?.Invoke(new ShutdownEvent(Guest: true, ReasonOf(request.Cause)));
                Stop(RunState.Shutdown);
                break;
            case ShutdownCause.GuestPanic:
                HandlePanic();
                break;
            case ShutdownCause.Suspend:
                Suspend();
                break;
            case ShutdownCause.WakeUpByAlarm or ShutdownCause.WakeUpByUser:
                if (State == RunState.Suspended) WakeUp(request.Cause == ShutdownCause.WakeUpByAlarm);
                break;
            case ShutdownCause.Watchdog:
                HandleWatchdog();
                break;
            default:
                End(new MachineEnd(request.Cause, request.ExitStatus), new ShutdownEvent(Guest: true, ReasonOf(request.Cause)));
                break;
        }
    }

    private void Fail(Exception fault)
    {
        Stop(RunState.InternalError);
        if (EndsOnPowerOff) _end ??= new MachineEnd(ShutdownCause.PowerOff, ExitStatus.Failure, fault);
    }

    private static string ReasonOf(ShutdownCause cause) => cause switch
    {
        ShutdownCause.Reset or ShutdownCause.TripleFault => "guest-reset",
        ShutdownCause.GuestPanic => "guest-panic",
        _ => "guest-shutdown",
    };

    private void End(MachineEnd end, MachineEvent told)
    {
        if (_end is not null) return;
        Pause();
        _end = end;
        Happened?.Invoke(told);
    }

    private void Pause()
    {
        Park();
        Loop.StopTime();
    }

    private void Park()
    {
        foreach (Processor processor in Processors) processor.RequestPause();
        foreach (Processor processor in Processors) processor.WaitParked();
    }

    private void Unpause()
    {
        State = RunState.Running;
        Loop.StartTime();
        foreach (Processor processor in Processors) processor.Resume();
    }
}
