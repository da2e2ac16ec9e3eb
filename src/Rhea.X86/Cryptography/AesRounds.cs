using System.Runtime.Intrinsics;

namespace Rhea.X86.Cryptography;

/// <summary>The steps of AES on a block of sixteen bytes, column by column (FIPS 197), for a host that has no instructions for them.</summary>
public static class AesRounds
{
    private static readonly byte[] Substitutes = MakeSubstitutes(), Originals = Invert(Substitutes);

    /// <summary>Whether the bytes of each row go to the left, as in encryption, by the number of the row.</summary>
    private static readonly Vector128<byte> RowsLeft = Rows(1), RowsRight = Rows(3);

    public static Vector128<byte> Encrypt(Vector128<byte> block, Vector128<byte> key) => MixColumns(EncryptLast(block, default), 2, 3, 1, 1) ^ key;

    public static Vector128<byte> EncryptLast(Vector128<byte> block, Vector128<byte> key) => Substitute(Vector128.Shuffle(block, RowsLeft), Substitutes) ^ key;

    public static Vector128<byte> Decrypt(Vector128<byte> block, Vector128<byte> key) => InverseMixColumns(DecryptLast(block, default)) ^ key;

    public static Vector128<byte> DecryptLast(Vector128<byte> block, Vector128<byte> key) => Substitute(Vector128.Shuffle(block, RowsRight), Originals) ^ key;

    public static Vector128<byte> InverseMixColumns(Vector128<byte> block) => MixColumns(block, 14, 11, 13, 9);

    /// <summary>AESKEYGENASSIST: the second and fourth words substituted, and each also rotated and mixed with the round's constant.</summary>
    public static Vector128<byte> KeyAssist(Vector128<byte> key, byte constant)
    {
        Vector128<uint> words = Substitute(key, Substitutes).AsUInt32();
        return Vector128.Create(words[1], uint.RotateRight(words[1], 8) ^ constant, words[3], uint.RotateRight(words[3], 8) ^ constant).AsByte();
    }

    private static Vector128<byte> Substitute(Vector128<byte> block, byte[] table)
    {
        Vector128<byte> result = block;
        for (var i = 0; i < 16; i++) result = result.WithElement(i, table[block[i]]);
        return result;
    }

    /// <summary>Each byte of a column is the sum of all four, times these factors from the byte itself on.</summary>
    private static Vector128<byte> MixColumns(Vector128<byte> block, byte own, byte next, byte third, byte last)
    {
        Vector128<byte> result = default;
        for (var i = 0; i < 16; i++)
        {
            int column = i & ~3;
            result = result.WithElement(i, (byte)(Multiply(block[i], own) ^ Multiply(block[column | i + 1 & 3], next)
                ^ Multiply(block[column | i + 2 & 3], third) ^ Multiply(block[column | i + 3 & 3], last)));
        }
        return result;
    }

    private static Vector128<byte> Rows(int columns)
    {
        Vector128<byte> from = default;
        for (var i = 0; i < 16; i++) from = from.WithElement(i, (byte)(i + (4 * columns * (i & 3)) & 15));
        return from;
    }

    /// <summary>The product in the field of 2⁸ elements whose polynomial is x⁸ + x⁴ + x³ + x + 1.</summary>
    private static byte Multiply(int a, int b)
    {
        var product = 0;
        for (; b != 0; b >>= 1, a = a << 1 ^ (a >> 7) * 0x11B)
            if ((b & 1) != 0) product ^= a;
        return (byte)product;
    }

    /// <summary>The inverse in the field, then an affine map.</summary>
    private static byte[] MakeSubstitutes()
    {
        var table = new byte[256];
        for (var value = 0; value < 256; value++)
        {
            byte inverse = 0;
            for (var other = 1; other < 256 && inverse == 0; other++)
                if (Multiply(value, other) == 1) inverse = (byte)other;
            table[value] = (byte)(inverse ^ byte.RotateLeft(inverse, 1) ^ byte.RotateLeft(inverse, 2) ^ byte.RotateLeft(inverse, 3) ^ byte.RotateLeft(inverse, 4) ^ 0x63);
        }
        return table;
    }

    private static byte[] Invert(byte[] table)
    {
        var inverse = new byte[256];
        for (var value = 0; value < 256; value++) inverse[table[value]] = (byte)value;
        return inverse;
    }
}
