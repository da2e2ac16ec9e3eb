using System.CommandLine;
using System.Globalization;
using System.Text;
using Rhea.Control.Migration;
using Rhea.Core;
using Rhea.Core.State;

/// <summary><c>rhea state show FILE [SECTION]</c>: what is in a saved machine, Rhea's or QEMU's.</summary>
internal static class StateCommand
{
    private const int NumberBytes = 8, ShownBytes = 32;

    public static Command Build()
    {
        var file = new Argument<string>("FILE") { Description = "A stream in QEMU's format." };
        var section = new Argument<string?>("SECTION") { Description = "Show the fields of this section only ('all': of every one).", DefaultValueFactory = _ => null };
        var show = new Command("show", "Lists machine, memory and devices of a saved machine, or the fields of a device.") { file, section };
        show.SetAction(result => Console.Out.Write(Show(result.GetRequiredValue(file), result.GetValue(section))));
        return new Command("state", "Looks into saved machines.") { show };
    }

    private static string Show(string file, string? wanted)
    {
        using FileStream stream = SavedFile.Open(file);
        try
        {
            var saved = new SavedStream(stream);
            return wanted is null ? Overview(saved) : Details(file, saved, wanted);
        }
        catch (StateException error)
        {
            throw new ConfigException($"{file}: {error.Message}", error);
        }
    }

    private static string Overview(SavedStream saved)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"machine  {(saved.Machine.Length > 0 ? saved.Machine : "not named")}");
        if (saved.Configuration is { } configuration)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"options  {string.Join(' ', configuration.Options.Select(Shell.Quoted))}");
            text.AppendLine(CultureInfo.InvariantCulture, $"in       {configuration.Directory}");
            foreach ((string drive, string? medium) in configuration.Media) text.AppendLine(CultureInfo.InvariantCulture, $"medium   {drive}: {medium ?? "none"}");
        }

        text.AppendLine("\nmemory                                       bytes      pages     filled");
        foreach (SavedBlock block in saved.Blocks) text.AppendLine(CultureInfo.InvariantCulture, $"  {block.Name,-32} {block.Length,15} {block.Pages,10} {block.Filled,10}");
        text.AppendLine(saved.HasDescription ? "\ndevice                                    instance    version      bytes" : "\nno description of the devices in it: they cannot be told apart");
        foreach (SavedSection section in saved.Sections)
            text.AppendLine(CultureInfo.InvariantCulture, $"  {section.Name,-40} {section.Instance,7} {section.Version,10} {section.Length,10}");
        return text.ToString();
    }

    private static string Details(string file, SavedStream saved, string wanted)
    {
        var text = new StringBuilder();
        foreach (SavedSection section in saved.Sections.Where(section => wanted == "all" || section.Name == wanted))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"{section.Name}, instance {section.Instance}, version {section.Version}");
            foreach (StateValue field in section.Fields) text.AppendLine(CultureInfo.InvariantCulture, $"  {field.Path,-40} {field.Type,-16} {Value(field.Hex)}");
        }

        return text.Length > 0 ? text.ToString() : throw new ConfigException($"{file}: has no section {wanted}");
    }

    /// <summary>A number as a number; what is longer by its first bytes.</summary>
    private static string Value(string hex) => hex.Length <= NumberBytes * 2 ? $"0x{hex}"
        : hex.Length <= ShownBytes * 2 ? hex
        : $"{hex[..(ShownBytes * 2)]}… ({hex.Length / 2} bytes)";
}
