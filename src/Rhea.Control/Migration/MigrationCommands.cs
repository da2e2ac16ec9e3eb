using Rhea.Core;
using Rhea.Core.Config;
using Rhea.Core.Machines;
using Rhea.Core.Monitor;

namespace Rhea.Control.Migration;

/// <summary>Sends the machine somewhere else, and waits for one.</summary>
public static class MigrationCommands
{
    [QmpCommand("migrate")]
    public static void Migrate(Machine machine, MonitorSession session, string uri, bool detach = true)
    {
        _ = detach; // QMP's clients never wait, and ask query-migrate
        Start(machine, () => session.Monitored.Service<Migration>().Send(uri));
    }

    [HmpCommand("migrate", "[-d] uri", "migrate to URI (using -d to not wait for completion)")]
    public static void Migrate(Machine machine, MonitorSession session, bool detach, string uri)
    {
        var migration = session.Monitored.Service<Migration>();
        if (detach) Start(machine, () => migration.Send(uri));
        else migration.Send(uri);
    }

    [QmpCommand("migrate-incoming"), HmpCommand("migrate_incoming", "uri", "Continue an incoming migration from an -incoming defer")]
    public static void MigrateIncoming(MonitorSession session, MachineConfig config, string uri) =>
        session.Monitored.Service<Migration>().Receive(uri, config.StartsPaused);

    [HmpCommand("savevm", "file", "save the machine, with its configuration, to a file; disks are not in it")]
    public static void SaveFile(Machine machine, string file) => SavedFile.Save(machine, file);

    [HmpCommand("loadvm", "file", "bring the machine back to what it was when it was saved to the file")]
    public static void LoadFile(Machine machine, string file) => SavedFile.Load(machine, file);

    [QmpCommand("query-migrate")]
    public static MigrationInfo Query(MonitorSession session)
    {
        var migration = session.Monitored.Service<Migration>();
        return new MigrationInfo(migration.Status, migration.Status is null ? null : (long)migration.Time.TotalMilliseconds, migration.Error);
    }

    [HmpCommand("info migrate", "", "show migration status")]
    public static string Show(MonitorSession session)
    {
        var migration = session.Monitored.Service<Migration>();
        if (migration.Status is not { } status) return "";
        string error = migration.Error is { } text ? $" ({text})" : "";
        return $"Migration status: {status.ToString().ToLowerInvariant()}{error}\ntotal time: {(long)migration.Time.TotalMilliseconds} ms\n";
    }

    /// <summary>Later, on the machine's thread: what goes wrong is told by query-migrate.</summary>
    private static void Start(Machine machine, Action work) => machine.Request(() =>
    {
        try
        {
            work();
        }
        catch (ConfigException)
        {
            // told by query-migrate
        }
    });

    public sealed record MigrationInfo(MigrationStatus? Status, long? TotalTime, string? ErrorDesc);
}
