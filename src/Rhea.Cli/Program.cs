using Rhea.Core;

try
{
    return args is [var word, ..] && Subcommands.Has(word) ? Subcommands.Run(args) : await MachineProcess.RunAsync(args);
}
catch (Exception error) when (error is ConfigException or IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine($"rhea: {error.Message}");
    return 1;
}
