using Rhea.Host;
using Xunit;

namespace Rhea.Tests.Block;

public class HostIoThreadsTests
{
    [Fact]
    public async Task Calls_run_elsewhere_and_together()
    {
        using var io = new HostIoThreads();
        using var both = new Barrier(2);
        int here = Environment.CurrentManagedThreadId;
        var threads = new int[2];

        await Task.WhenAll(Call(0), Call(1));

        Assert.Distinct([here, .. threads]);

        Task Call(int number) => io.Run(() =>
        {
            threads[number] = Environment.CurrentManagedThreadId;
            Assert.True(both.SignalAndWait(TimeSpan.FromSeconds(20)));
        }, TestContext.Current.CancellationToken).AsTask();
    }

    [Fact]
    public async Task An_exception_is_the_requests_result()
    {
        using var io = new HostIoThreads();

        await Assert.ThrowsAsync<HostException>(async () => await io.Run(() => throw new HostException(5), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_request_given_up_while_it_waits_is_never_made()
    {
        using var io = new HostIoThreads();
        using var release = new ManualResetEventSlim();
        using var cancel = new CancellationTokenSource();
        var made = false;
        Task[] blocking = [.. Enumerable.Range(0, 16).Select(_ => io.Run(release.Wait, default).AsTask())];
        Task given = io.Run(() => made = true, cancel.Token).AsTask();

        cancel.Cancel();
        release.Set();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given);
        await Task.WhenAll(blocking);
        Assert.False(made);
    }

    [Fact]
    public async Task Closing_waits_for_the_last_request()
    {
        var io = new HostIoThreads();
        using var release = new ManualResetEventSlim();
        var done = false;
        Task request = io.Run(() =>
        {
            release.Wait(TestContext.Current.CancellationToken);
            Volatile.Write(ref done, true);
        }, TestContext.Current.CancellationToken).AsTask();
        var closing = Task.Run(io.Dispose, TestContext.Current.CancellationToken);
        var later = Task.Delay(TimeSpan.FromMilliseconds(50), TestContext.Current.CancellationToken);
        Assert.Same(later, await Task.WhenAny(closing, later));

        release.Set();
        await closing;

        Assert.True(done);
        await request;
    }
}
