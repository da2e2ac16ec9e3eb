using Iced.Intel;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.GuestTests;

/// <summary>Instructions and addresses that 64-bit code does not have, which a 64-bit host may be unable to show: here and in Debian's QEMU.</summary>
public class LegacyInstructionTests
{
    private const uint Variable = 0x580, StackTop = 0x7800;
    private const int Carry = 1, Parity = 4, Adjust = 0x10, Zero = 0x40, Sign = 0x80;

    /// <summary>Every value of AL with both values of CF and AF; printed are AX and the flags that are defined.</summary>
    [Theory]
    [InlineData("aaa", new byte[] { 0x37 }, Carry | Adjust)]
    [InlineData("aas", new byte[] { 0x3F }, Carry | Adjust)]
    [InlineData("daa", new byte[] { 0x27 }, Carry | Parity | Adjust | Zero | Sign)]
    [InlineData("das", new byte[] { 0x2F }, Carry | Parity | Adjust | Zero | Sign)]
    [InlineData("aam", new byte[] { 0xD4, 10 }, Parity | Zero | Sign)]
    [InlineData("aam 7", new byte[] { 0xD4, 7 }, Parity | Zero | Sign)]
    [InlineData("aam 0", new byte[] { 0xD4, 0 }, 0)]
    [InlineData("aad", new byte[] { 0xD5, 10 }, Parity | Zero | Sign)]
    [InlineData("aad F1", new byte[] { 0xD5, 0xF1 }, Parity | Zero | Sign)]
    [InlineData("salc", new byte[] { 0xD6 }, Carry | Parity | Adjust | Zero | Sign)]
    public async Task Decimal_arithmetic_is_what_it_was(string name, byte[] instruction, int defined)
    {
        var system = new SystemCode();
        system.For(SystemCode.Entry, 0, 0x400, 1, () =>
        {
            system.Print($"\n{name} ");
            system.PrintVariable(SystemCode.Entry, 3);
            system.Try(code =>
            {
                code.mov(ebx, __dword_ptr[SystemCode.Entry]);
                code.mov(ecx, ebx);
                code.shr(ecx, 8);
                code.mov(edx, ecx);
                code.and(ecx, 1);      // CF
                code.and(edx, 2);
                code.shl(edx, 3);      // AF
                code.or(ecx, edx);
                code.push(ecx);
                code.popfd();
                code.mov(eax, 0x3700);
                code.mov(al, bl);
                code.db(instruction);
                code.pushfd();
                code.pop(ebx);
                code.and(ebx, defined);
                code.shl(ebx, 16);
                code.or(eax, ebx);
            });
        });

        await SystemTests.AgreesWithQemu(system);
    }

    /// <summary>Every form of a 16-bit address, with sums that wrap at 64 KiB, in 32-bit code.</summary>
    [Fact]
    public async Task Sixteen_bit_addresses_wrap()
    {
        var system = new SystemCode();
        for (var form = 0; form < 0xC0; form++)
        {
            if ((form & 0x38) != 0) continue; // the register is EAX
            byte[] displacement = (form >> 6) switch { 0 => form == 6 ? [0x34, 0x12] : [], 1 => [0x80], _ => [0xF0, 0xFF] };
            foreach (byte operation in (byte[])[0x8D, 0x8B]) // LEA, and a load
            {
                system.Print($"\n{operation:x2} {form:x2}");
                system.Try(code =>
                {
                    code.mov(ebx, 0x1234_FF10);
                    code.mov(ebp, 0x4321_0140);
                    code.mov(esi, 0x7777_0123);
                    code.mov(edi, unchecked((int)0x8888_FFF8));
                    code.db((byte[])[0x67, operation, (byte)form, .. displacement]);
                });
            }
        }

        await SystemTests.AgreesWithQemu(system);
    }

    [Fact]
    public async Task Other_instructions_do_what_they_did()
    {
        var attempts = new Dictionary<string, Action<Assembler>>
        {
            ["pusha"] = code => { Fill(code); code.db(0x66, 0x60); Sum(code, 16); },
            ["pushad"] = code => { Fill(code); code.pushad(); Sum(code, 32); },
            ["popa"] = code => { Fill(code); code.db(0x66, 0x60); code.xor(ebx, ebx); code.xor(edi, edi); code.db(0x66, 0x61); Mix(code); },
            ["popad"] = code => { Fill(code); code.pushad(); code.xor(ebx, ebx); code.xor(edi, edi); code.popad(); Mix(code); },
            ["push es"] = code => { code.push(unchecked((int)0xABCD_EF01)); code.pop(eax); code.push(es); code.pop(eax); },
            ["pop ds"] = code => { code.push(SystemCode.Data); code.pop(ds); code.mov(eax, ds); },
            ["pop ss"] = code => { code.push(SystemCode.Data); code.pop(ss); code.mov(eax, ss); },
            ["les"] = code => { Pointer(code, SystemCode.Data); code.les(eax, __fword_ptr[Variable]); code.mov(edx, es); code.add(eax, edx); },
            ["lds"] = code => { Pointer(code, SystemCode.Data); code.lds(eax, __fword_ptr[Variable]); code.mov(edx, ds); code.add(eax, edx); },
            ["lss of a null selector"] = code => { Pointer(code, 0); code.lss(eax, __fword_ptr[Variable]); },
            ["les of nothing"] = code => { Pointer(code, 0x7FF8); code.les(eax, __fword_ptr[Variable]); },
            ["bound below"] = code => Bound(code, 4),
            ["bound at the first"] = code => Bound(code, 5),
            ["bound at the last"] = code => Bound(code, 9),
            ["bound above"] = code => Bound(code, 10),
            ["arpl up"] = code => { code.mov(eax, 0x10); code.mov(ecx, 3); code.arpl(ax, cx); Flags(code); },
            ["arpl not"] = code => { code.mov(eax, 0x13); code.mov(ecx, 2); code.arpl(ax, cx); Flags(code); },
            ["into not"] = code => { code.xor(eax, eax); code.into(); },
            ["enter 0"] = code => Enter(code, 0x10, 0),
            ["enter 1"] = code => Enter(code, 0x10, 1),
            ["enter 4"] = code => Enter(code, 0x20, 4),
            ["enter 63"] = code => Enter(code, 0x20, 63),
            ["xlat by BX"] = code => { code.mov(__dword_ptr[Variable], 0x4433_2211); code.mov(ebx, 0x7_0000 | (int)Variable - 0x100); code.mov(eax, 0xFFFF_FF02u); code.mov(ecx, 0x102); code.mov(al, 0xFF); code.add(ebx, 3); code.db(0x67, 0xD7); },
            ["jcxz"] = code => Jump(code, 0x5_0000, skip => code.db(0x67, 0xE3, 0x05)),
            ["jecxz"] = code => Jump(code, 0x5_0000, skip => code.db(0xE3, 0x05)),
            ["loop by CX"] = code => Jump(code, 0x5_0001, skip => code.db(0x67, 0xE2, 0x05)),
            ["loope by CX"] = code => Jump(code, 0x5_0002, skip => code.db(0x67, 0xE1, 0x05)),
            ["movs by 16 bits"] = code =>
            {
                code.mov(__dword_ptr[0x1_0600], 0); // not there
                code.mov(esi, 0x1_0500);
                code.mov(edi, 0x1_0600);
                code.mov(ecx, 0x7_0004);
                code.db(0x67, 0xF3, 0xA4);
                code.mov(eax, esi);
                code.add(eax, edi);
                code.add(eax, ecx);
            },
            ["sgdt"] = code => { code.sgdt(__[Variable]); code.mov(eax, __dword_ptr[Variable + 2]); },
            ["smsw in memory"] = code => { code.mov(__dword_ptr[Variable], -1); code.smsw(__word_ptr[Variable]); code.mov(eax, __dword_ptr[Variable]); },
            ["str"] = code => { code.mov(eax, -1); code.str(eax); },
            ["82: a second form of 80"] = code => { code.mov(eax, 0x10); code.db(0x82, 0xC0, 0x05); },
            ["push imm8 of 16 bits"] = code => { code.push(0); code.db(0x66, 0x6A, 0x85); code.pop(ax); code.pop(ecx); },
            ["ret of 16 bits"] = code => { code.push(0); code.db(0x66, 0x68, (byte)(SystemCode.Landing & 0xFF), (byte)(SystemCode.Landing >> 8)); code.db(0x66, 0xC3); },
            ["far call by immediate"] = code => { code.db(0x9A); code.dd(SystemCode.Landing); code.dw((ushort)SystemCode.Code); },
            ["far jump by immediate"] = code => { code.db(0xEA); code.dd(SystemCode.Landing); code.dw((ushort)SystemCode.Code); },
            ["far jump to nothing"] = code => { code.db(0xEA); code.dd(SystemCode.Landing); code.dw((ushort)0x7FF8); },
            ["far jump to data"] = code => { code.db(0xEA); code.dd(SystemCode.Landing); code.dw((ushort)SystemCode.Data); },
            ["inc keeps CF"] = code => { code.stc(); code.mov(eax, 0x7FFF_FFFF); code.inc(eax); Flags(code); },
            ["dec of a word"] = code => { code.stc(); code.mov(eax, 0x8_8000); code.dec(ax); Flags(code); },
        };
        var system = new SystemCode();
        foreach ((string name, Action<Assembler> attempt) in attempts)
        {
            system.Print($"\n{name}:");
            system.Try(attempt);
        }

        await SystemTests.AgreesWithQemu(system);
    }

    /// <summary>A value for each register, the same stack for all.</summary>
    private static void Fill(Assembler code)
    {
        code.mov(esp, StackTop);
        AssemblerRegister32[] registers = [eax, ecx, edx, ebx, ebp, esi, edi];
        for (var i = 0; i < registers.Length; i++) code.mov(registers[i], unchecked((int)(0x1357_9BDFu * (uint)(i + 1))));
    }

    /// <summary>Into EAX, what is on the stack, in a way that order changes.</summary>
    private static void Sum(Assembler code, int bytes)
    {
        code.xor(eax, eax);
        for (var at = 0; at < bytes; at += 4)
        {
            code.rol(eax, 5);
            code.xor(eax, __dword_ptr[StackTop - bytes + at]);
        }

        code.add(eax, esp);
    }

    /// <summary>Into EAX, all registers, in a way that order changes.</summary>
    private static void Mix(Assembler code)
    {
        foreach (AssemblerRegister32 register in (AssemblerRegister32[])[ecx, edx, ebx, ebp, esi, edi, esp])
        {
            code.rol(eax, 5);
            code.xor(eax, register);
        }
    }

    private static void Flags(Assembler code)
    {
        code.pushfd();
        code.pop(ecx);
        code.and(ecx, 0x8D5);
        code.shl(ecx, 16);
        code.xor(eax, ecx);
    }

    private static void Pointer(Assembler code, int selector)
    {
        code.mov(__dword_ptr[Variable], 0x1234_5678);
        code.mov(__dword_ptr[Variable + 4], selector);
    }

    private static void Bound(Assembler code, int index)
    {
        code.mov(__dword_ptr[Variable], 5);
        code.mov(__dword_ptr[Variable + 4], 9);
        code.mov(eax, index);
        code.bound(eax, __qword_ptr[Variable]);
    }

    private static void Enter(Assembler code, short size, sbyte level)
    {
        code.mov(esp, StackTop);
        code.mov(ebp, StackTop - 0x400);
        for (uint at = StackTop - 0x500; at < StackTop - 0x400; at += 4) code.mov(__dword_ptr[at], at * 3);
        code.enter(size, level);
        code.mov(eax, esp);
        code.shl(eax, 8);
        code.xor(eax, ebp);
        code.add(eax, __dword_ptr[esp + size]);
        code.leave();
        code.xor(eax, ebp);
    }

    /// <summary>EAX tells whether a jump over a five-byte instruction was taken, and ECX after it.</summary>
    private static void Jump(Assembler code, int counter, Action<Assembler> jump)
    {
        code.mov(ecx, counter);
        code.xor(eax, eax);
        jump(code);
        code.db(0xB8, 0x00, 0x10, 0x00, 0x00); // mov eax, 1000h
        code.add(eax, ecx);
    }
}
