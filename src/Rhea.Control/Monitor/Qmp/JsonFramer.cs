namespace Rhea.Control.Monitor.Qmp;

/// <summary>Cuts a stream of bytes into JSON values, with bounds on their size and depth. Single quotes are taken for double ones.</summary>
internal sealed class JsonFramer
{
    private const int Longest = 4 * 1024 * 1024, Deepest = 1024;

    private readonly List<byte> _value = [];
    private byte _quote;
    private bool _escaped, _skipping;
    private int _depth;

    /// <summary>One whole value, to be parsed.</summary>
    public event Action<byte[]>? Value;

    /// <summary>A sentence about what cannot even be cut; the rest of the line is dropped.</summary>
    public event Action<string>? Refused;

    public void Add(ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes) Add(value);
    }

    public void Reset()
    {
        _value.Clear();
        (_quote, _escaped, _skipping, _depth) = (0, false, false, 0);
    }

    private void Add(byte value)
    {
        bool space = value is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n';
        if (_skipping)
        {
            if (value == '\n') Reset();
            return;
        }

        if (_value.Count == 0 && space) return;
        if (_quote != 0) AddInString(value);
        else if (value is (byte)'"' or (byte)'\'') Open(value);
        else if (_depth == 0 && space) Finish();
        else AddPlain(value);
        if (_value.Count > Longest) Refuse("JSON token size limit exceeded");
    }

    private void Open(byte quote)
    {
        _quote = quote;
        _value.Add((byte)'"');
    }

    private void AddInString(byte value)
    {
        bool ends = !_escaped && value == _quote;
        if (!ends && value == '"' && !_escaped) _value.Add((byte)'\\');
        if (_escaped && value == '\'') _value.RemoveAt(_value.Count - 1); // \' is no escape of JSON's
        _value.Add(ends ? (byte)'"' : value);
        _escaped = !_escaped && value == '\\';
        if (!ends) return;
        _quote = 0;
        if (_depth == 0) Finish();
    }

    private void AddPlain(byte value)
    {
        _value.Add(value);
        if (value is (byte)'{' or (byte)'[')
        {
            if (++_depth > Deepest) Refuse("JSON nesting depth limit exceeded");
        }
        else if (value is (byte)'}' or (byte)']' && --_depth <= 0)
        {
            Finish();
        }
    }

    private void Finish()
    {
        byte[] whole = [.. _value];
        Reset();
        Value?.Invoke(whole);
    }

    private void Refuse(string why)
    {
        Reset();
        _skipping = true;
        Refused?.Invoke(why);
    }
}
