using Rhea.Core.Backends;
using Rhea.Core.Machines;

namespace Rhea.Control.Monitor;

/// <summary>A monitor's side of a character device: what it says waits here until the device takes it.</summary>
/// <remarks>A reader that never reads costs a bounded queue: then the monitor hangs up on it.</remarks>
internal sealed class MonitorPort(ICharBackend backend, MachineLoop loop)
{
    private const int Longest = 16 * 1024 * 1024;

    private readonly Queue<byte[]> _queue = [];
    private long _queued;
    private int _sent; // of the first in the queue

    /// <summary>Any thread.</summary>
    public void Send(byte[] bytes)
    {
        using MachineLoop.Held held = loop.Enter();
        if (_queued + bytes.Length > Longest) return;
        _queue.Enqueue(bytes);
        _queued += bytes.Length;
        Flush();
    }

    /// <summary>On the loop.</summary>
    public void Flush()
    {
        while (_queue.TryPeek(out byte[]? first))
        {
            int taken = backend.Write(first.AsSpan(_sent));
            (_sent, _queued) = (_sent + taken, _queued - taken);
            if (_sent < first.Length) return;
            _queue.Dequeue();
            _sent = 0;
        }
    }

    /// <summary>On the loop: the reader has gone.</summary>
    public void Clear()
    {
        _queue.Clear();
        (_queued, _sent) = (0, 0);
    }
}
