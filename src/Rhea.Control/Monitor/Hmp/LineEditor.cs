using System.Text;

namespace Rhea.Control.Monitor.Hmp;

/// <summary>A line of text that the user edits, with a history: what every key does, and what the terminal shows of it.</summary>
/// <remarks>It redraws as QEMU does (back to the start, the text, ESC [K), for tools that wait for exactly that.</remarks>
internal sealed class LineEditor(List<string> history, Action<string> show, Func<string, IReadOnlyList<string>> complete)
{
    private const int LongestLine = 4095, LongestHistory = 64;

    private readonly StringBuilder _line = new();
    private readonly List<char> _escape = [];
    private int _cursor, _shownLength, _shownCursor, _historyAt;

    public string Prompt { get; set; } = "(qemu) ";

    /// <summary>The user has finished a line.</summary>
    public event Action<string>? Entered;

    /// <summary>Begins an empty line after a prompt.</summary>
    public void Start()
    {
        _line.Clear();
        (_cursor, _shownLength, _shownCursor, _historyAt) = (0, 0, 0, history.Count);
        show(Prompt);
    }

    public void Key(byte key)
    {
        if (_escape.Count > 0 || key == 0x1B) Escape((char)key);
        else Plain(key);
    }

    private void Plain(byte key)
    {
        switch (key)
        {
            case 0x01: // Ctrl-A
                _cursor = 0;
                break;
            case 0x04: // Ctrl-D
                Delete();
                break;
            case 0x05: // Ctrl-E
                _cursor = _line.Length;
                break;
            case 0x08 or 0x7F:
                if (_cursor == 0) return;
                _line.Remove(--_cursor, 1);
                break;
            case 0x09:
                Complete();
                break;
            case (byte)'\r' or (byte)'\n':
                Enter();
                return;
            case 0x0B: // Ctrl-K
                _line.Length = _cursor;
                break;
            case 0x0E: // Ctrl-N
                Recall(_historyAt + 1);
                break;
            case 0x10: // Ctrl-P
                Recall(_historyAt - 1);
                break;
            case 0x15: // Ctrl-U
                _line.Remove(0, _cursor);
                _cursor = 0;
                break;
            case 0x17: // Ctrl-W
                DeleteWord();
                break;
            case >= 0x20 when _line.Length < LongestLine:
                _line.Insert(_cursor++, (char)key);
                break;
            default:
                return;
        }

        Redraw();
    }

    private void Escape(char key)
    {
        _escape.Add(key);
        if (_escape.Count < 3 && !(_escape.Count == 2 && key is not ('[' or 'O'))) return;
        if (_escape.Count < 8 && _escape.Count > 2 && char.IsAsciiDigit(key)) return;
        string sequence = string.Concat(_escape.Skip(2));
        _escape.Clear();
        switch (sequence)
        {
            case "A":
                Recall(_historyAt - 1);
                break;
            case "B":
                Recall(_historyAt + 1);
                break;
            case "C":
                _cursor = Math.Min(_cursor + 1, _line.Length);
                break;
            case "D":
                _cursor = Math.Max(_cursor - 1, 0);
                break;
            case "H" or "1~":
                _cursor = 0;
                break;
            case "F" or "4~":
                _cursor = _line.Length;
                break;
            case "3~":
                Delete();
                break;
        }

        Redraw();
    }

    private void Enter()
    {
        string line = _line.ToString();
        show("\n");
        if (line.Length > 0)
        {
            history.Remove(line);
            history.Add(line);
            if (history.Count > LongestHistory) history.RemoveAt(0);
        }

        _line.Clear();
        (_cursor, _shownLength, _shownCursor, _historyAt) = (0, 0, 0, history.Count);
        Entered?.Invoke(line);
    }

    private void Recall(int index)
    {
        if (index < 0 || index > history.Count) return;
        _historyAt = index;
        _line.Clear().Append(index < history.Count ? history[index] : "");
        _cursor = _line.Length;
    }

    private void Delete()
    {
        if (_cursor < _line.Length) _line.Remove(_cursor, 1);
    }

    private void DeleteWord()
    {
        int start = _cursor;
        while (start > 0 && _line[start - 1] == ' ') start--;
        while (start > 0 && _line[start - 1] != ' ') start--;
        _line.Remove(start, _cursor - start);
        _cursor = start;
    }

    private void Complete()
    {
        string before = _line.ToString(0, _cursor);
        IReadOnlyList<string> endings = complete(before);
        if (endings.Count == 0) return;
        int word = before.LastIndexOf(' ') + 1, common = endings[0].Length;
        foreach (string ending in endings) common = endings[0].AsSpan(0, common).CommonPrefixLength(ending);
        string addition = endings[0][Math.Min(before.Length - word, common)..common] + (endings.Count == 1 ? " " : "");
        if (addition.Length > 0)
        {
            _line.Insert(_cursor, addition);
            _cursor += addition.Length;
            return;
        }

        show("\n" + string.Join(' ', endings) + "\n" + Prompt);
        (_shownLength, _shownCursor) = (0, 0);
    }

    private void Redraw()
    {
        var text = new StringBuilder();
        for (var i = 0; i < _shownCursor; i++) text.Append("\e[D");
        text.Append(_line).Append("\e[K");
        for (int i = _line.Length; i > _cursor; i--) text.Append("\e[D");
        if (_shownLength != _line.Length || _shownCursor != _cursor || _line.Length > 0) show(text.ToString());
        (_shownLength, _shownCursor) = (_line.Length, _cursor);
    }
}
