using System.Globalization;

namespace Rhea.Core.Config;

/// <summary>Addresses from the first to the last, both included.</summary>
public readonly record struct AddressRange(ulong First, ulong Last)
{
    /// <summary>"START..END", "START+LENGTH" or "END-LENGTH", several with commas between, as for <c>-dfilter</c>.</summary>
    /// <exception cref="ConfigException">It is none of these.</exception>
    public static IReadOnlyList<AddressRange> ParseList(string text) => [.. text.Split(',').Select(Parse)];

    private static AddressRange Parse(string text)
    {
        int dots = text.IndexOf("..", StringComparison.Ordinal), sign = text.IndexOfAny(['+', '-']);
        int at = dots >= 0 ? dots : sign;
        if (at < 0) throw new ConfigException($"'{text}': START..END, START+LENGTH or END-LENGTH is needed");
        ulong from = Number(text[..at], text), second = Number(text[(at + (dots >= 0 ? 2 : 1))..], text);
        if (dots >= 0) return from <= second ? new AddressRange(from, second) : throw new ConfigException($"'{text}': it ends before it begins");
        if (second == 0) throw new ConfigException($"'{text}': a length of 0 is nothing");
        return text[at] == '+' ? new AddressRange(from, from + (second - 1)) : new AddressRange(from - (second - 1), from);
    }

    private static ulong Number(string digits, string whole)
    {
        bool hex = digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        return ulong.TryParse(hex ? digits[2..] : digits, hex ? NumberStyles.AllowHexSpecifier : NumberStyles.None, CultureInfo.InvariantCulture, out ulong number)
            ? number
            : throw new ConfigException($"'{whole}': '{digits}' is no number");
    }
}
