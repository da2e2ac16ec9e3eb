namespace Rhea.Control.CommandLines;

/// <summary>Network cards: so far, none.</summary>
internal static class NetworkOptions
{
    public static IReadOnlyList<Option> All { get; } =
    [
        new("nic", "none", "add no network card", None),
        new("net", "none", "", None),
    ];

    private static void None(Draft draft, string type)
    {
        if (type != "none") throw LaterOptions.NotYet($"network '{type.Split(',')[0]}'");
    }
}
