using Rhea.Devices.Storage;
using static Rhea.Boards.Firmware.Acpi.Aml;

namespace Rhea.Boards.Firmware.Acpi;

/// <summary>The PIIX3 and the devices behind it, each only where it is there.</summary>
internal static class IsaBridge
{
    private const int Present = 0x0F;
    private const byte TapeUnknown = 2;

    private static readonly (ushort Ports, int Irq)[] Serial = [(0x3F8, 4), (0x2F8, 3), (0x3E8, 4), (0x2E8, 3)];

    /// <summary>What belongs inside the bridge's device.</summary>
    public static Term[] Build(AcpiPlatform platform)
    {
        List<Term> parts = [PciRouting.Registers()];
        if (platform.I8042) parts.AddRange([Keyboard(), Mouse()]);
        if (platform.Floppies is { } floppies) parts.Add(FloppyController(floppies.First, floppies.Second));
        if (platform.ParallelPort) parts.Add(ParallelPort());
        for (var i = 0; i < platform.SerialPorts.Count; i++)
            if (platform.SerialPorts[i]) parts.Add(SerialPort(i));
        if (platform.PanicPort is { } port) parts.Add(PanicPort(port));
        parts.Add(Clock());
        return [.. parts];
    }

    private static Term Keyboard() => Device("KBD",
        Name("_HID", EisaId("PNP0303")),
        Name("_STA", Present),
        Name("_CRS", ResourceTemplate(Resource.Ports(0x60, 1), Resource.Ports(0x64, 1), Resource.Irq(1))));

    private static Term Mouse() => Device("MOU",
        Name("_HID", EisaId("PNP0F13")),
        Name("_STA", Present),
        Name("_CRS", ResourceTemplate(Resource.Irq(12))));

    private static Term Clock() => Device("RTC",
        Name("_HID", EisaId("PNP0B00")),
        Name("_CRS", ResourceTemplate(Resource.Ports(0x70, 8), Resource.Irq(8))));

    /// <summary>Reads which events it takes, and takes one.</summary>
    private static Term PanicPort(ushort port) => Device("PEVT",
        Name("_HID", Text("QEMU0001")),
        Name("_CRS", ResourceTemplate(Resource.Ports(port, 1))),
        OperationRegion("PEOR", RegionSpace.SystemIo, port, 1),
        Field("PEOR", FieldAccess.Byte, FieldUpdate.Preserve, new FieldUnit("PEPT", 8)),
        Name("_STA", Present),
        Method("RDPT", 0,
            Store("PEPT", Local0),
            Return(Local0)),
        Method("WRPT", 1, Store(Arg0, "PEPT")));

    private static Term ParallelPort() => Device("LPT1",
        Name("_HID", EisaId("PNP0400")),
        Name("_UID", 1),
        Name("_STA", Present),
        Name("_CRS", ResourceTemplate(Resource.Ports(0x378, 8, alignment: 8), Resource.Irq(7))));

    private static Term SerialPort(int index) => Device($"COM{index + 1}",
        Name("_HID", EisaId("PNP0501")),
        Name("_UID", index + 1),
        Name("_STA", Present),
        Name("_CRS", ResourceTemplate(Resource.Ports(Serial[index].Ports, 8, alignment: 8), Resource.Irq(Serial[index].Irq))));

    private static Term FloppyController(FloppyType first, FloppyType second)
    {
        List<Term> drives = [];
        if (first != FloppyType.None) drives.Add(Floppy("FLPA", 0, first));
        if (second != FloppyType.None) drives.Add(Floppy("FLPB", 1, second));
        byte[] presence = new byte[20]; // four drives and a tape, 32 bits each
        presence[0] = (byte)(first == FloppyType.None ? 0 : 1);
        presence[4] = (byte)(second == FloppyType.None ? 0 : 1);
        presence[16] = TapeUnknown;
        return Device("FDC0",
            [
                Name("_HID", EisaId("PNP0700")),
                Name("_CRS", ResourceTemplate(
                    Resource.Ports(0x3F2, 4, alignment: 0), Resource.Ports(0x3F7, 1, alignment: 0), Resource.Irq(6), Resource.Dma(2))),
                Name("_FDE", Bytes(presence)),
                .. drives,
            ]);
    }

    /// <summary>INT 13h function 8's answer, then the parameter table of INT 1Eh: step rate, motor times, sector size, gaps.</summary>
    private static Term Floppy(string name, int number, FloppyType type)
    {
        int sectors = type switch { FloppyType.Inch5M12 => 15, FloppyType.Inch3M144 => 18, _ => 36 };
        return Device(name,
            Name("_ADR", number),
            Name("_FDI", Package(
                number, (int)type, 79, sectors, 1, 0xAF, 0x02, 0x25, 0x02, sectors, 0x1B, 0xFF, 0x6C, 0xF6, 0x0F, 0x08)));
    }
}
