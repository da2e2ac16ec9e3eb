using Rhea.Core.Backends;
using Rhea.Core.Memory;
using Rhea.Core.Time;
using Rhea.Devices.Display;
using Xunit;

namespace Rhea.Tests.Devices;

/// <summary>What the monitor shows, mode by mode, with the register values of IBM's BIOS.</summary>
public class VgaPictureTests
{
    private const uint Black = 0, White = 0xFF_FFFF, Blue = 0x00_00FF;

    private readonly PcBench _pc = new();
    private readonly RamBlock _ram;
    private readonly IConsole _screen;

    public VgaPictureTests()
    {
        new Vga(_pc.PciSlot(), new()).Reset();
        (_ram, _screen) = (_pc.Blocks[0], _pc.Consoles[0]);
        _pc.Out(0x3C2, 0x67);
        for (byte i = 0; i < 16; i++) Attribute(i, i);
        Color(1, 0, 0, 0x3F);
        Color(15, 0x3F, 0x3F, 0x3F);
        Attribute(0x12, 0x0F);
    }

    [Fact]
    public void Text_has_nine_dots_a_character_and_twenty_five_rows()
    {
        TextMode();
        Character(0, 0x41, 0x1F);
        Glyph(0x41, 2, 0b1000_0001);

        _screen.Refresh();

        Assert.Equal((720, 400), (_screen.Surface.Width, _screen.Surface.Height));
        Assert.Equal([White, Blue, Blue, Blue, Blue, Blue, Blue, White, Blue], _screen.Surface.Row(2)[..9].ToArray());
        Assert.Equal(Blue, _screen.Surface.Row(3)[0]);
    }

    [Fact]
    public void Text_is_read_as_lines()
    {
        TextMode();
        foreach ((int at, char letter) in "Hi │".Index().Select(pair => (pair.Index, pair.Item))) Character(80 + at, letter == '│' ? (byte)0xB3 : (byte)letter, 7);

        Assert.Equal(25, _screen.Text!.Count);
        Assert.Equal(("", "Hi │"), (_screen.Text[0], _screen.Text[1]));
    }

    [Fact]
    public void Line_graphics_reach_into_the_ninth_dot()
    {
        TextMode();
        Character(0, 0xC4, 0x0F);
        Glyph(0xC4, 0, 0xFF);
        Attribute(0x10, 0x0C);

        _screen.Refresh();

        Assert.Equal(White, _screen.Surface.Row(0)[8]);
    }

    [Fact]
    public void Shades_do_not_reach_into_the_ninth_dot_as_they_do_in_qemu()
    {
        TextMode();
        Character(0, 0xB2, 0x0F);
        Glyph(0xB2, 0, 0xFF);
        Attribute(0x10, 0x0C);

        _screen.Refresh();

        Assert.Equal(Black, _screen.Surface.Row(0)[8]);
    }

    [Fact]
    public void A_monochrome_attribute_underlines_which_qemu_does_not()
    {
        TextMode();
        Crtc(0x14, 12);
        Character(0, 0x41, 0x01);
        Character(1, 0x41, 0x02);
        Attribute(0x10, 0x0E);

        _screen.Refresh();

        Assert.Equal([.. Enumerable.Repeat(Blue, 9), Black], _screen.Surface.Row(12)[..10].ToArray());
        Assert.Equal((Black, Black), (_screen.Surface.Row(11)[0], _screen.Surface.Row(13)[0]));
    }

    /// <summary>In text of nine dots 8 is the middle and 0 a dot to the left; QEMU draws none of it.</summary>
    [Theory]
    [InlineData(8, 0, 0, 9, 2)]
    [InlineData(0, 0, 0, 8, 2)]
    [InlineData(5, 0, 0, 3, 2)]
    [InlineData(8, 2, 0, 9, 0)]
    [InlineData(8, 0, 0x20, 0, 2)]
    public void Panning_moves_text(byte pixels, byte lines, byte bytes, int x, int y)
    {
        TextMode();
        Character(1, 0x41, 0x01);
        Glyph(0x41, 2, 0x80);
        Attribute(0x13, pixels);
        Crtc(0x08, (byte)(lines | bytes));

        _screen.Refresh();

        Assert.Equal([(x, y)], from row in Enumerable.Range(0, 16) from column in Enumerable.Range(0, 30) where _screen.Surface.Row(row)[column] == Blue select (column, row));
    }

    [Fact]
    public void Text_has_a_split_too()
    {
        TextMode();
        Crtc(0x0D, 80);
        Crtc(0x18, 39);
        Crtc(0x07, 0x0F);
        Crtc(0x09, 0x0F);
        Character(0, 0x41, 0x01);
        Glyph(0x41, 2, 0x80);

        _screen.Refresh();

        Assert.Equal((Black, Blue), (_screen.Surface.Row(2)[0], _screen.Surface.Row(42)[0]));
    }

    [Fact]
    public void The_cursor_is_seen_half_of_the_time()
    {
        TextMode();
        Character(1, 0x20, 0x0F);
        Crtc(0x0A, 14);
        Crtc(0x0B, 15);
        Crtc(0x0F, 1);

        _screen.Refresh();
        Assert.Equal((Black, White, White), (_screen.Surface.Row(13)[9], _screen.Surface.Row(14)[9], _screen.Surface.Row(15)[17]));

        _pc.Clock.AdvanceTo(16 * VmClock.Second / 70);
        _screen.Refresh();
        Assert.Equal(Black, _screen.Surface.Row(14)[9]);

        _pc.Clock.AdvanceTo(32 * VmClock.Second / 70);
        Crtc(0x0A, 14 | 0x20);
        _screen.Refresh();
        Assert.Equal(Black, _screen.Surface.Row(14)[9]);
    }

    [Fact]
    public void A_blinking_character_has_no_bright_background()
    {
        TextMode();
        Attribute(0x10, 0x0C);
        Character(0, 0x41, 0x9F);
        Glyph(0x41, 0, 0x80);

        _screen.Refresh();
        Assert.Equal((White, Blue), (_screen.Surface.Row(0)[0], _screen.Surface.Row(0)[1]));

        _pc.Clock.AdvanceTo(32 * VmClock.Second / 70);
        _screen.Refresh();
        Assert.Equal(Blue, _screen.Surface.Row(0)[0]);
    }

    [Fact]
    public void A_second_font_is_chosen_by_the_attribute()
    {
        TextMode();
        Indexed(0x3C4, 3, 0x04); // characters with bit 3: the second 8 KiB; the others: the first
        Character(0, 0x41, 0x0F);
        _ram.Span(0x1_0000 + (0x41 * 128) + 2, 1)[0] = 0x80; // map 2 of IBM's numbering starts at 16 KiB
        Indexed(0x3C4, 3, 0x04);

        _screen.Refresh();

        Assert.Equal(White, _screen.Surface.Row(0)[0]);
    }

    [Fact]
    public void Sixteen_colours_come_from_four_planes()
    {
        PlanarMode();
        new byte[] { 0b1100_0000, 0b0100_0000, 0b0100_0000, 0b0100_0000 }.CopyTo(_ram.Span(0, 4));

        _screen.Refresh();

        Assert.Equal((640, 480), (_screen.Surface.Width, _screen.Surface.Height));
        Assert.Equal([Blue, White, Black], _screen.Surface.Row(0)[..3].ToArray());
        Assert.Null(_screen.Text);
    }

    [Fact]
    public void Panning_moves_the_picture_by_pixels()
    {
        PlanarMode();
        _ram.Span(4, 1)[0] = 0x80;
        Attribute(0x13, 3);

        _screen.Refresh();

        Assert.Equal([Black, Blue, Black], _screen.Surface.Row(0)[4..7].ToArray());
    }

    [Fact]
    public void Planes_that_are_not_enabled_are_dark()
    {
        PlanarMode();
        new byte[] { 0x80, 0x80, 0x80, 0x80 }.CopyTo(_ram.Span(0, 4));
        Attribute(0x12, 0x01);

        _screen.Refresh();

        Assert.Equal(Blue, _screen.Surface.Row(0)[0]);
    }

    [Fact]
    public void Panning_by_bytes_moves_the_picture_by_eight_pixels_each()
    {
        PlanarMode();
        _ram.Span(8, 1)[0] = 0x80;
        Crtc(0x08, 0x20);

        _screen.Refresh();

        Assert.Equal([Black, Blue, Black], _screen.Surface.Row(0)[7..10].ToArray());
    }

    [Fact]
    public void Below_the_split_the_picture_starts_again()
    {
        PlanarMode();
        Crtc(0x0C, 0x80);                 // the picture starts at 8000h
        Crtc(0x18, 99);                   // and ends with line 99
        Crtc(0x07, 0x2E);
        Crtc(0x09, 0x00);
        _ram.Span(0x8000 * 4, 1)[0] = 0x80;
        _ram.Span(0, 1)[0] = 0x40;

        _screen.Refresh();

        Assert.Equal([Blue, Black], _screen.Surface.Row(0)[..2].ToArray());
        Assert.Equal([Black, Blue], _screen.Surface.Row(100)[..2].ToArray());
    }

    [Fact]
    public void Mode_13h_shows_each_pixel_as_four()
    {
        Mode13();
        _ram.Span(321, 1)[0] = 1;

        _screen.Refresh();

        Assert.Equal((640, 400), (_screen.Surface.Width, _screen.Surface.Height));
        Assert.Equal([Black, Blue, Blue, Black], _screen.Surface.Row(2)[1..5].ToArray());
        Assert.Equal((Black, Blue, Black), (_screen.Surface.Row(1)[2], _screen.Surface.Row(3)[2], _screen.Surface.Row(4)[2]));
    }

    [Fact]
    public void Cga_lines_alternate_between_two_halves()
    {
        Crtcs(0x27, 0x14, 0x8F, 0xC1, 0xA2);
        Indexed(0x3C4, 1, 0x09);
        Indexed(0x3CE, 5, 0x30);
        Indexed(0x3CE, 6, 0x0F);
        _ram.Span(0, 1)[0] = 0b0100_0000;       // B8000h: first line, first pixel
        _ram.Span(0x4000, 1)[0] = 0b0001_0000;  // BA000h: second line, second pixel

        _screen.Refresh();

        Assert.Equal((640, 400), (_screen.Surface.Width, _screen.Surface.Height));
        Assert.Equal([Blue, Blue, Black, Black], _screen.Surface.Row(1)[..4].ToArray());
        Assert.Equal([Black, Black, Blue, Blue], _screen.Surface.Row(2)[..4].ToArray());
    }

    [Theory]
    [InlineData(8, new byte[] { 1, 15 }, Blue, White)]
    [InlineData(15, new byte[] { 0x1F, 0x00, 0xE0, 0x7F }, 0x00_00F8, 0xF8_F800)]
    [InlineData(16, new byte[] { 0x1F, 0x00, 0xE0, 0x07 }, Blue, 0x00_FF00)]
    [InlineData(24, new byte[] { 0xFF, 0x00, 0x00, 0x56, 0x34, 0x12 }, Blue, 0x12_3456)]
    [InlineData(32, new byte[] { 0xFF, 0x00, 0x00, 0xAA, 0x56, 0x34, 0x12, 0xAA }, Blue, 0x12_3456)]
    public void A_vbe_mode_shows_its_pixels(ushort depth, byte[] memory, uint first, uint second)
    {
        VbeMode(800, 600, depth);
        memory.CopyTo(_ram.Span(0, memory.Length));

        _screen.Refresh();

        Assert.Equal((800, 600), (_screen.Surface.Width, _screen.Surface.Height));
        Assert.Equal([first, second], _screen.Surface.Row(0)[..2].ToArray());
    }

    [Fact]
    public void A_vbe_start_moves_the_picture()
    {
        VbeMode(800, 600, 32);
        Vbe(6, 1024);
        Vbe(8, 2);
        Vbe(9, 3);
        _ram.Span(((3 * 1024) + 2) * 4, 1)[0] = 0xFF;

        _screen.Refresh();

        Assert.Equal(Blue, _screen.Surface.Row(0)[0]);
    }

    [Fact]
    public void Viewers_hear_of_the_rows_that_changed()
    {
        VbeMode(800, 600, 32);
        _screen.Refresh();
        var viewer = new Viewer();
        _screen.Attach(viewer);
        foreach (int row in new[] { 10, 11, 500 }) Pixel(row);

        _screen.Refresh();
        Assert.Equal([(10, 2), (500, 1)], viewer.Updates);

        _screen.Refresh();
        Assert.Equal(2, viewer.Updates.Count);
        _screen.Detach(viewer);
        Pixel(20);
        _screen.Refresh();
        Assert.Equal(2, viewer.Updates.Count);

        void Pixel(int row)
        {
            _ram.Span((ulong)row * 800 * 4, 1)[0] = 0xFF;
            _ram.MarkWritten((ulong)row * 800 * 4, 1);
        }
    }

    [Fact]
    public void A_blanked_screen_is_black()
    {
        Mode13();
        _ram.Span(0, 1)[0] = 1;
        _screen.Refresh();
        Assert.Equal(Blue, _screen.Surface.Row(0)[0]);

        _pc.In(0x3DA);
        _pc.Out(0x3C0, 0);
        _screen.Refresh();

        Assert.Equal(Black, _screen.Surface.Row(0)[0]);
    }

    private void TextMode()
    {
        Crtcs(0x4F, 0x28, 0x8F, 0x4F, 0xA3);
        Crtc(0x0A, 0x20);
        Indexed(0x3C4, 1, 0x00);
        Indexed(0x3CE, 5, 0x10);
        Indexed(0x3CE, 6, 0x0E);
        Attribute(0x13, 8);
    }

    private void PlanarMode()
    {
        Crtcs(0x4F, 0x28, 0xDF, 0x40, 0xE3);
        Indexed(0x3C4, 1, 0x01);
        Indexed(0x3CE, 6, 0x05);
    }

    private void Mode13()
    {
        Crtcs(0x4F, 0x28, 0x8F, 0x41, 0xA3);
        Indexed(0x3C4, 1, 0x01);
        Indexed(0x3C4, 4, 0x0E);
        Indexed(0x3CE, 5, 0x40);
        Indexed(0x3CE, 6, 0x05);
    }

    /// <summary>Columns, offset, last line, scans a row, mode; the split is out of sight.</summary>
    private void Crtcs(byte columns, byte offset, byte lastLine, byte scans, byte mode)
    {
        Crtc(0x01, columns);
        Crtc(0x07, (byte)(lastLine == 0xDF ? 0x3E : 0x1F));
        Crtc(0x09, scans);
        Crtc(0x12, lastLine);
        Crtc(0x13, offset);
        Crtc(0x17, mode);
        Crtc(0x18, 0xFF);
    }

    private void Character(int cell, byte character, byte attribute) => new[] { character, attribute }.CopyTo(_ram.Span((ulong)cell * 4, 2));

    private void Glyph(byte character, int row, byte dots) => _ram.Span((ulong)((character * 128) + (row * 4) + 2), 1)[0] = dots;

    private void VbeMode(ushort width, ushort height, ushort depth)
    {
        Vbe(1, width);
        Vbe(2, height);
        Vbe(3, depth);
        Vbe(4, 1);
    }

    private void Vbe(ushort index, ushort value)
    {
        _pc.Ports.Write(0x1CE, 2, index);
        _pc.Ports.Write(0x1CF, 2, value);
    }

    private void Crtc(byte index, byte value) => Indexed(0x3D4, index, value);

    private void Indexed(ushort port, byte index, byte value)
    {
        _pc.Out(port, index);
        _pc.Out((ushort)(port + 1), value);
    }

    private void Attribute(byte index, byte value)
    {
        _pc.In(0x3DA);
        _pc.Out(0x3C0, index);
        _pc.Out(0x3C0, value);
        _pc.Out(0x3C0, 0x20); // the screen is dark while the palette is written
    }

    private void Color(byte index, byte red, byte green, byte blue)
    {
        _pc.Out(0x3C8, index);
        foreach (byte component in new[] { red, green, blue }) _pc.Out(0x3C9, component);
    }

    private sealed class Viewer : IDisplayViewer
    {
        public List<(int Y, int Height)> Updates { get; } = [];

        public void Resized(DisplaySurface surface)
        {
        }

        public void Updated(DisplaySurface surface, int x, int y, int width, int height) => Updates.Add((y, height));
    }
}
