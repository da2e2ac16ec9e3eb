using Rhea.Core.Config;
using Rhea.Core.Cpu;

namespace Rhea.Core.Monitor;

/// <summary>A number of the human monitor, written with operators and registers: "$esp+4*2".</summary>
internal sealed class Expression(string text, MonitorSession session)
{
    private const int Deepest = 64;
    private static readonly string[] Names = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"];

    private int _depth;

    /// <exception cref="ConfigException">It is none.</exception>
    public long Evaluate(ref int at)
    {
        if (++_depth > Deepest) throw new ConfigException("expression is nested too deeply");
        long value = Product(ref at);
        while (Operator(ref at, "+-&|^") is { } sign)
        {
            long right = Product(ref at);
            value = sign switch
            {
                '+' => value + right,
                '-' => value - right,
                '&' => value & right,
                '|' => value | right,
                _ => value ^ right,
            };
        }

        _depth--;
        return value;
    }

    private long Product(ref int at)
    {
        long value = Unary(ref at);
        while (Operator(ref at, "*/%") is { } sign)
        {
            long right = Unary(ref at);
            if (sign != '*' && right == 0) throw new ConfigException("division by zero");
            value = sign switch
            {
                '*' => value * right,
                '/' => right == -1 ? -value : value / right,
                _ => right == -1 ? 0 : value % right,
            };
        }

        return value;
    }

    private long Unary(ref int at)
    {
        var signs = new List<char>();
        while (Operator(ref at, "+-~") is { } sign) signs.Add(sign);
        if (at >= text.Length) throw new ConfigException("unexpected end of expression");
        long value = text[at] switch
        {
            '(' => Parenthesis(ref at),
            '\'' => Character(ref at),
            '$' => Register(ref at),
            _ => Number(ref at),
        };
        for (int i = signs.Count - 1; i >= 0; i--) value = signs[i] == '-' ? -value : signs[i] == '~' ? ~value : value;
        return value;
    }

    private long Parenthesis(ref int at)
    {
        at++;
        long value = Evaluate(ref at);
        if (Operator(ref at, ")") is null) throw new ConfigException("')' expected");
        return value;
    }

    private long Character(ref int at)
    {
        if (at + 2 >= text.Length || text[at + 2] != '\'') throw new ConfigException("missing terminating ' character");
        at += 3;
        return text[at - 2];
    }

    private long Number(ref int at)
    {
        int start = at;
        while (at < text.Length && char.IsAsciiLetterOrDigit(text[at])) at++;
        if (start < text.Length && !char.IsAsciiDigit(text[start])) throw new ConfigException($"invalid char '{text[start]}' in expression");
        if (!Quantity.TryNumber(text.AsSpan(start, at - start), out ulong number))
            throw new ConfigException($"invalid char '{text[Math.Max(start, at - 1)]}' in expression");
        return (long)number;
    }

    private long Register(ref int at)
    {
        int start = ++at;
        while (at < text.Length && char.IsAsciiLetterOrDigit(text[at])) at++;
        string name = text[start..at];
        Machines.Processor processor = session.Processor;
        CpuState cpu = session.Machine.WhilePaused(() => processor.Fetch().State);
        int narrow = Array.FindIndex(Names, register => "e" + register[1..] == name), wide = Array.IndexOf(Names, name);
        if (wide >= 0) return (long)cpu.General[wide];
        if (narrow >= 0) return (uint)cpu.General[narrow];
        if (name is "pc" or "rip" or "eip") return (long)(cpu.Rip + cpu.Segments[(int)SegmentRegister.Cs].Base);
        if (name is "eflags" or "rflags") return (long)cpu.Rflags;
        if (name.Length > 1 && name[0] == 'r' && byte.TryParse(name.AsSpan(1), out byte number) && number is >= 8 and < 16) return (long)cpu.General[number];
        return Enum.TryParse(name, ignoreCase: true, out SegmentRegister segment) && Enum.IsDefined(segment) && !char.IsAsciiDigit(name[0])
            ? cpu.Segments[(int)segment].Selector
            : throw new ConfigException("unknown register");
    }

    private char? Operator(ref int at, string operators)
    {
        while (at < text.Length && text[at] == ' ') at++;
        return at < text.Length && operators.Contains(text[at], StringComparison.Ordinal) ? text[at++] : null;
    }
}
