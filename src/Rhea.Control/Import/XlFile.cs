using System.Text;
using Rhea.Core;

namespace Rhea.Control.Import;

/// <summary>A configuration of xl's (xl.cfg(5), "Syntax"): names with a number, a string, or a list of those.</summary>
public sealed class XlFile
{
    private const int Longest = 1 << 20;

    private readonly string _text;
    private readonly Dictionary<string, IReadOnlyList<string>> _values = [];
    private int _at;

    private XlFile(string text) => _text = text;

    /// <summary>Every option's values, in the order of the file; one that is no list has one.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<string>> Parse(string text)
    {
        if (text.Length > Longest) throw new ConfigException("is too long for a configuration");
        var file = new XlFile(text);
        file.ReadAll();
        return file._values;
    }

    private char Next => _at < _text.Length ? _text[_at] : '\0';

    private void ReadAll()
    {
        while (true)
        {
            SkipBlank(lines: true);
            if (_at == _text.Length) return;
            string name = Word();
            if (name.Length == 0) throw Unexpected();
            SkipBlank(lines: false);
            bool adds = Take('+');
            if (!Take('=')) throw Unexpected();
            SkipBlank(lines: false);
            IReadOnlyList<string> values = Next == '[' ? List() : [Value()];
            _values[name] = adds && _values.TryGetValue(name, out IReadOnlyList<string>? before) ? [.. before, .. values] : values;
            SkipBlank(lines: false);
            if (_at < _text.Length && !Take('\n') && !Take(';')) throw Unexpected();
        }
    }

    private List<string> List()
    {
        var values = new List<string>();
        Take('[');
        while (true)
        {
            SkipBlank(lines: true);
            if (Take(']')) return values;
            values.Add(Value());
            SkipBlank(lines: true);
            if (!Take(',') && Next != ']') throw Unexpected();
        }
    }

    private string Value()
    {
        if (Next is not ('"' or '\'')) return Word() is { Length: > 0 } word ? word : throw Unexpected();
        char quote = _text[_at++];
        var value = new StringBuilder();
        while (Next != quote)
        {
            if (_at == _text.Length || Next == '\n') throw Unexpected();
            if (Next == '\\' && _at + 1 < _text.Length) _at++;
            value.Append(_text[_at++]);
        }

        _at++;
        return value.ToString();
    }

    private string Word()
    {
        int start = _at;
        while (char.IsAsciiLetterOrDigit(Next) || Next is '_' or '-' or '.') _at++;
        return _text[start.._at];
    }

    private bool Take(char letter)
    {
        if (Next != letter || _at == _text.Length) return false;
        _at++;
        return true;
    }

    private void SkipBlank(bool lines)
    {
        while (_at < _text.Length)
        {
            if (Next == '#') while (_at < _text.Length && Next != '\n') _at++;
            else if (Next is ' ' or '\t' or '\r' || (lines && Next is '\n' or ';')) _at++;
            else return;
        }
    }

    private ConfigException Unexpected()
    {
        int line = 1 + _text.AsSpan(0, _at).Count('\n');
        return new ConfigException(_at == _text.Length ? $"line {line}: ends too early" : $"line {line}: unexpected '{(Next == '\n' ? "end of line" : Next)}'");
    }
}
