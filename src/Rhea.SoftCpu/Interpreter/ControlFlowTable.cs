using System.Numerics;
using Iced.Intel;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Which handler each jump, call, return, stack and string instruction has.</summary>
/// <remarks>UNSAFE: takes addresses of handlers. SAFETY: the compiler checks their signature.</remarks>
internal static unsafe class ControlFlowTable
{
    public static void Add(HandlerTable table)
    {
        AddNear<ushort>(table, Code.Jmp_rel8_16, Code.Jmp_rel16, Code.Jmp_rm16, Code.Call_rel16, Code.Call_rm16, Code.Retnw, Code.Retnw_imm16);
        AddNear<uint>(table, Code.Jmp_rel8_32, Code.Jmp_rel32_32, Code.Jmp_rm32, Code.Call_rel32_32, Code.Call_rm32, Code.Retnd, Code.Retnd_imm16);
        AddNear<ulong>(table, Code.Jmp_rel8_64, Code.Jmp_rel32_64, Code.Jmp_rm64, Code.Call_rel32_64, Code.Call_rm64, Code.Retnq, Code.Retnq_imm16);
        AddLoop<ushort, ushort>(table, Code.Loop_rel8_16_CX, Code.Loope_rel8_16_CX, Code.Loopne_rel8_16_CX, Code.Jcxz_rel8_16);
        AddLoop<ushort, uint>(table, Code.Loop_rel8_32_CX, Code.Loope_rel8_32_CX, Code.Loopne_rel8_32_CX, Code.Jcxz_rel8_32);
        AddLoop<uint, ushort>(table, Code.Loop_rel8_16_ECX, Code.Loope_rel8_16_ECX, Code.Loopne_rel8_16_ECX, Code.Jecxz_rel8_16);
        AddLoop<uint, uint>(table, Code.Loop_rel8_32_ECX, Code.Loope_rel8_32_ECX, Code.Loopne_rel8_32_ECX, Code.Jecxz_rel8_32);
        AddLoop<uint, ulong>(table, Code.Loop_rel8_64_ECX, Code.Loope_rel8_64_ECX, Code.Loopne_rel8_64_ECX, Code.Jecxz_rel8_64);
        AddLoop<ulong, ushort>(table, Code.Loop_rel8_16_RCX, Code.Loope_rel8_16_RCX, Code.Loopne_rel8_16_RCX, Code.Jrcxz_rel8_16);
        AddLoop<ulong, ulong>(table, Code.Loop_rel8_64_RCX, Code.Loope_rel8_64_RCX, Code.Loopne_rel8_64_RCX, Code.Jrcxz_rel8_64);
        AddFar(table);
        AddInterrupts(table);
        AddStacks(table);
        AddStrings<byte>(table, Code.Movsb_m8_m8, Code.Stosb_m8_AL, Code.Lodsb_AL_m8, Code.Scasb_AL_m8, Code.Cmpsb_m8_m8);
        AddStrings<ushort>(table, Code.Movsw_m16_m16, Code.Stosw_m16_AX, Code.Lodsw_AX_m16, Code.Scasw_AX_m16, Code.Cmpsw_m16_m16);
        AddStrings<uint>(table, Code.Movsd_m32_m32, Code.Stosd_m32_EAX, Code.Lodsd_EAX_m32, Code.Scasd_EAX_m32, Code.Cmpsd_m32_m32);
        AddStrings<ulong>(table, Code.Movsq_m64_m64, Code.Stosq_m64_RAX, Code.Lodsq_RAX_m64, Code.Scasq_RAX_m64, Code.Cmpsq_m64_m64);
        AddPortStrings(table);
    }

    private static void AddNear<T>(HandlerTable table, Code jumpShort, Code jump, Code jumpTo, Code call, Code callTo, Code ret, Code retImmediate)
        where T : unmanaged, IBinaryInteger<T>
    {
        table.Add(jumpShort, &ControlFlow<T>.Jump);
        table.Add(jump, &ControlFlow<T>.Jump);
        table.Add(jumpTo, &ControlFlow<T>.JumpRegister, &ControlFlow<T>.JumpMemory);
        table.Add(call, &ControlFlow<T>.Call);
        table.Add(callTo, &ControlFlow<T>.CallRegister, &ControlFlow<T>.CallMemory);
        table.Add(ret, &ControlFlow<T>.Return);
        table.Add(retImmediate, &ControlFlow<T>.ReturnImmediate);
    }

    private static void AddLoop<TCount, T>(HandlerTable table, Code loop, Code loopEqual, Code loopNotEqual, Code jumpIfZero)
        where TCount : unmanaged, IBinaryInteger<TCount>
        where T : unmanaged, IBinaryInteger<T>
    {
        table.Add(loop, &Loops<TCount, T>.Loop);
        table.Add(loopEqual, &Loops<TCount, T>.LoopEqual);
        table.Add(loopNotEqual, &Loops<TCount, T>.LoopNotEqual);
        table.Add(jumpIfZero, &Loops<TCount, T>.JumpIfZero);
    }

    private static void AddFar(HandlerTable table)
    {
        table.Add(Code.Jmp_ptr1616, &FarTransfers.Jump16);
        table.Add(Code.Jmp_ptr1632, &FarTransfers.Jump32);
        table.Add(Code.Jmp_m1616, &FarTransfers.JumpMemory16);
        table.Add(Code.Jmp_m1632, &FarTransfers.JumpMemory32);
        table.Add(Code.Jmp_m1664, &FarTransfers.JumpMemory64);
        table.Add(Code.Call_ptr1616, &FarTransfers.Call16);
        table.Add(Code.Call_ptr1632, &FarTransfers.Call32);
        table.Add(Code.Call_m1616, &FarTransfers.CallMemory16);
        table.Add(Code.Call_m1632, &FarTransfers.CallMemory32);
        table.Add(Code.Call_m1664, &FarTransfers.CallMemory64);
        table.Add(Code.Retfw, &FarReturns.Return16);
        table.Add(Code.Retfd, &FarReturns.Return32);
        table.Add(Code.Retfq, &FarReturns.Return64);
        table.Add(Code.Retfw_imm16, &FarReturns.Return16);
        table.Add(Code.Retfd_imm16, &FarReturns.Return32);
        table.Add(Code.Retfq_imm16, &FarReturns.Return64);
        table.Add(Code.Iretw, &FarReturns.Interrupt16);
        table.Add(Code.Iretd, &FarReturns.Interrupt32);
        table.Add(Code.Iretq, &FarReturns.Interrupt64);
    }

    private static void AddInterrupts(HandlerTable table)
    {
        table.Add(Code.Int_imm8, &SoftwareInterrupts.Int);
        table.Add(Code.Int3, &SoftwareInterrupts.Int3);
        table.Add(Code.Int1, &SoftwareInterrupts.Int1);
        table.Add(Code.Into, &SoftwareInterrupts.Into);
    }

    private static void AddStacks(HandlerTable table)
    {
        AddStack<ushort>(table, Code.Push_r16, Code.Pop_r16, Code.Push_rm16, Code.Pop_rm16, Code.Push_imm16, Code.Pushw_imm8,
            Code.Pushfw, Code.Popfw, Code.Leavew, Code.Enterw_imm16_imm8);
        AddStack<uint>(table, Code.Push_r32, Code.Pop_r32, Code.Push_rm32, Code.Pop_rm32, Code.Pushd_imm32, Code.Pushd_imm8,
            Code.Pushfd, Code.Popfd, Code.Leaved, Code.Enterd_imm16_imm8);
        AddStack<ulong>(table, Code.Push_r64, Code.Pop_r64, Code.Push_rm64, Code.Pop_rm64, Code.Pushq_imm32, Code.Pushq_imm8,
            Code.Pushfq, Code.Popfq, Code.Leaveq, Code.Enterq_imm16_imm8);
        table.Add(Code.Pushaw, &Stack<ushort>.PushAll);
        table.Add(Code.Pushad, &Stack<uint>.PushAll);
        table.Add(Code.Popaw, &Stack<ushort>.PopAll);
        table.Add(Code.Popad, &Stack<uint>.PopAll);
        foreach (Code code in (Code[])[Code.Pushw_ES, Code.Pushw_CS, Code.Pushw_SS, Code.Pushw_DS, Code.Pushw_FS, Code.Pushw_GS]) table.Add(code, &Stack<ushort>.PushSegment);
        foreach (Code code in (Code[])[Code.Pushd_ES, Code.Pushd_CS, Code.Pushd_SS, Code.Pushd_DS, Code.Pushd_FS, Code.Pushd_GS]) table.Add(code, &Stack<uint>.PushSegment);
        foreach (Code code in (Code[])[Code.Pushq_FS, Code.Pushq_GS]) table.Add(code, &Stack<ulong>.PushSegment);
        foreach (Code code in (Code[])[Code.Popw_ES, Code.Popw_SS, Code.Popw_DS, Code.Popw_FS, Code.Popw_GS]) table.Add(code, &Stack<ushort>.PopSegment);
        foreach (Code code in (Code[])[Code.Popd_ES, Code.Popd_SS, Code.Popd_DS, Code.Popd_FS, Code.Popd_GS]) table.Add(code, &Stack<uint>.PopSegment);
        foreach (Code code in (Code[])[Code.Popq_FS, Code.Popq_GS]) table.Add(code, &Stack<ulong>.PopSegment);
    }

    private static void AddStack<T>(HandlerTable table, Code push, Code pop, Code pushMemory, Code popMemory, Code pushImmediate, Code pushImmediate8,
        Code pushFlags, Code popFlags, Code leave, Code enter)
        where T : unmanaged, IBinaryInteger<T>
    {
        table.Add(push, &Stack<T>.PushRegister);
        table.Add(pop, &Stack<T>.PopRegister);
        table.Add(pushMemory, &Stack<T>.PushRegister, &Stack<T>.PushMemory);
        table.Add(popMemory, &Stack<T>.PopRegister, &Stack<T>.PopMemory);
        table.Add(pushImmediate, &Stack<T>.PushImmediate);
        table.Add(pushImmediate8, &Stack<T>.PushImmediate);
        table.Add(pushFlags, &Stack<T>.PushFlags);
        table.Add(popFlags, &Stack<T>.PopFlags);
        table.Add(leave, &Stack<T>.Leave);
        table.Add(enter, &Stack<T>.Enter);
    }

    private static void AddStrings<T>(HandlerTable table, Code move, Code store, Code load, Code scan, Code compare) where T : unmanaged, IBinaryInteger<T>
    {
        table.Add(move, &Strings<T>.Run<Strings<T>.Move>);
        table.Add(store, &Strings<T>.Run<Strings<T>.Store>);
        table.Add(load, &Strings<T>.Run<Strings<T>.Load>);
        table.Add(scan, &Strings<T>.Run<Strings<T>.Scan>);
        table.Add(compare, &Strings<T>.Run<Strings<T>.Compare>);
    }

    private static void AddPortStrings(HandlerTable table)
    {
        table.Add(Code.Insb_m8_DX, &Strings<byte>.Input);
        table.Add(Code.Insw_m16_DX, &Strings<ushort>.Input);
        table.Add(Code.Insd_m32_DX, &Strings<uint>.Input);
        table.Add(Code.Outsb_DX_m8, &Strings<byte>.Output);
        table.Add(Code.Outsw_DX_m16, &Strings<ushort>.Output);
        table.Add(Code.Outsd_DX_m32, &Strings<uint>.Output);
    }
}
