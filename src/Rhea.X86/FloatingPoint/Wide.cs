namespace Rhea.X86.FloatingPoint;

/// <summary>Arithmetic with 127 bits of fraction, for functions that are to be right in 64 bits. A fixed-point number is worth value · 2^-127.</summary>
internal static class Wide
{
    public const int FractionBits = 127;
    public static readonly UInt128 One = UInt128.One << FractionBits;

    /// <summary>The product of two fixed-point numbers.</summary>
    public static UInt128 Multiply(UInt128 a, UInt128 b) => MultiplyHigh(a, b) << 1;

    /// <summary>Times a fixed-point number below 2.</summary>
    public static Unpacked Multiply(in Unpacked a, UInt128 factor, bool negate = false) =>
        Unpacked.Normalize(a.Negative != negate, a.Exponent + 1, MultiplyHigh(a.Significand, factor));

    public static Unpacked Multiply(in Unpacked a, in Unpacked b) =>
        Unpacked.Normalize(a.Negative != b.Negative, a.Exponent + b.Exponent + 1, MultiplyHigh(a.Significand, b.Significand));

    /// <summary>Right to 100 bits and more: the host's reciprocal, and one step of Newton's iteration.</summary>
    public static Unpacked Divide(in Unpacked a, in Unpacked b)
    {
        var estimate = (UInt128)(1 / ((double)b.Significand / (double)One) * (1L << 62)) << (FractionBits - 62);
        UInt128 reciprocal = Multiply(estimate, (One << 1) - Multiply(b.Significand, estimate));
        Unpacked quotient = Multiply(a, reciprocal, b.Negative);
        return quotient with { Exponent = quotient.Exponent - b.Exponent };
    }

    /// <summary>The number as fixed point; below 2, and what is too small is lost.</summary>
    public static UInt128 ToFixed(in Unpacked a) => a.Exponent < -FractionBits ? 0 : a.Significand >> -a.Exponent;

    public static Unpacked FromFixed(bool negative, UInt128 value) => Unpacked.Normalize(negative, 0, value);

    /// <summary>1 + c1·x + c2·x² + …, or with alternating signs, which is less than 1 for any x but zero.</summary>
    public static UInt128 Series(ReadOnlySpan<UInt128> coefficients, UInt128 x, bool alternating)
    {
        UInt128 sum = coefficients[^1];
        for (int i = coefficients.Length - 2; i >= 0; i--)
        {
            UInt128 term = Multiply(sum, x);
            sum = alternating ? coefficients[i] - term : coefficients[i] + term;
        }
        return alternating ? UInt128.Min(sum, One - 1) : sum;
    }

    /// <summary>1, 1/(first), 1/(first · next), …: the coefficients of sine, cosine and the exponential function.</summary>
    public static UInt128[] Factorials(int count, int first, int step)
    {
        var coefficients = new UInt128[count];
        coefficients[0] = One;
        for (int i = 1, n = first; i < count; i++)
        {
            coefficients[i] = coefficients[i - 1];
            for (var j = 0; j < step; j++) coefficients[i] /= (uint)n++;
        }
        return coefficients;
    }

    /// <summary>1, 1/3, 1/5, …: the coefficients of the arc tangent and of the logarithm.</summary>
    public static UInt128[] OddReciprocals(int count)
    {
        var coefficients = new UInt128[count];
        for (var i = 0; i < count; i++) coefficients[i] = One / (uint)((2 * i) + 1);
        return coefficients;
    }

    private static UInt128 MultiplyHigh(UInt128 a, UInt128 b)
    {
        var (highA, lowA) = ((ulong)(a >> 64), (ulong)a);
        var (highB, lowB) = ((ulong)(b >> 64), (ulong)b);
        ulong high = Math.BigMul(highA, highB, out ulong low);
        UInt128 middle1 = Math.BigMul(highA, lowB), middle2 = Math.BigMul(lowA, highB);
        UInt128 carry = (UInt128)(ulong)middle1 + (ulong)middle2 + Math.BigMul(lowA, lowB, out _);
        return new UInt128(high, low) + (middle1 >> 64) + (middle2 >> 64) + (carry >> 64);
    }
}
