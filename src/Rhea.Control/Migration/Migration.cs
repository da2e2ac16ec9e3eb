using System.Diagnostics;
using Rhea.Core;
using Rhea.Core.Machines;
using Rhea.Core.State;

namespace Rhea.Control.Migration;

/// <summary>The machine's move to somewhere else or from there: the last one, for there is one at a time.</summary>
/// <remarks>The machine stands still while it is sent. Its methods run on the machine's thread.</remarks>
/// <param name="machine">The machine.</param>
/// <param name="warn">Told before anything is sent what may keep the machine from going on elsewhere.</param>
public sealed class Migration(Machine machine, Action<string> warn)
{
    /// <summary>Null before the first.</summary>
    public MigrationStatus? Status { get; private set; }

    /// <summary>Why it failed.</summary>
    public string? Error { get; private set; }

    public TimeSpan Time { get; private set; }

    /// <summary>Stops the machine for good and sends it; when that fails it goes on here.</summary>
    /// <exception cref="ConfigException">It cannot be sent there.</exception>
    public void Send(string address) => Do(() =>
    {
        if (machine.State == RunState.InMigrate) throw new ConfigException("Guest is waiting for an incoming migration");
        foreach (string peculiarity in machine.Peculiarities) warn($"this machine may not go on under another accelerator: {peculiarity}");
        using MigrationChannel channel = MigrationChannel.ForWriting(address);
        machine.Send(channel.Stream, channel.Complete);
    });

    /// <summary>Loads the machine, and lets it go on as it did where it came from.</summary>
    /// <param name="address">Where it comes from.</param>
    /// <param name="paused">It stands still although it ran there.</param>
    /// <exception cref="ConfigException">It cannot be loaded; it must not run then.</exception>
    public void Receive(string address, bool paused) => Do(() =>
    {
        if (machine.State != RunState.InMigrate) throw new ConfigException("'-incoming' was not specified on the command line");
        using MigrationChannel channel = MigrationChannel.ForReading(address);
        machine.Receive(channel.Stream, paused);
    });

    private void Do(Action move)
    {
        long start = Stopwatch.GetTimestamp();
        (Status, Error) = (MigrationStatus.Active, null);
        try
        {
            move();
            Status = MigrationStatus.Completed;
        }
        catch (Exception error) when (error is ConfigException or StateException or IOException)
        {
            (Status, Error) = (MigrationStatus.Failed, error.Message);
            throw error as ConfigException ?? new ConfigException(error.Message, error);
        }
        finally
        {
            Time = Stopwatch.GetElapsedTime(start);
        }
    }
}

/// <summary>In QMP's words.</summary>
public enum MigrationStatus
{
    Active,
    Completed,
    Failed,
}
