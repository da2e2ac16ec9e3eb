using System.Numerics;
using System.Runtime.Intrinsics;
using Rhea.X86;
using Rhea.X86.FloatingPoint;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>The shapes of MMX instructions, and its moves. The eight registers are the significands of the x87's.</summary>
/// <remarks>
/// Intel SDM vol. 1, chapter 9, and vol. 3, 14.2: every instruction but EMMS makes all registers valid and TOP zero; a register
/// that is written has an exponent of all ones. What they compute is what SSE computes, in the lower half.
/// </remarks>
internal static class Mmx
{
    private const ushort WrittenExponent = 0xFFFF;

    /// <summary>MMX can be used, and no x87 exception waits.</summary>
    public static bool IsReady(Cpu cpu)
    {
        uint cr0 = (uint)cpu.State.Cr0;
        if ((cr0 & Cr0.Emulation) != 0) return cpu.Refuse(ExceptionVector.InvalidOpcode);
        if ((cr0 & Cr0.TaskSwitched) != 0) return cpu.Refuse(ExceptionVector.DeviceNotAvailable);
        return !X87.IsInterrupted(cpu);
    }

    /// <summary>Leaves x87 mode: once the instruction cannot fault any more.</summary>
    public static void Enter(Cpu cpu)
    {
        cpu.State.FpuEmpty = 0;
        cpu.State.FpuStatus &= unchecked((ushort)~Fsw.Top);
    }

    public static ulong Get(Cpu cpu, ushort register) => cpu.Get<ulong>(register);

    public static void Set(Cpu cpu, ushort register, ulong value)
    {
        cpu.Ref<ulong>(register) = value;
        cpu.Ref<ushort>(register + sizeof(ulong)) = WrittenExponent;
    }

    public static Step Register<T>(Cpu cpu, in Op op) where T : IVectorOperation =>
        IsReady(cpu) ? Apply<T>(cpu, in op, Get(cpu, op.R1)) : Step.Fault;

    public static Step Memory<T>(Cpu cpu, in Op op) where T : IVectorOperation =>
        IsReady(cpu) && cpu.Load(in op, out ulong source) ? Apply<T>(cpu, in op, source) : Step.Fault;

    /// <summary>PUNPCKL: only the lower half of memory is read.</summary>
    public static Step Memory32<T>(Cpu cpu, in Op op) where T : IVectorOperation =>
        IsReady(cpu) && cpu.Load(in op, out uint source) ? Apply<T>(cpu, in op, source) : Step.Fault;

    public static Step Shift<T>(Cpu cpu, in Op op) where T : IVectorOperation =>
        IsReady(cpu) ? Apply<T>(cpu, in op, (byte)op.Immediate) : Step.Fault;

    public static Step LeaveMmx(Cpu cpu, in Op op)
    {
        if (!IsReady(cpu)) return Step.Fault;
        Enter(cpu);
        cpu.State.FpuEmpty = 0xFF;
        return Step.Next;
    }

    // Moves

    /// <summary>MOVD, MOVQ from a general or MMX register.</summary>
    public static Step Move<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T>
    {
        if (!IsReady(cpu)) return Step.Fault;
        Enter(cpu);
        Set(cpu, op.R0, ulong.CreateTruncating(cpu.Get<T>(op.R1)));
        return Step.Next;
    }

    public static Step MoveMemory<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T>
    {
        if (!IsReady(cpu) || !cpu.Load(in op, out T value)) return Step.Fault;
        Enter(cpu);
        Set(cpu, op.R0, ulong.CreateTruncating(value));
        return Step.Next;
    }

    public static Step Exit<T>(Cpu cpu, in Op op) where T : unmanaged
    {
        if (!IsReady(cpu)) return Step.Fault;
        Enter(cpu);
        cpu.Set(op.R0, cpu.Get<T>(op.R1));
        return Step.Next;
    }

    public static Step ExitMemory<T>(Cpu cpu, in Op op) where T : unmanaged
    {
        if (!IsReady(cpu) || !cpu.Store(in op, cpu.Get<T>(op.R1))) return Step.Fault;
        Enter(cpu);
        return Step.Next;
    }

    /// <summary>MOVQ2DQ.</summary>
    public static Step ToVector(Cpu cpu, in Op op)
    {
        if (!IsReadyForBoth(cpu)) return Step.Fault;
        Enter(cpu);
        cpu.Ref<Vector128<ulong>>(op.R0) = Vector128.CreateScalar(Get(cpu, op.R1));
        return Step.Next;
    }

    /// <summary>MOVDQ2Q.</summary>
    public static Step FromVector(Cpu cpu, in Op op)
    {
        if (!IsReadyForBoth(cpu)) return Step.Fault;
        Enter(cpu);
        Set(cpu, op.R0, cpu.Get<ulong>(op.R1));
        return Step.Next;
    }

    public static Step InsertWord(Cpu cpu, in Op op) => IsReady(cpu) ? InsertWord(cpu, in op, cpu.Get<ushort>(op.R1)) : Step.Fault;

    public static Step InsertWordMemory(Cpu cpu, in Op op) =>
        IsReady(cpu) && cpu.Load(in op, out ushort word) ? InsertWord(cpu, in op, word) : Step.Fault;

    public static Step ExtractWord(Cpu cpu, in Op op)
    {
        if (!IsReady(cpu)) return Step.Fault;
        Enter(cpu);
        cpu.Set(op.R0, (uint)(ushort)(Get(cpu, op.R1) >> ((int)(op.Immediate & 3) * 16)));
        return Step.Next;
    }

    public static Step ByteMask(Cpu cpu, in Op op)
    {
        if (!IsReady(cpu)) return Step.Fault;
        Enter(cpu);
        cpu.Set(op.R0, Vector128.CreateScalar(Get(cpu, op.R1)).AsByte().ExtractMostSignificantBits());
        return Step.Next;
    }

    /// <summary>MASKMOVQ.</summary>
    public static Step StoreMasked(Cpu cpu, in Op op)
    {
        if (!IsReady(cpu)) return Step.Fault;
        Vector128<byte> data = Vector128.CreateScalar(Get(cpu, op.R1)).AsByte(), mask = Vector128.CreateScalar(Get(cpu, op.R2)).AsByte();
        if (SseMoves.StoreMasked(cpu, in op, sizeof(ulong), data, mask) == Step.Fault) return Step.Fault;
        Enter(cpu);
        return Step.Next;
    }

    // Conversions between MMX and SSE registers

    /// <summary>CVTPI2PS and CVTPI2PD.</summary>
    public static Step ToFloats<T>(Cpu cpu, in Op op) where T : IFloatVectorOperation
    {
        if (!IsReadyForBoth(cpu)) return Step.Fault;
        Enter(cpu);
        return ToFloats<T>(cpu, in op, Get(cpu, op.R1));
    }

    /// <inheritdoc cref="ToFloats{T}(Cpu, in Op)"/>
    public static Step ToFloatsMemory<T>(Cpu cpu, in Op op) where T : IFloatVectorOperation =>
        IsReadyForBoth(cpu) && cpu.Load(in op, out ulong source) ? ToFloats<T>(cpu, in op, source) : Step.Fault;

    /// <summary>CVTPS2PI, CVTPD2PI and the truncating ones.</summary>
    public static Step FromFloats<T>(Cpu cpu, in Op op) where T : IFloatVectorOperation =>
        IsReadyForBoth(cpu) ? FromFloats<T>(cpu, in op, cpu.Get<Vector128<byte>>(op.R1)) : Step.Fault;

    /// <summary>CVTPS2PI: only the lower half is looked at.</summary>
    public static Step FromLowerFloats<T>(Cpu cpu, in Op op) where T : IFloatVectorOperation =>
        IsReadyForBoth(cpu) ? FromFloats<T>(cpu, in op, Vector128.CreateScalar(cpu.Get<ulong>(op.R1)).AsByte()) : Step.Fault;

    public static Step FromFloatsMemory64<T>(Cpu cpu, in Op op) where T : IFloatVectorOperation =>
        IsReadyForBoth(cpu) && cpu.Load(in op, out ulong source) ? FromFloats<T>(cpu, in op, Vector128.CreateScalar(source).AsByte()) : Step.Fault;

    public static Step FromFloatsMemory128<T>(Cpu cpu, in Op op) where T : IFloatVectorOperation =>
        IsReadyForBoth(cpu) && cpu.LoadAligned(in op, out Vector128<byte> source) ? FromFloats<T>(cpu, in op, source) : Step.Fault;

    private static bool IsReadyForBoth(Cpu cpu) => Sse.IsReady(cpu) && !X87.IsInterrupted(cpu);

    private static Step Apply<T>(Cpu cpu, in Op op, ulong source) where T : IVectorOperation
    {
        Enter(cpu);
        Vector128<byte> a = Vector128.CreateScalar(Get(cpu, op.R0)).AsByte(), b = Vector128.CreateScalar(source).AsByte();
        Set(cpu, op.R0, T.Apply(a, b, (byte)op.Immediate).AsUInt64()[0]);
        return Step.Next;
    }

    private static Step InsertWord(Cpu cpu, in Op op, ushort word)
    {
        Enter(cpu);
        int shift = (int)(op.Immediate & 3) * 16;
        Set(cpu, op.R0, (Get(cpu, op.R0) & ~(0xFFFFUL << shift)) | (ulong)word << shift);
        return Step.Next;
    }

    private static Step ToFloats<T>(Cpu cpu, in Op op, ulong source) where T : IFloatVectorOperation
    {
        FloatEnvironment environment = Sse.Environment(cpu);
        ref Vector128<byte> destination = ref cpu.Ref<Vector128<byte>>(op.R0);
        Vector128<byte> result = T.Apply(destination, Vector128.CreateScalar(source).AsByte(), 0, ref environment);
        if (!Sse.Accept(cpu, environment)) return Step.Fault;
        destination = result;
        return Step.Next;
    }

    private static Step FromFloats<T>(Cpu cpu, in Op op, Vector128<byte> source) where T : IFloatVectorOperation
    {
        FloatEnvironment environment = Sse.Environment(cpu);
        Vector128<byte> result = T.Apply(default, source, 0, ref environment);
        Enter(cpu); // an exception of SSE does not keep it from that
        if (!Sse.Accept(cpu, environment)) return Step.Fault;
        Set(cpu, op.R0, result.AsUInt64()[0]);
        return Step.Next;
    }
}

/// <summary>The upper half of what SSE computes of two lower halves: PUNPCKH.</summary>
internal struct UpperHalf<T> : IVectorOperation where T : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
        Vector128.CreateScalar(T.Apply(a, b, immediate).AsUInt64()[1]).AsByte();
}

/// <summary>PACKSS and PACKUS: both sources fit in one SSE register.</summary>
internal struct BothInOne<T> : IVectorOperation where T : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        Vector128<byte> both = Vector128.Create(a.AsUInt64()[0], b.AsUInt64()[0]).AsByte();
        return T.Apply(both, both, immediate);
    }
}
