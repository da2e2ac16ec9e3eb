using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Rhea.Core.Cpu;
using Rhea.X86;
using Rhea.X86.FloatingPoint;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Where the operand is that an instruction takes from a register or from memory.</summary>
internal interface IOperandSource
{
    static abstract bool Read<T>(Cpu cpu, in Op op, out T value) where T : unmanaged;
}

/// <summary>Operand 1, of an instruction with one source.</summary>
internal struct FirstRegister : IOperandSource
{
    public static bool Read<T>(Cpu cpu, in Op op, out T value) where T : unmanaged
    {
        value = cpu.Get<T>(op.R1);
        return true;
    }
}

/// <summary>Operand 2.</summary>
internal struct SecondRegister : IOperandSource
{
    public static bool Read<T>(Cpu cpu, in Op op, out T value) where T : unmanaged
    {
        value = cpu.Get<T>(op.R2);
        return true;
    }
}

/// <summary>Memory, which needs no alignment.</summary>
internal struct MemoryOperand : IOperandSource
{
    public static bool Read<T>(Cpu cpu, in Op op, out T value) where T : unmanaged => cpu.Load(in op, out value);
}

/// <summary>Memory that must be aligned, else a general protection fault.</summary>
internal struct AlignedOperand : IOperandSource
{
    public static bool Read<T>(Cpu cpu, in Op op, out T value) where T : unmanaged => cpu.LoadAligned(in op, out value);
}

/// <summary>The shapes of AVX and AVX2 instructions that do what SSE does, in each half of a YMM register.</summary>
/// <remarks>Intel SDM vol. 1, chapter 14. What is written to the lower half clears the upper one. <c>Wide</c> is of 256 bits.</remarks>
internal static class Vex
{
    /// <summary>What XCR0 must have.</summary>
    public const ulong AvxState = 6;

    /// <summary>The operating system saves YMM registers, and they are this task's. In real and V86 mode there is no VEX.</summary>
    public static bool IsReady(Cpu cpu)
    {
        ref CpuState state = ref cpu.State;
        if (cpu.RealSegments || (state.Cr4 & Cr4.OsXsave) == 0 || (state.Xcr0 & AvxState) != AvxState) return cpu.Refuse(ExceptionVector.InvalidOpcode);
        return (state.Cr0 & Cr0.TaskSwitched) == 0 || cpu.Refuse(ExceptionVector.DeviceNotAvailable);
    }

    /// <summary>Writes the lower half of a register and clears the upper.</summary>
    public static Step Set(Cpu cpu, ushort register, Vector128<byte> value)
    {
        cpu.Ref<Vector256<byte>>(register) = value.ToVector256();
        return Step.Next;
    }

    public static Step Set(Cpu cpu, ushort register, Vector128<byte> lower, Vector128<byte> upper)
    {
        cpu.Ref<Vector256<byte>>(register) = Vector256.Create(lower, upper);
        return Step.Next;
    }

    // Of one source

    public static Step Unary<T, TSource>(Cpu cpu, in Op op) where T : IVectorOperation where TSource : IOperandSource =>
        IsReady(cpu) && TSource.Read(cpu, in op, out Vector128<byte> source) ? Set(cpu, op.R0, T.Apply(source, source, (byte)op.Immediate)) : Step.Fault;

    public static Step UnaryWide<T, TSource>(Cpu cpu, in Op op) where T : IVectorOperation where TSource : IOperandSource =>
        IsReady(cpu) && TSource.Read(cpu, in op, out Vector256<byte> source) ? Apply<T>(cpu, in op, source, source) : Step.Fault;

    // Of two

    public static Step Binary<T, TSource>(Cpu cpu, in Op op) where T : IVectorOperation where TSource : IOperandSource =>
        IsReady(cpu) && TSource.Read(cpu, in op, out Vector128<byte> source)
            ? Set(cpu, op.R0, T.Apply(cpu.Get<Vector128<byte>>(op.R1), source, (byte)op.Immediate)) : Step.Fault;

    public static Step BinaryWide<T, TSource>(Cpu cpu, in Op op) where T : IVectorOperation where TSource : IOperandSource =>
        IsReady(cpu) && TSource.Read(cpu, in op, out Vector256<byte> source) ? Apply<T>(cpu, in op, cpu.Get<Vector256<byte>>(op.R1), source) : Step.Fault;

    /// <summary>With less than a register as the second: TPart is what is read.</summary>
    public static Step BinaryPart<T, TSource, TPart>(Cpu cpu, in Op op)
        where T : IVectorOperation
        where TSource : IOperandSource
        where TPart : unmanaged, IBinaryInteger<TPart> =>
        IsReady(cpu) && TSource.Read(cpu, in op, out TPart source)
            ? Set(cpu, op.R0, T.Apply(cpu.Get<Vector128<byte>>(op.R1), Vector128.CreateScalar(ulong.CreateTruncating(source)).AsByte(), (byte)op.Immediate)) : Step.Fault;

    /// <summary>A shift of both halves by one count.</summary>
    public static Step Shift<T, TSource>(Cpu cpu, in Op op) where T : IVectorOperation where TSource : IOperandSource
    {
        if (!IsReady(cpu) || !TSource.Read(cpu, in op, out Vector128<byte> count)) return Step.Fault;
        Vector256<byte> value = cpu.Get<Vector256<byte>>(op.R1);
        return Set(cpu, op.R0, T.Apply(value.GetLower(), count, 0), T.Apply(value.GetUpper(), count, 0));
    }

    public static Step ShiftImmediate<T>(Cpu cpu, in Op op) where T : IVectorOperation =>
        IsReady(cpu) ? Set(cpu, op.R0, T.Apply(cpu.Get<Vector128<byte>>(op.R1), Count(in op), (byte)op.Immediate)) : Step.Fault;

    public static Step ShiftImmediateWide<T>(Cpu cpu, in Op op) where T : IVectorOperation
    {
        if (!IsReady(cpu)) return Step.Fault;
        Vector256<byte> value = cpu.Get<Vector256<byte>>(op.R1), count = Vector256.Create(Count(in op), Count(in op));
        return Apply<T>(cpu, in op, value, count);
    }

    /// <summary>From less than a register: TPart is what is read.</summary>
    public static Step UnaryPart<T, TSource, TPart>(Cpu cpu, in Op op)
        where T : IVectorOperation
        where TSource : IOperandSource
        where TPart : unmanaged, IBinaryInteger<TPart>
    {
        if (!IsReady(cpu) || !TSource.Read(cpu, in op, out TPart part)) return Step.Fault;
        Vector128<byte> source = Vector128.CreateScalar(ulong.CreateTruncating(part)).AsByte();
        return Set(cpu, op.R0, T.Apply(source, source, (byte)op.Immediate));
    }

    /// <summary>PMOVSX, PMOVZX: the upper half of the result comes from the bytes that follow.</summary>
    public static Step WidenWide<T, TSource, TPart>(Cpu cpu, in Op op)
        where T : IWideningOperation
        where TSource : IOperandSource
        where TPart : unmanaged
    {
        if (!IsReady(cpu) || !TSource.Read(cpu, in op, out TPart part)) return Step.Fault;
        Vector128<byte> source = default;
        MemoryMarshal.Write(MemoryMarshal.AsBytes(new Span<Vector128<byte>>(ref source)), part);
        return Set(cpu, op.R0, T.Apply(default, source, 0), T.Apply(default, Psrldq.Apply(source, source, (byte)T.SourceBytes), 0));
    }

    // Of three

    public static Step Ternary<T, TSource>(Cpu cpu, in Op op) where T : ITernaryOperation where TSource : IOperandSource =>
        IsReady(cpu) && TSource.Read(cpu, in op, out Vector128<byte> source)
            ? Set(cpu, op.R0, T.Apply(cpu.Get<Vector128<byte>>(op.R1), source, cpu.Get<Vector128<byte>>(op.R3))) : Step.Fault;

    public static Step TernaryWide<T, TSource>(Cpu cpu, in Op op) where T : ITernaryOperation where TSource : IOperandSource
    {
        if (!IsReady(cpu) || !TSource.Read(cpu, in op, out Vector256<byte> source)) return Step.Fault;
        Vector256<byte> a = cpu.Get<Vector256<byte>>(op.R1), c = cpu.Get<Vector256<byte>>(op.R3);
        return Set(cpu, op.R0, T.Apply(a.GetLower(), source.GetLower(), c.GetLower()), T.Apply(a.GetUpper(), source.GetUpper(), c.GetUpper()));
    }

    private static Vector128<byte> Count(in Op op) => Vector128.CreateScalar((ulong)(byte)op.Immediate).AsByte();

    private static Step Apply<T>(Cpu cpu, in Op op, Vector256<byte> a, Vector256<byte> b) where T : IVectorOperation
    {
        var immediate = (byte)op.Immediate;
        return Set(cpu, op.R0, T.Apply(a.GetLower(), b.GetLower(), immediate), T.Apply(a.GetUpper(), b.GetUpper(), (byte)(immediate >> T.ImmediateBits)));
    }
}

/// <summary>The same for floating-point numbers.</summary>
internal static class VexFloat
{
    public static Step Unary<T, TSource>(Cpu cpu, in Op op) where T : IFloatVectorOperation where TSource : IOperandSource =>
        Vex.IsReady(cpu) && TSource.Read(cpu, in op, out Vector128<byte> source) ? Apply<T>(cpu, in op, source, source) : Step.Fault;

    public static Step UnaryWide<T, TSource>(Cpu cpu, in Op op) where T : IFloatVectorOperation where TSource : IOperandSource =>
        Vex.IsReady(cpu) && TSource.Read(cpu, in op, out Vector256<byte> source) ? Apply<T>(cpu, in op, source, source) : Step.Fault;

    public static Step Binary<T, TSource>(Cpu cpu, in Op op) where T : IFloatVectorOperation where TSource : IOperandSource =>
        Vex.IsReady(cpu) && TSource.Read(cpu, in op, out Vector128<byte> source) ? Apply<T>(cpu, in op, cpu.Get<Vector128<byte>>(op.R1), source) : Step.Fault;

    public static Step BinaryWide<T, TSource>(Cpu cpu, in Op op) where T : IFloatVectorOperation where TSource : IOperandSource =>
        Vex.IsReady(cpu) && TSource.Read(cpu, in op, out Vector256<byte> source) ? Apply<T>(cpu, in op, cpu.Get<Vector256<byte>>(op.R1), source) : Step.Fault;

    /// <summary>Of the lowest number: TPart is as wide.</summary>
    public static Step Scalar<T, TSource, TPart>(Cpu cpu, in Op op)
        where T : IFloatVectorOperation
        where TSource : IOperandSource
        where TPart : unmanaged, IBinaryInteger<TPart> =>
        Vex.IsReady(cpu) && TSource.Read(cpu, in op, out TPart source)
            ? Apply<T>(cpu, in op, cpu.Get<Vector128<byte>>(op.R1), Vector128.CreateScalar(ulong.CreateTruncating(source)).AsByte()) : Step.Fault;

    /// <summary>Half a register becomes a whole one: CVTPS2PD, CVTDQ2PD.</summary>
    public static Step Widen<T, TSource>(Cpu cpu, in Op op) where T : IFloatVectorOperation where TSource : IOperandSource =>
        Vex.IsReady(cpu) && TSource.Read(cpu, in op, out ulong source) ? Apply<T>(cpu, in op, default(Vector128<byte>), Vector128.CreateScalar(source).AsByte()) : Step.Fault;

    /// <inheritdoc cref="Widen{T, TSource}"/>
    public static Step WidenWide<T, TSource>(Cpu cpu, in Op op) where T : IFloatVectorOperation where TSource : IOperandSource
    {
        if (!Vex.IsReady(cpu) || !TSource.Read(cpu, in op, out Vector128<byte> source)) return Step.Fault;
        return Apply<T>(cpu, in op, default, Vector256.Create(source, Punpckhqdq.Apply(source, source, 0)));
    }

    /// <summary>A whole register becomes half a one: CVTPD2PS, CVTPD2DQ.</summary>
    public static Step NarrowWide<T, TSource>(Cpu cpu, in Op op) where T : IFloatVectorOperation where TSource : IOperandSource
    {
        if (!Vex.IsReady(cpu) || !TSource.Read(cpu, in op, out Vector256<byte> source)) return Step.Fault;
        FloatEnvironment environment = Sse.Environment(cpu);
        Vector128<byte> lower = T.Apply(default, source.GetLower(), 0, ref environment), upper = T.Apply(default, source.GetUpper(), 0, ref environment);
        return Sse.Accept(cpu, environment) ? Vex.Set(cpu, op.R0, Punpcklqdq.Apply(lower, upper, 0)) : Step.Fault;
    }

    private static Step Apply<T>(Cpu cpu, in Op op, Vector128<byte> a, Vector128<byte> b) where T : IFloatVectorOperation
    {
        FloatEnvironment environment = Sse.Environment(cpu);
        Vector128<byte> result = T.Apply(a, b, (byte)op.Immediate, ref environment);
        return Sse.Accept(cpu, environment) ? Vex.Set(cpu, op.R0, result) : Step.Fault;
    }

    private static Step Apply<T>(Cpu cpu, in Op op, Vector256<byte> a, Vector256<byte> b) where T : IFloatVectorOperation
    {
        FloatEnvironment environment = Sse.Environment(cpu);
        Vector128<byte> lower = T.Apply(a.GetLower(), b.GetLower(), (byte)op.Immediate, ref environment);
        Vector128<byte> upper = T.Apply(a.GetUpper(), b.GetUpper(), (byte)op.Immediate, ref environment);
        return Sse.Accept(cpu, environment) ? Vex.Set(cpu, op.R0, lower, upper) : Step.Fault;
    }
}
