using System.Numerics;
using System.Runtime.CompilerServices;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>What BT, BTS, BTR and BTC do to the bit they copied to CF.</summary>
internal interface IBitChange
{
    static virtual bool Writes => true;

    static abstract T Apply<T>(T value, T mask) where T : unmanaged, IBinaryInteger<T>;
}

internal struct BitTest : IBitChange
{
    public static bool Writes => false;

    public static T Apply<T>(T value, T mask) where T : unmanaged, IBinaryInteger<T> => value;
}

internal struct BitSet : IBitChange
{
    public static T Apply<T>(T value, T mask) where T : unmanaged, IBinaryInteger<T> => value | mask;
}

internal struct BitReset : IBitChange
{
    public static T Apply<T>(T value, T mask) where T : unmanaged, IBinaryInteger<T> => value & ~mask;
}

internal struct BitComplement : IBitChange
{
    public static T Apply<T>(T value, T mask) where T : unmanaged, IBinaryInteger<T> => value ^ mask;
}

/// <summary>BT and its kin; a register's bit number reaches beyond a memory operand, an immediate's does not.</summary>
internal static class BitChange<TChange, T>
    where TChange : struct, IBitChange
    where T : unmanaged, IBinaryInteger<T>
{
    private static int Bits => Unsafe.SizeOf<T>() * 8;

    public static Step RegisterRegister(Cpu cpu, in Op op) => OnRegister(cpu, in op, (int)ulong.CreateTruncating(cpu.Get<T>(op.R1)) & (Bits - 1));

    public static Step RegisterImmediate(Cpu cpu, in Op op) => OnRegister(cpu, in op, (int)op.Immediate & (Bits - 1));

    public static Step MemoryImmediate(Cpu cpu, in Op op) =>
        cpu.Linear(in op, Unsafe.SizeOf<T>(), TChange.Writes, out ulong linear) ? OnMemory(cpu, in op, linear, (int)op.Immediate & (Bits - 1), locked: false) : Step.Fault;

    public static Step LockedImmediate(Cpu cpu, in Op op) =>
        cpu.Linear(in op, Unsafe.SizeOf<T>(), TChange.Writes, out ulong linear) ? OnMemory(cpu, in op, linear, (int)op.Immediate & (Bits - 1), locked: true) : Step.Fault;

    public static Step MemoryRegister(Cpu cpu, in Op op) => AtNumber(cpu, in op, locked: false);

    public static Step LockedRegister(Cpu cpu, in Op op) => AtNumber(cpu, in op, locked: true);

    private static Step AtNumber(Cpu cpu, in Op op, bool locked)
    {
        ulong number = ulong.CreateTruncating(cpu.Get<T>(op.R1));
        long signed = (long)number << (64 - Bits) >> (64 - Bits);
        ulong linear = cpu.EffectiveAddress(in op) + (ulong)((signed >> int.Log2(Bits)) * Unsafe.SizeOf<T>());
        linear = linear << op.AddressShift >> op.AddressShift;
        if (!op.Has(OpFlags.Flat) && !cpu.Segmented(op.Segment, Unsafe.SizeOf<T>(), TChange.Writes, ref linear)) return Step.Fault;
        return OnMemory(cpu, in op, linear, (int)number & (Bits - 1), locked);
    }

    private static Step OnRegister(Cpu cpu, in Op op, int bit)
    {
        T value = cpu.Get<T>(op.R0);
        if (TChange.Writes) cpu.Set(op.R0, TChange.Apply(value, T.One << bit));
        SetCarry(cpu, value, bit);
        return Step.Next;
    }

    private static Step OnMemory(Cpu cpu, in Op op, ulong linear, int bit, bool locked)
    {
        T value;
        if (!TChange.Writes)
        {
            if (!cpu.LoadLinear(op.Segment, linear, out value)) return Step.Fault;
        }
        else if (locked)
        {
            do
            {
                if (!cpu.LoadForUpdate(op.Segment, linear, out value)) return Step.Fault;
            }
            while (!cpu.TryUpdate(value, TChange.Apply(value, T.One << bit)));
        }
        else
        {
            if (!cpu.LoadForUpdate(op.Segment, linear, out value)) return Step.Fault;
            cpu.Update(TChange.Apply(value, T.One << bit));
        }

        SetCarry(cpu, value, bit);
        return Step.Next;
    }

    private static void SetCarry(Cpu cpu, T value, int bit) =>
        cpu.Flags.Value = (cpu.Flags.Value & ~Rflags.Carry) | (uint)(ulong.CreateTruncating(value) >> bit & 1);
}

/// <summary>BSF, BSR, TZCNT, LZCNT, POPCNT.</summary>
internal static class BitScan<T> where T : unmanaged, IBinaryInteger<T>
{
    private static int Size => Unsafe.SizeOf<T>() * 8;

    public static Step Forward(Cpu cpu, in Op op) => Forward(cpu, in op, cpu.Get<T>(op.R1));

    public static Step ForwardMemory(Cpu cpu, in Op op) => cpu.Load(in op, out T value) ? Forward(cpu, in op, value) : Step.Fault;

    public static Step Reverse(Cpu cpu, in Op op) => Reverse(cpu, in op, cpu.Get<T>(op.R1));

    public static Step ReverseMemory(Cpu cpu, in Op op) => cpu.Load(in op, out T value) ? Reverse(cpu, in op, value) : Step.Fault;

    public static Step Trailing(Cpu cpu, in Op op) => Number(cpu, in op, cpu.Get<T>(op.R1), T.TrailingZeroCount(cpu.Get<T>(op.R1)));

    public static Step TrailingMemory(Cpu cpu, in Op op) => cpu.Load(in op, out T value) ? Number(cpu, in op, value, T.TrailingZeroCount(value)) : Step.Fault;

    public static Step Leading(Cpu cpu, in Op op) => Number(cpu, in op, cpu.Get<T>(op.R1), T.LeadingZeroCount(cpu.Get<T>(op.R1)));

    public static Step LeadingMemory(Cpu cpu, in Op op) => cpu.Load(in op, out T value) ? Number(cpu, in op, value, T.LeadingZeroCount(value)) : Step.Fault;

    public static Step Count(Cpu cpu, in Op op) => Count(cpu, in op, cpu.Get<T>(op.R1));

    public static Step CountMemory(Cpu cpu, in Op op) => cpu.Load(in op, out T value) ? Count(cpu, in op, value) : Step.Fault;

    /// <summary>Of zero the destination stays, and ZF tells.</summary>
    private static Step Forward(Cpu cpu, in Op op, T value)
    {
        if (value != T.Zero) cpu.Set(op.R0, T.TrailingZeroCount(value));
        cpu.Flags.SetLogic(value);
        return Step.Next;
    }

    private static Step Reverse(Cpu cpu, in Op op, T value)
    {
        if (value != T.Zero) cpu.Set(op.R0, T.CreateTruncating(Size - 1) - T.LeadingZeroCount(value));
        cpu.Flags.SetLogic(value);
        return Step.Next;
    }

    /// <summary>TZCNT and LZCNT: CF tells that no bit was set, ZF that the first one was.</summary>
    private static Step Number(Cpu cpu, in Op op, T value, T zeros)
    {
        cpu.Set(op.R0, zeros);
        cpu.Flags.Value = (value == T.Zero ? Rflags.Carry : 0) | (zeros == T.Zero ? Rflags.Zero : 0);
        return Step.Next;
    }

    private static Step Count(Cpu cpu, in Op op, T value)
    {
        cpu.Set(op.R0, T.PopCount(value));
        cpu.Flags.Value = value == T.Zero ? Rflags.Zero : 0;
        return Step.Next;
    }
}

/// <summary>CMPXCHG and XADD.</summary>
internal static class Exchange<T> where T : unmanaged, IBinaryInteger<T>
{
    public static Step CompareRegister(Cpu cpu, in Op op)
    {
        T value = cpu.Get<T>(op.R0), accumulator = cpu.Get<T>(0);
        CmpOperation.Apply(ref cpu.Flags, accumulator, value);
        if (value == accumulator) cpu.Set(op.R0, cpu.Get<T>(op.R1));
        else cpu.Set(0, value);
        return Step.Next;
    }

    /// <summary>Memory is written either way, and must be writable.</summary>
    public static Step CompareMemory(Cpu cpu, in Op op)
    {
        if (!cpu.LoadForUpdate(in op, out T value)) return Step.Fault;
        T accumulator = cpu.Get<T>(0);
        cpu.Update(value == accumulator ? cpu.Get<T>(op.R1) : value);
        return Compared(cpu, value, accumulator);
    }

    public static Step CompareLocked(Cpu cpu, in Op op)
    {
        T value, accumulator = cpu.Get<T>(0);
        do
        {
            if (!cpu.LoadForUpdate(in op, out value)) return Step.Fault;
        }
        while (!cpu.TryUpdate(value, value == accumulator ? cpu.Get<T>(op.R1) : value));
        return Compared(cpu, value, accumulator);
    }

    public static Step AddRegister(Cpu cpu, in Op op)
    {
        T left = cpu.Get<T>(op.R0), sum = AddOperation.Apply(ref cpu.Flags, left, cpu.Get<T>(op.R1));
        cpu.Set(op.R1, left);
        cpu.Set(op.R0, sum);
        return Step.Next;
    }

    public static Step AddMemory(Cpu cpu, in Op op)
    {
        if (!cpu.LoadForUpdate(in op, out T left)) return Step.Fault;
        cpu.Update(AddOperation.Apply(ref cpu.Flags, left, cpu.Get<T>(op.R1)));
        cpu.Set(op.R1, left);
        return Step.Next;
    }

    public static Step AddLocked(Cpu cpu, in Op op)
    {
        T left;
        do
        {
            if (!cpu.LoadForUpdate(in op, out left)) return Step.Fault;
        }
        while (!cpu.TryUpdate(left, left + cpu.Get<T>(op.R1)));
        AddOperation.Apply(ref cpu.Flags, left, cpu.Get<T>(op.R1));
        cpu.Set(op.R1, left);
        return Step.Next;
    }

    private static Step Compared(Cpu cpu, T value, T accumulator)
    {
        CmpOperation.Apply(ref cpu.Flags, accumulator, value);
        if (value != accumulator) cpu.Set(0, value);
        return Step.Next;
    }
}

/// <summary>CMPXCHG8B and CMPXCHG16B.</summary>
internal static class WideExchange
{
    public static Step Eight(Cpu cpu, in Op op) => Eight(cpu, in op, locked: false);

    public static Step EightLocked(Cpu cpu, in Op op) => Eight(cpu, in op, locked: true);

    public static Step Sixteen(Cpu cpu, in Op op) => Sixteen(cpu, in op, locked: false);

    public static Step SixteenLocked(Cpu cpu, in Op op) => Sixteen(cpu, in op, locked: true);

    private static Step Eight(Cpu cpu, in Op op, bool locked)
    {
        ulong expected = cpu.Rdx << 32 | (uint)cpu.Rax, replacement = cpu.Rcx << 32 | (uint)cpu.Rbx;
        if (!Swap(cpu, in op, expected, replacement, locked, out ulong value)) return Step.Fault;
        if (value != expected) (cpu.Rax, cpu.Rdx) = ((uint)value, value >> 32);
        return SetZero(cpu, value == expected);
    }

    private static Step Sixteen(Cpu cpu, in Op op, bool locked)
    {
        if ((cpu.EffectiveAddress(in op) & 15) != 0) return cpu.Fault(ExceptionVector.GeneralProtection);
        var expected = new UInt128(cpu.Rdx, cpu.Rax);
        if (!Swap(cpu, in op, expected, new UInt128(cpu.Rcx, cpu.Rbx), locked, out UInt128 value)) return Step.Fault;
        if (value != expected) (cpu.Rax, cpu.Rdx) = ((ulong)value, (ulong)(value >> 64));
        return SetZero(cpu, value == expected);
    }

    private static bool Swap<T>(Cpu cpu, in Op op, T expected, T replacement, bool locked, out T value) where T : unmanaged, IBinaryInteger<T>
    {
        do
        {
            if (!cpu.LoadForUpdate(in op, out value)) return false;
            T written = value == expected ? replacement : value;
            if (locked ? cpu.TryUpdate(value, written) : Plain(cpu, written)) return true;
        }
        while (true);
    }

    private static bool Plain<T>(Cpu cpu, T value) where T : unmanaged
    {
        cpu.Update(value);
        return true;
    }

    private static Step SetZero(Cpu cpu, bool equal)
    {
        cpu.Flags.Value = (cpu.Flags.Value & ~Rflags.Zero) | (equal ? Rflags.Zero : 0);
        return Step.Next;
    }
}
