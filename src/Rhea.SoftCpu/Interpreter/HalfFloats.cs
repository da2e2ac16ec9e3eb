using System.Runtime.Intrinsics;
using Rhea.X86.FloatingPoint;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>F16C: numbers of sixteen bits, as they are stored, to singles and back (Intel SDM vol. 1, 14.4).</summary>
internal static class HalfFloats
{
    /// <summary>VCVTPH2PS.</summary>
    public static Step Widen<TSource>(Cpu cpu, in Op op) where TSource : IOperandSource =>
        Vex.IsReady(cpu) && TSource.Read(cpu, in op, out ulong halves) ? Widen(cpu, in op, Vector128.CreateScalar(halves), 4) : Step.Fault;

    /// <inheritdoc cref="Widen{TSource}"/>
    public static Step WidenWide<TSource>(Cpu cpu, in Op op) where TSource : IOperandSource =>
        Vex.IsReady(cpu) && TSource.Read(cpu, in op, out Vector128<ulong> halves) ? Widen(cpu, in op, halves, 8) : Step.Fault;

    /// <summary>VCVTPS2PH.</summary>
    public static Step Narrow(Cpu cpu, in Op op) =>
        Vex.IsReady(cpu) && Narrow(cpu, in op, 4, out Vector128<ushort> halves) ? Vex.Set(cpu, op.R0, halves.AsByte()) : Step.Fault;

    public static Step NarrowMemory(Cpu cpu, in Op op) =>
        Vex.IsReady(cpu) && cpu.CanStore(in op, sizeof(ulong)) && Narrow(cpu, in op, 4, out Vector128<ushort> halves) && cpu.Store(in op, halves.AsUInt64()[0]) ? Step.Next : Step.Fault;

    public static Step NarrowWide(Cpu cpu, in Op op) =>
        Vex.IsReady(cpu) && Narrow(cpu, in op, 8, out Vector128<ushort> halves) ? Vex.Set(cpu, op.R0, halves.AsByte()) : Step.Fault;

    public static Step NarrowWideMemory(Cpu cpu, in Op op) =>
        Vex.IsReady(cpu) && cpu.CanStore(in op, Vector128<byte>.Count) && Narrow(cpu, in op, 8, out Vector128<ushort> halves) && cpu.Store(in op, halves) ? Step.Next : Step.Fault;

    private static Step Widen(Cpu cpu, in Op op, Vector128<ulong> halves, int count)
    {
        FloatEnvironment environment = Sse.Environment(cpu);
        Vector256<float> result = default;
        for (var lane = 0; lane < count; lane++) result = result.WithElement(lane, SseArithmetic.SingleFromHalf(halves.AsUInt16()[lane], ref environment));
        if (!Sse.Accept(cpu, environment)) return Step.Fault;
        cpu.Ref<Vector256<float>>(op.R0) = result;
        return Step.Next;
    }

    /// <summary>The immediate has a direction of rounding, or takes MXCSR's.</summary>
    private static bool Narrow(Cpu cpu, in Op op, int count, out Vector128<ushort> halves)
    {
        FloatEnvironment environment = Sse.Environment(cpu);
        if ((op.Immediate & 4) == 0) environment.Rounding = (RoundingMode)(op.Immediate & 3);
        Vector256<float> source = cpu.Get<Vector256<float>>(op.R1);
        halves = default;
        for (var lane = 0; lane < count; lane++) halves = halves.WithElement(lane, SseArithmetic.HalfFromSingle(source[lane], ref environment));
        return Sse.Accept(cpu, environment);
    }
}
