using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>BMI1, BMI2 and ADX (Intel SDM vol. 1, 5.1.16): T is <c>uint</c> or <c>ulong</c>.</summary>
internal static class BitManipulation<T> where T : unmanaged, IBinaryInteger<T>
{
    private static int Bits => Unsafe.SizeOf<T>() * 8;

    /// <summary>In real and V86 mode there is no VEX.</summary>
    private static bool IsReady(Cpu cpu) => !cpu.RealSegments || cpu.Refuse(ExceptionVector.InvalidOpcode);

    // With the first source in VEX.vvvv: ANDN, PEXT, PDEP, MULX

    public static Step AndNot<TSource>(Cpu cpu, in Op op) where TSource : struct, IOperandSource
    {
        if (!IsReady(cpu) || !TSource.Read(cpu, in op, out T value)) return Step.Fault;
        T result = ~cpu.Get<T>(op.R1) & value;
        cpu.Set(op.R0, result);
        cpu.Flags.SetLogic(result);
        return Step.Next;
    }

    public static Step Gather<TSource>(Cpu cpu, in Op op) where TSource : struct, IOperandSource
    {
        if (!IsReady(cpu) || !TSource.Read(cpu, in op, out T mask)) return Step.Fault;
        T source = cpu.Get<T>(op.R1), result = T.Zero;
        for (var place = 0; mask != T.Zero; mask &= mask - T.One, place++)
            if ((source & mask & -mask) != T.Zero) result |= T.One << place;
        cpu.Set(op.R0, result);
        return Step.Next;
    }

    public static Step Scatter<TSource>(Cpu cpu, in Op op) where TSource : struct, IOperandSource
    {
        if (!IsReady(cpu) || !TSource.Read(cpu, in op, out T mask)) return Step.Fault;
        T source = cpu.Get<T>(op.R1), result = T.Zero;
        for (; mask != T.Zero; mask &= mask - T.One, source >>>= 1)
            if ((source & T.One) != T.Zero) result |= mask & -mask;
        cpu.Set(op.R0, result);
        return Step.Next;
    }

    /// <summary>RDX times the operand, without flags; where both destinations are one register it gets the upper half.</summary>
    public static Step Multiply<TSource>(Cpu cpu, in Op op) where TSource : struct, IOperandSource
    {
        if (!IsReady(cpu) || !TSource.Read(cpu, in op, out T value)) return Step.Fault;
        UInt128 product = UInt128.CreateTruncating(cpu.Get<T>(2 * sizeof(ulong))) * UInt128.CreateTruncating(value);
        cpu.Set(op.R1, T.CreateTruncating(product));
        cpu.Set(op.R0, T.CreateTruncating(product >> Bits));
        return Step.Next;
    }

    // Of the lowest bit that is set: BLSR, BLSMSK, BLSI

    public static Step ResetLowest<TSource>(Cpu cpu, in Op op) where TSource : struct, IOperandSource
    {
        if (!IsReady(cpu) || !TSource.Read(cpu, in op, out T value)) return Step.Fault;
        T result = value & (value - T.One);
        cpu.Set(op.R0, result);
        cpu.Flags.Set(result, carry: value == T.Zero, overflow: false);
        return Step.Next;
    }

    public static Step MaskLowest<TSource>(Cpu cpu, in Op op) where TSource : struct, IOperandSource
    {
        if (!IsReady(cpu) || !TSource.Read(cpu, in op, out T value)) return Step.Fault;
        T result = value ^ (value - T.One);
        cpu.Set(op.R0, result);
        cpu.Flags.Set(result, carry: value == T.Zero, overflow: false);
        return Step.Next;
    }

    public static Step IsolateLowest<TSource>(Cpu cpu, in Op op) where TSource : struct, IOperandSource
    {
        if (!IsReady(cpu) || !TSource.Read(cpu, in op, out T value)) return Step.Fault;
        T result = value & -value;
        cpu.Set(op.R0, result);
        cpu.Flags.Set(result, carry: value != T.Zero, overflow: false);
        return Step.Next;
    }

    // With the second source in VEX.vvvv: BEXTR, BZHI, SHLX, SHRX, SARX; and RORX

    /// <summary>The control's first byte is where to start, its second how many bits.</summary>
    public static Step Extract<TSource>(Cpu cpu, in Op op) where TSource : struct, IOperandSource
    {
        if (!IsReady(cpu) || !TSource.Read(cpu, in op, out T value)) return Step.Fault;
        var control = uint.CreateTruncating(cpu.Get<T>(op.R2));
        int start = (byte)control, length = (byte)(control >> 8);
        T result = start < Bits ? value >>> start : T.Zero;
        if (length < Bits) result &= (T.One << length) - T.One;
        cpu.Set(op.R0, result);
        cpu.Flags.SetLogic(result);
        return Step.Next;
    }

    public static Step ZeroHigh<TSource>(Cpu cpu, in Op op) where TSource : struct, IOperandSource
    {
        if (!IsReady(cpu) || !TSource.Read(cpu, in op, out T value)) return Step.Fault;
        int from = byte.CreateTruncating(cpu.Get<T>(op.R2));
        T result = from < Bits ? value & ((T.One << from) - T.One) : value;
        cpu.Set(op.R0, result);
        cpu.Flags.Set(result, carry: from >= Bits, overflow: false);
        return Step.Next;
    }

    public static Step Shift<TShift, TSource>(Cpu cpu, in Op op) where TShift : struct, IPlainShift where TSource : struct, IOperandSource
    {
        if (!IsReady(cpu) || !TSource.Read(cpu, in op, out T value)) return Step.Fault;
        cpu.Set(op.R0, TShift.Apply(value, int.CreateTruncating(cpu.Get<T>(op.R2)) & (Bits - 1)));
        return Step.Next;
    }

    public static Step Rotate<TSource>(Cpu cpu, in Op op) where TSource : struct, IOperandSource
    {
        if (!IsReady(cpu) || !TSource.Read(cpu, in op, out T value)) return Step.Fault;
        cpu.Set(op.R0, T.RotateRight(value, (int)op.Immediate & (Bits - 1)));
        return Step.Next;
    }

    // ADCX, ADOX: additions whose carry is one flag alone

    public static Step AddCarry<TSource>(Cpu cpu, in Op op) where TSource : struct, IOperandSource => Add<TSource>(cpu, in op, Rflags.Carry);

    public static Step AddOverflow<TSource>(Cpu cpu, in Op op) where TSource : struct, IOperandSource => Add<TSource>(cpu, in op, Rflags.Overflow);

    private static Step Add<TSource>(Cpu cpu, in Op op, uint flag) where TSource : struct, IOperandSource
    {
        if (!TSource.Read(cpu, in op, out T value)) return Step.Fault;
        uint flags = cpu.Flags.Value;
        T left = cpu.Get<T>(op.R0), sum = left + value + ((flags & flag) != 0 ? T.One : T.Zero);
        bool carry = (Carries.OfSum(left, value, sum) >>> (Bits - 1)) != T.Zero;
        cpu.Set(op.R0, sum);
        cpu.Flags.Value = carry ? flags | flag : flags & ~flag;
        return Step.Next;
    }
}

/// <summary>A shift that leaves the flags alone.</summary>
internal interface IPlainShift
{
    static abstract T Apply<T>(T value, int count) where T : unmanaged, IBinaryInteger<T>;
}

internal struct LeftShift : IPlainShift
{
    public static T Apply<T>(T value, int count) where T : unmanaged, IBinaryInteger<T> => value << count;
}

internal struct RightShift : IPlainShift
{
    public static T Apply<T>(T value, int count) where T : unmanaged, IBinaryInteger<T> => value >>> count;
}

internal struct ArithmeticShift : IPlainShift
{
    public static T Apply<T>(T value, int count) where T : unmanaged, IBinaryInteger<T>
    {
        int bits = Unsafe.SizeOf<T>() * 8;
        T sign = value >>> (bits - 1) == T.Zero ? T.Zero : T.AllBitsSet;
        return count == 0 ? value : value >>> count | sign << (bits - count);
    }
}

/// <summary>CRC32: the Castagnoli polynomial, bit-reflected, over one operand; T is the operand.</summary>
internal static class Checksum<T> where T : unmanaged
{
    public static Step Add<TSource>(Cpu cpu, in Op op) where TSource : struct, IOperandSource
    {
        if (!TSource.Read(cpu, in op, out T value)) return Step.Fault;
        uint crc = cpu.Get<uint>(op.R0);
        foreach (byte part in MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value))) crc = BitOperations.Crc32C(crc, part);
        cpu.Set(op.R0, crc);
        return Step.Next;
    }
}
