namespace Rhea.Block;

/// <summary>What a drive has done so far, as <c>query-blockstats</c> tells it.</summary>
public sealed class BlockStatistics
{
    public long BytesRead { get; private set; }

    public long BytesWritten { get; private set; }

    public long Reads { get; private set; }

    public long Writes { get; private set; }

    public long Flushes { get; private set; }

    public long FailedReads { get; private set; }

    public long FailedWrites { get; private set; }

    internal void CountRead(long bytes) => (Reads, BytesRead) = (Reads + 1, BytesRead + bytes);

    internal void CountWrite(long bytes) => (Writes, BytesWritten) = (Writes + 1, BytesWritten + bytes);

    internal void CountFlush() => Flushes++;

    internal void CountFailure(bool writing)
    {
        if (writing) FailedWrites++;
        else FailedReads++;
    }
}
