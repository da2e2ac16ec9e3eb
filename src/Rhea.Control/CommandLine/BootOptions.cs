using Rhea.Core;
using Rhea.Core.Config;

namespace Rhea.Control.CommandLines;

/// <summary>What the guest starts from.</summary>
internal static class BootOptions
{
    private const string BootDevices = "abcdefghijklmnop"; // as many as QEMU knows; a PC has a, c, d and n

    public static IReadOnlyList<Option> All { get; } =
    [
        new("boot", "[order=drives][,once=drives][,menu=on|off]",
            "[,splash=file][,splash-time=ms][,reboot-timeout=ms][,strict=on|off]\n"
            + "choose the order of floppy (a), disk (c), CD-ROM (d) and network (n), for the first boot with once=;\n"
            + "show the boot menu, and a picture for some milliseconds; try again when nothing boots", Boot),
        new("kernel", "bzImage", "boot this Linux or multiboot kernel", (draft, file) => Kernel(draft, kernel => kernel with { Path = file })),
        new("append", "cmdline", "give the kernel this command line", (draft, text) => Kernel(draft, kernel => kernel with { CommandLine = text })),
        new("initrd", "file", "give the kernel this initial RAM disk, or these modules", (draft, file) => Kernel(draft, kernel => kernel with { Initrd = file })),
        new("bios", "file", "use this firmware", (draft, file) => draft.Machine = draft.Machine with { Firmware = draft.Machine.Firmware with { Bios = file } }),
        new("L", "path", "look for firmware here first ('-L help' lists the places)", SearchPath),
        new("option-rom", "file", "load an option ROM", (draft, file) =>
            draft.Machine = draft.Machine with { Firmware = draft.Machine.Firmware with { OptionRoms = [.. draft.Machine.Firmware.OptionRoms, file] } }),
    ];

    private static void Boot(Draft draft, string text)
    {
        KeyValues keys = KeyValues.Parse(null, text, implied: "order");
        BootConfig boot = draft.Machine.Boot;
        boot = boot with
        {
            Order = Order(keys.Take("order")) ?? boot.Order,
            Once = Order(keys.Take("once")) ?? boot.Once,
            Menu = keys.Bool("menu", boot.Menu),
            Splash = keys.Take("splash") ?? boot.Splash,
            SplashTime = Milliseconds(keys, "splash-time", 0, "splash-time is invalid,it should be a value between 0 and 65535") ?? boot.SplashTime,
            RebootTimeout = Milliseconds(keys, "reboot-timeout", -1, "reboot timeout is invalid,it should be a value between -1 and 65535")
                ?? boot.RebootTimeout,
            Strict = keys.Bool("strict", boot.Strict),
        };
        keys.RejectUnknown();
        draft.Machine = draft.Machine with { Boot = boot };
    }

    private static string? Order(string? order)
    {
        if (order is null) return null;
        for (var i = 0; i < order.Length; i++)
        {
            if (!BootDevices.Contains(order[i], StringComparison.Ordinal)) throw new ConfigException($"Invalid boot device '{order[i]}'");
            if (order.IndexOf(order[i], StringComparison.Ordinal) < i) throw new ConfigException($"Boot device '{order[i]}' was given twice");
        }

        return order;
    }

    private static int? Milliseconds(KeyValues keys, string key, int least, string error)
    {
        if (keys.Take(key) is not { } text) return null;
        if (text == "-1" && least == -1) return -1;
        if (!Quantity.TryNumber(text, out ulong number)) throw new ConfigException($"Parameter '{key}' expects a number");
        return number <= ushort.MaxValue ? (int)number : throw new ConfigException(error);
    }

    private static void Kernel(Draft draft, Func<KernelConfig, KernelConfig> change) =>
        draft.Machine = draft.Machine with { Kernel = change(draft.Machine.Kernel ?? new KernelConfig("", null, null)) };

    private static void SearchPath(Draft draft, string path)
    {
        if (path == "help") draft.Answer = string.Concat(draft.Machine.Firmware.SearchPaths.Select(place => place + "\n"));
        else draft.Machine = draft.Machine with { Firmware = draft.Machine.Firmware with { SearchPaths = [.. draft.Machine.Firmware.SearchPaths, path] } };
    }
}
