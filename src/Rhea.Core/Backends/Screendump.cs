using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Rhea.Core.Backends;

/// <summary>Writes a picture as a file: PPM, which anybody can read, or PNG.</summary>
/// <remarks>Netpbm's ppm(5), raw; W3C, PNG, second edition. Colours have 8 bits, and there is no transparency.</remarks>
public static class Screendump
{
    private const int Channels = 3;

    public static byte[] Ppm(DisplaySurface surface)
    {
        byte[] head = Encoding.ASCII.GetBytes($"P6\n{surface.Width} {surface.Height}\n255\n");
        var file = new byte[head.Length + (surface.Width * surface.Height * Channels)];
        head.CopyTo(file, 0);
        for (var y = 0; y < surface.Height; y++) WriteRow(surface.Row(y), file.AsSpan(head.Length + (y * surface.Width * Channels)));
        return file;
    }

    public static byte[] Png(DisplaySurface surface)
    {
        var file = new MemoryStream();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, surface.Width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), surface.Height);
        (header[8], header[9]) = (8, 2); // bits a channel; red, green, blue
        WriteChunk(file, "IHDR"u8, header);
        WriteChunk(file, "IDAT"u8, Compress(surface));
        WriteChunk(file, "IEND"u8, []);
        return file.ToArray();
    }

    private static byte[] Compress(DisplaySurface surface)
    {
        var packed = new MemoryStream();
        var row = new byte[1 + (surface.Width * Channels)]; // the first byte says that the row is not filtered
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest))
        {
            for (var y = 0; y < surface.Height; y++)
            {
                WriteRow(surface.Row(y), row.AsSpan(1));
                zlib.Write(row);
            }
        }

        return packed.ToArray();
    }

    private static void WriteRow(ReadOnlySpan<uint> pixels, Span<byte> bytes)
    {
        for (var x = 0; x < pixels.Length; x++)
            (bytes[x * 3], bytes[(x * 3) + 1], bytes[(x * 3) + 2]) = ((byte)(pixels[x] >> 16), (byte)(pixels[x] >> 8), (byte)pixels[x]);
    }

    private static void WriteChunk(MemoryStream file, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        file.Write(number);
        file.Write(type);
        file.Write(data);
        BinaryPrimitives.WriteUInt32BigEndian(number, ~Crc(Crc(uint.MaxValue, type), data));
        file.Write(number);
    }

    /// <summary>CRC-32 of ISO 3309, not yet inverted.</summary>
    private static uint Crc(uint crc, ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0xEDB8_8320 & (0 - (crc & 1)));
        }

        return crc;
    }
}
