using Rhea.Core.Monitor;

namespace Rhea.Core.Machines;

/// <summary>Something that has happened to the machine. What has a name of QMP's is told to its clients, the record's members as data.</summary>
public abstract record MachineEvent;

[QmpEvent("STOP")]
public sealed record StoppedEvent : MachineEvent;

[QmpEvent("RESUME")]
public sealed record ResumedEvent : MachineEvent;

/// <param name="Guest">The guest did it, and not the user.</param>
/// <param name="Reason">In QMP's words: "guest-reset".</param>
[QmpEvent("RESET")]
public sealed record ResetEvent(bool Guest, string Reason) : MachineEvent;

[QmpEvent("POWERDOWN")]
public sealed record PowerDownEvent : MachineEvent;

/// <param name="Guest">The guest did it, and not the user.</param>
/// <param name="Reason">In QMP's words: "guest-shutdown", "host-qmp-quit".</param>
[QmpEvent("SHUTDOWN")]
public sealed record ShutdownEvent(bool Guest, string Reason) : MachineEvent;

/// <param name="Action">What is done about it: "pause", "poweroff", "run".</param>
[QmpEvent("GUEST_PANICKED")]
public sealed record GuestPanickedEvent(string Action) : MachineEvent;

/// <param name="Action">What is done about it.</param>
[QmpEvent("WATCHDOG")]
public sealed record WatchdogEvent(WatchdogAction Action) : MachineEvent;

[QmpEvent("SUSPEND")]
public sealed record SuspendEvent : MachineEvent;

[QmpEvent("WAKEUP")]
public sealed record WakeUpEvent : MachineEvent;

/// <param name="Device">The user's name for it.</param>
/// <param name="Path">Its place in the machine.</param>
[QmpEvent("DEVICE_DELETED")]
public sealed record DeviceDeletedEvent(string? Device, string Path) : MachineEvent;
