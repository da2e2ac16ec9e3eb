using Rhea.Core.Memory;

namespace Rhea.Devices.Display;

/// <summary>The text modes: characters and attributes in planes 0 and 1, glyphs of 32 bytes in plane 2.</summary>
internal sealed class VgaText(VgaRegisters vga, RamBlock ram, VgaColors colors)
{
    private const byte EightDots = 0x01, WideDots = 0x08;                            // sequencer register 1
    private const byte Mono = 0x02, LineGraphics = 0x04, Blink = 0x08, StopsPanning = 0x20; // attribute register 10h
    private const byte CursorOff = 0x20;                                             // CRTC 0Ah
    private const int GlyphPlane = 2, GlyphBytes = 32 * 4, FontBytes = 8192 * 4;

    private int Columns => vga.Crtc[1] + 1;

    private int CellHeight => (vga.Crtc[9] & 0x1F) + 1;

    private int CellWidth => (vga.Sequencer[1] & WideDots) != 0 ? 16 : (vga.Sequencer[1] & EightDots) != 0 ? 8 : 9;

    private uint Start => (uint)(vga.Crtc[0x0C] << 8 | vga.Crtc[0x0D]) + (uint)(vga.Crtc[8] >> 5 & 3);

    private uint RowCells => (uint)vga.Crtc[0x13] * 2;

    /// <summary>Scan lines before vertical blanking.</summary>
    public static int VisibleLines(VgaRegisters vga) =>
        (vga.Crtc[0x12] | (vga.Crtc[7] & 0x02) << 7 | (vga.Crtc[7] & 0x40) << 3) + 1;

    /// <summary>In pixels, whole rows of characters.</summary>
    public (int Width, int Height) Size() => (Columns * CellWidth, Math.Max(VisibleLines(vga) / CellHeight, 1) * CellHeight);

    /// <summary>The screen as text, without what follows the last character of a line.</summary>
    public IReadOnlyList<string> Lines()
    {
        var lines = new string[Size().Height / CellHeight];
        var text = new char[Columns];
        for (var row = 0; row < lines.Length; row++)
        {
            for (var column = 0; column < text.Length; column++)
                text[column] = CodePage437.ToUnicode(Cell(Start + ((uint)row * RowCells) + (uint)column).Character);
            lines[row] = new string(text).TrimEnd();
        }

        return lines;
    }

    /// <summary>Draws one row of pixels.</summary>
    /// <param name="y">The row.</param>
    /// <param name="pixels">As wide as <see cref="Size"/>.</param>
    /// <param name="blink">Counts the cursor's changes; characters blink at half its rate.</param>
    public void DrawRow(int y, Span<uint> pixels, long blink)
    {
        int split = vga.Crtc[0x18] | (vga.Crtc[7] & 0x10) << 4 | (vga.Crtc[9] & 0x40) << 3;
        bool below = y > split;
        int scanned = below ? y - split - 1 : y + (vga.Crtc[8] & 0x1F);
        uint first = (below ? 0 : Start) + ((uint)(scanned / CellHeight) * RowCells);
        int scan = scanned % CellHeight, panning = below && (vga.Attribute[0x10] & StopsPanning) != 0 ? 0 : Panning();
        uint cursor = (blink & 1) == 0 && IsCursorScan(scan) ? (uint)(vga.Crtc[0x0E] << 8 | vga.Crtc[0x0F]) : uint.MaxValue;

        for (int x = -panning, column = 0; x < pixels.Length; x += CellWidth, column++)
        {
            uint cell = first + (uint)column;
            (byte character, byte attribute) = Cell(cell);
            (uint ink, uint paper) = Inks(attribute, (blink & 2) != 0);
            int dots = cell == cursor ? 0x1FF : Dots(character, attribute, scan);
            for (int dot = 0, width = CellWidth; dot < width; dot++)
            {
                int at = x + dot, bit = width == 16 ? dot / 2 : dot;
                if ((uint)at < (uint)pixels.Length) pixels[at] = (dots >> (8 - bit) & 1) != 0 ? ink : paper;
            }
        }
    }

    /// <summary>Where a nine-dot cell says 8 it means 0, and a dot more than it says otherwise (IBM, attribute register 13h).</summary>
    private int Panning() => CellWidth != 9 ? vga.Attribute[0x13] & 7 : vga.Attribute[0x13] >= 8 ? 0 : vga.Attribute[0x13] + 1;

    private bool IsCursorScan(int scan) =>
        (vga.Crtc[0x0A] & CursorOff) == 0 && scan >= (vga.Crtc[0x0A] & 0x1F) && scan <= (vga.Crtc[0x0B] & 0x1F);

    /// <summary>Nine dots, the first in bit 8.</summary>
    private int Dots(byte character, byte attribute, int scan)
    {
        int maps = vga.Sequencer[3];
        int font = (attribute & 8) != 0 ? (maps >> 5 & 1) | (maps >> 1 & 6) : (maps >> 4 & 1) | (maps << 1 & 6);
        if ((vga.Attribute[0x10] & Mono) != 0 && (attribute & 7) == 1 && scan == (vga.Crtc[0x14] & 0x1F)) return 0x1FF; // underlined
        int dots = Byte((uint)((font * FontBytes) + (character * GlyphBytes) + (scan * 4) + GlyphPlane)) << 1;
        bool joins = character is >= 0xC0 and <= 0xDF && (vga.Attribute[0x10] & LineGraphics) != 0;
        return joins ? dots | (dots >> 1 & 1) : dots;
    }

    private (uint Ink, uint Paper) Inks(byte attribute, bool blinkedOff)
    {
        int ink = attribute & 15, paper = attribute >> 4;
        if ((vga.Attribute[0x10] & Blink) != 0)
        {
            if ((paper & 8) != 0 && blinkedOff) ink = paper & 7;
            paper &= 7;
        }

        return (colors.Of16(ink), colors.Of16(paper));
    }

    private (byte Character, byte Attribute) Cell(uint cell) => (Byte(cell * 4), Byte((cell * 4) + 1));

    private byte Byte(uint address) => ram.Span(address & (ram.Length - 1), 1)[0];
}
