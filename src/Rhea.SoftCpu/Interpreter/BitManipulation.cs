using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>BMI1, BMI2 and ADX (Intel SDM vol. 1, 5.1.16): T is <c>uint</c> or <c>ulong</c>.</summary>
internal static class BitManipulation<T> where T : unmanaged, IBinaryInteger<T>
{
    private static int Bits => Unsafe.SizeOf<T>() * 8;

    // With the first source in VEX.vvvv: ANDN, PEXT, PDEP, MULX

    public static Step AndNot(Cpu cpu, in Op op) => IsReady(cpu) ? AndNot(cpu, in op, cpu.Get<T>(op.R2)) : Step.Fault;

    public static Step AndNotMemory(Cpu cpu, in Op op) => IsReady(cpu) && cpu.Load(in op, out T value) ? AndNot(cpu, in op, value) : Step.Fault;

    public static Step Gather(Cpu cpu, in Op op) => IsReady(cpu) ? Gather(cpu, in op, cpu.Get<T>(op.R2)) : Step.Fault;

    public static Step GatherMemory(Cpu cpu, in Op op) => IsReady(cpu) && cpu.Load(in op, out T mask) ? Gather(cpu, in op, mask) : Step.Fault;

    public static Step Scatter(Cpu cpu, in Op op) => IsReady(cpu) ? Scatter(cpu, in op, cpu.Get<T>(op.R2)) : Step.Fault;

    public static Step ScatterMemory(Cpu cpu, in Op op) => IsReady(cpu) && cpu.Load(in op, out T mask) ? Scatter(cpu, in op, mask) : Step.Fault;

    public static Step Multiply(Cpu cpu, in Op op) => IsReady(cpu) ? Multiply(cpu, in op, cpu.Get<T>(op.R2)) : Step.Fault;

    public static Step MultiplyMemory(Cpu cpu, in Op op) => IsReady(cpu) && cpu.Load(in op, out T value) ? Multiply(cpu, in op, value) : Step.Fault;

    // Of the lowest bit that is set: BLSR, BLSMSK, BLSI

    public static Step ResetLowest(Cpu cpu, in Op op) => IsReady(cpu) ? ResetLowest(cpu, in op, cpu.Get<T>(op.R1)) : Step.Fault;

    public static Step ResetLowestMemory(Cpu cpu, in Op op) => IsReady(cpu) && cpu.Load(in op, out T value) ? ResetLowest(cpu, in op, value) : Step.Fault;

    public static Step MaskLowest(Cpu cpu, in Op op) => IsReady(cpu) ? MaskLowest(cpu, in op, cpu.Get<T>(op.R1)) : Step.Fault;

    public static Step MaskLowestMemory(Cpu cpu, in Op op) => IsReady(cpu) && cpu.Load(in op, out T value) ? MaskLowest(cpu, in op, value) : Step.Fault;

    public static Step IsolateLowest(Cpu cpu, in Op op) => IsReady(cpu) ? IsolateLowest(cpu, in op, cpu.Get<T>(op.R1)) : Step.Fault;

    public static Step IsolateLowestMemory(Cpu cpu, in Op op) => IsReady(cpu) && cpu.Load(in op, out T value) ? IsolateLowest(cpu, in op, value) : Step.Fault;

    // With the second source in VEX.vvvv: BEXTR, BZHI, SHLX, SHRX, SARX; and RORX

    public static Step Extract(Cpu cpu, in Op op) => IsReady(cpu) ? Extract(cpu, in op, cpu.Get<T>(op.R1)) : Step.Fault;

    public static Step ExtractMemory(Cpu cpu, in Op op) => IsReady(cpu) && cpu.Load(in op, out T value) ? Extract(cpu, in op, value) : Step.Fault;

    public static Step ZeroHigh(Cpu cpu, in Op op) => IsReady(cpu) ? ZeroHigh(cpu, in op, cpu.Get<T>(op.R1)) : Step.Fault;

    public static Step ZeroHighMemory(Cpu cpu, in Op op) => IsReady(cpu) && cpu.Load(in op, out T value) ? ZeroHigh(cpu, in op, value) : Step.Fault;

    public static Step Shift<TShift>(Cpu cpu, in Op op) where TShift : struct, IPlainShift => IsReady(cpu) ? Shift<TShift>(cpu, in op, cpu.Get<T>(op.R1)) : Step.Fault;

    public static Step ShiftMemory<TShift>(Cpu cpu, in Op op) where TShift : struct, IPlainShift =>
        IsReady(cpu) && cpu.Load(in op, out T value) ? Shift<TShift>(cpu, in op, value) : Step.Fault;

    public static Step Rotate(Cpu cpu, in Op op) => IsReady(cpu) ? Rotate(cpu, in op, cpu.Get<T>(op.R1)) : Step.Fault;

    public static Step RotateMemory(Cpu cpu, in Op op) => IsReady(cpu) && cpu.Load(in op, out T value) ? Rotate(cpu, in op, value) : Step.Fault;

    // ADCX, ADOX: additions whose carry is one flag alone

    public static Step AddCarry(Cpu cpu, in Op op) => Add(cpu, in op, cpu.Get<T>(op.R1), Rflags.Carry);

    public static Step AddCarryMemory(Cpu cpu, in Op op) => cpu.Load(in op, out T value) ? Add(cpu, in op, value, Rflags.Carry) : Step.Fault;

    public static Step AddOverflow(Cpu cpu, in Op op) => Add(cpu, in op, cpu.Get<T>(op.R1), Rflags.Overflow);

    public static Step AddOverflowMemory(Cpu cpu, in Op op) => cpu.Load(in op, out T value) ? Add(cpu, in op, value, Rflags.Overflow) : Step.Fault;

    /// <summary>In real and V86 mode there is no VEX.</summary>
    private static bool IsReady(Cpu cpu) => !cpu.RealSegments || cpu.Refuse(ExceptionVector.InvalidOpcode);

    private static Step AndNot(Cpu cpu, in Op op, T value)
    {
        T result = ~cpu.Get<T>(op.R1) & value;
        cpu.Set(op.R0, result);
        cpu.Flags.SetLogic(result);
        return Step.Next;
    }

    private static Step Gather(Cpu cpu, in Op op, T mask)
    {
        T source = cpu.Get<T>(op.R1), result = T.Zero;
        for (var place = 0; mask != T.Zero; mask &= mask - T.One, place++)
            if ((source & mask & -mask) != T.Zero) result |= T.One << place;
        cpu.Set(op.R0, result);
        return Step.Next;
    }

    private static Step Scatter(Cpu cpu, in Op op, T mask)
    {
        T source = cpu.Get<T>(op.R1), result = T.Zero;
        for (; mask != T.Zero; mask &= mask - T.One, source >>>= 1)
            if ((source & T.One) != T.Zero) result |= mask & -mask;
        cpu.Set(op.R0, result);
        return Step.Next;
    }

    /// <summary>RDX times the operand, without flags; where both destinations are one register it gets the upper half.</summary>
    private static Step Multiply(Cpu cpu, in Op op, T value)
    {
        UInt128 product = UInt128.CreateTruncating(cpu.Get<T>(2 * sizeof(ulong))) * UInt128.CreateTruncating(value);
        cpu.Set(op.R1, T.CreateTruncating(product));
        cpu.Set(op.R0, T.CreateTruncating(product >> Bits));
        return Step.Next;
    }

    private static Step ResetLowest(Cpu cpu, in Op op, T value)
    {
        T result = value & (value - T.One);
        cpu.Set(op.R0, result);
        cpu.Flags.Set(result, carry: value == T.Zero, overflow: false);
        return Step.Next;
    }

    private static Step MaskLowest(Cpu cpu, in Op op, T value)
    {
        T result = value ^ (value - T.One);
        cpu.Set(op.R0, result);
        cpu.Flags.Set(result, carry: value == T.Zero, overflow: false);
        return Step.Next;
    }

    private static Step IsolateLowest(Cpu cpu, in Op op, T value)
    {
        T result = value & -value;
        cpu.Set(op.R0, result);
        cpu.Flags.Set(result, carry: value != T.Zero, overflow: false);
        return Step.Next;
    }

    /// <summary>The control's first byte is where to start, its second how many bits.</summary>
    private static Step Extract(Cpu cpu, in Op op, T value)
    {
        var control = uint.CreateTruncating(cpu.Get<T>(op.R2));
        int start = (byte)control, length = (byte)(control >> 8);
        T result = start < Bits ? value >>> start : T.Zero;
        if (length < Bits) result &= (T.One << length) - T.One;
        cpu.Set(op.R0, result);
        cpu.Flags.SetLogic(result);
        return Step.Next;
    }

    private static Step ZeroHigh(Cpu cpu, in Op op, T value)
    {
        int from = byte.CreateTruncating(cpu.Get<T>(op.R2));
        T result = from < Bits ? value & ((T.One << from) - T.One) : value;
        cpu.Set(op.R0, result);
        cpu.Flags.Set(result, carry: from >= Bits, overflow: false);
        return Step.Next;
    }

    private static Step Shift<TShift>(Cpu cpu, in Op op, T value) where TShift : struct, IPlainShift
    {
        cpu.Set(op.R0, TShift.Apply(value, int.CreateTruncating(cpu.Get<T>(op.R2)) & (Bits - 1)));
        return Step.Next;
    }

    private static Step Rotate(Cpu cpu, in Op op, T value)
    {
        cpu.Set(op.R0, T.RotateRight(value, (int)op.Immediate & (Bits - 1)));
        return Step.Next;
    }

    private static Step Add(Cpu cpu, in Op op, T value, uint flag)
    {
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
    public static Step Register(Cpu cpu, in Op op) => Add(cpu, in op, cpu.Get<T>(op.R1));

    public static Step Memory(Cpu cpu, in Op op) => cpu.Load(in op, out T value) ? Add(cpu, in op, value) : Step.Fault;

    private static Step Add(Cpu cpu, in Op op, T value)
    {
        uint crc = cpu.Get<uint>(op.R0);
        foreach (byte part in MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value))) crc = BitOperations.Crc32C(crc, part);
        cpu.Set(op.R0, crc);
        return Step.Next;
    }
}
