namespace Rhea.X86.FloatingPoint;

/// <summary>What kind of number an encoding stands for.</summary>
public enum FloatClass : byte
{
    Zero,
    Denormal,
    Normal,
    Infinity,
    QuietNan,
    SignalingNan,

    /// <summary>Extended reals whose integer bit contradicts their exponent: no processor since the 80387 takes them.</summary>
    Unsupported,
}

/// <summary>A number of the x87: 64 bits of significand with an explicit leading one, a sign and 15 bits of exponent.</summary>
/// <remarks>Intel SDM vol. 1, 4.2.2 and 8.2. The bits are kept as they are in memory, invalid ones too.</remarks>
public readonly record struct Float80(ulong Significand, ushort SignExponent)
{
    public const int Bias = 16383;
    internal const ulong IntegerBit = 1UL << 63, QuietBit = 1UL << 62;
    private const ushort SignBit = 0x8000, ExponentMask = 0x7FFF;

    public static readonly Float80 Zero, One = new(IntegerBit, Bias), Infinity = new(IntegerBit, ExponentMask);

    /// <summary>The answer to an invalid operation ("real indefinite").</summary>
    public static readonly Float80 Indefinite = new(IntegerBit | QuietBit, SignBit | ExponentMask);

    public bool IsNegative => (SignExponent & SignBit) != 0;

    public int BiasedExponent => SignExponent & ExponentMask;

    /// <summary>A pseudo-denormal (exponent 0 with the integer bit) is a denormal that has the smallest normal exponent.</summary>
    public FloatClass Class => BiasedExponent switch
    {
        0 => Significand == 0 ? FloatClass.Zero : FloatClass.Denormal,
        _ when (Significand & IntegerBit) == 0 => FloatClass.Unsupported,
        ExponentMask when Significand == IntegerBit => FloatClass.Infinity,
        ExponentMask => (Significand & QuietBit) != 0 ? FloatClass.QuietNan : FloatClass.SignalingNan,
        _ => FloatClass.Normal,
    };

    public bool IsNan => BiasedExponent == ExponentMask && Significand > IntegerBit;

    public Float80 Negated => this with { SignExponent = (ushort)(SignExponent ^ SignBit) };

    public Float80 Absolute => this with { SignExponent = (ushort)(SignExponent & ExponentMask) };

    public Float80 Quieted => this with { Significand = Significand | QuietBit };

    internal Float80 WithSign(bool negative) => negative ? Absolute.Negated : Absolute;

    /// <summary>A non-zero finite number taken apart.</summary>
    internal Unpacked Unpack()
    {
        int shift = System.Numerics.BitOperations.LeadingZeroCount(Significand);
        return new(IsNegative, Math.Max(BiasedExponent, 1) - Bias - shift, Significand << shift);
    }

    internal static Float80 Pack(bool negative, Rounded value)
    {
        int biased = (value.Significand & IntegerBit) != 0 ? value.Exponent + Bias : 0;
        return new(value.Significand, (ushort)(biased | (negative ? SignBit : 0)));
    }
}
