using Rhea.Core;
using Rhea.Core.Config;

namespace Rhea.Control.CommandLines;

/// <summary>The board, its switches, its memory and what runs its processors.</summary>
internal static class MachineOptions
{
    public static IReadOnlyList<Option> All { get; } =
    [
        new("machine", "[type=]name[,prop[=value][,...]]", "choose the machine and its switches ('-machine help' lists machines,\n'-machine NAME,help' the switches)", Machine),
        new("M", "name", "", Machine),
        new("accel", "[accel=]accelerator[,prop[=value][,...]]", "choose what runs guest code ('-accel help' for a list)", Accelerator),
        new("enable-kvm", null, "run guest code with KVM: the same as -accel kvm", (draft, _) => Accelerator(draft, "kvm")),
        new("xen-domid", "id", "be the device model of a Xen domain that xl has made (device_model_override in its configuration)", XenDomain),
        new("m", "[size=]megs", "give the guest this much memory; k, M, G and T may follow [default=128M]", Memory),
        new("no-acpi", null, "leave ACPI out: the same as -machine acpi=off", (draft, _) => Switch(draft, switches => switches with { Acpi = false })),
        new("no-hpet", null, "leave the HPET out: the same as -machine hpet=off", (draft, _) => Switch(draft, switches => switches with { Hpet = false })),
        new("no-fd-bootchk", null, "boot from a floppy disk without a boot signature too", (draft, _) => Switch(draft, switches => switches with { FloppyBootCheck = false })),
    ];

    /// <summary>What xl calls the machine of an HVM guest: the default one, with as much memory below 4 GiB as xl puts there.</summary>
    private const string XenFullVirtualization = "xenfv";

    private const ulong XlRamBelow4G = 0xF000_0000;

    /// <summary>A switch of <c>-machine</c>, by QEMU's name.</summary>
    private static readonly (string Name, string Type, string Help, Action<Draft, string> Apply)[] Switches =
    [
        ("accel", "string", "Accelerators to try, with colons between them", AcceleratorList),
        ("acpi", "OnOffAuto", "Firmware finds ACPI tables", (draft, text) => { bool on = OnOff("acpi", text); Switch(draft, switches => switches with { Acpi = on }); }),
        ("dump-guest-core", "bool", "Guest memory may be in a core dump of the emulator", (draft, text) => { bool on = OnOff("dump-guest-core", text); Switch(draft, switches => switches with { DumpGuestCore = on }); }),
        ("graphics", "bool", "Firmware shows itself on the display", (draft, text) => { bool on = OnOff("graphics", text); Switch(draft, switches => switches with { Graphics = on }); }),
        ("hpet", "bool", "There is a high precision event timer", (draft, text) => { bool on = OnOff("hpet", text); Switch(draft, switches => switches with { Hpet = on }); }),
        ("i8042", "bool", "There is a keyboard controller", (draft, text) => { bool on = OnOff("i8042", text); Switch(draft, switches => switches with { I8042 = on }); }),
        ("max-ram-below-4g", "size", "Most memory below 4 GiB", (draft, text) => MaxRamBelow4G(draft, text)),
        ("kernel-irqchip", "on|off|split", "Which interrupt controllers KVM has", BoardIrqChip),
        ("mem-merge", "bool", "The host may merge equal pages", (draft, text) => { bool on = OnOff("mem-merge", text); Switch(draft, switches => switches with { MemMerge = on }); }),
        ("movable", "bool", "It can run on under any accelerator: no HPET, and local APICs numbered as Xen's", Movable),
        ("smbus", "bool", "There is a system management bus", (draft, text) => { bool on = OnOff("smbus", text); Switch(draft, switches => switches with { Smbus = on }); }),
        ("smm", "OnOffAuto", "Processors have a system management mode", (draft, text) => { bool on = OnOff("smm", text); Switch(draft, switches => switches with { Smm = on }); }),
        ("suppress-vmdesc", "bool", "A saved machine has no description in it", (_, text) => OnOff("suppress-vmdesc", text)),
        ("usb", "bool", "There is a USB controller", (_, text) => { if (OnOff("usb", text)) throw LaterOptions.NotYet("usb=on"); }),
        ("vmport", "OnOffAuto", "There is a VMware port", (draft, text) => { bool on = OnOff("vmport", text); Switch(draft, switches => switches with { VmPort = on }); }),
    ];

    private static void Machine(Draft draft, string text)
    {
        KeyValues keys = KeyValues.Parse(draft.Machine.Type + "-machine", text, implied: "type");
        string? type = keys.Take("type");
        if (type is "help" or "?")
        {
            draft.Answer = List(draft.Catalogue.Machines);
            return;
        }

        if (type == XenFullVirtualization)
        {
            type = null;
            Switch(draft, switches => switches with { MaxRamBelow4G = XlRamBelow4G, VmPort = false });
        }

        if (type is not null)
        {
            Choice machine = draft.Catalogue.Machines.FirstOrDefault(machine => machine.Name == type || machine.Alias == type)
                ?? throw new ConfigException("unsupported machine type\nUse -machine help to list supported machines");
            draft.Machine = draft.Machine with { Type = machine.Name };
            keys = KeyValues.Of(machine.Name + "-machine", keys.Left);
        }

        if (keys.Take("help") is not null)
        {
            draft.Answer = $"{draft.Machine.Type}-machine options:\n"
                + string.Concat(Switches.Select(entry => $"  {entry.Name + "=<" + entry.Type + ">",-22} - {entry.Help}\n"));
            return;
        }

        foreach ((string name, _, _, Action<Draft, string> apply) in Switches)
            if (keys.Take(name) is { } value) apply(draft, value);
        keys.RejectUnknown();
    }

    private static string List(IReadOnlyList<Choice> machines)
    {
        IEnumerable<string> lines = machines.SelectMany(machine => (string[])
        [
            .. machine.Alias is null ? [] : (string[])[$"{machine.Alias,-20} {machine.Summary} (alias of {machine.Name})\n"],
            $"{machine.Name,-20} {machine.Summary}{(machine == machines[0] ? " (default)" : "")}\n",
        ]);
        return "Supported machines are:\n" + string.Concat(lines);
    }

    private static void Switch(Draft draft, Func<MachineSwitches, MachineSwitches> change) =>
        draft.Machine = draft.Machine with { Switches = change(draft.Machine.Switches) };

    private static bool OnOff(string key, string text) => text switch
    {
        "on" or "yes" or "true" or "auto" => true,
        "off" or "no" or "false" => false,
        _ => throw new ConfigException($"Parameter '{key}' does not accept value '{text}'"),
    };

    private static void Movable(Draft draft, string text)
    {
        bool on = OnOff("movable", text);
        Switch(draft, switches => switches with { Movable = on, Hpet = switches.Hpet && !on });
    }

    private static void MaxRamBelow4G(Draft draft, string text)
    {
        ulong size = KeyValues.Parse(null, $"max-ram-below-4g={text}").Size("max-ram-below-4g")!.Value;
        if (size > 4UL << 30)
            throw new ConfigException($"Machine option 'max-ram-below-4g={size}' expects size less than or equal to 4G");
        Switch(draft, switches => switches with { MaxRamBelow4G = size });
    }

    private static void XenDomain(Draft draft, string text)
    {
        if (!ushort.TryParse(text, out ushort domain)) throw new ConfigException($"Parameter 'xen-domid' does not accept value '{text}'");
        draft.AccelGiven = true;
        draft.Machine = draft.Machine with { Accelerators = [new AcceleratorConfig("xen", []) { Domain = domain }] };
    }

    private static void AcceleratorList(Draft draft, string text)
    {
        foreach (string name in text.Split(':', StringSplitOptions.RemoveEmptyEntries).DefaultIfEmpty("")) Accelerator(draft, name);
    }

    private static void Accelerator(Draft draft, string text)
    {
        KeyValues keys = KeyValues.Parse(null, text, implied: "accel");
        string name = keys.Take("accel") ?? throw new ConfigException("Parameter 'accel' is missing");
        if (name is "help" or "?")
        {
            draft.Answer = "Accelerators supported by rhea:\ntcg\nsoft\nkvm\nxen\n";
            return;
        }

        keys = KeyValues.Of($"{name}-accel", keys.Left);
        AcceleratorConfig accelerator = name switch
        {
            "tcg" or "soft" => Software(name, keys),
            "kvm" => new AcceleratorConfig(name, [.. keys.Left]) { IrqChip = IrqChip(keys.String("kernel-irqchip", "on")) },
            "xen" => new AcceleratorConfig(name, [.. keys.Left]) { MapCache = keys.Size("map-cache") ?? 0 },
            "qtest" => throw LaterOptions.NotYet($"accelerator {name}"),
            _ => throw new ConfigException($"invalid accelerator {name}"),
        };
        keys.RejectUnknown();
        IReadOnlyList<AcceleratorConfig> before = draft.AccelGiven ? draft.Machine.Accelerators : [];
        draft.AccelGiven = true;
        draft.Machine = draft.Machine with { Accelerators = [.. before, accelerator] };
    }

    private static AcceleratorConfig Software(string name, KeyValues keys)
    {
        var accelerator = new AcceleratorConfig(name, [.. keys.Left]) { Translates = keys.Bool("jit", true) };
        string thread = keys.String("thread", "multi");
        if (thread is not ("single" or "multi")) throw new ConfigException($"Invalid 'thread' setting {thread}");
        int size = keys.Int32("tb-size", 0);
        if (size < 0) throw new ConfigException("Parameter 'tb-size' expects uint32_t");
        if (keys.Bool("split-wx", false)) throw LaterOptions.NotYet("split-wx=on");
        return accelerator with { TranslationSize = size, SingleThread = thread == "single" };
    }

    private static KernelIrqChip IrqChip(string text) => text switch
    {
        "on" or "yes" or "true" => KernelIrqChip.On,
        "off" or "no" or "false" => KernelIrqChip.Off,
        "split" => KernelIrqChip.Split,
        _ => throw new ConfigException($"Parameter 'kernel-irqchip' does not accept value '{text}'"),
    };

    /// <summary>The board's switch is the accelerator's, wherever on the line that is named.</summary>
    private static void BoardIrqChip(Draft draft, string text)
    {
        KernelIrqChip chip = IrqChip(text);
        draft.Machine = draft.Machine with { Accelerators = [.. draft.Machine.Accelerators.Select(accelerator => accelerator with { IrqChip = chip })] };
    }

    /// <summary>Whole 8 KiB, as QEMU rounds it.</summary>
    private static void Memory(Draft draft, string text)
    {
        KeyValues keys = KeyValues.Parse(null, text, implied: "size");
        ulong? size = keys.Size("size", suffix: 'M');
        if (keys.Int32("slots", 0) != 0 || keys.Has("maxmem")) throw LaterOptions.NotYet("memory hot-plug (slots=, maxmem=)");
        keys.RejectUnknown();
        if (size > long.MaxValue) throw new ConfigException("ram size too large");
        if (size is > 0) draft.Machine = draft.Machine with { Memory = (size.Value + 0x1FFF) & ~0x1FFFUL };
    }
}
