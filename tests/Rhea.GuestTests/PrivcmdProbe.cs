using System.Buffers.Binary;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.GuestTests;

/// <summary>
/// A static Linux program of a few instructions: <c>probe PID</c> takes copies of all files that another process has open, as root may, and tries on
/// each what only privcmd can do and a restricted one refuses. "allowed 2, refused 0" is one privcmd that may do both.
/// </summary>
internal static class PrivcmdProbe
{
    private const ulong LoadAddress = 0x40_0000, CodeOffset = 0x78;
    private const int Write = 1, Ioctl = 16, Exit = 60, PidfdOpen = 434, PidfdGetfd = 438, Files = 256, NotPermitted = -1;
    private const int HypercallIoctl = 0x30_5000, DmOpIoctl = 0x10_5005, XenVersion = 17;

    /// <summary>ELF, one segment.</summary>
    public static byte[] Program()
    {
        byte[] code = GuestCode.Assemble(WriteCode, LoadAddress + CodeOffset, 64);
        var program = new byte[CodeOffset + (ulong)code.Length];
        Span<byte> header = program;
        ((byte[])[0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1]).CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[16..], 0x003E_0002); // an executable for x86-64
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], LoadAddress + CodeOffset);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], 64);
        BinaryPrimitives.WriteUInt32LittleEndian(header[52..], 0x0038_0040);
        BinaryPrimitives.WriteUInt16LittleEndian(header[56..], 1);
        Span<byte> segment = header[64..];
        BinaryPrimitives.WriteUInt32LittleEndian(segment, 1);
        BinaryPrimitives.WriteUInt32LittleEndian(segment[4..], 5); // read and execute
        BinaryPrimitives.WriteUInt64LittleEndian(segment[16..], LoadAddress);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[24..], LoadAddress);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[32..], (ulong)program.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[40..], (ulong)program.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[48..], 0x1000);
        code.CopyTo(program, (int)CodeOffset);
        return program;
    }

    /// <summary>R12: the process; R13: its file; R14: what was allowed; R15: what was refused; R8 to R11 belong to the kernel.</summary>
    private static void WriteCode(Assembler code)
    {
        Label digit = code.CreateLabel(), number = code.CreateLabel(), next = code.CreateLabel(), skip = code.CreateLabel();
        code.mov(rsi, __qword_ptr[rsp + 16]);
        code.xor(edi, edi);
        code.Label(ref digit);
        code.movzx(eax, __byte_ptr[rsi]);
        code.inc(rsi);
        code.sub(eax, '0');
        code.js(number);
        code.imul(edi, edi, 10);
        code.add(edi, eax);
        code.jmp(digit);
        code.Label(ref number);
        Call(code, PidfdOpen, () => code.xor(esi, esi));
        code.mov(r12, rax);
        code.xor(r13d, r13d);
        code.xor(r14d, r14d);
        code.xor(r15d, r15d);

        code.Label(ref next);
        code.mov(rdi, r12);
        code.mov(rsi, r13);
        Call(code, PidfdGetfd, () => code.xor(edx, edx));
        code.test(rax, rax);
        code.js(skip);
        code.mov(rbx, rax);
        Try(code, HypercallIoctl, XenVersion);
        Try(code, DmOpIoctl, 0); // of domain 0, with no buffers: nothing to do
        code.Label(ref skip);
        code.inc(r13d);
        code.cmp(r13d, Files);
        code.jb(next);

        Print(code, "allowed ");
        PrintDigit(code, r14b);
        Print(code, ", refused ");
        PrintDigit(code, r15b);
        Print(code, "\n");
        code.xor(edi, edi);
        Call(code, Exit, () => { });
    }

    /// <summary>On file RBX. The structure is on the stack: a number, then zeros.</summary>
    private static void Try(Assembler code, int request, int number)
    {
        Label refused = code.CreateLabel(), done = code.CreateLabel();
        for (var i = 0; i < 5; i++) code.push(0);
        code.push(number);
        code.mov(rdi, rbx);
        code.mov(esi, request);
        Call(code, Ioctl, () => code.mov(rdx, rsp));
        code.add(rsp, 48);
        code.test(rax, rax);
        code.js(refused);
        code.inc(r14d);
        code.jmp(done);
        code.Label(ref refused);
        code.cmp(rax, NotPermitted);
        code.jne(done);
        code.inc(r15d);
        code.Label(ref done);
        code.nop();
    }

    private static void Print(Assembler code, string text)
    {
        foreach (char letter in text)
        {
            code.push(letter);
            PrintTop(code);
        }
    }

    private static void PrintDigit(Assembler code, AssemblerRegister8 number)
    {
        code.movzx(eax, number);
        code.add(eax, '0');
        code.push(rax);
        PrintTop(code);
    }

    private static void PrintTop(Assembler code)
    {
        code.mov(edi, 1);
        code.mov(rsi, rsp);
        Call(code, Write, () => code.mov(edx, 1));
        code.pop(rax);
    }

    private static void Call(Assembler code, int number, Action lastArgument)
    {
        lastArgument();
        code.mov(eax, number);
        code.syscall();
    }
}
