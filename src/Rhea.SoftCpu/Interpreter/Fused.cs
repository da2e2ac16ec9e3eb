using System.Runtime.Intrinsics;
using Rhea.X86.FloatingPoint;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Which of the three operands an FMA instruction multiplies: the digits in its name.</summary>
internal interface IFusedOrder
{
    static abstract (T A, T B, T C) Arrange<T>(T first, T second, T third);
}

internal struct Order132 : IFusedOrder
{
    public static (T A, T B, T C) Arrange<T>(T first, T second, T third) => (first, third, second);
}

internal struct Order213 : IFusedOrder
{
    public static (T A, T B, T C) Arrange<T>(T first, T second, T third) => (second, first, third);
}

internal struct Order231 : IFusedOrder
{
    public static (T A, T B, T C) Arrange<T>(T first, T second, T third) => (second, third, first);
}

/// <summary>Signs of the product and of the addend; of lanes with odd and even numbers they may differ.</summary>
internal interface IFusedSigns
{
    static virtual bool NegatesProduct => false;

    static abstract bool NegatesAddend(int lane);
}

internal struct MultiplyAdd : IFusedSigns
{
    public static bool NegatesAddend(int lane) => false;
}

internal struct MultiplySubtract : IFusedSigns
{
    public static bool NegatesAddend(int lane) => true;
}

internal struct NegativeMultiplyAdd : IFusedSigns
{
    public static bool NegatesProduct => true;

    public static bool NegatesAddend(int lane) => false;
}

internal struct NegativeMultiplySubtract : IFusedSigns
{
    public static bool NegatesProduct => true;

    public static bool NegatesAddend(int lane) => true;
}

/// <summary>VFMADDSUB: subtracts in even lanes.</summary>
internal struct MultiplyAddSubtract : IFusedSigns
{
    public static bool NegatesAddend(int lane) => (lane & 1) == 0;
}

/// <summary>VFMSUBADD: adds in even lanes.</summary>
internal struct MultiplySubtractAdd : IFusedSigns
{
    public static bool NegatesAddend(int lane) => (lane & 1) != 0;
}

/// <summary>FMA: a product and a sum, rounded once (Intel SDM vol. 1, 14.5).</summary>
internal static class Fused<TOrder, TSigns>
    where TOrder : IFusedOrder
    where TSigns : IFusedSigns
{
    public static Step PackedDouble<TSource>(Cpu cpu, in Op op) where TSource : IOperandSource =>
        Vex.IsReady(cpu) && TSource.Read(cpu, in op, out Vector128<double> third) ? Doubles(cpu, in op, third.ToVector256(), 2, 2) : Step.Fault;

    public static Step PackedDoubleWide<TSource>(Cpu cpu, in Op op) where TSource : IOperandSource =>
        Vex.IsReady(cpu) && TSource.Read(cpu, in op, out Vector256<double> third) ? Doubles(cpu, in op, third, 4, 4) : Step.Fault;

    public static Step ScalarDouble<TSource>(Cpu cpu, in Op op) where TSource : IOperandSource =>
        Vex.IsReady(cpu) && TSource.Read(cpu, in op, out double third) ? Doubles(cpu, in op, Vector256.CreateScalar(third), 1, 2) : Step.Fault;

    public static Step PackedSingle<TSource>(Cpu cpu, in Op op) where TSource : IOperandSource =>
        Vex.IsReady(cpu) && TSource.Read(cpu, in op, out Vector128<float> third) ? Singles(cpu, in op, third.ToVector256(), 4, 4) : Step.Fault;

    public static Step PackedSingleWide<TSource>(Cpu cpu, in Op op) where TSource : IOperandSource =>
        Vex.IsReady(cpu) && TSource.Read(cpu, in op, out Vector256<float> third) ? Singles(cpu, in op, third, 8, 8) : Step.Fault;

    public static Step ScalarSingle<TSource>(Cpu cpu, in Op op) where TSource : IOperandSource =>
        Vex.IsReady(cpu) && TSource.Read(cpu, in op, out float third) ? Singles(cpu, in op, Vector256.CreateScalar(third), 1, 4) : Step.Fault;

    /// <param name="lanes">How many are computed.</param>
    /// <param name="kept">How many of the destination stay; the rest becomes zero.</param>
    private static Step Doubles(Cpu cpu, in Op op, Vector256<double> third, int lanes, int kept)
    {
        FloatEnvironment environment = Sse.Environment(cpu);
        Vector256<double> first = cpu.Get<Vector256<double>>(op.R0), second = cpu.Get<Vector256<double>>(op.R1), result = default;
        for (var lane = 0; lane < kept; lane++)
        {
            (double a, double b, double c) = TOrder.Arrange(first[lane], second[lane], third[lane]);
            result = result.WithElement(lane, lane >= lanes ? first[lane]
                : SseArithmetic.MultiplyAdd(a, b, c, TSigns.NegatesProduct, TSigns.NegatesAddend(lane), ref environment));
        }
        if (!Sse.Accept(cpu, environment)) return Step.Fault;
        cpu.Ref<Vector256<double>>(op.R0) = result;
        return Step.Next;
    }

    /// <inheritdoc cref="Doubles"/>
    private static Step Singles(Cpu cpu, in Op op, Vector256<float> third, int lanes, int kept)
    {
        FloatEnvironment environment = Sse.Environment(cpu);
        Vector256<float> first = cpu.Get<Vector256<float>>(op.R0), second = cpu.Get<Vector256<float>>(op.R1), result = default;
        for (var lane = 0; lane < kept; lane++)
        {
            (float a, float b, float c) = TOrder.Arrange(first[lane], second[lane], third[lane]);
            result = result.WithElement(lane, lane >= lanes ? first[lane]
                : SseArithmetic.MultiplyAdd(a, b, c, TSigns.NegatesProduct, TSigns.NegatesAddend(lane), ref environment));
        }
        if (!Sse.Accept(cpu, environment)) return Step.Fault;
        cpu.Ref<Vector256<float>>(op.R0) = result;
        return Step.Next;
    }
}
