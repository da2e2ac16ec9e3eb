using System.Collections.Concurrent;
using System.Text;
using Rhea.Core.Backends;
using Xunit;

namespace Rhea.Tests.Backends;

/// <summary>A loop that the test turns itself: what host threads post waits until the test asks for it.</summary>
internal sealed class TestLoop : SynchronizationContext
{
    private readonly BlockingCollection<Action> _posted = [];

    public override void Post(SendOrPostCallback d, object? state) => _posted.Add(() => d(state));

    /// <summary>Turns until something has come true; a hang is a failure.</summary>
    public void Until(Func<bool> done)
    {
        while (!done())
        {
            Assert.True(_posted.TryTake(out Action? next, TimeSpan.FromSeconds(10)), "nothing happens");
            next!();
        }
    }
}

/// <summary>A guest that writes down what it hears, with as much room as the test gives it.</summary>
internal sealed class Listener(ICharBackend backend, int room = int.MaxValue) : ICharFrontend
{
    private readonly StringBuilder _heard = new();

    public string Heard => _heard.ToString();

    public bool IsConnected { get; private set; }

    public int Breaks { get; private set; }

    public bool? HasFocus { get; private set; }

    public int Room { get; private set; } = room;

    public void MakeRoom(int more)
    {
        Room += more;
        backend.ResumeReading();
    }

    public void Receive(ReadOnlySpan<byte> bytes)
    {
        if (Room != int.MaxValue) Room -= bytes.Length;
        _heard.Append(Encoding.Latin1.GetString(bytes));
    }

    public void CanWrite()
    {
    }

    public void Connected(bool open) => IsConnected = open;

    public void Break() => Breaks++;

    public void Focused(bool focus) => HasFocus = focus;
}
