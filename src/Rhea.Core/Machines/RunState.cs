namespace Rhea.Core.Machines;

/// <summary>What the machine as a whole does, in QMP's words.</summary>
public enum RunState
{
    /// <summary>Built, and never started (<c>-S</c>).</summary>
    Prelaunch,
    Running,
    Paused,
    InMigrate,
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
public enum MachineEvent
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
