using System.Buffers.Binary;
using System.Text;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.GuestTests;

/// <summary>Guests of a few instructions, assembled in the test: a ROM at the reset vector, or a disk whose first sector boots.</summary>
internal static class GuestCode
{
    private const uint LoadAddress = 0x10_0000, MultibootMagic = 0x1BAD_B002, MultibootFlags = 3; // modules on pages, a memory map
    private const int ElfHeader = 52, ProgramHeader = 32, CodeOffset = 0x1000;
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

    /// <summary>An ELF kernel with a multiboot header at 1 MiB (Multiboot Specification 0.6.96): 32-bit code with a stack, EAX and EBX as the loader left them.</summary>
    public static byte[] MultibootKernel(Action<Assembler> write)
    {
        var code = new Assembler(32);
        code.dd(MultibootMagic, MultibootFlags, unchecked(0u - MultibootMagic - MultibootFlags));
        code.mov(esp, 0x9000);
        write(code);
        var bytes = new MemoryStream();
        code.Assemble(new StreamCodeWriter(bytes), LoadAddress);
        return Elf(bytes.ToArray(), LoadAddress + 12);
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

    private static byte[] Elf(byte[] code, uint entry)
    {
        var file = new byte[CodeOffset + code.Length];
        ((byte[])[0x7F, (byte)'E', (byte)'L', (byte)'F', 1, 1, 1]).CopyTo(file, 0);
        void Half(int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(at), value);
        void Word(int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(at), value);
        Half(16, 2); // an executable
        Half(18, 3); // for the 386
        Word(20, 1);
        Word(24, entry);
        Word(28, ElfHeader);
        Half(40, ElfHeader);
        Half(42, ProgramHeader);
        Half(44, 1);
        uint[] segment = [1, CodeOffset, LoadAddress, LoadAddress, (uint)code.Length, (uint)code.Length, 7, 0x1000];
        for (var i = 0; i < segment.Length; i++) Word(ElfHeader + (i * 4), segment[i]);
        code.CopyTo(file, CodeOffset);
        return file;
    }
}
