using Rhea.Core.Backends;
using Rhea.Core.Memory;
using Rhea.Core.Time;

namespace Rhea.Devices.Display;

/// <summary>What a monitor at the VGA shows: draws registers and video memory onto a surface when somebody looks.</summary>
/// <remarks>
/// It draws rows of the surface into a scratch row and keeps those that differ, so viewers hear of what changed and no more. Rows
/// of a graphics mode whose pages nobody wrote to are not looked at. All addresses wrap in the memory, whatever the registers say.
/// </remarks>
internal sealed class VgaPicture : IConsole
{
    private const int BlankWidth = 720, BlankHeight = 400;
    private const byte Unblanked = 0x20;                                       // attribute index
    private const byte GraphicsMode = 0x01;                                    // graphics register 6
    private const byte StopsPanning = 0x20;                                    // attribute register 10h: at the split
    private const int ColorPlaneEnable = 0x12;                                 // attribute register
    private const int ShiftRegister = 5, CgaShift = 1, ColorShift = 2;         // graphics register 5
    private const long BlinkPeriod = 16 * VmClock.Second / 70;                 // of the cursor: 16 frames on, 16 off

    private readonly VgaRegisters _vga;
    private readonly RamBlock _ram;
    private readonly VmClock _clock;
    private readonly DirtyBitmap _written;
    private readonly VgaText _text;
    private readonly VgaColors _colors;
    private readonly List<IDisplayViewer> _viewers = [];
    private readonly bool[] _dirty; // pages written since the last picture
    private uint[] _row = new uint[BlankWidth];
    private byte[] _bytes = new byte[BlankWidth]; // of one line of the memory
    private bool _invalid = true;
    private long _blink;
    private (int First, int Last)? _changed; // neighbouring rows of which the viewers do not know yet

    public VgaPicture(VgaRegisters vga, RamBlock ram, VmClock clock)
    {
        (_vga, _ram, _clock) = (vga, ram, clock);
        _written = ram.Track(DirtyReader.Display);
        _dirty = new bool[ram.Length / RamBlock.PageSize];
        _colors = new VgaColors(vga);
        _text = new VgaText(vga, ram, _colors);
    }

    public string Label => "VGA";

    public DisplaySurface Surface { get; private set; } = new(BlankWidth, BlankHeight);

    public IReadOnlyList<string>? Text => Mode == PictureMode.Text ? _text.Lines() : null;

    private int Shift => _vga.Graphics[ShiftRegister] >> 5 & 3;

    private PictureMode Mode => (_vga.AttributeIndex & Unblanked) == 0 ? PictureMode.Blank
        : (_vga.Graphics[6] & GraphicsMode) != 0 ? PictureMode.Graphics
        : PictureMode.Text;

    /// <summary>The registers changed: all of the picture may.</summary>
    public void Invalidate() => _invalid = true;

    public void Attach(IDisplayViewer viewer)
    {
        _viewers.Add(viewer);
        viewer.Resized(Surface);
    }

    public void Detach(IDisplayViewer viewer) => _viewers.Remove(viewer);

    public void Refresh()
    {
        Array.Clear(_dirty);
        var any = false;
        _written.Take(page => any = _dirty[page] = true);
        long blink = _clock.Now / BlinkPeriod;
        bool blinks = Mode == PictureMode.Text && blink != _blink;
        if (!_invalid && !any && !blinks) return;

        _blink = blink;
        (int width, int height) = Size();
        if (width != Surface.Width || height != Surface.Height)
        {
            (Surface, _row, _invalid) = (new DisplaySurface(width, height), new uint[width], true);
            foreach (IDisplayViewer viewer in _viewers) viewer.Resized(Surface);
        }

        _colors.Update();
        switch (Mode)
        {
            case PictureMode.Text:
                for (var y = 0; y < height; y++)
                {
                    _text.DrawRow(y, _row, blink);
                    Keep(y);
                }

                break;
            case PictureMode.Graphics:
                DrawGraphics(height);
                break;
            default:
                Array.Clear(_row);
                for (var y = 0; y < height; y++) Keep(y);
                break;
        }

        Tell();
        _invalid = false;
    }

    private (int Width, int Height) Size()
    {
        switch (Mode)
        {
            case PictureMode.Text: return _text.Size();
            case PictureMode.Blank: return (Surface.Width, Surface.Height);
        }

        if (_vga.VbeEnabled) return (Math.Max(_vga.Vbe[VbeDispi.Width], (ushort)1), Math.Max(_vga.Vbe[VbeDispi.Height], (ushort)1));
        return ((_vga.Crtc[1] + 1) * (_vga.HalfDotClock && Shift < ColorShift ? 16 : 8), VgaText.VisibleLines(_vga));
    }

    private void DrawGraphics(int height)
    {
        byte[] crtc = _vga.Crtc;
        int doubleScan = _vga.VbeEnabled ? 0 : crtc[9] >> 7, scans = _vga.VbeEnabled ? 1 : ((crtc[9] & 0x1F) + 1) << doubleScan;
        int split = crtc[0x18] | (crtc[7] & 0x10) << 4 | (crtc[9] & 0x40) << 3;
        uint lineLength = _vga.VbeEnabled ? _vga.VbeLineLength : (uint)crtc[0x13] << 3;
        uint start = 4 * (_vga.VbeEnabled ? _vga.VbeStart : (uint)(crtc[0x0C] << 8 | crtc[0x0D]));
        if (!_vga.VbeEnabled) start += 4u * (uint)(crtc[8] >> 5 & 3); // byte panning
        LinePattern pattern = Pattern();

        for (int y = 0, scan = 0; y < height; y++)
        {
            DrawLine(y, LineAddress(start, scan >> doubleScan), pattern);
            if (++scan == scans) (start, scan) = (start + lineLength, 0);
            if (y != split || _vga.VbeEnabled) continue;
            (start, scan) = (0, 0);
            if ((_vga.Attribute[0x10] & StopsPanning) != 0) pattern = pattern with { Panning = 0 };
        }
    }

    private LinePattern Pattern()
    {
        if (_vga.VbeEnabled) return new LinePattern(_vga.VbeDepth, Doubled: false, Panning: 0);
        return new LinePattern(Shift >= ColorShift ? 8 : Shift == CgaShift ? 2 : 4, _vga.HalfDotClock || Shift >= ColorShift, _vga.Attribute[0x13] & 7);
    }

    /// <summary>CGA and Hercules modes have row scan counter bits in place of address bits 13 and 14 (CRTC register 17h).</summary>
    private uint LineAddress(uint address, int scan)
    {
        int bit = 14 + (_vga.Crtc[0x17] >> 6 & 1); // a word of the screen is half as far in this memory as a byte of a plane
        if ((_vga.Crtc[0x17] & 1) == 0) address = (address & ~(1u << bit)) | ((uint)(scan & 1) << bit);
        if ((_vga.Crtc[0x17] & 2) == 0) address = (address & ~(2u << bit)) | ((uint)(scan & 2) << bit);
        return address;
    }

    private void DrawLine(int y, uint address, LinePattern pattern)
    {
        int step = pattern.Doubled ? 1 : 0, pixels = (_row.Length >> step) + 8; // some more, for panning
        int length = pattern.Depth switch { 2 or 4 => ((pixels + 7) / 8 * 4), 8 => pixels, 15 or 16 => pixels * 2, 24 => pixels * 3, _ => pixels * 4 };
        address &= (uint)_ram.Length - 1;
        if (!_invalid && !IsDirty(address, length)) return;
        Span<byte> bytes = Fetch(address, length);
        switch (pattern.Depth)
        {
            case 2 or 4:
                DrawPlanes(bytes, pattern, step);
                break;
            case 8:
                for (var x = 0; x < _row.Length; x++) _row[x] = _colors.Of256(bytes[(x + pattern.Panning) >> step]);
                break;
            default:
                VgaColors.Unpack(bytes, _row, pattern.Depth, _vga.BigEndian);
                break;
        }

        Keep(y);
    }

    /// <summary>Sixteen colours from four planes; or four colours, two bits a pixel, from two pairs of planes (CGA).</summary>
    private void DrawPlanes(Span<byte> bytes, LinePattern pattern, int step)
    {
        for (var i = 0; i < bytes.Length; i++)
            if ((_vga.Attribute[ColorPlaneEnable] >> (i & 3) & 1) == 0) bytes[i] = 0;
        for (var x = 0; x < _row.Length; x++)
        {
            int pixel = (x >> step) + pattern.Panning, group = pixel / 8 * 4, bit = 7 - (pixel & 7), color;
            if (pattern.Depth == 4)
                color = (bytes[group] >> bit & 1) | (bytes[group + 1] >> bit & 1) << 1 | (bytes[group + 2] >> bit & 1) << 2 | (bytes[group + 3] >> bit & 1) << 3;
            else
                color = Pair(bytes, group, pixel & 7) | Pair(bytes, group + 2, pixel & 7) << 2;
            _row[x] = _colors.Of16(color);
        }

        static int Pair(Span<byte> bytes, int at, int pixel) => bytes[at + (pixel >> 2)] >> (6 - ((pixel & 3) * 2)) & 3;
    }

    private bool IsDirty(uint address, int length)
    {
        uint mask = (uint)_dirty.Length - 1;
        for (uint page = address >> RamBlock.PageBits, last = (address + (uint)length - 1) >> RamBlock.PageBits; page <= last; page++)
            if (_dirty[page & mask]) return true;
        return false;
    }

    private Span<byte> Fetch(uint address, int length)
    {
        if (_bytes.Length < length) _bytes = new byte[length];
        for (var done = 0; done < length;)
        {
            ulong at = (address + (uint)done) & (_ram.Length - 1);
            var part = (int)Math.Min((ulong)(length - done), _ram.Length - at);
            _ram.Span(at, part).CopyTo(_bytes.AsSpan(done));
            done += part;
        }

        return _bytes.AsSpan(0, length);
    }

    /// <summary>Takes the scratch row into the picture, if it shows anything new.</summary>
    private void Keep(int y)
    {
        Span<uint> shown = Surface.Row(y);
        if (shown.SequenceEqual(_row)) return;
        _row.CopyTo(shown);
        if (_changed is not { } rows || rows.Last != y - 1) Tell();
        _changed = (_changed?.First ?? y, y);
    }

    /// <summary>Tells the viewers of the rows that have changed.</summary>
    private void Tell()
    {
        if (_changed is not { } rows) return;
        _changed = null;
        foreach (IDisplayViewer viewer in _viewers) viewer.Updated(Surface, 0, rows.First, Surface.Width, rows.Last - rows.First + 1);
    }

    private enum PictureMode
    {
        Blank,
        Text,
        Graphics,
    }

    /// <summary>How a line's bytes make pixels.</summary>
    private readonly record struct LinePattern(int Depth, bool Doubled, int Panning);
}
