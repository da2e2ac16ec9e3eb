using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Rhea.X86;
using Rhea.X86.FloatingPoint;

namespace Rhea.SoftCpu.Interpreter;

// What AVX and AVX2 compute that SSE does not; T is the lane.

internal struct Copy : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => b;
}

/// <summary>VMOVSS and its kin: the lowest lane of the second, the rest of the first.</summary>
internal struct LowestLane<T> : IVectorOperation where T : unmanaged
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => a.As<byte, T>().WithElement(0, b.As<byte, T>()[0]).AsByte();
}

/// <summary>VPERMILPS with a register of selectors.</summary>
internal struct Permilps : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
        Vector128.Shuffle(a.AsUInt32(), b.AsUInt32() & Vector128.Create(3u)).AsByte();
}

/// <summary>VPERMILPD with a register of selectors, which are in bit 1.</summary>
internal struct Permilpd : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
        Vector128.Shuffle(a.AsUInt64(), b.AsUInt64() >> 1 & Vector128<ulong>.One).AsByte();
}

/// <summary>VPSLLV: each lane by its own count; one that is too large shifts everything out.</summary>
internal struct ShiftLeftEach<T> : IVectorOperation where T : unmanaged, IBinaryInteger<T>
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        Vector128<T> result = default;
        for (var lane = 0; lane < Vector128<T>.Count; lane++)
        {
            var count = (int)ulong.Min(ulong.CreateTruncating(b.As<byte, T>()[lane]), 64);
            if (count < Unsafe.SizeOf<T>() * 8) result = result.WithElement(lane, a.As<byte, T>()[lane] << count);
        }
        return result.AsByte();
    }
}

/// <summary>VPSRLV and VPSRAV: a signed type keeps its sign.</summary>
internal struct ShiftRightEach<T> : IVectorOperation where T : unmanaged, IBinaryInteger<T>
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        Vector128<T> result = default;
        for (var lane = 0; lane < Vector128<T>.Count; lane++)
        {
            T value = a.As<byte, T>()[lane];
            var count = (int)ulong.Min(ulong.CreateTruncating(b.As<byte, T>()[lane]) & (ulong.MaxValue >> (64 - (Unsafe.SizeOf<T>() * 8))), 64);
            T outside = T.IsNegative(value) ? T.AllBitsSet : T.Zero;
            result = result.WithElement(lane, count < Unsafe.SizeOf<T>() * 8 ? value >> count : outside);
        }
        return result.AsByte();
    }
}

/// <summary>VCMPPS and its kin: thirty-two predicates.</summary>
internal struct CompareFloatVex : IFloatOperation
{
    public static double Apply(double a, double b, byte immediate, ref FloatEnvironment environment) =>
        ComparePredicate.Apply(a, b, immediate & 31, ref environment);

    public static float Apply(float a, float b, byte immediate, ref FloatEnvironment environment) =>
        ComparePredicate.Apply(a, b, immediate & 31, ref environment);
}

/// <summary>The instructions that cross the halves of a YMM register, or move to and from memory.</summary>
internal static class VexLanes
{
    public static Step Store<T>(Cpu cpu, in Op op) where T : unmanaged => Vex.IsReady(cpu) && cpu.Store(in op, cpu.Get<T>(op.R1)) ? Step.Next : Step.Fault;

    public static Step StoreAligned<T>(Cpu cpu, in Op op) where T : unmanaged =>
        Vex.IsReady(cpu) && cpu.StoreAligned(in op, cpu.Get<T>(op.R1)) ? Step.Next : Step.Fault;

    /// <summary>VPINSRB and its kin; T is the lane.</summary>
    public static Step Insert<T, TSource>(Cpu cpu, in Op op) where T : unmanaged where TSource : IOperandSource
    {
        if (!Vex.IsReady(cpu) || !TSource.Read(cpu, in op, out T value)) return Step.Fault;
        var lane = (int)(op.Immediate & (Vector128<T>.Count - 1));
        return Vex.Set(cpu, op.R0, cpu.Get<Vector128<T>>(op.R1).WithElement(lane, value).AsByte());
    }

    /// <summary>VMOVMSKPS, VMOVMSKPD, VPMOVMSKB of 256 bits; T is the lane.</summary>
    public static Step Mask<T>(Cpu cpu, in Op op) where T : unmanaged
    {
        if (!Vex.IsReady(cpu)) return Step.Fault;
        cpu.Set(op.R0, cpu.Get<Vector256<T>>(op.R1).ExtractMostSignificantBits());
        return Step.Next;
    }

    /// <summary>VZEROUPPER: of eight registers outside 64-bit mode.</summary>
    public static Step ZeroUpper(Cpu cpu, in Op op)
    {
        if (!Vex.IsReady(cpu)) return Step.Fault;
        for (var i = 0; i < (cpu.Code64 ? 16 : 8); i++) cpu.Ref<Vector128<byte>>(FrameOffset.Vector(i) + Vector128<byte>.Count) = default;
        return Step.Next;
    }

    /// <inheritdoc cref="ZeroUpper"/>
    public static Step ZeroAll(Cpu cpu, in Op op)
    {
        if (!Vex.IsReady(cpu)) return Step.Fault;
        for (var i = 0; i < (cpu.Code64 ? 16 : 8); i++) cpu.Ref<Vector256<byte>>(FrameOffset.Vector(i)) = default;
        return Step.Next;
    }

    /// <summary>VPTEST; the bits of <typeparamref name="T"/>'s sign alone count for VTESTPS and VTESTPD, all bits where it is a byte.</summary>
    public static Step Test<T, TSource>(Cpu cpu, in Op op) where T : unmanaged where TSource : IOperandSource
    {
        if (!Vex.IsReady(cpu) || !TSource.Read(cpu, in op, out Vector128<byte> b)) return Step.Fault;
        return Test<T>(cpu, cpu.Get<Vector128<byte>>(op.R0).ToVector256(), b.ToVector256());
    }

    /// <inheritdoc cref="Test{T, TSource}"/>
    public static Step TestWide<T, TSource>(Cpu cpu, in Op op) where T : unmanaged where TSource : IOperandSource =>
        Vex.IsReady(cpu) && TSource.Read(cpu, in op, out Vector256<byte> b) ? Test<T>(cpu, cpu.Get<Vector256<byte>>(op.R0), b) : Step.Fault;

    /// <summary>VBROADCAST, VPBROADCAST; T is what is repeated.</summary>
    public static Step Broadcast<T, TSource>(Cpu cpu, in Op op) where T : unmanaged where TSource : IOperandSource =>
        Vex.IsReady(cpu) && TSource.Read(cpu, in op, out T value) ? Vex.Set(cpu, op.R0, Vector128.Create(value).AsByte()) : Step.Fault;

    /// <inheritdoc cref="Broadcast{T, TSource}"/>
    public static Step BroadcastWide<T, TSource>(Cpu cpu, in Op op) where T : unmanaged where TSource : IOperandSource
    {
        if (!Vex.IsReady(cpu) || !TSource.Read(cpu, in op, out T value)) return Step.Fault;
        Vector128<byte> half = Vector128.Create(value).AsByte();
        return Vex.Set(cpu, op.R0, half, half);
    }

    /// <summary>VBROADCASTF128, VBROADCASTI128.</summary>
    public static Step BroadcastHalf(Cpu cpu, in Op op) =>
        Vex.IsReady(cpu) && cpu.Load(in op, out Vector128<byte> half) ? Vex.Set(cpu, op.R0, half, half) : Step.Fault;

    /// <summary>VINSERTF128, VINSERTI128.</summary>
    public static Step InsertHalf<TSource>(Cpu cpu, in Op op) where TSource : IOperandSource
    {
        if (!Vex.IsReady(cpu) || !TSource.Read(cpu, in op, out Vector128<byte> half)) return Step.Fault;
        Vector256<byte> value = cpu.Get<Vector256<byte>>(op.R1);
        return (op.Immediate & 1) == 0 ? Vex.Set(cpu, op.R0, half, value.GetUpper()) : Vex.Set(cpu, op.R0, value.GetLower(), half);
    }

    /// <summary>VEXTRACTF128, VEXTRACTI128.</summary>
    public static Step ExtractHalf(Cpu cpu, in Op op) =>
        Vex.IsReady(cpu) ? Vex.Set(cpu, op.R0, cpu.Get<Vector128<byte>>(Half(op.R1, op.Immediate))) : Step.Fault;

    public static Step ExtractHalfMemory(Cpu cpu, in Op op) =>
        Vex.IsReady(cpu) && cpu.Store(in op, cpu.Get<Vector128<byte>>(Half(op.R1, op.Immediate))) ? Step.Next : Step.Fault;

    /// <summary>VPERM2F128, VPERM2I128: each half of the result is one of four, or zero.</summary>
    public static Step PermuteHalves<TSource>(Cpu cpu, in Op op) where TSource : IOperandSource
    {
        if (!Vex.IsReady(cpu) || !TSource.Read(cpu, in op, out Vector256<byte> b)) return Step.Fault;
        Vector256<byte> a = cpu.Get<Vector256<byte>>(op.R1);
        return Vex.Set(cpu, op.R0, Choose(a, b, (int)op.Immediate), Choose(a, b, (int)op.Immediate >> 4));
    }

    /// <summary>VPERMQ, VPERMPD: two bits of the immediate for each quadword.</summary>
    public static Step PermuteQuads<TSource>(Cpu cpu, in Op op) where TSource : IOperandSource
    {
        if (!Vex.IsReady(cpu) || !TSource.Read(cpu, in op, out Vector256<ulong> source)) return Step.Fault;
        var order = (int)op.Immediate;
        cpu.Ref<Vector256<ulong>>(op.R0) = Vector256.Create(source[order & 3], source[order >> 2 & 3], source[order >> 4 & 3], source[order >> 6 & 3]);
        return Step.Next;
    }

    /// <summary>VPERMD, VPERMPS: a register of selectors.</summary>
    public static Step PermuteDoubles<TSource>(Cpu cpu, in Op op) where TSource : IOperandSource
    {
        if (!Vex.IsReady(cpu) || !TSource.Read(cpu, in op, out Vector256<uint> source)) return Step.Fault;
        cpu.Ref<Vector256<uint>>(op.R0) = Vector256.Shuffle(source, cpu.Get<Vector256<uint>>(op.R1) & Vector256.Create(7u));
        return Step.Next;
    }

    /// <summary>VMASKMOV, VPMASKMOV from memory: lanes whose mask has no sign are zero, and their memory is not touched.</summary>
    public static Step LoadMasked<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T>
    {
        if (!Vex.IsReady(cpu) || !LoadMasked(cpu, in op, Vector128<T>.Count, out Vector256<T> result)) return Step.Fault;
        return Vex.Set(cpu, op.R0, result.GetLower().AsByte());
    }

    /// <inheritdoc cref="LoadMasked{T}(Cpu, in Op)"/>
    public static Step LoadMaskedWide<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T>
    {
        if (!Vex.IsReady(cpu) || !LoadMasked(cpu, in op, Vector256<T>.Count, out Vector256<T> result)) return Step.Fault;
        cpu.Ref<Vector256<T>>(op.R0) = result;
        return Step.Next;
    }

    public static Step StoreMasked<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T> => StoreMasked<T>(cpu, in op, Vector128<T>.Count);

    public static Step StoreMaskedWide<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T> => StoreMasked<T>(cpu, in op, Vector256<T>.Count);

    // VCVTSI2SS, VCVTSI2SD; T is the integer

    public static Step ToDouble<T, TSource>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T> where TSource : IOperandSource
    {
        if (!Vex.IsReady(cpu) || !TSource.Read(cpu, in op, out T value)) return Step.Fault;
        FloatEnvironment environment = Sse.Environment(cpu);
        double result = SseArithmetic.DoubleFromInteger(long.CreateTruncating(value), ref environment);
        return Sse.Accept(cpu, environment) ? Vex.Set(cpu, op.R0, cpu.Get<Vector128<double>>(op.R1).WithElement(0, result).AsByte()) : Step.Fault;
    }

    public static Step ToSingle<T, TSource>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T> where TSource : IOperandSource
    {
        if (!Vex.IsReady(cpu) || !TSource.Read(cpu, in op, out T value)) return Step.Fault;
        FloatEnvironment environment = Sse.Environment(cpu);
        float result = SseArithmetic.SingleFromInteger(long.CreateTruncating(value), ref environment);
        return Sse.Accept(cpu, environment) ? Vex.Set(cpu, op.R0, cpu.Get<Vector128<float>>(op.R1).WithElement(0, result).AsByte()) : Step.Fault;
    }

    private static int Half(ushort register, long immediate) => register + ((int)(immediate & 1) * Vector128<byte>.Count);

    private static Vector128<byte> Choose(Vector256<byte> a, Vector256<byte> b, int control) => (control & 11) switch
    {
        0 => a.GetLower(),
        1 => a.GetUpper(),
        2 => b.GetLower(),
        3 => b.GetUpper(),
        _ => Vector128<byte>.Zero,
    };

    private static Step Test<T>(Cpu cpu, Vector256<byte> a, Vector256<byte> b) where T : unmanaged
    {
        Vector256<byte> both = a & b, onlyB = Vector256.AndNot(b, a);
        bool byBits = Unsafe.SizeOf<T>() == 1;
        bool none = byBits ? both == Vector256<byte>.Zero : both.As<byte, T>().ExtractMostSignificantBits() == 0;
        bool within = byBits ? onlyB == Vector256<byte>.Zero : onlyB.As<byte, T>().ExtractMostSignificantBits() == 0;
        cpu.Flags.Value = (none ? Rflags.Zero : 0) | (within ? Rflags.Carry : 0);
        return Step.Next;
    }

    private static bool LoadMasked<T>(Cpu cpu, in Op op, int lanes, out Vector256<T> result) where T : unmanaged, IBinaryInteger<T>
    {
        Vector256<T> mask = cpu.Get<Vector256<T>>(op.R1);
        result = default;
        for (var lane = 0; lane < lanes; lane++)
        {
            if ((mask[lane] >>> ((Unsafe.SizeOf<T>() * 8) - 1)) == T.Zero) continue;
            if (!cpu.Load(in op, (uint)(lane * Unsafe.SizeOf<T>()), out T value)) return false;
            result = result.WithElement(lane, value);
        }
        return true;
    }

    /// <summary>All lanes are checked before the first is written.</summary>
    private static Step StoreMasked<T>(Cpu cpu, in Op op, int lanes) where T : unmanaged, IBinaryInteger<T>
    {
        if (!Vex.IsReady(cpu)) return Step.Fault;
        uint chosen = cpu.Get<Vector256<T>>(op.R1).ExtractMostSignificantBits() & ((1u << lanes) - 1);
        Vector256<T> data = cpu.Get<Vector256<T>>(op.R2);
        for (var lane = 0; lane < lanes; lane++)
            if ((chosen >> lane & 1) != 0 && !cpu.CanStore(in op, (uint)(lane * Unsafe.SizeOf<T>()), Unsafe.SizeOf<T>())) return Step.Fault;
        for (var lane = 0; lane < lanes; lane++)
            if ((chosen >> lane & 1) != 0 && !cpu.Store(in op, (uint)(lane * Unsafe.SizeOf<T>()), data[lane])) return Step.Fault;
        return Step.Next;
    }
}
