namespace Rhea.X86.FloatingPoint;

/// <summary>The range and precision that a result is rounded to, and for single and double reals where its bits are.</summary>
/// <param name="Precision">Bits of significand, the leading one included.</param>
/// <param name="MinExponent">Of the smallest normal number.</param>
/// <param name="MaxExponent">Of the largest finite number.</param>
/// <param name="Wrap">An unmasked overflow or underflow delivers the result with its exponent changed by this (SDM vol. 1, 8.5.4); 0 delivers none.</param>
internal readonly record struct FloatFormat(int Precision, int MinExponent, int MaxExponent, int Wrap)
{
    public static readonly FloatFormat Half = new(11, -14, 15, 0);
    public static readonly FloatFormat Single = new(24, -126, 127, 0), Double = new(53, -1022, 1023, 0);

    public ulong Sign => 2 * (ulong)(MaxExponent + 1) << Fraction;

    public ulong Infinity => (2 * (ulong)(MaxExponent + 1) - 1) << Fraction;

    public ulong Quiet => 1UL << (Fraction - 1);

    public ulong QuietNan => Sign | Infinity | Quiet;

    private int Fraction => Precision - 1;

    public static FloatFormat Extended(int precision) => new(precision, -16382, 16383, 24576);

    public bool IsNegative(ulong bits) => (bits & Sign) != 0;

    public FloatClass Classify(ulong bits)
    {
        ulong magnitude = bits & (Sign - 1);
        if (magnitude > Infinity) return (bits & Quiet) != 0 ? FloatClass.QuietNan : FloatClass.SignalingNan;
        if (magnitude == Infinity) return FloatClass.Infinity;
        if (magnitude >> Fraction != 0) return FloatClass.Normal;
        return magnitude == 0 ? FloatClass.Zero : FloatClass.Denormal;
    }

    /// <summary>A non-zero finite number taken apart.</summary>
    public Unpacked Unpack(ulong bits)
    {
        ulong magnitude = bits & (Sign - 1), biased = magnitude >> Fraction;
        ulong significand = magnitude << (63 - Fraction) & ~Float80.IntegerBit | (biased == 0 ? 0 : Float80.IntegerBit);
        int shift = System.Numerics.BitOperations.LeadingZeroCount(significand);
        return new(IsNegative(bits), MinExponent + (int)Math.Max(biased, 1) - 1 - shift, significand << shift);
    }

    public ulong Pack(bool negative, Rounded value)
    {
        ulong biased = (value.Significand & Float80.IntegerBit) != 0 ? (ulong)(value.Exponent - MinExponent + 1) : 0;
        return (negative ? Sign : 0) | biased << Fraction | value.Significand << 1 >> (64 - Fraction);
    }
}
