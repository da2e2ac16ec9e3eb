using Rhea.Core;

namespace Rhea;

/// <summary>Which keys of an American keyboard make a character.</summary>
internal static class Keyboard
{
    private const string Shifted = "~!@#$%^&*()_+{}|:\"<>?", Unshifted = "`1234567890-=[]\\;',./";

    /// <summary>QEMU's key names, in the order of pressing.</summary>
    /// <exception cref="ConfigException">No key makes it.</exception>
    public static IReadOnlyList<string> KeysFor(char letter)
    {
        if (char.IsAsciiLetterUpper(letter)) return ["shift", Name(char.ToLowerInvariant(letter))];
        int place = Shifted.IndexOf(letter, StringComparison.Ordinal);
        return place >= 0 ? ["shift", Name(Unshifted[place])] : [Name(letter)];
    }

    private static string Name(char letter) => letter switch
    {
        >= 'a' and <= 'z' or >= '0' and <= '9' => letter.ToString(),
        ' ' => "spc",
        '\n' => "ret",
        '\t' => "tab",
        '\b' => "backspace",
        '\e' => "esc",
        '-' => "minus",
        '=' => "equal",
        '[' => "bracket_left",
        ']' => "bracket_right",
        ';' => "semicolon",
        '\'' => "apostrophe",
        '`' => "grave_accent",
        '\\' => "backslash",
        ',' => "comma",
        '.' => "dot",
        '/' => "slash",
        _ => throw new ConfigException($"no key makes the character U+{(int)letter:X4}"),
    };
}
