namespace Rhea.Core.Config;

/// <summary>Everything the user chose, as one immutable tree. The command line, files and QMP are spellings of it.</summary>
public sealed record MachineConfig
{
    /// <summary>A machine type of QEMU 7.2, aliases resolved.</summary>
    public string Type { get; init; } = "pc-i440fx-7.2";

    /// <summary>The same as a command line, for whoever builds the machine again; empty when it was made without one.</summary>
    public IReadOnlyList<string> Options { get; init; } = [];

    public MachineSwitches Switches { get; init; } = new();

    /// <summary>In order of preference; empty means the best that works here.</summary>
    public IReadOnlyList<AcceleratorConfig> Accelerators { get; init; } = [];

    /// <summary><c>-icount</c>: time follows the instructions; null where it is the host's.</summary>
    public InstructionTimeConfig? InstructionTime { get; init; }

    /// <summary><c>-seed</c>: makes the processor's random numbers the same in every run; null for real ones.</summary>
    public ulong? Seed { get; init; }

    public CpuConfig Cpu { get; init; } = new();

    public SmpConfig Smp { get; init; } = new();

    /// <summary>In bytes.</summary>
    public ulong Memory { get; init; } = 128UL << 20;

    public IReadOnlyList<DriveConfig> Drives { get; init; } = [];

    public IReadOnlyList<DeviceConfig> Devices { get; init; } = [];

    /// <summary><c>-global driver.property=value</c>.</summary>
    public IReadOnlyList<GlobalProperty> Globals { get; init; } = [];

    public IReadOnlyList<ChardevConfig> Chardevs { get; init; } = [];

    /// <summary>Chardev ids of the serial ports in order; null for one that is not there.</summary>
    public IReadOnlyList<string?> Serials { get; init; } = [];

    public IReadOnlyList<MonitorConfig> Monitors { get; init; } = [];

    /// <summary>Chardev id of <c>-gdb</c>; null without a debugger.</summary>
    public string? Gdb { get; init; }

    /// <summary>Chardev id of <c>-debugcon</c>: port E9h.</summary>
    public string? DebugConsole { get; init; }

    /// <summary>"std" or "none".</summary>
    public string Vga { get; init; } = "std";

    public BootConfig Boot { get; init; } = new();

    public FirmwareConfig Firmware { get; init; } = new();

    public KernelConfig? Kernel { get; init; }

    public IReadOnlyList<FwCfgEntry> FwCfg { get; init; } = [];

    /// <summary>Each the text of one <c>-smbios</c>.</summary>
    public IReadOnlyList<string> Smbios { get; init; } = [];

    public RtcConfig Rtc { get; init; } = new();

    public string? Name { get; init; }

    public Guid? Uuid { get; init; }

    /// <summary><c>-S</c>.</summary>
    public bool StartsPaused { get; init; }

    /// <summary><c>-incoming</c>: where the machine comes from, "defer" when a monitor will say; null when it starts anew.</summary>
    public string? Incoming { get; init; }

    /// <summary>A reset of the guest's ends the machine.</summary>
    public bool NoReboot { get; init; }

    /// <summary>When the guest powers itself off, the machine stays, stopped.</summary>
    public bool NoShutdown { get; init; }

    /// <summary>When the guest says that it has crashed: "pause", "shutdown", "exit-failure", "none".</summary>
    public string OnPanic { get; init; } = "shutdown";

    /// <summary>When a watchdog has waited in vain: "reset", "shutdown", "poweroff", "pause", "debug", "none", "inject-nmi".</summary>
    public string OnWatchdog { get; init; } = "reset";

    /// <summary>Chardev ids of the parallel ports in order; null for one that is not there.</summary>
    public IReadOnlyList<string?> Parallels { get; init; } = [];

    /// <summary>No graphical output: firmware uses the serial port (<c>-nographic</c>).</summary>
    public bool NoGraphic { get; init; }

    /// <summary>Without the devices a PC has by default: <c>-nodefaults</c>.</summary>
    public bool NoDefaults { get; init; }

    /// <summary>Items of <c>-d</c>.</summary>
    public IReadOnlyList<string> LogItems { get; init; } = [];

    /// <summary>The guest code that is logged (<c>-dfilter</c>); empty for all.</summary>
    public IReadOnlyList<AddressRange> LogOnly { get; init; } = [];

    /// <summary><c>-D</c>; null is stderr.</summary>
    public string? LogFile { get; init; }
}

/// <summary>Properties of <c>-machine</c>.</summary>
public sealed record MachineSwitches
{
    public bool Acpi { get; init; } = true;

    /// <summary>A floppy without a boot signature is not booted from.</summary>
    public bool FloppyBootCheck { get; init; } = true;

    public bool Hpet { get; init; } = true;

    public bool Smm { get; init; } = true;

    public bool VmPort { get; init; } = true;

    public bool Smbus { get; init; } = true;

    public bool I8042 { get; init; } = true;

    public bool Graphics { get; init; } = true;

    /// <summary>RAM is in a core dump of the emulator.</summary>
    public bool DumpGuestCore { get; init; } = true;

    /// <summary>The host may keep equal pages once (KSM).</summary>
    public bool MemMerge { get; init; } = true;

    /// <summary>Nothing in it is otherwise under another accelerator.</summary>
    public bool Movable { get; init; }

    /// <summary>Bytes of RAM below 4 GiB at most; 0 is the board's own choice.</summary>
    public ulong MaxRamBelow4G { get; init; }
}

/// <summary>"tcg" (or "soft"), "kvm", "xen", with its properties.</summary>
public sealed record AcceleratorConfig(string Name, IReadOnlyList<KeyValuePair<string, string>> Properties)
{
    /// <summary>The software processor makes host code of the guest's where it can, instead of interpreting all of it.</summary>
    public bool Translates { get; init; } = true;

    /// <summary>MiB for the host code of all processors; 0 leaves it to the accelerator.</summary>
    public int TranslationSize { get; init; }

    /// <summary>All processors take turns on one thread.</summary>
    public bool SingleThread { get; init; }

    /// <summary>Bytes of a Xen domain's memory that may be mapped here for long; 0 leaves it to the accelerator.</summary>
    public ulong MapCache { get; init; }

    /// <summary>The Xen domain that is there already, made by a toolstack whose device model this is; null to make one.</summary>
    public int? Domain { get; init; }

    /// <summary>Which interrupt controllers KVM has.</summary>
    public KernelIrqChip IrqChip { get; init; }
}

/// <summary><c>-icount</c>: how guest time follows the instructions that are executed.</summary>
/// <param name="Shift">Each takes 2^Shift nanoseconds; where it adapts, at first.</param>
public sealed record InstructionTimeConfig(int Shift)
{
    /// <summary>So much that guest time goes about as fast as the host's (<c>shift=auto</c>).</summary>
    public bool Adapts { get; init; }

    /// <summary>While all processors are halted time is the host's; else it jumps to the next timer at once (<c>sleep=off</c>).</summary>
    public bool Sleeps { get; init; } = true;
}

/// <summary><c>kernel-irqchip=</c>: where the interrupt controllers are.</summary>
public enum KernelIrqChip
{
    On,

    /// <summary>The local APICs in the kernel, the others here.</summary>
    Split,
    Off,
}

/// <summary>A processor model and what the user adds and takes away.</summary>
public sealed record CpuConfig
{
    public string Model { get; init; } = "qemu64";

    /// <summary><c>+name</c>, <c>name=on</c>: true; <c>-name</c>, <c>name=off</c>: false; in the order given.</summary>
    public IReadOnlyList<KeyValuePair<string, bool>> Features { get; init; } = [];

    /// <summary>Properties with a value, such as <c>family=6</c>.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Properties { get; init; } = [];
}

/// <summary>Processors and their topology.</summary>
public sealed record SmpConfig
{
    public int Cpus { get; init; } = 1;

    public int MaxCpus { get; init; } = 1;

    public int Sockets { get; init; } = 1;

    public int Dies { get; init; } = 1;

    public int Cores { get; init; } = 1;

    public int Threads { get; init; } = 1;

    /// <summary>Local APICs have even numbers alone, as Xen's have.</summary>
    public bool EvenApicIds { get; init; }
}

/// <summary>One <c>-drive</c> (<c>-hda</c>, <c>-cdrom</c>, … are spellings of it).</summary>
public sealed record DriveConfig
{
    /// <summary>Name of the top node and back end: "ide0-hd0" when the user gave none.</summary>
    public required string Id { get; init; }

    /// <summary>"ide", or "none" for a drive that a <c>-device</c> names.</summary>
    public string Interface { get; init; } = "ide";

    /// <summary>Bus number on the interface.</summary>
    public int Bus { get; init; }

    public int Unit { get; init; }

    /// <summary>"disk" or "cdrom".</summary>
    public string Media { get; init; } = "disk";

    /// <summary>Null is an empty drive.</summary>
    public string? File { get; init; }

    /// <summary>"raw", …; null is to be found out.</summary>
    public string? Format { get; init; }

    /// <summary>Null follows from the medium: a CD is, a disk is not.</summary>
    public bool? ReadOnly { get; init; }

    /// <summary>Writes go to a temporary file and are lost at the end.</summary>
    public bool Snapshot { get; init; }

    /// <summary>"writeback", "none", "writethrough", "directsync", "unsafe".</summary>
    public string Cache { get; init; } = "writeback";

    public string ReadError { get; init; } = "report";

    public string WriteError { get; init; } = "enospc";

    /// <summary>What the guest discards is given back to the host.</summary>
    public bool Discard { get; init; }

    /// <summary>"auto", "on", "off": QEMU's byte-range locks on the image.</summary>
    public string Locking { get; init; } = "auto";

    /// <summary>How the user spelt it, for messages: "-hda disk.img". Empty for a drive that a PC has by default.</summary>
    public string Origin { get; init; } = "";
}

/// <summary>One <c>-device</c>.</summary>
/// <param name="Driver">The device type.</param>
/// <param name="Properties">As given, <c>id</c>, <c>bus</c> and <c>addr</c> among them.</param>
public sealed record DeviceConfig(string Driver, IReadOnlyList<KeyValuePair<string, string>> Properties)
{
    public string? Id { get; init; }

    /// <summary>How the user spelt it, for messages: "-device VGA,addr=2".</summary>
    public string Origin { get; init; } = "";
}

/// <summary>One <c>-global</c>.</summary>
public sealed record GlobalProperty(string Driver, string Property, string Value);

/// <summary>One <c>-chardev</c>: its back end and that back end's properties.</summary>
public sealed record ChardevConfig(string Id, string Backend, IReadOnlyList<KeyValuePair<string, string>> Properties)
{
    /// <summary>Several front ends share it; Ctrl-A C moves the keyboard between them.</summary>
    public bool Mux { get; init; }

    /// <summary>How the user spelt it, for messages: "-serial unix:/tmp/serial".</summary>
    public string Origin { get; init; } = "";
}

/// <summary>One <c>-mon</c>.</summary>
public sealed record MonitorConfig(string Chardev, bool Qmp, bool Pretty);

/// <summary><c>-boot</c>.</summary>
public sealed record BootConfig
{
    /// <summary>Letters: a floppy, c disk, d CD, n network.</summary>
    public string Order { get; init; } = "cad";

    /// <summary>For the first boot only.</summary>
    public string? Once { get; init; }

    public bool Menu { get; init; }

    /// <summary>Path of a picture.</summary>
    public string? Splash { get; init; }

    /// <summary>Milliseconds the menu or picture stays; null is the firmware's choice.</summary>
    public int? SplashTime { get; init; }

    /// <summary>Milliseconds before a failed boot is tried again; -1 is never, null the firmware's choice.</summary>
    public int? RebootTimeout { get; init; }

    public bool Strict { get; init; }
}

/// <summary>Where firmware comes from.</summary>
public sealed record FirmwareConfig
{
    /// <summary><c>-bios</c>.</summary>
    public string? Bios { get; init; }

    /// <summary><c>-L</c>, in order, before the usual places.</summary>
    public IReadOnlyList<string> SearchPaths { get; init; } = [];

    /// <summary><c>-option-rom</c>: files, in order.</summary>
    public IReadOnlyList<string> OptionRoms { get; init; } = [];
}

/// <summary>A kernel to boot without a boot loader.</summary>
public sealed record KernelConfig(string Path, string? Initrd, string? CommandLine);

/// <summary>One <c>-fw_cfg</c>: a file or a string under a name.</summary>
public sealed record FwCfgEntry(string Name, string? File, string? Text)
{
    /// <summary>How the user spelt it, for messages.</summary>
    public string Origin { get; init; } = "";
}

/// <summary><c>-rtc</c>.</summary>
public sealed record RtcConfig
{
    /// <summary>The guest's calendar runs in the host's time zone, else in UTC.</summary>
    public bool LocalTime { get; init; }

    /// <summary>The date and time at the start; null is the host's.</summary>
    public DateTime? Start { get; init; }

    /// <summary>It stands still while the machine does.</summary>
    public bool FollowsGuest { get; init; }
}
