using System.Numerics;
using Rhea.Core.Memory;

namespace Rhea.Block;

/// <summary>Takes the writes that an image must not see: <c>snapshot=on</c>. What was written lies in a temporary file, the rest below.</summary>
/// <remarks>
/// The disk is divided into clusters of 64 KiB; one bit for each says which file has it. A write to part of a cluster first copies
/// the rest up, so writes go one after the other. The temporary file has holes where nothing was written.
/// </remarks>
public sealed class OverlayNode(string name, BlockNode backing, BlockNode file) : BlockNode(name, "overlay")
{
    private const int ClusterBits = 16, Cluster = 1 << ClusterBits;

    private readonly ulong[] _written = new ulong[((backing.Length - 1 >> ClusterBits) >> 6) + 1];
    private readonly SemaphoreSlim _writing = new(1);

    public override long Length => backing.Length;

    public override bool IsReadOnly => false;

    public override IReadOnlyList<(string Role, BlockNode Node)> Children => [("file", file), ("backing", backing)];

    /// <summary>Bytes of the temporary file in use.</summary>
    public long Allocated => _written.Sum(word => (long)BitOperations.PopCount(word)) << ClusterBits;

    public override async ValueTask ReadAsync(long offset, ScatterList into, CancellationToken cancel)
    {
        for (long done = 0; done < into.Length;)
        {
            bool written = IsWritten(offset + done);
            long end = offset + done;
            while (end < offset + into.Length && IsWritten(end) == written) end = ((end >> ClusterBits) + 1) << ClusterBits;
            long length = Math.Min(end, offset + into.Length) - offset - done;
            await (written ? file : backing).ReadAsync(offset + done, into.Slice(done, length), cancel);
            done += length;
        }
    }

    public override async ValueTask WriteAsync(long offset, ScatterList from, CancellationToken cancel)
    {
        await _writing.WaitAsync(cancel);
        try
        {
            await CopyUp(offset, offset + from.Length, cancel);
            await file.WriteAsync(offset, from, cancel);
            MarkWritten(offset, offset + from.Length);
        }
        finally
        {
            _writing.Release();
        }
    }

    public override async ValueTask WriteZeroesAsync(long offset, long length, bool mayUnmap, CancellationToken cancel)
    {
        await _writing.WaitAsync(cancel);
        try
        {
            await CopyUp(offset, offset + length, cancel);
            await file.WriteZeroesAsync(offset, length, mayUnmap: true, cancel);
            MarkWritten(offset, offset + length);
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>The image below must not shine through what was discarded, so the range is kept.</summary>
    public override ValueTask DiscardAsync(long offset, long length, CancellationToken cancel) => default;

    /// <summary>Nothing here survives the process.</summary>
    public override ValueTask FlushAsync(CancellationToken cancel) => default;

    /// <summary>Writes all that was kept here to the image below, which must be writable, and keeps nothing more.</summary>
    public async ValueTask CommitAsync(CancellationToken cancel)
    {
        await _writing.WaitAsync(cancel);
        try
        {
            var buffer = new byte[Cluster];
            for (long start = 0; start < Length; start += Cluster)
            {
                if (!IsWritten(start)) continue;
                ScatterList cluster = ScatterList.Of(buffer).Slice(0, Math.Min(Cluster, Length - start));
                await file.ReadAsync(start, cluster, cancel);
                await backing.WriteAsync(start, cluster, cancel);
            }

            await backing.FlushAsync(cancel);
            Array.Clear(_written);
        }
        finally
        {
            _writing.Release();
        }
    }

    public override void Dispose()
    {
        _writing.Dispose();
        base.Dispose();
    }

    private bool IsWritten(long offset) => (_written[offset >> ClusterBits >> 6] >> (int)(offset >> ClusterBits & 63) & 1) != 0;

    private void MarkWritten(long start, long end)
    {
        for (long cluster = start >> ClusterBits; cluster << ClusterBits < end; cluster++) _written[cluster >> 6] |= 1UL << (int)(cluster & 63);
    }

    /// <summary>Copies the first and the last cluster of a range that does not cover them.</summary>
    private async ValueTask CopyUp(long start, long end, CancellationToken cancel)
    {
        if ((start & (Cluster - 1)) != 0) await CopyUp(start, cancel);
        if ((end & (Cluster - 1)) != 0 && end != Length) await CopyUp(end, cancel);
    }

    private async ValueTask CopyUp(long offset, CancellationToken cancel)
    {
        if (IsWritten(offset)) return;
        long start = offset & -Cluster;
        ScatterList cluster = ScatterList.Of(new byte[Math.Min(Cluster, Length - start)]);
        await backing.ReadAsync(start, cluster, cancel);
        await file.WriteAsync(start, cluster, cancel);
        MarkWritten(start, start + cluster.Length);
    }
}
