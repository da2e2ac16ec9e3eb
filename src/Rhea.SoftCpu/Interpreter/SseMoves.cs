using System.Numerics;
using System.Runtime.Intrinsics;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>SSE's moves, and the few instructions around them: inserts and extracts, masks, MXCSR.</summary>
internal static class SseMoves
{
    // Whole registers

    public static Step Copy(Cpu cpu, in Op op)
    {
        if (!Sse.IsReady(cpu)) return Step.Fault;
        cpu.Ref<Vector128<byte>>(op.R0) = cpu.Get<Vector128<byte>>(op.R1);
        return Step.Next;
    }

    public static Step LoadAligned(Cpu cpu, in Op op)
    {
        if (!Sse.IsReady(cpu) || !cpu.LoadAligned(in op, out Vector128<byte> value)) return Step.Fault;
        cpu.Ref<Vector128<byte>>(op.R0) = value;
        return Step.Next;
    }

    public static Step Load(Cpu cpu, in Op op)
    {
        if (!Sse.IsReady(cpu) || !cpu.Load(in op, out Vector128<byte> value)) return Step.Fault;
        cpu.Ref<Vector128<byte>>(op.R0) = value;
        return Step.Next;
    }

    public static Step StoreAligned(Cpu cpu, in Op op) =>
        Sse.IsReady(cpu, in op) && cpu.StoreAligned(in op, cpu.Get<Vector128<byte>>(op.R1)) ? Step.Next : Step.Fault;

    public static Step Store(Cpu cpu, in Op op) =>
        Sse.IsReady(cpu, in op) && cpu.Store(in op, cpu.Get<Vector128<byte>>(op.R1)) ? Step.Next : Step.Fault;

    // Parts: T is the part

    /// <summary>MOVD, MOVQ, MOVSS, MOVSD from memory or a general register: the rest becomes zero.</summary>
    public static Step Enter<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T>
    {
        if (!Sse.IsReady(cpu)) return Step.Fault;
        cpu.Ref<Vector128<ulong>>(op.R0) = Vector128.CreateScalar(ulong.CreateTruncating(cpu.Get<T>(op.R1)));
        return Step.Next;
    }

    /// <inheritdoc cref="Enter{T}"/>
    public static Step EnterMemory<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T>
    {
        if (!Sse.IsReady(cpu) || !cpu.Load(in op, out T value)) return Step.Fault;
        cpu.Ref<Vector128<ulong>>(op.R0) = Vector128.CreateScalar(ulong.CreateTruncating(value));
        return Step.Next;
    }

    /// <summary>MOVD, MOVQ to a general register.</summary>
    public static Step Exit<T>(Cpu cpu, in Op op) where T : unmanaged
    {
        if (!Sse.IsReady(cpu, in op)) return Step.Fault;
        cpu.Set(op.R0, cpu.Get<T>(op.R1));
        return Step.Next;
    }

    public static Step ExitMemory<T>(Cpu cpu, in Op op) where T : unmanaged =>
        Sse.IsReady(cpu, in op) && cpu.Store(in op, cpu.Get<T>(op.R1)) ? Step.Next : Step.Fault;

    /// <summary>MOVSS between registers: the rest stays.</summary>
    public static Step CopyPart<T>(Cpu cpu, in Op op) where T : unmanaged
    {
        if (!Sse.IsReady(cpu)) return Step.Fault;
        cpu.Ref<T>(op.R0) = cpu.Get<T>(op.R1);
        return Step.Next;
    }

    public static Step LoadLow(Cpu cpu, in Op op)
    {
        if (!Sse.IsReady(cpu) || !cpu.Load(in op, out ulong value)) return Step.Fault;
        cpu.Ref<ulong>(op.R0) = value;
        return Step.Next;
    }

    public static Step LoadHigh(Cpu cpu, in Op op)
    {
        if (!Sse.IsReady(cpu) || !cpu.Load(in op, out ulong value)) return Step.Fault;
        cpu.Ref<ulong>(op.R0 + sizeof(ulong)) = value;
        return Step.Next;
    }

    public static Step StoreHigh(Cpu cpu, in Op op) =>
        Sse.IsReady(cpu, in op) && cpu.Store(in op, cpu.Get<ulong>(op.R1 + sizeof(ulong))) ? Step.Next : Step.Fault;

    /// <summary>MOVNTI, which has no vector register and works with SSE switched off.</summary>
    public static Step StoreGeneral<T>(Cpu cpu, in Op op) where T : unmanaged => cpu.Store(in op, cpu.Get<T>(op.R1)) ? Step.Next : Step.Fault;

    // Lanes

    public static Step InsertWord(Cpu cpu, in Op op)
    {
        if (!Sse.IsReady(cpu)) return Step.Fault;
        cpu.Ref<ushort>(op.R0 + ((int)(op.Immediate & 7) * 2)) = cpu.Get<ushort>(op.R1);
        return Step.Next;
    }

    public static Step InsertWordMemory(Cpu cpu, in Op op)
    {
        if (!Sse.IsReady(cpu) || !cpu.Load(in op, out ushort value)) return Step.Fault;
        cpu.Ref<ushort>(op.R0 + ((int)(op.Immediate & 7) * 2)) = value;
        return Step.Next;
    }

    public static Step ExtractWord(Cpu cpu, in Op op)
    {
        if (!Sse.IsReady(cpu, in op)) return Step.Fault;
        cpu.Set(op.R0, (uint)cpu.Get<ushort>(op.R1 + ((int)(op.Immediate & 7) * 2)));
        return Step.Next;
    }

    public static Step ByteMask(Cpu cpu, in Op op) =>
        Mask(cpu, in op, cpu.Get<Vector128<byte>>(op.R1).ExtractMostSignificantBits());

    public static Step SingleMask(Cpu cpu, in Op op) =>
        Mask(cpu, in op, cpu.Get<Vector128<float>>(op.R1).ExtractMostSignificantBits());

    public static Step DoubleMask(Cpu cpu, in Op op) =>
        Mask(cpu, in op, cpu.Get<Vector128<double>>(op.R1).ExtractMostSignificantBits());

    /// <summary>MASKMOVDQU: byte by byte, those whose mask has the top bit. Its memory operand is at DS:RDI.</summary>
    public static Step StoreMasked(Cpu cpu, in Op op)
    {
        if (!Sse.IsReady(cpu, in op)) return Step.Fault;
        return StoreMasked(cpu, in op, 16, cpu.Get<Vector128<byte>>(op.R1), cpu.Get<Vector128<byte>>(op.R2));
    }

    public static Step StoreMasked(Cpu cpu, in Op op, int size, Vector128<byte> data, Vector128<byte> mask)
    {
        uint chosen = mask.ExtractMostSignificantBits() & ((1u << size) - 1);
        if (chosen == 0) return Step.Next;
        int first = BitOperations.TrailingZeroCount(chosen), last = 31 - BitOperations.LeadingZeroCount(chosen);
        if (!cpu.CanStore(in op, (uint)first, last - first + 1)) return Step.Fault;
        for (int lane = first; lane <= last; lane++)
        {
            if ((chosen >> lane & 1) != 0 && !cpu.Store(in op, (uint)lane, data[lane])) return Step.Fault;
        }
        return Step.Next;
    }

    // MXCSR

    public static Step LoadMxcsr(Cpu cpu, in Op op)
    {
        if (!Sse.IsReady(cpu, in op) || !cpu.Load(in op, out uint value)) return Step.Fault;
        if ((value & ~Mxcsr.Bits) != 0) return cpu.Fault(ExceptionVector.GeneralProtection);
        cpu.State.Mxcsr = value;
        return Step.Next;
    }

    public static Step StoreMxcsr(Cpu cpu, in Op op) => Sse.IsReady(cpu, in op) && cpu.Store(in op, cpu.State.Mxcsr) ? Step.Next : Step.Fault;

    private static Step Mask(Cpu cpu, in Op op, uint mask)
    {
        if (!Sse.IsReady(cpu, in op)) return Step.Fault;
        cpu.Set(op.R0, mask);
        return Step.Next;
    }
}
