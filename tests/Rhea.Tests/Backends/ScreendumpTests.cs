using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Rhea.Core.Backends;
using Xunit;

namespace Rhea.Tests.Backends;

public class ScreendumpTests
{
    private readonly DisplaySurface _surface = new(2, 2);

    public ScreendumpTests() =>
        (_surface.Row(0)[0], _surface.Row(0)[1], _surface.Row(1)[0], _surface.Row(1)[1]) = (0xFF_0000, 0x00_FF00, 0x00_00FF, 0xFF12_3456);

    [Fact]
    public void A_ppm_is_a_head_and_the_colours_row_by_row() =>
        Assert.Equal([.. "P6\n2 2\n255\n"u8, 0xFF, 0, 0, 0, 0xFF, 0, 0, 0, 0xFF, 0x12, 0x34, 0x56], Screendump.Ppm(_surface));

    [Fact]
    public void A_png_decodes_to_the_same_colours()
    {
        byte[] file = Screendump.Png(_surface);

        Assert.Equal([0x89, .. "PNG\r\n"u8, 0x1A, .. "\n"u8], file[..8]);
        Assert.Equal([0, 0, 0, 2, 0, 0, 0, 2, 8, 2, 0, 0, 0], Chunk(file, "IHDR"));
        var rows = new byte[14];
        using (var zlib = new ZLibStream(new MemoryStream(Chunk(file, "IDAT")), CompressionMode.Decompress)) zlib.ReadExactly(rows);
        Assert.Equal([0, 0xFF, 0, 0, 0, 0xFF, 0, 0, 0, 0, 0xFF, 0x12, 0x34, 0x56], rows);
    }

    [Fact]
    public void A_chunk_ends_in_its_check_sum() // that of an empty IEND is in every PNG there is
    {
        Assert.Equal([0xAE, 0x42, 0x60, 0x82], Screendump.Png(_surface)[^4..]);
    }

    private static byte[] Chunk(byte[] file, string type)
    {
        for (var at = 8; at < file.Length;)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at));
            if (Encoding.ASCII.GetString(file, at + 4, 4) == type) return file[(at + 8)..(at + 8 + length)];
            at += 12 + length;
        }

        throw new InvalidDataException($"no {type}");
    }
}
