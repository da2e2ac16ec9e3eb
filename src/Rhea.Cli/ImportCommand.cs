using System.CommandLine;
using System.Text;
using Rhea.Control.Import;
using Rhea.Core;

/// <summary><c>rhea import xl FILE</c>: the command line that replaces a configuration of xl's.</summary>
internal static class ImportCommand
{
    public static Command Build()
    {
        var file = new Argument<string>("FILE") { Description = "A configuration of an HVM guest, as xl create takes it." };
        var xl = new Command("xl", "Prints the command line that replaces a configuration of xl's, and on stderr what has no place in it.") { file };
        xl.SetAction(result => Import(result.GetRequiredValue(file)));
        return new Command("import", "Brings over machines from elsewhere.") { xl };
    }

    private static void Import(string file)
    {
        XlImport import;
        try
        {
            import = XlImport.Read(File.ReadAllText(file));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.CouldNotOpen(file, error);
        }
        catch (ConfigException error)
        {
            throw new ConfigException($"{file}: {error.Message}", error);
        }

        foreach (string note in import.Notes) Console.Error.WriteLine($"rhea: {file}: {note}");
        var line = new StringBuilder("rhea");
        foreach (string word in import.Options) line.Append(word.StartsWith('-') ? " \\\n  " : " ").Append(Shell.Quoted(word));
        Console.Out.WriteLine(line);
    }
}
