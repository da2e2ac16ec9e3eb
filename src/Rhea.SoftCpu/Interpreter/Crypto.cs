using System.Runtime.Intrinsics;
using Rhea.X86.Cryptography;
using HostAes = System.Runtime.Intrinsics.X86.Aes;

namespace Rhea.SoftCpu.Interpreter;

// AES-NI, PCLMULQDQ and the SHA extensions, named as the instructions.

internal struct Aesenc : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => HostAes.IsSupported ? HostAes.Encrypt(a, b) : AesRounds.Encrypt(a, b);
}

internal struct Aesenclast : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => HostAes.IsSupported ? HostAes.EncryptLast(a, b) : AesRounds.EncryptLast(a, b);
}

internal struct Aesdec : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => HostAes.IsSupported ? HostAes.Decrypt(a, b) : AesRounds.Decrypt(a, b);
}

internal struct Aesdeclast : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => HostAes.IsSupported ? HostAes.DecryptLast(a, b) : AesRounds.DecryptLast(a, b);
}

internal struct Aesimc : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
        HostAes.IsSupported ? HostAes.InverseMixColumns(b) : AesRounds.InverseMixColumns(b);
}

internal struct Aeskeygenassist : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => AesRounds.KeyAssist(b, immediate);
}

/// <summary>The product of two quadwords as polynomials over the field of two elements: additions without carries.</summary>
internal struct Pclmulqdq : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        ulong left = a.AsUInt64()[immediate & 1], right = b.AsUInt64()[immediate >> 4 & 1], low = 0, high = 0;
        for (var bit = 0; bit < 64; bit++)
        {
            ulong chosen = left & (ulong)((long)(right << (63 - bit)) >> 63);
            low ^= chosen << bit;
            high ^= chosen >> 1 >> (63 - bit);
        }
        return Vector128.Create(low, high).AsByte();
    }
}

/// <summary>Four rounds of SHA-1 with the function and constant of one quarter of the rounds (FIPS 180-4, 4.1.1).</summary>
internal struct Sha1rnds4 : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> state, Vector128<byte> words, byte immediate)
    {
        uint a = state.AsUInt32()[3], b = state.AsUInt32()[2], c = state.AsUInt32()[1], d = state.AsUInt32()[0], e = 0;
        uint constant = (immediate & 3) switch { 0 => 0x5A82_7999, 1 => 0x6ED9_EBA1, 2 => 0x8F1B_BCDC, _ => 0xCA62_C1D6 };
        for (var round = 3; round >= 0; round--) // the first word already has E added
        {
            uint mixed = (immediate & 3) switch { 0 => (b & c) ^ (~b & d), 2 => (b & c) ^ (b & d) ^ (c & d), _ => b ^ c ^ d };
            uint next = mixed + uint.RotateLeft(a, 5) + words.AsUInt32()[round] + e + constant;
            (a, b, c, d, e) = (next, a, uint.RotateLeft(b, 30), c, d);
        }
        return Vector128.Create(d, c, b, a).AsByte();
    }
}

/// <summary>Adds E of four rounds later to the first of the next four words.</summary>
internal struct Sha1nexte : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) =>
        b.AsUInt32().WithElement(3, b.AsUInt32()[3] + uint.RotateLeft(a.AsUInt32()[3], 30)).AsByte();
}

internal struct Sha1msg1 : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate) => a ^ Vector128.Create(b.AsUInt64()[1], a.AsUInt64()[0]).AsByte();
}

internal struct Sha1msg2 : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        Vector128<uint> sums = a.AsUInt32(), words = b.AsUInt32();
        uint first = uint.RotateLeft(sums[3] ^ words[2], 1);
        return Vector128.Create(uint.RotateLeft(sums[0] ^ first, 1), uint.RotateLeft(sums[1] ^ words[0], 1), uint.RotateLeft(sums[2] ^ words[1], 1), first).AsByte();
    }
}

/// <summary>Two rounds of SHA-256 (FIPS 180-4, 6.2.2); the third operand has two words with their constants added.</summary>
internal struct Sha256rnds2 : ITernaryOperation
{
    public static Vector128<byte> Apply(Vector128<byte> older, Vector128<byte> newer, Vector128<byte> words)
    {
        uint a = newer.AsUInt32()[3], b = newer.AsUInt32()[2], e = newer.AsUInt32()[1], f = newer.AsUInt32()[0];
        uint c = older.AsUInt32()[3], d = older.AsUInt32()[2], g = older.AsUInt32()[1], h = older.AsUInt32()[0];
        for (var round = 0; round < 2; round++)
        {
            uint first = h + ((e & f) ^ (~e & g)) + (uint.RotateRight(e, 6) ^ uint.RotateRight(e, 11) ^ uint.RotateRight(e, 25)) + words.AsUInt32()[round];
            uint second = ((a & b) ^ (a & c) ^ (b & c)) + (uint.RotateRight(a, 2) ^ uint.RotateRight(a, 13) ^ uint.RotateRight(a, 22));
            (a, b, c, d, e, f, g, h) = (first + second, a, b, c, d + first, e, f, g);
        }
        return Vector128.Create(f, e, b, a).AsByte();
    }
}

internal struct Sha256msg1 : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        Vector128<uint> words = a.AsUInt32();
        return (words + Vector128.Create(Mix(words[1]), Mix(words[2]), Mix(words[3]), Mix(b.AsUInt32()[0]))).AsByte();
    }

    private static uint Mix(uint word) => uint.RotateRight(word, 7) ^ uint.RotateRight(word, 18) ^ word >> 3;
}

internal struct Sha256msg2 : IVectorOperation
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        Vector128<uint> sums = a.AsUInt32();
        uint first = sums[0] + Mix(b.AsUInt32()[2]), second = sums[1] + Mix(b.AsUInt32()[3]);
        return Vector128.Create(first, second, sums[2] + Mix(first), sums[3] + Mix(second)).AsByte();
    }

    private static uint Mix(uint word) => uint.RotateRight(word, 17) ^ uint.RotateRight(word, 19) ^ word >> 10;
}
