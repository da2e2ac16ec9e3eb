using Rhea.Core.Config;
using Rhea.Core.Machines;

namespace Rhea.Core.Monitor;

/// <summary>What monitors have in common: the machine they command, and the commands there are.</summary>
public sealed record Monitored(
    Machine Machine, MachineConfig Config, IReadOnlyList<QmpCommand> QmpCommands, IReadOnlyList<HmpCommand> HmpCommands)
{
    /// <summary>What runs the processors, as <c>-accel</c> takes it.</summary>
    public string Accelerator { get; init; } = "tcg";

    public IReadOnlyList<QmpEvent> Events { get; init; } = [];

    public IReadOnlyList<ChardevState> Chardevs { get; init; } = [];

    public IReadOnlyList<DeviceType> DeviceTypes { get; init; } = [];

    /// <summary>What commands of other projects work on.</summary>
    public IReadOnlyList<object> Services { get; init; } = [];

    public T Service<T>() where T : class => Services.OfType<T>().Single();

    /// <summary>Adds what another project declares, and what its commands work on.</summary>
    public Monitored With(IReadOnlyList<QmpCommand> qmp, IReadOnlyList<HmpCommand> hmp, IReadOnlyList<QmpEvent> events, object service) => this with
    {
        QmpCommands = [.. QmpCommands, .. qmp],
        HmpCommands = [.. HmpCommands, .. hmp],
        Events = [.. Events, .. events],
        Services = [.. Services, service],
    };
}

/// <summary>A character device as <c>query-chardev</c> tells of it.</summary>
/// <param name="Label">Its id.</param>
/// <param name="Filename">What it is joined to: "stdio", "unix:/tmp/qmp,server=on".</param>
/// <param name="FrontendOpen">A device or a monitor uses it.</param>
public sealed record ChardevState(string Label, string Filename, bool FrontendOpen);

/// <summary>One user of a monitor, from greeting to goodbye.</summary>
public sealed class MonitorSession(Monitored monitored)
{
    public Monitored Monitored => monitored;

    public Machine Machine => monitored.Machine;

    public MachineConfig Config => monitored.Config;

    /// <summary>The processor that <c>info registers</c> and <c>x</c> look at.</summary>
    public int Cpu { get; set; }

    /// <exception cref="ConfigException">The machine has none.</exception>
    public Processor Processor => Cpu < Machine.Processors.Count ? Machine.Processors[Cpu] : throw new ConfigException("this machine has no processor");

    /// <summary>Lines of the human monitor, oldest first.</summary>
    public List<string> History { get; } = [];
}
