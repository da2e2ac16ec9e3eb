namespace Rhea.Control.CommandLines;

/// <summary>One option of the command line: all that parsing and help know about it.</summary>
/// <param name="Name">Without dashes: "machine".</param>
/// <param name="Argument">Its argument as help shows it; null for one that takes none.</param>
/// <param name="Help">What help says; lines after the first go under it. Empty for a second name of another option.</param>
/// <param name="Apply">Writes what was given into the draft.</param>
internal sealed record Option(string Name, string? Argument, string Help, Action<Draft, string> Apply)
{
    /// <summary>It says how the program starts, and nothing of the machine: a saved machine does not carry it.</summary>
    public bool OnlyNow { get; init; }
}

/// <summary>Options that help lists together under one heading.</summary>
internal sealed record OptionGroup(string Title, IReadOnlyList<Option> Options);
