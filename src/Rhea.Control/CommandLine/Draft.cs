using Rhea.Core;
using Rhea.Core.Config;

namespace Rhea.Control.CommandLines;

/// <summary>A machine's configuration while its options are being read; <see cref="Defaults"/> completes it.</summary>
internal sealed class Draft(Catalogue catalogue)
{
    public Catalogue Catalogue => catalogue;

    public MachineConfig Machine { get; set; } = new() { Type = catalogue.Machines[0].Name };

    public ProcessConfig Process { get; set; } = new();

    public string? Answer { get; set; }

    public List<string> Warnings { get; } = [];

    /// <summary>The option being read, as the user wrote it.</summary>
    public string Spelling { get; private set; } = "";

    /// <summary>All <c>-smp</c> so far: a later one adds to an earlier.</summary>
    public List<KeyValuePair<string, string>> Smp { get; } = [];

    public string SmpSpelling { get; set; } = "";

    /// <summary>Drives in the order given; they find their places when all are known.</summary>
    public List<DriveRequest> Drives { get; } = [];

    public bool SnapshotAll { get; set; }

    public List<SerialRequest> Serials { get; } = [];

    /// <summary>The chardev of each <c>-parallel</c>; null leaves the port out.</summary>
    public List<string?> Parallels { get; } = [];

    public bool MonitorGiven { get; set; }

    public bool AccelGiven { get; set; }

    public bool DisplayGiven { get; set; }

    public bool VgaGiven { get; set; }

    /// <summary>How deep in files that read files.</summary>
    public int Nesting { get; set; }

    /// <summary>All that concerns the machine, as it would be written again: files of options are read and left out.</summary>
    public List<string> Options { get; } = [];

    /// <param name="option">Which.</param>
    /// <param name="word">As the user wrote it: "-m", "--m".</param>
    /// <param name="argument">Null for an option that takes none.</param>
    public void Read(Option option, string word, string? argument)
    {
        if (!option.OnlyNow) Options.AddRange(argument is null ? [$"-{option.Name}"] : [$"-{option.Name}", argument]);
        Spelled(argument is null ? word : $"{word} {argument}", () => option.Apply(this, argument ?? ""));
    }

    /// <summary>Does what is asked for by the text; what is wrong with it is said after its text.</summary>
    public void Spelled(string spelling, Action read)
    {
        string outer = Spelling;
        Spelling = spelling;
        try
        {
            read();
        }
        catch (ConfigException error)
        {
            throw new ConfigException($"{spelling}: {error.Message}", error);
        }

        Spelling = outer;
    }

    public void Warn(string sentence) => Warnings.Add($"{Spelling}: warning: {sentence}");

    public void AddChardev(ChardevConfig chardev)
    {
        if (Machine.Chardevs.Any(other => other.Id == chardev.Id)) throw new ConfigException($"Duplicate ID '{chardev.Id}' for chardev");
        Machine = Machine with { Chardevs = [.. Machine.Chardevs, chardev] };
    }
}

/// <summary>A <c>-drive</c> before it has its place.</summary>
internal sealed record DriveRequest(string Spelling, KeyValues Keys);

/// <summary>A <c>-serial</c>: the id of its chardev; null leaves the port out.</summary>
internal sealed record SerialRequest(string? Chardev);
