using System.Numerics;
using Iced.Intel;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Which handler each of the two- and one-operand integer instructions has.</summary>
/// <remarks>UNSAFE: takes addresses of handlers. SAFETY: the compiler checks their signature. Iced numbers the sizes of a form in order.</remarks>
internal static unsafe class ArithmeticTable
{
    public static void Add(HandlerTable table)
    {
        AddGroup<AddOperation>(table, Code.Add_rm8_r8, 0);
        AddGroup<OrOperation>(table, Code.Or_rm8_r8, 1);
        AddGroup<AdcOperation>(table, Code.Adc_rm8_r8, 2);
        AddGroup<SbbOperation>(table, Code.Sbb_rm8_r8, 3);
        AddGroup<AndOperation>(table, Code.And_rm8_r8, 4);
        AddGroup<SubOperation>(table, Code.Sub_rm8_r8, 5);
        AddGroup<XorOperation>(table, Code.Xor_rm8_r8, 6);
        AddGroup<CmpOperation>(table, Code.Cmp_rm8_r8, 7);
        AddTest(table);
        AddUnary<NotOperation>(table, Code.Not_rm8, Code.Not_rm16);
        AddUnary<NegOperation>(table, Code.Neg_rm8, Code.Neg_rm16);
        AddUnary<IncOperation>(table, Code.Inc_rm8, Code.Inc_rm16);
        AddUnary<DecOperation>(table, Code.Dec_rm8, Code.Dec_rm16);
        table.Add(Code.Inc_r16, &Unary<IncOperation, ushort>.Register);
        table.Add(Code.Inc_r32, &Unary<IncOperation, uint>.Register);
        table.Add(Code.Dec_r16, &Unary<DecOperation, ushort>.Register);
        table.Add(Code.Dec_r32, &Unary<DecOperation, uint>.Register);
    }

    /// <summary>All encodings of one of the eight operations of the 8086.</summary>
    private static void AddGroup<TOperation>(HandlerTable table, Code first, int number) where TOperation : struct, IBinaryOperation
    {
        AddTwo<TOperation, byte>(table, first, first + 4, first + 8);
        AddTwo<TOperation, ushort>(table, first + 1, first + 5, first + 9);
        AddTwo<TOperation, uint>(table, first + 2, first + 6, first + 10);
        AddTwo<TOperation, ulong>(table, first + 3, first + 7, first + 11);
        AddImmediate<TOperation, byte>(table, Code.Add_rm8_imm8 + number);
        AddImmediate<TOperation, byte>(table, Code.Add_rm8_imm8_82 + number);
        AddImmediate<TOperation, ushort>(table, Code.Add_rm16_imm16 + (number * 3));
        AddImmediate<TOperation, uint>(table, Code.Add_rm32_imm32 + (number * 3));
        AddImmediate<TOperation, ulong>(table, Code.Add_rm64_imm32 + (number * 3));
        AddImmediate<TOperation, ushort>(table, Code.Add_rm16_imm8 + (number * 3));
        AddImmediate<TOperation, uint>(table, Code.Add_rm32_imm8 + (number * 3));
        AddImmediate<TOperation, ulong>(table, Code.Add_rm64_imm8 + (number * 3));
    }

    private static void AddTest(HandlerTable table)
    {
        AddTestSize<byte>(table, Code.Test_rm8_r8, Code.Test_AL_imm8, Code.Test_rm8_imm8, Code.Test_rm8_imm8_F6r1);
        AddTestSize<ushort>(table, Code.Test_rm16_r16, Code.Test_AX_imm16, Code.Test_rm16_imm16, Code.Test_rm16_imm16_F7r1);
        AddTestSize<uint>(table, Code.Test_rm32_r32, Code.Test_EAX_imm32, Code.Test_rm32_imm32, Code.Test_rm32_imm32_F7r1);
        AddTestSize<ulong>(table, Code.Test_rm64_r64, Code.Test_RAX_imm32, Code.Test_rm64_imm32, Code.Test_rm64_imm32_F7r1);
    }

    private static void AddTestSize<T>(HandlerTable table, Code register, Code accumulator, Code immediate, Code alias)
        where T : unmanaged, IBinaryInteger<T>
    {
        table.Add(register, &Binary<TestOperation, T>.RegisterRegister, &Binary<TestOperation, T>.MemoryRegister);
        table.Add(accumulator, &Binary<TestOperation, T>.RegisterImmediate);
        table.Add(immediate, &Binary<TestOperation, T>.RegisterImmediate, &Binary<TestOperation, T>.MemoryImmediate);
        table.Add(alias, &Binary<TestOperation, T>.RegisterImmediate, &Binary<TestOperation, T>.MemoryImmediate);
    }

    private static void AddTwo<TOperation, T>(HandlerTable table, Code toMemory, Code toRegister, Code accumulator)
        where TOperation : struct, IBinaryOperation
        where T : unmanaged, IBinaryInteger<T>
    {
        table.Add(toMemory, &Binary<TOperation, T>.RegisterRegister, &Binary<TOperation, T>.MemoryRegister, &Binary<TOperation, T>.LockedRegister);
        table.Add(toRegister, &Binary<TOperation, T>.RegisterRegister, &Binary<TOperation, T>.RegisterMemory);
        table.Add(accumulator, &Binary<TOperation, T>.RegisterImmediate);
    }

    private static void AddImmediate<TOperation, T>(HandlerTable table, Code code)
        where TOperation : struct, IBinaryOperation
        where T : unmanaged, IBinaryInteger<T> =>
        table.Add(code, &Binary<TOperation, T>.RegisterImmediate, &Binary<TOperation, T>.MemoryImmediate, &Binary<TOperation, T>.LockedImmediate);

    private static void AddUnary<TOperation>(HandlerTable table, Code code8, Code code16) where TOperation : struct, IUnaryOperation
    {
        AddUnarySize<TOperation, byte>(table, code8);
        AddUnarySize<TOperation, ushort>(table, code16);
        AddUnarySize<TOperation, uint>(table, code16 + 1);
        AddUnarySize<TOperation, ulong>(table, code16 + 2);
    }

    private static void AddUnarySize<TOperation, T>(HandlerTable table, Code code)
        where TOperation : struct, IUnaryOperation
        where T : unmanaged, IBinaryInteger<T> =>
        table.Add(code, &Unary<TOperation, T>.Register, &Unary<TOperation, T>.Memory, &Unary<TOperation, T>.Locked);
}
