using System.Buffers.Binary;

namespace Rhea.Devices.Display;

/// <summary>The DAC: from the numbers in video memory to the colours on the screen.</summary>
internal sealed class VgaColors(VgaRegisters vga)
{
    private const byte PaletteBits54 = 0x80; // attribute register 10h: bits 5 and 4 come from the colour select register

    private readonly uint[] _of16 = new uint[16], _of256 = new uint[256];

    public uint Of16(int color) => _of16[color & 15];

    public uint Of256(byte color) => _of256[color];

    /// <summary>Brings the tables in step with the palette registers.</summary>
    public void Update()
    {
        for (var i = 0; i < _of256.Length; i++)
            _of256[i] = (uint)(Component(vga.Palette[i * 3]) << 16 | Component(vga.Palette[(i * 3) + 1]) << 8 | Component(vga.Palette[(i * 3) + 2]));
        int select = vga.Attribute[0x14] & 0xF;
        for (var i = 0; i < _of16.Length; i++)
        {
            int index = vga.Attribute[i] & 0x3F;
            index = (vga.Attribute[0x10] & PaletteBits54) != 0 ? select << 4 | (index & 0xF) : (select & 0xC) << 4 | index;
            _of16[i] = _of256[index];
        }
    }

    /// <summary>Colours that the memory holds itself: 15 to 32 bits a pixel. White is not quite white with 15, as in QEMU.</summary>
    public static void Unpack(ReadOnlySpan<byte> bytes, Span<uint> pixels, int depth, bool bigEndian)
    {
        switch (depth)
        {
            case 15 or 16:
                for (var x = 0; x < pixels.Length; x++)
                {
                    ReadOnlySpan<byte> at = bytes.Slice(x * 2, 2);
                    uint value = bigEndian ? BinaryPrimitives.ReadUInt16BigEndian(at) : BinaryPrimitives.ReadUInt16LittleEndian(at);
                    pixels[x] = depth == 15
                        ? (value << 9 & 0xF8_0000) | (value << 6 & 0xF800) | (value << 3 & 0xF8)
                        : Widen(value >> 11, 5) << 16 | Widen(value >> 5, 6) << 8 | Widen(value, 5);
                }

                break;
            case 24:
                for (var x = 0; x < pixels.Length; x++)
                {
                    (byte first, byte green, byte last) = (bytes[x * 3], bytes[(x * 3) + 1], bytes[(x * 3) + 2]);
                    pixels[x] = bigEndian ? (uint)(first << 16 | green << 8 | last) : (uint)(last << 16 | green << 8 | first);
                }

                break;
            default:
                for (var x = 0; x < pixels.Length; x++)
                {
                    ReadOnlySpan<byte> at = bytes.Slice(x * 4, 4);
                    pixels[x] = (bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(at) : BinaryPrimitives.ReadUInt32LittleEndian(at)) & 0xFF_FFFF;
                }

                break;
        }
    }

    /// <summary>Six bits become eight by doubling the lowest, as in QEMU.</summary>
    private int Component(byte value) => vga.Dac8Bit ? value : ((value & 0x3F) << 2) | ((value & 1) * 3);

    /// <summary>The highest bits once more at the low end: white stays white.</summary>
    private static uint Widen(uint value, int bits)
    {
        value = (value & ((1u << bits) - 1)) << (8 - bits);
        return value | (value >> bits);
    }
}
