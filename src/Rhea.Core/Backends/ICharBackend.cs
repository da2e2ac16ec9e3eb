namespace Rhea.Core.Backends;

/// <summary>The host's end of a byte stream: pty, socket, stdio, file, ring buffer. All calls are on the loop.</summary>
public interface ICharBackend
{
    /// <summary>How many of the bytes were taken; the rest is offered again when <see cref="ICharFrontend.CanWrite"/> is called.</summary>
    int Write(ReadOnlySpan<byte> bytes);

    /// <summary>One front end at a time; null lets go.</summary>
    void Attach(ICharFrontend? frontend);

    /// <summary>The front end has room again after <see cref="ICharFrontend.Room"/> was short.</summary>
    void ResumeReading();
}

/// <summary>The guest's end: a serial port, a console, a monitor.</summary>
public interface ICharFrontend
{
    /// <summary>How many bytes may be received now.</summary>
    int Room { get; }

    void Receive(ReadOnlySpan<byte> bytes);

    void CanWrite();

    /// <summary>Somebody is (or no longer is) at the other end.</summary>
    void Connected(bool open);

    /// <summary>A break condition on the line.</summary>
    void Break();

    /// <summary>On a terminal that several share: the keyboard goes here now, or to another.</summary>
    void Focused(bool focus)
    {
    }
}
