using Rhea.Core;
using Rhea.Core.Backends;
using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Core.Monitor;

namespace Rhea.Block;

/// <summary>What a disk's front end talks to: checks each request, counts it, and passes it to the node on top of the drive's graph.</summary>
public sealed class BlockBackend(string id, BlockPolicies policies, Action<BlockIoErrorEvent> failed, Action<string, bool>? trayMoved = null) : IBlockBackend
{
    /// <summary>The user's name for the drive: "ide0-hd0".</summary>
    public string Id => id;

    /// <summary>The node on top; null for an empty drive.</summary>
    public BlockNode? Root { get; private set; }

    /// <summary>The host's file that is the medium; null in an empty drive.</summary>
    public string? MediumFile => Root?.Image.Path;

    public BlockStatistics Statistics { get; } = new();

    public long Length => Root?.Length ?? 0;

    public bool IsReadOnly => Root?.IsReadOnly ?? false;

    public bool HasMedium => Root is not null;

    public bool WriteCache { get; set; } = policies.WriteCache;

    /// <summary>The front end takes another medium while the machine runs.</summary>
    public bool IsRemovable => MediumChanged is not null;

    /// <summary>The front end has a tray, which a guest may lock.</summary>
    public bool HasTray => EjectRequested is not null;

    public BlockIoStatus Status { get; private set; }

    public bool TrayOpen
    {
        get;
        set
        {
            if (field == value) return;
            field = value;
            trayMoved?.Invoke(id, value);
        }
    }

    public bool TrayLocked { get; set; }

    public event Action? MediumChanged;

    public event Action? EjectRequested;

    public event Action<bool>? TrayMoved;

    /// <summary>Puts a medium in, in place of what was there; null takes it out. On the loop.</summary>
    public void Change(BlockNode? medium)
    {
        Root = medium;
        MediumChanged?.Invoke();
    }

    /// <summary>The user asks for the tray; a drive without one has nothing to open. On the loop.</summary>
    /// <exception cref="ConfigException">The medium stays for good, or the guest has locked the tray; it has been told.</exception>
    public void OpenTray(bool force)
    {
        RequireRemovable();
        if (!HasTray || TrayOpen) return;
        bool locked = TrayLocked;
        if (locked) EjectRequested?.Invoke();
        if (!locked || force) TrayMoved?.Invoke(true);
        if (locked && !force) throw new ConfigException($"Device '{id}' is locked and force was not specified, wait for tray to open and try again");
    }

    public void CloseTray()
    {
        RequireRemovable();
        if (TrayOpen) TrayMoved?.Invoke(false);
    }

    /// <summary>Takes the medium out of the open tray, and returns it. On the loop.</summary>
    public BlockNode? RemoveMedium()
    {
        RequireOpen();
        BlockNode? old = Root;
        Root = null;
        if (!HasTray && old is not null) MediumChanged?.Invoke();
        return old;
    }

    /// <summary>Puts a medium into the open tray. On the loop.</summary>
    public void InsertMedium(BlockNode medium)
    {
        RequireOpen();
        if (Root is not null) throw new ConfigException($"There already is a medium in device '{id}'");
        Root = medium;
        if (!HasTray) MediumChanged?.Invoke();
    }

    /// <summary>The machine goes on: what failed is tried again.</summary>
    public void Resume() => Status = BlockIoStatus.Ok;

    public async ValueTask ReadAsync(long offset, ScatterList into, CancellationToken cancel = default)
    {
        await Medium(offset, into.Length).ReadAsync(offset, into, cancel);
        cancel.ThrowIfCancellationRequested();
        Statistics.CountRead(into.Length);
    }

    public async ValueTask WriteAsync(long offset, ScatterList from, bool throughCache = false, CancellationToken cancel = default)
    {
        BlockNode medium = Writable(offset, from.Length);
        await medium.WriteAsync(offset, from, cancel);
        if (throughCache || !WriteCache) await medium.FlushAsync(cancel);
        cancel.ThrowIfCancellationRequested();
        Statistics.CountWrite(from.Length);
    }

    public async ValueTask WriteZeroesAsync(long offset, long length, bool mayUnmap, CancellationToken cancel = default)
    {
        BlockNode medium = Writable(offset, length);
        await medium.WriteZeroesAsync(offset, length, mayUnmap && policies.Discard, cancel);
        if (!WriteCache) await medium.FlushAsync(cancel);
        cancel.ThrowIfCancellationRequested();
        Statistics.CountWrite(length);
    }

    public async ValueTask DiscardAsync(long offset, long length, CancellationToken cancel = default)
    {
        BlockNode medium = Writable(offset, length);
        if (policies.Discard) await medium.DiscardAsync(offset, length, cancel);
        cancel.ThrowIfCancellationRequested();
    }

    public async ValueTask FlushAsync(CancellationToken cancel = default)
    {
        if (Root is { } medium) await medium.FlushAsync(cancel);
        cancel.ThrowIfCancellationRequested();
        Statistics.CountFlush();
    }

    public BlockErrorPolicy Judge(BlockException error, bool writing)
    {
        BlockErrorPolicy policy = writing ? policies.OnWriteError : policies.OnReadError;
        if (policy == BlockErrorPolicy.StopOnNoSpace) policy = error.Error == BlockError.NoSpace ? BlockErrorPolicy.Stop : BlockErrorPolicy.Report;
        Statistics.CountFailure(writing);
        if (policy == BlockErrorPolicy.Stop) Status = error.Error == BlockError.NoSpace ? BlockIoStatus.NoSpace : BlockIoStatus.Failed;
        failed(new BlockIoErrorEvent(id, Root?.Name, writing ? IoOperation.Write : IoOperation.Read, policy, error.Error == BlockError.NoSpace, error.Message));
        return policy;
    }

    private void RequireRemovable()
    {
        if (!IsRemovable) throw new ConfigException($"Device '{id}' is not removable");
    }

    private void RequireOpen()
    {
        RequireRemovable();
        if (HasTray && !TrayOpen) throw new ConfigException($"Tray of device '{id}' is not open");
    }

    private BlockNode Medium(long offset, long length)
    {
        if (Root is not { } medium) throw new BlockException(BlockError.NoMedium, "No medium found");
        if (offset < 0 || length < 0 || offset > medium.Length - length) throw new BlockException(BlockError.OutOfRange, "past the end of the medium");
        return medium;
    }

    private BlockNode Writable(long offset, long length)
    {
        BlockNode medium = Medium(offset, length);
        return medium.IsReadOnly ? throw new BlockException(BlockError.ReadOnly, "Block node is read-only") : medium;
    }
}

/// <summary>What the user chose for a drive.</summary>
/// <param name="OnReadError"><c>rerror=</c>.</param>
/// <param name="OnWriteError"><c>werror=</c>.</param>
/// <param name="WriteCache">The disk says it has a write cache: all cache modes but writethrough and directsync.</param>
/// <param name="Discard">The guest's discards reach the host.</param>
public sealed record BlockPolicies(BlockErrorPolicy OnReadError, BlockErrorPolicy OnWriteError, bool WriteCache, bool Discard);

/// <summary>A request failed. The machine stops when <paramref name="Action"/> says so.</summary>
/// <param name="Device">The drive.</param>
/// <param name="NodeName">The medium.</param>
/// <param name="Operation">What was asked of it.</param>
/// <param name="Action">What is done about it.</param>
/// <param name="Nospace">The host's disk is full.</param>
/// <param name="Reason">In the host's words.</param>
[QmpEvent("BLOCK_IO_ERROR")]
public sealed record BlockIoErrorEvent(
    string Device, string? NodeName, IoOperation Operation, BlockErrorPolicy Action, bool Nospace, string Reason) : MachineEvent;

public enum IoOperation
{
    Read,
    Write,
}
