using System.Numerics;
using System.Runtime.Intrinsics;

namespace Rhea.SoftCpu.Interpreter;

// The packed operations of SSSE3, named as the instructions; T is the lane. MMX uses those that work lane by lane, and the
// horizontal ones through BothInOne.

/// <summary>An index with the top bit set gives zero.</summary>
internal struct Pshufb : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.Shuffle(a, b & Vector128.Create((byte)0x8F));
}

/// <summary>Of MMX: an index has three bits.</summary>
internal struct PshufbMmx : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.Shuffle(a, b & Vector128.Create((byte)0x87));
}

internal struct Phaddw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => (Neighbours.Even(a, b) + Neighbours.Odd(a, b)).AsByte();
}

internal struct Phaddsw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
        Vector128.AddSaturate(Neighbours.Even(a, b), Neighbours.Odd(a, b)).AsByte();
}

internal struct Phsubw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => (Neighbours.Even(a, b) - Neighbours.Odd(a, b)).AsByte();
}

internal struct Phsubsw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
        Vector128.SubtractSaturate(Neighbours.Even(a, b), Neighbours.Odd(a, b)).AsByte();
}

internal struct Phaddd : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
        (Shufps.Apply(a, b, 0b10_00_10_00).AsInt32() + Shufps.Apply(a, b, 0b11_01_11_01).AsInt32()).AsByte();
}

internal struct Phsubd : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
        (Shufps.Apply(a, b, 0b10_00_10_00).AsInt32() - Shufps.Apply(a, b, 0b11_01_11_01).AsInt32()).AsByte();
}

/// <summary>Words of the destination, then of the source, that horizontal instructions pair.</summary>
internal static class Neighbours
{
    public static Vector128<short> Even(Vector128<byte> a, Vector128<byte> b) => Vector128.Narrow(a.AsInt32(), b.AsInt32());

    public static Vector128<short> Odd(Vector128<byte> a, Vector128<byte> b) => Vector128.Narrow(a.AsInt32() >> 16, b.AsInt32() >> 16);
}

/// <summary>Unsigned bytes times signed bytes, neighbours added.</summary>
internal struct Pmaddubsw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        Vector128<short> even = (a.AsUInt16() & Vector128.Create((ushort)0xFF)).AsInt16() * (b.AsInt16() << 8 >> 8);
        Vector128<short> odd = (a.AsUInt16() >> 8).AsInt16() * (b.AsInt16() >> 8);
        return Vector128.AddSaturate(even, odd).AsByte();
    }
}

/// <summary>The upper half of a product of fractions, rounded.</summary>
internal struct Pmulhrsw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        (Vector128<int> lowA, Vector128<int> highA) = Vector128.Widen(a.AsInt16());
        (Vector128<int> lowB, Vector128<int> highB) = Vector128.Widen(b.AsInt16());
        return Vector128.Narrow(Round(lowA * lowB), Round(highA * highB)).AsByte();
    }

    private static Vector128<int> Round(Vector128<int> product) => ((product >> 14) + Vector128<int>.One) >> 1;
}

/// <summary>Negates, clears or keeps, as the source is negative, zero or positive.</summary>
internal struct Psign<T> : IVectorOperation where T : unmanaged, ISignedNumber<T>
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        Vector128<T> value = a.As<byte, T>(), sign = b.As<byte, T>();
        Vector128<T> result = Vector128.ConditionalSelect(Vector128.LessThan(sign, Vector128<T>.Zero), -value, value);
        return Vector128.AndNot(result, Vector128.Equals(sign, Vector128<T>.Zero)).AsByte();
    }
}

/// <summary>The most negative number stays as it is.</summary>
internal struct Pabs<T> : IVectorOperation where T : unmanaged, ISignedNumber<T>
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        Vector128<T> value = b.As<byte, T>();
        return Vector128.ConditionalSelect(Vector128.LessThan(value, Vector128<T>.Zero), -value, value).AsByte();
    }
}

/// <summary>Bytes from the middle of both operands, the destination being the upper.</summary>
internal struct Palignr : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        if (immediate >= 32) return Vector128<byte>.Zero;
        if (immediate >= 16) return Psrldq.Apply(a, a, (byte)(immediate - 16));
        return immediate == 0 ? b : Psrldq.Apply(b, b, immediate) | Pslldq.Apply(a, a, (byte)(16 - immediate));
    }
}

/// <inheritdoc cref="Palignr"/>
internal struct PalignrMmx : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        Vector128<byte> both = Vector128.Create(b.GetLower(), a.GetLower());
        return Psrldq.Apply(both, both, immediate);
    }
}
