using System.Numerics;
using Iced.Intel;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Which handler multiplications, bit instructions, exchanges and decimal adjustments have.</summary>
/// <remarks>UNSAFE: takes addresses of handlers. SAFETY: the compiler checks their signature.</remarks>
internal static unsafe class IntegerTable
{
    public static void Add(HandlerTable table)
    {
        AddMultiply<byte, sbyte>(table, Code.Mul_rm8, Code.Imul_rm8, Code.Div_rm8, Code.Idiv_rm8);
        AddMultiply<ushort, short>(table, Code.Mul_rm16, Code.Imul_rm16, Code.Div_rm16, Code.Idiv_rm16);
        AddMultiply<uint, int>(table, Code.Mul_rm32, Code.Imul_rm32, Code.Div_rm32, Code.Idiv_rm32);
        AddMultiply<ulong, long>(table, Code.Mul_rm64, Code.Imul_rm64, Code.Div_rm64, Code.Idiv_rm64);
        AddWord<ushort, short>(table, 0);
        AddWord<uint, int>(table, 1);
        AddWord<ulong, long>(table, 2);
        AddBits<BitTest>(table, Code.Bt_rm16_r16, Code.Bt_rm16_imm8, locks: false);
        AddBits<BitSet>(table, Code.Bts_rm16_r16, Code.Bts_rm16_imm8, locks: true);
        AddBits<BitReset>(table, Code.Btr_rm16_r16, Code.Btr_rm16_imm8, locks: true);
        AddBits<BitComplement>(table, Code.Btc_rm16_r16, Code.Btc_rm16_imm8, locks: true);
        AddExchange<byte>(table, Code.Cmpxchg_rm8_r8, Code.Xadd_rm8_r8);
        AddExchange<ushort>(table, Code.Cmpxchg_rm16_r16, Code.Xadd_rm16_r16);
        AddExchange<uint>(table, Code.Cmpxchg_rm32_r32, Code.Xadd_rm32_r32);
        AddExchange<ulong>(table, Code.Cmpxchg_rm64_r64, Code.Xadd_rm64_r64);
        table.Add(Code.Cmpxchg8b_m64, &WideExchange.Eight, &WideExchange.Eight, &WideExchange.EightLocked);
        table.Add(Code.Cmpxchg16b_m128, &WideExchange.Sixteen, &WideExchange.Sixteen, &WideExchange.SixteenLocked);
        AddManipulation<uint>(table, 0);
        AddManipulation<ulong>(table, 1);
        AddChecksum(table);
        table.Add(Code.Daa, &Decimal.Daa);
        table.Add(Code.Das, &Decimal.Das);
        table.Add(Code.Aaa, &Decimal.Aaa);
        table.Add(Code.Aas, &Decimal.Aas);
        table.Add(Code.Aam_imm8, &Decimal.Aam);
        table.Add(Code.Aad_imm8, &Decimal.Aad);
    }

    private static void AddMultiply<T, TSigned>(HandlerTable table, Code mul, Code imul, Code div, Code idiv)
        where T : unmanaged, IBinaryInteger<T>
        where TSigned : unmanaged, IBinaryInteger<TSigned>
    {
        table.Add(mul, &Multiply<T, TSigned>.Unsigned, &Multiply<T, TSigned>.UnsignedMemory);
        table.Add(imul, &Multiply<T, TSigned>.Signed, &Multiply<T, TSigned>.SignedMemory);
        table.Add(div, &Multiply<T, TSigned>.Divide, &Multiply<T, TSigned>.DivideMemory);
        table.Add(idiv, &Multiply<T, TSigned>.DivideSigned, &Multiply<T, TSigned>.DivideSignedMemory);
    }

    private static void AddWord<T, TSigned>(HandlerTable table, int size)
        where T : unmanaged, IBinaryInteger<T>
        where TSigned : unmanaged, IBinaryInteger<TSigned>
    {
        table.Add(Code.Imul_r16_rm16 + size, &Multiply<T, TSigned>.TwoRegisters, &Multiply<T, TSigned>.TwoMemory);
        table.Add(Code.Imul_r16_rm16_imm16 + size, &Multiply<T, TSigned>.ThreeRegisters, &Multiply<T, TSigned>.ThreeMemory);
        table.Add(Code.Imul_r16_rm16_imm8 + size, &Multiply<T, TSigned>.ThreeRegisters, &Multiply<T, TSigned>.ThreeMemory);
        table.Add(Code.Bsf_r16_rm16 + size, &BitScan<T>.Forward, &BitScan<T>.ForwardMemory);
        table.Add(Code.Bsr_r16_rm16 + size, &BitScan<T>.Reverse, &BitScan<T>.ReverseMemory);
        table.Add(Code.Tzcnt_r16_rm16 + size, &BitScan<T>.Trailing, &BitScan<T>.TrailingMemory);
        table.Add(Code.Lzcnt_r16_rm16 + size, &BitScan<T>.Leading, &BitScan<T>.LeadingMemory);
        table.Add(Code.Popcnt_r16_rm16 + size, &BitScan<T>.Count, &BitScan<T>.CountMemory);
    }

    /// <summary>BMI1, BMI2 and ADX.</summary>
    private static void AddManipulation<T>(HandlerTable table, int size) where T : unmanaged, IBinaryInteger<T>
    {
        table.Add(Code.VEX_Andn_r32_r32_rm32 + size, &BitManipulation<T>.AndNot<SecondRegister>, &BitManipulation<T>.AndNot<MemoryOperand>);
        table.Add(Code.VEX_Blsr_r32_rm32 + size, &BitManipulation<T>.ResetLowest<FirstRegister>, &BitManipulation<T>.ResetLowest<MemoryOperand>);
        table.Add(Code.VEX_Blsmsk_r32_rm32 + size, &BitManipulation<T>.MaskLowest<FirstRegister>, &BitManipulation<T>.MaskLowest<MemoryOperand>);
        table.Add(Code.VEX_Blsi_r32_rm32 + size, &BitManipulation<T>.IsolateLowest<FirstRegister>, &BitManipulation<T>.IsolateLowest<MemoryOperand>);
        table.Add(Code.VEX_Bextr_r32_rm32_r32 + size, &BitManipulation<T>.Extract<FirstRegister>, &BitManipulation<T>.Extract<MemoryOperand>);
        table.Add(Code.VEX_Bzhi_r32_rm32_r32 + size, &BitManipulation<T>.ZeroHigh<FirstRegister>, &BitManipulation<T>.ZeroHigh<MemoryOperand>);
        table.Add(Code.VEX_Pext_r32_r32_rm32 + size, &BitManipulation<T>.Gather<SecondRegister>, &BitManipulation<T>.Gather<MemoryOperand>);
        table.Add(Code.VEX_Pdep_r32_r32_rm32 + size, &BitManipulation<T>.Scatter<SecondRegister>, &BitManipulation<T>.Scatter<MemoryOperand>);
        table.Add(Code.VEX_Mulx_r32_r32_rm32 + size, &BitManipulation<T>.Multiply<SecondRegister>, &BitManipulation<T>.Multiply<MemoryOperand>);
        table.Add(Code.VEX_Shlx_r32_rm32_r32 + size, &BitManipulation<T>.Shift<LeftShift, FirstRegister>, &BitManipulation<T>.Shift<LeftShift, MemoryOperand>);
        table.Add(Code.VEX_Shrx_r32_rm32_r32 + size, &BitManipulation<T>.Shift<RightShift, FirstRegister>, &BitManipulation<T>.Shift<RightShift, MemoryOperand>);
        table.Add(Code.VEX_Sarx_r32_rm32_r32 + size, &BitManipulation<T>.Shift<ArithmeticShift, FirstRegister>, &BitManipulation<T>.Shift<ArithmeticShift, MemoryOperand>);
        table.Add(Code.VEX_Rorx_r32_rm32_imm8 + size, &BitManipulation<T>.Rotate<FirstRegister>, &BitManipulation<T>.Rotate<MemoryOperand>);
        table.Add(Code.Adcx_r32_rm32 + size, &BitManipulation<T>.AddCarry<FirstRegister>, &BitManipulation<T>.AddCarry<MemoryOperand>);
        table.Add(Code.Adox_r32_rm32 + size, &BitManipulation<T>.AddOverflow<FirstRegister>, &BitManipulation<T>.AddOverflow<MemoryOperand>);
    }

    private static void AddChecksum(HandlerTable table)
    {
        table.Add(Code.Crc32_r32_rm8, &Checksum<byte>.Add<FirstRegister>, &Checksum<byte>.Add<MemoryOperand>);
        table.Add(Code.Crc32_r64_rm8, &Checksum<byte>.Add<FirstRegister>, &Checksum<byte>.Add<MemoryOperand>);
        table.Add(Code.Crc32_r32_rm16, &Checksum<ushort>.Add<FirstRegister>, &Checksum<ushort>.Add<MemoryOperand>);
        table.Add(Code.Crc32_r32_rm32, &Checksum<uint>.Add<FirstRegister>, &Checksum<uint>.Add<MemoryOperand>);
        table.Add(Code.Crc32_r64_rm64, &Checksum<ulong>.Add<FirstRegister>, &Checksum<ulong>.Add<MemoryOperand>);
    }

    private static void AddBits<TChange>(HandlerTable table, Code register, Code immediate, bool locks) where TChange : struct, IBitChange
    {
        AddBitSize<TChange, ushort>(table, register, immediate, locks);
        AddBitSize<TChange, uint>(table, register + 1, immediate + 1, locks);
        AddBitSize<TChange, ulong>(table, register + 2, immediate + 2, locks);
    }

    private static void AddBitSize<TChange, T>(HandlerTable table, Code register, Code immediate, bool locks)
        where TChange : struct, IBitChange
        where T : unmanaged, IBinaryInteger<T>
    {
        table.Add(register, &BitChange<TChange, T>.RegisterRegister, &BitChange<TChange, T>.MemoryRegister);
        table.Add(immediate, &BitChange<TChange, T>.RegisterImmediate, &BitChange<TChange, T>.MemoryImmediate);
        if (!locks) return;
        table.Add(register, &BitChange<TChange, T>.RegisterRegister, &BitChange<TChange, T>.MemoryRegister, &BitChange<TChange, T>.LockedRegister);
        table.Add(immediate, &BitChange<TChange, T>.RegisterImmediate, &BitChange<TChange, T>.MemoryImmediate, &BitChange<TChange, T>.LockedImmediate);
    }

    private static void AddExchange<T>(HandlerTable table, Code compare, Code add) where T : unmanaged, IBinaryInteger<T>
    {
        table.Add(compare, &Exchange<T>.CompareRegister, &Exchange<T>.CompareMemory, &Exchange<T>.CompareLocked);
        table.Add(add, &Exchange<T>.AddRegister, &Exchange<T>.AddMemory, &Exchange<T>.AddLocked);
    }
}
