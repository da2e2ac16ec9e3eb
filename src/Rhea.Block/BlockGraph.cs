using System.Globalization;
using Rhea.Core;
using Rhea.Core.Backends;
using Rhea.Core.Config;
using Rhea.Core.Memory;
using Rhea.Host;

namespace Rhea.Block;

/// <summary>All nodes and drives of one machine, by name. Every <c>-drive</c> is a node for the file and one for its format.</summary>
/// <param name="io">Who waits for the host; disposed with the graph.</param>
/// <param name="warn">Gets what the user should know, as text for stderr.</param>
public sealed class BlockGraph(IHostIo io, Action<string> warn) : IDisposable
{
    private static readonly string[] KnownFormats = ["raw", "qcow2", "qcow", "qed", "vdi", "vhdx", "vmdk", "vpc", "luks", "parallels", "bochs", "cloop", "dmg"];

    private readonly OrderedDictionary<string, BlockNode> _nodes = [];
    private readonly OrderedDictionary<string, BlockBackend> _drives = [];
    private readonly Dictionary<string, DriveConfig> _options = [];
    private int _autoNames = 100;

    public IReadOnlyDictionary<string, BlockNode> Nodes => _nodes;

    public IReadOnlyDictionary<string, BlockBackend> Drives => _drives;

    /// <summary>A drive's request has failed; the listener stops the machine when the failure says so. On the loop.</summary>
    public event Action<BlockIoErrorEvent>? Failed;

    /// <summary>A drive's tray has opened (true) or closed. On the loop.</summary>
    public event Action<string, bool>? TrayMoved;

    /// <summary>Opens what one <c>-drive</c> asks for.</summary>
    /// <exception cref="ConfigException">In QEMU's words.</exception>
    public BlockBackend Open(DriveConfig drive)
    {
        if (_drives.ContainsKey(drive.Id)) throw new ConfigException($"Duplicate ID '{drive.Id}' for drive");
        var backend = new BlockBackend(drive.Id, Policies(drive), failure => Failed?.Invoke(failure), (id, open) => TrayMoved?.Invoke(id, open));
        if (!string.IsNullOrEmpty(drive.File)) backend.Change(OpenMedium(drive, drive.File));
        _drives.Add(drive.Id, backend);
        _options.Add(drive.Id, drive);
        return backend;
    }

    /// <summary>Opens an image for a drive that is there, with the options that the drive has.</summary>
    /// <param name="drive">One of <see cref="Drives"/>.</param>
    /// <param name="path">The image's.</param>
    /// <param name="format">Null is to be found out.</param>
    /// <param name="readOnly">Null keeps what the drive has.</param>
    public BlockNode OpenMediumFor(BlockBackend drive, string path, string? format, bool? readOnly)
    {
        DriveConfig options = _options[drive.Id];
        return OpenMedium(options with { Format = format, ReadOnly = readOnly ?? options.ReadOnly }, path);
    }

    /// <summary>Opens an image as a drive would, for <c>blockdev-change-medium</c> and the like.</summary>
    public BlockNode OpenMedium(DriveConfig drive, string path)
    {
        (bool direct, bool flushes) = drive.Cache switch
        {
            "writeback" or "writethrough" => (false, true),
            "none" or "directsync" => (true, true),
            "unsafe" => (false, false),
            _ => throw new ConfigException("invalid cache option"),
        };
        if (drive.Format is { } wanted && !KnownFormats.Contains(wanted)) throw new ConfigException($"Unknown driver '{wanted}'");
        bool readOnly = drive.ReadOnly ?? drive.Media == "cdrom";
        FileNode file = Add(FileNode.Open(AutoName(), LocalPath(path), io, new FileOptions(readOnly || drive.Snapshot, direct, flushes, drive.Locking != "off")));
        BlockNode top = Add(new RawNode(AutoName(), file, guarded: RequireRaw(drive, file, path)));
        if (!drive.Snapshot || readOnly) return top;
        return Add(new OverlayNode(AutoName(), top, Add(FileNode.OpenTemporary(AutoName(), io))));
    }

    /// <summary>Writes what <c>snapshot=on</c> has kept from an image to it.</summary>
    /// <exception cref="ConfigException">The image cannot be written to.</exception>
    /// <exception cref="BlockException">The host fails; what was kept is still there.</exception>
    public static async Task CommitAsync(BlockBackend drive, CancellationToken cancel = default)
    {
        if (drive.Root is not OverlayNode overlay) return;
        overlay.Image.MakeWritable();
        await overlay.CommitAsync(cancel);
    }

    /// <summary>Closes a medium that no drive holds any more, with all below it.</summary>
    public void Close(BlockNode node)
    {
        foreach ((_, BlockNode child) in node.Children) Close(child);
        _nodes.Remove(node.Name);
        node.Dispose();
    }

    /// <summary>Waits until the host has ended all requests; before the machine's RAM is gone.</summary>
    public void Dispose()
    {
        io.Dispose();
        foreach (BlockNode node in _nodes.Values) node.Dispose();
        _nodes.Clear();
    }

    private T Add<T>(T node) where T : BlockNode
    {
        _nodes.Add(node.Name, node);
        return node;
    }

    private string AutoName() => string.Create(CultureInfo.InvariantCulture, $"#block{++_autoNames}");

    /// <summary>Whether the format had to be guessed.</summary>
    private bool RequireRaw(DriveConfig drive, FileNode file, string path)
    {
        string? format = drive.Format;
        if (format is null)
        {
            var head = new byte[FileNode.Sector];
            if (file.Length > 0) file.ReadAsync(0, ScatterList.Of(head), default).AsTask().GetAwaiter().GetResult();
            format = ImageFormat.Recognize(head);
        }

        if (format is not (null or "raw"))
            throw new ConfigException($"Could not open '{path}': its format {format} is not supported yet; convert it with: qemu-img convert -O raw '{path}' '{path}.raw'");
        if (drive.Format is null && drive.Media != "cdrom" && !file.IsReadOnly) warn($"""
            WARNING: Image format was not specified for '{path}' and probing guessed raw.
                     Automatically detecting the format is dangerous for raw images, write operations on block 0 will be restricted.
                     Specify the 'raw' format explicitly to remove the restrictions.
            """);
        return drive.Format is null;
    }

    private static BlockPolicies Policies(DriveConfig drive) => new(
        drive.ReadError == "enospc" ? throw new ConfigException("'enospc' invalid read error action") : Policy(drive.ReadError, "read"),
        Policy(drive.WriteError, "write"),
        WriteCache: drive.Cache is not ("writethrough" or "directsync"),
        drive.Discard);

    private static BlockErrorPolicy Policy(string action, string kind) => action switch
    {
        "report" => BlockErrorPolicy.Report,
        "ignore" => BlockErrorPolicy.Ignore,
        "stop" => BlockErrorPolicy.Stop,
        "enospc" => BlockErrorPolicy.StopOnNoSpace,
        _ => throw new ConfigException($"'{action}' invalid {kind} error action"),
    };

    /// <summary>A name like "nbd:…" is a protocol's; "file:" is ours, and a path with a slash before its colon is a path.</summary>
    private static string LocalPath(string name)
    {
        int colon = name.IndexOf(':'), slash = name.IndexOf('/');
        if (colon < 0 || (slash >= 0 && slash < colon)) return name;
        return name[..colon] == "file" ? name[(colon + 1)..] : throw new ConfigException($"Unknown protocol '{name[..colon]}'");
    }
}
