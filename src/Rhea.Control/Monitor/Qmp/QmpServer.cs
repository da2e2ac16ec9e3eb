using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Rhea.Core;
using Rhea.Core.Backends;
using Rhea.Core.Machines;
using Rhea.Core.Monitor;

namespace Rhea.Control.Monitor.Qmp;

/// <summary>A QMP monitor on a character device: greets, negotiates, answers one command after the other, and reports events.</summary>
/// <remarks>Commands run on the machine's thread, outside the lock, for some of them wait until the processors have parked.</remarks>
public sealed class QmpServer : ICharFrontend
{
    private const int Room4K = 4096;
    private static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonDocumentOptions Deep = new() { MaxDepth = 1024 };

    private readonly Monitored _monitored;
    private readonly MonitorPort _port;
    private readonly bool _pretty;
    private readonly JsonFramer _framer = new();
    private MonitorSession _session;
    private bool _negotiated, _connected, _outOfBand;
    private int _visit; // a client that has gone gets no answer, and its successor not its

    public QmpServer(Monitored monitored, ICharBackend backend, bool pretty)
    {
        (_monitored, _pretty, _session) = (monitored, pretty, new MonitorSession(monitored));
        _port = new MonitorPort(backend, monitored.Machine.Loop);
        _framer.Value += value => Post(() => Execute(value));
        _framer.Refused += why => Post(() => Answer(Error(default, "GenericError", why)));
        monitored.Machine.Happened += OnEvent;
        backend.Attach(this);
    }

    public int Room => Room4K;

    public void Receive(ReadOnlySpan<byte> bytes) => _framer.Add(bytes);

    public void CanWrite() => _port.Flush();

    public void Break()
    {
    }

    public void Connected(bool open)
    {
        _connected = open;
        _visit++;
        _port.Clear();
        _framer.Reset();
        (_negotiated, _outOfBand, _session) = (false, false, new MonitorSession(_monitored));
        if (open) Answer(Write(json =>
        {
            json.WriteStartObject("QMP"u8);
            json.WriteStartObject("version"u8);
            json.WriteStartObject("qemu"u8);
            json.WriteNumber("micro"u8, 22);
            json.WriteNumber("minor"u8, 2);
            json.WriteNumber("major"u8, 7);
            json.WriteEndObject();
            json.WriteString("package"u8, Commands.QueryCommands.Package);
            json.WriteEndObject();
            json.WriteStartArray("capabilities"u8);
            json.WriteStringValue("oob"u8);
            json.WriteEndArray();
            json.WriteEndObject();
        }));
    }

    private void Post(Action work)
    {
        int visit = _visit;
        _monitored.Machine.Request(() =>
        {
            if (visit == _visit) work();
        });
    }

    private void Execute(byte[] text)
    {
        JsonElement id = default;
        try
        {
            using JsonDocument document = Parse(text);
            JsonElement input = document.RootElement;
            if (input.ValueKind != JsonValueKind.Object) throw new ConfigException("QMP input must be a JSON object");
            if (input.TryGetProperty("id", out JsonElement given)) id = given.Clone();
            (string name, JsonElement arguments) = Check(input);
            Answer(Run(name, arguments, id));
        }
        catch (MonitorException error)
        {
            Answer(Error(id, error.Class, error.Message));
        }
        catch (ConfigException error)
        {
            Answer(Error(id, "GenericError", error.Message));
        }
    }

    private static JsonDocument Parse(byte[] text)
    {
        try
        {
            return JsonDocument.Parse(text, Deep);
        }
        catch (JsonException)
        {
            string shown = Encoding.UTF8.GetString(text.AsSpan(0, Math.Min(text.Length, 40)));
            throw new ConfigException(char.IsAsciiLetter(shown[0]) ? $"JSON parse error, invalid keyword '{shown}'" : "JSON parse error, invalid syntax");
        }
    }

    /// <summary>What QEMU checks before it looks for the command.</summary>
    private (string Name, JsonElement Arguments) Check(JsonElement input)
    {
        string? name = null;
        JsonElement arguments = default;
        foreach (JsonProperty member in input.EnumerateObject())
        {
            switch (member.Name)
            {
                case "execute":
                case "exec-oob" when _outOfBand:
                    if (member.Value.ValueKind != JsonValueKind.String) throw new ConfigException($"QMP input member '{member.Name}' must be a string");
                    name = member.Value.GetString()!;
                    break;
                case "arguments":
                    if (member.Value.ValueKind != JsonValueKind.Object) throw new ConfigException("QMP input member 'arguments' must be an object");
                    arguments = member.Value;
                    break;
                case "id":
                    break;
                default:
                    throw new ConfigException($"QMP input member '{member.Name}' is unexpected");
            }
        }

        return (name ?? throw new ConfigException("QMP input lacks member 'execute'"), arguments);
    }

    private byte[] Run(string name, JsonElement arguments, JsonElement id)
    {
        if (name == "qmp_capabilities") return Negotiate(new QmpArguments(arguments), id);
        if (!_negotiated) throw new MonitorException("CommandNotFound", "Expecting capabilities negotiation with 'qmp_capabilities'");
        QmpCommand command = _monitored.QmpCommands.FirstOrDefault(command => command.Name == name)
            ?? throw new MonitorException("CommandNotFound", $"The command {name} has not been found");
        return Write(json =>
        {
            json.WritePropertyName("return"u8);
            command.Invoke(_session, new QmpArguments(arguments), json);
            WriteId(json, id);
        });
    }

    private byte[] Negotiate(QmpArguments arguments, JsonElement id)
    {
        if (_negotiated) throw new MonitorException("CommandNotFound", "Capabilities negotiation is already complete, command ignored");
        foreach ((string name, JsonElement value) in arguments.TakeRest())
        {
            if (name != "enable") throw new ConfigException($"Parameter '{name}' is unexpected");
            if (value.ValueKind != JsonValueKind.Array) throw new ConfigException("Invalid parameter type for 'enable', expected: array");
            foreach (JsonElement capability in value.EnumerateArray())
            {
                if (capability.ValueKind != JsonValueKind.String || capability.GetString() != "oob")
                    throw new ConfigException($"Parameter 'enable' does not accept value '{capability}'");
                _outOfBand = true;
            }
        }

        _negotiated = true;
        return Write(json =>
        {
            json.WriteStartObject("return"u8);
            json.WriteEndObject();
            WriteId(json, id);
        });
    }

    private void OnEvent(MachineEvent happened)
    {
        if (!_negotiated || !_connected) return;
        long microseconds = (TimeProvider.System.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / 10;
        Answer(Write(json =>
        {
            json.WriteStartObject("timestamp"u8);
            json.WriteNumber("seconds"u8, microseconds / 1_000_000);
            json.WriteNumber("microseconds"u8, microseconds % 1_000_000);
            json.WriteEndObject();
            foreach (QmpEvent known in _monitored.Events)
                if (known.TryWrite(happened, json)) break;
        }));
    }

    private byte[] Error(JsonElement id, string @class, string message) => Write(json =>
    {
        json.WriteStartObject("error"u8);
        json.WriteString("class"u8, @class);
        json.WriteString("desc"u8, message);
        json.WriteEndObject();
        WriteId(json, id);
    });

    private static void WriteId(Utf8JsonWriter json, JsonElement id)
    {
        if (id.ValueKind == JsonValueKind.Undefined) return;
        json.WritePropertyName("id"u8);
        id.WriteTo(json);
    }

    private byte[] Write(Action<Utf8JsonWriter> members)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, _pretty ? Compact with { Indented = true, IndentSize = 4 } : Compact))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        return _pretty ? [.. stream.ToArray(), (byte)'\r', (byte)'\n'] : Spaced(stream.ToArray());
    }

    /// <summary>With the spaces that QEMU writes: scripts look for <c>"return": {}</c>.</summary>
    private static byte[] Spaced(byte[] json)
    {
        var text = new List<byte>(json.Length + (json.Length / 4));
        bool quoted = false, escaped = false;
        foreach (byte value in json)
        {
            text.Add(value);
            if (value == '"' && !escaped) quoted = !quoted;
            escaped = quoted && !escaped && value == '\\';
            if (!quoted && value is (byte)':' or (byte)',' && !quoted) text.Add((byte)' ');
        }

        text.AddRange("\r\n"u8);
        return [.. text];
    }

    private void Answer(byte[] line)
    {
        if (_connected) _port.Send(line);
    }
}
