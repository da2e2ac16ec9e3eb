using System.Text;

namespace Rhea.Backends.Char;

/// <summary>Keeps what was on the user's terminal before: a guest that clears the screen scrolls it away instead, and one that
/// switches line wrap off or resets the terminal is not obeyed.</summary>
/// <remarks>Firmware and boot loaders do all three (SeaBIOS: ESC c, ESC [?7l, ESC [2J).</remarks>
public sealed class TerminalOutputStream(Stream inner, int rows) : Stream
{
    private const byte Esc = 0x1B;
    private const int LongestSequence = 16;

    private readonly MemoryStream _out = new();
    private readonly byte[] _sequence = new byte[LongestSequence];
    private int _length; // of the control sequence that has begun

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(byte[] buffer, int offset, int count)
    {
        foreach (byte value in buffer.AsSpan(offset, count)) Put(value);
        inner.Write(_out.GetBuffer(), 0, (int)_out.Length);
        _out.SetLength(0);
    }

    public override void Flush() => inner.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>Ends with plain letters, a cursor, and line wrap.</summary>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            try
            {
                inner.Write("\e[0m\e[?25h\e[?7h"u8);
            }
            catch (IOException)
            {
                // the terminal has gone
            }

            inner.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Put(byte value)
    {
        if (_length == 0 && value != Esc)
        {
            _out.WriteByte(value);
            return;
        }

        _sequence[_length++] = value;
        bool more = _length == 1 || (_length == 2 && value == '[') || (_length > 2 && value is >= 0x20 and < 0x40);
        if (more && _length < LongestSequence) return;
        ReadOnlySpan<byte> sequence = _sequence.AsSpan(0, _length);
        _length = 0;
        if (sequence.SequenceEqual("\ec"u8)) _out.Write("\e[0m"u8);
        else if (sequence.SequenceEqual("\e[2J"u8)) ScrollAway();
        else if (!sequence.SequenceEqual("\e[?7l"u8) && !sequence.SequenceEqual("\e[3J"u8)) _out.Write(sequence);
    }

    private void ScrollAway()
    {
        _out.Write(Encoding.ASCII.GetBytes($"\e7\e[{rows};1H"));
        for (var i = 0; i < rows; i++) _out.WriteByte((byte)'\n');
        _out.Write("\e8"u8);
    }
}
