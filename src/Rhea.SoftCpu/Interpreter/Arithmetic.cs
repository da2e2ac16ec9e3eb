using System.Numerics;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>What an instruction with two operands computes: ADD, CMP, AND, …</summary>
internal interface IBinaryOperation
{
    /// <summary>The first operand is only read: CMP, TEST.</summary>
    static virtual bool Compares => false;

    static abstract T Apply<T>(ref LazyFlags flags, T left, T right) where T : unmanaged, IBinaryInteger<T>;
}

/// <summary>What an instruction with one operand computes: INC, NEG, …</summary>
internal interface IUnaryOperation
{
    static abstract T Apply<T>(ref LazyFlags flags, T value) where T : unmanaged, IBinaryInteger<T>;
}

internal struct AddOperation : IBinaryOperation
{
    public static T Apply<T>(ref LazyFlags flags, T left, T right) where T : unmanaged, IBinaryInteger<T>
    {
        T result = left + right;
        flags.Set(result, Carries.OfSum(left, right, result));
        return result;
    }
}

internal struct AdcOperation : IBinaryOperation
{
    public static T Apply<T>(ref LazyFlags flags, T left, T right) where T : unmanaged, IBinaryInteger<T>
    {
        T result = left + right + (flags.Carry ? T.One : T.Zero);
        flags.Set(result, Carries.OfSum(left, right, result));
        return result;
    }
}

internal struct SubOperation : IBinaryOperation
{
    public static T Apply<T>(ref LazyFlags flags, T left, T right) where T : unmanaged, IBinaryInteger<T>
    {
        T result = left - right;
        flags.Set(result, Carries.OfDifference(left, right, result));
        return result;
    }
}

internal struct SbbOperation : IBinaryOperation
{
    public static T Apply<T>(ref LazyFlags flags, T left, T right) where T : unmanaged, IBinaryInteger<T>
    {
        T result = left - right - (flags.Carry ? T.One : T.Zero);
        flags.Set(result, Carries.OfDifference(left, right, result));
        return result;
    }
}

internal struct CmpOperation : IBinaryOperation
{
    public static bool Compares => true;

    public static T Apply<T>(ref LazyFlags flags, T left, T right) where T : unmanaged, IBinaryInteger<T> => SubOperation.Apply(ref flags, left, right);
}

internal struct AndOperation : IBinaryOperation
{
    public static T Apply<T>(ref LazyFlags flags, T left, T right) where T : unmanaged, IBinaryInteger<T>
    {
        T result = left & right;
        flags.SetLogic(result);
        return result;
    }
}

internal struct OrOperation : IBinaryOperation
{
    public static T Apply<T>(ref LazyFlags flags, T left, T right) where T : unmanaged, IBinaryInteger<T>
    {
        T result = left | right;
        flags.SetLogic(result);
        return result;
    }
}

internal struct XorOperation : IBinaryOperation
{
    public static T Apply<T>(ref LazyFlags flags, T left, T right) where T : unmanaged, IBinaryInteger<T>
    {
        T result = left ^ right;
        flags.SetLogic(result);
        return result;
    }
}

internal struct TestOperation : IBinaryOperation
{
    public static bool Compares => true;

    public static T Apply<T>(ref LazyFlags flags, T left, T right) where T : unmanaged, IBinaryInteger<T> => AndOperation.Apply(ref flags, left, right);
}

internal struct IncOperation : IUnaryOperation
{
    public static T Apply<T>(ref LazyFlags flags, T value) where T : unmanaged, IBinaryInteger<T>
    {
        T result = value + T.One;
        flags.SetKeepingCarry(result, Carries.OfSum(value, T.One, result));
        return result;
    }
}

internal struct DecOperation : IUnaryOperation
{
    public static T Apply<T>(ref LazyFlags flags, T value) where T : unmanaged, IBinaryInteger<T>
    {
        T result = value - T.One;
        flags.SetKeepingCarry(result, Carries.OfDifference(value, T.One, result));
        return result;
    }
}

internal struct NegOperation : IUnaryOperation
{
    public static T Apply<T>(ref LazyFlags flags, T value) where T : unmanaged, IBinaryInteger<T> => SubOperation.Apply(ref flags, T.Zero, value);
}

internal struct NotOperation : IUnaryOperation
{
    public static T Apply<T>(ref LazyFlags flags, T value) where T : unmanaged, IBinaryInteger<T> => ~value;
}

/// <summary>The carry (borrow) out of every bit position.</summary>
internal static class Carries
{
    public static T OfSum<T>(T left, T right, T result) where T : unmanaged, IBinaryInteger<T> => (left & right) | ((left | right) & ~result);

    public static T OfDifference<T>(T left, T right, T result) where T : unmanaged, IBinaryInteger<T> => (~left & right) | ((~left | right) & result);
}

/// <summary>An operation on each form of two operands.</summary>
internal static class Binary<TOperation, T>
    where TOperation : struct, IBinaryOperation
    where T : unmanaged, IBinaryInteger<T>
{
    public static Step RegisterRegister(Cpu cpu, in Op op)
    {
        T result = TOperation.Apply(ref cpu.Flags, cpu.Get<T>(op.R0), cpu.Get<T>(op.R1));
        if (!TOperation.Compares) cpu.Set(op.R0, result);
        return Step.Next;
    }

    public static Step RegisterImmediate(Cpu cpu, in Op op)
    {
        T result = TOperation.Apply(ref cpu.Flags, cpu.Get<T>(op.R0), T.CreateTruncating(op.Immediate));
        if (!TOperation.Compares) cpu.Set(op.R0, result);
        return Step.Next;
    }

    public static Step RegisterMemory(Cpu cpu, in Op op)
    {
        if (!cpu.Load(in op, out T right)) return Step.Fault;
        T result = TOperation.Apply(ref cpu.Flags, cpu.Get<T>(op.R0), right);
        if (!TOperation.Compares) cpu.Set(op.R0, result);
        return Step.Next;
    }

    public static Step MemoryRegister(Cpu cpu, in Op op) => OnMemory(cpu, in op, cpu.Get<T>(op.R1));

    public static Step MemoryImmediate(Cpu cpu, in Op op) => OnMemory(cpu, in op, T.CreateTruncating(op.Immediate));

    public static Step LockedRegister(Cpu cpu, in Op op) => Locked(cpu, in op, cpu.Get<T>(op.R1));

    public static Step LockedImmediate(Cpu cpu, in Op op) => Locked(cpu, in op, T.CreateTruncating(op.Immediate));

    private static Step OnMemory(Cpu cpu, in Op op, T right)
    {
        if (TOperation.Compares)
        {
            if (!cpu.Load(in op, out T value)) return Step.Fault;
            TOperation.Apply(ref cpu.Flags, value, right);
            return Step.Next;
        }

        if (!cpu.LoadForUpdate(in op, out T left)) return Step.Fault;
        cpu.Update(TOperation.Apply(ref cpu.Flags, left, right));
        return Step.Next;
    }

    private static Step Locked(Cpu cpu, in Op op, T right)
    {
        LazyFlags before = cpu.Flags; // ADC and SBB read them at every try
        T left, result;
        do
        {
            if (!cpu.LoadForUpdate(in op, out left)) return Step.Fault;
            cpu.Flags = before;
            result = TOperation.Apply(ref cpu.Flags, left, right);
        }
        while (!cpu.TryUpdate(left, result));
        return Step.Next;
    }
}

/// <summary>An operation on each form of one operand.</summary>
internal static class Unary<TOperation, T>
    where TOperation : struct, IUnaryOperation
    where T : unmanaged, IBinaryInteger<T>
{
    public static Step Register(Cpu cpu, in Op op)
    {
        cpu.Set(op.R0, TOperation.Apply(ref cpu.Flags, cpu.Get<T>(op.R0)));
        return Step.Next;
    }

    public static Step Memory(Cpu cpu, in Op op)
    {
        if (!cpu.LoadForUpdate(in op, out T value)) return Step.Fault;
        cpu.Update(TOperation.Apply(ref cpu.Flags, value));
        return Step.Next;
    }

    public static Step Locked(Cpu cpu, in Op op)
    {
        LazyFlags before = cpu.Flags;
        T value, result;
        do
        {
            if (!cpu.LoadForUpdate(in op, out value)) return Step.Fault;
            cpu.Flags = before;
            result = TOperation.Apply(ref cpu.Flags, value);
        }
        while (!cpu.TryUpdate(value, result));
        return Step.Next;
    }
}
