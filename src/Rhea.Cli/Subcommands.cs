using System.CommandLine;

/// <summary>What the program does besides running a machine from options: <c>rhea WORD …</c>.</summary>
internal static class Subcommands
{
    private static readonly Command[] All = [Doctor(), RestoreCommand.Build(), StateCommand.Build(), ImportCommand.Build(), XenCommand.Build()];

    public static bool Has(string word) => All.Any(command => command.Name == word);

    public static int Run(string[] words)
    {
        var root = new RootCommand("A PC in software, under KVM or under Xen. Without one of these words rhea takes QEMU's options and runs a machine (rhea --help).");
        foreach (Command command in All) root.Add(command);
        return root.Parse(words, new ParserConfiguration { EnablePosixBundling = false }).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
    }

    private static Command Doctor()
    {
        var command = new Command("doctor", "Tells what this host offers rhea, and what would make it better.");
        command.SetAction(_ => Console.Out.Write(Rhea.Doctor.Report()));
        return command;
    }
}
