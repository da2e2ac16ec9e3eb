using System.Text;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.GuestTests;

/// <summary>Guests of a few instructions, assembled in the test: a ROM at the reset vector, or a disk whose first sector boots.</summary>
internal static class GuestCode
{
    private const int Sector = 512, RomLength = 0x1_0000, ResetVector = 0xFFF0, BootAddress = 0x7C00;

    /// <summary>64 KiB with 16-bit code at F000:0000 and a jump there at the reset vector.</summary>
    public static byte[] Rom(Action<Assembler> write)
    {
        var rom = new byte[RomLength];
        Assemble(write, 0).CopyTo(rom, 0);
        ((byte[])[0xEA, 0x00, 0x00, 0x00, 0xF0]).CopyTo(rom, ResetVector); // jmp F000:0000
        return rom;
    }

    /// <summary>A disk of some sectors that a BIOS boots: 16-bit code at 0000:7C00, data segments 0.</summary>
    public static byte[] BootDisk(int sectors, Action<Assembler> write)
    {
        var disk = new byte[sectors * Sector];
        Assemble(code =>
        {
            code.xor(ax, ax);
            code.mov(ds, ax);
            code.mov(es, ax);
            write(code);
            Label halt = code.CreateLabel();
            code.Label(ref halt);
            code.hlt();
            code.jmp(halt);
        }, BootAddress).CopyTo(disk, 0);
        (disk[510], disk[511]) = (0x55, 0xAA);
        return disk;
    }

    /// <summary>To port 402h.</summary>
    public static void Print(this Assembler code, string text)
    {
        foreach (char letter in text)
        {
            code.mov(dx, 0x402);
            code.mov(al, (byte)letter);
            code.@out(dx, al);
        }
    }

    /// <summary>To the screen, by the BIOS's teletype (INT 10h, AH = 0Eh).</summary>
    public static void Teletype(this Assembler code, string text)
    {
        foreach (byte letter in Encoding.Latin1.GetBytes(text))
        {
            code.mov(ax, (ushort)(0x0E00 | letter));
            code.mov(bx, 7);
            code.@int(0x10);
        }
    }

    private static byte[] Assemble(Action<Assembler> write, ulong at)
    {
        var code = new Assembler(16);
        write(code);
        var bytes = new MemoryStream();
        code.Assemble(new StreamCodeWriter(bytes), at);
        return bytes.ToArray();
    }
}
