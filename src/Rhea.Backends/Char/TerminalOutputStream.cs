using System.Text;

namespace Rhea.Backends.Char;

/// <summary>Keeps what was on the user's terminal before: a guest that clears the screen scrolls it away instead, and one that
/// switches line wrap off or resets the terminal is not obeyed. What modes it changes besides are changed back at the end.</summary>
/// <remarks>Firmware and boot loaders do all three (SeaBIOS: ESC c, ESC [?7l, ESC [2J). Sequences: ECMA-48 5.4, DEC VT220.</remarks>
public sealed class TerminalOutputStream(Stream inner, int rows) : Stream
{
    private const byte Esc = 0x1B;
    private const int LongestSequence = 32, MostModes = 16;
    private const int LineWrap = 7, Cursor = 25;

    private readonly MemoryStream _out = new();
    private readonly byte[] _sequence = new byte[LongestSequence];
    private readonly SortedDictionary<int, bool> _modes = []; // DEC private modes that the guest has changed, and how
    private int _length;                                      // of the control sequence that has begun
    private bool _cursorIsHome, _scrollRegion;

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

    /// <summary>Ends with plain letters, a cursor, line wrap, and all that the guest has changed as it was.</summary>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            try
            {
                inner.Write(Encoding.ASCII.GetBytes(Ending()));
            }
            catch (IOException)
            {
                // the terminal has gone
            }

            inner.Dispose();
        }

        base.Dispose(disposing);
    }

    private string Ending()
    {
        var text = new StringBuilder("\e[0m");
        if (_scrollRegion) text.Append("\e7\e[r\e8");
        foreach ((int mode, bool on) in _modes) text.Append($"\e[?{mode}{(on ? 'l' : 'h')}");
        return text.Append("\e[?25h\e[?7h").ToString();
    }

    private void Put(byte value)
    {
        if (_length == 0 && value != Esc)
        {
            _cursorIsHome = false;
            _out.WriteByte(value);
            return;
        }

        _sequence[_length++] = value;
        bool more = _length == 1 || (_length == 2 && value == '[') || (_length > 2 && value is >= 0x20 and < 0x40);
        if (more && _length < LongestSequence) return;
        ReadOnlySpan<byte> sequence = _sequence.AsSpan(0, _length);
        _length = 0;
        if (sequence.SequenceEqual("\ec"u8)) _out.Write("\e[0m"u8);
        else if (sequence.Length > 2 && sequence[1] == '[') Control(sequence, Encoding.ASCII.GetString(sequence[2..^1]), (char)sequence[^1]);
        else _out.Write(sequence);
    }

    private void Control(ReadOnlySpan<byte> sequence, string parameters, char final)
    {
        bool home = _cursorIsHome;
        _cursorIsHome = final == 'H' && parameters is "" or "1;1" or "0;0" or ";";
        switch (final)
        {
            case 'J' when parameters == "2" || (home && parameters is "" or "0"):
                ScrollAway();
                _cursorIsHome = home;
                break;
            case 'J' when parameters == "3": // what has scrolled away
                break;
            case 'h' or 'l' when parameters.StartsWith('?'):
                Mode(parameters[1..].Split(';'), final == 'h');
                break;
            case 'r':
                _scrollRegion = true;
                goto default;
            default:
                _out.Write(sequence);
                break;
        }
    }

    private void Mode(string[] numbers, bool on)
    {
        foreach (string number in numbers)
        {
            if (!int.TryParse(number, out int mode) || mode == LineWrap) continue;
            bool usual = mode == Cursor;
            if (on == usual) _modes.Remove(mode);
            else if (_modes.Count < MostModes) _modes[mode] = on;
            else if (!_modes.ContainsKey(mode)) continue;
            _out.Write(Encoding.ASCII.GetBytes($"\e[?{mode}{(on ? 'h' : 'l')}"));
        }
    }

    private void ScrollAway()
    {
        _out.Write(Encoding.ASCII.GetBytes($"\e7\e[{rows};1H"));
        for (var i = 0; i < rows; i++) _out.WriteByte((byte)'\n');
        _out.Write("\e8"u8);
    }
}
