using Rhea.Core;
using Rhea.Core.Config;

namespace Rhea.Control.CommandLines;

/// <summary>What firmware and operating system find out about the machine.</summary>
internal static class FirmwareOptions
{
    private const int LongestName = 55; // a directory entry of fw_cfg

    public static IReadOnlyList<Option> All { get; } =
    [
        new("fw_cfg", "[name=]name,file=file", "give firmware and guest a file (string=text: a text) under this name", FwCfg),
        new("smbios", "type=n[,field=value...]", "set fields of the SMBIOS tables; file=binary adds whole tables", Smbios),
        new("rtc", "[base=utc|localtime|datetime][,clock=host|rt|vm][,driftfix=none|slew]", "set the clock, and what it follows", Rtc),
    ];

    private static void FwCfg(Draft draft, string text)
    {
        KeyValues keys = KeyValues.Parse(null, text, implied: "name");
        (string? name, string? file, string? value) = (keys.Take("name"), keys.Take("file"), keys.Take("string"));
        if (keys.Has("gen_id")) throw LaterOptions.NotYet("gen_id=");
        keys.RejectUnknown();
        if (string.IsNullOrEmpty(name) || file is null == value is null)
            throw new ConfigException("name, plus exactly one of file, string and gen_id, are needed");
        if (name.Length > LongestName) throw new ConfigException($"name too long (max. {LongestName} char)");
        if (!name.StartsWith("opt/", StringComparison.Ordinal)) draft.Warn("externally provided fw_cfg item names should be prefixed with \"opt/\"");
        draft.Machine = draft.Machine with { FwCfg = [.. draft.Machine.FwCfg, new FwCfgEntry(name, file, value) { Origin = draft.Spelling }] };
    }

    private static void Smbios(Draft draft, string text)
    {
        KeyValues keys = KeyValues.Parse(null, text);
        if (!keys.Has("type") && !keys.Has("file")) throw new ConfigException("Must specify type= or file=");
        if (keys.Has("type") && keys.Int32("type", 0) > 127) throw new ConfigException("out of range!");
        draft.Machine = draft.Machine with { Smbios = [.. draft.Machine.Smbios, text] };
    }

    private static void Rtc(Draft draft, string text)
    {
        KeyValues keys = KeyValues.Parse(null, text);
        string? start = keys.Take("base");
        DateTime date = default;
        string[] forms = ["yyyy-M-d'T'H:m:s", "yyyy-M-d"];
        if (start is not (null or "utc" or "localtime") && !DateTime.TryParseExact(start, forms, null, System.Globalization.DateTimeStyles.None, out date))
            throw new ConfigException("invalid datetime format\nvalid formats: '2006-06-17T16:01:21' or '2006-06-17'");
        RtcConfig rtc = draft.Machine.Rtc;
        string clock = Word(keys, "clock", "host", "host", "rt", "vm");
        if (clock == "rt") throw LaterOptions.NotYet("clock=rt");
        if (Word(keys, "driftfix", "none", "none", "slew") == "slew") throw LaterOptions.NotYet("driftfix=slew");
        rtc = rtc with { FollowsGuest = clock == "vm" };
        if (start is not null) rtc = rtc with { LocalTime = start == "localtime", Start = date == default ? null : date };
        keys.RejectUnknown();
        draft.Machine = draft.Machine with { Rtc = rtc };
    }

    private static string Word(KeyValues keys, string key, string fallback, params ReadOnlySpan<string> words)
    {
        string word = keys.String(key, fallback);
        return words.Contains(word) ? word : throw new ConfigException($"invalid option value '{word}'");
    }
}
