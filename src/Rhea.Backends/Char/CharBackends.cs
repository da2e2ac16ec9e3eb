using System.Net;
using System.Net.Sockets;
using Rhea.Core;
using Rhea.Core.Backends;
using Rhea.Core.Config;
using Rhea.Host;

namespace Rhea.Backends.Char;

/// <summary>Opens what <c>-chardev</c> and its short spellings name.</summary>
/// <param name="loop">Where front ends are called: the machine's.</param>
/// <param name="mux">What Ctrl-A does on a terminal that several share.</param>
public sealed class CharBackends(SynchronizationContext loop, MuxChar.Actions mux) : IDisposable
{
    private readonly List<IDisposable> _open = [];
    private readonly Dictionary<string, Opened> _all = [];

    /// <summary>What <c>query-chardev</c> lists.</summary>
    public IReadOnlyDictionary<string, Opened> All => _all;

    /// <exception cref="ConfigException">The host refuses, or a property has no such value. It begins with the user's spelling.</exception>
    public ICharBackend Open(ChardevConfig config)
    {
        try
        {
            ICharBackend backend = Create(config, KeyValues.Of(null, config.Properties));
            if (backend is IDisposable disposable) _open.Add(disposable);
            if (config.Mux && backend is StdioChar { IsTerminal: true }) backend.Write("rhea: Ctrl-A x ends the emulator, Ctrl-A h shows more keys\r\n"u8);
            MuxChar? shared = config.Mux ? new MuxChar(backend, mux) : null;
            _all.Add(config.Id, new Opened(config, shared, backend));
            return shared?.NewPort() ?? backend;
        }
        catch (Exception error) when (error is ConfigException or IOException or UnauthorizedAccessException)
        {
            string reason = error is ConfigException ? error.Message : $"Could not open '{Path(config)}': {FileErrors.Reason(error)}";
            throw new ConfigException(config.Origin.Length > 0 ? $"{config.Origin}: {reason}" : reason, error);
        }
    }

    /// <summary>One more place at a terminal that is shared, or the back end itself.</summary>
    public ICharBackend ForMonitor(string id) => _all[id].Mux?.NewPort() ?? _all[id].Backend;

    /// <summary>Writes what is left and lets go, the terminal last.</summary>
    public void Dispose()
    {
        foreach (IDisposable open in _open) open.Dispose();
        _open.Clear();
    }

    private ICharBackend Create(ChardevConfig config, KeyValues keys) => config.Backend switch
    {
        "null" => new NullChar(),
        "vc" => new RingChar(),
        "ringbuf" or "memory" => new RingChar((int)Math.Min(keys.Size("size") ?? 65536, 1 << 30)),
        "stdio" => new StdioChar(loop, keys.Bool("signal", true)),
        "file" => OpenFile(keys),
        "pipe" => OpenPipe(keys.String("path", "")),
        "socket" => new SocketChar(loop, Socket(keys)),
        _ => throw new ConfigException($"'{config.Backend}' is not a valid char driver name"),
    };

    private CharStream OpenFile(KeyValues keys)
    {
        var stream = new CharStream(loop);
        var output = new FileStream(keys.String("path", ""), keys.Bool("append", false) ? FileMode.Append : FileMode.Create,
            FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        Stream? input = keys.Take("input-path") is { } path ? File.OpenRead(path) : null;
        stream.Open(input, output, outlivesInput: true);
        return stream;
    }

    /// <summary>A pair of FIFOs, path.in and path.out, or one for both ways.</summary>
    private CharStream OpenPipe(string path)
    {
        var stream = new CharStream(loop);
        bool pair = File.Exists(path + ".in") && File.Exists(path + ".out");
        DescriptorStream input = DescriptorStream.Open(pair ? path + ".in" : path);
        stream.Open(input, pair ? DescriptorStream.Open(path + ".out") : input);
        return stream;
    }

    private static SocketChar.Options Socket(KeyValues keys)
    {
        string? path = keys.Take("path");
        bool server = keys.Bool("server", false);
        int reconnect = keys.Int32("reconnect", 0);
        (EndPoint address, string spelling) = path is not null ? (new UnixDomainSocketEndPoint(path), path) : Tcp(keys, server);
        return new SocketChar.Options(address, spelling, server, server && keys.Bool("wait", true),
            reconnect > 0 ? TimeSpan.FromSeconds(reconnect) : null, keys.Bool("telnet", false));
    }

    private static (EndPoint Address, string Spelling) Tcp(KeyValues keys, bool server)
    {
        string host = keys.String("host", ""), port = keys.String("port", "");
        IPAddress address;
        try
        {
            address = host.Length == 0 ? server ? IPAddress.Any : IPAddress.Loopback
                : IPAddress.TryParse(host, out IPAddress? number) ? number : Dns.GetHostAddresses(host)[0];
        }
        catch (SocketException)
        {
            throw new ConfigException($"address resolution failed for {host}:{port}");
        }

        return (new IPEndPoint(address, ushort.Parse(port, System.Globalization.CultureInfo.InvariantCulture)), $"{host}:{port}");
    }

    private static string Path(ChardevConfig config) => config.Properties.LastOrDefault(pair => pair.Key == "path").Value ?? config.Backend;

    /// <summary>A character device that is open.</summary>
    public sealed record Opened(ChardevConfig Config, MuxChar? Mux, ICharBackend Backend);
}
