using System.Numerics;
using Iced.Intel;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Which handler each move has.</summary>
/// <remarks>UNSAFE: takes addresses of handlers. SAFETY: the compiler checks their signature.</remarks>
internal static unsafe class MoveTable
{
    public static void Add(HandlerTable table)
    {
        AddSize<byte>(table, Code.Mov_rm8_r8, Code.Mov_r8_rm8, Code.Mov_r8_imm8, Code.Mov_rm8_imm8, Code.Mov_AL_moffs8, Code.Mov_moffs8_AL, Code.Xchg_rm8_r8);
        AddSize<ushort>(table, Code.Mov_rm16_r16, Code.Mov_r16_rm16, Code.Mov_r16_imm16, Code.Mov_rm16_imm16, Code.Mov_AX_moffs16, Code.Mov_moffs16_AX, Code.Xchg_rm16_r16);
        AddSize<uint>(table, Code.Mov_rm32_r32, Code.Mov_r32_rm32, Code.Mov_r32_imm32, Code.Mov_rm32_imm32, Code.Mov_EAX_moffs32, Code.Mov_moffs32_EAX, Code.Xchg_rm32_r32);
        AddSize<ulong>(table, Code.Mov_rm64_r64, Code.Mov_r64_rm64, Code.Mov_r64_imm64, Code.Mov_rm64_imm32, Code.Mov_RAX_moffs64, Code.Mov_moffs64_RAX, Code.Xchg_rm64_r64);
        AddWordSize<ushort>(table, Code.Lea_r16_m, Code.Xchg_r16_AX, Code.Bswap_r16, Code.Movbe_r16_m16, Code.Movbe_m16_r16);
        AddWordSize<uint>(table, Code.Lea_r32_m, Code.Xchg_r32_EAX, Code.Bswap_r32, Code.Movbe_r32_m32, Code.Movbe_m32_r32);
        AddWordSize<ulong>(table, Code.Lea_r64_m, Code.Xchg_r64_RAX, Code.Bswap_r64, Code.Movbe_r64_m64, Code.Movbe_m64_r64);
        table.Add(Code.Movnti_m32_r32, &Moves<uint>.Store);
        table.Add(Code.Movnti_m64_r64, &Moves<ulong>.Store);
        AddWidening(table);
        AddConditions(table);
        AddMisc(table);
        AddNops(table);
    }

    private static void AddSize<T>(HandlerTable table, Code store, Code load, Code immediate, Code storeImmediate, Code fromOffset, Code toOffset, Code exchange)
        where T : unmanaged, IBinaryInteger<T>
    {
        table.Add(store, &Moves<T>.Register, &Moves<T>.Store);
        table.Add(load, &Moves<T>.Register, &Moves<T>.Load);
        table.Add(immediate, &Moves<T>.Immediate);
        table.Add(storeImmediate, &Moves<T>.Immediate, &Moves<T>.StoreImmediate);
        table.Add(fromOffset, &Moves<T>.Load);
        table.Add(toOffset, &Moves<T>.Store);
        table.Add(exchange, &Moves<T>.ExchangeRegister, &Moves<T>.ExchangeMemory, &Moves<T>.ExchangeMemory);
    }

    private static void AddWordSize<T>(HandlerTable table, Code lea, Code exchange, Code swap, Code loadSwapped, Code storeSwapped)
        where T : unmanaged, IBinaryInteger<T>
    {
        table.Add(lea, &Moves<T>.Lea);
        table.Add(exchange, &Moves<T>.ExchangeRegister);
        table.Add(swap, &Moves<T>.SwapBytes);
        table.Add(loadSwapped, &Moves<T>.LoadSwapped);
        table.Add(storeSwapped, &Moves<T>.StoreSwapped);
    }

    private static void AddWidening(HandlerTable table)
    {
        Add<byte, ushort>(table, Code.Movzx_r16_rm8);
        Add<byte, uint>(table, Code.Movzx_r32_rm8);
        Add<byte, ulong>(table, Code.Movzx_r64_rm8);
        Add<ushort, ushort>(table, Code.Movzx_r16_rm16);
        Add<ushort, uint>(table, Code.Movzx_r32_rm16);
        Add<ushort, ulong>(table, Code.Movzx_r64_rm16);
        Add<sbyte, ushort>(table, Code.Movsx_r16_rm8);
        Add<sbyte, uint>(table, Code.Movsx_r32_rm8);
        Add<sbyte, ulong>(table, Code.Movsx_r64_rm8);
        Add<short, ushort>(table, Code.Movsx_r16_rm16);
        Add<short, uint>(table, Code.Movsx_r32_rm16);
        Add<short, ulong>(table, Code.Movsx_r64_rm16);
        Add<ushort, ushort>(table, Code.Movsxd_r16_rm16);
        Add<uint, uint>(table, Code.Movsxd_r32_rm32);
        Add<int, ulong>(table, Code.Movsxd_r64_rm32);
        table.Add(Code.Cbw, &Widening<sbyte, ushort>.Accumulator);
        table.Add(Code.Cwde, &Widening<short, uint>.Accumulator);
        table.Add(Code.Cdqe, &Widening<int, ulong>.Accumulator);
        table.Add(Code.Cwd, &Widening<short, ushort>.Sign);
        table.Add(Code.Cdq, &Widening<int, uint>.Sign);
        table.Add(Code.Cqo, &Widening<long, ulong>.Sign);
    }

    private static void Add<TFrom, TTo>(HandlerTable table, Code code)
        where TFrom : unmanaged, IBinaryInteger<TFrom>
        where TTo : unmanaged, IBinaryInteger<TTo> =>
        table.Add(code, &Widening<TFrom, TTo>.Register, &Widening<TFrom, TTo>.Memory);

    private static void AddConditions(HandlerTable table)
    {
        AddPair<IfOverflow>(table, 0);
        AddPair<IfBelow>(table, 2);
        AddPair<IfEqual>(table, 4);
        AddPair<IfBelowOrEqual>(table, 6);
        AddPair<IfSign>(table, 8);
        AddPair<IfParity>(table, 10);
        AddPair<IfLess>(table, 12);
        AddPair<IfLessOrEqual>(table, 14);
    }

    private static void AddPair<TCondition>(HandlerTable table, int number) where TCondition : struct, ICondition
    {
        AddCondition<TCondition>(table, number);
        AddCondition<Not<TCondition>>(table, number + 1);
    }

    private static void AddCondition<TCondition>(HandlerTable table, int number) where TCondition : struct, ICondition
    {
        table.Add(Code.Seto_rm8 + number, &Conditional<TCondition>.SetRegister, &Conditional<TCondition>.SetMemory);
        Code first = Code.Cmovo_r16_rm16 + (number * 3);
        table.Add(first, &Conditional<TCondition>.MoveRegister<ushort>, &Conditional<TCondition>.MoveMemory<ushort>);
        table.Add(first + 1, &Conditional<TCondition>.MoveRegister<uint>, &Conditional<TCondition>.MoveMemory<uint>);
        table.Add(first + 2, &Conditional<TCondition>.MoveRegister<ulong>, &Conditional<TCondition>.MoveMemory<ulong>);
        AddJump<TCondition>(table, Code.Jo_rel8_16 + (number * 3));
        AddJump<TCondition>(table, Code.Jo_rel16 + (number * 3));
    }

    private static void AddJump<TCondition>(HandlerTable table, Code first) where TCondition : struct, ICondition
    {
        table.Add(first, &Jumps<TCondition>.Near<ushort>);
        table.Add(first + 1, &Jumps<TCondition>.Near<uint>);
        table.Add(first + 2, &Jumps<TCondition>.Near<ulong>);
    }

    private static void AddMisc(HandlerTable table)
    {
        table.Add(Code.Xlat_m8, &Misc.Xlat);
        table.Add(Code.Salc, &Misc.Salc);
        table.Add(Code.Lahf, &Misc.Lahf);
        table.Add(Code.Sahf, &Misc.Sahf);
        table.Add(Code.Stc, &Misc.SetCarry);
        table.Add(Code.Clc, &Misc.ClearCarry);
        table.Add(Code.Cmc, &Misc.ComplementCarry);
        table.Add(Code.Std, &Misc.SetDirection);
        table.Add(Code.Cld, &Misc.ClearDirection);
        table.Add(Code.Pause, &Misc.Pause);
        table.Add(Code.Bound_r16_m1616, &Misc.Bound<short>);
        table.Add(Code.Bound_r32_m3232, &Misc.Bound<int>);
        for (Code code = Code.Lfence; code <= Code.Sfence_FF; code++) table.Add(code, &Misc.Fence);
    }

    /// <summary>Prefetches, hints and the reserved NOPs touch nothing, and cannot fault.</summary>
    private static void AddNops(HandlerTable table)
    {
        foreach (Code code in (Code[])[Code.Nopw, Code.Nopd, Code.Nopq, Code.Nop_rm16, Code.Nop_rm32, Code.Nop_rm64,
            Code.Prefetch_m8, Code.Prefetchw_m8, Code.Prefetchwt1_m8, Code.Prefetchnta_m8, Code.Prefetcht0_m8, Code.Prefetcht1_m8, Code.Prefetcht2_m8,
            Code.Cldemote_m8, Code.Endbr32, Code.Endbr64])
            table.Add(code, &Misc.Nop);
        for (Code code = Code.Reservednop_rm16_r16_0F0D; code <= Code.Reservednop_rm64_r64_0F0D; code++) table.Add(code, &SoftwareInterrupts.Undefined, &Misc.Nop);
        foreach (Code code in (Code[])[Code.Clflush_m8, Code.Clflushopt_m8, Code.Clwb_m8]) table.Add(code, &Misc.FlushLine);
        for (Code code = Code.Reservednop_rm16_r16_0F18; code <= Code.Reservednop_rm64_r64_0F1F; code++) table.Add(code, &Misc.Nop);
    }
}
