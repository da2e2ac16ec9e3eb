using System.Numerics;
using Iced.Intel;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Which handler each shift and rotate has.</summary>
/// <remarks>UNSAFE: takes addresses of handlers. SAFETY: the compiler checks their signature.</remarks>
internal static unsafe class ShiftTable
{
    public static void Add(HandlerTable table)
    {
        AddShift<RolShift>(table, 0);
        AddShift<RorShift>(table, 1);
        AddShift<RclShift>(table, 2);
        AddShift<RcrShift>(table, 3);
        AddShift<ShlShift>(table, 4);
        AddShift<ShrShift>(table, 5);
        AddShift<ShlShift>(table, 6); // SAL, the other encoding
        AddShift<SarShift>(table, 7);
        AddDouble<ushort>(table, 0);
        AddDouble<uint>(table, 1);
        AddDouble<ulong>(table, 2);
    }

    private static void AddShift<TShift>(HandlerTable table, int number) where TShift : struct, IShift
    {
        AddSize<TShift, byte>(table, Code.Rol_rm8_imm8 + number, Code.Rol_rm8_1 + number, Code.Rol_rm8_CL + number);
        int word = number * 3;
        AddSize<TShift, ushort>(table, Code.Rol_rm16_imm8 + word, Code.Rol_rm16_1 + word, Code.Rol_rm16_CL + word);
        AddSize<TShift, uint>(table, Code.Rol_rm32_imm8 + word, Code.Rol_rm32_1 + word, Code.Rol_rm32_CL + word);
        AddSize<TShift, ulong>(table, Code.Rol_rm64_imm8 + word, Code.Rol_rm64_1 + word, Code.Rol_rm64_CL + word);
    }

    private static void AddSize<TShift, T>(HandlerTable table, Code immediate, Code one, Code cl)
        where TShift : struct, IShift
        where T : unmanaged, IBinaryInteger<T>
    {
        table.Add(immediate, &Shift<TShift, T>.RegisterImmediate, &Shift<TShift, T>.MemoryImmediate);
        table.Add(one, &Shift<TShift, T>.RegisterImmediate, &Shift<TShift, T>.MemoryImmediate);
        table.Add(cl, &Shift<TShift, T>.RegisterCl, &Shift<TShift, T>.MemoryCl);
    }

    private static void AddDouble<T>(HandlerTable table, int size) where T : unmanaged, IBinaryInteger<T>
    {
        table.Add(Code.Shld_rm16_r16_imm8 + size, &DoubleShift<T>.LeftImmediate, &DoubleShift<T>.MemoryLeftImmediate);
        table.Add(Code.Shld_rm16_r16_CL + size, &DoubleShift<T>.LeftCl, &DoubleShift<T>.MemoryLeftCl);
        table.Add(Code.Shrd_rm16_r16_imm8 + size, &DoubleShift<T>.RightImmediate, &DoubleShift<T>.MemoryRightImmediate);
        table.Add(Code.Shrd_rm16_r16_CL + size, &DoubleShift<T>.RightCl, &DoubleShift<T>.MemoryRightCl);
    }
}
