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

    /// <summary>
    /// A ROM that goes from real mode (its code at F0000h) through flat protected mode (F0100h) into long mode (F0200h), where it
    /// loads 123456789ABCDEF0h into RAX, writes it to 5000h and halts.
    /// </summary>
    public static byte[] RomThroughModes()
    {
        const int tables = 0x300;
        byte[] rom = Rom(code =>
        {
            code.cli();
            code.db(0x2E, 0x66, 0x0F, 0x01, 0x16, 0x20, 0x03); // lgdt cs:[320h]
            code.mov(eax, cr0);
            code.or(al, 1);
            code.mov(cr0, eax);
            code.db(0x66, 0xEA, 0x00, 0x01, 0x0F, 0x00, 0x08, 0x00); // jmp 8:F0100
        });
        Assemble(code =>
        {
            code.mov(eax, 0x10);
            code.mov(ds, eax);
            code.mov(ss, eax);
            code.mov(__dword_ptr[0x1000], 0x2003); // page tables for the first 2 MiB
            code.mov(__dword_ptr[0x2000], 0x3003);
            code.mov(__dword_ptr[0x3000], 0x83);
            code.mov(eax, 0x1000);
            code.mov(cr3, eax);
            code.mov(eax, 0x20);
            code.mov(cr4, eax);
            code.mov(ecx, 0xC000_0080);
            code.mov(eax, 0x100);
            code.xor(edx, edx);
            code.wrmsr();
            code.mov(eax, 0x8000_0001);
            code.mov(cr0, eax);
            code.db(0xEA, 0x00, 0x02, 0x0F, 0x00, 0x18, 0x00); // jmp 18:F0200
        }, 0xF_0100, 32).CopyTo(rom, 0x100);
        Assemble(code =>
        {
            code.mov(rax, 0x1234_5678_9ABC_DEF0);
            code.mov(__[0x5000], rax);
            code.hlt();
        }, 0xF_0200, 64).CopyTo(rom, 0x200);
        foreach ((int place, ulong descriptor) in (ReadOnlySpan<(int, ulong)>)[(1, 0x00CF_9B00_0000_FFFF), (2, 0x00CF_9300_0000_FFFF), (3, 0x00AF_9B00_0000_FFFF)])
            BitConverter.TryWriteBytes(rom.AsSpan(tables + (place * 8)), descriptor);
        ((byte[])[0x1F, 0x00, 0x00, 0x03, 0x0F, 0x00]).CopyTo(rom, tables + 0x20); // their limit and address
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

    public static byte[] Assemble(Action<Assembler> write, ulong at, int bits = 16)
    {
        var code = new Assembler(bits);
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
