namespace Rhea.X86.FloatingPoint;

/// <summary>F2XM1, FYL2X and FYL2XP1, within one unit in the last place.</summary>
public static class X87Logarithm
{
    private const int IntegerBits = 15; // of a logarithm's fixed-point form: its size is at most 16445
    private static readonly Unpacked LogOf2 = new(false, -1, new UInt128(0xB172_17F7_D1CF_79AB, 0xC9E3_B398_03F2_F6AF));
    private static readonly Unpacked TwoByLogOf2 = new(false, 1, new UInt128(0xB8AA_3B29_5C17_F0BB, 0xBE87_FED0_691D_3E88));
    private static readonly UInt128[] ExponentialSeries = Wide.Factorials(25, 2, 1), LogarithmSeries = Wide.OddReciprocals(20);
    private static readonly UInt128 SquareRootOf2 = new(0xB504_F333_F9DE_6484, 0x597D_89B3_754A_BE9F);

    /// <summary>2^<paramref name="a"/> - 1, of -1 to 1; outside of that the processor answers with anything, and this with the argument.</summary>
    public static Float80 ExponentialMinusOne(Float80 a, ref FloatEnvironment environment)
    {
        if (X87Arithmetic.TakeSpecial(a, ref environment, out Float80 special)) return special;
        if (a.Class == FloatClass.Infinity) return a.IsNegative ? Float80.One.Negated : a;
        if (a.Class == FloatClass.Zero) return a;
        Unpacked value = a.Unpack();
        if (value.Exponent >= 0)
        {
            environment.Raised |= FloatExceptions.Precision;
            if (value.Exponent > 0 || value.Significand << 1 != 0) return a;
            return a.IsNegative ? new Float80(Float80.IntegerBit, 0xBFFE) : Float80.One;
        }
        Unpacked power = Wide.Multiply(value, LogOf2);
        return Inexact(Wide.Multiply(power, Wide.Series(ExponentialSeries, Wide.ToFixed(power), alternating: a.IsNegative)), ref environment);
    }

    /// <summary><paramref name="y"/> · log2(<paramref name="x"/>).</summary>
    public static Float80 Logarithm(Float80 x, Float80 y, ref FloatEnvironment environment)
    {
        if (X87Arithmetic.TakeSpecial(x, y, ref environment, out Float80 special)) return special;
        FloatClass classX = x.Class, classY = y.Class;
        if (classX == FloatClass.Zero)
        {
            if (classY == FloatClass.Zero) return X87Arithmetic.Invalid(ref environment);
            if (classY != FloatClass.Infinity) environment.Raised |= FloatExceptions.DivideByZero;
            return Float80.Infinity.WithSign(!y.IsNegative);
        }
        if (x.IsNegative) return X87Arithmetic.Invalid(ref environment);
        bool one = x == Float80.One;
        if (classX == FloatClass.Infinity || classY == FloatClass.Infinity)
        {
            if (one || classY == FloatClass.Zero) return X87Arithmetic.Invalid(ref environment);
            return Float80.Infinity.WithSign(y.IsNegative != IsBelowOne(x));
        }
        if (one || classY == FloatClass.Zero) return Float80.Zero.WithSign(y.IsNegative != IsBelowOne(x));
        Unpacked value = x.Unpack();
        if (value.Significand << 1 != 0) return Inexact(Wide.Multiply(LogarithmOf(value), y.Unpack()), ref environment);
        Float80 product = X87Arithmetic.Pack(Unpacked.Product(X87Conversion.FromInteger(value.Exponent).Unpack(), y.Unpack()), ref environment);
        environment.Raised |= FloatExceptions.Precision; // though the logarithm of a power of two is exact
        if (product.Class == FloatClass.Denormal) environment.Raised |= FloatExceptions.Underflow;
        return product;
    }

    /// <summary><paramref name="y"/> · log2(<paramref name="x"/> + 1), for small <paramref name="x"/>.</summary>
    public static Float80 LogarithmOfOnePlus(Float80 x, Float80 y, ref FloatEnvironment environment)
    {
        if (X87Arithmetic.TakeSpecial(x, y, ref environment, out Float80 special)) return special;
        FloatClass classX = x.Class, classY = y.Class;
        bool negative = x.IsNegative != y.IsNegative;
        if (classX == FloatClass.Infinity && x.IsNegative) return X87Arithmetic.Invalid(ref environment);
        if (classX == FloatClass.Infinity || classY == FloatClass.Infinity)
        {
            return classX == FloatClass.Zero || classY == FloatClass.Zero
                ? X87Arithmetic.Invalid(ref environment) : Float80.Infinity.WithSign(negative);
        }
        if (classX == FloatClass.Zero || classY == FloatClass.Zero) return Float80.Zero.WithSign(negative);
        Unpacked value = x.Unpack();
        environment.Raised |= FloatExceptions.Precision;
        if (value.Exponent >= 0) return x; // not defined
        UInt128 distance = Wide.ToFixed(value) >> 1, two = Wide.One; // of x + 2, with 126 bits of fraction
        Unpacked sum = Unpacked.Normalize(false, 1, x.IsNegative ? two - distance : two + distance);
        return Inexact(Wide.Multiply(FromRatio(Wide.Divide(value, sum)), y.Unpack()), ref environment);
    }

    private static bool IsBelowOne(Float80 positive) => positive.BiasedExponent < Float80.Bias;

    private static Float80 Inexact(in Unpacked value, ref FloatEnvironment environment) =>
        X87Arithmetic.Pack(value with { Significand = value.Significand | 1 }, ref environment);

    /// <summary>log2 of a number that is not a power of two: its exponent, and the logarithm of a number near 1.</summary>
    private static Unpacked LogarithmOf(in Unpacked a)
    {
        bool upper = a.Significand > SquareRootOf2;
        int exponent = a.Exponent + (upper ? 1 : 0);
        UInt128 number = upper ? a.Significand >> 1 : a.Significand; // from 1/√2 to √2
        bool below = number < Wide.One;
        Unpacked difference = Wide.FromFixed(below, below ? Wide.One - number : number - Wide.One);
        Unpacked sum = Unpacked.Normalize(false, 1, (number >> 1) + (Wide.One >> 1));
        Unpacked logarithm = FromRatio(Wide.Divide(difference, sum));
        if (exponent == 0) return logarithm;

        var whole = (Int128)exponent << (Wide.FractionBits - IntegerBits);
        var fraction = (Int128)(Wide.ToFixed(logarithm) >> IntegerBits);
        Int128 total = logarithm.Negative ? whole - fraction : whole + fraction;
        return Unpacked.Normalize(total < 0, IntegerBits, (UInt128)Int128.Abs(total));
    }

    /// <summary>log2((1 + s) / (1 - s)) = 2/ln 2 · (s + s³/3 + s⁵/5 + …).</summary>
    private static Unpacked FromRatio(in Unpacked s)
    {
        UInt128 value = Wide.ToFixed(s);
        return Wide.Multiply(Wide.Multiply(s, Wide.Series(LogarithmSeries, Wide.Multiply(value, value), alternating: false)), TwoByLogOf2);
    }
}
