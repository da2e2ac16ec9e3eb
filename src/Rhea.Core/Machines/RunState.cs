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
