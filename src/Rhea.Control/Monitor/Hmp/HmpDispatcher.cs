using Rhea.Core;
using Rhea.Core.Monitor;

namespace Rhea.Control.Monitor.Hmp;

/// <summary>Finds the command of a line, runs it, and turns its failure into a line of text.</summary>
public static class HmpDispatcher
{
    /// <returns>What to print, ending in a line feed unless it is empty.</returns>
    public static string Run(MonitorSession session, string line)
    {
        line = line.Trim(' ', '\t', '\r', '\n');
        if (line.Length == 0) return "";
        (HmpCommand? command, string rest, string name) = Find(session.Monitored.HmpCommands, line);
        if (command is null) return name == "info" ? Help(session, "info") : $"unknown command: '{name}'\n";
        try
        {
            return command.Invoke(session, new HmpArguments(command.Name, rest, session)) ?? "";
        }
        catch (Exception error) when (error is ConfigException or MonitorException)
        {
            bool usage = error.Message.Contains("\nTry \"help ", StringComparison.Ordinal);
            return usage ? error.Message + "\n" : $"Error: {error.Message}\n";
        }
    }

    /// <summary>All commands, or those of a name.</summary>
    public static string Help(MonitorSession session, string? name)
    {
        IEnumerable<HmpCommand> all = session.Monitored.HmpCommands.OrderBy(command => command.Name, StringComparer.Ordinal);
        bool info = name == "info";
        string text = string.Concat(all
            .Where(command => command.Name.StartsWith("info ", StringComparison.Ordinal) == info && (name is null || info || command.Names.Contains(name)))
            .Select(command => $"{command.Name}{(command.Arguments.Length > 0 ? " " + command.Arguments : " ")} -- {command.Help}\n"));
        return text.Length > 0 ? text : $"unknown command: '{name}'\n";
    }

    /// <summary>What may stand where a line ends, with the letters that are there already.</summary>
    internal static Func<string, IReadOnlyList<string>> Completions(IReadOnlyList<HmpCommand> commands) => line =>
    {
        string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        bool subject = words.Length > 0 && words[0] is "info" or "help" && line.Contains(' ', StringComparison.Ordinal);
        if (!subject && line.Contains(' ', StringComparison.Ordinal)) return [];
        string start = line[(line.LastIndexOf(' ') + 1)..];
        IEnumerable<string> names = subject && words[0] == "info"
            ? commands.Where(command => command.Name.StartsWith("info ", StringComparison.Ordinal)).Select(command => command.Name[5..])
            : commands.Where(command => !command.Name.Contains(' ', StringComparison.Ordinal)).SelectMany(command => command.Names).Append("info");
        return [.. names.Where(name => name.StartsWith(start, StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
    };

    private static (HmpCommand? Command, string Text, string Name) Find(IReadOnlyList<HmpCommand> commands, string line)
    {
        string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        int slash = words[0].IndexOf('/', StringComparison.Ordinal); // "x/4xb 0" is "x /4xb 0"
        string first = slash > 0 ? words[0][..slash] : words[0];
        bool info = first == "info" && words.Length > 1;
        string name = info ? $"info {words[1]}" : first;
        HmpCommand? command = commands.FirstOrDefault(command => command.Names.Contains(name));
        string rest = info ? line[(line.IndexOf(words[1], 4, StringComparison.Ordinal) + words[1].Length)..] : line[first.Length..];
        return (command, rest, name);
    }
}
