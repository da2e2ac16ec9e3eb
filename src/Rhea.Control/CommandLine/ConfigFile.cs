using System.Text.RegularExpressions;
using Rhea.Core;
using Rhea.Core.Config;

namespace Rhea.Control.CommandLines;

/// <summary>A file of options: a <c>[group "id"]</c> line and <c>key = "value"</c> lines are one option with those keys.</summary>
internal static partial class ConfigFile
{
    private const int Deepest = 8;

    /// <summary>Groups whose option has another name.</summary>
    private static readonly Dictionary<string, string> OptionOf = new()
    {
        ["memory"] = "m",
        ["smp-opts"] = "smp",
        ["boot-opts"] = "boot",
    };

    public static void Read(Draft draft, string path)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.CouldNotOpen(path, error);
        }

        if (++draft.Nesting > Deepest) throw new ConfigException($"files of options that read each other, more than {Deepest} deep");
        Read(draft, path, lines);
        draft.Nesting--;
    }

    private static void Read(Draft draft, string path, string[] lines)
    {
        string? group = null;
        var keys = new List<string>();
        for (var i = 0; i < lines.Length; i++)
        {
            string line = lines[i].Trim();
            if (line.Length == 0 || line[0] == '#') continue;
            if (Header().Match(line) is { Success: true } header)
            {
                Apply(draft, group, keys);
                group = header.Groups["group"].Value;
                keys = header.Groups["id"] is { Success: true } id ? [$"id={KeyValues.Escape(id.Value)}"] : [];
            }
            else if (group is not null && Setting().Match(line) is { Success: true } setting)
            {
                keys.Add($"{setting.Groups["key"].Value}={KeyValues.Escape(setting.Groups["value"].Value)}");
            }
            else
            {
                throw new ConfigException($"{path}:{i + 1}: parse error");
            }
        }

        Apply(draft, group, keys);
    }

    private static void Apply(Draft draft, string? group, List<string> keys)
    {
        if (group is null) return;
        string name = OptionOf.GetValueOrDefault(group, group);
        Option option = OptionTable.Find(name) is { Argument: not null } found ? found : throw new ConfigException($"There is no option group '{group}'");
        string text = string.Join(',', keys);
        draft.Read(option, $"-{name}", text);
    }

    [GeneratedRegex("""^\[(?<group>[A-Za-z0-9_-]+)(?:\s+"(?<id>[^"]*)")?\]$""")]
    private static partial Regex Header();

    [GeneratedRegex("""^(?<key>[A-Za-z0-9_.-]+)\s*=\s*"(?<value>[^"]*)"$""")]
    private static partial Regex Setting();
}
