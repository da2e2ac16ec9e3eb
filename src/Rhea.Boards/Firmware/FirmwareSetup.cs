using Rhea.Boards.Firmware.Acpi;
using Rhea.Boards.Firmware.Kernels;
using Rhea.Boards.Firmware.Smbios;
using Rhea.Core.Config;
using Rhea.Core.Machines;
using Rhea.Devices.Chipset;
using Rhea.Devices.Storage;

namespace Rhea.Boards.Firmware;

/// <summary>Tells a PC's firmware all it must know: by CMOS, by fw_cfg, and by the ACPI and SMBIOS tables in it.</summary>
public static class FirmwareSetup
{
    private const string PowerManagement = "PIIX4_PM";

    /// <summary>Called by the board once its devices are there. Adds the ACPI files as a device of their own, the last one.</summary>
    /// <exception cref="Core.ConfigException">A file that cannot be read, a kernel that is none, an impossible boot order.</exception>
    public static void Install(MachineBuilder builder, MachineConfig config, FwCfg fwCfg, Rtc rtc, FirmwareFacts facts)
    {
        WriteCmos(rtc, config, facts);
        ApplyBootOrder(builder, config, rtc);
        FwCfgContents.AddNumbers(fwCfg, config, facts.ApicIds);
        FwCfgContents.AddSystemStates(fwCfg, Sleeps(config, "disable_s3"), Sleeps(config, "disable_s4"));
        fwCfg.AddFile(E820.File, E820.Build(facts.Ram, facts.AmdProcessor));
        if (config.Kernel is { } kernel) DirectBoot.Install(kernel, facts.Ram, fwCfg, facts.BootOrder);
        FwCfgContents.AddBootOptions(fwCfg, config.Boot, facts.BootOrder);
        var smbios = new SmbiosTables(config, facts.Ram, facts.ProcessorId);
        fwCfg.AddFile(SmbiosTables.AnchorFile, smbios.Anchor);
        fwCfg.AddFile(SmbiosTables.File, smbios.Structures);
        FwCfgContents.AddEmptyFiles(fwCfg, config.Switches.Acpi);
        FwCfgContents.AddOptionRoms(fwCfg, config.Firmware.OptionRoms);
        FwCfgContents.AddUserFiles(fwCfg, config.FwCfg);
        if (facts.PanicPort is { } port) fwCfg.AddFile("etc/pvpanic-port", [(byte)port, (byte)(port >> 8)]);
        if (config.Switches.Acpi) builder.Add("/machine/acpi", slot => new AcpiFiles(slot, fwCfg, () => Platform(config, facts)));
    }

    private static void WriteCmos(Rtc rtc, MachineConfig config, FirmwareFacts facts)
    {
        CmosContents.WriteMemory(rtc.Ram, facts.Ram);
        CmosContents.WriteCpus(rtc.Ram, config.Smp.Cpus);
        CmosContents.WriteFloppies(rtc.Ram, facts.Floppies?.First ?? FloppyType.None, facts.Floppies?.Second ?? FloppyType.None);
        CmosContents.WriteDisks(rtc.Ram, facts.Disks);
    }

    /// <summary>The first start may have an order of its own (<c>once=</c>); the reset after it brings the usual one.</summary>
    private static void ApplyBootOrder(MachineBuilder builder, MachineConfig config, Rtc rtc)
    {
        BootConfig boot = config.Boot;
        string next = boot.Once ?? boot.Order;
        CmosContents.WriteBootOrder(rtc.Ram, boot.Order); // complains now, not at the first reset
        builder.OnReset += () =>
        {
            CmosContents.WriteBootOrder(rtc.Ram, next, config.Switches.FloppyBootCheck);
            next = boot.Order;
        };
    }

    private static AcpiPlatform Platform(MachineConfig config, FirmwareFacts facts) => new()
    {
        Ram = facts.Ram,
        Processors = facts.Processors,
        PowerManagementPorts = facts.PowerManagementPorts(),
        Hpet = config.Switches.Hpet,
        I8042 = config.Switches.I8042,
        SerialPorts = facts.SerialPorts,
        ParallelPort = facts.ParallelPort,
        PanicPort = facts.PanicPort,
        Floppies = facts.Floppies,
        FixedPciSlots = facts.FixedPciSlots,
        S3 = Sleeps(config, "disable_s3"),
        S4 = Sleeps(config, "disable_s4"),
    };

    /// <summary><c>-global PIIX4_PM.disable_s3=1</c> takes a sleep state away.</summary>
    private static bool Sleeps(MachineConfig config, string property) => !config.Globals.Any(global =>
        global.Driver == PowerManagement && global.Property == property && global.Value is ("1" or "on" or "true" or "yes"));
}

/// <summary>What only the board knows of its machine.</summary>
public sealed record FirmwareFacts
{
    public required RamSplit Ram { get; init; }

    /// <summary>Every processor the machine may ever have, those that are there first.</summary>
    public required IReadOnlyList<AcpiProcessor> Processors { get; init; }

    /// <summary>What boots first; the board adds the drives and cards that have a <c>bootindex</c>.</summary>
    public BootOrder BootOrder { get; init; } = new();

    /// <summary>The processor model is AMD's.</summary>
    public bool AmdProcessor { get; init; }

    /// <summary>CPUID leaf 1 of the processor model: EAX, and EDX above it.</summary>
    public ulong ProcessorId { get; init; }

    /// <summary>The four IDE places in order; null where no disk is.</summary>
    public IReadOnlyList<DiskGeometry?> Disks { get; init; } = [];

    /// <summary>Null without a floppy controller.</summary>
    public (FloppyType First, FloppyType Second)? Floppies { get; init; }

    /// <summary>Which of the four serial ports are there.</summary>
    public IReadOnlyList<bool> SerialPorts { get; init; } = [];

    public bool ParallelPort { get; init; }

    /// <summary>Where the guest tells of a crash (pvpanic); null when it cannot.</summary>
    public ushort? PanicPort { get; init; }

    /// <summary>PCI slots whose device is soldered to the board.</summary>
    public IReadOnlyList<int> FixedPciSlots { get; init; } = [0, 1];

    /// <summary>PMBASE of the PIIX4 as the firmware has set it by the time it asks for the tables.</summary>
    public Func<ushort> PowerManagementPorts { get; init; } = () => 0x600;

    /// <summary>One more than the highest APIC id.</summary>
    internal int ApicIds => Processors.Max(processor => processor.ApicId) + 1;
}
