namespace Rhea.X86.FloatingPoint;

/// <summary>A finite number other than zero, taken apart: the common ground of all formats, on which the arithmetic is exact until it rounds.</summary>
/// <param name="Significand">Its leading one is bit 127, worth 2^<paramref name="Exponent"/>. Bit 0 also stands for all that was cut off below it.</param>
internal readonly record struct Unpacked(bool Negative, int Exponent, UInt128 Significand)
{
    private const ulong BelowHalf = 1, Half = 1UL << 63, AboveHalf = Half | BelowHalf; // of the last place, below it

    public Unpacked(bool negative, int exponent, ulong significand) : this(negative, exponent, new UInt128(significand, 0))
    {
    }

    private ulong High => (ulong)(Significand >> 64);

    /// <summary>The exact sum; null when it is zero. Both have at most 64 bits; one may be a product of two doubles.</summary>
    public static Unpacked? Sum(in Unpacked a, in Unpacked b)
    {
        if (a.Exponent < b.Exponent || (a.Exponent == b.Exponent && a.Significand < b.Significand)) return Sum(b, a);
        UInt128 larger = a.Significand >> 1, smaller = ShiftRight(b.Significand >> 1, a.Exponent - b.Exponent);
        UInt128 sum = a.Negative == b.Negative ? larger + smaller : larger - smaller;
        return sum == 0 ? null : Normalize(a.Negative, a.Exponent + 1, sum);
    }

    /// <summary>The exact product. Both have at most 64 bits.</summary>
    public static Unpacked Product(in Unpacked a, in Unpacked b)
    {
        ulong high = Math.BigMul(a.High, b.High, out ulong low);
        return Normalize(a.Negative != b.Negative, a.Exponent + b.Exponent + 1, new UInt128(high, low));
    }

    /// <summary>The quotient to 65 bits, the rest in bit 0. Both have at most 64 bits.</summary>
    public static Unpacked Quotient(in Unpacked a, in Unpacked b)
    {
        ulong dividend = a.High, divisor = b.High;
        bool below = dividend < divisor;
        UInt128 scaled = new UInt128(dividend, 0) >> (below ? 0 : 1);
        (UInt128 quotient, UInt128 remainder) = UInt128.DivRem(scaled, divisor);
        return new(a.Negative != b.Negative, a.Exponent - b.Exponent - (below ? 1 : 0), new UInt128((ulong)quotient, Tail(remainder * 2, divisor)));
    }

    /// <summary>The square root to 65 bits, the rest in bit 0. The number is positive and has at most 64 bits.</summary>
    public static Unpacked SquareRoot(in Unpacked a)
    {
        UInt128 square = (a.Exponent & 1) != 0 ? a.Significand : a.Significand >> 1;
        ulong root = SquareRoot(square);
        UInt128 remainder = square - ((UInt128)root * root);
        return new(false, a.Exponent >> 1, new UInt128(root, remainder == 0 ? 0 : remainder > root ? AboveHalf : BelowHalf));
    }

    /// <summary>Moves the leading one to bit 127, which is worth 2^<paramref name="exponent"/>.</summary>
    public static Unpacked Normalize(bool negative, int exponent, UInt128 significand)
    {
        var shift = (int)UInt128.LeadingZeroCount(significand);
        return new(negative, exponent - shift, significand << shift);
    }

    /// <summary>What is shifted out is kept in bit 0.</summary>
    public static UInt128 ShiftRight(UInt128 value, int count)
    {
        if (count == 0) return value;
        if (count > 127) return value == 0 ? UInt128.Zero : UInt128.One;
        return value >> count | (value << (128 - count) == 0 ? UInt128.Zero : UInt128.One);
    }

    /// <summary>The nearest number of the format in the direction of rounding, with the masked answer to overflow and underflow.</summary>
    public Rounded Round(in FloatFormat format, ref FloatEnvironment environment)
    {
        if (Exponent < format.MinExponent) return RoundTiny(format, ref environment);
        ulong significand = RoundBits(Significand, format.Precision, ref environment, out bool inexact, out bool carry);
        int exponent = Exponent + (carry ? 1 : 0);
        if (exponent > format.MaxExponent)
        {
            environment.Raised |= FloatExceptions.Overflow;
            if (environment.IsMasked(FloatExceptions.Overflow)) return Overflow(format, ref environment);
            exponent -= format.Wrap;
            if (format.Wrap != 0 && exponent > format.MaxExponent) return Infinite(format, ref environment);
        }
        if (inexact) environment.Raised |= FloatExceptions.Precision;
        return new(exponent, significand);
    }

    /// <summary>Tiny is what is below the smallest normal number after rounding (SDM vol. 1, 4.9.1.5).</summary>
    private Rounded RoundTiny(in FloatFormat format, ref FloatEnvironment environment)
    {
        ulong significand = RoundBits(Significand, format.Precision, ref environment, out bool inexact, out bool carry);
        int exponent = Exponent + (carry ? 1 : 0);
        bool tiny = exponent < format.MinExponent;
        if (tiny && !environment.IsMasked(FloatExceptions.Underflow))
        {
            environment.Raised |= FloatExceptions.Underflow | (inexact ? FloatExceptions.Precision : 0);
            exponent += format.Wrap;
            if (exponent >= format.MinExponent) return new(exponent, significand);
            if (format.Wrap != 0) environment.Raised |= FloatExceptions.Precision; // all of it is lost
            return default;
        }
        if (tiny && environment.FlushToZero)
        {
            environment.Raised |= FloatExceptions.Underflow | FloatExceptions.Precision;
            return default;
        }
        UInt128 denormal = ShiftRight(Significand, format.MinExponent - Exponent);
        significand = RoundBits(denormal, format.Precision, ref environment, out inexact, out _);
        if (inexact) environment.Raised |= FloatExceptions.Precision | (tiny ? FloatExceptions.Underflow : 0);
        return new(format.MinExponent, significand);
    }

    /// <summary>FSCALE's alone can be too large even for the wrapped exponent of an unmasked overflow.</summary>
    private static Rounded Infinite(in FloatFormat format, ref FloatEnvironment environment)
    {
        environment.Raised |= FloatExceptions.Precision;
        environment.RoundedUp = true;
        return new(format.MaxExponent + 1, Float80.IntegerBit);
    }

    private Rounded Overflow(in FloatFormat format, ref FloatEnvironment environment)
    {
        environment.Raised |= FloatExceptions.Precision;
        environment.RoundedUp = environment.Rounding switch
        {
            RoundingMode.Nearest => true,
            RoundingMode.Down => Negative,
            RoundingMode.Up => !Negative,
            _ => false,
        };
        return environment.RoundedUp
            ? new(format.MaxExponent + 1, Float80.IntegerBit)
            : new(format.MaxExponent, ulong.MaxValue << (64 - format.Precision));
    }

    private ulong RoundBits(UInt128 value, int precision, ref FloatEnvironment environment, out bool inexact, out bool carry)
    {
        var (high, low) = ((ulong)(value >> 64), (ulong)value);
        int drop = 64 - precision;
        if (drop != 0)
        {
            low = high << precision | (low == 0 ? 0UL : 1);
            high = high >> drop << drop;
        }
        inexact = low != 0;
        environment.RoundedUp = environment.Rounding switch
        {
            RoundingMode.Nearest => low > Half || (low == Half && (high >> drop & 1) != 0),
            RoundingMode.Down => Negative && inexact,
            RoundingMode.Up => !Negative && inexact,
            _ => false,
        };
        carry = false;
        if (!environment.RoundedUp) return high;
        high += 1UL << drop;
        carry = high == 0;
        return carry ? Float80.IntegerBit : high;
    }

    /// <summary>The bits below the last place: exactly, above or below one half of it.</summary>
    private static ulong Tail(UInt128 doubledRemainder, ulong whole) =>
        doubledRemainder == 0 ? 0 : doubledRemainder > whole ? AboveHalf : doubledRemainder == whole ? Half : BelowHalf;

    private static ulong SquareRoot(UInt128 square)
    {
        double estimate = Math.Sqrt((double)square);
        ulong root = estimate >= 18446744073709549568.0 ? ulong.MaxValue : (ulong)estimate;
        root = (ulong)UInt128.Min((root + (square / root)) / 2, ulong.MaxValue);
        while ((UInt128)root * root > square) root--;
        while (root != ulong.MaxValue && (UInt128)(root + 1) * (root + 1) <= square) root++;
        return root;
    }
}

/// <summary>A number rounded to a format, its significand at the top. Without bit 63 it is denormal or zero; above the largest exponent, infinity.</summary>
internal readonly record struct Rounded(int Exponent, ulong Significand);
