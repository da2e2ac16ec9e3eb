using System.Buffers.Binary;

namespace Rhea.Block;

/// <summary>What the first bytes of an image say about its format.</summary>
internal static class ImageFormat
{
    private const uint VdiSignature = 0xBEDA_107F;

    /// <summary>QEMU's name for a format that can be told by its first bytes; null for anything else, which is then raw.</summary>
    public static string? Recognize(ReadOnlySpan<byte> head) => head switch
    {
        [(byte)'Q', (byte)'F', (byte)'I', 0xFB, 0, 0, 0, 1, ..] => "qcow",
        [(byte)'Q', (byte)'F', (byte)'I', 0xFB, ..] => "qcow2",
        [(byte)'Q', (byte)'E', (byte)'D', 0, ..] => "qed",
        [(byte)'K', (byte)'D', (byte)'M', (byte)'V', ..] => "vmdk",
        [(byte)'C', (byte)'O', (byte)'W', (byte)'D', ..] => "vmdk",
        _ when head.StartsWith("conectix"u8) => "vpc",
        _ when head.StartsWith("vhdxfile"u8) => "vhdx",
        [(byte)'L', (byte)'U', (byte)'K', (byte)'S', 0xBA, 0xBE, ..] => "luks",
        _ when head.Length >= 68 && BinaryPrimitives.ReadUInt32LittleEndian(head[64..]) == VdiSignature => "vdi",
        _ => null,
    };
}
