namespace Rhea.Host;

/// <summary>A few threads that wait for the host's disks, so that no vCPU does. They come when needed and go when idle.</summary>
public sealed class HostIoThreads : IHostIo
{
    private const int MostThreads = 16;
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly Queue<Request> _waiting = [];
    private readonly SemaphoreSlim _work = new(0);
    private int _threads, _idle;
    private bool _closed;

    public ValueTask Run(Action call, CancellationToken cancel)
    {
        var request = new Request(call, SynchronizationContext.Current, cancel);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            _waiting.Enqueue(request);
            if (_idle < _waiting.Count && _threads < MostThreads)
            {
                _threads++;
                new Thread(Serve) { IsBackground = true, Name = "disk" }.Start();
            }
        }

        _work.Release();
        return new ValueTask(request.Done.Task);
    }

    /// <summary>Returns when the last request has ended: from then on nobody uses its memory.</summary>
    public void Dispose()
    {
        lock (_lock) _closed = true;
        for (var spin = new SpinWait(); ; spin.SpinOnce())
        {
            lock (_lock)
                if (_threads == 0) break;
            _work.Release();
        }

        _work.Dispose();
    }

    private void Serve()
    {
        while (true)
        {
            lock (_lock) _idle++;
            bool called = _work.Wait(Idle);
            Request? next = null;
            lock (_lock)
            {
                _idle--;
                if (!_waiting.TryDequeue(out next) && (!called || _closed))
                {
                    _threads--;
                    return;
                }
            }

            next?.Serve();
        }
    }

    /// <summary>A caller with a context is gone on with in it, from the thread that has done the work.</summary>
    private sealed class Request(Action call, SynchronizationContext? context, CancellationToken cancel)
    {
        private readonly CancellationToken _cancel = cancel;
        private Exception? _error;

        public TaskCompletionSource Done { get; } = new(context is null ? TaskCreationOptions.RunContinuationsAsynchronously : TaskCreationOptions.None);

        public void Serve()
        {
            try
            {
                _cancel.ThrowIfCancellationRequested();
                call();
            }
            catch (Exception error)
            {
                _error = error;
            }

            if (context is null) End(this);
            else context.Send(End, this);
        }

        private static void End(object? request)
        {
            var it = (Request)request!;
            if (it._error is null) it.Done.SetResult();
            else if (it._error is OperationCanceledException) it.Done.SetCanceled(it._cancel);
            else it.Done.SetException(it._error);
        }
    }
}
