using Rhea.Boards;
using Rhea.Control.CommandLines;
using Rhea.Core;
using Rhea.Core.Config;
using Rhea.Core.Diagnostics;
using Rhea.Core.Machines;
using Rhea.Devices;
using Rhea.Host;
using Rhea.SoftCpu;
using Rhea.X86.Cpuid;

namespace Rhea;

/// <summary>A PC: made from a configuration or a command line, run, watched, typed at and looked at.</summary>
/// <remarks>The machine runs on threads of its own from <see cref="Start"/> on. All methods may be called from any thread.</remarks>
public sealed class VirtualMachine : IDisposable
{
    private readonly HostClock _clock = new();
    private readonly SoftAccelerator _accelerator;
    private readonly TaskCompletionSource<MachineEnd> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stop = new();
    private readonly Rhea.Block.BlockGraph _block = new(new HostIoThreads(), _ => { });
    private Thread? _thread;

    private VirtualMachine(MachineConfig config, Action<LogLevel, string> log)
    {
        Configuration = config;
        _accelerator = new SoftAccelerator(line => log(LogLevel.Warning, line));
        Machine = PcI440fx.Build(config, new BoardHost(_accelerator, _clock, new HostRam(), log, AddBackends));
        Machine.EndsOnReset = config.NoReboot;
        Machine.EndsOnPowerOff = !config.NoShutdown;
    }

    public MachineConfig Configuration { get; }

    /// <summary>The machine inside, for monitors and for whoever needs more than this class offers.</summary>
    public Machine Machine { get; }

    /// <summary>Completes when the machine has ended.</summary>
    public Task<MachineEnd> Ended => _ended.Task;

    /// <summary>What there is to choose from on the command line.</summary>
    public static Catalogue Catalogue { get; } = new(
        [new Choice(PcI440fx.Type, "Standard PC (i440FX + PIIX, 1996)", "pc")],
        [.. CpuModel.All.Select(name => new Choice(name, ""))],
        DeviceCatalog.All);

    /// <summary>From options as the program takes them: <c>VirtualMachine.Create("-m", "256", "-cdrom", "a.iso")</c>.</summary>
    /// <exception cref="ConfigException">The options ask for something impossible.</exception>
    public static VirtualMachine Create(params string[] options) => Create(CommandLine.Parse(options, Catalogue).Machine);

    /// <exception cref="ConfigException">The configuration asks for something impossible.</exception>
    public static VirtualMachine Create(MachineConfig config, Action<LogLevel, string>? log = null) => new(config, log ?? ((_, _) => { }));

    /// <summary>Powers the machine on (with <see cref="MachineConfig.StartsPaused"/>: stands ready).</summary>
    public void Start()
    {
        if (_thread is not null) return;
        _thread = new Thread(Main) { IsBackground = true, Name = "machine" };
        _thread.Start();
    }

    public void Pause() => Machine.Invoke(() => Machine.Stop());

    public void Resume() => Machine.Invoke(Machine.Start);

    public void Reset() => Machine.Invoke(Machine.Reset);

    /// <summary>Presses the power button.</summary>
    public void PowerDown() => Machine.Invoke(Machine.PowerDown);

    /// <summary>Ends the machine at once.</summary>
    public void Quit() => Machine.Request(() => Machine.Quit());

    public void Dispose()
    {
        _stop.Cancel();
        _thread?.Join();
        Machine.Dispose();
        _accelerator.Dispose();
        _clock.Dispose();
        _stop.Dispose();
    }

    private void Main()
    {
        try
        {
            if (!Configuration.StartsPaused) Machine.Start();
            _ended.SetResult(Machine.Run(_stop.Token));
        }
        catch (Exception error)
        {
            _ended.SetException(error);
        }
    }

    private void AddBackends(MachineParts parts)
    {
        foreach (DriveConfig drive in Configuration.Drives) parts.Drives.Add(drive.Id, _block.Open(drive));
        foreach (ChardevConfig chardev in Configuration.Chardevs) parts.Chardevs.Add(chardev.Id, new HackChar(chardev.Backend == "stdio"));
    }
}

internal sealed class HackChar(bool show) : Rhea.Core.Backends.ICharBackend
{
    private readonly Stream _out = Console.OpenStandardOutput();

    public int Write(ReadOnlySpan<byte> bytes)
    {
        if (show) _out.Write(bytes);
        return bytes.Length;
    }

    public void Attach(Rhea.Core.Backends.ICharFrontend? frontend)
    {
    }

    public void ResumeReading()
    {
    }
}
