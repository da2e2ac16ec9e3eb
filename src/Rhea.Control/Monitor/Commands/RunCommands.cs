using Rhea.Core;
using Rhea.Core.Machines;
using Rhea.Core.Monitor;

namespace Rhea.Control.Monitor.Commands;

/// <summary>The machine's buttons.</summary>
public static class RunCommands
{
    [QmpCommand("quit"), HmpCommand("quit|q", "", "quit the emulator")]
    public static void Quit(Machine machine) => machine.Quit();

    [QmpCommand("stop"), HmpCommand("stop|s", "", "stop emulation")]
    public static void Stop(Machine machine) => machine.Stop();

    [QmpCommand("cont"), HmpCommand("cont|c", "", "resume emulation")]
    public static void Cont(Machine machine)
    {
        if (machine.State is RunState.Shutdown or RunState.InternalError or RunState.GuestPanicked)
            throw new ConfigException("Resetting the Virtual Machine is required");
        if (machine.State == RunState.InMigrate) throw new ConfigException("Guest is waiting for an incoming migration");
        machine.Start();
    }

    [QmpCommand("system_reset"), HmpCommand("system_reset", "", "reset the system")]
    public static void Reset(Machine machine)
    {
        machine.Reset();
        if (machine.State is RunState.Shutdown or RunState.InternalError or RunState.GuestPanicked) machine.Stop();
    }

    [QmpCommand("system_powerdown"), HmpCommand("system_powerdown", "", "send system power down event")]
    public static void PowerDown(Machine machine) => machine.PowerDown();

    [QmpCommand("system_wakeup"), HmpCommand("system_wakeup", "", "wakeup guest from suspend")]
    public static void WakeUp(Machine machine) => machine.WakeUp();

    [QmpCommand("watchdog-set-action"), HmpCommand("watchdog_action", "[reset|shutdown|poweroff|pause|debug|none|inject-nmi]", "change watchdog action")]
    public static void SetWatchdogAction(Machine machine, string action) => machine.OnWatchdog =
        Enum.TryParse(action.Replace("-", "", StringComparison.Ordinal), ignoreCase: true, out WatchdogAction known) && Enum.IsDefined(known)
            ? known
            : throw new ConfigException($"Parameter 'action' does not accept value '{action}'");

    [QmpCommand("inject-nmi"), HmpCommand("nmi", "", "inject an NMI")]
    public static void Nmi(Machine machine) => machine.Nmi();

    [QmpCommand("query-status")]
    public static StatusInfo QueryStatus(Machine machine) => new(machine.State == RunState.Running, Singlestep: false, machine.State);

    [HmpCommand("info status", "", "show the current VM status (running|paused)")]
    public static string Status(Machine machine) => machine.State switch
    {
        RunState.Running => "VM status: running\n",
        RunState.Paused => "VM status: paused\n",
        RunState other => $"VM status: paused ({other.Word()})\n",
    };

    public sealed record StatusInfo(bool Running, bool Singlestep, RunState Status);
}
