using Rhea.Core.Monitor;

namespace Rhea.Core.Machines;

/// <summary>What the machine as a whole does, in QMP's words.</summary>
public enum RunState
{
    /// <summary>Built, and never started (<c>-S</c>).</summary>
    Prelaunch,
    Running,
    Paused,
    [QmpName("inmigrate")]
    InMigrate,
    [QmpName("postmigrate")]
    PostMigrate,

    /// <summary>The guest has powered itself off and <c>-no-shutdown</c> keeps the machine.</summary>
    Shutdown,
    Suspended,
    GuestPanicked,

    /// <summary>A fault of ours.</summary>
    InternalError,
    IoError,
    Debug,
}

/// <summary>Something a monitor tells its clients.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="ByGuest">The guest did it, and not the user.</param>
/// <param name="Reason">Of a reset or an end, in QMP's words: "guest-shutdown", "host-qmp-quit"; of a panic, what is done about it.</param>
public readonly record struct MachineEvent(MachineEventKind Kind, bool ByGuest = false, string? Reason = null);

public enum MachineEventKind
{
    Stop,
    Resume,
    Reset,
    PowerDown,
    Shutdown,
    GuestPanicked,
    Suspend,
    WakeUp,
}

/// <summary>Why and how a machine ended: what the process' exit status is made of.</summary>
public sealed record MachineEnd(ShutdownCause Cause, int ExitStatus, Exception? Fault = null);

/// <summary><c>-action panic=</c>.</summary>
public enum PanicAction
{
    Shutdown,
    Pause,
    ExitFailure,
    None,
}
