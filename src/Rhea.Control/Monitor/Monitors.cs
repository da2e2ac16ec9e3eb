using Rhea.Control.Monitor.Hmp;
using Rhea.Control.Monitor.Qmp;
using Rhea.Core.Backends;
using Rhea.Core.Config;
using Rhea.Core.Machines;
using Rhea.Core.Monitor;

namespace Rhea.Control.Monitor;

/// <summary>The monitors of a machine, as many as the user asked for.</summary>
public static class Monitors
{
    /// <summary>What all of them command.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="config">What it was made from.</param>
    /// <param name="devices">What <c>device_add</c> can make.</param>
    public static Monitored Of(Machine machine, MachineConfig config, IReadOnlyList<DeviceType> devices) =>
        new(machine, config, MonitorCommands.Qmp, MonitorCommands.Hmp)
        {
            Events = Core.MonitorCommands.Events,
            DeviceTypes = devices,
            Services = [new MachineOptions(config.Options)],
            Chardevs = [.. config.Chardevs.Select(chardev => new ChardevState(chardev.Id, Filename(chardev), FrontendOpen: true))],
        };

    /// <summary>Opens one on a character device. On the loop, or before it turns.</summary>
    public static void Open(Monitored monitored, MonitorConfig config, ICharBackend chardev)
    {
        if (config.Qmp) _ = new QmpServer(monitored, chardev, config.Pretty);
        else _ = new HmpServer(monitored, chardev);
    }

    private static string Filename(ChardevConfig chardev)
    {
        var keys = KeyValues.Of(null, chardev.Properties);
        return chardev.Backend switch
        {
            "socket" when keys.Take("path") is { } path => $"{(keys.Bool("server", false) ? "disconnected:" : "")}unix:{path}{(chardev.Properties.Any(pair => pair is { Key: "server", Value: "on" }) ? ",server=on" : "")}",
            "file" => keys.String("path", "file"),
            var name => chardev.Mux ? "mux" : name,
        };
    }
}
