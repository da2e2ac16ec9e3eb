namespace Rhea.X86.FloatingPoint;

/// <summary>How two numbers compare.</summary>
public enum FloatRelation : byte
{
    Less,
    Equal,
    Greater,
    Unordered,
}

/// <summary>The arithmetic of the x87: every result is the exact one, rounded once.</summary>
/// <remarks>Intel SDM vol. 1, chapter 8; NaNs by table 4-7, priorities of exceptions by 4.9.2.</remarks>
public static class X87Arithmetic
{
    public static Float80 Add(Float80 a, Float80 b, ref FloatEnvironment environment)
    {
        if (TakeSpecial(a, b, ref environment, out Float80 special)) return special;
        FloatClass classA = a.Class, classB = b.Class;
        if (classA == FloatClass.Infinity)
            return classB == FloatClass.Infinity && a.IsNegative != b.IsNegative ? Invalid(ref environment) : a;
        if (classB == FloatClass.Infinity) return b;
        if (classB == FloatClass.Zero)
            return classA == FloatClass.Zero ? ZeroSum(a.IsNegative, b.IsNegative, environment) : Finish(a.Unpack(), ref environment);
        if (classA == FloatClass.Zero) return Finish(b.Unpack(), ref environment);
        return Unpacked.Sum(a.Unpack(), b.Unpack()) is { } sum ? Finish(sum, ref environment) : ZeroSum(true, false, environment);
    }

    public static Float80 Subtract(Float80 a, Float80 b, ref FloatEnvironment environment) =>
        Add(a, b.IsNan ? b : b.Negated, ref environment);

    public static Float80 Multiply(Float80 a, Float80 b, ref FloatEnvironment environment)
    {
        if (TakeSpecial(a, b, ref environment, out Float80 special)) return special;
        FloatClass classA = a.Class, classB = b.Class;
        bool negative = a.IsNegative != b.IsNegative, zero = classA == FloatClass.Zero || classB == FloatClass.Zero;
        if (classA == FloatClass.Infinity || classB == FloatClass.Infinity)
            return zero ? Invalid(ref environment) : Float80.Infinity.WithSign(negative);
        return zero ? Float80.Zero.WithSign(negative) : Finish(Unpacked.Product(a.Unpack(), b.Unpack()), ref environment);
    }

    public static Float80 Divide(Float80 a, Float80 b, ref FloatEnvironment environment)
    {
        if (TakeSpecial(a, b, ref environment, out Float80 special)) return special;
        FloatClass classA = a.Class, classB = b.Class;
        bool negative = a.IsNegative != b.IsNegative;
        if (classA == FloatClass.Infinity)
            return classB == FloatClass.Infinity ? Invalid(ref environment) : Float80.Infinity.WithSign(negative);
        if (classB == FloatClass.Zero)
        {
            if (classA == FloatClass.Zero) return Invalid(ref environment);
            environment.Raised = (environment.Raised & ~FloatExceptions.Denormal) | FloatExceptions.DivideByZero;
            return Float80.Infinity.WithSign(negative);
        }
        if (classA == FloatClass.Zero || classB == FloatClass.Infinity) return Float80.Zero.WithSign(negative);
        return Finish(Unpacked.Quotient(a.Unpack(), b.Unpack()), ref environment);
    }

    public static Float80 SquareRoot(Float80 a, ref FloatEnvironment environment)
    {
        if (TakeSpecial(a, ref environment, out Float80 special)) return special;
        if (a.Class == FloatClass.Zero) return a;
        if (a.IsNegative) return Invalid(ref environment);
        return a.Class == FloatClass.Infinity ? a : Finish(Unpacked.SquareRoot(a.Unpack()), ref environment);
    }

    /// <summary>FRNDINT.</summary>
    public static Float80 RoundToInteger(Float80 a, ref FloatEnvironment environment)
    {
        if (TakeSpecial(a, ref environment, out Float80 special)) return special;
        if (a.Class is FloatClass.Zero or FloatClass.Infinity) return a;
        Unpacked value = a.Unpack();
        if (value.Exponent >= 63) return a;
        UInt128 magnitude = X87Conversion.RoundToInteger(value, ref environment);
        return magnitude == 0
            ? Float80.Zero.WithSign(a.IsNegative)
            : X87Conversion.FromInteger((ulong)magnitude).WithSign(a.IsNegative);
    }

    /// <summary>FSCALE: <paramref name="a"/> times two to the integral part of <paramref name="scale"/>.</summary>
    public static Float80 Scale(Float80 a, Float80 scale, ref FloatEnvironment environment)
    {
        if (TakeSpecial(a, scale, ref environment, out Float80 special)) return special;
        FloatClass classA = a.Class, classScale = scale.Class;
        if (classScale == FloatClass.Infinity)
        {
            FloatClass impossible = scale.IsNegative ? FloatClass.Infinity : FloatClass.Zero;
            if (classA == impossible) return Invalid(ref environment);
            return scale.IsNegative ? Float80.Zero.WithSign(a.IsNegative) : Float80.Infinity.WithSign(a.IsNegative);
        }
        if (classA is FloatClass.Zero or FloatClass.Infinity || classScale == FloatClass.Zero) return a;
        Unpacked value = a.Unpack(), by = scale.Unpack();
        int steps = by.Exponent < 0 ? 0 : by.Exponent > 16 ? 1 << 17 : (int)(by.Significand >> (127 - by.Exponent));
        return Pack(value with { Exponent = value.Exponent + (by.Negative ? -steps : steps) }, ref environment);
    }

    /// <summary>FXTRACT: the exponent as a number, and the number with exponent zero.</summary>
    public static (Float80 Exponent, Float80 Significand) Extract(Float80 a, ref FloatEnvironment environment)
    {
        if (TakeSpecial(a, ref environment, out Float80 special)) return (special, special);
        switch (a.Class)
        {
            case FloatClass.Infinity:
                return (Float80.Infinity, a);
            case FloatClass.Zero:
                environment.Raised |= FloatExceptions.DivideByZero;
                return (Float80.Infinity.Negated, a);
            default:
                Unpacked value = a.Unpack();
                return (X87Conversion.FromInteger(value.Exponent), Pack(value with { Exponent = 0 }, ref environment));
        }
    }

    /// <summary>FCOM and FUCOM. A quiet comparison takes quiet NaNs without an exception.</summary>
    public static FloatRelation Compare(Float80 a, Float80 b, bool quiet, ref FloatEnvironment environment)
    {
        FloatClass classA = a.Class, classB = b.Class;
        if (classA >= FloatClass.QuietNan || classB >= FloatClass.QuietNan)
        {
            if (!quiet || classA > FloatClass.QuietNan || classB > FloatClass.QuietNan) environment.Raised |= FloatExceptions.Invalid;
            return FloatRelation.Unordered;
        }
        if (classA == FloatClass.Denormal || classB == FloatClass.Denormal) environment.Raised |= FloatExceptions.Denormal;
        if (classA == FloatClass.Zero && classB == FloatClass.Zero) return FloatRelation.Equal;
        if (a.IsNegative != b.IsNegative) return a.IsNegative ? FloatRelation.Less : FloatRelation.Greater;
        int order = Magnitude(a).CompareTo(Magnitude(b));
        return order == 0 ? FloatRelation.Equal : order < 0 != a.IsNegative ? FloatRelation.Less : FloatRelation.Greater;
    }

    /// <summary>The exact or rounded result in a register.</summary>
    internal static Float80 Finish(in Unpacked value, ref FloatEnvironment environment) =>
        Float80.Pack(value.Negative, value.Round(FloatFormat.Extended(environment.Precision), ref environment));

    /// <summary>As <see cref="Finish"/>, for the instructions that precision control leaves alone.</summary>
    internal static Float80 Pack(in Unpacked value, ref FloatEnvironment environment) =>
        Float80.Pack(value.Negative, value.Round(FloatFormat.Extended(64), ref environment));

    internal static Float80 Invalid(ref FloatEnvironment environment)
    {
        environment.Raised = (environment.Raised & ~FloatExceptions.Denormal) | FloatExceptions.Invalid; // it comes before a denormal operand
        return Float80.Indefinite;
    }

    /// <summary>Answers for NaNs and unsupported encodings, and notes denormal operands.</summary>
    internal static bool TakeSpecial(Float80 a, ref FloatEnvironment environment, out Float80 result) =>
        TakeSpecial(a, a, ref environment, out result);

    /// <inheritdoc cref="TakeSpecial(Float80, ref FloatEnvironment, out Float80)"/>
    internal static bool TakeSpecial(Float80 a, Float80 b, ref FloatEnvironment environment, out Float80 result)
    {
        FloatClass classA = a.Class, classB = b.Class;
        result = default;
        if (classA == FloatClass.Unsupported || classB == FloatClass.Unsupported)
        {
            result = Invalid(ref environment);
            return true;
        }
        if (classA >= FloatClass.QuietNan || classB >= FloatClass.QuietNan)
        {
            if (classA == FloatClass.SignalingNan || classB == FloatClass.SignalingNan) environment.Raised |= FloatExceptions.Invalid;
            result = ChooseNan(a, b);
            return true;
        }
        if (classA == FloatClass.Denormal || classB == FloatClass.Denormal) environment.Raised |= FloatExceptions.Denormal;
        return false;
    }

    /// <summary>A quiet NaN before a signaling one, the larger significand before the smaller, plus before minus.</summary>
    private static Float80 ChooseNan(Float80 a, Float80 b)
    {
        if (!a.IsNan) return b.Quieted;
        if (!b.IsNan) return a.Quieted;
        if (a.Class != b.Class) return a.Class == FloatClass.QuietNan ? a : b;
        if (a.Significand != b.Significand) return (a.Significand > b.Significand ? a : b).Quieted;
        return (a.IsNegative ? b : a).Quieted;
    }

    private static Float80 ZeroSum(bool negativeA, bool negativeB, in FloatEnvironment environment) =>
        Float80.Zero.WithSign(negativeA == negativeB ? negativeA : environment.Rounding == RoundingMode.Down);

    private static UInt128 Magnitude(Float80 a) => new((ulong)Math.Max(a.BiasedExponent, 1), a.Significand);
}
