namespace Rhea.X86.FloatingPoint;

/// <summary>The x87's loads and stores in other formats: integers, packed decimals, single and double reals.</summary>
public static class X87Conversion
{
    private const ulong LargestDecimal = 999_999_999_999_999_999;

    /// <summary>The packed decimal that answers an invalid store (SDM vol. 1, table 4-4).</summary>
    public static readonly UInt128 DecimalIndefinite = new(0xFFFF, 0xC000_0000_0000_0000);

    public static Float80 FromInteger(long value) => FromInteger(value < 0 ? 0 - (ulong)value : (ulong)value).WithSign(value < 0);

    internal static Float80 FromInteger(ulong magnitude)
    {
        if (magnitude == 0) return Float80.Zero;
        int shift = System.Numerics.BitOperations.LeadingZeroCount(magnitude);
        return new(magnitude << shift, (ushort)(Float80.Bias + 63 - shift));
    }

    public static Float80 FromSingle(uint bits, ref FloatEnvironment environment) => FromBinary(bits, FloatFormat.Single, ref environment);

    public static Float80 FromDouble(ulong bits, ref FloatEnvironment environment) => FromBinary(bits, FloatFormat.Double, ref environment);

    /// <summary>FBLD. Digits above nine count as they stand; the processor does not check them.</summary>
    /// <param name="value">80 bits: the sign in the last byte's top bit, eighteen digits below.</param>
    public static Float80 FromDecimal(UInt128 value)
    {
        ulong sum = 0;
        for (var digit = 17; digit >= 0; digit--) sum = (sum * 10) + (ulong)(value >> (digit * 4) & 0xF);
        return FromInteger((long)sum).WithSign((value >> 79 & 1) != 0);
    }

    public static uint ToSingle(Float80 value, ref FloatEnvironment environment) =>
        (uint)ToBinary(value, FloatFormat.Single, ref environment);

    public static ulong ToDouble(Float80 value, ref FloatEnvironment environment) =>
        ToBinary(value, FloatFormat.Double, ref environment);

    /// <summary>FIST; with <see cref="RoundingMode.TowardZero"/> FISTTP. What does not fit is invalid and stores the smallest integer.</summary>
    /// <param name="bits">16, 32 or 64.</param>
    public static long ToInteger(Float80 value, int bits, ref FloatEnvironment environment)
    {
        long smallest = long.MinValue >> (64 - bits);
        if (value.Class >= FloatClass.Infinity) return InvalidInteger(smallest, ref environment);
        if (value.Class == FloatClass.Zero) return 0;
        Unpacked unpacked = value.Unpack();
        if (unpacked.Exponent > 63) return InvalidInteger(smallest, ref environment);
        FloatEnvironment attempt = environment;
        UInt128 magnitude = RoundToInteger(unpacked, ref attempt);
        ulong limit = (ulong)-(smallest + 1) + (value.IsNegative ? 1UL : 0);
        if (magnitude > limit) return InvalidInteger(smallest, ref environment);
        environment = attempt;
        return value.IsNegative ? -(long)(ulong)magnitude : (long)(ulong)magnitude;
    }

    /// <summary>FBSTP.</summary>
    public static UInt128 ToDecimal(Float80 value, ref FloatEnvironment environment)
    {
        FloatEnvironment attempt = environment;
        UInt128 magnitude = 0;
        if (value.Class != FloatClass.Zero)
        {
            if (value.Class >= FloatClass.Infinity || value.Unpack() is not { Exponent: < 64 } unpacked) return InvalidDecimal(ref environment);
            magnitude = RoundToInteger(unpacked, ref attempt);
            if (magnitude > LargestDecimal) return InvalidDecimal(ref environment);
        }
        environment = attempt;
        UInt128 result = value.IsNegative ? UInt128.One << 79 : UInt128.Zero;
        var rest = (ulong)magnitude;
        for (var digit = 0; digit < 18; digit++, rest /= 10) result |= (UInt128)(rest % 10) << (digit * 4);
        return result;
    }

    /// <summary>The magnitude as an integer, rounded; the exponent is at most 63.</summary>
    internal static UInt128 RoundToInteger(in Unpacked value, ref FloatEnvironment environment)
    {
        UInt128 fixedPoint = Unpacked.ShiftRight(value.Significand, 63 - value.Exponent); // 64 bits of integer, 64 of fraction
        var (whole, fraction) = ((ulong)(fixedPoint >> 64), (ulong)fixedPoint);
        environment.RoundedUp = environment.Rounding switch
        {
            RoundingMode.Nearest => fraction > 1UL << 63 || (fraction == 1UL << 63 && (whole & 1) != 0),
            RoundingMode.Down => value.Negative && fraction != 0,
            RoundingMode.Up => !value.Negative && fraction != 0,
            _ => false,
        };
        if (fraction != 0) environment.Raised |= FloatExceptions.Precision;
        return environment.RoundedUp ? (UInt128)whole + 1 : whole;
    }

    private static Float80 FromBinary(ulong bits, FloatFormat format, ref FloatEnvironment environment)
    {
        bool negative = format.IsNegative(bits);
        FloatClass kind = format.Classify(bits);
        switch (kind)
        {
            case FloatClass.Zero:
                return Float80.Zero.WithSign(negative);
            case FloatClass.Infinity:
                return Float80.Infinity.WithSign(negative);
            case FloatClass.QuietNan or FloatClass.SignalingNan:
                if (kind == FloatClass.SignalingNan) environment.Raised |= FloatExceptions.Invalid;
                return new Float80(bits << (64 - format.Precision) | Float80.IntegerBit, 0x7FFF).WithSign(negative); // arithmetic still has to tell them apart
            default:
                if (kind == FloatClass.Denormal) environment.Raised |= FloatExceptions.Denormal;
                Unpacked value = format.Unpack(bits);
                return Float80.Pack(negative, new(value.Exponent, (ulong)(value.Significand >> 64)));
        }
    }

    private static ulong ToBinary(Float80 value, FloatFormat format, ref FloatEnvironment environment)
    {
        ulong sign = value.IsNegative ? format.Sign : 0;
        switch (value.Class)
        {
            case FloatClass.Zero:
                return sign;
            case FloatClass.Infinity:
                return sign | format.Infinity;
            case FloatClass.Unsupported:
                environment.Raised |= FloatExceptions.Invalid;
                return format.QuietNan;
            case FloatClass.SignalingNan or FloatClass.QuietNan:
                if (value.Class == FloatClass.SignalingNan) environment.Raised |= FloatExceptions.Invalid;
                return format.Pack(value.IsNegative, new(format.MaxExponent + 1, value.Quieted.Significand));
            default:
                return format.Pack(value.IsNegative, value.Unpack().Round(format, ref environment));
        }
    }

    private static long InvalidInteger(long smallest, ref FloatEnvironment environment)
    {
        environment.Raised |= FloatExceptions.Invalid;
        return smallest;
    }

    private static UInt128 InvalidDecimal(ref FloatEnvironment environment)
    {
        environment.Raised |= FloatExceptions.Invalid;
        return DecimalIndefinite;
    }
}
