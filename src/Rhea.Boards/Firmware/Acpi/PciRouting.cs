using static Rhea.Boards.Firmware.Acpi.Aml;

namespace Rhea.Boards.Firmware.Acpi;

/// <summary>How PCI interrupt pins reach the interrupt controllers: pins to links, and links to inputs that the PIIX3's registers choose.</summary>
/// <remarks>
/// Links A to D are PIRQRC[A:D], configuration registers 60h-63h. Pin A of slot 1 is the power management function, whose SCI is
/// wired to input 9: it has a link of its own, which nobody can move.
/// </remarks>
internal static class PciRouting
{
    private const int Slots = 32, Pins = 4, Disabled = 0x80, Enabled = 0x0B, PowerManagementSlot = 1;
    private const byte SciInput = 9;
    private const int InterruptOffset = 5; // of the number in an extended interrupt descriptor

    /// <summary>In the ISA bridge: the four routing registers.</summary>
    public static Term Registers() => Join(
        OperationRegion("P40C", RegionSpace.PciConfig, 0x60, 4),
        Field("P40C", FieldAccess.Byte, FieldUpdate.Preserve, new FieldUnit("PRQ0", 8), new("PRQ1", 8), new("PRQ2", 8), new("PRQ3", 8)));

    /// <summary>Slots are wired in turn, so that neighbours do not all share one interrupt.</summary>
    public static Term Table()
    {
        var entries = new Term[Slots * Pins];
        for (var i = 0; i < entries.Length; i++)
        {
            int slot = i / Pins, pin = i % Pins;
            string link = slot == PowerManagementSlot && pin == 0 ? "LNKS" : ((slot + pin) % Pins) switch
            {
                0 => "LNKD",
                1 => "LNKA",
                2 => "LNKB",
                _ => "LNKC",
            };
            entries[i] = Package((slot << 16) | 0xFFFF, pin, $@"\_SB.{link}", 0);
        }

        return Package(entries);
    }

    public static Term Links() => Join(
        SerializedMethod("IQCR", 1,
            Name("PRR0", ResourceTemplate(Resource.Interrupts(0))),
            CreateDWordField("PRR0", InterruptOffset, "PRRI"),
            If(Less(Arg0, Disabled), Store(Arg0, "PRRI")),
            Return("PRR0")),
        Link("LNKA", 0),
        Link("LNKB", 1),
        Link("LNKC", 2),
        Link("LNKD", 3),
        Device("LNKS",
            Name("_HID", EisaId("PNP0C0F")),
            Name("_UID", 4),
            Name("_PRS", ResourceTemplate(Resource.Interrupts(SciInput))),
            Name("_STA", Enabled),
            Method("_DIS", 0),
            Method("_CRS", 0, Return("_PRS")),
            Method("_SRS", 1)));

    private static Term Link(string name, int number)
    {
        string register = $@"\_SB.PCI0.S08.PRQ{number}";
        return Device(name,
            Name("_HID", EisaId("PNP0C0F")),
            Name("_UID", number),
            Name("_PRS", ResourceTemplate(Resource.Interrupts(5, 10, 11))),
            Method("_STA", 0,
                If(And(register, Disabled), Return(0x09)),
                Return(Enabled)),
            Method("_DIS", 0, Or(register, Disabled, register)),
            Method("_CRS", 0, Return(Call("IQCR", register))),
            Method("_SRS", 1,
                CreateDWordField(Arg0, InterruptOffset, "PRRI"),
                Store("PRRI", register)));
    }
}
