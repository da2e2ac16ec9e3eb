using System.Text;
using Rhea.Core.Backends;

namespace Rhea.Backends.Char;

/// <summary>One keyboard and screen for several front ends, a serial port and a monitor most often: Ctrl-A C moves on to the next.</summary>
/// <remarks>All of them write to the screen; only the one in focus hears the keyboard.</remarks>
public sealed class MuxChar : ICharFrontend
{
    private const byte Escape = 1; // Ctrl-A

    private const string Help =
        "C-a h    show these keys\r\nC-a x    end the emulator\r\nC-a s    write disk data back to its file (with -snapshot)\r\n"
        + "C-a t    begin lines with the time, or no longer\r\nC-a b    send a break (magic SysRq)\r\n"
        + "C-a c    go from the console to the monitor, and back\r\nC-a C-a  send C-a\r\n";

    private readonly ICharBackend _terminal;
    private readonly Actions _actions;
    private readonly List<Port> _ports = [];
    private Port? _focus;
    private bool _escaped, _connected, _stamps, _lineBegins = true;

    public MuxChar(ICharBackend terminal, Actions actions)
    {
        (_terminal, _actions) = (terminal, actions);
        terminal.Attach(this);
    }

    public int Room => _focus is null ? 1 : _focus.Frontend is { } frontend ? Math.Max(frontend.Room, _escaped ? 1 : 0) : 1;

    /// <summary>A place for one more front end. The first has the focus.</summary>
    public ICharBackend NewPort()
    {
        var port = new Port(this);
        _ports.Add(port);
        _focus ??= port;
        return port;
    }

    public void Receive(ReadOnlySpan<byte> bytes)
    {
        foreach (byte key in bytes)
        {
            if (_escaped) Command(key);
            else if (key != Escape) Send(key);
            _escaped = !_escaped && key == Escape;
        }
    }

    public void CanWrite()
    {
        foreach (Port port in _ports) port.Frontend?.CanWrite();
    }

    public void Connected(bool open)
    {
        _connected = open;
        foreach (Port port in _ports) port.Frontend?.Connected(open);
    }

    public void Break() => _focus?.Frontend?.Break();

    private void Send(byte key)
    {
        if (_focus?.Frontend is { Room: > 0 } frontend) frontend.Receive([key]);
    }

    private void Command(byte key)
    {
        switch ((char)key)
        {
            case (char)Escape:
                Send(Escape);
                break;
            case 'h' or '?':
                _terminal.Write(Encoding.ASCII.GetBytes(Help));
                break;
            case 'x':
                _terminal.Write("rhea: ended\r\n"u8);
                _actions.Quit();
                break;
            case 's':
                _actions.Commit();
                break;
            case 'b':
                Break();
                break;
            case 't':
                (_stamps, _lineBegins) = (!_stamps, true);
                break;
            case 'c' when _ports.Count > 0:
                _focus?.Frontend?.Focused(false);
                _focus = _ports[(_ports.IndexOf(_focus!) + 1) % _ports.Count];
                _focus.Frontend?.Focused(true);
                break;
        }
    }

    private int Write(ReadOnlySpan<byte> bytes)
    {
        if (!_stamps) return _terminal.Write(bytes);
        for (var i = 0; i < bytes.Length; i++)
        {
            if (_lineBegins) _terminal.Write(Encoding.ASCII.GetBytes($"[{TimeSpan.FromMilliseconds(_actions.Milliseconds()):hh\\:mm\\:ss\\.fff}] "));
            if (_terminal.Write(bytes.Slice(i, 1)) == 0) return i;
            _lineBegins = bytes[i] == '\n';
        }

        return bytes.Length;
    }

    /// <summary>What keys do beyond this terminal.</summary>
    /// <param name="Quit">Ends the emulator.</param>
    /// <param name="Commit">Writes temporary disk data back.</param>
    /// <param name="Milliseconds">The time since the start.</param>
    public sealed record Actions(Action Quit, Action Commit, Func<long> Milliseconds);

    private sealed class Port(MuxChar mux) : ICharBackend
    {
        public ICharFrontend? Frontend { get; private set; }

        public int Write(ReadOnlySpan<byte> bytes) => mux.Write(bytes);

        public void Attach(ICharFrontend? frontend)
        {
            Frontend = frontend;
            if (frontend is null) return;
            frontend.Focused(mux._focus == this);
            if (mux._connected) frontend.Connected(true);
        }

        public void ResumeReading()
        {
            if (mux._focus == this) mux._terminal.ResumeReading();
        }
    }
}
