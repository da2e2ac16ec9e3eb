using System.Text;
using Rhea.Core.Backends;

namespace Rhea.Tests.Devices;

/// <summary>The far end of a serial line: keeps what it is sent, and can be full.</summary>
internal sealed class TestWire : ICharBackend
{
    private readonly StringBuilder _received = new();

    public string Received => _received.ToString();

    /// <summary>How many more bytes it takes.</summary>
    public int Room { get; set; } = int.MaxValue;

    public ICharFrontend? Device { get; private set; }

    public int Resumed { get; private set; }

    public int Write(ReadOnlySpan<byte> bytes)
    {
        int taken = Math.Min(bytes.Length, Room);
        _received.Append(Encoding.Latin1.GetString(bytes[..taken]));
        Room -= taken;
        return taken;
    }

    public void Attach(ICharFrontend? frontend) => Device = frontend;

    public void ResumeReading() => Resumed++;
}
