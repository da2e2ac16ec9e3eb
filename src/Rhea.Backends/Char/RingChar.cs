using Rhea.Core;
using Rhea.Core.Backends;

namespace Rhea.Backends.Char;

/// <summary>Keeps the last bytes that the guest sent, and sends the guest what a program gives it: the library's end of a serial port.</summary>
public sealed class RingChar : ICharBackend
{
    private readonly byte[] _ring;
    private readonly Queue<byte> _toGuest = [];
    private ICharFrontend? _frontend;
    private long _written;

    /// <param name="length">Bytes kept: a power of two.</param>
    /// <exception cref="ConfigException">It is no power of two.</exception>
    public RingChar(int length = 65536)
    {
        if (length <= 0 || (length & (length - 1)) != 0) throw new ConfigException("size of ringbuf chardev must be power of two");
        _ring = new byte[length];
    }

    /// <summary>Bytes that the guest has sent since the start, kept or not.</summary>
    public long Written => _written;

    /// <summary>On the loop, for every piece that the guest sends.</summary>
    public event Action<ReadOnlyMemory<byte>>? Sent;

    public int Write(ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes) _ring[_written++ & (_ring.Length - 1)] = value;
        Sent?.Invoke(bytes.ToArray());
        return bytes.Length;
    }

    /// <summary>On the loop: what the guest sent from a place in its stream on, as far as it is still kept.</summary>
    public byte[] Read(long from)
    {
        from = Math.Clamp(from, Math.Max(0, _written - _ring.Length), _written);
        var bytes = new byte[_written - from];
        for (var i = 0; i < bytes.Length; i++) bytes[i] = _ring[(from + i) & (_ring.Length - 1)];
        return bytes;
    }

    /// <summary>On the loop: sends the guest bytes, now or when it has room.</summary>
    public void Send(ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes) _toGuest.Enqueue(value);
        ResumeReading();
    }

    public void Attach(ICharFrontend? frontend)
    {
        _frontend = frontend;
        frontend?.Connected(true);
        ResumeReading();
    }

    public void ResumeReading()
    {
        while (_frontend is { Room: > 0 } frontend && _toGuest.TryDequeue(out byte value)) frontend.Receive([value]);
    }
}
