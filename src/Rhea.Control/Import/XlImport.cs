using System.Globalization;
using Rhea.Core;
using Rhea.Core.Config;

namespace Rhea.Control.Import;

/// <summary>Turns a configuration of xl's into the command line that replaces it, and says of each option that has no place there why.</summary>
/// <remarks>xl.cfg(5) of Xen 4.17, "HVM Guest Specific Options" and those for all guests.</remarks>
public sealed class XlImport
{
    private const int IdePlaces = 4;

    private const string NoNetwork = "rhea has no network cards yet", NoScreen = "rhea has no window and no VNC server yet: screendump in the monitor makes a picture",
        Scheduling = "which processors the host gives it is the host's business: taskset, cgroups, or Xen's own scheduler", NoPassthrough = "the host's own devices cannot be passed through yet",
        NoUsb = "there is no USB yet", NoSound = "there are no sound cards yet", NoStore = "there is no XenStore and no paravirtual device behind this machine",
        OwnModel = "rhea is the device model", Toolstack = "it concerns the toolstack, and there is none";

    /// <summary>Why an option has no place.</summary>
    private static readonly Dictionary<string, string> Without = new()
    {
        ["vnc"] = NoScreen,
        ["vnclisten"] = NoScreen,
        ["vncdisplay"] = NoScreen,
        ["vncunused"] = NoScreen,
        ["vncpasswd"] = NoScreen,
        ["sdl"] = NoScreen,
        ["opengl"] = NoScreen,
        ["spice"] = NoScreen,
        ["keymap"] = NoScreen,
        ["vif"] = NoNetwork,
        ["cpus"] = Scheduling,
        ["cpus_soft"] = Scheduling,
        ["cpu_weight"] = Scheduling,
        ["cap"] = Scheduling,
        ["pool"] = Scheduling,
        ["vcpus_affinity"] = Scheduling,
        ["vnuma"] = Scheduling,
        ["pci"] = NoPassthrough,
        ["gfx_passthru"] = NoPassthrough,
        ["rdm"] = NoPassthrough,
        ["pci_permissive"] = NoPassthrough,
        ["pci_msitranslate"] = NoPassthrough,
        ["ioports"] = NoPassthrough,
        ["irqs"] = NoPassthrough,
        ["iomem"] = NoPassthrough,
        ["dtdev"] = NoPassthrough,
        ["rdm_mem_boundary"] = NoPassthrough,
        ["usb"] = NoUsb,
        ["usbdevice"] = NoUsb,
        ["usbversion"] = NoUsb,
        ["usbctrl"] = NoUsb,
        ["usbdev"] = NoUsb,
        ["soundhw"] = NoSound,
        ["vkb"] = NoStore,
        ["vfb"] = NoStore,
        ["vtpm"] = NoStore,
        ["p9"] = NoStore,
        ["pvcalls"] = NoStore,
        ["channel"] = NoStore,
        ["vdispl"] = NoStore,
        ["vsnd"] = NoStore,
        ["xen_platform_pci"] = NoStore,
        ["driver_domain"] = NoStore,
        ["device_model_version"] = OwnModel,
        ["device_model_override"] = OwnModel,
        ["device_model_stubdomain_override"] = OwnModel,
        ["device_model_user"] = OwnModel,
        ["device_model_args"] = "QEMU's options that rhea knows are rhea's too: write them on its command line",
        ["device_model_args_hvm"] = OwnModel,
        ["stubdomain_memory"] = OwnModel,
        ["seclabel"] = Toolstack,
        ["init_seclabel"] = Toolstack,
        ["claim_mode"] = Toolstack,
        ["suppress_spurious_page_faults"] = Toolstack,
        ["rtc_timeoffset"] = "-rtc base= sets the clock to a time instead",
        ["viridian"] = "rhea offers no Hyper-V interfaces yet",
        ["nestedhvm"] = "rhea's guests have no nested virtualization yet",
        ["altp2m"] = "only Xen's own tools use it",
        ["altp2mhvm"] = "only Xen's own tools use it",
        ["timer_mode"] = "timers behave as they do in QEMU",
        ["tsc_mode"] = "the time stamp counter behaves as it does in QEMU",
        ["vm86_tss"] = "only old Intel processors need it",
        ["hap"] = "rhea uses what the processor has",
        ["oos"] = "rhea uses what the processor has",
        ["mmio_hole"] = "the hole below 4 GiB is where QEMU has it: -machine max-ram-below-4g=SIZE",
        ["smbios_firmware"] = "-smbios gives the fields, not a file",
        ["acpi_firmware"] = "tables of one's own cannot be added yet",
        ["ms_vm_genid"] = "there is no generation number yet",
        ["acpi_laptop_slate"] = "rhea is no laptop",
        ["apic"] = "the machine always has its APICs: the guest's own nolapic and noapic leave them alone",
        ["shadow_memory"] = "rhea reckons it by itself",
        ["max_grant_frames"] = NoStore,
        ["max_maptrack_frames"] = NoStore,
        ["max_event_channels"] = NoStore,
        ["vpci"] = NoPassthrough,
        ["maxmem"] = "memory does not grow: -m gives all of it",
        ["spicehost"] = NoScreen,
        ["spiceport"] = NoScreen,
        ["hdtype"] = "disks are IDE",
        ["cpuid"] = "write the features to -cpu: NAME,+FEATURE,-FEATURE",
        ["on_soft_reset"] = Toolstack,
        ["vmid"] = Toolstack,
        ["passthrough"] = NoPassthrough,
        ["dm_restrict"] = "rhea restricts itself where the kernel can",
        ["nomigrate"] = Toolstack,
    };

    private readonly IReadOnlyDictionary<string, IReadOnlyList<string>> _given;
    private readonly HashSet<string> _used = ["builder", "stdvga", "root", "pae", "nx"]; // what another has made needless, and what is always so
    private readonly List<string> _options = ["-accel", "xen"];
    private readonly List<string> _notes = [];

    private XlImport(IReadOnlyDictionary<string, IReadOnlyList<string>> given) => _given = given;

    /// <summary>The words of the command line, without the program's name.</summary>
    public IReadOnlyList<string> Options => _options;

    /// <summary>A sentence for each option without a place: "vif: …".</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <param name="text">The file.</param>
    /// <exception cref="ConfigException">It cannot be read, or is not of an HVM guest.</exception>
    public static XlImport Read(string text)
    {
        var import = new XlImport(XlFile.Parse(text));
        import.Convert();
        return import;
    }

    private void Convert()
    {
        string type = Take("type") ?? (Take("builder") is "hvm" ? "hvm" : "pv"); // a file that does not say is of a PV guest
        if (type != "hvm") throw new ConfigException($"is a {type} guest: rhea runs HVM guests only (type = \"hvm\")");
        Put("-name", Take("name"));
        Put("-uuid", Take("uuid"));
        Put("-m", Take("memory"));
        Processors();
        Machine();
        Display();
        Firmware();
        Events();
        foreach (string disk in All("disk")) AddDisk(disk);
        foreach (string port in All("serial")) Serial(port);
        if (Flag("localtime") == true) Put("-rtc", "base=localtime");
        Put("-nic", "none");
        foreach (string name in _given.Keys.Where(name => !_used.Contains(name))) Explain(name);
    }

    private void Processors()
    {
        string? now = Take("vcpus"), most = Take("maxvcpus");
        if (now is not null || most is not null) Put("-smp", most is null || most == now ? now ?? most : $"{now ?? most},maxcpus={most}");
    }

    private void Machine()
    {
        var switches = new List<string>();
        if (Flag("acpi") == false) switches.Add("acpi=off");
        if (Flag("hpet") == false) switches.Add("hpet=off");
        if (switches.Count > 0) Put("-machine", string.Join(',', switches));
        if (Flag("acpi_s3") == false) Put("-global", "PIIX4_PM.disable_s3=1");
        if (Flag("acpi_s4") == false) Put("-global", "PIIX4_PM.disable_s4=1");
    }

    private void Display()
    {
        string adapter = Take("vga") ?? (Flag("stdvga") == true ? "stdvga" : "cirrus");
        if (adapter == "none") Put("-vga", "none");
        else if (adapter != "stdvga" && _given.ContainsKey("vga")) _notes.Add($"vga: there is no {adapter} adapter yet: the guest finds a standard VGA");
        if (Take("videoram") is { } megabytes && adapter != "none") Put("-global", $"VGA.vgamem_mb={megabytes}");
        if (Flag("nographic") == true) _options.Add("-nographic");
        else Put("-display", "none");
    }

    private void Firmware()
    {
        string? bios = Take("bios");
        Put("-bios", Take("firmware_override") ?? Take("bios_path_override") ?? (bios is "ovmf" or "uefi" ? "OVMF.fd" : null));
        if (bios is "rombios") _notes.Add("bios: there is no rombios: SeaBIOS takes its place");
        Put("-kernel", Take("kernel"));
        Put("-initrd", Take("ramdisk"));
        string[] words = [.. new[] { Take("cmdline") ?? (Take("root") is { } root ? $"root={root}" : null), Take("extra") }.OfType<string>()];
        if (words.Length > 0) Put("-append", string.Join(' ', words));
        if (Take("boot") is { } order) Put("-boot", $"order={order}");
    }

    private void Events()
    {
        if (Take("on_poweroff") is "preserve") _options.Add("-no-shutdown");
        if (Take("on_reboot") is { } reboot and not "restart") Put("-action", reboot == "preserve" ? "reboot=shutdown,shutdown=pause" : "reboot=shutdown");
        if (Take("on_crash") is { } crash) Put("-action", $"panic={(crash is "preserve" or "coredump-restart" ? "pause" : "shutdown")}");
        if (Take("on_watchdog") is { } watchdog) Put("-action", $"watchdog={(watchdog == "preserve" ? "pause" : watchdog == "destroy" ? "poweroff" : "reset")}");
    }

    private void AddDisk(string text)
    {
        XlDisk disk;
        try
        {
            disk = XlDisk.Parse(text);
        }
        catch (ConfigException error)
        {
            throw new ConfigException($"disk: {error.Message}", error);
        }

        int index = disk.Place is ['h', 'd', _] or ['x', 'v', 'd', _] ? disk.Place[^1] - 'a' : -1;
        if (index is < 0 or >= IdePlaces)
        {
            _notes.Add($"disk: {disk.Place} has no place: there are four, hda to hdd");
            return;
        }

        List<string> keys = [$"if=ide,index={index}"];
        if (disk.IsCd) keys.Add("media=cdrom");
        if (disk.Target is { } file) keys.AddRange([$"file={KeyValues.Escape(file)}", $"format={disk.Format}"]);
        if (disk is { IsReadOnly: true, IsCd: false }) keys.Add("readonly=on");
        Put("-drive", string.Join(',', keys));
    }

    private void Serial(string port)
    {
        if (port == "pty") _notes.Add("serial: there are no ptys yet: -serial unix:PATH,server=on,wait=off can be joined with socat");
        else Put("-serial", port);
    }

    private void Explain(string name)
    {
        if (!Without.TryGetValue(name, out string? why)) _notes.Add($"{name}: is no option that xl.cfg(5) has");
        else if (_given[name] is not ([] or ["0"])) _notes.Add($"{name}: {why}");
    }

    private void Put(string option, string? argument)
    {
        if (argument is not null) _options.AddRange([option, argument]);
    }

    private string? Take(string name)
    {
        _used.Add(name);
        return _given.TryGetValue(name, out IReadOnlyList<string>? values) && values is [{ Length: > 0 } value] ? value : null;
    }

    private IReadOnlyList<string> All(string name)
    {
        _used.Add(name);
        return _given.GetValueOrDefault(name, []);
    }

    private bool? Flag(string name) => Take(name) is not { } text ? null
        : int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out int number) ? number != 0
        : throw new ConfigException($"{name}: a number is expected, not '{text}'");
}
