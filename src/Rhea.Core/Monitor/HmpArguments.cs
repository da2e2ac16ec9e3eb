using System.Text;

namespace Rhea.Core.Monitor;

/// <summary>What stands behind the name of a human monitor's command, read from left to right.</summary>
public sealed class HmpArguments(string command, string text, MonitorSession session)
{
    private int _at;

    public bool Flag(char letter)
    {
        SkipSpace();
        if (_at + 1 >= text.Length || text[_at] != '-' || text[_at + 1] != letter || (_at + 2 < text.Length && text[_at + 2] != ' ')) return false;
        _at += 2;
        return true;
    }

    public string String(string name) => String(name, null) ?? throw Wrong($"{name} expected");

    /// <summary>A word, in quotes when it has spaces.</summary>
    public string? String(string name, string? fallback)
    {
        SkipSpace();
        if (_at >= text.Length) return fallback;
        var word = new StringBuilder();
        if (text[_at] != '"')
        {
            while (_at < text.Length && text[_at] != ' ') word.Append(text[_at++]);
            return word.ToString();
        }

        for (_at++; _at < text.Length && text[_at] != '"'; _at++)
        {
            if (text[_at] == '\\' && _at + 1 < text.Length) _at++;
            word.Append(text[_at]);
        }

        if (_at >= text.Length) throw Wrong($"{name}: unterminated string");
        _at++;
        return word.ToString();
    }

    public long Int64(string name)
    {
        SkipSpace();
        if (_at >= text.Length) throw Wrong($"{name} expected");
        try
        {
            return new Expression(text, session).Evaluate(ref _at);
        }
        catch (ConfigException error)
        {
            throw Wrong(error.Message, named: false);
        }
    }

    public long Int64(string name, long fallback)
    {
        SkipSpace();
        return _at >= text.Length ? fallback : Int64(name);
    }

    /// <summary>/fmt: how many, in which form, of which size: "/4xb".</summary>
    public MemoryFormat Format(MemoryFormat fallback)
    {
        SkipSpace();
        if (_at >= text.Length || text[_at] != '/') return fallback;
        _at++;
        (int count, char form, char size) = (0, '\0', '\0');
        while (_at < text.Length && char.IsAsciiDigit(text[_at])) count = Math.Min((count * 10) + text[_at++] - '0', MemoryFormat.Most);
        for (; _at < text.Length && text[_at] != ' '; _at++)
        {
            if ("xdouic".Contains(text[_at], StringComparison.Ordinal)) form = text[_at];
            else if ("bhwgL".Contains(text[_at], StringComparison.Ordinal)) size = text[_at];
            else throw Wrong($"invalid char in format: '{text[_at]}'", named: false);
        }

        return new MemoryFormat(Math.Max(count, 1), form == '\0' ? fallback.Form : form, Bytes(size, fallback.Size));
    }

    public void RejectUnknown()
    {
        SkipSpace();
        if (_at < text.Length) throw Wrong("extraneous characters at the end of line");
    }

    private static int Bytes(char letter, int fallback) => letter switch
    {
        'b' => 1,
        'h' => 2,
        'w' or 'L' => 4,
        'g' => 8,
        _ => fallback,
    };

    private void SkipSpace()
    {
        while (_at < text.Length && text[_at] == ' ') _at++;
    }

    private ConfigException Wrong(string what, bool named = true) =>
        new($"{(named ? command + ": " : "")}{what}\nTry \"help {command.Split('|')[0]}\" for more information");
}

/// <summary>How to print memory.</summary>
/// <param name="Count">How many.</param>
/// <param name="Form">x, d, u, o, c, or i for instructions.</param>
/// <param name="Size">In bytes, of one.</param>
public readonly record struct MemoryFormat(int Count, char Form, int Size)
{
    public const int Most = 0x10000;
}
