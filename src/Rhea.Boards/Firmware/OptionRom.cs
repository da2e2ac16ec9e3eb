using System.Buffers.Binary;
using System.Text;
using Iced.Intel;

namespace Rhea.Boards.Firmware;

/// <summary>An option ROM that the BIOS offers as something to boot from, assembled when the machine is made.</summary>
/// <remarks>
/// Plug and Play BIOS Specification 1.0A, 3.2: the ROM's own initialization does nothing; its expansion header names a bootstrap
/// entry, which the BIOS calls in real mode once it has chosen this ROM.
/// </remarks>
public static class OptionRom
{
    private const int Unit = 512, ExpansionPointer = 0x1A, Expansion = 0x20, ExpansionLength = 0x20, Product = 0x40, Code = 0x60;
    private const byte FarReturn = 0xCB;
    private const int NextProductString = 16, BootstrapEntry = 26, Checksum = 9;

    /// <param name="product">What the boot menu shows; 31 characters at most.</param>
    /// <param name="boot">Writes the 16-bit code of the bootstrap entry.</param>
    public static byte[] Build(string product, Action<Assembler> boot)
    {
        var assembler = new Assembler(16);
        boot(assembler);
        using var code = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(code), Code);

        int length = (Code + (int)code.Length + Unit) / Unit * Unit; // at least a byte is left for the checksum
        var rom = new byte[length];
        (rom[0], rom[1], rom[2], rom[3]) = (0x55, 0xAA, (byte)(length / Unit), FarReturn);
        rom[ExpansionPointer] = Expansion;
        WriteExpansion(rom.AsSpan(Expansion, ExpansionLength));
        Encoding.ASCII.GetBytes(product, rom.AsSpan(Product, Code - Product - 1));
        code.ToArray().CopyTo(rom, Code);
        rom[^1] = Complement(rom);
        return rom;
    }

    private static void WriteExpansion(Span<byte> header)
    {
        Encoding.ASCII.GetBytes("$PnP", header);
        (header[4], header[5]) = (1, ExpansionLength / 16); // revision, length
        BinaryPrimitives.WriteUInt16LittleEndian(header[NextProductString..], Product);
        BinaryPrimitives.WriteUInt16LittleEndian(header[BootstrapEntry..], Code);
        header[Checksum] = Complement(header);
    }

    private static byte Complement(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (byte value in bytes) sum += value;
        return (byte)-sum;
    }
}
