using Rhea.Block;
using Rhea.Core.Backends;
using Rhea.Core.Memory;

namespace Rhea.Tests.Block;

/// <summary>A filter that keeps requests until a test lets them go, and lets them fail, as QEMU's "blkdebug" does.</summary>
internal sealed class HeldNode(BlockNode below) : BlockNode("held", "blkdebug")
{
    private readonly Queue<TaskCompletionSource> _held = [];

    public bool Holds { get; set; }

    public BlockError? Fails { get; set; }

    public int Waiting => _held.Count;

    public override long Length => below.Length;

    public override bool IsReadOnly => below.IsReadOnly;

    public void Release() => _held.Dequeue().SetResult();

    public override ValueTask ReadAsync(long offset, ScatterList into, CancellationToken cancel) => Pass(() => below.ReadAsync(offset, into, cancel));

    public override ValueTask WriteAsync(long offset, ScatterList from, CancellationToken cancel) => Pass(() => below.WriteAsync(offset, from, cancel));

    public override ValueTask WriteZeroesAsync(long offset, long length, bool mayUnmap, CancellationToken cancel) =>
        Pass(() => below.WriteZeroesAsync(offset, length, mayUnmap, cancel));

    public override ValueTask DiscardAsync(long offset, long length, CancellationToken cancel) => Pass(() => below.DiscardAsync(offset, length, cancel));

    public override ValueTask FlushAsync(CancellationToken cancel) => Pass(() => below.FlushAsync(cancel));

    private async ValueTask Pass(Func<ValueTask> request)
    {
        if (Holds)
        {
            var held = new TaskCompletionSource();
            _held.Enqueue(held);
            await held.Task;
        }

        if (Fails is { } error) throw new BlockException(error, "injected");
        await request();
    }
}
