using Rhea.Core.Memory;

namespace Rhea.Block;

/// <summary>A node of the block graph: a file, a format, a filter. Each has a name, and passes requests to the nodes below it.</summary>
/// <remarks>
/// Ranges lie inside <see cref="Length"/>: whoever is on top has checked. Requests of one range may overlap in time, as they may
/// on a disk. All of the graph runs on the machine loop; only the host's own calls happen elsewhere.
/// </remarks>
/// <param name="name">As <c>-blockdev node-name=</c> gives it, or "#block123".</param>
/// <param name="driver">As <c>-blockdev driver=</c> gives it: "file", "raw".</param>
public abstract class BlockNode(string name, string driver) : IDisposable
{
    public string Name => name;

    public string Driver => driver;

    /// <summary>In bytes, a multiple of 512.</summary>
    public abstract long Length { get; }

    public abstract bool IsReadOnly { get; }

    /// <summary>The nodes below, by the role they have there: "file", "backing".</summary>
    public virtual IReadOnlyList<(string Role, BlockNode Node)> Children => [];

    /// <summary>The host's file with the image, at the bottom: of an overlay, the one that it leaves alone.</summary>
    internal FileNode Image => this as FileNode ?? Children[^1].Node.Image;

    public abstract ValueTask ReadAsync(long offset, ScatterList into, CancellationToken cancel);

    public abstract ValueTask WriteAsync(long offset, ScatterList from, CancellationToken cancel);

    public abstract ValueTask WriteZeroesAsync(long offset, long length, bool mayUnmap, CancellationToken cancel);

    /// <summary>The guest needs the range no more. A node that cannot do anything with that does nothing.</summary>
    public abstract ValueTask DiscardAsync(long offset, long length, CancellationToken cancel);

    public abstract ValueTask FlushAsync(CancellationToken cancel);

    public virtual void Dispose() => GC.SuppressFinalize(this);
}
