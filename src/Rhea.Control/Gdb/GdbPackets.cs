using System.Text;

namespace Rhea.Control.Gdb;

/// <summary>The framing of GDB's remote serial protocol: <c>$data#checksum</c>, acknowledged until both sides agree to do without.</summary>
/// <remarks>GDB manual, appendix E.1.</remarks>
/// <param name="send">Takes bytes for GDB.</param>
internal sealed class GdbPackets(Action<byte[]> send)
{
    /// <summary>Of the data of one packet, in bytes.</summary>
    public const int Longest = 0x1_0000;

    private const byte Start = (byte)'$', End = (byte)'#', Escape = (byte)'}', EscapeMask = 0x20, Interruption = 3;

    private readonly List<byte> _data = [];
    private Part _part;
    private byte _sum, _given;
    private byte[] _last = [];

    private enum Part
    {
        Outside,
        Data,
        Escaped,
        FirstDigit,
        SecondDigit,
    }

    /// <summary>A packet came, without its frame.</summary>
    public event Action<byte[]>? Received;

    /// <summary>The user has pressed Ctrl-C.</summary>
    public event Action? Interrupted;

    public bool Acknowledges { get; set; } = true;

    public void Reset() => (_part, Acknowledges) = (Part.Outside, true);

    public void Add(ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes) Add(value);
    }

    public void Send(string text) => Send(Encoding.Latin1.GetBytes(text));

    public void Send(ReadOnlySpan<byte> data)
    {
        var packet = new List<byte>(data.Length + 4) { Start };
        foreach (byte value in data)
        {
            if (value is Start or End or Escape or (byte)'*') packet.AddRange([Escape, (byte)(value ^ EscapeMask)]);
            else packet.Add(value);
        }

        byte sum = 0;
        for (var i = 1; i < packet.Count; i++) sum += packet[i];
        packet.AddRange([End, .. Encoding.ASCII.GetBytes($"{sum:x2}")]);
        _last = [.. packet];
        send(_last);
    }

    private void Add(byte value)
    {
        switch (_part)
        {
            case Part.Outside:
                if (value == Start) Begin();
                else if (value == Interruption) Interrupted?.Invoke();
                else if (value == '-' && Acknowledges) send(_last);
                break;
            case Part.FirstDigit:
                (_given, _part) = ((byte)(Digit(value) << 4), Part.SecondDigit);
                break;
            case Part.SecondDigit:
                Finish((byte)(_given | Digit(value)));
                break;
            case Part.Data when value == Start: // the packet before it was cut off
                Begin();
                break;
            case Part.Data when value == End:
                _part = Part.FirstDigit;
                break;
            default:
                AddData(value);
                break;
        }
    }

    private void Begin()
    {
        _data.Clear();
        (_part, _sum) = (Part.Data, 0);
    }

    private void AddData(byte value)
    {
        _sum += value;
        if (_part == Part.Data && value == Escape)
        {
            _part = Part.Escaped;
            return;
        }

        if (_data.Count < Longest) _data.Add(_part == Part.Escaped ? (byte)(value ^ EscapeMask) : value);
        _part = Part.Data;
    }

    private void Finish(byte sum)
    {
        _part = Part.Outside;
        bool good = sum == _sum && _data.Count < Longest;
        if (Acknowledges) send(good ? "+"u8.ToArray() : "-"u8.ToArray());
        if (good) Received?.Invoke([.. _data]);
    }

    private static int Digit(byte value) => value switch
    {
        >= (byte)'0' and <= (byte)'9' => value - '0',
        >= (byte)'a' and <= (byte)'f' => value - 'a' + 10,
        >= (byte)'A' and <= (byte)'F' => value - 'A' + 10,
        _ => 0,
    };
}
