using Rhea.X86.FloatingPoint;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>What an x87 instruction computes of destination and source.</summary>
internal interface IX87Operation
{
    static abstract Float80 Apply(Float80 a, Float80 b, ref FloatEnvironment environment);
}

internal struct Fadd : IX87Operation
{
    public static Float80 Apply(Float80 a, Float80 b, ref FloatEnvironment environment) => X87Arithmetic.Add(a, b, ref environment);
}

internal struct Fmul : IX87Operation
{
    public static Float80 Apply(Float80 a, Float80 b, ref FloatEnvironment environment) => X87Arithmetic.Multiply(a, b, ref environment);
}

internal struct Fsub : IX87Operation
{
    public static Float80 Apply(Float80 a, Float80 b, ref FloatEnvironment environment) => X87Arithmetic.Subtract(a, b, ref environment);
}

internal struct Fsubr : IX87Operation
{
    public static Float80 Apply(Float80 a, Float80 b, ref FloatEnvironment environment) => X87Arithmetic.Subtract(b, a, ref environment);
}

internal struct Fdiv : IX87Operation
{
    public static Float80 Apply(Float80 a, Float80 b, ref FloatEnvironment environment) => X87Arithmetic.Divide(a, b, ref environment);
}

internal struct Fdivr : IX87Operation
{
    public static Float80 Apply(Float80 a, Float80 b, ref FloatEnvironment environment) => X87Arithmetic.Divide(b, a, ref environment);
}

internal struct Fscale : IX87Operation
{
    public static Float80 Apply(Float80 a, Float80 b, ref FloatEnvironment environment) => X87Arithmetic.Scale(a, b, ref environment);
}

/// <summary>Of ST(0) alone, as the next ones.</summary>
internal struct Fsqrt : IX87Operation
{
    public static Float80 Apply(Float80 a, Float80 b, ref FloatEnvironment environment) => X87Arithmetic.SquareRoot(a, ref environment);
}

internal struct Frndint : IX87Operation
{
    public static Float80 Apply(Float80 a, Float80 b, ref FloatEnvironment environment) => X87Arithmetic.RoundToInteger(a, ref environment);
}

internal struct F2xm1 : IX87Operation
{
    public static Float80 Apply(Float80 a, Float80 b, ref FloatEnvironment environment) => X87Logarithm.ExponentialMinusOne(a, ref environment);
}

/// <summary>Of ST(1) and ST(0), as the next ones.</summary>
internal struct Fyl2x : IX87Operation
{
    public static Float80 Apply(Float80 a, Float80 b, ref FloatEnvironment environment) => X87Logarithm.Logarithm(b, a, ref environment);
}

internal struct Fyl2xp1 : IX87Operation
{
    public static Float80 Apply(Float80 a, Float80 b, ref FloatEnvironment environment) => X87Logarithm.LogarithmOfOnePlus(b, a, ref environment);
}

internal struct Fpatan : IX87Operation
{
    public static Float80 Apply(Float80 a, Float80 b, ref FloatEnvironment environment) => X87Trigonometry.ArcTangent(a, b, ref environment);
}

/// <summary>x87 arithmetic: the shapes of its instructions.</summary>
internal static class X87Compute
{
    public static Step Memory<T, TSource>(Cpu cpu, in Op op) where T : IX87Operation where TSource : IX87Source
    {
        if (!X87.IsReady(cpu) || !TSource.Load(cpu, in op, out ulong bits)) return Step.Fault;
        X87.NoteOperand(cpu, in op);
        if (X87.IsEmpty(cpu, 0))
        {
            if (X87.Underflow(cpu)) X87.Set(cpu, 0, Float80.Indefinite);
            return Step.Next;
        }
        FloatEnvironment environment = X87.Environment(cpu);
        Float80 result = T.Apply(X87.Get(cpu, 0), TSource.Convert(bits, ref environment), ref environment);
        if (result.IsNan) environment.Raised &= ~FloatExceptions.Denormal; // a NaN comes before it
        if (X87.Accept(cpu, environment)) X87.Set(cpu, 0, result);
        return Step.Next;
    }

    /// <summary>FADD ST(0), ST(i).</summary>
    public static Step ToTop<T>(Cpu cpu, in Op op) where T : IX87Operation => Registers<T>(cpu, in op, 0, op.R1, out _);

    /// <summary>FADD ST(i), ST(0).</summary>
    public static Step FromTop<T>(Cpu cpu, in Op op) where T : IX87Operation => Registers<T>(cpu, in op, op.R0, 0, out _);

    /// <summary>FADDP ST(i), ST(0).</summary>
    public static Step FromTopPop<T>(Cpu cpu, in Op op) where T : IX87Operation
    {
        Step step = Registers<T>(cpu, in op, op.R0, 0, out bool written);
        if (written) X87.Pop(cpu);
        return step;
    }

    /// <summary>FSQRT: ST(0) of itself.</summary>
    public static Step Top<T>(Cpu cpu, in Op op) where T : IX87Operation => Registers<T>(cpu, in op, 0, 0, out _);

    /// <summary>FSCALE: ST(0) of itself and ST(1).</summary>
    public static Step TopAndNext<T>(Cpu cpu, in Op op) where T : IX87Operation => Registers<T>(cpu, in op, 0, 1, out _);

    /// <summary>FYL2X: ST(1) of itself and ST(0), which is popped.</summary>
    public static Step NextAndTopPop<T>(Cpu cpu, in Op op) where T : IX87Operation
    {
        Step step = Registers<T>(cpu, in op, 1, 0, out bool written);
        if (written) X87.Pop(cpu);
        return step;
    }

    public static Step ChangeSign(Cpu cpu, in Op op) => Sign(cpu, in op, X87.Get(cpu, 0).Negated);

    public static Step Absolute(Cpu cpu, in Op op) => Sign(cpu, in op, X87.Get(cpu, 0).Absolute);

    /// <summary>FXTRACT: the exponent replaces ST(0), then the significand is pushed.</summary>
    public static Step Extract(Cpu cpu, in Op op)
    {
        if (!BeginPush(cpu, in op, Fsw.C0 | Fsw.C2 | Fsw.C3, out bool done)) return Step.Fault;
        if (done) return Step.Next;
        FloatEnvironment environment = X87.Environment(cpu);
        (Float80 exponent, Float80 significand) = X87Arithmetic.Extract(X87.Get(cpu, 0), ref environment);
        if (!X87.Accept(cpu, environment)) return Step.Next;
        X87.Set(cpu, 0, exponent);
        X87.Push(cpu, significand);
        return Step.Next;
    }

    public static Step Remainder(Cpu cpu, in Op op) => Remainder(cpu, in op, nearest: false);

    public static Step RemainderNearest(Cpu cpu, in Op op) => Remainder(cpu, in op, nearest: true);

    public static Step Sine(Cpu cpu, in Op op) => Trigonometric(cpu, in op, X87Trigonometry.Sine);

    public static Step Cosine(Cpu cpu, in Op op) => Trigonometric(cpu, in op, X87Trigonometry.Cosine);

    /// <summary>FSINCOS: the sine replaces ST(0), then the cosine is pushed.</summary>
    public static Step SineAndCosine(Cpu cpu, in Op op)
    {
        if (!BeginPush(cpu, in op, Fsw.C0 | Fsw.C3, out bool done)) return Step.Fault;
        if (done || IsOutOfRange(cpu)) return Step.Next;
        FloatEnvironment environment = X87.Environment(cpu);
        Float80 argument = X87.Get(cpu, 0);
        Float80 sine = X87Trigonometry.Sine(argument, ref environment), cosine = X87Trigonometry.Cosine(argument, ref environment);
        if (!X87.Accept(cpu, environment)) return Step.Next;
        X87.Set(cpu, 0, sine);
        X87.Push(cpu, cosine);
        return Step.Next;
    }

    /// <summary>FPTAN: the tangent replaces ST(0), then 1 (or the same NaN) is pushed.</summary>
    public static Step Tangent(Cpu cpu, in Op op)
    {
        if (!BeginPush(cpu, in op, Fsw.C0 | Fsw.C3, out bool done)) return Step.Fault;
        if (done || IsOutOfRange(cpu)) return Step.Next;
        FloatEnvironment environment = X87.Environment(cpu);
        Float80 tangent = X87Trigonometry.Tangent(X87.Get(cpu, 0), ref environment);
        if (!X87.Accept(cpu, environment)) return Step.Next;
        X87.Set(cpu, 0, tangent);
        X87.Push(cpu, tangent.IsNan ? tangent : Float80.One);
        return Step.Next;
    }

    private delegate Float80 Function(Float80 argument, ref FloatEnvironment environment);

    private static Step Registers<T>(Cpu cpu, in Op op, int destination, int source, out bool written) where T : IX87Operation
    {
        written = false;
        if (!X87.IsReady(cpu)) return Step.Fault;
        X87.Note(cpu, in op);
        Float80 result = Float80.Indefinite;
        if (X87.IsEmpty(cpu, destination) || X87.IsEmpty(cpu, source)) written = X87.Underflow(cpu);
        else
        {
            FloatEnvironment environment = X87.Environment(cpu);
            result = T.Apply(X87.Get(cpu, destination), X87.Get(cpu, source), ref environment);
            written = X87.Accept(cpu, environment);
        }
        if (written) X87.Set(cpu, destination, result);
        return Step.Next;
    }

    private static Step Sign(Cpu cpu, in Op op, Float80 result)
    {
        if (!X87.IsReady(cpu)) return Step.Fault;
        X87.Note(cpu, in op);
        X87.ClearC1(cpu);
        if (!X87.IsEmpty(cpu, 0)) X87.Set(cpu, 0, result);
        else if (X87.Underflow(cpu)) X87.Set(cpu, 0, Float80.Indefinite);
        return Step.Next;
    }

    /// <summary>An instruction that replaces ST(0) and pushes another: its stack faults. False is a fault, done an answer to a stack fault.</summary>
    private static bool BeginPush(Cpu cpu, in Op op, int kept, out bool done)
    {
        done = false;
        if (!X87.IsReady(cpu)) return false;
        X87.Note(cpu, in op);
        X87.SetConditions(cpu, cpu.State.FpuStatus & kept);
        bool empty = X87.IsEmpty(cpu, 0);
        if (!empty && X87.IsEmpty(cpu, 7)) return true;
        done = true;
        if (!(empty ? X87.Underflow(cpu) : X87.Overflow(cpu))) return true;
        X87.Set(cpu, 0, Float80.Indefinite);
        X87.MoveTop(cpu, -1);
        X87.Set(cpu, 0, Float80.Indefinite);
        return true;
    }

    private static Step Remainder(Cpu cpu, in Op op, bool nearest)
    {
        if (!X87.IsReady(cpu)) return Step.Fault;
        X87.Note(cpu, in op);
        X87.SetConditions(cpu, cpu.State.FpuStatus & (Fsw.C0 | Fsw.C3));
        if (X87.IsEmpty(cpu, 0) || X87.IsEmpty(cpu, 1))
        {
            if (X87.Underflow(cpu)) X87.Set(cpu, 0, Float80.Indefinite);
            return Step.Next;
        }
        FloatEnvironment environment = X87.Environment(cpu);
        X87Remainder.Step step = X87Remainder.Divide(X87.Get(cpu, 0), X87.Get(cpu, 1), nearest, ref environment);
        if (!X87.Accept(cpu, environment)) return Step.Next;
        X87.Set(cpu, 0, step.Remainder);
        if (step.Remainder.IsNan) return Step.Next;
        X87.SetConditions(cpu, ((step.Quotient & 4) != 0 ? Fsw.C0 : 0) | ((step.Quotient & 2) != 0 ? Fsw.C3 : 0)
            | ((step.Quotient & 1) != 0 ? Fsw.C1 : 0) | (step.Partial ? Fsw.C2 : 0));
        return Step.Next;
    }

    private static Step Trigonometric(Cpu cpu, in Op op, Function function)
    {
        if (!X87.IsReady(cpu)) return Step.Fault;
        X87.Note(cpu, in op);
        X87.SetConditions(cpu, cpu.State.FpuStatus & (Fsw.C0 | Fsw.C3));
        if (X87.IsEmpty(cpu, 0))
        {
            if (X87.Underflow(cpu)) X87.Set(cpu, 0, Float80.Indefinite);
            return Step.Next;
        }
        if (IsOutOfRange(cpu)) return Step.Next;
        FloatEnvironment environment = X87.Environment(cpu);
        Float80 result = function(X87.Get(cpu, 0), ref environment);
        if (X87.Accept(cpu, environment)) X87.Set(cpu, 0, result);
        return Step.Next;
    }

    /// <summary>C2 tells that the argument is 2^63 or larger, and that nothing was done.</summary>
    private static bool IsOutOfRange(Cpu cpu)
    {
        Float80 argument = X87.Get(cpu, 0);
        if (argument.Class != FloatClass.Normal || argument.BiasedExponent < Float80.Bias + 63) return false;
        cpu.State.FpuStatus |= Fsw.C2;
        return true;
    }
}
