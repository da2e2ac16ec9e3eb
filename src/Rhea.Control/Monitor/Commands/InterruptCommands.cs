using System.Globalization;
using System.Text;
using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.Monitor;
using Rhea.Core.State;

namespace Rhea.Control.Monitor.Commands;

/// <summary>Interrupt controllers, read from their lists of state: wherever a controller lives, its list is the same.</summary>
public static class InterruptCommands
{
    private const ulong Masked = 1 << 16, LevelTriggered = 1 << 15, Remote = 1 << 14, ActiveLow = 1 << 13, Logical = 1 << 11;
    private static readonly string[] Modes = ["fixed", "lowpri", "SMI", "...", "NMI", "INIT", "...", "ExtINT"];

    [HmpCommand("info pic", "", "show PIC state")]
    public static string Pic(Machine machine)
    {
        using MachineLoop.Held held = machine.Loop.Enter();
        var text = new StringBuilder();
        if (Fields(machine, "ioapic", 0) is { } ioapic) IoApic(text, ioapic);
        for (var i = 1; i >= 0; i--)
        {
            if (Fields(machine, "i8259", i) is not { } pic) continue;
            text.Append($"pic{i}: irr={pic["irr"]:x2} imr={pic["imr"]:x2} isr={pic["isr"]:x2} hprio={pic["priority_add"]} irq_base={pic["irq_base"]:x2} ");
            text.Append($"rr_sel={pic["read_reg_select"]} elcr={pic["elcr"]:x2} fnm={pic["special_fully_nested_mode"]}\n");
        }

        return text.ToString();
    }

    /// <summary>By controller: the two 8259 count as one, with the slave's inputs behind the master's.</summary>
    [HmpCommand("info irq", "", "show the interrupts statistics (if available)")]
    public static string Counts(Machine machine)
    {
        using MachineLoop.Held held = machine.Loop.Enter();
        var text = new StringBuilder();
        foreach (IGrouping<string, Device> kind in machine.Devices.Values.Select(node => node.Device).Where(device => device is IInterruptController).GroupBy(device => device.Model))
        {
            text.Append($"IRQ statistics for {kind.Key}:\n");
            foreach ((int irq, IrqInput input) in kind.SelectMany(device => ((IInterruptController)device).Inputs).Index())
                if (input.Rises > 0) text.Append($"{irq,2}: {input.Rises}\n");
        }

        return text.ToString();
    }

    private static void IoApic(StringBuilder text, Dictionary<string, ulong> ioapic)
    {
        text.Append($"ioapic0: ver=0x20 id=0x{ioapic["id"]:x2} sel=0x{ioapic["ioregsel"]:x2}\n");
        for (var pin = 0; pin < 24; pin++)
        {
            ulong entry = ioapic.GetValueOrDefault($"ioredtbl[{pin}]");
            text.Append($"  pin {pin,-2} 0x{entry:x16} dest={entry >> 56:x} vec={(byte)entry,-3} {((entry & ActiveLow) != 0 ? "active-lo" : "active-hi")} ");
            text.Append($"{((entry & LevelTriggered) != 0 ? "level" : "edge "),-5} {((entry & Masked) != 0 ? "masked" : "")} {Modes[entry >> 8 & 7],-6} {((entry & Logical) != 0 ? "logical" : "physical")}\n");
        }

        text.Append($"  IRR      {Bits(ioapic["irr"])}\n  Remote IRR {Bits(Enumerable.Range(0, 24).Where(pin => (ioapic.GetValueOrDefault($"ioredtbl[{pin}]") & Remote) != 0).Aggregate(0UL, (bits, pin) => bits | 1UL << pin))}\n");
    }

    private static string Bits(ulong bits) => bits == 0 ? "(none)" : string.Join(' ', Enumerable.Range(0, 24).Where(pin => (bits >> pin & 1) != 0));

    /// <summary>A section's numbers by name; null when the machine has none of that name.</summary>
    internal static Dictionary<string, ulong>? Fields(Machine machine, string id, int instance)
    {
        if (machine.Sections.FirstOrDefault(section => section.Id == id && section.Instance == instance) is not { } section) return null;
        (section.State as Device)?.Saving();
        var fields = new Dictionary<string, ulong>();
        foreach (StateValue value in StateTree.Of(section.State, section.Type.Version)) Add(fields, value);
        return fields;
    }

    /// <summary>A number under its name; each of several under "name[i]". Their width is in the type's name: "uint32".</summary>
    private static void Add(Dictionary<string, ulong> fields, StateValue value)
    {
        if (!int.TryParse(string.Concat(value.Type.Where(char.IsAsciiDigit)), out int bits) || bits is < 8 or > 64) return;
        int digits = bits / 4;
        for (var i = 0; i + digits <= value.Hex.Length; i += digits)
            fields[value.Hex.Length == digits ? value.Path : $"{value.Path}[{i / digits}]"] =
                ulong.Parse(value.Hex.AsSpan(i, digits), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
