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

    /// <summary>A saved state is being loaded.</summary>
    RestoreVm,

    /// <summary>The guest has powered itself off and <c>-no-shutdown</c> keeps the machine.</summary>
    Shutdown,
    Suspended,
    GuestPanicked,

    /// <summary>A fault of ours.</summary>
    InternalError,
    IoError,
    Debug,

    /// <summary>A watchdog has stopped the machine.</summary>
    Watchdog,
}

public static class RunStates
{
    /// <summary>The state in QMP's words: "internal-error".</summary>
    public static string Word(this RunState state) => state switch
    {
        RunState.InMigrate => "inmigrate",
        RunState.PostMigrate => "postmigrate",
        RunState.GuestPanicked => "guest-panicked",
        RunState.InternalError => "internal-error",
        RunState.RestoreVm => "restore-vm",
        RunState.IoError => "io-error",
        _ => state.ToString().ToLowerInvariant(),
    };
}

/// <summary>What the program ends with, besides 0 and a debug-exit device's <c>value * 2 + 1</c>: even numbers, which that never makes.</summary>
public static class ExitStatus
{
    /// <summary>It could not start, or there is a fault of ours; also <c>-action panic=exit-failure</c>.</summary>
    public const int Failure = 1;

    /// <summary>The guest said that it had crashed.</summary>
    public const int Panic = 4;

    /// <summary>With <c>-no-reboot</c>, a processor shut down.</summary>
    public const int TripleFault = 6;

    /// <summary><c>-timeout</c> is over.</summary>
    public const int TimeOut = 124;
}

/// <summary>Why and how a machine ended: what the process' exit status is made of.</summary>
public sealed record MachineEnd(ShutdownCause Cause, int ExitStatus, Exception? Fault = null);

/// <summary><c>-action watchdog=</c>.</summary>
public enum WatchdogAction
{
    Reset,

    /// <summary>Presses the power button.</summary>
    Shutdown,
    [QmpName("poweroff")]
    PowerOff,
    Pause,

    /// <summary>Says so, and goes on.</summary>
    Debug,
    None,
    InjectNmi,
}

/// <summary><c>-action panic=</c>.</summary>
public enum PanicAction
{
    Shutdown,
    Pause,
    ExitFailure,
    None,
}
