using System.Buffers.Binary;

namespace Rhea.Boards.Firmware.Acpi;

/// <summary>The multiple APIC description table: local APICs, the I/O APIC, and where ISA interrupts do not go straight to it.</summary>
/// <remarks>ACPI 6.4, 5.2.12.</remarks>
public static class Madt
{
    private const uint LocalApicAddress = 0xFEE0_0000, IoApicAddress = 0xFEC0_0000, HasPics = 1;
    private const byte AllProcessors = 0xFF, Lint1 = 1, LevelActiveHigh = 0x0D;

    /// <summary>Its body, without the header.</summary>
    public static byte[] Build(IReadOnlyList<AcpiProcessor> processors) =>
    [
        .. DWord(LocalApicAddress), .. DWord(HasPics),
        .. processors.SelectMany((processor, index) => LocalApic(index, processor.ApicId, processor.Present)),
        1, 12, 0, 0, .. DWord(IoApicAddress), .. DWord(0),
        .. Override(0, 2, 0), // the timer
        .. Override(5, 5, LevelActiveHigh), .. Override(9, 9, LevelActiveHigh), .. Override(10, 10, LevelActiveHigh), .. Override(11, 11, LevelActiveHigh),
        4, 6, AllProcessors, 0, 0, Lint1, // NMI
    ];

    public static byte[] LocalApic(int processor, byte apicId, bool enabled) =>
        [0, 8, (byte)processor, apicId, .. DWord(enabled ? 1u : 0)];

    private static byte[] Override(byte irq, byte input, byte flags) => [2, 10, 0, irq, .. DWord(input), flags, 0];

    private static byte[] DWord(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return bytes;
    }
}
