using Rhea.Core;
using Rhea.Core.Config;

namespace Rhea.Control.CommandLines;

/// <summary>What hangs on the host's ends: serial ports, the debug console, monitors.</summary>
internal static class MonitorOptions
{
    private const int MostSerialPorts = 4, MostParallelPorts = 3;

    public static IReadOnlyList<Option> All { get; } =
    [
        new("serial", "dev", "join the next serial port to a character device: stdio, file:path, unix:path, null, none, chardev:id, mon:dev, ...", Serial),
        new("parallel", "dev", "join the next parallel port to a character device, as -serial does", Parallel),
        new("monitor", "dev", "open the human monitor on a character device", (draft, text) => Monitor(draft, text, qmp: false, pretty: false)),
        new("qmp", "dev", "open a QMP monitor on a character device", (draft, text) => Monitor(draft, text, qmp: true, pretty: false)),
        new("qmp-pretty", "dev", "open a QMP monitor that indents its replies", (draft, text) => Monitor(draft, text, qmp: true, pretty: true)),
        new("mon", "[chardev=]name[,mode=readline|control][,pretty[=on|off]]", "open a monitor on a named character device", Mon),
        new("gdb", "dev", "wait for gdb on a character device: tcp::1234, unix:path, ...", Gdb),
        new("s", null, "shorthand for -gdb tcp::1234", (draft, _) => Gdb(draft, "tcp::1234")),
        new("debugcon", "dev", "join the debug port E9h to a character device", Debugcon),
    ];

    private static void Serial(Draft draft, string text)
    {
        if (draft.Serials.Count == MostSerialPorts) throw new ConfigException($"at most {MostSerialPorts} serial ports are possible");
        draft.Serials.Add(new SerialRequest(ChardevOptions.Short(draft, $"serial{draft.Serials.Count}", text)));
    }

    private static void Parallel(Draft draft, string text)
    {
        if (draft.Parallels.Count == MostParallelPorts) throw new ConfigException($"at most {MostParallelPorts} parallel ports are possible");
        draft.Parallels.Add(ChardevOptions.Short(draft, $"parallel{draft.Parallels.Count}", text));
    }

    private static void Monitor(Draft draft, string text, bool qmp, bool pretty)
    {
        draft.MonitorGiven |= !qmp;
        string id = text.StartsWith("chardev:", StringComparison.Ordinal) ? "" : $"compat_monitor{draft.Machine.Monitors.Count}";
        if (text.StartsWith("mon:", StringComparison.Ordinal)) text = text["mon:".Length..]; // a monitor is on it anyway
        if (ChardevOptions.Short(draft, id, text) is { } chardev)
            draft.Machine = draft.Machine with { Monitors = [.. draft.Machine.Monitors, new MonitorConfig(chardev, qmp, pretty)] };
    }

    private static void Mon(Draft draft, string text)
    {
        KeyValues keys = KeyValues.Parse(null, text, implied: "chardev");
        string mode = keys.Choice("mode", "readline", "readline", "control");
        bool? pretty = keys.Bool("pretty");
        string chardev = keys.Take("chardev") ?? throw new ConfigException("Parameter 'chardev' is missing");
        _ = keys.Id();
        keys.RejectUnknown();
        if (draft.Machine.Chardevs.All(other => other.Id != chardev)) throw new ConfigException($"chardev \"{chardev}\" not found");
        if (mode == "readline" && pretty is not null) throw new ConfigException("'pretty' is not compatible with HMP monitors");
        draft.MonitorGiven |= mode == "readline";
        draft.Machine = draft.Machine with { Monitors = [.. draft.Machine.Monitors, new MonitorConfig(chardev, mode == "control", pretty == true)] };
    }

    /// <summary>A socket is one that GDB comes to, and nobody waits for it.</summary>
    private static void Gdb(Draft draft, string text)
    {
        bool socket = text.StartsWith("tcp:", StringComparison.Ordinal) || text.StartsWith("unix:", StringComparison.Ordinal);
        if (socket && !text.Contains(",server", StringComparison.Ordinal)) text += ",server=on,wait=off";
        string? chardev = ChardevOptions.Short(draft, "gdb", text);
        draft.Machine = draft.Machine with { Gdb = chardev };
    }

    private static void Debugcon(Draft draft, string text)
    {
        string? chardev = ChardevOptions.Short(draft, "debugcon", text); // it adds to draft.Machine, so it comes first
        draft.Machine = draft.Machine with { DebugConsole = chardev };
    }
}
