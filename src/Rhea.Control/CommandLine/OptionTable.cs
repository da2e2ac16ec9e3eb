namespace Rhea.Control.CommandLines;

/// <summary>All options, by family.</summary>
internal static class OptionTable
{
    public static IReadOnlyList<OptionGroup> Groups { get; } =
    [
        new("Standard options", [.. ProgramOptions.Answers, .. MachineOptions.All, .. ProcessorOptions.All, .. DeviceOptions.All, .. ProgramOptions.Names]),
        new("Block device options", DriveOptions.All),
        new("Display options", DisplayOptions.All),
        new("Network options", NetworkOptions.All),
        new("Character device options", ChardevOptions.All),
        new("Boot Image or Kernel specific", BootOptions.All),
        new("Debug/Expert options", [.. FirmwareOptions.All, .. MonitorOptions.All, .. RunOptions.All]),
    ];

    private static readonly Dictionary<string, Option> ByName =
        Groups.SelectMany(group => group.Options).Concat(LaterOptions.All).ToDictionary(option => option.Name);

    public static Option? Find(string name) => ByName.GetValueOrDefault(name);

    /// <summary>What the user may have meant by a name that is none: the option the fewest typing errors away.</summary>
    public static string? Nearest(string name) => Nearest(name, ByName.Values.Where(option => option.Help.Length > 0).Select(option => option.Name));

    public static string? Nearest(string name, IEnumerable<string> names)
    {
        (string? nearest, int distance) = names.Select(other => (other, Distance(name, other))).DefaultIfEmpty().MinBy(pair => pair.Item2);
        return distance <= Math.Min(2, name.Length / 3) ? nearest : null;
    }

    /// <summary>Levenshtein's distance: letters to add, drop or change.</summary>
    private static int Distance(string a, string b)
    {
        if (Math.Abs(a.Length - b.Length) > 2) return int.MaxValue;
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (var i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)));
        }

        return row[^1];
    }
}
