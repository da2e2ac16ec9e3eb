using System.Runtime.Intrinsics;
using Rhea.SoftCpu.Translator;
using Rhea.X86.FloatingPoint;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>What is computed of two numbers, single or double, in one lane.</summary>
internal interface IFloatOperation
{
    static abstract double Apply(double a, double b, byte immediate, ref FloatEnvironment environment);

    static abstract float Apply(float a, float b, byte immediate, ref FloatEnvironment environment);
}

/// <summary>Two doubles.</summary>
internal struct PackedDouble<T> : IFloatVectorOperation where T : IFloatOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate, ref FloatEnvironment environment)
    {
        Vector128<double> first = a.AsDouble(), second = b.AsDouble();
        return Vector128.Create(
            T.Apply(first[0], second[0], immediate, ref environment),
            T.Apply(first[1], second[1], immediate, ref environment)).AsByte();
    }
}

/// <summary>Four singles.</summary>
internal struct PackedSingle<T> : IFloatVectorOperation where T : IFloatOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate, ref FloatEnvironment environment)
    {
        Vector128<float> first = a.AsSingle(), second = b.AsSingle();
        return Vector128.Create(
            T.Apply(first[0], second[0], immediate, ref environment),
            T.Apply(first[1], second[1], immediate, ref environment),
            T.Apply(first[2], second[2], immediate, ref environment),
            T.Apply(first[3], second[3], immediate, ref environment)).AsByte();
    }
}

/// <summary>The lowest double; the rest of the destination stays.</summary>
internal struct ScalarDouble<T> : IFloatVectorOperation where T : IFloatOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate, ref FloatEnvironment environment) =>
        a.AsDouble().WithElement(0, T.Apply(a.AsDouble()[0], b.AsDouble()[0], immediate, ref environment)).AsByte();
}

/// <summary>The lowest single; the rest of the destination stays.</summary>
internal struct ScalarSingle<T> : IFloatVectorOperation where T : IFloatOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate, ref FloatEnvironment environment) =>
        a.AsSingle().WithElement(0, T.Apply(a.AsSingle()[0], b.AsSingle()[0], immediate, ref environment)).AsByte();
}

internal struct AddFloat : IFloatOperation
{
    public static double Apply(double a, double b, byte immediate, ref FloatEnvironment environment) => SseArithmetic.Add(a, b, ref environment);

    public static float Apply(float a, float b, byte immediate, ref FloatEnvironment environment) => SseArithmetic.Add(a, b, ref environment);
}

internal struct SubtractFloat : IFloatOperation
{
    public static double Apply(double a, double b, byte immediate, ref FloatEnvironment environment) => SseArithmetic.Subtract(a, b, ref environment);

    public static float Apply(float a, float b, byte immediate, ref FloatEnvironment environment) => SseArithmetic.Subtract(a, b, ref environment);
}

internal struct MultiplyFloat : IFloatOperation
{
    public static double Apply(double a, double b, byte immediate, ref FloatEnvironment environment) => SseArithmetic.Multiply(a, b, ref environment);

    public static float Apply(float a, float b, byte immediate, ref FloatEnvironment environment) => SseArithmetic.Multiply(a, b, ref environment);
}

internal struct DivideFloat : IFloatOperation
{
    public static double Apply(double a, double b, byte immediate, ref FloatEnvironment environment) => SseArithmetic.Divide(a, b, ref environment);

    public static float Apply(float a, float b, byte immediate, ref FloatEnvironment environment) => SseArithmetic.Divide(a, b, ref environment);
}

internal struct MinFloat : IFloatOperation
{
    public static double Apply(double a, double b, byte immediate, ref FloatEnvironment environment) => SseArithmetic.Min(a, b, ref environment);

    public static float Apply(float a, float b, byte immediate, ref FloatEnvironment environment) => SseArithmetic.Min(a, b, ref environment);
}

internal struct MaxFloat : IFloatOperation
{
    public static double Apply(double a, double b, byte immediate, ref FloatEnvironment environment) => SseArithmetic.Max(a, b, ref environment);

    public static float Apply(float a, float b, byte immediate, ref FloatEnvironment environment) => SseArithmetic.Max(a, b, ref environment);
}

/// <summary>Of the source alone.</summary>
internal struct SquareRootFloat : IFloatOperation
{
    public static double Apply(double a, double b, byte immediate, ref FloatEnvironment environment) => SseArithmetic.SquareRoot(b, ref environment);

    public static float Apply(float a, float b, byte immediate, ref FloatEnvironment environment) => SseArithmetic.SquareRoot(b, ref environment);
}

/// <summary>CMPPS and its kin: all ones where the predicate of the immediate holds.</summary>
internal struct CompareFloat : IFloatOperation
{
    public static double Apply(double a, double b, byte immediate, ref FloatEnvironment environment) => ComparePredicate.Apply(a, b, immediate & 7, ref environment);

    public static float Apply(float a, float b, byte immediate, ref FloatEnvironment environment) => ComparePredicate.Apply(a, b, immediate & 7, ref environment);
}

/// <summary>The predicates of comparisons, of which SSE has the first eight (Intel SDM vol. 2, CMPPD).</summary>
internal static class ComparePredicate
{
    private const int Less = 1, Equal = 2, Greater = 4, Unordered = 8;

    /// <summary>The relations that satisfy a predicate; from 16 on they repeat, with the other answer to quiet NaNs.</summary>
    private static ReadOnlySpan<byte> Relations =>
    [
        Equal, Less, Less | Equal, Unordered, Less | Greater | Unordered, Equal | Greater | Unordered, Greater | Unordered, Less | Equal | Greater,
        Equal | Unordered, Less | Unordered, Less | Equal | Unordered, 0, Less | Greater, Equal | Greater, Greater, Less | Equal | Greater | Unordered,
    ];

    public static double Apply(double a, double b, int predicate, ref FloatEnvironment environment) =>
        BitConverter.Int64BitsToDouble(Holds(predicate, SseArithmetic.Compare(a, b, IsSignaling(predicate), ref environment)) ? -1L : 0);

    public static float Apply(float a, float b, int predicate, ref FloatEnvironment environment) =>
        BitConverter.Int32BitsToSingle(Holds(predicate, SseArithmetic.Compare(a, b, IsSignaling(predicate), ref environment)) ? -1 : 0);

    /// <summary>Less, less-or-equal and their opposites, or with bit 4 all others.</summary>
    private static bool IsSignaling(int predicate) => ((predicate & 3) is 1 or 2) != ((predicate & 16) != 0);

    private static bool Holds(int predicate, FloatRelation relation) => (Relations[predicate & 15] & relation switch
    {
        FloatRelation.Less => Less,
        FloatRelation.Equal => Equal,
        FloatRelation.Greater => Greater,
        _ => Unordered,
    }) != 0;
}

/// <summary>ROUNDPS and its kin, of the source alone: the immediate has a direction, or takes MXCSR's, and may silence inexactness.</summary>
internal struct RoundFloat : IFloatOperation
{
    public static double Apply(double a, double b, byte immediate, ref FloatEnvironment environment) =>
        SseArithmetic.Round(b, Mode(immediate, environment), (immediate & 8) != 0, ref environment);

    public static float Apply(float a, float b, byte immediate, ref FloatEnvironment environment) =>
        SseArithmetic.Round(b, Mode(immediate, environment), (immediate & 8) != 0, ref environment);

    private static RoundingMode Mode(byte immediate, in FloatEnvironment environment) => (immediate & 4) != 0 ? environment.Rounding : (RoundingMode)(immediate & 3);
}

/// <summary>DPPS: the upper half of the immediate says which products to add, the lower where the sum goes.</summary>
/// <remarks>Of two NaNs the first is the sum. In which order each place adds differs between makers: it is as on the host, whose unit translated code uses.</remarks>
internal struct DotProductSingle : IFloatVectorOperation
{
    private static readonly Vector128<int> FirstProduct = HostFeatures.IsIntel ? Vector128.Create(1, 0, 3, 2) : Vector128.Create(0, 2, 0, 2);
    private static readonly Vector128<int> SecondProduct = HostFeatures.IsIntel ? Vector128.Create(0, 1, 2, 3) : Vector128.Create(1, 3, 1, 3);
    private static readonly Vector128<int> FirstSum = HostFeatures.IsIntel ? Vector128.Create(0, 1, 2, 3) : Vector128.Create(0);
    private static readonly Vector128<int> SecondSum = HostFeatures.IsIntel ? Vector128.Create(2, 3, 0, 1) : Vector128.Create(1);

    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate, ref FloatEnvironment environment)
    {
        Vector128<byte> zero = Vector128<byte>.Zero;
        var chosen = (byte)(~immediate >> 4 & 15);
        environment.Settled = FloatExceptions.None; // the other half's steps are taken together with these
        Vector128<byte> products = PackedSingle<MultiplyFloat>.Apply(Blend<uint>.Apply(a, zero, chosen), Blend<uint>.Apply(b, zero, chosen), 0, ref environment);
        if (environment.Unmasked != FloatExceptions.None) return a; // each step may be the last
        environment.Settled = environment.Raised;
        Vector128<byte> sums = Add(products, FirstProduct, SecondProduct, ref environment);
        if (environment.Unmasked != FloatExceptions.None) return a;
        environment.Settled = environment.Raised;
        return Blend<uint>.Apply(zero, Add(sums, FirstSum, SecondSum, ref environment), (byte)(immediate & 15));
    }

    private static Vector128<byte> Add(Vector128<byte> of, Vector128<int> first, Vector128<int> second, ref FloatEnvironment environment) =>
        PackedSingle<AddFloat>.Apply(Vector128.Shuffle(of.AsInt32(), first).AsByte(), Vector128.Shuffle(of.AsInt32(), second).AsByte(), 0, ref environment);
}

/// <summary>DPPD.</summary>
internal struct DotProductDouble : IFloatVectorOperation
{
    private static readonly Vector128<long> First = HostFeatures.IsIntel ? Vector128.Create(0L, 1) : Vector128.Create(0L);
    private static readonly Vector128<long> Second = HostFeatures.IsIntel ? Vector128.Create(1L, 0) : Vector128.Create(1L);

    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate, ref FloatEnvironment environment)
    {
        Vector128<byte> zero = Vector128<byte>.Zero;
        var chosen = (byte)(~immediate >> 4 & 3);
        Vector128<long> products = PackedDouble<MultiplyFloat>.Apply(Blend<ulong>.Apply(a, zero, chosen), Blend<ulong>.Apply(b, zero, chosen), 0, ref environment).AsInt64();
        if (environment.Unmasked != FloatExceptions.None) return a;
        environment.Settled = environment.Raised;
        Vector128<byte> sums = PackedDouble<AddFloat>.Apply(Vector128.Shuffle(products, First).AsByte(), Vector128.Shuffle(products, Second).AsByte(), 0, ref environment);
        return Blend<ulong>.Apply(zero, sums, (byte)(immediate & 3));
    }
}

/// <summary>RCPPS: the reciprocal, to 12 bits or better. Denormals count as zeros, and nothing is raised.</summary>
internal struct Reciprocal : IFloatOperation
{
    public static double Apply(double a, double b, byte immediate, ref FloatEnvironment environment) => 1 / b;

    public static float Apply(float a, float b, byte immediate, ref FloatEnvironment environment) => Settle(1 / Settle(b));

    /// <summary>No denormals, and quiet NaNs.</summary>
    public static float Settle(float value) => float.IsSubnormal(value) ? MathF.CopySign(0, value) : value + 0;
}

/// <summary>RSQRTPS: the reciprocal of the square root, to 12 bits or better.</summary>
internal struct ReciprocalSquareRoot : IFloatOperation
{
    public static double Apply(double a, double b, byte immediate, ref FloatEnvironment environment) => 1 / Math.Sqrt(b);

    public static float Apply(float a, float b, byte immediate, ref FloatEnvironment environment)
    {
        float value = Reciprocal.Settle(b);
        return value < 0 ? BitConverter.UInt32BitsToSingle(0xFFC0_0000) : float.IsNaN(value) ? value : 1 / MathF.Sqrt(value);
    }
}

/// <summary>HADDPS, HSUBPS and HADDPD, HSUBPD: neighbours of the destination, then of the source.</summary>
internal struct HorizontalSingle<T> : IFloatVectorOperation where T : IFloatOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate, ref FloatEnvironment environment) =>
        PackedSingle<T>.Apply(Shufps.Apply(a, b, 0b10_00_10_00), Shufps.Apply(a, b, 0b11_01_11_01), 0, ref environment);
}

/// <inheritdoc cref="HorizontalSingle{T}"/>
internal struct HorizontalDouble<T> : IFloatVectorOperation where T : IFloatOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate, ref FloatEnvironment environment) =>
        PackedDouble<T>.Apply(Punpcklqdq.Apply(a, b, 0), Punpckhqdq.Apply(a, b, 0), 0, ref environment);
}

/// <summary>ADDSUBPS: subtracts in the even lanes, adds in the odd ones.</summary>
internal struct AddSubtractSingle : IFloatVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate, ref FloatEnvironment environment)
    {
        Vector128<float> first = a.AsSingle(), second = b.AsSingle();
        return Vector128.Create(
            SseArithmetic.Subtract(first[0], second[0], ref environment),
            SseArithmetic.Add(first[1], second[1], ref environment),
            SseArithmetic.Subtract(first[2], second[2], ref environment),
            SseArithmetic.Add(first[3], second[3], ref environment)).AsByte();
    }
}

/// <inheritdoc cref="AddSubtractSingle"/>
internal struct AddSubtractDouble : IFloatVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate, ref FloatEnvironment environment)
    {
        Vector128<double> first = a.AsDouble(), second = b.AsDouble();
        return Vector128.Create(
            SseArithmetic.Subtract(first[0], second[0], ref environment),
            SseArithmetic.Add(first[1], second[1], ref environment)).AsByte();
    }
}
