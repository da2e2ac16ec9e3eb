using System.Numerics;
using System.Runtime.CompilerServices;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>MUL, IMUL, DIV and IDIV of the accumulator pair; T is unsigned, TSigned of the same size.</summary>
internal static class Multiply<T, TSigned>
    where T : unmanaged, IBinaryInteger<T>
    where TSigned : unmanaged, IBinaryInteger<TSigned>
{
    private const int Rdx = 2 * sizeof(ulong);

    private static int Bits => Unsafe.SizeOf<T>() * 8;

    public static Step Unsigned(Cpu cpu, in Op op) => Unsigned(cpu, cpu.Get<T>(op.R0));

    public static Step UnsignedMemory(Cpu cpu, in Op op) => cpu.Load(in op, out T value) ? Unsigned(cpu, value) : Step.Fault;

    public static Step Signed(Cpu cpu, in Op op) => Signed(cpu, cpu.Get<TSigned>(op.R0));

    public static Step SignedMemory(Cpu cpu, in Op op) => cpu.Load(in op, out TSigned value) ? Signed(cpu, value) : Step.Fault;

    public static Step Divide(Cpu cpu, in Op op) => Divide(cpu, cpu.Get<T>(op.R0));

    public static Step DivideMemory(Cpu cpu, in Op op) => cpu.Load(in op, out T value) ? Divide(cpu, value) : Step.Fault;

    public static Step DivideSigned(Cpu cpu, in Op op) => DivideSigned(cpu, cpu.Get<TSigned>(op.R0));

    public static Step DivideSignedMemory(Cpu cpu, in Op op) => cpu.Load(in op, out TSigned value) ? DivideSigned(cpu, value) : Step.Fault;

    /// <summary>IMUL r, r/m.</summary>
    public static Step TwoRegisters(Cpu cpu, in Op op) => Truncating(cpu, in op, cpu.Get<TSigned>(op.R0), cpu.Get<TSigned>(op.R1));

    public static Step TwoMemory(Cpu cpu, in Op op) =>
        cpu.Load(in op, out TSigned value) ? Truncating(cpu, in op, cpu.Get<TSigned>(op.R0), value) : Step.Fault;

    /// <summary>IMUL r, r/m, imm.</summary>
    public static Step ThreeRegisters(Cpu cpu, in Op op) => Truncating(cpu, in op, cpu.Get<TSigned>(op.R1), TSigned.CreateTruncating(op.Immediate));

    public static Step ThreeMemory(Cpu cpu, in Op op) =>
        cpu.Load(in op, out TSigned value) ? Truncating(cpu, in op, value, TSigned.CreateTruncating(op.Immediate)) : Step.Fault;

    private static Step Unsigned(Cpu cpu, T value)
    {
        T low, high;
        if (Bits == 64)
        {
            high = T.CreateTruncating(Math.BigMul(cpu.Rax, ulong.CreateTruncating(value), out ulong lower));
            low = T.CreateTruncating(lower);
        }
        else
        {
            ulong product = ulong.CreateTruncating(cpu.Get<T>(0)) * ulong.CreateTruncating(value);
            (low, high) = (T.CreateTruncating(product), T.CreateTruncating(product >> Bits));
        }

        SetPair(cpu, low, high);
        cpu.Flags.Set(low, high != T.Zero, high != T.Zero);
        return Step.Next;
    }

    private static Step Signed(Cpu cpu, TSigned value)
    {
        T low = Product(cpu.Get<TSigned>(0), value, out T high, out bool overflow);
        SetPair(cpu, low, high);
        cpu.Flags.Set(low, overflow, overflow);
        return Step.Next;
    }

    private static Step Truncating(Cpu cpu, in Op op, TSigned left, TSigned right)
    {
        T low = Product(left, right, out _, out bool overflow);
        cpu.Set(op.R0, low);
        cpu.Flags.Set(low, overflow, overflow);
        return Step.Next;
    }

    private static T Product(TSigned left, TSigned right, out T high, out bool overflow)
    {
        if (Bits == 64)
        {
            long upper = Math.BigMul(long.CreateTruncating(left), long.CreateTruncating(right), out long lower);
            high = T.CreateTruncating(upper);
            overflow = upper != lower >> 63;
            return T.CreateTruncating(lower);
        }

        long product = long.CreateTruncating(left) * long.CreateTruncating(right);
        high = T.CreateTruncating(product >> Bits);
        overflow = product != long.CreateTruncating(TSigned.CreateTruncating(product));
        return T.CreateTruncating(product);
    }

    private static Step Divide(Cpu cpu, T divisor)
    {
        if (divisor == T.Zero) return cpu.Fault(ExceptionVector.DivideError);
        if (Bits == 64)
        {
            ulong by = ulong.CreateTruncating(divisor);
            if (cpu.Rdx >= by) return cpu.Fault(ExceptionVector.DivideError);
            (ulong whole, ulong left) = cpu.Rdx == 0 ? Math.DivRem(cpu.Rax, by) : DivideWide(cpu.Rdx, cpu.Rax, by);
            SetPair(cpu, T.CreateTruncating(whole), T.CreateTruncating(left));
            return Step.Next;
        }

        (ulong quotient, ulong rest) = Math.DivRem(Pair(cpu), ulong.CreateTruncating(divisor));
        if (quotient >> Bits != 0) return cpu.Fault(ExceptionVector.DivideError);
        SetPair(cpu, T.CreateTruncating(quotient), T.CreateTruncating(rest));
        return Step.Next;
    }

    private static Step DivideSigned(Cpu cpu, TSigned divisor)
    {
        if (divisor == TSigned.Zero) return cpu.Fault(ExceptionVector.DivideError);
        if (Bits == 64)
        {
            var dividend = new Int128(cpu.Rdx, cpu.Rax);
            Int128 by = long.CreateTruncating(divisor);
            if (dividend == Int128.MinValue && by == -1) return cpu.Fault(ExceptionVector.DivideError);
            (Int128 whole, Int128 left) = Int128.DivRem(dividend, by);
            if (whole != (long)whole) return cpu.Fault(ExceptionVector.DivideError);
            SetPair(cpu, T.CreateTruncating(whole), T.CreateTruncating(left));
            return Step.Next;
        }

        long value = (long)Pair(cpu) << (64 - (Bits * 2)) >> (64 - (Bits * 2)), divides = long.CreateTruncating(divisor);
        if (value == long.MinValue && divides == -1) return cpu.Fault(ExceptionVector.DivideError);
        (long quotient, long rest) = Math.DivRem(value, divides);
        if (quotient != long.CreateTruncating(TSigned.CreateTruncating(quotient))) return cpu.Fault(ExceptionVector.DivideError);
        SetPair(cpu, T.CreateTruncating(quotient), T.CreateTruncating(rest));
        return Step.Next;
    }

    /// <summary>128 bits by 64, the quotient known to fit.</summary>
    private static (ulong Quotient, ulong Remainder) DivideWide(ulong high, ulong low, ulong by)
    {
        (UInt128 quotient, UInt128 rest) = UInt128.DivRem(new UInt128(high, low), by);
        return ((ulong)quotient, (ulong)rest);
    }

    /// <summary>AX, DX:AX or EDX:EAX.</summary>
    private static ulong Pair(Cpu cpu) => Bits == 8 ? cpu.Get<ushort>(0)
        : ulong.CreateTruncating(cpu.Get<T>(Rdx)) << Bits | ulong.CreateTruncating(cpu.Get<T>(0));

    private static void SetPair(Cpu cpu, T low, T high)
    {
        cpu.Set(0, low);
        cpu.Set(Bits == 8 ? 1 : Rdx, high);
    }
}

/// <summary>The decimal adjustments (Intel SDM vol. 2): only outside 64-bit mode.</summary>
internal static class Decimal
{
    public static Step Daa(Cpu cpu, in Op op)
    {
        byte old = cpu.Get<byte>(0), value = old;
        bool carry = cpu.Flags.Carry, adjust = (cpu.Flags.Value & Rflags.Adjust) != 0;
        bool low = (old & 15) > 9 || adjust, high = old > 0x99 || carry;
        if (low) value += 6;
        if (high) value += 0x60;
        return Store(cpu, value, high, low);
    }

    public static Step Das(Cpu cpu, in Op op)
    {
        byte old = cpu.Get<byte>(0), value = old;
        bool carry = cpu.Flags.Carry, adjust = (cpu.Flags.Value & Rflags.Adjust) != 0;
        bool low = (old & 15) > 9 || adjust, high = old > 0x99 || carry;
        bool borrow = low && (carry || old < 6);
        if (low) value -= 6;
        if (high) value -= 0x60;
        return Store(cpu, value, high || borrow, low);
    }

    public static Step Aaa(Cpu cpu, in Op op) => Ascii(cpu, 0x106);

    public static Step Aas(Cpu cpu, in Op op) => Ascii(cpu, -0x106);

    public static Step Aam(Cpu cpu, in Op op)
    {
        var by = (byte)op.Immediate;
        if (by == 0) return cpu.Fault(ExceptionVector.DivideError);
        byte value = cpu.Get<byte>(0);
        cpu.Set(1, (byte)(value / by));
        cpu.Set(0, (byte)(value % by));
        cpu.Flags.SetLogic((byte)(value % by));
        return Step.Next;
    }

    public static Step Aad(Cpu cpu, in Op op)
    {
        var value = (byte)(cpu.Get<byte>(0) + (cpu.Get<byte>(1) * (byte)op.Immediate));
        cpu.Set(0, (ushort)value);
        cpu.Flags.SetLogic(value);
        return Step.Next;
    }

    private static Step Ascii(Cpu cpu, int by)
    {
        ushort value = cpu.Get<ushort>(0);
        bool adjust = (value & 15) > 9 || (cpu.Flags.Value & Rflags.Adjust) != 0;
        if (adjust) value = (ushort)(value + by);
        value &= 0xFF0F;
        cpu.Set(0, value);
        cpu.Flags.SetLogic((byte)value);
        cpu.Flags.Value |= adjust ? Rflags.Carry | Rflags.Adjust : 0;
        return Step.Next;
    }

    private static Step Store(Cpu cpu, byte value, bool carry, bool adjust)
    {
        cpu.Set(0, value);
        cpu.Flags.SetLogic(value);
        cpu.Flags.Value |= (carry ? Rflags.Carry : 0) | (adjust ? Rflags.Adjust : 0);
        return Step.Next;
    }
}
