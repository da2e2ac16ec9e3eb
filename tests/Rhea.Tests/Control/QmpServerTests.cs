using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Rhea.Backends.Char;
using Rhea.Control.Monitor;
using Rhea.Core.Config;
using Rhea.Core.Machines;
using Xunit;

namespace Rhea.Tests.Control;

public sealed class QmpServerTests : IDisposable
{
    private const string Greeting =
        """{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "rhea 0.1"}, "capabilities": ["oob"]}}""";

    private const ushort PlugRegisters = 0xAE00;

    private readonly MonitorBench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void It_greets_and_wants_to_negotiate_first()
    {
        MonitorBench.Client client = _bench.Qmp();

        Assert.Equal(Greeting, client.Line());
        Assert.Equal("""{"error": {"class": "CommandNotFound", "desc": "Expecting capabilities negotiation with 'qmp_capabilities'"}}""", client.Ask("""{"execute":"stop"}"""));
        Assert.Equal("""{"return": {}}""", client.Ask("""{"execute":"qmp_capabilities"}"""));
        Assert.Equal("""{"error": {"class": "CommandNotFound", "desc": "Capabilities negotiation is already complete, command ignored"}}""", client.Ask("""{"execute":"qmp_capabilities"}"""));
    }

    /// <summary>Inputs, and what QEMU 7.2.22 answers.</summary>
    /// <summary>A command of later QEMUs.</summary>
    [Fact]
    public void The_accelerators_that_there_are_are_told() => Assert.Equal("""{"return": {"enabled": "tcg", "present": ["kvm", "tcg", "xen"]}}""",
        Negotiated().Ask("""{"execute":"query-accelerators"}"""));

    [Theory]
    [InlineData("""{"execute":"nope","id":7}""", """{"error": {"class": "CommandNotFound", "desc": "The command nope has not been found"}, "id": 7}""")]
    [InlineData("""{"execute":"stop","id":{"a":[1,2]}}""", """{"return": {}, "id": {"a": [1, 2]}}""")]
    [InlineData("""{"execute":"stop","arguments":{"x":1}}""", """{"error": {"class": "GenericError", "desc": "Parameter 'x' is unexpected"}}""")]
    [InlineData("""{"execute":"screendump"}""", """{"error": {"class": "GenericError", "desc": "Parameter 'filename' is missing"}}""")]
    [InlineData("""{"execute":"screendump","arguments":{"filename":1}}""", """{"error": {"class": "GenericError", "desc": "Invalid parameter type for 'filename', expected: string"}}""")]
    [InlineData("""{"execute":"screendump","arguments":{"filename":"/nope/x"}}""", """{"error": {"class": "GenericError", "desc": "There is no console to take a screendump from"}}""")]
    [InlineData("""{"execute":"screendump","arguments":{"filename":"x","format":"gif"}}""", """{"error": {"class": "GenericError", "desc": "Parameter 'format' does not accept value 'gif'"}}""")]
    [InlineData("""{"execute":1}""", """{"error": {"class": "GenericError", "desc": "QMP input member 'execute' must be a string"}}""")]
    [InlineData("""{"foo":1}""", """{"error": {"class": "GenericError", "desc": "QMP input member 'foo' is unexpected"}}""")]
    [InlineData("[1]", """{"error": {"class": "GenericError", "desc": "QMP input must be a JSON object"}}""")]
    [InlineData("""{"execute":"stop","arguments":1}""", """{"error": {"class": "GenericError", "desc": "QMP input member 'arguments' must be an object"}}""")]
    [InlineData("nonsense", """{"error": {"class": "GenericError", "desc": "JSON parse error, invalid keyword 'nonsense'"}}""")]
    [InlineData("""{'execute':'query-name'}""", """{"return": {"name": "vm1"}}""")]
    [InlineData("""{"execute":"query-status"}""", """{"return": {"running": false, "singlestep": false, "status": "prelaunch"}}""")]
    [InlineData("""{"execute":"query-vnc"}""", """{"return": {"enabled": false}}""")]
    [InlineData("""{"execute":"query-uuid"}""", """{"return": {"UUID": "00000000-0000-0000-0000-000000000000"}}""")]
    [InlineData("""{"execute":"query-version"}""", """{"return": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "rhea 0.1"}}""")]
    [InlineData("""{"execute":"human-monitor-command","arguments":{"command-line":"foo"}}""", """{"return": "unknown command: 'foo'\r\n"}""")]
    [InlineData("""{"execute":"send-key","arguments":{"keys":[{"type":"qcode","data":"foo"}]}}""", """{"error": {"class": "GenericError", "desc": "Parameter 'data' does not accept value 'foo'"}}""")]
    [InlineData("""{"execute":"device_del","arguments":{"id":"x"}}""", """{"error": {"class": "DeviceNotFound", "desc": "Device 'x' not found"}}""")]
    [InlineData("""{"execute":"device_add","arguments":{"driver":"x"}}""", """{"error": {"class": "GenericError", "desc": "'x' is not a valid device model name"}}""")]
    [InlineData("""{"exec-oob":"stop"}""", """{"error": {"class": "GenericError", "desc": "QMP input member 'exec-oob' is unexpected"}}""")]
    public void It_answers_as_QEMU(string input, string answer) => Assert.Equal(answer, Negotiated().Ask(input));

    [Fact]
    public void Everybody_hears_what_happens()
    {
        MonitorBench.Client one = Negotiated(), other = Negotiated();

        one.Say("""{"execute":"cont"}{"execute":"system_reset"}{"execute":"system_powerdown"}{"execute":"stop"}""");

        foreach (string part in (string[])["""RESUME"}""", """RESET", "data": {"guest": false, "reason": "host-qmp-system-reset"}}""", """POWERDOWN"}""", """STOP"}"""])
        {
            Assert.Matches("""^\{"timestamp": \{"seconds": \d+, "microseconds": \d+\}, "event": ".*""", other.Until(part));
            other.Until("\r\n");
        }

        Assert.Equal(RunState.Paused, _bench.Machine.State);
    }

    [Fact]
    public void Quit_says_goodbye()
    {
        MonitorBench.Client client = Negotiated();

        client.Say("""{"execute":"quit"}""");

        client.Until("""SHUTDOWN", "data": {"guest": false, "reason": "host-qmp-quit"}}""");
        client.Until("""{"return": {}}""");
        _bench.WaitForEnd();
        Assert.Equal(0, _bench.End!.ExitStatus);
    }

    [Fact]
    public void A_pretty_monitor_indents()
    {
        MonitorBench.Client client = _bench.Qmp(pretty: true);

        Assert.StartsWith("{\n    \"QMP\": {\n", client.Until("capabilities"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_device_is_plugged_in_and_out()
    {
        MonitorBench.Client client = Negotiated();

        Assert.Equal("""{"return": {}}""", client.Ask("""{"execute":"device_add","arguments":{"driver":"pvpanic-pci","id":"p1","addr":"5"}}"""));
        Assert.Equal(0x0011_1B36u, Config(5));
        Assert.Contains("Duplicate device ID 'p1'", client.Ask("""{"execute":"device_add","arguments":{"driver":"pvpanic-pci","id":"p1"}}"""), StringComparison.Ordinal);
        Assert.Equal(0x20u, Port(PlugRegisters));
        Assert.Equal("""{"return": {}}""", client.Ask("""{"execute":"device_del","arguments":{"id":"p1"}}"""));
        Assert.Equal((0x0011_1B36u, 0x20u), (Config(5), Port(PlugRegisters + 4))); // it is up to the guest
        using (_bench.Machine.Loop.Enter()) _bench.Machine.Ports.Write(PlugRegisters + 8, 4, 0x20);
        Assert.EndsWith(""" "event": "DEVICE_DELETED", "data": {"device": "p1", "path": "/machine/peripheral/p1"}}""", client.Line(), StringComparison.Ordinal);
        Assert.Equal(0xFFFF_FFFFu, Config(5));
    }

    [Fact]
    public void A_device_is_told_of_with_its_addresses()
    {
        string all = Negotiated().Ask("""{"execute":"query-pci"}""");

        Assert.Contains(
            """{"bus": 0, "slot": 2, "function": 0, "class_info": {"class": 2176, "desc": "Class 0880"}, "id": {"device": 17, "vendor": 6966, """,
            all, StringComparison.Ordinal);
        Assert.Contains("""[{"bar": 0, "type": "memory", "size": 16, "address": -1, "prefetch": false, "mem_type_64": false}]""", all, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"driver":"isa-debug-exit"}""", "Bus 'isa.0' does not support hotplugging")]
    [InlineData("""{"driver":"pvpanic-pci","bus":"pci.7"}""", "Bus 'pci.7' not found")]
    [InlineData("""{"driver":"pvpanic-pci","addr":"2"}""", "PCI: slot 2 function 0 not available for pvpanic-pci, in use by pvpanic-pci")]
    public void A_device_that_fits_nowhere_is_refused(string arguments, string why) => Assert.Equal(
        $$$"""{"error": {"class": "GenericError", "desc": "{{{why}}}"}}""", Negotiated().Ask($$$"""{"execute":"device_add","arguments":{{{arguments}}}}"""));

    [Fact]
    public void The_schema_names_every_command_and_every_type_once()
    {
        using JsonDocument schema = JsonDocument.Parse(Negotiated().Ask("""{"execute":"query-qmp-schema"}"""));

        JsonElement[] entries = [.. schema.RootElement.GetProperty("return").EnumerateArray()];
        string[] keys = [.. entries.Select(entry => $"{entry.GetProperty("meta-type")} {entry.GetProperty("name")}")];
        Assert.Distinct(keys);
        Assert.Contains("command screendump", keys);
        Assert.Contains("event SHUTDOWN", keys);
        string[] types = [.. entries.Select(entry => entry.GetProperty("name").GetString()!)];
        foreach (JsonElement entry in entries)
        {
            if (entry.TryGetProperty("ret-type", out JsonElement type)) Assert.Contains(type.GetString(), types);
            if (!entry.TryGetProperty("members", out JsonElement members)) continue;
            foreach (JsonElement member in members.EnumerateArray())
                if (member.TryGetProperty("type", out JsonElement inner)) Assert.Contains(inner.GetString(), types);
        }
    }

    [Fact]
    public void Nonsense_is_answered_and_costs_no_more_than_it_is_long()
    {
        MonitorBench.Client client = Negotiated();
        uint seed = 5;
        string[] parts = ["{", "}", "[", "]", "\"execute\"", ":", "\"stop\"", ",", "1e99", "null", "'", "\"", "\\", " ", "\u0001", "é"];

        for (var i = 0; i < 300; i++) client.Say(string.Concat(Enumerable.Range(0, 40).Select(_ => parts[Next() % (uint)parts.Length])) + "\n");
        client.Say(new string('[', 5000) + "\n");
        client.Until("JSON nesting depth limit exceeded");

        Assert.Null(_bench.Machine.Loop.Fault);

        uint Next() => seed = (seed * 1664525) + 1013904223 >> 1;
    }

    [Fact]
    public void A_client_comes_through_a_socket()
    {
        string path = Path.Combine(Path.GetTempPath(), $"rhea-{Guid.NewGuid():N}");
        using var backends = new CharBackends(_bench.Machine.Loop, new MuxChar.Actions(() => { }, () => { }, () => 0));
        var config = new ChardevConfig("q", "socket", [new("path", path), new("server", "on"), new("wait", "off")]);
        Monitors.Open(_bench.Monitored, new MonitorConfig("q", Qmp: true, Pretty: false), backends.Open(config));

        for (var visit = 0; visit < 2; visit++)
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            socket.Connect(new UnixDomainSocketEndPoint(path));
            using var reader = new StreamReader(new NetworkStream(socket));
            Assert.Equal(Greeting, reader.ReadLine());
            socket.Send(Encoding.ASCII.GetBytes("""{"execute":"qmp_capabilities","id":1}"""));
            Assert.Equal("""{"return": {}, "id": 1}""", reader.ReadLine());
        }
    }

    private uint Port(ushort at)
    {
        using MachineLoop.Held held = _bench.Machine.Loop.Enter();
        return _bench.Machine.Ports.Read(at, 4);
    }

    private uint Config(int slot)
    {
        using MachineLoop.Held held = _bench.Machine.Loop.Enter();
        _bench.Machine.Ports.Write(0xCF8, 4, 0x8000_0000 | (uint)slot << 11);
        return _bench.Machine.Ports.Read(0xCFC, 4);
    }

    private MonitorBench.Client Negotiated()
    {
        MonitorBench.Client client = _bench.Qmp();
        client.Line();
        client.Ask("""{"execute":"qmp_capabilities"}""");
        return client;
    }
}
