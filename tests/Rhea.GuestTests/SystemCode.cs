using System.Buffers.Binary;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.GuestTests;

/// <summary>A ROM that enters 32-bit protected mode, tries instructions that may fault, and prints for each what became of it.</summary>
/// <remarks>
/// An attempt ends with an exception, or with interrupt 80h when all went well. Printed are the vector, the error code and EAX.
/// Segments are flat. The tables are in RAM, where their accessed and busy bits can be set.
/// </remarks>
internal sealed class SystemCode
{
    public const ushort Code = 0x08, Data = 0x10, UserCode = 0x1B, UserData = 0x23, TaskState = 0x28, FirstOfTest = 0x40;
    public const byte Done = 0x80;

    /// <summary>Where the tables are.</summary>
    public const uint Gdt = 0x1_0000, Idt = 0xA000, Tss = 0x9000;

    /// <summary>A piece of code for a transfer to end at: the attempt is done, and EAX is CS.</summary>
    public const uint Landing = 0x600;

    public const uint UserStack = 0x8F00;

    /// <summary>Doublewords for the tests' own use.</summary>
    public const uint Selector = 0x540, Counter = 0x544, Entry = 0x548;

    private const uint Stack = 0x8000, KernelStack = 0x7000;
    private const uint Resume = 0x500, SavedEsp = 0x504, Vector = 0x508, Error = 0x50C, Result = 0x510, PageFaultAddress = 0x514;
    private const uint RomBase = 0xF_0000;
    private const int CodeOffset = 0x1000, GdtCopy = 0x200, GdtPointer = 0x100, NewGdtPointer = 0x108, IdtPointer = 0x110, RomLength = 0x1_0000, ResetVector = 0xFFF0;
    private const int Exceptions = 32, Gates = 256;
    private const byte ConsolePort = 0xE9, InterruptGate = 0x8E, UserInterruptGate = 0xEE;
    private static readonly int[] WithErrorCode = [8, 10, 11, 12, 13, 14, 17];

    private readonly Label _common, _hex, _report;
    private readonly Label[] _stubs;
    private readonly ulong[] _gdt;

    /// <param name="descriptors">Those of the test, from <see cref="FirstOfTest"/> on.</param>
    public SystemCode(params IEnumerable<ulong> descriptors) : this(0, descriptors)
    {
    }

    /// <param name="userBase">Where the segments of CPL 3 start, in MiB: pages there may be the user's while those at 0 are not.</param>
    /// <param name="descriptors">Those of the test, from <see cref="FirstOfTest"/> on.</param>
    public SystemCode(byte userBase, IEnumerable<ulong> descriptors)
    {
        ulong user = (ulong)userBase << 36;
        _gdt =
        [
            0, 0x00CF_9B00_0000_FFFF, 0x00CF_9300_0000_FFFF, 0x00CF_FB00_0000_FFFF | user, 0x00CF_F300_0000_FFFF | user, 0x0000_8900_0000_0067 | (ulong)Tss << 16, 0, 0,
            .. descriptors,
        ];
        (_common, _hex, _report) = (Assembler.CreateLabel(), Assembler.CreateLabel(), Assembler.CreateLabel());
        _stubs = [.. Enumerable.Range(0, Exceptions + 1).Select(_ => Assembler.CreateLabel())];
        SetUp();
    }

    public Assembler Assembler { get; } = new(32);

    /// <summary>Prints a text.</summary>
    public void Print(string text)
    {
        foreach (char letter in text)
        {
            Assembler.mov(al, (byte)letter);
            Assembler.@out(ConsolePort, al);
        }
    }

    /// <summary>Prints the lowest digits of the doubleword at an address.</summary>
    public void PrintVariable(uint address, int digits)
    {
        Assembler.mov(eax, __dword_ptr[address]);
        Assembler.mov(ecx, digits);
        Assembler.call(_hex);
    }

    /// <summary>Tries some code at CPL 0. It may change all registers, but it ends with a stack that works.</summary>
    public void Try(Action<Assembler> attempt)
    {
        Label after = Begin();
        Assembler.xor(eax, eax);
        attempt(Assembler);
        End(after);
    }

    /// <summary>Tries some code at CPL 3.</summary>
    public void TryAsUser(Action<Assembler> attempt, int flags = 0x2)
    {
        Label after = Begin(), user = Assembler.CreateLabel();
        Assembler.push(UserData);
        Assembler.push(UserStack);
        Assembler.push(flags);
        Assembler.push(UserCode);
        JumpTo(user);
        Assembler.push(eax);
        Assembler.mov(eax, UserData);
        Assembler.mov(ds, eax);
        Assembler.mov(es, eax);
        Assembler.xor(eax, eax);
        Assembler.iretd();
        Assembler.Label(ref user);
        attempt(Assembler);
        End(after);
    }

    /// <summary>Runs some code for each value of a variable.</summary>
    public void For(uint variable, uint first, uint end, uint step, Action body)
    {
        Label next = Assembler.CreateLabel();
        Assembler.mov(__dword_ptr[variable], first);
        Assembler.Label(ref next);
        body();
        Assembler.add(__dword_ptr[variable], step);
        Assembler.cmp(__dword_ptr[variable], end);
        Assembler.jb(next);
    }

    /// <summary>The ROM, which ends the emulator with status 1 by isa-debug-exit.</summary>
    public byte[] Build()
    {
        Print("\nend\n");
        Assembler.mov(edx, 0x501);
        Assembler.xor(eax, eax);
        Assembler.@out(dx, al);
        Routines();
        var code = new MemoryStream();
        Assembler.Assemble(new StreamCodeWriter(code), RomBase + CodeOffset);

        var rom = new byte[RomLength];
        ((byte[])
        [
            0x2E, 0x66, 0x0F, 0x01, 0x16, GdtPointer & 0xFF, GdtPointer >> 8, // o32 lgdt [cs:GdtPointer]
            0x0F, 0x20, 0xC0, 0x0C, 0x01, 0x0F, 0x22, 0xC0,                   // CR0.PE
            0x66, 0xEA, 0x00, CodeOffset >> 8, (byte)(RomBase >> 16), 0x00, (byte)Code, 0x00,
        ]).CopyTo(rom, 0);
        ((byte[])[0xFA, 0xEA, 0x00, 0x00, 0x00, 0xF0]).CopyTo(rom, ResetVector); // cli; jmp F000:0000
        WritePointer(rom, GdtPointer, (_gdt.Length * 8) - 1, RomBase + GdtCopy);
        WritePointer(rom, NewGdtPointer, (_gdt.Length * 8) - 1, Gdt);
        WritePointer(rom, IdtPointer, (Gates * 8) - 1, Idt);
        for (var i = 0; i < _gdt.Length; i++) BinaryPrimitives.WriteUInt64LittleEndian(rom.AsSpan(GdtCopy + (i * 8)), _gdt[i]);
        code.ToArray().CopyTo(rom, CodeOffset);
        return rom;
    }

    private static void WritePointer(byte[] rom, int at, int limit, uint address)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(rom.AsSpan(at), (ushort)limit);
        BinaryPrimitives.WriteUInt32LittleEndian(rom.AsSpan(at + 2), address);
    }

    /// <summary>Copies the tables to RAM and fills the IDT.</summary>
    private void SetUp()
    {
        Assembler.mov(eax, Data);
        foreach (AssemblerRegisterSegment segment in (AssemblerRegisterSegment[])[ds, es, ss, fs, gs]) Assembler.mov(segment, eax);
        Assembler.mov(esp, Stack);
        Assembler.cld();
        Assembler.mov(esi, RomBase + GdtCopy);
        Assembler.mov(edi, Gdt);
        Assembler.mov(ecx, _gdt.Length * 2);
        Assembler.rep.movsd();
        Assembler.lgdt(__[RomBase + NewGdtPointer]);
        for (var vector = 0; vector < Exceptions; vector++) SetGate(vector, _stubs[vector], InterruptGate);
        SetGate(Done, _stubs[Exceptions], UserInterruptGate);
        Assembler.lidt(__[RomBase + IdtPointer]);
        Assembler.mov(__dword_ptr[Tss + 4], KernelStack);
        Assembler.mov(__dword_ptr[Tss + 8], Data);
        Assembler.mov(eax, TaskState);
        Assembler.ltr(ax);
        Assembler.mov(__dword_ptr[Landing], 0x80CD_C88C); // mov eax, cs; int 80h
    }

    private void SetGate(int vector, Label stub, byte access)
    {
        JumpTo(stub);
        Assembler.mov(__word_ptr[Idt + (vector * 8)], ax);
        Assembler.shr(eax, 16);
        Assembler.mov(__word_ptr[Idt + (vector * 8) + 6], ax);
        Assembler.mov(__word_ptr[Idt + (vector * 8) + 2], Code);
        Assembler.mov(__word_ptr[Idt + (vector * 8) + 4], access << 8);
    }

    /// <summary>Into EAX, the address of a jump to the label: in 32-bit code an assembler's labels are only good for jumps.</summary>
    private void JumpTo(Label label)
    {
        Label over = Assembler.CreateLabel();
        Assembler.call(over);
        Assembler.jmp(label);
        Assembler.Label(ref over);
        Assembler.pop(eax);
    }

    private Label Begin()
    {
        Label after = Assembler.CreateLabel();
        JumpTo(after);
        Assembler.mov(__dword_ptr[Resume], eax);
        Assembler.mov(__dword_ptr[SavedEsp], esp);
        return after;
    }

    private void End(Label after)
    {
        Assembler.@int(Done);
        Assembler.Label(ref after);
        Assembler.call(_report);
    }

    private void Routines()
    {
        for (var i = 0; i < _stubs.Length; i++)
        {
            Assembler.Label(ref _stubs[i]);
            if (!WithErrorCode.Contains(i)) Assembler.push(0);
            Assembler.push(i == Exceptions ? Done : i);
            Assembler.jmp(_common);
        }

        WriteCommon();
        WriteReport();
        WriteHex();
    }

    /// <summary>All exceptions come here, with vector and error code on the stack, and go on after the attempt.</summary>
    private void WriteCommon()
    {
        Label common = _common;
        Assembler.Label(ref common);
        Assembler.push(eax);
        Assembler.mov(eax, Data);
        Assembler.mov(ds, eax);
        foreach (uint variable in (uint[])[Result, Vector, Error]) Assembler.pop(__dword_ptr[variable]);
        Assembler.mov(eax, cr2);
        Assembler.mov(__dword_ptr[PageFaultAddress], eax);
        Assembler.mov(eax, Data);
        foreach (AssemblerRegisterSegment segment in (AssemblerRegisterSegment[])[es, ss, fs, gs]) Assembler.mov(segment, eax);
        Assembler.mov(esp, __dword_ptr[SavedEsp]);
        Assembler.jmp(__dword_ptr[Resume]);
    }

    private void WriteReport()
    {
        Label report = _report;
        Assembler.Label(ref report);
        Print(" ");
        PrintVariable(Vector, 2);
        Print(":");
        PrintVariable(Error, 4);
        Print(":");
        PrintVariable(Result, 8);
        Assembler.ret();
    }

    /// <summary>Prints the lowest ECX digits of EAX.</summary>
    private void WriteHex()
    {
        Label hex = _hex, next = Assembler.CreateLabel(), letter = Assembler.CreateLabel(), print = Assembler.CreateLabel();
        Assembler.Label(ref hex);
        Assembler.mov(ebx, eax);
        Assembler.push(ecx);
        Assembler.neg(ecx);
        Assembler.lea(ecx, __[(ecx * 4) + 32]);
        Assembler.shl(ebx, cl);
        Assembler.pop(ecx);
        Assembler.Label(ref next);
        Assembler.rol(ebx, 4);
        Assembler.mov(al, bl);
        Assembler.and(al, 15);
        Assembler.cmp(al, 10);
        Assembler.jae(letter);
        Assembler.add(al, (byte)'0');
        Assembler.jmp(print);
        Assembler.Label(ref letter);
        Assembler.add(al, (byte)'a' - 10);
        Assembler.Label(ref print);
        Assembler.@out(ConsolePort, al);
        Assembler.loop(next);
        Assembler.ret();
    }
}
