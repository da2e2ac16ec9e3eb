using System.Runtime.CompilerServices;

namespace Rhea.X86.FloatingPoint;

/// <summary>The arithmetic of SSE and its successors on single and double reals, with MXCSR's rounding, exceptions, DAZ and FTZ.</summary>
/// <remarks>
/// C# computes in round-to-nearest and reports nothing. That is enough for normal operands with a normal result, because whether
/// such a result is exact can itself be computed exactly; all else is done on numbers taken apart. NaNs by SDM vol. 1, table 4-7.
/// </remarks>
public static class SseArithmetic
{
    // Below these, the error of a product or quotient may itself be too small for a double.
    private const double SmallestProduct = 1e-280, SmallestDividend = 1e-280;
    private const double MinDouble = 2.2250738585072014e-308;
    private const float MinSingle = 1.17549435e-38f;

    public static double Add(double a, double b, ref FloatEnvironment environment)
    {
        double sum = a + b, back = sum - a;
        return IsPlain(a, b, sum, ref environment)
            ? Plain(sum, (a - (sum - back)) + (b - back) == 0, ref environment)
            : ToDouble(Add(Bits(a), Bits(b), FloatFormat.Double, ref environment));
    }

    public static float Add(float a, float b, ref FloatEnvironment environment)
    {
        float sum = a + b, back = sum - a;
        return IsPlain(a, b, sum, ref environment)
            ? Plain(sum, (a - (sum - back)) + (b - back) == 0, ref environment)
            : ToSingle(Add(Bits(a), Bits(b), FloatFormat.Single, ref environment));
    }

    public static double Subtract(double a, double b, ref FloatEnvironment environment) =>
        Add(a, double.IsNaN(b) ? b : -b, ref environment);

    public static float Subtract(float a, float b, ref FloatEnvironment environment) =>
        Add(a, float.IsNaN(b) ? b : -b, ref environment);

    public static double Multiply(double a, double b, ref FloatEnvironment environment)
    {
        double product = a * b;
        return IsPlain(a, b, product, ref environment) && Math.Abs(product) > SmallestProduct
            ? Plain(product, Math.FusedMultiplyAdd(a, b, -product) == 0, ref environment)
            : ToDouble(Multiply(Bits(a), Bits(b), FloatFormat.Double, ref environment));
    }

    public static float Multiply(float a, float b, ref FloatEnvironment environment)
    {
        float product = a * b;
        return IsPlain(a, b, product, ref environment)
            ? Plain(product, (double)a * b == product, ref environment)
            : ToSingle(Multiply(Bits(a), Bits(b), FloatFormat.Single, ref environment));
    }

    public static double Divide(double a, double b, ref FloatEnvironment environment)
    {
        double quotient = a / b;
        return IsPlain(a, b, quotient, ref environment) && Math.Abs(a) > SmallestDividend
            ? Plain(quotient, Math.FusedMultiplyAdd(quotient, b, -a) == 0, ref environment)
            : ToDouble(Divide(Bits(a), Bits(b), FloatFormat.Double, ref environment));
    }

    public static float Divide(float a, float b, ref FloatEnvironment environment)
    {
        float quotient = a / b;
        return IsPlain(a, b, quotient, ref environment)
            ? Plain(quotient, (double)quotient * b == a, ref environment)
            : ToSingle(Divide(Bits(a), Bits(b), FloatFormat.Single, ref environment));
    }

    public static double SquareRoot(double a, ref FloatEnvironment environment)
    {
        double root = Math.Sqrt(a);
        return IsPlain(a, a, root, ref environment) && a > SmallestDividend
            ? Plain(root, Math.FusedMultiplyAdd(root, root, -a) == 0, ref environment)
            : ToDouble(SquareRoot(Bits(a), FloatFormat.Double, ref environment));
    }

    public static float SquareRoot(float a, ref FloatEnvironment environment)
    {
        float root = MathF.Sqrt(a);
        return IsPlain(a, a, root, ref environment)
            ? Plain(root, (double)root * root == a, ref environment)
            : ToSingle(SquareRoot(Bits(a), FloatFormat.Single, ref environment));
    }

    /// <summary>The second operand unless the first is smaller; it also answers NaNs and two zeros.</summary>
    public static double Min(double a, double b, ref FloatEnvironment environment) =>
        Order(ref a, ref b, signaling: true, ref environment) == FloatRelation.Less ? a : b;

    /// <inheritdoc cref="Min(double, double, ref FloatEnvironment)"/>
    public static float Min(float a, float b, ref FloatEnvironment environment) =>
        Order(ref a, ref b, signaling: true, ref environment) == FloatRelation.Less ? a : b;

    /// <summary>The second operand unless the first is greater; it also answers NaNs and two zeros.</summary>
    public static double Max(double a, double b, ref FloatEnvironment environment) =>
        Order(ref a, ref b, signaling: true, ref environment) == FloatRelation.Greater ? a : b;

    /// <inheritdoc cref="Max(double, double, ref FloatEnvironment)"/>
    public static float Max(float a, float b, ref FloatEnvironment environment) =>
        Order(ref a, ref b, signaling: true, ref environment) == FloatRelation.Greater ? a : b;

    /// <param name="signaling">Quiet NaNs are invalid too.</param>
    public static FloatRelation Compare(double a, double b, bool signaling, ref FloatEnvironment environment) =>
        Order(ref a, ref b, signaling, ref environment);

    /// <inheritdoc cref="Compare(double, double, bool, ref FloatEnvironment)"/>
    public static FloatRelation Compare(float a, float b, bool signaling, ref FloatEnvironment environment) =>
        Order(ref a, ref b, signaling, ref environment);

    public static double Widen(float a, ref FloatEnvironment environment)
    {
        double wide = a;
        if (Math.Abs(a) >= MinSingle && double.IsFinite(wide)) return wide;
        return ToDouble(Convert(Bits(a), FloatFormat.Single, FloatFormat.Double, ref environment));
    }

    public static float Narrow(double a, ref FloatEnvironment environment)
    {
        var narrow = (float)a;
        return environment.Rounding == RoundingMode.Nearest && Math.Abs(narrow) > MinSingle && float.IsFinite(narrow)
            ? Plain(narrow, narrow == a, ref environment)
            : ToSingle(Convert(Bits(a), FloatFormat.Double, FloatFormat.Single, ref environment));
    }

    /// <summary>The nearest integer in a direction, as a real. Denormals raise nothing.</summary>
    /// <param name="silent">An inexact result raises nothing either.</param>
    public static double Round(double a, RoundingMode mode, bool silent, ref FloatEnvironment environment)
    {
        ulong bits = WithoutDenormal(Bits(a), FloatFormat.Double, environment);
        if (double.IsNaN(a)) return ToDouble(Quieted(bits, FloatFormat.Double, ref environment));
        double value = ToDouble(bits), rounded = Math.Round(value, Midpoint(mode));
        return Plain(rounded, silent || rounded == value, ref environment);
    }

    /// <inheritdoc cref="Round(double, RoundingMode, bool, ref FloatEnvironment)"/>
    public static float Round(float a, RoundingMode mode, bool silent, ref FloatEnvironment environment)
    {
        ulong bits = WithoutDenormal(Bits(a), FloatFormat.Single, environment);
        if (float.IsNaN(a)) return ToSingle(Quieted(bits, FloatFormat.Single, ref environment));
        float value = ToSingle(bits), rounded = MathF.Round(value, Midpoint(mode));
        return Plain(rounded, silent || rounded == value, ref environment);
    }

    /// <summary>a·b + c, rounded once.</summary>
    public static double MultiplyAdd(double a, double b, double c, bool negateProduct, bool negateAddend, ref FloatEnvironment environment) =>
        ToDouble(MultiplyAdd(Bits(a), Bits(b), Bits(c), negateProduct, negateAddend, FloatFormat.Double, ref environment));

    /// <inheritdoc cref="MultiplyAdd(double, double, double, bool, bool, ref FloatEnvironment)"/>
    public static float MultiplyAdd(float a, float b, float c, bool negateProduct, bool negateAddend, ref FloatEnvironment environment) =>
        ToSingle(MultiplyAdd(Bits(a), Bits(b), Bits(c), negateProduct, negateAddend, FloatFormat.Single, ref environment));

    /// <summary>Denormals count as they are, and raise nothing.</summary>
    public static float SingleFromHalf(ushort a, ref FloatEnvironment environment)
    {
        FloatEnvironment plain = environment with { DenormalsAreZero = false, FlushToZero = false };
        ulong result = Convert(a, FloatFormat.Half, FloatFormat.Single, ref plain);
        environment.Raised |= plain.Raised & FloatExceptions.Invalid;
        return ToSingle(result);
    }

    /// <summary>Results are not flushed to zero.</summary>
    public static ushort HalfFromSingle(float a, ref FloatEnvironment environment)
    {
        bool flushes = environment.FlushToZero;
        environment.FlushToZero = false;
        var result = (ushort)Convert(Bits(a), FloatFormat.Single, FloatFormat.Half, ref environment);
        environment.FlushToZero = flushes;
        return result;
    }

    public static double DoubleFromInteger(long value, ref FloatEnvironment environment) =>
        ToDouble(FromInteger(value, FloatFormat.Double, ref environment));

    public static float SingleFromInteger(long value, ref FloatEnvironment environment) =>
        ToSingle(FromInteger(value, FloatFormat.Single, ref environment));

    /// <summary>To 32 or 64 bits of integer; what does not fit is invalid and gives the smallest.</summary>
    public static long ToInteger(double a, int bits, bool truncate, ref FloatEnvironment environment) =>
        ToInteger(Bits(a), FloatFormat.Double, bits, truncate, ref environment);

    /// <inheritdoc cref="ToInteger(double, int, bool, ref FloatEnvironment)"/>
    public static long ToInteger(float a, int bits, bool truncate, ref FloatEnvironment environment) =>
        ToInteger(Bits(a), FloatFormat.Single, bits, truncate, ref environment);

    // What C# computed is the answer: the mode is to nearest, and neither operands nor result are special.

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsPlain(double a, double b, double result, ref FloatEnvironment environment)
    {
        double magnitude = Math.Abs(result);
        return environment.Rounding == RoundingMode.Nearest && magnitude > MinDouble && magnitude <= double.MaxValue
            && (Math.Abs(a) >= MinDouble || a == 0) && (Math.Abs(b) >= MinDouble || b == 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsPlain(float a, float b, float result, ref FloatEnvironment environment)
    {
        float magnitude = Math.Abs(result);
        return environment.Rounding == RoundingMode.Nearest && magnitude > MinSingle && magnitude <= float.MaxValue
            && (Math.Abs(a) >= MinSingle || a == 0) && (Math.Abs(b) >= MinSingle || b == 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T Plain<T>(T result, bool exact, ref FloatEnvironment environment)
    {
        if (!exact) environment.Raised |= FloatExceptions.Precision;
        return result;
    }

    // The rest, on the bits

    private static ulong Add(ulong a, ulong b, FloatFormat format, ref FloatEnvironment environment)
    {
        if (TakeSpecial(ref a, ref b, format, ref environment, out ulong special)) return special;
        FloatClass classA = format.Classify(a), classB = format.Classify(b);
        if (classA == FloatClass.Infinity)
            return classB == FloatClass.Infinity && a != b ? Invalid(format, ref environment) : a;
        if (classB == FloatClass.Infinity) return b;
        if (classA == FloatClass.Zero && classB == FloatClass.Zero) return a == b ? a : ZeroSum(format, environment);
        if (classB == FloatClass.Zero) return Finish(format.Unpack(a), format, ref environment);
        if (classA == FloatClass.Zero) return Finish(format.Unpack(b), format, ref environment);
        return Unpacked.Sum(format.Unpack(a), format.Unpack(b)) is { } sum ? Finish(sum, format, ref environment) : ZeroSum(format, environment);
    }

    private static ulong Multiply(ulong a, ulong b, FloatFormat format, ref FloatEnvironment environment)
    {
        if (TakeSpecial(ref a, ref b, format, ref environment, out ulong special)) return special;
        FloatClass classA = format.Classify(a), classB = format.Classify(b);
        ulong sign = (a ^ b) & format.Sign;
        bool zero = classA == FloatClass.Zero || classB == FloatClass.Zero;
        if (classA == FloatClass.Infinity || classB == FloatClass.Infinity)
            return zero ? Invalid(format, ref environment) : sign | format.Infinity;
        return zero ? sign : Finish(Unpacked.Product(format.Unpack(a), format.Unpack(b)), format, ref environment);
    }

    private static ulong Divide(ulong a, ulong b, FloatFormat format, ref FloatEnvironment environment)
    {
        FloatExceptions before = environment.Raised;
        if (TakeSpecial(ref a, ref b, format, ref environment, out ulong special)) return special;
        FloatClass classA = format.Classify(a), classB = format.Classify(b);
        ulong sign = (a ^ b) & format.Sign;
        if (classA == FloatClass.Infinity) return classB == FloatClass.Infinity ? Invalid(format, ref environment) : sign | format.Infinity;
        if (classB == FloatClass.Zero)
        {
            if (classA == FloatClass.Zero) return Invalid(format, ref environment);
            environment.Raised = before | FloatExceptions.DivideByZero; // it comes before a denormal dividend
            return sign | format.Infinity;
        }
        if (classA == FloatClass.Zero || classB == FloatClass.Infinity) return sign;
        return Finish(Unpacked.Quotient(format.Unpack(a), format.Unpack(b)), format, ref environment);
    }

    private static ulong MultiplyAdd(ulong a, ulong b, ulong c, bool negateProduct, bool negateAddend, FloatFormat format, ref FloatEnvironment environment)
    {
        (a, b, c) = (WithoutDenormal(a, format, environment), WithoutDenormal(b, format, environment), WithoutDenormal(c, format, environment));
        FloatClass classA = format.Classify(a), classB = format.Classify(b), classC = format.Classify(c);
        bool infinite = classA == FloatClass.Infinity || classB == FloatClass.Infinity, zero = classA == FloatClass.Zero || classB == FloatClass.Zero;
        if (classA >= FloatClass.QuietNan || classB >= FloatClass.QuietNan || classC >= FloatClass.QuietNan)
        {
            if (classA == FloatClass.SignalingNan || classB == FloatClass.SignalingNan || classC == FloatClass.SignalingNan) environment.Raised |= FloatExceptions.Invalid;
            return (classA >= FloatClass.QuietNan ? a : classB >= FloatClass.QuietNan ? b : c) | format.Quiet;
        }
        ulong sign = (a ^ b ^ (negateProduct ? format.Sign : 0)) & format.Sign;
        if (negateAddend) c ^= format.Sign;
        if (infinite && zero) return Invalid(format, ref environment);
        if (infinite && classC == FloatClass.Infinity && sign != (c & format.Sign)) return Invalid(format, ref environment);
        if (classA == FloatClass.Denormal || classB == FloatClass.Denormal || classC == FloatClass.Denormal) environment.Raised |= FloatExceptions.Denormal;
        if (infinite) return sign | format.Infinity;
        if (classC == FloatClass.Infinity) return c;
        if (zero && classC == FloatClass.Zero) return sign == (c & format.Sign) ? c : ZeroSum(format, environment);
        if (zero) return Finish(format.Unpack(c), format, ref environment);
        Unpacked product = Unpacked.Product(format.Unpack(a), format.Unpack(b)) with { Negative = sign != 0 };
        if (classC == FloatClass.Zero) return Finish(product, format, ref environment);
        return Unpacked.Sum(product, format.Unpack(c)) is { } sum ? Finish(sum, format, ref environment) : ZeroSum(format, environment);
    }

    private static ulong SquareRoot(ulong a, FloatFormat format, ref FloatEnvironment environment)
    {
        ulong same = a;
        FloatExceptions before = environment.Raised;
        if (TakeSpecial(ref a, ref same, format, ref environment, out ulong special)) return special;
        FloatClass kind = format.Classify(a);
        if (kind == FloatClass.Zero) return a;
        if (format.IsNegative(a))
        {
            environment.Raised = before | FloatExceptions.Invalid; // it comes before a denormal operand
            return format.QuietNan;
        }
        return kind == FloatClass.Infinity ? a : Finish(Unpacked.SquareRoot(format.Unpack(a)), format, ref environment);
    }

    private static ulong Convert(ulong a, FloatFormat from, FloatFormat to, ref FloatEnvironment environment)
    {
        a = WithoutDenormal(a, from, environment);
        ulong sign = from.IsNegative(a) ? to.Sign : 0;
        FloatClass kind = from.Classify(a);
        switch (kind)
        {
            case FloatClass.Zero:
                return sign;
            case FloatClass.Infinity:
                return sign | to.Infinity;
            case FloatClass.QuietNan or FloatClass.SignalingNan:
                if (kind == FloatClass.SignalingNan) environment.Raised |= FloatExceptions.Invalid;
                return to.Pack(from.IsNegative(a), new(to.MaxExponent + 1, a << (64 - from.Precision) | Float80.IntegerBit | Float80.QuietBit));
            default:
                if (kind == FloatClass.Denormal) environment.Raised |= FloatExceptions.Denormal;
                return Finish(from.Unpack(a), to, ref environment);
        }
    }

    private static ulong FromInteger(long value, FloatFormat format, ref FloatEnvironment environment) =>
        value == 0 ? 0 : Finish(X87Conversion.FromInteger(value).Unpack(), format, ref environment);

    private static long ToInteger(ulong a, FloatFormat format, int bits, bool truncate, ref FloatEnvironment environment)
    {
        long smallest = long.MinValue >> (64 - bits);
        a = WithoutDenormal(a, format, environment);
        FloatClass kind = format.Classify(a);
        if (kind == FloatClass.Zero) return 0;
        if (kind < FloatClass.Infinity && format.Unpack(a) is { Exponent: < 64 } value)
        {
            FloatEnvironment attempt = environment;
            if (truncate) attempt.Rounding = RoundingMode.TowardZero;
            UInt128 magnitude = X87Conversion.RoundToInteger(value, ref attempt);
            if (magnitude <= (ulong)-(smallest + 1) + (value.Negative ? 1UL : 0))
            {
                environment.Raised = attempt.Raised;
                return value.Negative ? -(long)(ulong)magnitude : (long)(ulong)magnitude;
            }
        }
        environment.Raised |= FloatExceptions.Invalid;
        return smallest;
    }

    private static FloatRelation Order(ref double a, ref double b, bool signaling, ref FloatEnvironment environment)
    {
        (ulong bitsA, ulong bitsB) = (Bits(a), Bits(b));
        FloatRelation relation = NoteOperands(ref bitsA, ref bitsB, FloatFormat.Double, signaling, ref environment)
            ? FloatRelation.Unordered : Relate(ToDouble(bitsA), ToDouble(bitsB));
        (a, b) = (ToDouble(bitsA), ToDouble(bitsB));
        return relation;
    }

    private static FloatRelation Order(ref float a, ref float b, bool signaling, ref FloatEnvironment environment)
    {
        (ulong bitsA, ulong bitsB) = (Bits(a), Bits(b));
        FloatRelation relation = NoteOperands(ref bitsA, ref bitsB, FloatFormat.Single, signaling, ref environment)
            ? FloatRelation.Unordered : Relate(ToSingle(bitsA), ToSingle(bitsB));
        (a, b) = (ToSingle(bitsA), ToSingle(bitsB));
        return relation;
    }

    private static FloatRelation Relate(double a, double b) =>
        a < b ? FloatRelation.Less : a > b ? FloatRelation.Greater : FloatRelation.Equal;

    /// <summary>Before a comparison: notes NaNs and denormals; true when the operands have no order.</summary>
    private static bool NoteOperands(ref ulong a, ref ulong b, FloatFormat format, bool signaling, ref FloatEnvironment environment)
    {
        a = WithoutDenormal(a, format, environment);
        b = WithoutDenormal(b, format, environment);
        FloatClass classA = format.Classify(a), classB = format.Classify(b);
        if (classA >= FloatClass.QuietNan || classB >= FloatClass.QuietNan)
        {
            if (signaling || classA == FloatClass.SignalingNan || classB == FloatClass.SignalingNan) environment.Raised |= FloatExceptions.Invalid;
            return true;
        }
        if (classA == FloatClass.Denormal || classB == FloatClass.Denormal) environment.Raised |= FloatExceptions.Denormal;
        return false;
    }

    /// <summary>Answers for NaNs, notes denormal operands or takes them for zeros.</summary>
    private static bool TakeSpecial(ref ulong a, ref ulong b, FloatFormat format, ref FloatEnvironment environment, out ulong result)
    {
        result = 0;
        if (!NoteOperands(ref a, ref b, format, signaling: false, ref environment)) return false;
        result = (format.Classify(a) >= FloatClass.QuietNan ? a : b) | format.Quiet;
        return true;
    }

    private static ulong WithoutDenormal(ulong bits, FloatFormat format, in FloatEnvironment environment) =>
        environment.DenormalsAreZero && format.Classify(bits) == FloatClass.Denormal ? bits & format.Sign : bits;

    private static ulong Quieted(ulong nan, FloatFormat format, ref FloatEnvironment environment)
    {
        if (format.Classify(nan) == FloatClass.SignalingNan) environment.Raised |= FloatExceptions.Invalid;
        return nan | format.Quiet;
    }

    private static MidpointRounding Midpoint(RoundingMode mode) => mode switch
    {
        RoundingMode.Nearest => MidpointRounding.ToEven,
        RoundingMode.Down => MidpointRounding.ToNegativeInfinity,
        RoundingMode.Up => MidpointRounding.ToPositiveInfinity,
        _ => MidpointRounding.ToZero,
    };

    private static ulong Finish(in Unpacked value, FloatFormat format, ref FloatEnvironment environment) =>
        format.Pack(value.Negative, value.Round(format, ref environment));

    private static ulong Invalid(FloatFormat format, ref FloatEnvironment environment)
    {
        environment.Raised |= FloatExceptions.Invalid;
        return format.QuietNan;
    }

    private static ulong ZeroSum(FloatFormat format, in FloatEnvironment environment) =>
        environment.Rounding == RoundingMode.Down ? format.Sign : 0;

    private static ulong Bits(double value) => BitConverter.DoubleToUInt64Bits(value);

    private static ulong Bits(float value) => BitConverter.SingleToUInt32Bits(value);

    private static double ToDouble(ulong bits) => BitConverter.UInt64BitsToDouble(bits);

    private static float ToSingle(ulong bits) => BitConverter.UInt32BitsToSingle((uint)bits);
}
