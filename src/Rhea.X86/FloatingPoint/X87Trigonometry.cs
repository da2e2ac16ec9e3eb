namespace Rhea.X86.FloatingPoint;

/// <summary>FSIN, FCOS, FPTAN and FPATAN, within one unit in the last place.</summary>
/// <remarks>Arguments of 2^63 and more are refused by the caller. Results are inexact but for zeros.</remarks>
public static class X87Trigonometry
{
    // Half of π to the 66 bits by which processors reduce arguments (SDM vol. 1, 8.3.8), its leading one worth 1; and π with 125 bits of fraction.
    private static readonly UInt128 HalfPi = new(0xC90F_DAA2_2168_C234, 0xC000_0000_0000_0000);
    private static readonly UInt128 Pi125 = new(0x6487_ED51_10B4_611A, 0x6263_3145_C06E_0E68);
    private static readonly UInt128[] SineSeries = Wide.Factorials(13, 2, 2), CosineSeries = Wide.Factorials(13, 1, 2);
    private static readonly UInt128[] ArcTangentSeries = Wide.OddReciprocals(16);

    /// <summary>atan(i/16) with 125 bits of fraction.</summary>
    private static readonly UInt128[] ArcTangents = TabulateArcTangents();

    public static Float80 Sine(Float80 a, ref FloatEnvironment environment) => Circular(a, 0, ref environment);

    public static Float80 Cosine(Float80 a, ref FloatEnvironment environment) =>
        a.Class == FloatClass.Zero ? Float80.One : Circular(a, 1, ref environment);

    public static Float80 Tangent(Float80 a, ref FloatEnvironment environment)
    {
        if (TakeSpecial(a, ref environment, out Float80 special)) return special;
        (Unpacked rest, int quadrant) = Reduce(a.Unpack());
        if (quadrant == 0 && rest.Exponent < -Wide.FractionBits / 2) return Inexact(rest, ref environment); // hardly more than the argument
        Unpacked sine = SineOf(rest), cosine = CosineOf(rest);
        Unpacked tangent = (quadrant & 1) == 0 ? Wide.Divide(sine, cosine) : Wide.Divide(cosine with { Negative = true }, sine);
        return Inexact(tangent, ref environment);
    }

    /// <summary>The angle of the point (<paramref name="x"/>, <paramref name="y"/>), from -π to π.</summary>
    public static Float80 ArcTangent(Float80 y, Float80 x, ref FloatEnvironment environment)
    {
        if (X87Arithmetic.TakeSpecial(y, x, ref environment, out Float80 special)) return special;
        bool infiniteX = x.Class == FloatClass.Infinity, infiniteY = y.Class == FloatClass.Infinity;
        bool zeroX = x.Class == FloatClass.Zero, zeroY = y.Class == FloatClass.Zero;
        if (infiniteY && infiniteX) return Angle(y, x.IsNegative ? Pi125 - (Pi125 >> 2) : Pi125 >> 2, ref environment);
        if (zeroY || infiniteX)
            return x.IsNegative ? Angle(y, Pi125, ref environment) : Float80.Zero.WithSign(y.IsNegative);
        if (zeroX || infiniteY) return Angle(y, Pi125 >> 1, ref environment);

        Unpacked rise = y.Unpack() with { Negative = false }, run = x.Unpack() with { Negative = false };
        bool steep = rise.Exponent > run.Exponent || (rise.Exponent == run.Exponent && rise.Significand > run.Significand);
        Unpacked ratio = steep ? Wide.Divide(run, rise) : Wide.Divide(rise, run);
        if (!steep && !x.IsNegative && ratio.Exponent < -5) // as small as the argument: keep its precision
            return Inexact(SmallArcTangent(ratio) with { Negative = y.IsNegative }, ref environment);
        UInt128 angle = ArcTangentOf(ratio);
        if (steep) angle = (Pi125 >> 1) - angle;
        return Angle(y, x.IsNegative ? Pi125 - angle : angle, ref environment);
    }

    private static Float80 Circular(Float80 a, int quarter, ref FloatEnvironment environment)
    {
        if (TakeSpecial(a, ref environment, out Float80 special)) return special;
        (Unpacked rest, int quadrant) = Reduce(a.Unpack());
        quadrant += quarter;
        Unpacked value = (quadrant & 1) == 0 ? SineOf(rest) : CosineOf(rest);
        return Inexact((quadrant & 2) != 0 ? value with { Negative = !value.Negative } : value, ref environment);
    }

    private static bool TakeSpecial(Float80 a, ref FloatEnvironment environment, out Float80 result)
    {
        if (X87Arithmetic.TakeSpecial(a, ref environment, out result)) return true;
        if (a.Class == FloatClass.Infinity) result = X87Arithmetic.Invalid(ref environment);
        else if (a.Class == FloatClass.Zero) result = a;
        else return false;
        return true;
    }

    private static Float80 Inexact(in Unpacked value, ref FloatEnvironment environment) =>
        X87Arithmetic.Pack(value with { Significand = value.Significand | 1 }, ref environment);

    private static Float80 Angle(Float80 sign, UInt128 angle125, ref FloatEnvironment environment) =>
        Inexact(Unpacked.Normalize(sign.IsNegative, 2, angle125), ref environment);

    /// <summary>The distance to the nearest multiple of π/2, and that multiple's number.</summary>
    private static (Unpacked Remainder, int Quadrant) Reduce(in Unpacked a)
    {
        if (a.Exponent < -1) return (a, 0);
        UInt128 rest = a.Exponent < 0 ? a.Significand >> 1 : a.Significand;
        var quotient = 0;
        for (int step = Math.Max(a.Exponent, 0); ; step--)
        {
            if (rest >= HalfPi) (rest, quotient) = (rest - HalfPi, quotient | 1);
            if (step == 0) break;
            bool carry = rest >> 127 != 0;
            (rest, quotient) = (rest << 1, quotient << 1);
            if (carry) (rest, quotient) = (rest - HalfPi, quotient | 1);
        }
        bool beyond = rest > HalfPi >> 1;
        if (beyond) (rest, quotient) = (HalfPi - rest, quotient + 1);
        if (a.Negative) quotient = -quotient;
        return (Wide.FromFixed(a.Negative != beyond, UInt128.Max(rest, UInt128.One)), quotient & 3);
    }

    private static Unpacked SineOf(in Unpacked a) => Wide.Multiply(a, Wide.Series(SineSeries, Square(a), alternating: true));

    private static Unpacked CosineOf(in Unpacked a) => Wide.FromFixed(false, Wide.Series(CosineSeries, Square(a), alternating: true));

    private static UInt128 Square(in Unpacked a)
    {
        UInt128 value = Wide.ToFixed(a);
        return Wide.Multiply(value, value);
    }

    private static Unpacked SmallArcTangent(in Unpacked a) => Wide.Multiply(a, Wide.Series(ArcTangentSeries, Square(a), alternating: true));

    /// <summary>Of 0 to 1, with 125 bits of fraction: atan(c) plus the small atan((a - c) / (1 + a·c)), c the nearest sixteenth.</summary>
    private static UInt128 ArcTangentOf(in Unpacked a)
    {
        UInt128 value = Wide.ToFixed(a);
        var sixteenth = (int)((value + (Wide.One >> 5)) >> (Wide.FractionBits - 4));
        UInt128 near = (UInt128)sixteenth << (Wide.FractionBits - 4);
        if (value == near) return ArcTangents[sixteenth];
        bool below = value < near;
        UInt128 denominator = Wide.One + Wide.Multiply(value, near); // 1 to 2
        Unpacked small = SmallArcTangent(Wide.Divide(Wide.FromFixed(false, below ? near - value : value - near), Wide.FromFixed(false, denominator)));
        UInt128 part = Wide.ToFixed(small) >> 2;
        return below ? ArcTangents[sixteenth] - part : ArcTangents[sixteenth] + part;
    }

    private static UInt128[] TabulateArcTangents()
    {
        var table = new UInt128[17];
        for (var i = 1; i < table.Length; i++)
        {
            Unpacked step = Wide.FromFixed(false, Wide.One / (uint)(256 + (i * (i - 1))) * 16); // of i/16 from (i-1)/16
            table[i] = table[i - 1] + (Wide.ToFixed(SmallArcTangent(step)) >> 2);
        }
        return table;
    }
}
