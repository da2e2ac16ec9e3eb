using System.IO.Enumeration;
using Rhea.Core.Diagnostics;

namespace Rhea;

/// <summary>What the items of <c>-d</c> switch on.</summary>
internal static class LogItems
{
    private const string Trace = "trace:";

    /// <summary>From which level on a device is logged.</summary>
    /// <param name="items">"guest_errors", "unimp", or "trace:" and a name or path in which * stands for any letters.</param>
    /// <param name="path">The device's: "/machine/rtc".</param>
    public static LogLevel Threshold(IReadOnlyList<string> items, string path)
    {
        string name = path[(path.LastIndexOf('/') + 1)..];
        foreach (string item in items)
        {
            if (!item.StartsWith(Trace, StringComparison.Ordinal)) continue;
            string pattern = item[Trace.Length..];
            if (FileSystemName.MatchesSimpleExpression(pattern, name) || FileSystemName.MatchesSimpleExpression(pattern, path)) return LogLevel.Trace;
        }

        return items.Any(item => item is "guest_errors" or "unimp") ? LogLevel.Guest : LogLevel.Warning;
    }
}
