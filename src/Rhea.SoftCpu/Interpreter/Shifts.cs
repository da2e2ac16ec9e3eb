using System.Numerics;
using System.Runtime.CompilerServices;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>A shift or rotate by a count that is already cut to 5 or 6 bits and is not 0.</summary>
internal interface IShift
{
    static abstract T Apply<T>(ref LazyFlags flags, T value, int count) where T : unmanaged, IBinaryInteger<T>;
}

internal struct ShlShift : IShift
{
    public static T Apply<T>(ref LazyFlags flags, T value, int count) where T : unmanaged, IBinaryInteger<T>
    {
        int bits = Unsafe.SizeOf<T>() * 8;
        ulong wide = ulong.CreateTruncating(value);
        T result = count < bits ? value << count : T.Zero;
        bool carry = count <= bits && (wide >> (bits - count) & 1) != 0;
        flags.Set(result, carry, carry != Bits.Top(result));
        return result;
    }
}

internal struct ShrShift : IShift
{
    public static T Apply<T>(ref LazyFlags flags, T value, int count) where T : unmanaged, IBinaryInteger<T>
    {
        int bits = Unsafe.SizeOf<T>() * 8;
        T result = count < bits ? value >> count : T.Zero;
        bool carry = count <= bits && (ulong.CreateTruncating(value) >> (count - 1) & 1) != 0;
        flags.Set(result, carry, Bits.Top(value));
        return result;
    }
}

internal struct SarShift : IShift
{
    public static T Apply<T>(ref LazyFlags flags, T value, int count) where T : unmanaged, IBinaryInteger<T>
    {
        int unused = 64 - (Unsafe.SizeOf<T>() * 8);
        long signed = (long)ulong.CreateTruncating(value) << unused >> unused;
        T result = T.CreateTruncating(signed >> count);
        flags.Set(result, (signed >> (count - 1) & 1) != 0, overflow: false);
        return result;
    }
}

internal struct RolShift : IShift
{
    public static T Apply<T>(ref LazyFlags flags, T value, int count) where T : unmanaged, IBinaryInteger<T>
    {
        T result = T.RotateLeft(value, count & ((Unsafe.SizeOf<T>() * 8) - 1));
        bool carry = Bits.Low(result);
        Bits.SetCarryOverflow(ref flags, carry, carry != Bits.Top(result));
        return result;
    }
}

internal struct RorShift : IShift
{
    public static T Apply<T>(ref LazyFlags flags, T value, int count) where T : unmanaged, IBinaryInteger<T>
    {
        T result = T.RotateRight(value, count & ((Unsafe.SizeOf<T>() * 8) - 1));
        Bits.SetCarryOverflow(ref flags, Bits.Top(result), Bits.Top(result) != Bits.Top(result << 1));
        return result;
    }
}

/// <summary>Through the carry: a ring of one bit more.</summary>
internal struct RclShift : IShift
{
    public static T Apply<T>(ref LazyFlags flags, T value, int count) where T : unmanaged, IBinaryInteger<T>
    {
        int bits = Unsafe.SizeOf<T>() * 8;
        count %= bits + 1;
        bool carry = flags.Carry;
        if (count == 0) return value;
        T result = (count == bits ? T.Zero : value << count) | ((carry ? T.One : T.Zero) << (count - 1));
        if (count > 1) result |= value >> (bits + 1 - count);
        carry = (ulong.CreateTruncating(value) >> (bits - count) & 1) != 0;
        Bits.SetCarryOverflow(ref flags, carry, carry != Bits.Top(result));
        return result;
    }
}

internal struct RcrShift : IShift
{
    public static T Apply<T>(ref LazyFlags flags, T value, int count) where T : unmanaged, IBinaryInteger<T>
    {
        int bits = Unsafe.SizeOf<T>() * 8;
        count %= bits + 1;
        bool carry = flags.Carry;
        if (count == 0) return value;
        T result = (count == bits ? T.Zero : value >> count) | ((carry ? T.One : T.Zero) << (bits - count));
        if (count > 1) result |= value << (bits + 1 - count);
        carry = (ulong.CreateTruncating(value) >> (count - 1) & 1) != 0;
        Bits.SetCarryOverflow(ref flags, carry, Bits.Top(result) != Bits.Top(result << 1));
        return result;
    }
}

/// <summary>Questions about single bits of a number.</summary>
internal static class Bits
{
    public static bool Top<T>(T value) where T : unmanaged, IBinaryInteger<T> => (ulong.CreateTruncating(value) >> ((Unsafe.SizeOf<T>() * 8) - 1) & 1) != 0;

    public static bool Low<T>(T value) where T : unmanaged, IBinaryInteger<T> => (ulong.CreateTruncating(value) & 1) != 0;

    /// <summary>Rotates leave the other flags alone.</summary>
    public static void SetCarryOverflow(ref LazyFlags flags, bool carry, bool overflow) =>
        flags.Value = (flags.Value & ~(Rflags.Carry | Rflags.Overflow)) | (carry ? Rflags.Carry : 0) | (overflow ? Rflags.Overflow : 0);
}

/// <summary>A shift in each of its forms. A count of 0 changes no flag.</summary>
internal static class Shift<TShift, T>
    where TShift : struct, IShift
    where T : unmanaged, IBinaryInteger<T>
{
    private static int Mask => Unsafe.SizeOf<T>() == 8 ? 63 : 31;

    public static Step RegisterImmediate(Cpu cpu, in Op op) => OnRegister(cpu, in op, (int)op.Immediate & Mask);

    public static Step RegisterCl(Cpu cpu, in Op op) => OnRegister(cpu, in op, (int)cpu.Rcx & Mask);

    public static Step MemoryImmediate(Cpu cpu, in Op op) => OnMemory(cpu, in op, (int)op.Immediate & Mask);

    public static Step MemoryCl(Cpu cpu, in Op op) => OnMemory(cpu, in op, (int)cpu.Rcx & Mask);

    private static Step OnRegister(Cpu cpu, in Op op, int count)
    {
        T value = cpu.Get<T>(op.R0);
        cpu.Set(op.R0, count == 0 ? value : TShift.Apply(ref cpu.Flags, value, count));
        return Step.Next;
    }

    private static Step OnMemory(Cpu cpu, in Op op, int count)
    {
        if (!cpu.LoadForUpdate(in op, out T value)) return Step.Fault;
        cpu.Update(count == 0 ? value : TShift.Apply(ref cpu.Flags, value, count));
        return Step.Next;
    }
}

/// <summary>SHLD and SHRD: bits come in from a second register.</summary>
internal static class DoubleShift<T> where T : unmanaged, IBinaryInteger<T>
{
    private static int Size => Unsafe.SizeOf<T>() * 8;

    private static int Mask => Size == 64 ? 63 : 31;

    public static Step LeftImmediate(Cpu cpu, in Op op) => Register(cpu, in op, (int)op.Immediate & Mask, left: true);

    public static Step LeftCl(Cpu cpu, in Op op) => Register(cpu, in op, (int)cpu.Rcx & Mask, left: true);

    public static Step RightImmediate(Cpu cpu, in Op op) => Register(cpu, in op, (int)op.Immediate & Mask, left: false);

    public static Step RightCl(Cpu cpu, in Op op) => Register(cpu, in op, (int)cpu.Rcx & Mask, left: false);

    public static Step MemoryLeftImmediate(Cpu cpu, in Op op) => Memory(cpu, in op, (int)op.Immediate & Mask, left: true);

    public static Step MemoryLeftCl(Cpu cpu, in Op op) => Memory(cpu, in op, (int)cpu.Rcx & Mask, left: true);

    public static Step MemoryRightImmediate(Cpu cpu, in Op op) => Memory(cpu, in op, (int)op.Immediate & Mask, left: false);

    public static Step MemoryRightCl(Cpu cpu, in Op op) => Memory(cpu, in op, (int)cpu.Rcx & Mask, left: false);

    private static Step Register(Cpu cpu, in Op op, int count, bool left)
    {
        cpu.Set(op.R0, Apply(cpu, cpu.Get<T>(op.R0), cpu.Get<T>(op.R1), count, left));
        return Step.Next;
    }

    private static Step Memory(Cpu cpu, in Op op, int count, bool left)
    {
        if (!cpu.LoadForUpdate(in op, out T value)) return Step.Fault;
        cpu.Update(Apply(cpu, value, cpu.Get<T>(op.R1), count, left));
        return Step.Next;
    }

    private static T Apply(Cpu cpu, T value, T filler, int count, bool left)
    {
        if (count == 0) return value;
        if (Size == 16 && count > 16) return ApplyLong(cpu, value, filler, count, left);
        T result;
        bool carry;
        if (left)
        {
            result = count == Size ? filler : (value << count) | (filler >> (Size - count));
            carry = (ulong.CreateTruncating(value) >> (Size - count) & 1) != 0;
        }
        else
        {
            result = count == Size ? filler : (value >> count) | (filler << (Size - count));
            carry = (ulong.CreateTruncating(value) >> (count - 1) & 1) != 0;
        }

        cpu.Flags.Set(result, carry, Bits.Top(value) != Bits.Top(result));
        return result;
    }

    /// <summary>Sixteen bits by more than sixteen is undefined; processors go on with the first operand behind the second.</summary>
    private static T ApplyLong(Cpu cpu, T value, T filler, int count, bool left)
    {
        ulong first = ulong.CreateTruncating(value), second = ulong.CreateTruncating(filler);
        ulong ring = first << 32 | second << 16 | first;
        ulong shifted = left ? ring << count >> 32 : ring >> count;
        bool carry = (left ? ring >> (48 - count) & 1 : ring >> (count - 1) & 1) != 0;
        T result = T.CreateTruncating(shifted);
        cpu.Flags.Set(result, carry, Bits.Top(value) != Bits.Top(result));
        return result;
    }
}
