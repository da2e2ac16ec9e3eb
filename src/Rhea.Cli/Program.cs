using Rhea;
using Rhea.Control.CommandLines;
using Rhea.Core;
using Rhea.Core.Machines;

try
{
    CommandLine line = CommandLine.Parse(args, VirtualMachine.Catalogue);
    foreach (string warning in line.Warnings) Console.Error.WriteLine($"rhea: {warning}");
    if (line.Answer is { } answer)
    {
        Console.Out.Write(answer);
        return 0;
    }

    using VirtualMachine machine = VirtualMachine.Create(line.Machine, (_, text) => Console.Error.WriteLine($"rhea: {text}"));
    machine.Start();
    MachineEnd end = await machine.Ended;
    if (end.Fault is { } fault) Console.Error.WriteLine($"rhea: internal error: {fault}");
    return end.ExitStatus;
}
catch (ConfigException error)
{
    Console.Error.WriteLine($"rhea: {error.Message}");
    return 1;
}
