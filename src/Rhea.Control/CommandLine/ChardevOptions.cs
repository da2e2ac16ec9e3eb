using Rhea.Core;
using Rhea.Core.Config;

namespace Rhea.Control.CommandLines;

/// <summary>The host's ends of serial lines, in the long spelling (<c>-chardev</c>) and the short (<c>-serial unix:path</c>).</summary>
internal static class ChardevOptions
{
    /// <summary>Back ends and the keys they take.</summary>
    private static readonly Dictionary<string, string[]> Backends = new()
    {
        ["file"] = ["path", "append", "input-path"],
        ["null"] = [],
        ["pipe"] = ["path"],
        ["ringbuf"] = ["size"],
        ["memory"] = ["size"],
        ["socket"] = ["path", "host", "port", "server", "wait", "reconnect", "telnet", "nodelay", "ipv4", "ipv6"],
        ["stdio"] = ["signal"],
        ["vc"] = ["width", "height", "cols", "rows"],
    };

    private static readonly string[] Later =
        ["pty", "udp", "msmouse", "wctablet", "braille", "serial", "tty", "parallel", "parport", "spicevmc", "spiceport", "qemu-vdagent", "testdev"];

    public static IReadOnlyList<Option> All { get; } =
    [
        new("chardev", "backend,id=id[,mux=on|off][,prop=value...]",
            "name the host's end of a serial line ('-chardev help' lists back ends):\n"
            + "null | vc | stdio[,signal=on|off] | ringbuf[,size=bytes]\n"
            + "file,path=path[,append=on|off] | pipe,path=path\n"
            + "socket,path=path[,server=on|off][,wait=on|off][,reconnect=seconds]\n"
            + "socket,[host=host],port=port[,server=on|off][,wait=on|off][,telnet=on|off][,reconnect=seconds]", Chardev),
    ];

    private static void Chardev(Draft draft, string text)
    {
        if (text is "help" or "?")
        {
            draft.Answer = "Available chardev backend types: \n" + string.Concat(Backends.Keys.Select(name => $"  {name}\n"));
            return;
        }

        KeyValues keys = KeyValues.Parse(null, text, implied: "backend");
        string id = keys.Id() ?? throw new ConfigException("chardev: no id specified");
        string backend = keys.Take("backend") ?? throw new ConfigException($"chardev: \"{id}\" missing backend");
        draft.AddChardev(Check(id, backend, keys, draft.Spelling));
    }

    /// <summary>The short spelling, as <c>-serial</c>, <c>-monitor</c> and <c>-debugcon</c> take it. Null for "none".</summary>
    /// <returns>The id of a chardev that the draft has.</returns>
    public static string? Short(Draft draft, string id, string text)
    {
        if (text.StartsWith("chardev:", StringComparison.Ordinal))
        {
            string named = text["chardev:".Length..];
            return draft.Machine.Chardevs.Any(chardev => chardev.Id == named) ? named : throw new ConfigException($"Chardev '{named}' not found");
        }

        bool mux = text.StartsWith("mon:", StringComparison.Ordinal);
        if (mux) text = text["mon:".Length..];
        if (text == "none") return null;
        (string backend, KeyValues keys) = Expand(text);
        if (mux && backend == "stdio") keys = KeyValues.Of(null, [new("signal", "off")]); // Ctrl-C is the guest's
        draft.AddChardev(Check(id, backend, keys, draft.Spelling) with { Mux = mux });
        if (mux) draft.Machine = draft.Machine with { Monitors = [.. draft.Machine.Monitors, new MonitorConfig(id, Qmp: false, Pretty: false)] };
        draft.MonitorGiven |= mux;
        return id;
    }

    private static (string Backend, KeyValues Keys) Expand(string text)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string kind = colon < 0 ? text : text[..colon], rest = colon < 0 ? "" : text[(colon + 1)..];
        switch (kind)
        {
            case "null" or "stdio" when colon < 0:
                return (kind, KeyValues.Of(null, []));
            case "vc":
                return (kind, KeyValues.Of(null, []));
            case "file" or "pipe" when colon >= 0:
                return (kind, KeyValues.Of(null, [new("path", rest)]));
            case "unix" when colon >= 0:
                return ("socket", KeyValues.Parse(null, rest, implied: "path"));
            case "tcp" or "telnet" when colon >= 0:
                return ("socket", Tcp(rest, telnet: kind == "telnet"));
            case "pty" or "udp" or "braille" or "msmouse" or "websocket" or "/dev/tty":
                throw LaterOptions.NotYet($"character device '{kind}'");
            default:
                throw new ConfigException(text.StartsWith("/dev/", StringComparison.Ordinal)
                    ? LaterOptions.NotYet("a serial line of the host").Message
                    : $"'{text}' is not a valid char driver");
        }
    }

    private static KeyValues Tcp(string text, bool telnet)
    {
        KeyValues keys = KeyValues.Parse(null, text, implied: "address");
        string address = keys.Take("address") ?? "";
        int colon = address.LastIndexOf(':');
        if (colon < 0) throw new ConfigException($"no port in '{address}': write host:port");
        List<KeyValuePair<string, string>> pairs = [new("host", address[..colon].Trim('[', ']')), new("port", address[(colon + 1)..]), .. keys.Left];
        if (telnet) pairs.Add(new("telnet", "on"));
        return KeyValues.Of(null, pairs);
    }

    private static ChardevConfig Check(string id, string backend, KeyValues keys, string origin)
    {
        if (!Backends.TryGetValue(backend, out string[]? known))
            throw Later.Contains(backend) ? LaterOptions.NotYet($"chardev {backend}") : new ConfigException($"'{backend}' is not a valid char driver name");
        bool mux = keys.Bool("mux", false);
        if (keys.Has("logfile")) throw LaterOptions.NotYet("logfile=");
        IReadOnlyList<KeyValuePair<string, string>> properties = [.. keys.Left];
        if (backend is "file" or "pipe" && string.IsNullOrEmpty(keys.Take("path"))) throw new ConfigException($"chardev: {backend}: no filename given");
        if (backend == "socket") CheckSocket(keys);
        foreach (string key in known) _ = keys.Take(key);
        keys.RejectUnknown();
        return new ChardevConfig(id, backend, properties) { Mux = mux, Origin = origin };
    }

    private static void CheckSocket(KeyValues keys)
    {
        string? path = keys.Take("path"), port = keys.Take("port");
        if (string.IsNullOrEmpty(path) && string.IsNullOrEmpty(port)) throw new ConfigException("chardev: socket: no path or port given");
        if (path is not null && port is not null) throw new ConfigException("None or one of 'path', 'port' must be given");
        if (port is not null && !ushort.TryParse(port, out _)) throw new ConfigException($"port '{port}' is no number up to 65535");
        bool server = keys.Bool("server", false);
        if (!server && keys.Take("wait") is not null) throw new ConfigException("'wait' option is incompatible with socket in client connect mode");
        if (server && keys.Take("reconnect") is not null) throw new ConfigException("'reconnect' option is incompatible with socket in server listen mode");
        _ = keys.Bool("wait");
        _ = keys.Bool("telnet");
        _ = keys.Int32("reconnect");
    }
}
