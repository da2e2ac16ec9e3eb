using Rhea.Core;
using Rhea.Core.Backends;
using Rhea.Core.Memory;
using Rhea.Host;

namespace Rhea.Block;

/// <summary>A file or a block device of the host: the bottom of every graph. The waiting is done by <see cref="IHostIo"/>.</summary>
/// <remarks>A file whose size is no multiple of 512 ends in zeros up to the next one, as for QEMU.</remarks>
public sealed class FileNode : BlockNode
{
    internal const int Sector = 512;

    private const int AtOnce = 512 * 1024;

    private readonly IHostIo _io;
    private readonly string _path;
    private readonly FileOptions _options;
    private readonly byte[] _zeros = new byte[64 * 1024];
    private DiskFile _file;
    private bool _isReadOnly;
    private DiskFile? _before; // it was opened anew for writing: reads that were under way end on this

    private FileNode(string name, DiskFile file, IHostIo io, string path, FileOptions options) : base(name, "file")
    {
        (_file, _io, _path, _options, _isReadOnly) = (file, io, path, options, options.ReadOnly);
        Length = (file.Length + Sector - 1) / Sector * Sector;
    }

    public override long Length { get; }

    public override bool IsReadOnly => _isReadOnly;

    /// <summary>As the user gave it; the directory of a temporary file.</summary>
    public string Path => _path;

    /// <summary>Past the host's page cache.</summary>
    public bool IsDirect => _options.Direct;

    /// <summary>A flush reaches the host's disk.</summary>
    public bool Flushes => _options.Flushes;

    /// <exception cref="ConfigException">The host refuses it, or somebody else has locked it.</exception>
    public static FileNode Open(string name, string path, IHostIo io, FileOptions options)
    {
        if (Directory.Exists(path)) throw new ConfigException($"'file' driver requires '{path}' to be a regular file");
        DiskFile file = OpenOnHost(path, options);
        try
        {
            if (options.Locked) ImageLock.Take(file, path, !options.ReadOnly);
            return new FileNode(name, file, io, path, options);
        }
        catch (Exception error)
        {
            file.Dispose();
            if (error is HostException) throw CouldNotOpen(path, error.Message, error);
            throw;
        }
    }

    /// <summary>A file without a name that is gone with the node. It has no size of its own: it grows where it is written.</summary>
    public static FileNode OpenTemporary(string name, IHostIo io)
    {
        string directory = Environment.GetEnvironmentVariable("TMPDIR") ?? "/var/tmp";
        try
        {
            var options = new FileOptions(ReadOnly: false, Direct: false, Flushes: false, Locked: false);
            return new FileNode(name, DiskFile.OpenTemporary(directory), io, directory, options);
        }
        catch (HostException error)
        {
            throw new ConfigException($"Could not get temporary filename: no file can be made in '{directory}': {error.Message}; set TMPDIR", error);
        }
    }

    /// <summary>Opens a file that was opened for reading once more, for writing.</summary>
    /// <exception cref="ConfigException">The host refuses it, or somebody else uses the image; it can still be read.</exception>
    public void MakeWritable()
    {
        if (!_isReadOnly) return;
        DiskFile file = OpenOnHost(_path, _options with { ReadOnly = false });
        try
        {
            if (_options.Locked)
            {
                ImageLock.Release(_file);
                ImageLock.Take(file, _path, writable: true);
            }
        }
        catch
        {
            file.Dispose();
            if (_options.Locked) ImageLock.Take(_file, _path, writable: false);
            throw;
        }

        (_before, _file, _isReadOnly) = (_file, file, false);
    }

    /// <summary>What is short, and in the host's memory, is read at once: for that nobody has to wait, and three threads need not take turns.</summary>
    public override ValueTask ReadAsync(long offset, ScatterList into, CancellationToken cancel) =>
        !cancel.IsCancellationRequested && into.Length <= AtOnce && _file.TryReadAtOnce(offset, into) ? default : Run(() => _file.Read(offset, into), cancel);

    public override ValueTask WriteAsync(long offset, ScatterList from, CancellationToken cancel) => Run(() => _file.Write(offset, from), cancel);

    public override ValueTask WriteZeroesAsync(long offset, long length, bool mayUnmap, CancellationToken cancel) => Run(() =>
    {
        if (_file.TryWriteZeroes(offset, length, mayUnmap)) return;
        for (long end = offset + length; offset < end; offset += _zeros.Length)
            _file.Write(offset, ScatterList.Of(_zeros.AsMemory(0, (int)Math.Min(_zeros.Length, end - offset))));
    }, cancel);

    /// <summary>A host that cannot make holes keeps the data, which is as good.</summary>
    public override async ValueTask DiscardAsync(long offset, long length, CancellationToken cancel)
    {
        try
        {
            await _io.Run(() => _file.Discard(offset, length), cancel);
        }
        catch (HostException)
        {
        }
    }

    public override ValueTask FlushAsync(CancellationToken cancel) => _options.Flushes ? Run(_file.Flush, cancel) : default;

    public override void Dispose()
    {
        _file.Dispose();
        _before?.Dispose();
        base.Dispose();
    }

    private async ValueTask Run(Action call, CancellationToken cancel)
    {
        try
        {
            await _io.Run(call, cancel);
        }
        catch (HostException error)
        {
            throw new BlockException(error.Error switch
            {
                HostException.NoSpace or HostException.OverQuota => BlockError.NoSpace,
                HostException.ReadOnlyFileSystem or HostException.PermissionDenied => BlockError.ReadOnly,
                _ => BlockError.Io,
            }, error.Message, error);
        }
    }

    private static DiskFile OpenOnHost(string path, FileOptions options)
    {
        try
        {
            return DiskFile.Open(path, !options.ReadOnly, options.Direct);
        }
        catch (HostException error) when (error.Error == HostException.InvalidArgument && options.Direct)
        {
            throw CouldNotOpen(path, "filesystem does not support O_DIRECT; use another cache mode than none and directsync", error);
        }
        catch (HostException error)
        {
            throw CouldNotOpen(path, error.Message, error);
        }
    }

    private static ConfigException CouldNotOpen(string path, string why, Exception cause) => new($"Could not open '{path}': {why}", cause);
}

/// <summary>How a file is opened.</summary>
/// <param name="ReadOnly">No write ever reaches it.</param>
/// <param name="Direct">Past the host's page cache: <c>cache.direct=on</c>.</param>
/// <param name="Flushes">False for the fastest cache mode: a flush does nothing.</param>
/// <param name="Locked">Locks it against other programs.</param>
public sealed record FileOptions(bool ReadOnly, bool Direct, bool Flushes, bool Locked);
