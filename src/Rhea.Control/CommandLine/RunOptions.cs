using System.Globalization;
using Rhea.Core;
using Rhea.Core.Config;
using Rhea.Core.Machines;

namespace Rhea.Control.CommandLines;

/// <summary>How the machine runs, and what is written down meanwhile.</summary>
internal static class RunOptions
{
    private static readonly (string Name, string Help)[] LogItems =
    [
        ("in_asm", "show target assembly code for each compiled TB"),
        ("out_asm", "show generated host assembly code for each compiled TB"),
        ("int", "show interrupts/exceptions in short format"),
        ("exec", "show trace before each executed TB (lots of logs)"),
        ("cpu", "show CPU registers before entering a TB (lots of logs)"),
        ("fpu", "include FPU registers in the 'cpu' logging"),
        ("cpu_reset", "show CPU state before CPU resets"),
        ("hot", "count how often each translated block runs, for \"info jit\""),
        ("nochain", "do not chain compiled TBs so that \"exec\" and \"cpu\" show\ncomplete traces"),
        ("guest_errors", "log when the guest OS does something invalid (eg accessing a\nnon-existent register)"),
        ("unimp", "log unimplemented functionality"),
        ("trace:NAME", "log every step of the device of that name or path; * stands for any letters"),
    ];

    private const int MostSeconds = 2_000_000, FirstShift = 3, LargestShift = 10;

    private static readonly string[] LaterLogItems =
        ["op", "op_opt", "op_ind", "mmu", "pcall", "page", "plugin", "strace", "tid"];

    private static readonly string[] WatchdogActions = ["reset", "shutdown", "poweroff", "pause", "debug", "none", "inject-nmi"];

    public static IReadOnlyList<Option> All { get; } =
    [
        new("S", null, "wait for 'c' in the monitor before the guest starts", (draft, _) => draft.Machine = draft.Machine with { StartsPaused = true }) { OnlyNow = true },
        new("incoming", "exec:command|file:path|defer", "load a machine that another has saved, and go on with it;\n'defer' waits for migrate_incoming", (draft, address) => draft.Machine = draft.Machine with { Incoming = address }) { OnlyNow = true },
        new("loadvm", "file", "start with a machine that 'savevm' has saved", (draft, file) => draft.Machine = draft.Machine with { Incoming = $"file:{file}" }) { OnlyNow = true },
        new("no-reboot", null, "end instead of resetting", (draft, _) => draft.Machine = draft.Machine with { NoReboot = true }),
        new("no-shutdown", null, "stop instead of ending when the guest powers itself off", (draft, _) => draft.Machine = draft.Machine with { NoShutdown = true }),
        new("action", "reboot=reset|shutdown", "[,shutdown=poweroff|pause][,panic=pause|shutdown|exit-failure|none][,watchdog=reset|shutdown|poweroff|inject-nmi|pause|debug|none]\nchoose what the guest's own events do", Act),
        new("watchdog-action", "reset|shutdown|poweroff|inject-nmi|pause|debug|none", "choose what a watchdog does that has waited in vain [default=reset]", Watchdog),
        new("icount", "[shift=]N|auto[,sleep=on|off]", "let guest time follow the instructions, 2^N ns each, on one thread: with N\nthe same run again is the same; sleep=off skips the time when nothing runs", InstructionTime),
        new("seed", "number", "make the processor's random numbers the same in every run", Seed),
        new("d", "item1,...", "log what is named ('-d help' for a list)", Log),
        new("dfilter", "range,..", "log only code in these ranges: START..END, START+LENGTH, END-LENGTH", (draft, ranges) => draft.Machine = draft.Machine with { LogOnly = AddressRange.ParseList(ranges) }),
        new("D", "logfile", "write the log to a file (default stderr)", (draft, file) => draft.Machine = draft.Machine with { LogFile = file }),
        new("readconfig", "file", "read options from a file: [group \"id\"] and key = \"value\" lines", ConfigFile.Read) { OnlyNow = true },
        new("no-user-config", null, "read no configuration of the user's (there is none)", (_, _) => { }),
        new("pidfile", "file", "write the process number to a file", (draft, file) => draft.Process = draft.Process with { PidFile = file }),
        new("runas", "user|uid:gid", "become this user before the machine starts, for good", (draft, user) => draft.Process = draft.Process with { RunAs = user }),
        new("timeout", "seconds", $"end after so long, with exit status {ExitStatus.TimeOut}", TimeOut) { OnlyNow = true },
        new("msg", "[timestamp[=on|off]][,guest-name=[on|off]]", "begin messages with the time and the guest's name", Messages),
    ];

    private static void Act(Draft draft, string text)
    {
        KeyValues keys = KeyValues.Parse(null, text);
        MachineConfig machine = draft.Machine;
        draft.Machine = machine with
        {
            NoReboot = keys.Choice("reboot", machine.NoReboot ? "shutdown" : "reset", "reset", "shutdown") == "shutdown",
            NoShutdown = keys.Choice("shutdown", machine.NoShutdown ? "pause" : "poweroff", "poweroff", "pause") == "pause",
            OnWatchdog = keys.Choice("watchdog", machine.OnWatchdog, WatchdogActions),
            OnPanic = keys.Choice("panic", machine.OnPanic, "pause", "shutdown", "exit-failure", "none"),
        };
        keys.RejectUnknown();
    }

    private static void InstructionTime(Draft draft, string text)
    {
        KeyValues keys = KeyValues.Parse(null, text, implied: "shift");
        string shift = keys.String("shift", "auto");
        int number = FirstShift;
        bool adapts = shift == "auto";
        if (!adapts && (!int.TryParse(shift, NumberStyles.None, CultureInfo.InvariantCulture, out number) || number > LargestShift))
            throw new ConfigException($"icount: Invalid shift value '{shift}': 0 to {LargestShift}, or auto");
        var time = new InstructionTimeConfig(number) { Adapts = adapts, Sleeps = keys.Bool("sleep", true) };
        if (keys.Bool("align", false)) throw LaterOptions.NotYet("align=on");
        if (keys.Take("rr") is not null) throw LaterOptions.NotYet("rr");
        if (!time.Sleeps && time.Adapts) throw new ConfigException("shift=auto and sleep=off are incompatible");
        keys.RejectUnknown();
        draft.Machine = draft.Machine with { InstructionTime = time };
    }

    private static void Seed(Draft draft, string text) => draft.Machine = draft.Machine with
    {
        Seed = ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong seed) ? seed : throw new ConfigException($"Invalid seed number: {text}"),
    };

    private static void Watchdog(Draft draft, string action) => draft.Machine = WatchdogActions.Contains(action)
        ? draft.Machine with { OnWatchdog = action }
        : throw new ConfigException("Unknown -watchdog-action parameter");

    private static void Log(Draft draft, string text)
    {
        foreach (string item in text.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            if (LaterLogItems.Contains(item)) throw LaterOptions.NotYet($"log item '{item}'");
            if (!item.StartsWith("trace:", StringComparison.Ordinal) && !LogItems.Any(known => known.Name == item))
            {
                draft.Answer = "Log items (comma separated):\n" + string.Concat(LogItems.Select(known => $"{known.Name,-15} {known.Help}\n"));
                return;
            }

            draft.Machine = draft.Machine with { LogItems = [.. draft.Machine.LogItems, item] };
        }
    }

    private static void TimeOut(Draft draft, string text) => draft.Process = double.TryParse(text, CultureInfo.InvariantCulture, out double seconds)
        && seconds is > 0 and < MostSeconds
        ? draft.Process with { TimeOut = TimeSpan.FromSeconds(seconds) }
        : throw new ConfigException($"-timeout {text}: a number of seconds above 0 is needed");

    private static void Messages(Draft draft, string text)
    {
        KeyValues keys = KeyValues.Parse(null, text);
        draft.Process = draft.Process with
        {
            Timestamps = keys.Bool("timestamp", draft.Process.Timestamps),
            GuestName = keys.Bool("guest-name", draft.Process.GuestName),
        };
        keys.RejectUnknown();
    }
}
