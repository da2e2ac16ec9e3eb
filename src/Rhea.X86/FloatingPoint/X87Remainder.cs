namespace Rhea.X86.FloatingPoint;

/// <summary>FPREM and FPREM1: the exact remainder, in steps of at most 63 bits of quotient.</summary>
public static class X87Remainder
{
    /// <summary>What a step tells the program: the last three bits of the quotient, or that there is more to do.</summary>
    /// <param name="Partial">C2: the remainder is not yet smaller than the divisor.</param>
    public readonly record struct Step(Float80 Remainder, byte Quotient, bool Partial);

    /// <param name="nearest">FPREM1: the quotient is rounded to nearest instead of toward zero.</param>
    public static Step Divide(Float80 a, Float80 b, bool nearest, ref FloatEnvironment environment)
    {
        if (X87Arithmetic.TakeSpecial(a, b, ref environment, out Float80 special)) return new(special, 0, false);
        if (a.Class == FloatClass.Infinity || b.Class == FloatClass.Zero) return new(X87Arithmetic.Invalid(ref environment), 0, false);
        if (a.Class == FloatClass.Zero) return new(a, 0, false);
        Unpacked dividend = a.Unpack();
        if (b.Class == FloatClass.Infinity) return new(X87Arithmetic.Pack(dividend, ref environment), 0, false);
        Unpacked divisor = b.Unpack();
        int distance = dividend.Exponent - divisor.Exponent;
        if (distance >= 64) return Reduce(dividend, divisor, distance, ref environment);
        if (distance < (nearest ? -1 : 0)) return new(X87Arithmetic.Pack(dividend, ref environment), 0, false);

        // In units of the divisor's last place, or half of it so that a dividend one place lower fits.
        ulong below = (ulong)(dividend.Significand >> 64), whole = (ulong)(divisor.Significand >> 64);
        UInt128 scaledDivisor = (UInt128)whole << 1;
        (UInt128 quotient, UInt128 rest) = distance < 0
            ? (UInt128.Zero, (UInt128)below)
            : LongDivide(below, distance, whole);
        bool negative = dividend.Negative;
        if (nearest && (rest * 2 > scaledDivisor || (rest * 2 == scaledDivisor && (quotient & 1) != 0)))
        {
            (quotient, rest, negative) = (quotient + 1, scaledDivisor - rest, !negative);
        }
        var bits = (byte)((byte)quotient & 7);
        if (rest == 0) return new(Float80.Zero.WithSign(dividend.Negative), bits, false);
        return new(X87Arithmetic.Pack(Unpacked.Normalize(negative, divisor.Exponent + 63, rest), ref environment), bits, false);
    }

    /// <summary>Quotient and remainder (in halves of the divisor's last place) of two significands <paramref name="distance"/> places apart.</summary>
    private static (UInt128 Quotient, UInt128 Remainder) LongDivide(ulong dividend, int distance, ulong divisor)
    {
        (UInt128 quotient, UInt128 rest) = UInt128.DivRem((UInt128)dividend << distance, divisor);
        return (quotient, rest << 1);
    }

    /// <summary>Takes 32 to 63 bits of the quotient; so many that a multiple of 32 is left, as the processors do.</summary>
    private static Step Reduce(in Unpacked dividend, in Unpacked divisor, int distance, ref FloatEnvironment environment)
    {
        int bits = 32 + (distance & 31);
        UInt128 rest = ((UInt128)(ulong)(dividend.Significand >> 64) << bits) % (divisor.Significand >> 64);
        return rest == 0
            ? new(Float80.Zero.WithSign(dividend.Negative), 0, true)
            : new(X87Arithmetic.Pack(Unpacked.Normalize(dividend.Negative, divisor.Exponent + 64 + distance - bits, rest), ref environment), 0, true);
    }
}
