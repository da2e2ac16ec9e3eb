using System.Globalization;

namespace Rhea.Core.Config;

/// <summary>Numbers and sizes as a user writes them: "0x1000", "512", "1.5G".</summary>
public static class Quantity
{
    private const string Suffixes = "BKMGTPE";

    /// <summary>Decimal, hexadecimal after 0x, octal after 0.</summary>
    public static bool TryNumber(ReadOnlySpan<char> text, out ulong number)
    {
        if (text.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
            return ulong.TryParse(text[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out number);
        if (text.Length < 2 || text[0] != '0')
            return ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
        number = 0;
        foreach (char digit in text)
        {
            if (digit is < '0' or > '7' || number >> 61 != 0) return false;
            number = (number << 3) | (uint)(digit - '0');
        }

        return true;
    }

    /// <summary>A size in bytes: a number, perhaps with a fraction, and one of the suffixes B K M G T P E, in either case.</summary>
    /// <param name="text">"1G", "0x10000", "1.5M".</param>
    /// <param name="suffix">What a number without one means.</param>
    /// <param name="bytes">The size, rounded down.</param>
    public static bool TrySize(ReadOnlySpan<char> text, char suffix, out ulong bytes)
    {
        bytes = 0;
        bool hex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        int scale = text.IsEmpty || hex ? -1 : Suffixes.IndexOf(char.ToUpperInvariant(text[^1]), StringComparison.Ordinal);
        if (scale >= 0) text = text[..^1];
        else scale = hex ? 0 : Suffixes.IndexOf(suffix, StringComparison.Ordinal);
        ulong unit = 1UL << (scale * 10);
        if (hex) return TryNumber(text, out bytes);
        if (ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong whole))
        {
            bytes = whole * unit;
            return whole <= ulong.MaxValue / unit;
        }

        if (text.IsEmpty || !char.IsAsciiDigit(text[0]) || scale == 0) return false;
        bool good = decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal fraction);
        if (!good || fraction > ulong.MaxValue / unit) return false;
        bytes = (ulong)(fraction * unit);
        return true;
    }
}
