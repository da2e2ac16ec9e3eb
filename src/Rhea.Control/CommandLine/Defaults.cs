using Rhea.Core;
using Rhea.Core.Config;

namespace Rhea.Control.CommandLines;

/// <summary>What a PC has when nobody says otherwise, and what can only be checked when all options are known.</summary>
internal static class Defaults
{
    /// <summary>A device of these types stands in for the default of its kind.</summary>
    private static readonly string[] CdRoms = ["ide-cd", "ide-hd", "scsi-cd", "scsi-hd"],
        Adapters = ["VGA", "isa-vga", "cirrus-vga", "isa-cirrus-vga", "vmware-svga", "qxl-vga", "virtio-vga", "virtio-vga-gl"];

    public static void Complete(Draft draft)
    {
        draft.Spelled(draft.SmpSpelling, () => draft.Machine = draft.Machine with { Smp = ProcessorOptions.Topology(KeyValues.Of(null, draft.Smp)) with { EvenApicIds = draft.Machine.Switches.Movable } });
        CheckKernel(draft.Machine.Kernel);
        Drives(draft);
        Consoles(draft);
        MachineConfig machine = draft.Machine;
        bool ownAdapter = machine.Devices.Any(device => Adapters.Contains(device.Driver));
        if (!draft.VgaGiven && (machine.NoDefaults || ownAdapter)) draft.Machine = machine with { Vga = "none" };
        if (!draft.DisplayGiven && !machine.NoGraphic && draft.Machine.Vga != "none")
            draft.Warnings.Add("warning: no window in this version of rhea; -nographic uses this terminal, -display none says that no window is wanted");
    }

    private static void CheckKernel(KernelConfig? kernel)
    {
        if (kernel is not { Path: "" }) return;
        throw new ConfigException($"{(kernel.Initrd is null ? "-append" : "-initrd")} only allowed with -kernel option");
    }

    private static void Drives(Draft draft)
    {
        var drives = new List<DriveConfig>();
        foreach (DriveRequest request in draft.Drives)
            draft.Spelled(request.Spelling, () => drives.Add(DriveOptions.Read(request, drives, draft.SnapshotAll)));
        bool place = !drives.Exists(drive => drive is { Interface: "ide", Bus: 1, Unit: 0 });
        bool ownDrive = draft.Machine.Devices.Any(device => CdRoms.Contains(device.Driver));
        if (place && !ownDrive && !draft.Machine.NoDefaults)
            drives.Add(new DriveConfig { Id = "ide1-cd0", Bus = 1, Unit = 0, Media = "cdrom" });
        if (!drives.Exists(drive => drive.Interface == "floppy") && !draft.Machine.NoDefaults && !draft.Machine.Devices.Any(device => device.Driver is "isa-fdc" or "floppy"))
            drives.Add(new DriveConfig { Id = "floppy0", Interface = "floppy" });
        draft.Machine = draft.Machine with { Drives = drives };
    }

    /// <summary>Without a display the first serial port and the monitor share the terminal; else they wait on consoles of their own.</summary>
    private static void Consoles(Draft draft)
    {
        MachineConfig machine = draft.Machine;
        bool ownPort = machine.Devices.Any(device => device.Driver == "isa-serial");
        bool serial = draft.Serials.Count == 0 && !machine.NoDefaults && !ownPort, monitor = !draft.MonitorGiven && !machine.NoDefaults;
        draft.Spelled("-nographic", () =>
        {
            if (serial) draft.Serials.Add(new(ChardevOptions.Short(draft, "serial0", !machine.NoGraphic ? "vc" : monitor ? "mon:stdio" : "stdio")));
            else if (monitor && machine.NoGraphic && !UsesStdio(draft)) AddMonitor(draft);
        });
        if (draft.Parallels.Count == 0 && !machine.NoDefaults && !machine.Devices.Any(device => device.Driver == "isa-parallel"))
            draft.Parallels.Add(ChardevOptions.Short(draft, "parallel0", machine.NoGraphic ? "null" : "vc"));
        draft.Machine = draft.Machine with { Parallels = draft.Parallels };
        draft.Machine = draft.Machine with { Serials = [.. draft.Serials.Select(serial => serial.Chardev)] };
        if (draft.Machine.Chardevs.Count(chardev => chardev.Backend == "stdio") > 1)
            throw new ConfigException($"{draft.Machine.Chardevs.Last(chardev => chardev.Backend == "stdio").Origin}: cannot use stdio by multiple character devices");
    }

    private static bool UsesStdio(Draft draft) => draft.Machine.Chardevs.Any(chardev => chardev.Backend == "stdio");

    private static void AddMonitor(Draft draft)
    {
        string id = ChardevOptions.Short(draft, $"compat_monitor{draft.Machine.Monitors.Count}", "stdio")!;
        draft.Machine = draft.Machine with { Monitors = [.. draft.Machine.Monitors, new MonitorConfig(id, Qmp: false, Pretty: false)] };
    }
}
