using System.Runtime.InteropServices;
using Rhea;
using Rhea.Control.CommandLines;
using Rhea.Core;
using Rhea.Core.Machines;
using Rhea.Host;

/// <summary>Runs one machine as long as it lasts: what the program does when it is given options.</summary>
internal static class MachineProcess
{
    /// <returns>The exit status.</returns>
    /// <exception cref="ConfigException">The options ask for something impossible.</exception>
    public static async Task<int> RunAsync(IReadOnlyList<string> options) => await RunAsync(CommandLine.Parse(options, VirtualMachine.Catalogue));

    public static async Task<int> RunAsync(CommandLine line)
    {
        if (line.Answer is { } answer)
        {
            Console.Out.Write(answer);
            return 0;
        }

        HostUser? user = line.Process.RunAs is { } name ? FindUser(name) : null;
        using var messages = new Messages(line.Machine, line.Process);
        foreach (string warning in line.Warnings) messages.Say(warning);
        using VirtualMachine machine = VirtualMachine.Create(line.Machine, messages.Log);
        using PosixSignalRegistration terminate = OnSignal(PosixSignal.SIGTERM), interrupt = OnSignal(PosixSignal.SIGINT), hangUp = OnSignal(PosixSignal.SIGHUP);
        using PidFile? pidFile = line.Process.PidFile is { } path ? new PidFile(path) : null;
        using Timer? limit = line.Process.TimeOut is { } timeOut
            ? new Timer(_ => machine.Quit("host-ui", ExitStatus.TimeOut), null, timeOut, Timeout.InfiniteTimeSpan) : null;
        if (user is not null) Become(user, line.Process.RunAs!);
        machine.Start();
        MachineEnd end = await machine.Ended;
        if (end.Fault is not { } fault) return end.ExitStatus;
        messages.Say($"internal error: {(Environment.GetEnvironmentVariable("RHEA_TRACE") == "1" ? fault : $"{fault.GetType().Name}: {fault.Message} (RHEA_TRACE=1 shows where)")}");
        return 1;

        PosixSignalRegistration OnSignal(PosixSignal signal) => PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            machine.Quit("host-signal");
        });
    }

    private static HostUser FindUser(string name) =>
        HostUser.Find(name) ?? throw new ConfigException($"-runas {name}: User '{name}' doesn't exist (and is not <uid>:<gid>)");

    private static void Become(HostUser user, string name)
    {
        try
        {
            user.Become();
        }
        catch (HostException error)
        {
            throw new ConfigException($"-runas {name}: {error.Message}", error);
        }
    }
}
