namespace Rhea.Backends.Char;

/// <summary>Takes the telnet commands (RFC 854) out of what a client sends; the plain bytes are left.</summary>
public sealed class TelnetInputStream(Stream inner) : Stream
{
    private const byte Iac = 255, Will = 251, Dont = 254, SubnegotiationBegin = 250, SubnegotiationEnd = 240;

    private State _state;

    private enum State
    {
        Data,
        Command,
        Option,
        Subnegotiation,
        SubnegotiationCommand,
    }

    /// <summary>IAC WILL ECHO, IAC WILL SUPPRESS-GO-AHEAD, IAC WILL BINARY, IAC DO BINARY: single characters, as they are.</summary>
    public static ReadOnlySpan<byte> Greeting => [Iac, Will, 1, Iac, Will, 3, Iac, Will, 0, Iac, 253, 0];

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count)
    {
        while (true)
        {
            int read = inner.Read(buffer, offset, count), kept = 0;
            if (read == 0) return 0;
            for (var i = 0; i < read; i++)
                if (IsData(buffer[offset + i])) buffer[offset + kept++] = buffer[offset + i];
            if (kept > 0) return kept;
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) inner.Dispose();
        base.Dispose(disposing);
    }

    private bool IsData(byte value)
    {
        bool data = (_state == State.Data && value != Iac) || (_state == State.Command && value == Iac);
        _state = (_state, value) switch
        {
            (State.Data, Iac) => State.Command,
            (State.Command, >= Will and <= Dont) => State.Option,
            (State.Command, SubnegotiationBegin) => State.Subnegotiation,
            (State.Subnegotiation, Iac) => State.SubnegotiationCommand,
            (State.Subnegotiation, _) => State.Subnegotiation,
            (State.SubnegotiationCommand, SubnegotiationEnd) => State.Data,
            (State.SubnegotiationCommand, _) => State.Subnegotiation,
            _ => State.Data,
        };
        return data;
    }
}
