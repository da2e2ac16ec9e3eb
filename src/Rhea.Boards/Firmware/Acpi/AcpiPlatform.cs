using Rhea.Devices.Storage;

namespace Rhea.Boards.Firmware.Acpi;

/// <summary>What the ACPI tables say of a machine, as the board and its configuration have it when firmware asks.</summary>
public sealed record AcpiPlatform
{
    public required RamSplit Ram { get; init; }

    /// <summary>Every processor the machine may ever have, those that are there first.</summary>
    public required IReadOnlyList<AcpiProcessor> Processors { get; init; }

    /// <summary>Where the firmware has put the power management ports: PMBASE of the PIIX4.</summary>
    public ushort PowerManagementPorts { get; init; } = 0x600;

    public bool Hpet { get; init; } = true;

    /// <summary>Keyboard and mouse are there.</summary>
    public bool I8042 { get; init; } = true;

    /// <summary>Which of the four serial ports are there.</summary>
    public IReadOnlyList<bool> SerialPorts { get; init; } = [];

    public bool ParallelPort { get; init; }

    /// <summary>Where the guest tells of a crash (pvpanic); null when it cannot.</summary>
    public ushort? PanicPort { get; init; }

    /// <summary>Null without a floppy controller; its two drives otherwise.</summary>
    public (FloppyType First, FloppyType Second)? Floppies { get; init; }

    /// <summary>PCI slots whose device is soldered to the board: host bridge, ISA bridge, display.</summary>
    public IReadOnlyList<int> FixedPciSlots { get; init; } = [0, 1, 2];

    /// <summary>Suspend to RAM.</summary>
    public bool S3 { get; init; } = true;

    /// <summary>Suspend to disk.</summary>
    public bool S4 { get; init; } = true;
}

/// <summary>A processor by its local APIC, and whether it is there or only has a place.</summary>
public readonly record struct AcpiProcessor(byte ApicId, bool Present);
