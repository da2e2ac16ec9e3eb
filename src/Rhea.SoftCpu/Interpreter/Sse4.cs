using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Rhea.SoftCpu.Interpreter;

// The operations of SSE4.1 and SSE4.2, named as the instructions or by what they have in common; T is the lane.

internal struct Minimum<T> : IVectorOperation where T : unmanaged
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.Min(a.As<byte, T>(), b.As<byte, T>()).AsByte();
}

internal struct Maximum<T> : IVectorOperation where T : unmanaged
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.Max(a.As<byte, T>(), b.As<byte, T>()).AsByte();
}

internal struct Pcmpeqq : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.Equals(a.AsUInt64(), b.AsUInt64()).AsByte();
}

internal struct Pcmpgtq : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.GreaterThan(a.AsInt64(), b.AsInt64()).AsByte();
}

internal struct Pmulld : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => (a.AsInt32() * b.AsInt32()).AsByte();
}

/// <summary>Of the lower half of each quadword, signed.</summary>
internal struct Pmuldq : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
        ((a.AsInt64() << 32 >> 32) * (b.AsInt64() << 32 >> 32)).AsByte();
}

internal struct Packusdw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
        Vector128.Narrow(Clamp(a.AsInt32()), Clamp(b.AsInt32())).AsByte();

    private static Vector128<uint> Clamp(Vector128<int> values) =>
        Vector128.Min(Vector128.Max(values, Vector128<int>.Zero), Vector128.Create((int)ushort.MaxValue)).AsUInt32();
}

/// <summary>The smallest word, and where it first is.</summary>
internal struct Phminposuw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        var least = 0;
        for (var lane = 1; lane < 8; lane++)
            if (b.AsUInt16()[lane] < b.AsUInt16()[least]) least = lane;
        return Vector128.CreateScalar(b.AsUInt16()[least] | (uint)least << 16).AsByte();
    }
}

/// <summary>Eight sums of four absolute differences: one block of the source against blocks of the destination, a byte apart.</summary>
internal struct Mpsadbw : IVectorOperation
{
    public static int ImmediateBits => 3;

    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        int first = immediate & 4, block = (immediate & 3) * 4;
        Vector128<ushort> sums = default;
        for (var lane = 0; lane < 8; lane++)
        {
            var sum = 0;
            for (var i = 0; i < 4; i++) sum += Math.Abs(a[first + lane + i] - b[block + i]);
            sums = sums.WithElement(lane, (ushort)sum);
        }
        return sums.AsByte();
    }
}

/// <summary>BLENDPS, BLENDPD, PBLENDW: a bit of the immediate for each lane takes the source's.</summary>
internal struct Blend<T> : IVectorOperation where T : unmanaged, IBinaryInteger<T>
{
    /// <summary>PBLENDW uses the same eight bits for both halves of a YMM register.</summary>
    public static int ImmediateBits => Vector128<T>.Count & 7;

    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        Vector128<T> lanes = default;
        for (var lane = 0; lane < Vector128<T>.Count; lane++) lanes = lanes.WithElement(lane, (immediate >> lane & 1) != 0 ? T.AllBitsSet : T.Zero);
        return Vector128.ConditionalSelect(lanes.AsByte(), b, a);
    }
}

/// <summary>Of three vectors.</summary>
internal interface ITernaryOperation
{
    static abstract Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, Vector128<byte> c);
}

/// <summary>PBLENDVB, BLENDVPS, BLENDVPD: the top bit of each lane of the third takes the second's.</summary>
internal struct VariableBlend<T> : ITernaryOperation where T : unmanaged, ISignedNumber<T>
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, Vector128<byte> c) =>
        Vector128.ConditionalSelect(Vector128.LessThan(c.As<byte, T>(), Vector128<T>.Zero).AsByte(), b, a);
}

/// <summary>INSERTPS with a register: the immediate says which lane, to which, and which to clear.</summary>
internal struct Insertps : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
        InsertpsMemory.Apply(a, Vector128.CreateScalar(b.AsUInt32()[immediate >> 6]).AsByte(), immediate);
}

/// <summary>INSERTPS with four bytes of memory.</summary>
internal struct InsertpsMemory : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
        Blend<uint>.Apply(a.AsUInt32().WithElement(immediate >> 4 & 3, b.AsUInt32()[0]).AsByte(), Vector128<byte>.Zero, (byte)(immediate & 15));
}

/// <summary>PMOVSX and PMOVZX: a signed type extends the sign.</summary>
internal struct Extend<TFrom, TTo> : IWideningOperation
    where TFrom : unmanaged, IBinaryInteger<TFrom>
    where TTo : unmanaged, IBinaryInteger<TTo>
{
    public static int SourceBytes => 16 * Unsafe.SizeOf<TFrom>() / Unsafe.SizeOf<TTo>();

    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        Vector128<TTo> result = default;
        for (var lane = 0; lane < Vector128<TTo>.Count; lane++) result = result.WithElement(lane, TTo.CreateTruncating(b.As<byte, TFrom>()[lane]));
        return result.AsByte();
    }
}

/// <summary>One whose source has fewer bytes than its result.</summary>
internal interface IWideningOperation : IVectorOperation
{
    static abstract int SourceBytes { get; }
}

/// <summary>The instructions of SSE4 that have a shape of their own: lanes in and out, a third operand, PTEST.</summary>
internal static class Sse4
{
    // T is the lane

    /// <summary>PEXTRB, PEXTRW, PEXTRD, PEXTRQ, EXTRACTPS: a general register has zeros above.</summary>
    public static Step Extract<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T>
    {
        if (!Sse.IsReady(cpu, in op)) return Step.Fault;
        cpu.Set(op.R0, ulong.CreateTruncating(cpu.Get<T>(Lane<T>(op.R1, op.Immediate))));
        return Step.Next;
    }

    public static Step ExtractMemory<T>(Cpu cpu, in Op op) where T : unmanaged =>
        Sse.IsReady(cpu, in op) && cpu.Store(in op, cpu.Get<T>(Lane<T>(op.R1, op.Immediate))) ? Step.Next : Step.Fault;

    /// <summary>PINSRB, PINSRW, PINSRD, PINSRQ.</summary>
    public static Step Insert<T>(Cpu cpu, in Op op) where T : unmanaged
    {
        if (!Sse.IsReady(cpu)) return Step.Fault;
        cpu.Ref<T>(Lane<T>(op.R0, op.Immediate)) = cpu.Get<T>(op.R1);
        return Step.Next;
    }

    public static Step InsertMemory<T>(Cpu cpu, in Op op) where T : unmanaged
    {
        if (!Sse.IsReady(cpu) || !cpu.Load(in op, out T value)) return Step.Fault;
        cpu.Ref<T>(Lane<T>(op.R0, op.Immediate)) = value;
        return Step.Next;
    }

    /// <summary>With XMM0 as the third operand.</summary>
    public static Step Ternary<T>(Cpu cpu, in Op op) where T : ITernaryOperation =>
        Sse.IsReady(cpu) ? Ternary<T>(cpu, in op, cpu.Get<Vector128<byte>>(op.R1)) : Step.Fault;

    public static Step TernaryMemory<T>(Cpu cpu, in Op op) where T : ITernaryOperation =>
        Sse.IsReady(cpu) && cpu.LoadAligned(in op, out Vector128<byte> source) ? Ternary<T>(cpu, in op, source) : Step.Fault;

    public static Step Test(Cpu cpu, in Op op)
    {
        if (!Sse.IsReady(cpu)) return Step.Fault;
        return Test(cpu, cpu.Get<Vector128<byte>>(op.R0), cpu.Get<Vector128<byte>>(op.R1));
    }

    public static Step TestMemory(Cpu cpu, in Op op) =>
        Sse.IsReady(cpu) && cpu.LoadAligned(in op, out Vector128<byte> source) ? Test(cpu, cpu.Get<Vector128<byte>>(op.R0), source) : Step.Fault;

    // SSE4A: fields of bits, a length and a start of six bits each (AMD64 APM vol. 4, EXTRQ and INSERTQ). The upper half is undefined: zero

    public static Step ExtractField(Cpu cpu, in Op op) => ExtractField(cpu, in op, (int)op.Immediate, (int)op.Displacement);

    public static Step ExtractFieldBy(Cpu cpu, in Op op) => ExtractField(cpu, in op, cpu.Get<byte>(op.R1), cpu.Get<byte>(op.R1 + 1));

    public static Step InsertField(Cpu cpu, in Op op) => InsertField(cpu, in op, (int)op.Immediate, (int)op.Displacement);

    public static Step InsertFieldBy(Cpu cpu, in Op op) => InsertField(cpu, in op, cpu.Get<byte>(op.R1 + 8), cpu.Get<byte>(op.R1 + 9));

    /// <summary>The offset of the lane that an immediate selects.</summary>
    public static int Lane<T>(int register, long immediate) => register + ((int)(immediate & (Vector128<byte>.Count / Unsafe.SizeOf<T>() - 1)) * Unsafe.SizeOf<T>());

    private static Step ExtractField(Cpu cpu, in Op op, int length, int start)
    {
        if (!Sse.IsReady(cpu)) return Step.Fault;
        cpu.Ref<Vector128<ulong>>(op.R0) = Vector128.CreateScalar(cpu.Get<ulong>(op.R0) >> (start & 63) & Field(length));
        return Step.Next;
    }

    private static Step InsertField(Cpu cpu, in Op op, int length, int start)
    {
        if (!Sse.IsReady(cpu)) return Step.Fault;
        ulong mask = Field(length);
        ulong inserted = (cpu.Get<ulong>(op.R1) & mask) << (start & 63);
        cpu.Ref<Vector128<ulong>>(op.R0) = Vector128.CreateScalar((cpu.Get<ulong>(op.R0) & ~(mask << (start & 63))) | inserted);
        return Step.Next;
    }

    /// <summary>A length of zero is sixty-four.</summary>
    private static ulong Field(int length) => ulong.MaxValue >> (-length & 63);

    private static Step Ternary<T>(Cpu cpu, in Op op, Vector128<byte> source) where T : ITernaryOperation
    {
        ref Vector128<byte> destination = ref cpu.Ref<Vector128<byte>>(op.R0);
        destination = T.Apply(destination, source, cpu.Get<Vector128<byte>>(FrameOffset.Vector(0)));
        return Step.Next;
    }

    /// <summary>ZF: nothing in common. CF: the source has nothing that the destination has not.</summary>
    private static Step Test(Cpu cpu, Vector128<byte> a, Vector128<byte> b)
    {
        cpu.Flags.Value = ((a & b) == Vector128<byte>.Zero ? X86.Rflags.Zero : 0) | (Vector128.AndNot(b, a) == Vector128<byte>.Zero ? X86.Rflags.Carry : 0);
        return Step.Next;
    }
}
