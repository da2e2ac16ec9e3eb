namespace Rhea.Core.Config;

/// <summary>The command line that builds a machine as it is now: the one it started with, and what has been plugged in and taken out since.</summary>
/// <param name="start">Words, each option as one word or two.</param>
public sealed class MachineOptions(IReadOnlyList<string> start)
{
    private const string Device = "-device";

    private readonly List<string> _words = [.. start];

    public IReadOnlyList<string> Words => [.. _words];

    /// <param name="device">With the place that it has found.</param>
    public void Plug(DeviceConfig device)
    {
        IEnumerable<string> parts = device.Properties.Select(property => $"{property.Key}={KeyValues.Escape(property.Value)}");
        _words.AddRange([Device, string.Join(',', [device.Driver, .. device.Id is { } id ? [$"id={id}"] : Array.Empty<string>(), .. parts])]);
    }

    public void Unplug(string id)
    {
        for (var i = 0; i + 1 < _words.Count; i++)
        {
            if (_words[i] != Device || KeyValues.Parse(null, _words[i + 1], implied: "driver").Take("id") != id) continue;
            _words.RemoveRange(i, 2);
            return;
        }
    }
}
