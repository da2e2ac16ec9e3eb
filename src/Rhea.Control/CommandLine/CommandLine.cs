using Rhea.Core;
using Rhea.Core.Config;

namespace Rhea.Control.CommandLines;

/// <summary>What a command line in QEMU's syntax asks for.</summary>
/// <param name="Machine">The machine to build.</param>
/// <param name="Process">What concerns the program and not the machine.</param>
/// <param name="Answer">Text to print instead of running a machine: help, the version, a list. Null to run.</param>
/// <param name="Warnings">Sentences for stderr.</param>
public sealed record CommandLine(MachineConfig Machine, ProcessConfig Process, string? Answer, IReadOnlyList<string> Warnings)
{
    /// <param name="arguments">Without the program's name.</param>
    /// <param name="catalogue">What there is to choose from.</param>
    /// <exception cref="ConfigException">Names the option as it was written, and what is wrong with it.</exception>
    public static CommandLine Parse(IReadOnlyList<string> arguments, Catalogue catalogue)
    {
        var draft = new Draft(catalogue);
        for (var i = 0; i < arguments.Count && draft.Answer is null; i++)
        {
            string word = arguments[i];
            if (!word.StartsWith('-'))
            {
                draft.Spelled(word, () => DriveOptions.AddImage(draft, word, index: 0, "disk"));
                draft.Options.Add(word);
                continue;
            }

            Option option = OptionTable.Find(word[(word.StartsWith("--", StringComparison.Ordinal) ? 2 : 1)..]) ?? throw Unknown(word);
            if (option.Argument is null) draft.Read(option, word, null);
            else if (++i < arguments.Count) draft.Read(option, word, arguments[i]);
            else throw new ConfigException($"{word}: requires an argument");
        }

        if (draft.Answer is null) Defaults.Complete(draft);
        return new CommandLine(draft.Machine with { Options = draft.Options }, draft.Process, draft.Answer, draft.Warnings);
    }

    private static ConfigException Unknown(string word) => new(OptionTable.Nearest(word.TrimStart('-')) is { } nearest
        ? $"{word}: invalid option; did you mean -{nearest}?"
        : $"{word}: invalid option");
}

/// <summary>What the user wants of the program itself.</summary>
public sealed record ProcessConfig
{
    /// <summary>Where the process number is written.</summary>
    public string? PidFile { get; init; }

    /// <summary>The user to become before the machine starts: a name, or UID:GID in numbers.</summary>
    public string? RunAs { get; init; }

    /// <summary>After so long, by the host's clock, the machine is ended.</summary>
    public TimeSpan? TimeOut { get; init; }

    /// <summary>Messages begin with the time.</summary>
    public bool Timestamps { get; init; }

    /// <summary>Messages begin with the guest's name.</summary>
    public bool GuestName { get; init; }
}
