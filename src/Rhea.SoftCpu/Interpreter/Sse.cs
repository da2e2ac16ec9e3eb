using System.Numerics;
using System.Runtime.Intrinsics;
using Rhea.Core.Cpu;
using Rhea.X86;
using Rhea.X86.FloatingPoint;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>What an SSE instruction computes from bits: destination and source in, destination out.</summary>
internal interface IVectorOperation
{
    /// <summary>How many bits of the immediate are for 128 bits of a register; the next ones are for the rest. 0: all are for both.</summary>
    static virtual int ImmediateBits => 0;

    static abstract Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate);
}

/// <summary>The same for floating-point numbers, which may raise exceptions.</summary>
internal interface IFloatVectorOperation
{
    static abstract Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate, ref FloatEnvironment environment);
}

/// <summary>The shapes of SSE instructions: where operands come from, what must hold before, and which exceptions follow.</summary>
/// <remarks>Intel SDM vol. 1, chapters 10 to 12. What they compute is in <c>SsePacked.cs</c> and <c>SseFloat.cs</c>.</remarks>
internal static class Sse
{
    /// <summary>SSE is switched on, and its registers are this task's.</summary>
    public static bool IsReady(Cpu cpu)
    {
        ref CpuState state = ref cpu.State;
        if ((state.Cr0 & (Cr0.Emulation | Cr0.TaskSwitched)) == 0 && (state.Cr4 & Cr4.FxSave) != 0) return true;
        bool off = (state.Cr0 & Cr0.Emulation) != 0 || (state.Cr4 & Cr4.FxSave) == 0;
        return cpu.Refuse(off ? ExceptionVector.InvalidOpcode : ExceptionVector.DeviceNotAvailable);
    }

    /// <summary>The same for what AVX has unchanged: then AVX is.</summary>
    public static bool IsReady(Cpu cpu, in Op op) => op.Has(OpFlags.Vex) ? Vex.IsReady(cpu) : IsReady(cpu);

    public static Step Register<T>(Cpu cpu, in Op op) where T : IVectorOperation
    {
        if (!IsReady(cpu)) return Step.Fault;
        ref Vector128<byte> destination = ref cpu.Ref<Vector128<byte>>(op.R0);
        destination = T.Apply(destination, cpu.Get<Vector128<byte>>(op.R1), (byte)op.Immediate);
        return Step.Next;
    }

    public static Step Memory<T>(Cpu cpu, in Op op) where T : IVectorOperation
    {
        if (!IsReady(cpu) || !cpu.LoadAligned(in op, out Vector128<byte> source)) return Step.Fault;
        ref Vector128<byte> destination = ref cpu.Ref<Vector128<byte>>(op.R0);
        destination = T.Apply(destination, source, (byte)op.Immediate);
        return Step.Next;
    }

    /// <summary>With less memory, which needs no alignment: TPart is what is read.</summary>
    public static Step MemoryPart<T, TPart>(Cpu cpu, in Op op)
        where T : IVectorOperation
        where TPart : unmanaged, IBinaryInteger<TPart>
    {
        if (!IsReady(cpu) || !cpu.Load(in op, out TPart source)) return Step.Fault;
        ref Vector128<byte> destination = ref cpu.Ref<Vector128<byte>>(op.R0);
        destination = T.Apply(destination, Vector128.CreateScalar(ulong.CreateTruncating(source)).AsByte(), (byte)op.Immediate);
        return Step.Next;
    }

    /// <summary>A shift by an immediate: the same as by a register that holds it.</summary>
    public static Step Shift<T>(Cpu cpu, in Op op) where T : IVectorOperation
    {
        if (!IsReady(cpu)) return Step.Fault;
        ref Vector128<byte> destination = ref cpu.Ref<Vector128<byte>>(op.R0);
        destination = T.Apply(destination, Vector128.CreateScalar((ulong)(byte)op.Immediate).AsByte(), (byte)op.Immediate);
        return Step.Next;
    }

    public static Step FloatRegister<T>(Cpu cpu, in Op op) where T : IFloatVectorOperation =>
        IsReady(cpu) ? Float<T>(cpu, in op, cpu.Get<Vector128<byte>>(op.R1)) : Step.Fault;

    public static Step FloatMemory<T>(Cpu cpu, in Op op) where T : IFloatVectorOperation =>
        IsReady(cpu) && cpu.LoadAligned(in op, out Vector128<byte> source) ? Float<T>(cpu, in op, source) : Step.Fault;

    public static Step FloatMemory64<T>(Cpu cpu, in Op op) where T : IFloatVectorOperation =>
        IsReady(cpu) && cpu.Load(in op, out ulong source) ? Float<T>(cpu, in op, Vector128.CreateScalar(source).AsByte()) : Step.Fault;

    public static Step FloatMemory32<T>(Cpu cpu, in Op op) where T : IFloatVectorOperation =>
        IsReady(cpu) && cpu.Load(in op, out uint source) ? Float<T>(cpu, in op, Vector128.CreateScalar(source).AsByte()) : Step.Fault;

    public static FloatEnvironment Environment(Cpu cpu) => FloatEnvironment.FromMxcsr(cpu.State.Mxcsr);

    /// <summary>Notes what an instruction raised; false is an unmasked exception, and the destination stays as it is.</summary>
    public static bool Accept(Cpu cpu, in FloatEnvironment environment)
    {
        if (environment.Raised == FloatExceptions.None) return true;
        FloatExceptions unmasked = environment.Unmasked, raised = environment.Raised;
        if ((unmasked & FloatExceptions.BeforeResult) != 0) raised &= FloatExceptions.BeforeResult | environment.Settled; // nothing was computed
        cpu.State.Mxcsr |= (uint)raised;
        if (unmasked == FloatExceptions.None) return true;
        bool reported = (cpu.State.Cr4 & Cr4.SimdExceptions) != 0;
        return cpu.Refuse(reported ? ExceptionVector.SimdFloatingPoint : ExceptionVector.InvalidOpcode);
    }

    private static Step Float<T>(Cpu cpu, in Op op, Vector128<byte> source) where T : IFloatVectorOperation
    {
        FloatEnvironment environment = Environment(cpu);
        ref Vector128<byte> destination = ref cpu.Ref<Vector128<byte>>(op.R0);
        Vector128<byte> result = T.Apply(destination, source, (byte)op.Immediate, ref environment);
        if (!Accept(cpu, environment)) return Step.Fault;
        destination = result;
        return Step.Next;
    }
}
