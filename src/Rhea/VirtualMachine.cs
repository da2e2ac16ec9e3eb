using System.Text;
using Rhea.Backends.Char;
using Rhea.Block;
using Rhea.Boards;
using Rhea.Control.CommandLines;
using Rhea.Control.Gdb;
using Rhea.Control.Migration;
using Rhea.Control.Monitor;
using Rhea.Core;
using Rhea.Core.Backends;
using Rhea.Core.Config;
using Rhea.Core.Cpu;
using Rhea.Core.Diagnostics;
using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Core.Monitor;
using Rhea.Core.State;
using Rhea.Core.Time;
using Rhea.Devices;
using Rhea.Host;
using Rhea.SoftCpu;
using Rhea.X86.Cpuid;

namespace Rhea;

/// <summary>A PC: made from a configuration or a command line, run, watched, typed at and looked at.</summary>
/// <remarks>The machine runs on threads of its own from <see cref="Start"/> on. All methods may be called from any thread.</remarks>
public sealed class VirtualMachine : IDisposable
{
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(50);

    private readonly HostClock _clock = new();
    private readonly BlockGraph _block;
    private readonly IAccelerator _accelerator;
    private readonly Action<LogLevel, string> _log;
    private readonly TaskCompletionSource<MachineEnd> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stop = new();
    private readonly Migration _migration;
    private readonly Monitored _monitored;
    private readonly MachineOptions _options;
    private CharBackends? _chardevs;
    private Thread? _thread;
    private bool _tripleFaulted; // on the machine's thread

    private VirtualMachine(MachineConfig config, Action<LogLevel, string> log)
    {
        Configuration = config;
        _log = log;
        _block = new BlockGraph(new HostIoThreads(), line => log(LogLevel.Warning, line));
        _accelerator = Accelerators.Open(config, log);
        try
        {
            Machine = PcI440fx.Build(config, new BoardHost(_accelerator, TimeOf(config), new HostRam(config.Switches.DumpGuestCore, config.Switches.MemMerge), log, OpenBackends));
        }
        catch (Exception error)
        {
            CloseBackends();
            _accelerator.Dispose();
            if (error is HostException) throw new ConfigException($"-accel {_accelerator.Name}: the host refuses: {error.Message}", error);
            throw;
        }

        Machine.EndsOnReset = config.NoReboot || _accelerator.EndsOnReset;
        Machine.EndsOnPowerOff = !config.NoShutdown;
        Machine.OnWatchdog = Enum.Parse<WatchdogAction>(config.OnWatchdog.Replace("-", "", StringComparison.Ordinal), ignoreCase: true);
        Machine.OnPanic = config.OnPanic switch
        {
            "pause" => PanicAction.Pause,
            "exit-failure" => PanicAction.ExitFailure,
            "none" => PanicAction.None,
            _ => PanicAction.Shutdown,
        };
        _block.Failed += OnBlockFailure;
        _block.TrayMoved += (drive, open) => Machine.Report(new DeviceTrayMovedEvent(drive, BlockCommands.OwnerOf(drive, Machine) ?? "", open));
        Machine.Happened += OnHappened;
        Machine.TripleFaulted += OnTripleFault;
        Monitored monitored = (Monitors.Of(Machine, config, DeviceCatalog.All) with { Accelerator = _accelerator.Name })
            .With(Block.MonitorCommands.Qmp, Block.MonitorCommands.Hmp, Block.MonitorCommands.Events, _block);
        _monitored = monitored with { Services = [.. monitored.Services, _migration = new Migration(Machine, line => log(LogLevel.Warning, line))] };
        _options = _monitored.Service<MachineOptions>();
        if (config.Options.Count > 0) Machine.Configuration = () => new SavedConfiguration(Environment.CurrentDirectory, _options.Words, MediaNow());
        if (config.Incoming is not null) Machine.ExpectIncoming();
    }

    public MachineConfig Configuration { get; }

    /// <summary>The machine inside, for whoever needs more than this class offers.</summary>
    public Machine Machine { get; }

    public RunState State => Machine.State;

    /// <summary>Completes when the machine has ended.</summary>
    public Task<MachineEnd> Ended => _ended.Task;

    /// <summary>What there is to choose from on the command line.</summary>
    public static Catalogue Catalogue { get; } = new(
        [new Choice(PcI440fx.Type, "Standard PC (i440FX + PIIX, 1996)", "pc")],
        [.. CpuModel.All.Select(model => new Choice(model.Name, model.Summary))],
        DeviceCatalog.All);

    /// <summary>From options as the program takes them: <c>VirtualMachine.Create("-m", "256", "-cdrom", "a.iso")</c>.</summary>
    /// <exception cref="ConfigException">The options ask for something impossible.</exception>
    public static VirtualMachine Create(params string[] options) => Create(CommandLine.Parse(options, Catalogue).Machine);

    /// <exception cref="ConfigException">The configuration asks for something impossible.</exception>
    public static VirtualMachine Create(MachineConfig config, Action<LogLevel, string>? log = null) => new(config, log ?? ((_, _) => { }));

    /// <summary>Powers the machine on; with <see cref="MachineConfig.StartsPaused"/> it stands ready for <see cref="Resume"/>.</summary>
    public void Start()
    {
        if (_thread is not null) return;
        var turns = new TaskCompletionSource();
        if (Configuration.Incoming is null && !Configuration.StartsPaused) Machine.Request(Machine.Start);
        foreach (MonitorConfig monitor in Configuration.Monitors) Monitors.Open(_monitored, monitor, _chardevs!.ForMonitor(monitor.Chardev)); // whose first commands find it running
        if (Configuration.Gdb is { } gdb) _ = new GdbServer(_monitored, _chardevs!.ForMonitor(gdb));
        Machine.Request(turns.SetResult);
        if (Configuration.Incoming is { } address and not "defer") Machine.Request(() => Receive(address)); // which may end the machine
        _thread = new Thread(Main) { IsBackground = true, Name = "machine" };
        _thread.Start();
        Task.WaitAny(turns.Task, Ended); // from now on what others want of the machine is done on that thread; a monitor may have ended it already
    }

    public void Pause() => Machine.Invoke(() => Machine.Stop());

    public void Resume() => Machine.Invoke(Machine.Start);

    public void Reset() => Machine.Invoke(Machine.Reset);

    /// <summary>Presses the power button.</summary>
    public void PowerDown() => Machine.Invoke(Machine.PowerDown);

    /// <summary>Ends the machine at once.</summary>
    /// <param name="reason">Who asked, in QMP's words.</param>
    /// <param name="status">The exit status of the program.</param>
    public void Quit(string reason = "host-ui", int status = 0) => Machine.Request(() => Machine.Quit(status, reason));

    /// <summary>What the guest has sent to a serial port that is joined to a <c>ringbuf</c> chardev (at most the last 64 KiB).</summary>
    /// <param name="port">0 is the first.</param>
    /// <exception cref="ConfigException">The port is not there, or is joined to something else.</exception>
    public string SerialText(int port = 0)
    {
        RingChar ring = Ring(port);
        using MachineLoop.Held held = Machine.Loop.Enter();
        return Encoding.Latin1.GetString(ring.Read(0));
    }

    /// <summary>Sends bytes to a serial port that is joined to a <c>ringbuf</c> chardev.</summary>
    public void SendSerial(string text, int port = 0)
    {
        RingChar ring = Ring(port);
        using MachineLoop.Held held = Machine.Loop.Enter();
        ring.Send(Encoding.Latin1.GetBytes(text));
    }

    /// <summary>Waits until the guest has sent the text.</summary>
    /// <exception cref="InvalidOperationException">The machine ended before it did.</exception>
    public Task WaitForSerialAsync(string text, int port = 0, CancellationToken cancel = default) =>
        WaitAsync(() => SerialText(port).Contains(text, StringComparison.Ordinal), text, cancel);

    /// <summary>The text screen as lines; empty in a graphics mode or without a display adapter.</summary>
    public string ScreenText()
    {
        using MachineLoop.Held held = Machine.Loop.Enter();
        return Machine.Parts.Consoles is [var console, ..] && console.Text is { } lines ? string.Join('\n', lines) : "";
    }

    /// <summary>Waits until the text screen shows the text.</summary>
    /// <exception cref="InvalidOperationException">The machine ended before it did.</exception>
    public Task WaitForScreenAsync(string text, CancellationToken cancel = default) =>
        WaitAsync(() => ScreenText().Contains(text, StringComparison.Ordinal), text, cancel);

    /// <summary>The picture that a monitor would show, as a PNG file.</summary>
    /// <exception cref="ConfigException">There is no display adapter.</exception>
    public byte[] Screenshot()
    {
        using MachineLoop.Held held = Machine.Loop.Enter();
        if (Machine.Parts.Consoles is not [var console, ..]) throw new ConfigException("this machine has no display adapter");
        console.Refresh();
        return Screendump.Png(console.Surface);
    }

    /// <summary>Types on the keyboard, as on an American one.</summary>
    /// <exception cref="ConfigException">A character that has no key.</exception>
    public async Task TypeAsync(string text, CancellationToken cancel = default)
    {
        foreach (char letter in text)
        {
            IReadOnlyList<string> keys = Keyboard.KeysFor(letter);
            Press(keys, down: true);
            await Task.Delay(Glance, cancel);
            Press([.. keys.Reverse()], down: false);
            await Task.Delay(Glance, cancel);
        }
    }

    /// <summary>Reads guest-physical memory; what is not RAM reads as FFh.</summary>
    public byte[] ReadMemory(ulong address, int length)
    {
        var bytes = new byte[length];
        using MachineLoop.Held held = Machine.Loop.Enter();
        new GuestMemory(Machine.Memory).Read(address, bytes);
        return bytes;
    }

    public void Dispose()
    {
        _stop.Cancel();
        _thread?.Join();
        CloseBackends();
        Machine.Dispose();
        _accelerator.Dispose();
        _clock.Dispose();
        _stop.Dispose();
    }

    /// <summary>A hypervisor's guest reads the host's own counter, so its time is the host's.</summary>
    private IHostClock TimeOf(MachineConfig config) => config.InstructionTime is { } time
        ? new InstructionClock(_clock, time)
        : _accelerator is SoftAccelerator ? new PacedClock(_clock) : _clock;

    private void Main()
    {
        try
        {
            _ended.SetResult(Machine.Run(_stop.Token));
        }
        catch (Exception error)
        {
            _ended.SetException(error);
        }
    }

    private void OpenBackends(MachineParts parts)
    {
        parts.LogThreshold = path => LogItems.Threshold(Configuration.LogItems, path);
        _chardevs = new CharBackends(parts.Loop, new MuxChar.Actions(() => Quit(), Commit, () => parts.Clock.Now / 1_000_000));
        foreach (ChardevConfig chardev in Configuration.Chardevs) parts.Chardevs.Add(chardev.Id, _chardevs.Open(chardev));
        foreach (DriveConfig drive in Configuration.Drives) parts.Drives.Add(drive.Id, Open(drive));
    }

    /// <summary>What is half loaded must not run: the program ends.</summary>
    private void Receive(string address)
    {
        try
        {
            _migration.Receive(address, Configuration.StartsPaused);
        }
        catch (ConfigException error)
        {
            _log(LogLevel.Warning, $"-incoming {address}: {error.Message}");
            Machine.Quit(ExitStatus.Failure);
        }
    }

    private BlockBackend Open(DriveConfig drive)
    {
        try
        {
            return _block.Open(drive);
        }
        catch (ConfigException error) when (drive.Origin.Length > 0)
        {
            throw new ConfigException($"{drive.Origin}: {error.Message}", error);
        }
    }

    private void CloseBackends()
    {
        _block.Dispose();
        _chardevs?.Dispose();
    }

    /// <summary>Keeps for good what the drives with <c>snapshot=on</c> have written so far.</summary>
    private void Commit() => Machine.Request(() =>
    {
        try
        {
            BlockCommands.Commit(_block, Machine, "all");
        }
        catch (ConfigException error)
        {
            _log(LogLevel.Warning, error.Message);
        }
    });

    private void OnHappened(MachineEvent happened)
    {
        if (happened is ShutdownEvent { Guest: true } ended) _accelerator.GuestEnded(restart: ended.Reason == "guest-reset");
        if (happened is DeviceDeletedEvent { Device: { } id }) _options.Unplug(id);
        if (happened is not ResumedEvent) return;
        foreach (BlockBackend drive in _block.Drives.Values) drive.Resume();
    }

    private Dictionary<string, string?> MediaNow() =>
        _block.Drives.Values.Where(drive => drive.IsRemovable).ToDictionary(drive => drive.Id, drive => drive.MediumFile);

    /// <summary>Said when it ends the machine, and the first time it resets it: some guests restart themselves so.</summary>
    private void OnTripleFault(TripleFault fault)
    {
        if (_tripleFaulted && !Machine.EndsOnReset) return;
        _tripleFaulted = true;
        string model = Configuration.Cpu.Model, advice = fault.MissingFeature?.ToUpperInvariant() switch
        {
            null => "",
            var feature when model == CpuModel.MaxName => $": {feature} is switched off",
            var feature when CpuModel.Offers(fault.MissingFeature) => $": {feature} is not in -cpu {model}: try -cpu {CpuModel.MaxName}",
            var feature => $": {feature} is not available in this version of rhea",
        };
        _log(LogLevel.Warning, fault.Description + advice);
    }

    private void OnBlockFailure(BlockIoErrorEvent failure)
    {
        Machine.Report(failure);
        if (failure.Action == BlockErrorPolicy.Stop)
            Machine.Request(() => Machine.Stop(RunState.IoError));
    }

    private RingChar Ring(int port)
    {
        string? id = port < Configuration.Serials.Count ? Configuration.Serials[port] : null;
        return (id is null ? null : _chardevs?.All[id].Backend) as RingChar
            ?? throw new ConfigException($"serial port {port} is not joined to a ringbuf: -chardev ringbuf,id=ID -serial chardev:ID");
    }

    private void Press(IReadOnlyList<string> keys, bool down)
    {
        using MachineLoop.Held held = Machine.Loop.Enter();
        foreach (string key in keys)
            foreach (IInputSink sink in Machine.Parts.Inputs) sink.Key(key, down);
    }

    private async Task WaitAsync(Func<bool> holds, string text, CancellationToken cancel)
    {
        while (!holds())
        {
            if (Ended.IsCompleted && !holds()) throw new InvalidOperationException($"the machine ended before it said '{text}'");
            await Task.Delay(Glance, cancel);
        }
    }
}
