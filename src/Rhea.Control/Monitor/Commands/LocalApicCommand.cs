using System.Text;
using Rhea.Core;
using Rhea.Core.Machines;
using Rhea.Core.Monitor;

namespace Rhea.Control.Monitor.Commands;

/// <summary><c>info lapic</c>: a local APIC read from its list of state, wherever it lives, and what its registers make of that now.</summary>
public static class LocalApicCommand
{
    private const ulong Masked = 1 << 16, LevelTriggered = 1 << 15, Asserted = 1 << 14, ActiveLow = 1 << 13, Pending = 1 << 12, Logical = 1 << 11;
    private const ulong Periodic = 1, OneShot = 0;
    private const int Nmi = 4;
    private static readonly string[] Modes = ["Fixed", "...", "SMI", "...", "NMI", "INIT", "...", "ExtINT"];
    private static readonly string[] Names = ["LVTT", "LVTTHMR", "LVTPC", "LVT0", "LVT1", "LVTERR"];
    private static readonly string[] Shorthands = ["no-shorthand", "self", "all-self", "all"];

    [HmpCommand("info lapic", "[apic-id]", "show local apic state (apic-id: local apic to read, default is which of current CPU)")]
    public static string Show(MonitorSession session, long apicId = -1)
    {
        using MachineLoop.Held held = session.Machine.Loop.Enter();
        int cpu = apicId < 0 ? session.Cpu : (int)Math.Min(apicId, int.MaxValue);
        Dictionary<string, ulong> apic = InterruptCommands.Fields(session.Machine, "apic", cpu) ?? throw new ConfigException("No local APIC");
        var text = new StringBuilder($"dumping local APIC state for CPU {cpu,-2}\n\n");
        foreach (int i in (ReadOnlySpan<int>)[3, 4, 2, 5, 1, 0]) AddVector(text, i, apic.GetValueOrDefault($"lvt[{i}]"));
        text.Append($"Timer\t DCR=0x{apic["divide_conf"]:x} (divide by {Divisor(apic["divide_conf"])}) initial_count = {apic["initial_count"]} current_count = {CurrentCount(apic, session.Machine.Clock.Now)}\n");
        text.Append($"SPIV\t 0x{apic["spurious_vec"]:x8} APIC {((apic["spurious_vec"] & 0x100) != 0 ? "enabled" : "disabled")}, focus=off, spurious vec {(byte)apic["spurious_vec"]}\n");
        AddCommand(text, apic["icr[0]"], apic["icr[1]"], apic["dest_mode"] == 0);
        text.Append($"ESR\t 0x{apic["esr"]:x8}\nISR\t {Vectors(apic, "isr")}\nIRR\t {Vectors(apic, "irr")}\n\n");
        text.Append($"APR 0x{apic["arb_id"]:x2} TPR 0x{apic["tpr"]:x2} DFR 0x{apic["dest_mode"]:x2} LDR 0x{apic["log_dest"]:x2} PPR 0x{ProcessorPriority(apic):x2}\n");
        return text.ToString();
    }

    private static void AddVector(StringBuilder text, int index, ulong entry)
    {
        var mode = (int)(entry >> 8 & 7);
        text.Append($"{Names[index]}\t 0x{entry:x8} {((entry & ActiveLow) != 0 ? "active-lo" : "active-hi")} {((entry & LevelTriggered) != 0 ? "level" : "edge"),-5} ");
        text.Append($"{((entry & Masked) != 0 ? "masked" : ""),-6} {((entry & Pending) != 0 ? "pending" : ""),-7} ");
        text.Append($"{(index != 0 ? "" : (entry >> 17 & 3) switch { OneShot => "one-shot", Periodic => "periodic", _ => "tsc-deadline" }),-12} {Modes[mode],-6}");
        text.Append(mode == Nmi ? "\n" : $" (vec {(byte)entry})\n");
    }

    private static void AddCommand(StringBuilder text, ulong low, ulong high, bool clusters)
    {
        var shorthand = (int)(low >> 18 & 3);
        text.Append($"ICR\t 0x{low:x8} {((low & Logical) != 0 ? "logical" : "physical")} {((low & LevelTriggered) != 0 ? "level" : "edge")} ");
        text.Append($"{((low & Asserted) != 0 ? "assert" : "de-assert")} {Shorthands[shorthand]}\nICR2\t 0x{high:x8}");
        ulong to = high >> 24;
        if (shorthand == 0)
        {
            if ((low & Logical) == 0) text.Append($" cpu {to} (APIC ID)");
            else if (clusters) text.Append($" cluster {to >> 4} mask {to & 0xF:b4} (APIC ID)");
            else text.Append($" mask {to:b8} (APIC ID)");
        }

        text.Append('\n');
    }

    private static int Divisor(ulong configuration) => 1 << (int)((((configuration & 8) >> 1 | configuration & 3) + 1) & 7);

    /// <summary>Intel SDM vol. 3, 11.5.4, with QEMU's clock of 1 GHz.</summary>
    private static ulong CurrentCount(Dictionary<string, ulong> apic, long now)
    {
        ulong initial = apic["initial_count"], mode = apic.GetValueOrDefault("lvt[0]") >> 17 & 3;
        if (initial == 0 || mode is not (OneShot or Periodic)) return 0;
        ulong counted = (ulong)Math.Max(0, now - (long)apic["initial_count_load_time"]) >> (int)apic["count_shift"];
        return mode == Periodic ? initial - (counted % (initial + 1)) : initial - Math.Min(counted, initial);
    }

    /// <summary>The higher of the task's priority class and that of the interrupt in service.</summary>
    private static ulong ProcessorPriority(Dictionary<string, ulong> apic)
    {
        ulong task = apic["tpr"], serving = (ulong)Array.FindLastIndex(Bits(apic, "isr"), set => set) & 0xF0;
        return Array.IndexOf(Bits(apic, "isr"), true) < 0 || task >> 4 >= serving >> 4 ? task : serving;
    }

    private static bool[] Bits(Dictionary<string, ulong> apic, string name) =>
        [.. Enumerable.Range(0, 256).Select(vector => (apic.GetValueOrDefault($"{name}[{vector / 32}]") >> (vector % 32) & 1) != 0)];

    private static string Vectors(Dictionary<string, ulong> apic, string name)
    {
        string set = string.Concat(Bits(apic, name).Index().Where(bit => bit.Item).Select(bit => $"{bit.Index} "));
        return set.Length == 0 ? "(none)" : set;
    }
}
