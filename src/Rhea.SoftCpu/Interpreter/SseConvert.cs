using System.Runtime.Intrinsics;
using Rhea.X86.FloatingPoint;

namespace Rhea.SoftCpu.Interpreter;

// Conversions between vector registers, named as the instructions.

internal struct Cvtps2pd : IFloatVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate, ref FloatEnvironment environment) =>
        Vector128.Create(SseArithmetic.Widen(b.AsSingle()[0], ref environment), SseArithmetic.Widen(b.AsSingle()[1], ref environment)).AsByte();
}

internal struct Cvtpd2ps : IFloatVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate, ref FloatEnvironment environment) =>
        Vector128.Create(SseArithmetic.Narrow(b.AsDouble()[0], ref environment), SseArithmetic.Narrow(b.AsDouble()[1], ref environment), 0, 0).AsByte();
}

internal struct Cvtss2sd : IFloatVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate, ref FloatEnvironment environment) =>
        a.AsDouble().WithElement(0, SseArithmetic.Widen(b.AsSingle()[0], ref environment)).AsByte();
}

internal struct Cvtsd2ss : IFloatVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate, ref FloatEnvironment environment) =>
        a.AsSingle().WithElement(0, SseArithmetic.Narrow(b.AsDouble()[0], ref environment)).AsByte();
}

internal struct Cvtdq2ps : IFloatVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate, ref FloatEnvironment environment) =>
        Vector128.Create(
            SseArithmetic.SingleFromInteger(b.AsInt32()[0], ref environment), SseArithmetic.SingleFromInteger(b.AsInt32()[1], ref environment),
            SseArithmetic.SingleFromInteger(b.AsInt32()[2], ref environment), SseArithmetic.SingleFromInteger(b.AsInt32()[3], ref environment)).AsByte();
}

/// <summary>Every 32-bit integer is a double.</summary>
internal struct Cvtdq2pd : IFloatVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate, ref FloatEnvironment environment) =>
        Vector128.Create(b.AsInt32()[0], (double)b.AsInt32()[1]).AsByte();
}

/// <summary>CVTPI2PS: two integers into the lower half; the upper stays.</summary>
internal struct Cvtpi2ps : IFloatVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate, ref FloatEnvironment environment) =>
        a.AsSingle()
            .WithElement(0, SseArithmetic.SingleFromInteger(b.AsInt32()[0], ref environment))
            .WithElement(1, SseArithmetic.SingleFromInteger(b.AsInt32()[1], ref environment)).AsByte();
}

/// <summary>How a conversion to integers rounds.</summary>
internal interface IRounding
{
    static abstract bool Truncates { get; }
}

/// <summary>As MXCSR says.</summary>
internal struct Rounded : IRounding
{
    public static bool Truncates => false;
}

internal struct Truncated : IRounding
{
    public static bool Truncates => true;
}

/// <summary>CVTPS2DQ, CVTTPS2DQ; its lower half is CVTPS2PI, CVTTPS2PI.</summary>
internal struct SinglesToIntegers<T> : IFloatVectorOperation where T : IRounding
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate, ref FloatEnvironment environment)
    {
        Vector128<float> source = b.AsSingle();
        return Vector128.Create(
            Convert(source[0], ref environment), Convert(source[1], ref environment),
            Convert(source[2], ref environment), Convert(source[3], ref environment)).AsByte();
    }

    private static int Convert(float value, ref FloatEnvironment environment) =>
        (int)SseArithmetic.ToInteger(value, 32, T.Truncates, ref environment);
}

/// <summary>CVTPD2DQ, CVTTPD2DQ, CVTPD2PI, CVTTPD2PI: the upper half becomes zero.</summary>
internal struct DoublesToIntegers<T> : IFloatVectorOperation where T : IRounding
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate, ref FloatEnvironment environment) =>
        Vector128.Create(Convert(b.AsDouble()[0], ref environment), Convert(b.AsDouble()[1], ref environment), 0, 0).AsByte();

    private static int Convert(double value, ref FloatEnvironment environment) =>
        (int)SseArithmetic.ToInteger(value, 32, T.Truncates, ref environment);
}

/// <summary>Conversions between a vector register and a general one, and comparisons that answer in RFLAGS.</summary>
internal static class SseScalar
{
    /// <summary>CVTSI2SD; memory operands as wide as the register.</summary>
    public static Step IntegerToDouble<T>(Cpu cpu, in Op op) where T : unmanaged, System.Numerics.IBinaryInteger<T> =>
        Sse.IsReady(cpu) ? ToDouble(cpu, in op, long.CreateTruncating(cpu.Get<T>(op.R1))) : Step.Fault;

    public static Step IntegerToDoubleMemory<T>(Cpu cpu, in Op op) where T : unmanaged, System.Numerics.IBinaryInteger<T> =>
        Sse.IsReady(cpu) && cpu.Load(in op, out T value) ? ToDouble(cpu, in op, long.CreateTruncating(value)) : Step.Fault;

    /// <summary>CVTSI2SS.</summary>
    public static Step IntegerToSingle<T>(Cpu cpu, in Op op) where T : unmanaged, System.Numerics.IBinaryInteger<T> =>
        Sse.IsReady(cpu) ? ToSingle(cpu, in op, long.CreateTruncating(cpu.Get<T>(op.R1))) : Step.Fault;

    public static Step IntegerToSingleMemory<T>(Cpu cpu, in Op op) where T : unmanaged, System.Numerics.IBinaryInteger<T> =>
        Sse.IsReady(cpu) && cpu.Load(in op, out T value) ? ToSingle(cpu, in op, long.CreateTruncating(value)) : Step.Fault;

    /// <summary>CVTSD2SI, CVTTSD2SI to a register of T.</summary>
    public static Step DoubleToInteger<T, TRounding>(Cpu cpu, in Op op)
        where T : unmanaged, System.Numerics.IBinaryInteger<T> where TRounding : IRounding =>
        Sse.IsReady(cpu, in op) ? FromDouble<T, TRounding>(cpu, in op, cpu.Get<double>(op.R1)) : Step.Fault;

    public static Step DoubleToIntegerMemory<T, TRounding>(Cpu cpu, in Op op)
        where T : unmanaged, System.Numerics.IBinaryInteger<T> where TRounding : IRounding =>
        Sse.IsReady(cpu, in op) && cpu.Load(in op, out double value) ? FromDouble<T, TRounding>(cpu, in op, value) : Step.Fault;

    /// <summary>CVTSS2SI, CVTTSS2SI to a register of T.</summary>
    public static Step SingleToInteger<T, TRounding>(Cpu cpu, in Op op)
        where T : unmanaged, System.Numerics.IBinaryInteger<T> where TRounding : IRounding =>
        Sse.IsReady(cpu, in op) ? FromSingle<T, TRounding>(cpu, in op, cpu.Get<float>(op.R1)) : Step.Fault;

    public static Step SingleToIntegerMemory<T, TRounding>(Cpu cpu, in Op op)
        where T : unmanaged, System.Numerics.IBinaryInteger<T> where TRounding : IRounding =>
        Sse.IsReady(cpu, in op) && cpu.Load(in op, out float value) ? FromSingle<T, TRounding>(cpu, in op, value) : Step.Fault;

    public static Step CompareDouble(Cpu cpu, in Op op) =>
        Sse.IsReady(cpu, in op) ? Compare(cpu, cpu.Get<double>(op.R0), cpu.Get<double>(op.R1), IsSignaling(in op)) : Step.Fault;

    public static Step CompareDoubleMemory(Cpu cpu, in Op op) =>
        Sse.IsReady(cpu, in op) && cpu.Load(in op, out double value) ? Compare(cpu, cpu.Get<double>(op.R0), value, IsSignaling(in op)) : Step.Fault;

    public static Step CompareSingle(Cpu cpu, in Op op) =>
        Sse.IsReady(cpu, in op) ? Compare(cpu, cpu.Get<float>(op.R0), cpu.Get<float>(op.R1), IsSignaling(in op)) : Step.Fault;

    public static Step CompareSingleMemory(Cpu cpu, in Op op) =>
        Sse.IsReady(cpu, in op) && cpu.Load(in op, out float value) ? Compare(cpu, cpu.Get<float>(op.R0), value, IsSignaling(in op)) : Step.Fault;

    /// <summary>COMISS and COMISD, as opposed to UCOMISS and UCOMISD.</summary>
    private static bool IsSignaling(in Op op) =>
        (Iced.Intel.Code)op.Code is Iced.Intel.Code.Comisd_xmm_xmmm64 or Iced.Intel.Code.Comiss_xmm_xmmm32
            or Iced.Intel.Code.VEX_Vcomisd_xmm_xmmm64 or Iced.Intel.Code.VEX_Vcomiss_xmm_xmmm32;

    private static Step ToDouble(Cpu cpu, in Op op, long value)
    {
        FloatEnvironment environment = Sse.Environment(cpu);
        double result = SseArithmetic.DoubleFromInteger(value, ref environment);
        if (!Sse.Accept(cpu, environment)) return Step.Fault;
        cpu.Ref<double>(op.R0) = result;
        return Step.Next;
    }

    private static Step ToSingle(Cpu cpu, in Op op, long value)
    {
        FloatEnvironment environment = Sse.Environment(cpu);
        float result = SseArithmetic.SingleFromInteger(value, ref environment);
        if (!Sse.Accept(cpu, environment)) return Step.Fault;
        cpu.Ref<float>(op.R0) = result;
        return Step.Next;
    }

    private static Step FromDouble<T, TRounding>(Cpu cpu, in Op op, double value)
        where T : unmanaged, System.Numerics.IBinaryInteger<T> where TRounding : IRounding
    {
        FloatEnvironment environment = Sse.Environment(cpu);
        long result = SseArithmetic.ToInteger(value, T.AllBitsSet.GetByteCount() * 8, TRounding.Truncates, ref environment);
        if (!Sse.Accept(cpu, environment)) return Step.Fault;
        cpu.Set(op.R0, T.CreateTruncating(result));
        return Step.Next;
    }

    private static Step FromSingle<T, TRounding>(Cpu cpu, in Op op, float value)
        where T : unmanaged, System.Numerics.IBinaryInteger<T> where TRounding : IRounding
    {
        FloatEnvironment environment = Sse.Environment(cpu);
        long result = SseArithmetic.ToInteger(value, T.AllBitsSet.GetByteCount() * 8, TRounding.Truncates, ref environment);
        if (!Sse.Accept(cpu, environment)) return Step.Fault;
        cpu.Set(op.R0, T.CreateTruncating(result));
        return Step.Next;
    }

    private static Step Compare(Cpu cpu, double a, double b, bool signaling)
    {
        FloatEnvironment environment = Sse.Environment(cpu);
        FloatRelation relation = SseArithmetic.Compare(a, b, signaling, ref environment);
        return Sse.Accept(cpu, environment) ? Answer(cpu, relation) : Step.Fault;
    }

    private static Step Compare(Cpu cpu, float a, float b, bool signaling)
    {
        FloatEnvironment environment = Sse.Environment(cpu);
        FloatRelation relation = SseArithmetic.Compare(a, b, signaling, ref environment);
        return Sse.Accept(cpu, environment) ? Answer(cpu, relation) : Step.Fault;
    }

    private static Step Answer(Cpu cpu, FloatRelation relation)
    {
        cpu.Flags.Value = FlagsOf(relation);
        return Step.Next;
    }

    /// <summary>ZF, PF and CF as COMISS and FCOMI set them (SDM vol. 2).</summary>
    public static uint FlagsOf(FloatRelation relation) => relation switch
    {
        FloatRelation.Less => X86.Rflags.Carry,
        FloatRelation.Equal => X86.Rflags.Zero,
        FloatRelation.Greater => 0,
        _ => X86.Rflags.Carry | X86.Rflags.Zero | X86.Rflags.Parity,
    };
}
