using Rhea.Core.Backends;
using Rhea.Core.Memory;

namespace Rhea.Block;

/// <summary>The format without a format: byte n of the disk is byte n of the file.</summary>
/// <remarks>
/// When nobody said that the image is raw, its first sector is guarded: a guest that wrote another format's header there would
/// choose the format, and with it the files, of the next start.
/// </remarks>
/// <param name="guarded">The format was guessed.</param>
public sealed class RawNode(string name, BlockNode file, bool guarded) : BlockNode(name, "raw")
{
    public override long Length => file.Length;

    public override bool IsReadOnly => file.IsReadOnly;

    public override IReadOnlyList<(string Role, BlockNode Node)> Children => [("file", file)];

    public override ValueTask ReadAsync(long offset, ScatterList into, CancellationToken cancel) => file.ReadAsync(offset, into, cancel);

    public override async ValueTask WriteAsync(long offset, ScatterList from, CancellationToken cancel)
    {
        if (guarded && offset < FileNode.Sector) await Guard(offset, from, cancel);
        await file.WriteAsync(offset, from, cancel);
    }

    public override ValueTask WriteZeroesAsync(long offset, long length, bool mayUnmap, CancellationToken cancel) =>
        file.WriteZeroesAsync(offset, length, mayUnmap, cancel);

    public override ValueTask DiscardAsync(long offset, long length, CancellationToken cancel) => file.DiscardAsync(offset, length, cancel);

    public override ValueTask FlushAsync(CancellationToken cancel) => file.FlushAsync(cancel);

    private async ValueTask Guard(long offset, ScatterList from, CancellationToken cancel)
    {
        var head = new byte[FileNode.Sector];
        await file.ReadAsync(0, ScatterList.Of(head), cancel);
        ScatterList part = from.Slice(0, Math.Min(from.Length, head.Length - offset));
        part.CopyTo(head.AsSpan((int)offset));
        if (ImageFormat.Recognize(head) is { } format)
            throw new BlockException(BlockError.ReadOnly, $"a write would turn an image of unspecified format into {format}");
    }
}
