using System.Text;
using Rhea.Core;
using Rhea.Core.Backends;
using Rhea.Core.Machines;
using Rhea.Core.Monitor;

namespace Rhea.Block;

/// <summary>Drives and their media, as monitors see them.</summary>
public static class BlockCommands
{
    [QmpCommand("query-block")]
    public static IReadOnlyList<BlockInfo> Query(BlockGraph graph, Machine machine)
    {
        using MachineLoop.Held held = machine.Loop.Enter();
        return [.. graph.Drives.Values.Select(drive => Describe(drive, machine))];
    }

    [QmpCommand("query-named-block-nodes")]
    public static IReadOnlyList<BlockDeviceInfo> QueryNodes(BlockGraph graph, Machine machine)
    {
        using MachineLoop.Held held = machine.Loop.Enter();
        return [.. graph.Nodes.Values.Reverse().Select(node => Describe(node, writeCache: true))];
    }

    [QmpCommand("query-blockstats")]
    public static IReadOnlyList<BlockStats> QueryStatistics(BlockGraph graph, Machine machine)
    {
        using MachineLoop.Held held = machine.Loop.Enter();
        return [.. graph.Drives.Values.Select(drive => new BlockStats(drive.Id, drive.Root?.Name, OwnerOf(drive.Id, machine), Count(drive.Statistics)))];
    }

    [QmpCommand("query-block-jobs")]
    public static IReadOnlyList<BlockJobInfo> QueryJobs() => [];

    [HmpCommand("info block", "[device]", "show info of one block device or all block devices")]
    public static string Show(BlockGraph graph, Machine machine, string? device = null)
    {
        using MachineLoop.Held held = machine.Loop.Enter();
        return string.Join('\n', graph.Drives.Values.Where(drive => device is null || drive.Id == device).Select(drive => Line(Describe(drive, machine))));
    }

    [HmpCommand("info blockstats", "", "show block device statistics")]
    public static string ShowStatistics(BlockGraph graph, Machine machine)
    {
        using MachineLoop.Held held = machine.Loop.Enter();
        return string.Concat(graph.Drives.Values.Select(drive => (drive.Id, drive.Statistics)).Select(pair =>
            $"{pair.Id}: rd_bytes={pair.Statistics.BytesRead} wr_bytes={pair.Statistics.BytesWritten} rd_operations={pair.Statistics.Reads} " +
            $"wr_operations={pair.Statistics.Writes} flush_operations={pair.Statistics.Flushes}\n"));
    }

    /// <summary>Keeps for good what drives with <c>snapshot=on</c> have written so far, and waits for it.</summary>
    [HmpCommand("commit", "device|all", "commit changes to the disk images (if -snapshot is used) or backing files")]
    public static void Commit(BlockGraph graph, Machine machine, string device)
    {
        BlockBackend[] drives = device == "all" ? [.. graph.Drives.Values]
            : graph.Drives.TryGetValue(device, out BlockBackend? one) ? [one]
            : throw new ConfigException($"Device '{device}' not found");
        Exception? failure = null;
        machine.Loop.Start(async cancel =>
        {
            foreach (BlockBackend drive in drives)
            {
                try
                {
                    await BlockGraph.CommitAsync(drive, cancel);
                }
                catch (Exception error) when (error is ConfigException or BlockException)
                {
                    failure = new ConfigException($"'commit' error for '{drive.Id}': {error.Message}", error);
                }
            }
        });
        machine.Loop.Drain();
        if (failure is not null) throw failure;
    }

    private static BlockInfo Describe(BlockBackend drive, Machine machine)
    {
        string? owner = OwnerOf(drive.Id, machine);
        return new BlockInfo(
            drive.Id, owner, "unknown", drive.IsRemovable, drive.TrayLocked,
            drive.Root is { } top ? Describe(top, drive.WriteCache) : null,
            drive.HasTray ? drive.TrayOpen : null,
            owner is null || drive.Root is null ? null : drive.Status);
    }

    private static BlockDeviceInfo Describe(BlockNode node, bool writeCache)
    {
        FileNode file = node.Image;
        return new BlockDeviceInfo(file.Path, node.Name, node.IsReadOnly, node.Driver, new CacheInfo(writeCache, file.IsDirect, !file.Flushes),
            new ImageInfo(file.Path, node.Driver, node.Length, DirtyFlag: false));
    }

    private static string Line(BlockInfo drive)
    {
        var text = new StringBuilder(drive.Device);
        text.Append(drive.Inserted is { } medium
            ? $" ({medium.NodeName}): {medium.File} ({medium.Drv}{(medium.Ro ? ", read-only" : "")})\n"
            : ": [not inserted]\n");
        if (drive.Qdev is { } device) text.Append($"    Attached to:      {device}\n");
        if (drive.Removable) text.Append($"    Removable device: {(drive.Locked ? "" : "not ")}locked, tray {(drive.TrayOpen == true ? "open" : "closed")}\n");
        if (drive.IoStatus is { } status and not BlockIoStatus.Ok) text.Append($"    I/O status:       {(status == BlockIoStatus.NoSpace ? "nospace" : "failed")}\n");
        if (drive.Inserted is { Cache: var cache })
            text.Append($"    Cache mode:       {(cache.Writeback ? "writeback" : "writethrough")}{(cache.Direct ? ", direct" : "")}{(cache.NoFlush ? ", ignore flushes" : "")}\n");
        return text.ToString();
    }

    /// <summary>The user's name for the device, else its path.</summary>
    public static string? OwnerOf(string drive, Machine machine) =>
        machine.Parts.Drives.OwnerOf(drive) is not { } path ? null : machine.Devices.TryGetValue(path, out DeviceNode? node) && node.Id is { } id ? id : path;

    private static BlockCounts Count(BlockStatistics done) => new(
        done.BytesRead, done.BytesWritten, done.Reads, done.Writes, done.Flushes, done.FailedReads, done.FailedWrites);

    public sealed record BlockInfo(
        string Device, string? Qdev, string Type, bool Removable, bool Locked, BlockDeviceInfo? Inserted,
        [property: QmpName("tray_open")] bool? TrayOpen, BlockIoStatus? IoStatus);

    public sealed record BlockDeviceInfo(string File, string NodeName, bool Ro, string Drv, CacheInfo Cache, ImageInfo Image)
    {
        [QmpName("backing_file_depth")] public int BackingFileDepth { get; }

        [QmpName("detect_zeroes")] public string DetectZeroes { get; } = "off";

        public bool Encrypted { get; }

        [QmpName("write_threshold")] public int WriteThreshold { get; }

        public int Bps { get; }

        [QmpName("bps_rd")] public int BytesReadLimit { get; }

        [QmpName("bps_wr")] public int BytesWrittenLimit { get; }

        public int Iops { get; }

        [QmpName("iops_rd")] public int ReadsLimit { get; }

        [QmpName("iops_wr")] public int WritesLimit { get; }
    }

    public sealed record CacheInfo(bool Writeback, bool Direct, bool NoFlush);

    public sealed record ImageInfo(string Filename, string Format, long VirtualSize, bool DirtyFlag);

    public sealed record BlockStats(string Device, string? NodeName, string? Qdev, BlockCounts Stats);

    public sealed record BlockCounts(
        [property: QmpName("rd_bytes")] long BytesRead, [property: QmpName("wr_bytes")] long BytesWritten,
        [property: QmpName("rd_operations")] long Reads, [property: QmpName("wr_operations")] long Writes,
        [property: QmpName("flush_operations")] long Flushes,
        [property: QmpName("failed_rd_operations")] long FailedReads, [property: QmpName("failed_wr_operations")] long FailedWrites);

    /// <summary>A long operation on a drive; none is offered yet, and a tool that asks is told so.</summary>
    public sealed record BlockJobInfo(string Type, string Device);
}

/// <summary>Whether a drive waits for its host: the machine has been stopped until <c>cont</c>.</summary>
public enum BlockIoStatus
{
    Ok,
    Failed,
    [QmpName("nospace")] NoSpace,
}
