using System.Text.Json;
using Rhea.Core.Machines;

namespace Rhea.Control.Monitor.Qmp;

/// <summary>What the machine reports by itself, in QMP's words.</summary>
internal static class QmpEvents
{
    /// <summary>For <c>query-qmp-schema</c>.</summary>
    public static IEnumerable<string> Schema =>
    [
        """{"name": "ResetOrShutdown", "meta-type": "object", "members": [{"name": "guest", "type": "bool"}, {"name": "reason", "type": "str"}]}""",
        """{"name": "bool", "meta-type": "builtin", "json-type": "boolean"}""",
        """{"name": "str", "meta-type": "builtin", "json-type": "string"}""",
        """{"name": "GuestPanicked", "meta-type": "object", "members": [{"name": "action", "type": "str"}]}""",
        """{"name": "q_empty", "meta-type": "object", "members": []}""",
        .. Enum.GetValues<MachineEventKind>().Select(kind =>
            $$"""{"name": "{{NameOf(kind)}}", "meta-type": "event", "arg-type": "{{TypeOf(kind)}}"}"""),
    ];

    public static string NameOf(MachineEventKind kind) => kind switch
    {
        MachineEventKind.Stop => "STOP",
        MachineEventKind.Resume => "RESUME",
        MachineEventKind.Reset => "RESET",
        MachineEventKind.PowerDown => "POWERDOWN",
        MachineEventKind.Shutdown => "SHUTDOWN",
        MachineEventKind.GuestPanicked => "GUEST_PANICKED",
        MachineEventKind.Suspend => "SUSPEND",
        _ => "WAKEUP",
    };

    public static void WriteData(Utf8JsonWriter json, MachineEvent happened)
    {
        if (happened.Kind == MachineEventKind.GuestPanicked)
        {
            json.WriteStartObject("data"u8);
            json.WriteString("action"u8, happened.Reason);
            json.WriteEndObject();
        }
        else if (happened.Kind is MachineEventKind.Reset or MachineEventKind.Shutdown)
        {
            json.WriteStartObject("data"u8);
            json.WriteBoolean("guest"u8, happened.ByGuest);
            json.WriteString("reason"u8, happened.Reason);
            json.WriteEndObject();
        }
    }

    private static string TypeOf(MachineEventKind kind) => kind switch
    {
        MachineEventKind.Reset or MachineEventKind.Shutdown => "ResetOrShutdown",
        MachineEventKind.GuestPanicked => "GuestPanicked",
        _ => "q_empty",
    };
}
