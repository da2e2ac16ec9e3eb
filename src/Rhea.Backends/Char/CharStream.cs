using Rhea.Core.Backends;

namespace Rhea.Backends.Char;

/// <summary>Joins a stream of the host to a front end on the machine loop: what the host sends waits until there is room for it,
/// what the guest sends waits until the host takes it.</summary>
/// <remarks>
/// The host's side blocks, so it has threads of its own: one reads, and hands over one piece at a time; another writes. While no
/// stream is open what the guest sends is lost, as on a plug with nothing in it.
/// </remarks>
/// <param name="loop">Where the front end is called.</param>
public sealed class CharStream(SynchronizationContext loop) : ICharBackend, IDisposable
{
    private const int PieceLength = 4096, QueueLength = 64 * 1024;
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(2);

    private readonly object _gate = new(); // also what threads wait on
    private readonly Queue<byte> _queue = new();
    private ICharFrontend? _frontend;
    private Connection? _connection;
    private bool _frontendWaits;

    public bool IsOpen => _connection is not null;

    /// <summary>On the loop: the other end has gone.</summary>
    public event Action? Closed;

    /// <summary>On the loop: begins with a stream that has somebody at its other end.</summary>
    /// <param name="input">Null when nothing ever comes.</param>
    /// <param name="output">Null when nobody listens.</param>
    /// <param name="outlivesInput">The end of the input is not the end of the output.</param>
    public void Open(Stream? input, Stream? output, bool outlivesInput = false)
    {
        Close();
        _connection = new Connection(this, input, output, outlivesInput);
        _connection.Start();
        _frontend?.Connected(true);
    }

    /// <summary>On the loop: writes what is left, if the other end still takes it, and lets go of the stream.</summary>
    public void Close()
    {
        if (_connection is not { } connection) return;
        _connection = null;
        connection.Close(LastWords);
        lock (_gate) _queue.Clear();
        _frontend?.Connected(false);
    }

    public void Attach(ICharFrontend? frontend)
    {
        _frontend = frontend;
        if (frontend is null) return;
        if (IsOpen) frontend.Connected(true);
        _connection?.Deliver();
    }

    public int Write(ReadOnlySpan<byte> bytes)
    {
        if (_connection is not { HasOutput: true }) return bytes.Length;
        lock (_gate)
        {
            int taken = Math.Min(bytes.Length, QueueLength - _queue.Count);
            foreach (byte value in bytes[..taken]) _queue.Enqueue(value);
            _frontendWaits |= taken < bytes.Length;
            Monitor.PulseAll(_gate);
            return taken;
        }
    }

    public void ResumeReading() => _connection?.Deliver();

    public void Dispose()
    {
        _frontend = null;
        Close();
    }

    private void OnLoop(Action work) => loop.Post(static state => ((Action)state!)(), work);

    /// <summary>One stream while it is open, with the threads that wait for the host.</summary>
    private sealed class Connection(CharStream owner, Stream? input, Stream? output, bool outlivesInput)
    {
        private readonly byte[] _piece = new byte[PieceLength];
        private int _from, _to; // what of the piece the front end has not had yet
        private bool _closing, _writing;

        public bool HasOutput => output is not null;

        public void Start()
        {
            if (input is not null) new Thread(Read) { IsBackground = true, Name = "character device, reading" }.Start();
            if (output is not null) new Thread(WriteAll) { IsBackground = true, Name = "character device, writing" }.Start();
        }

        /// <summary>On the loop: gives the front end as much of the piece as it has room for.</summary>
        public void Deliver()
        {
            while (_from < _to && owner._connection == this && owner._frontend is { } frontend)
            {
                int count = Math.Min(frontend.Room, _to - _from);
                if (count <= 0) return;
                ReadOnlySpan<byte> part = _piece.AsSpan(_from, count);
                _from += count;
                frontend.Receive(part);
            }

            lock (owner._gate) Monitor.PulseAll(owner._gate);
        }

        public void Close(TimeSpan patience)
        {
            long end = Environment.TickCount64 + (long)patience.TotalMilliseconds;
            lock (owner._gate)
            {
                while (output is not null && (_writing || owner._queue.Count > 0) && Environment.TickCount64 < end)
                    Monitor.Wait(owner._gate, (int)Math.Max(1, end - Environment.TickCount64));
                _closing = true;
                Monitor.PulseAll(owner._gate);
            }

            input?.Dispose();
            output?.Dispose();
        }

        private void Read()
        {
            while (true)
            {
                int count = ReadPiece();
                lock (owner._gate)
                {
                    if (_closing) return;
                    if (count > 0) (_from, _to) = (0, count);
                }

                if (count > 0) owner.OnLoop(Deliver);
                else if (!outlivesInput) owner.OnLoop(Ended);
                if (count == 0) return;
                lock (owner._gate)
                {
                    while (_from < _to && !_closing) Monitor.Wait(owner._gate);
                    if (_closing) return;
                }
            }
        }

        private int ReadPiece()
        {
            try
            {
                return input!.Read(_piece);
            }
            catch (Exception error) when (error is IOException or ObjectDisposedException)
            {
                return 0;
            }
        }

        private void WriteAll()
        {
            var part = new byte[PieceLength];
            while (Take(part) is > 0 and int count)
            {
                try
                {
                    output!.Write(part, 0, count);
                    output.Flush();
                }
                catch (Exception error) when (error is IOException or ObjectDisposedException)
                {
                    owner.OnLoop(Ended);
                    lock (owner._gate)
                    {
                        _writing = false;
                        owner._queue.Clear(); // nobody takes the rest
                        Monitor.PulseAll(owner._gate);
                    }

                    return;
                }
            }
        }

        /// <summary>Waits for something to write; 0 when the connection closes.</summary>
        private int Take(byte[] part)
        {
            lock (owner._gate)
            {
                _writing = false;
                Monitor.PulseAll(owner._gate);
                while (owner._queue.Count == 0 && !_closing) Monitor.Wait(owner._gate);
                if (_closing) return 0;
                var count = 0;
                while (count < part.Length && owner._queue.TryDequeue(out byte value)) part[count++] = value;
                _writing = true;
                if (owner._frontendWaits) owner.OnLoop(() => owner._frontend?.CanWrite());
                owner._frontendWaits = false;
                return count;
            }
        }

        private void Ended()
        {
            if (owner._connection != this) return;
            lock (owner._gate) owner._queue.Clear();
            owner.Close();
            owner.Closed?.Invoke();
        }
    }
}
