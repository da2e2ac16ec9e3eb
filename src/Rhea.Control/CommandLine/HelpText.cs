using System.Text;

namespace Rhea.Control.CommandLines;

/// <summary>What <c>-help</c> prints, from the table of options.</summary>
internal static class HelpText
{
    private const int Column = 16;

    public static string Write()
    {
        var text = new StringBuilder(ProgramOptions.Version);
        text.Append("usage: rhea [options] [disk_image]\n       rhea doctor\n\n'rhea doctor' tells what this host offers\n'disk_image' is a raw hard disk image for IDE hard disk 0\n");
        foreach (OptionGroup group in OptionTable.Groups)
        {
            text.Append('\n').Append(group.Title).Append(":\n");
            foreach (Option option in group.Options.Where(option => option.Help.Length > 0)) Write(text, option);
        }

        return text.Append("\nWhen using -nographic, press 'ctrl-a h' to get some help.\n").ToString();
    }

    private static void Write(StringBuilder text, Option option)
    {
        string head = option.Argument is null ? $"-{option.Name}" : $"-{option.Name} {option.Argument}";
        IEnumerable<string> lines = option.Help.Split('\n');
        if (head.Length < Column)
        {
            text.Append(head.PadRight(Column)).Append(lines.First()).Append('\n');
            lines = lines.Skip(1);
        }
        else
        {
            text.Append(head).Append('\n');
        }

        foreach (string line in lines) text.Append(' ', Column).Append(line).Append('\n');
    }
}
