using Rhea.Core.Memory;
using Rhea.Core.Monitor;

namespace Rhea.Core.Backends;

/// <summary>A disk as its front end sees it. Offsets and lengths are in bytes and checked here, once.</summary>
/// <remarks>
/// Requests may be in flight together and complete in any order, on the machine loop when started by <c>slot.Start</c>. A request
/// that is cancelled ends with <see cref="OperationCanceledException"/> once the host has let go of its memory. A host error is a
/// <see cref="BlockException"/>. Whoever reads into guest RAM calls <see cref="ScatterList.MarkWritten"/> on the loop.
/// </remarks>
public interface IBlockBackend
{
    /// <summary>In bytes, a multiple of 512; 0 without a medium.</summary>
    long Length { get; }

    bool IsReadOnly { get; }

    bool HasMedium { get; }

    /// <summary>Writes may complete before they are on stable storage. The user sets it at first, the guest may change it.</summary>
    bool WriteCache { get; set; }

    ValueTask ReadAsync(long offset, ScatterList into, CancellationToken cancel = default);

    /// <param name="offset">In bytes.</param>
    /// <param name="from">The bytes to write.</param>
    /// <param name="throughCache">Complete only when the data is on stable storage (FUA).</param>
    /// <param name="cancel">Gives the request up.</param>
    ValueTask WriteAsync(long offset, ScatterList from, bool throughCache = false, CancellationToken cancel = default);

    ValueTask WriteZeroesAsync(long offset, long length, bool mayUnmap, CancellationToken cancel = default);

    ValueTask DiscardAsync(long offset, long length, CancellationToken cancel = default);

    /// <summary>All writes that have completed are on stable storage.</summary>
    ValueTask FlushAsync(CancellationToken cancel = default);

    /// <summary>
    /// What to do about a failed request: <see cref="BlockErrorPolicy.Report"/>, <see cref="BlockErrorPolicy.Ignore"/>, or
    /// <see cref="BlockErrorPolicy.Stop"/>. In the last case the machine has been asked to stop, and the front end keeps the
    /// request until its <c>Resumed</c>.
    /// </summary>
    BlockErrorPolicy Judge(BlockException error, bool writing);

    /// <summary>Another medium is in the drive, or none. On the loop.</summary>
    event Action? MediumChanged;

    /// <summary>The user asks for the medium: a front end that has locked its tray tells the guest. On the loop.</summary>
    event Action? EjectRequested;

    /// <summary>The user has opened the tray (true), or closed it. On the loop.</summary>
    event Action<bool>? TrayMoved;

    /// <summary>Where the front end has its tray.</summary>
    bool TrayOpen { get; set; }

    /// <summary>The guest has locked the tray.</summary>
    bool TrayLocked { get; set; }
}

/// <summary>A host error that a front end turns into its own protocol's status.</summary>
public sealed class BlockException(BlockError error, string message, Exception? cause = null) : Exception(message, cause)
{
    public BlockError Error => error;
}

public enum BlockError
{
    Io,
    NoSpace,
    ReadOnly,
    OutOfRange,
    NoMedium,
}

/// <summary><c>rerror=</c> and <c>werror=</c>.</summary>
public enum BlockErrorPolicy
{
    Report,
    Ignore,
    Stop,

    /// <summary>Stop when the host's disk is full, else report.</summary>
    [QmpName("enospc")]
    StopOnNoSpace,
}
