using System.Text.Json;
using Rhea.Control.Monitor.Hmp;
using Rhea.Core.Config;
using Rhea.Core.Machines;
using Rhea.Core.Monitor;

namespace Rhea.Control.Monitor.Commands;

/// <summary>What the program and the machine are, and what can be asked.</summary>
public static class QueryCommands
{
    public const string Package = "rhea 0.1";

    [QmpCommand("query-version")]
    public static VersionInfo QueryVersion() => new(new VersionTriple(22, 2, 7), Package);

    [HmpCommand("info version", "", "show the version of QEMU")]
    public static string Version() => $"7.2.22 {Package}\n";

    [QmpCommand("query-name")]
    public static NameInfo QueryName(MachineConfig config) => new(config.Name);

    [HmpCommand("info name", "", "show the current VM name")]
    public static string Name(MachineConfig config) => config.Name is { } name ? name + "\n" : "";

    [QmpCommand("query-uuid")]
    public static UuidInfo QueryUuid(MachineConfig config) => new((config.Uuid ?? Guid.Empty).ToString("D"));

    [HmpCommand("info uuid", "", "show the current VM UUID")]
    public static string Uuid(MachineConfig config) => $"{config.Uuid ?? Guid.Empty:D}\n";

    [QmpCommand("query-target")]
    public static TargetInfo QueryTarget() => new("x86_64");

    [QmpCommand("query-memory-size-summary")]
    public static MemorySizeInfo QueryMemorySize(MachineConfig config) => new((long)config.Memory, PluggedMemory: 0);

    [HmpCommand("info memory_size_summary", "", "show the amount of initially allocated and present hotpluggable (if enabled) memory in bytes")]
    public static string MemorySize(MachineConfig config) => $"base memory: {config.Memory}\nplugged memory: 0\n";

    [QmpCommand("query-kvm")]
    public static KvmInfo QueryKvm(MonitorSession session) => new(Enabled: session.Monitored.Accelerator == "kvm", Present: true);

    [QmpCommand("query-accelerators")]
    public static AcceleratorInfo QueryAccelerators(MonitorSession session) =>
        new(Enum.Parse<AcceleratorName>(session.Monitored.Accelerator, ignoreCase: true), [AcceleratorName.Kvm, AcceleratorName.Tcg, AcceleratorName.Xen]);

    [QmpCommand("query-vnc")]
    public static VncInfo QueryVnc() => new(Enabled: false);

    [HmpCommand("info kvm", "", "show KVM information")]
    public static string Kvm(MonitorSession session) => $"kvm support: {(session.Monitored.Accelerator == "kvm" ? "enabled" : "disabled")}\n";

    [QmpCommand("query-commands")]
    public static IReadOnlyList<CommandInfo> QueryCommandNames(MonitorSession session) =>
        [.. session.Monitored.QmpCommands.Select(command => new CommandInfo(command.Name)), new CommandInfo("qmp_capabilities")];

    /// <summary>Entries that several commands share are listed once.</summary>
    [QmpCommand("query-qmp-schema")]
    public static IReadOnlyList<JsonElement> QuerySchema(MonitorSession session) =>
    [
        .. session.Monitored.QmpCommands.SelectMany(command => command.Schema).Concat(session.Monitored.Events.SelectMany(known => known.Schema)).Distinct()
            .Select(entry => JsonElement.Parse(entry)),
    ];

    [QmpCommand("query-chardev")]
    public static IReadOnlyList<ChardevState> QueryChardev(MonitorSession session) => session.Monitored.Chardevs;

    [HmpCommand("info chardev", "", "show the character devices")]
    public static string Chardev(MonitorSession session) =>
        string.Concat(session.Monitored.Chardevs.Select(chardev => $"{chardev.Label}: filename={chardev.Filename}\n"));

    [QmpCommand("query-cpus-fast")]
    public static IReadOnlyList<CpuInfo> QueryCpus(Machine machine, MachineConfig config) =>
        [.. machine.Processors.Select(processor => Describe(processor.Index, config.Smp))];

    [HmpCommand("info cpus", "", "show infos for each CPU")]
    public static string Cpus(MonitorSession session) => string.Concat(session.Machine.Processors
        .Select(processor => $"{(processor.Index == session.Cpu ? '*' : ' ')} CPU #{processor.Index}: thread_id={Environment.ProcessId}\n"));

    [QmpCommand("human-monitor-command")]
    public static string HumanMonitorCommand(MonitorSession session, string commandLine, [QmpName("cpu-index")] long cpuIndex = 0)
    {
        var human = new MonitorSession(session.Monitored) { Cpu = RegisterCommands.CheckCpu(session.Machine, cpuIndex) };
        return HmpDispatcher.Run(human, commandLine).Replace("\n", "\r\n", StringComparison.Ordinal);
    }

    [HmpCommand("help|?", "[cmd]", "show the help")]
    public static string Help(MonitorSession session, string? cmd = null) => HmpDispatcher.Help(session, cmd);

    [HmpCommand("info history", "", "show the command line history")]
    public static string History(MonitorSession session) => string.Concat(session.History.Select((line, i) => $"{i}: '{line}'\n"));

    private static CpuInfo Describe(int index, SmpConfig smp)
    {
        int thread = index % smp.Threads, core = index / smp.Threads % smp.Cores, socket = index / (smp.Threads * smp.Cores * smp.Dies);
        return new CpuInfo(index, $"/machine/unattached/device[{index}]", Environment.ProcessId, "x86_64", new CpuPlace(socket, core, thread));
    }

    public sealed record VersionInfo(VersionTriple Qemu, string Package);

    public sealed record VersionTriple(int Micro, int Minor, int Major);

    public sealed record NameInfo(string? Name);

    public sealed record UuidInfo([property: QmpName("UUID")] string Uuid);

    public sealed record TargetInfo(string Arch);

    public sealed record MemorySizeInfo(long BaseMemory, long PluggedMemory);

    public sealed record KvmInfo(bool Enabled, bool Present);

    /// <param name="Enabled">Which one runs the machine.</param>
    /// <param name="Present">Those that the program has.</param>
    public sealed record AcceleratorInfo(AcceleratorName Enabled, IReadOnlyList<AcceleratorName> Present);

    public sealed record VncInfo(bool Enabled);

    public sealed record CommandInfo(string Name);

    public sealed record CpuInfo(int CpuIndex, string QomPath, int ThreadId, string Target, CpuPlace Props);

    public sealed record CpuPlace(int SocketId, int CoreId, int ThreadId);
}

/// <summary>What can run a guest's code.</summary>
public enum AcceleratorName
{
    Kvm,
    Tcg,
    Xen,
}
