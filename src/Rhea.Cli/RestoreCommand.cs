using System.CommandLine;
using Rhea;
using Rhea.Control.CommandLines;
using Rhea.Control.Migration;
using Rhea.Core;
using Rhea.Core.Config;
using Rhea.Core.State;

/// <summary><c>rhea restore FILE [OPTIONS]</c>: builds the machine that is saved in a file, and goes on with it.</summary>
internal static class RestoreCommand
{
    public static Command Build()
    {
        var file = new Argument<string>("FILE") { Description = "What savevm or migrate has written." };
        var command = new Command("restore", "Goes on with a machine that rhea has saved. Further options are added to those in the file (-S, -accel kvm, …).")
        {
            file,
        };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction((result, _) => RunAsync(result.GetRequiredValue(file), result.UnmatchedTokens));
        return command;
    }

    private static async Task<int> RunAsync(string file, IReadOnlyList<string> more)
    {
        string path = Path.GetFullPath(file);
        SavedConfiguration saved = SavedFile.ConfigurationOf(path);
        try
        {
            Environment.CurrentDirectory = saved.Directory;
        }
        catch (IOException error)
        {
            throw new ConfigException($"{file}: its machine ran in {saved.Directory}: {FileErrors.Reason(error)}", error);
        }

        CommandLine line = CommandLine.Parse([.. saved.Options, .. more, "-incoming", $"file:{path}"], VirtualMachine.Catalogue);
        IEnumerable<DriveConfig> drives = line.Machine.Drives.Select(drive => saved.Media.TryGetValue(drive.Id, out string? medium) ? drive with { File = medium } : drive);
        return await MachineProcess.RunAsync(line with { Machine = line.Machine with { Drives = [.. drives] } });
    }
}
