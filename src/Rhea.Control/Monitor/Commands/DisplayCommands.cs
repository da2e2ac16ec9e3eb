using System.Text.Json;
using Rhea.Core;
using Rhea.Core.Backends;
using Rhea.Core.Machines;
using Rhea.Core.Monitor;
using Rhea.Core.Time;

namespace Rhea.Control.Monitor.Commands;

/// <summary>The guest's screen and keyboard.</summary>
public static class DisplayCommands
{
    private const long Millisecond = VmClock.Second / 1000;
    private const int MostKeys = 16, HoldMilliseconds = 100, LongestHold = 60_000;

    [QmpCommand("screendump")]
    public static void Dump(Machine machine, string filename, string? device = null, long head = 0, string? format = null)
    {
        if (head != 0) throw new ConfigException($"device {device} has no head {head}");
        bool png = format switch
        {
            null or "ppm" => false,
            "png" => true,
            _ => throw new ConfigException($"Parameter 'format' does not accept value '{format}'"),
        };
        byte[] picture = Take(machine, device, png);
        try
        {
            File.WriteAllBytes(filename, picture);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"failed to open file '{filename}': {FileErrors.Reason(error)}");
        }
    }

    [HmpCommand("screendump", "filename [-f format] [device]", "write the screen of a display to an image file; the format is ppm or png")]
    public static void DumpLine(Machine machine, string filename, bool format = false, string? first = null, string? second = null) =>
        Dump(machine, filename, format ? second : first, 0, format ? first : null);

    [HmpCommand("sendkey", "keys [hold_ms]", "send keys to the VM (e.g. 'sendkey ctrl-alt-f1', default hold time=100 ms)")]
    public static void SendKeyLine(Machine machine, string keys, long holdTime = HoldMilliseconds)
    {
        string spelled = keys == "-" ? "minus" : keys.EndsWith("--", StringComparison.Ordinal) ? keys[..^1] + "minus" : keys;
        string[] names = [.. spelled.Split('-').Select(name => name == "<" ? "less" : name)];
        if (names.FirstOrDefault(name => !KeyNames.IsKey(name)) is { } unknown) throw new ConfigException($"invalid parameter: {unknown}");
        Press(machine, names, holdTime);
    }

    [QmpCommand("send-key")]
    public static void SendKey(Machine machine, JsonElement keys, long holdTime = HoldMilliseconds)
    {
        var names = new List<string>();
        foreach (JsonElement key in keys.EnumerateArray())
        {
            if (key.ValueKind != JsonValueKind.Object || !key.TryGetProperty("type", out JsonElement type) || !key.TryGetProperty("data", out JsonElement data))
                throw new ConfigException("Parameter 'data' is missing");
            if (type.ToString() != "qcode") throw new ConfigException($"Parameter 'type' does not accept value '{type}'");
            if (!KeyNames.IsKey(data.ToString())) throw new ConfigException($"Parameter 'data' does not accept value '{data}'");
            names.Add(data.ToString());
        }

        Press(machine, names, holdTime);
    }

    private static byte[] Take(Machine machine, string? label, bool png)
    {
        using MachineLoop.Held held = machine.Loop.Enter();
        IConsole console = machine.Parts.Consoles.FirstOrDefault(console => label is null || console.Label == label)
            ?? throw new ConfigException(label is null ? "There is no console to take a screendump from" : $"Device '{label}' not found");
        console.Refresh();
        return png ? Screendump.Png(console.Surface) : Screendump.Ppm(console.Surface);
    }

    /// <summary>All down in order; after a while of guest time all up, the last first.</summary>
    private static void Press(Machine machine, IReadOnlyList<string> keys, long milliseconds)
    {
        if (keys.Count > MostKeys) throw new ConfigException($"more than {MostKeys} keys at once");
        if (milliseconds is < 0 or > LongestHold) throw new ConfigException($"Parameter 'hold-time' expects a number up to {LongestHold}");
        using MachineLoop.Held held = machine.Loop.Enter();
        foreach (string key in keys) Send(machine, key, true);
        machine.Clock.CreateTimer(() =>
        {
            foreach (string key in keys.Reverse()) Send(machine, key, false);
        }).Arm(machine.Clock.Now + (milliseconds * Millisecond));
    }

    private static void Send(Machine machine, string key, bool down)
    {
        foreach (IInputSink sink in machine.Parts.Inputs) sink.Key(key, down);
    }
}
