namespace Rhea.Host;

/// <summary>Who waits for the host's disks.</summary>
public interface IHostIo : IDisposable
{
    /// <summary>Has a blocking call made. Given up before it began, it ends cancelled; once begun it ends when the call does.</summary>
    ValueTask Run(Action call, CancellationToken cancel);
}

/// <summary>The caller itself waits: for tools, and wherever the order of things must be the same every time.</summary>
public sealed class HostIoHere : IHostIo
{
    public ValueTask Run(Action call, CancellationToken cancel)
    {
        if (cancel.IsCancellationRequested) return ValueTask.FromCanceled(cancel);
        try
        {
            call();
            return default;
        }
        catch (Exception error)
        {
            return ValueTask.FromException(error);
        }
    }

    public void Dispose()
    {
    }
}
