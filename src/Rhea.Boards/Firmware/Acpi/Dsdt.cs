using static Rhea.Boards.Firmware.Acpi.Aml;

namespace Rhea.Boards.Firmware.Acpi;

/// <summary>The differentiated system description table of the i440FX PC: its devices, their resources, and how interrupts are routed.</summary>
/// <remarks>Intel 82441FX, 82371SB (PIIX3), 82371AB (PIIX4). Names of devices are QEMU's.</remarks>
public static class Dsdt
{
    private const uint VgaFirst = 0xA_0000, VgaLast = 0xB_FFFF, HoleLast = 0xFEBF_FFFF, HpetAddress = 0xFED0_0000, HpetLength = 0x400;
    private const ulong Window64 = 2UL << 30;
    private const int Present = 0x0F, PresentButHidden = 0x0B;

    /// <summary>Its body, without the header.</summary>
    public static Term Build(AcpiPlatform platform) => Join(
        Scope(@"\_SB",
            PciHost(platform),
            PciRouting.Links(),
            platform.Hpet ? Hpet() : Join()),
        CpuHotplug.Build(platform.Processors),
        PciHotplug.Events(),
        SleepStates(platform));

    private static Term PciHost(AcpiPlatform platform) => Device("PCI0",
        Name("_HID", EisaId("PNP0A03")),
        Name("_UID", 0),
        Name("_CRS", Windows(platform.Ram)),
        Name("_PRT", PciRouting.Table()),
        Reserved("GPE0", "GPE0 resources", Resource.Ports(0xAFE0, 4)),
        Reserved("PHPR", "PCI Hotplug resources", Resource.Ports(0xAE00, 0x18)),
        Device("FWCF",
            Name("_HID", Text("QEMU0002")),
            Name("_STA", PresentButHidden),
            Name("_CRS", ResourceTemplate(Resource.Ports(0x510, 12)))),
        PciHotplug.Slots(platform.FixedPciSlots, IsaBridge.Build(platform)));

    /// <summary>What the host bridge passes to PCI. The configuration ports in between are its own.</summary>
    private static Term Windows(RamSplit ram)
    {
        ulong above = RamSplit.FourGiB + ram.Above4G;
        return ResourceTemplate(
            Resource.BusNumbers(0, 0xFF),
            Resource.Ports(0xCF8, 8),
            Resource.PortWindow(0x0000, 0x0CF7),
            Resource.PortWindow(0x0D00, 0xFFFF),
            Resource.MemoryWindow(VgaFirst, VgaLast, cacheable: true),
            Resource.MemoryWindow((uint)ram.Below4G, HoleLast, cacheable: false),
            Resource.MemoryWindow64(above, above + Window64 - 1));
    }

    private static Term Reserved(string name, string id, byte[] ports) => Device(name,
        Name("_HID", EisaId("PNP0A06")),
        Name("_UID", Text(id)),
        Name("_STA", PresentButHidden),
        Name("_CRS", ResourceTemplate(ports)));

    private static Term Hpet() => Device("HPET",
        Name("_HID", EisaId("PNP0103")),
        Name("_UID", 0),
        Name("_STA", Present),
        Name("_CRS", ResourceTemplate(Resource.FixedMemory(HpetAddress, HpetLength))));

    /// <summary>The numbers the PIIX4 takes for each sleep state in SLP_TYP; soft-off is always there.</summary>
    private static Term SleepStates(AcpiPlatform platform) => Join(
        platform.S3 ? Name(@"\_S3", Package(1, 1, 0, 0)) : Join(),
        platform.S4 ? Name(@"\_S4", Package(2, 2, 0, 0)) : Join(),
        Name(@"\_S5", Package(0, 0, 0, 0)));
}
