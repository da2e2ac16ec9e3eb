using Rhea.Core;
using Rhea.Core.Config;

namespace Rhea.Control.CommandLines;

/// <summary>What the program answers instead of running, and what the machine is called.</summary>
internal static class ProgramOptions
{
    /// <summary>Tools read the first number; it says whose command line and hardware this is.</summary>
    public const string Version = "QEMU emulator version 7.2.22 (rhea 0.1)\nCopyright (c) 2026 the Rhea developers\n";

    public static IReadOnlyList<Option> Answers { get; } =
    [
        new("h", null, "", Help),
        new("help", null, "display this help and exit", Help),
        new("version", null, "display version information and exit", (draft, _) => draft.Answer = Version),
    ];

    public static IReadOnlyList<Option> Names { get; } =
    [
        new("name", "string", "set the name of the guest", Name),
        new("uuid", "%08x-%04x-%04x-%04x-%012x", "set the UUID of the machine", Uuid),
    ];

    private static void Help(Draft draft, string text) => draft.Answer = HelpText.Write();

    private static void Name(Draft draft, string text)
    {
        KeyValues keys = KeyValues.Parse(null, text, implied: "guest");
        string? name = keys.Take("guest");
        _ = keys.Bool("debug-threads"); // threads have names anyway
        if (keys.Has("process")) throw LaterOptions.NotYet("process=");
        keys.RejectUnknown();
        if (name is not null) draft.Machine = draft.Machine with { Name = name };
    }

    private static void Uuid(Draft draft, string text) => draft.Machine = draft.Machine with
    {
        Uuid = Guid.TryParseExact(text, "D", out Guid uuid) ? uuid : throw new ConfigException("failed to parse UUID string: wrong format"),
    };
}
