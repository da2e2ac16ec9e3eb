using System.Runtime.Intrinsics;

namespace Rhea.SoftCpu.Interpreter;

// The operations on packed integers and bits, named as the instructions. All but those that say otherwise work lane by lane, so
// that MMX uses them on the lower half.

internal struct Paddb : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => a + b;
}

internal struct Psubb : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => a - b;
}

internal struct Paddw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => (a.AsUInt16() + b.AsUInt16()).AsByte();
}

internal struct Psubw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => (a.AsUInt16() - b.AsUInt16()).AsByte();
}

internal struct Paddd : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => (a.AsUInt32() + b.AsUInt32()).AsByte();
}

internal struct Psubd : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => (a.AsUInt32() - b.AsUInt32()).AsByte();
}

internal struct Paddq : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => (a.AsUInt64() + b.AsUInt64()).AsByte();
}

internal struct Psubq : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => (a.AsUInt64() - b.AsUInt64()).AsByte();
}

internal struct Paddsb : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.AddSaturate(a.AsSByte(), b.AsSByte()).AsByte();
}

internal struct Paddusb : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.AddSaturate(a, b);
}

internal struct Psubsb : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.SubtractSaturate(a.AsSByte(), b.AsSByte()).AsByte();
}

internal struct Psubusb : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.SubtractSaturate(a, b);
}

internal struct Paddsw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.AddSaturate(a.AsInt16(), b.AsInt16()).AsByte();
}

internal struct Paddusw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.AddSaturate(a.AsUInt16(), b.AsUInt16()).AsByte();
}

internal struct Psubsw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.SubtractSaturate(a.AsInt16(), b.AsInt16()).AsByte();
}

internal struct Psubusw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.SubtractSaturate(a.AsUInt16(), b.AsUInt16()).AsByte();
}

internal struct Pand : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => a & b;
}

internal struct Pandn : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.AndNot(b, a);
}

internal struct Por : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => a | b;
}

internal struct Pxor : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => a ^ b;
}

internal struct Pcmpeqb : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.Equals(a, b);
}

internal struct Pcmpgtb : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.GreaterThan(a.AsSByte(), b.AsSByte()).AsByte();
}

internal struct Pcmpeqw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.Equals(a.AsUInt16(), b.AsUInt16()).AsByte();
}

internal struct Pcmpgtw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.GreaterThan(a.AsInt16(), b.AsInt16()).AsByte();
}

internal struct Pcmpeqd : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.Equals(a.AsUInt32(), b.AsUInt32()).AsByte();
}

internal struct Pcmpgtd : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.GreaterThan(a.AsInt32(), b.AsInt32()).AsByte();
}

internal struct Pminub : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.Min(a, b);
}

internal struct Pmaxub : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.Max(a, b);
}

internal struct Pminsw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.Min(a.AsInt16(), b.AsInt16()).AsByte();
}

internal struct Pmaxsw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.Max(a.AsInt16(), b.AsInt16()).AsByte();
}

internal struct Pmullw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => (a.AsUInt16() * b.AsUInt16()).AsByte();
}

internal struct Pmulhw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        var (lowA, highA) = Vector128.Widen(a.AsInt16());
        var (lowB, highB) = Vector128.Widen(b.AsInt16());
        return Vector128.Narrow((lowA * lowB) >> 16, (highA * highB) >> 16).AsByte();
    }
}

internal struct Pmulhuw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        var (lowA, highA) = Vector128.Widen(a.AsUInt16());
        var (lowB, highB) = Vector128.Widen(b.AsUInt16());
        return Vector128.Narrow((lowA * lowB) >> 16, (highA * highB) >> 16).AsByte();
    }
}

internal struct Pmuludq : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => ((a.AsUInt64() & Vector128.Create((ulong)uint.MaxValue)) * (b.AsUInt64() & Vector128.Create((ulong)uint.MaxValue))).AsByte();
}

internal struct Pmaddwd : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
        ((Even(a) * Even(b)) + (Odd(a) * Odd(b))).AsByte();

    private static Vector128<int> Even(Vector128<byte> words) => words.AsInt32() << 16 >> 16;

    private static Vector128<int> Odd(Vector128<byte> words) => words.AsInt32() >> 16;
}

internal struct Psadbw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        Vector128<byte> difference = Vector128.Max(a, b) - Vector128.Min(a, b);
        Vector128<ushort> pairs = (difference.AsUInt16() & Vector128.Create((ushort)0xFF)) + (difference.AsUInt16() >> 8);
        Vector128<uint> fours = (pairs.AsUInt32() & Vector128.Create(0xFFFFu)) + (pairs.AsUInt32() >> 16);
        return ((fours.AsUInt64() & Vector128.Create((ulong)uint.MaxValue)) + (fours.AsUInt64() >> 32)).AsByte();
    }
}

/// <summary>The mean, rounded up.</summary>
internal struct Pavgb : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => (a | b) - ((a ^ b) >>> 1);
}

/// <summary>The mean, rounded up.</summary>
internal struct Pavgw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
        ((a | b).AsUInt16() - ((a ^ b).AsUInt16() >>> 1)).AsByte();
}

// Shifts: the count is the low quadword of the source; one that is too large shifts everything out.

internal struct Psllw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => b.AsUInt64()[0] < 16 ? (a.AsUInt16() << b[0]).AsByte() : Vector128<byte>.Zero;
}

internal struct Psrlw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => b.AsUInt64()[0] < 16 ? (a.AsUInt16() >> b[0]).AsByte() : Vector128<byte>.Zero;
}

internal struct Psraw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => (a.AsInt16() >> (int)Math.Min(b.AsUInt64()[0], 15)).AsByte();
}

internal struct Pslld : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => b.AsUInt64()[0] < 32 ? (a.AsUInt32() << b[0]).AsByte() : Vector128<byte>.Zero;
}

internal struct Psrld : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => b.AsUInt64()[0] < 32 ? (a.AsUInt32() >> b[0]).AsByte() : Vector128<byte>.Zero;
}

internal struct Psrad : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => (a.AsInt32() >> (int)Math.Min(b.AsUInt64()[0], 31)).AsByte();
}

internal struct Psllq : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => b.AsUInt64()[0] < 64 ? (a.AsUInt64() << b[0]).AsByte() : Vector128<byte>.Zero;
}

internal struct Psrlq : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => b.AsUInt64()[0] < 64 ? (a.AsUInt64() >> b[0]).AsByte() : Vector128<byte>.Zero;
}

/// <summary>Shifts the whole register by bytes.</summary>
internal struct Pslldq : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
        immediate > 15 ? Vector128<byte>.Zero : Whole.Create(Whole.Of(a) << (immediate * 8));
}

/// <inheritdoc cref="Pslldq"/>
internal struct Psrldq : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
        immediate > 15 ? Vector128<byte>.Zero : Whole.Create(Whole.Of(a) >> (immediate * 8));
}

/// <summary>A vector register as one number.</summary>
internal static class Whole
{
    public static UInt128 Of(Vector128<byte> value) => new(value.AsUInt64()[1], value.AsUInt64()[0]);

    public static Vector128<byte> Create(UInt128 value) => Vector128.Create((ulong)value, (ulong)(value >> 64)).AsByte();
}

// Across lanes: packing, interleaving and shuffling
internal struct Packsswb : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.NarrowWithSaturation(a.AsInt16(), b.AsInt16()).AsByte();
}

internal struct Packssdw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.NarrowWithSaturation(a.AsInt32(), b.AsInt32()).AsByte();
}

internal struct Packuswb : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
        Vector128.Narrow(Clamp(a.AsInt16()), Clamp(b.AsInt16()));

    private static Vector128<ushort> Clamp(Vector128<short> words) =>
        Vector128.Min(Vector128.Max(words, Vector128<short>.Zero), Vector128.Create((short)255)).AsUInt16();
}

internal struct Punpcklbw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => (Vector128.WidenLower(a) | (Vector128.WidenLower(b) << 8)).AsByte();
}

internal struct Punpckhbw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => (Vector128.WidenUpper(a) | (Vector128.WidenUpper(b) << 8)).AsByte();
}

internal struct Punpcklwd : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => (Vector128.WidenLower(a.AsUInt16()) | (Vector128.WidenLower(b.AsUInt16()) << 16)).AsByte();
}

internal struct Punpckhwd : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => (Vector128.WidenUpper(a.AsUInt16()) | (Vector128.WidenUpper(b.AsUInt16()) << 16)).AsByte();
}

internal struct Punpckldq : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => (Vector128.WidenLower(a.AsUInt32()) | (Vector128.WidenLower(b.AsUInt32()) << 32)).AsByte();
}

internal struct Punpckhdq : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => (Vector128.WidenUpper(a.AsUInt32()) | (Vector128.WidenUpper(b.AsUInt32()) << 32)).AsByte();
}

internal struct Punpcklqdq : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.Create(a.GetLower(), b.GetLower());
}

internal struct Punpckhqdq : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.Create(a.GetUpper(), b.GetUpper());
}

internal struct Pshufd : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Shufps.Apply(b, b, immediate);
}

internal struct Pshuflw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
        Vector128.Create(Words(b.AsUInt64()[0], immediate), b.AsUInt64()[1]).AsByte();

    public static ulong Words(ulong from, byte order)
    {
        ulong result = 0;
        for (var lane = 0; lane < 4; lane++) result |= (from >> ((order >> (lane * 2) & 3) * 16) & 0xFFFF) << (lane * 16);
        return result;
    }
}

internal struct Pshufhw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
        Vector128.Create(b.AsUInt64()[0], Pshuflw.Words(b.AsUInt64()[1], immediate)).AsByte();
}

/// <summary>Of MMX.</summary>
internal struct Pshufw : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
        Vector128.CreateScalar(Pshuflw.Words(b.AsUInt64()[0], immediate)).AsByte();
}

internal struct Shufps : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        Vector128<uint> first = a.AsUInt32(), second = b.AsUInt32();
        return Vector128.Create(first[immediate & 3], first[immediate >> 2 & 3], second[immediate >> 4 & 3], second[immediate >> 6]).AsByte();
    }
}

internal struct Shufpd : IVectorOperation
{
    public static int ImmediateBits => 2;

    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
        Vector128.Create(a.AsUInt64()[immediate & 1], b.AsUInt64()[immediate >> 1 & 1]).AsByte();
}

// Moves that rearrange

internal struct Movhlps : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => a.WithLower(b.GetUpper());
}

internal struct Movlhps : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => a.WithUpper(b.GetLower());
}

internal struct Movddup : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Vector128.Create(b.GetLower(), b.GetLower());
}

internal struct Movsldup : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Shufps.Apply(b, b, 0b10_10_00_00);
}

internal struct Movshdup : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => Shufps.Apply(b, b, 0b11_11_01_01);
}
