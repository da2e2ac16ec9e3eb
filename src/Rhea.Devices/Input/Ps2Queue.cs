using Rhea.Core.State;

namespace Rhea.Devices.Input;

/// <summary>The bytes a PS/2 device has for its host: 16 of reports, and the answer to the last command.</summary>
/// <remarks>QEMU's section shows the ring as it lies in memory.</remarks>
/// <param name="answersFirst">A keyboard's answers overtake its reports; a mouse's wait behind them.</param>
internal sealed class Ps2Queue(bool answersFirst) : IState
{
    private const int Size = 256, Reports = 16, Answers = 8, Wrap = Size - 1, NoAnswer = -1;

    private static readonly StructType Common = new("PS2 Common State", 3, Oldest: 2);

    private readonly byte[] _data = new byte[Size];
    private int _command, _read, _write, _count;
    private int _answerEnd = NoAnswer;

    /// <summary>Told when bytes came or went.</summary>
    public Action Changed { get; set; } = () => { };

    public bool HasData => _count > 0;

    /// <summary>The command whose parameter comes next, -1 for none.</summary>
    public ref int Command => ref _command;

    public void Reset()
    {
        Clear();
        _command = -1;
    }

    public void Clear()
    {
        (_read, _write, _count, _answerEnd) = (0, 0, 0, NoAnswer);
        Changed();
    }

    /// <summary>A report. One that does not fit as a whole is lost.</summary>
    public bool TryReport(ReadOnlySpan<byte> bytes)
    {
        int answers = _answerEnd == NoAnswer ? 0 : (_answerEnd - _read) & Wrap;
        if (_count - answers + bytes.Length > Reports) return false;
        Append(bytes);
        return true;
    }

    /// <summary>The answer to a command, at most eight bytes. One that overtakes replaces its predecessor if nobody has read that.</summary>
    public void Answer(params ReadOnlySpan<byte> bytes)
    {
        if (!answersFirst)
        {
            if (_count + bytes.Length <= Reports + Answers) Append(bytes);
            return;
        }

        DropAnswer();
        _answerEnd = _read;
        _read = (_read - bytes.Length) & Wrap;
        for (var i = 0; i < bytes.Length; i++) _data[(_read + i) & Wrap] = bytes[i];
        _count += bytes.Length;
        Changed();
    }

    /// <summary>The next byte; the last one again when there is none, which EMM386 needs.</summary>
    public byte Read()
    {
        if (_count == 0) return _data[(_read - 1) & Wrap];
        byte value = _data[_read];
        _read = (_read + 1) & Wrap;
        _count--;
        if (_read == _answerEnd) _answerEnd = NoAnswer;
        Changed();
        return value;
    }

    public void Visit(StateVisitor state) => state.Struct("parent_obj", Common, inner =>
    {
        inner.Int32("write_cmd", ref _command);
        inner.Int32("queue.rptr", ref _read);
        inner.Int32("queue.wptr", ref _write);
        inner.Int32("queue.count", ref _count);
        inner.Buffer("queue.data", _data);
        inner.Demand((_read | _write) is >= 0 and < Size && _count is >= 0 and < Size && ((_read + _count) & Wrap) == _write,
            $"a queue of {Size} holds {_count} bytes from {_read} to {_write}");
    });

    /// <summary>Of a keyboard, after its own fields.</summary>
    public void VisitAnswer(StateVisitor state)
    {
        if (state.Loading) _answerEnd = NoAnswer;
        state.Subsection("ps2kbd/command_reply_queue", 0, _answerEnd != NoAnswer, inner =>
        {
            inner.Int32("parent_obj.queue.cwptr", ref _answerEnd);
            inner.Demand(_answerEnd is >= 0 and < Size && ((_answerEnd - _read) & Wrap) <= _count, $"an answer ends at {_answerEnd}, outside its queue");
        });
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            _data[_write] = value;
            _write = (_write + 1) & Wrap;
            _count++;
        }

        Changed();
    }

    private void DropAnswer()
    {
        if (_answerEnd == NoAnswer) return;
        _count -= (_answerEnd - _read) & Wrap;
        (_read, _answerEnd) = (_answerEnd, NoAnswer);
    }
}
