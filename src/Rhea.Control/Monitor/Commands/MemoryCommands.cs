using System.Text;
using Iced.Intel;
using Rhea.Core;
using Rhea.Core.Cpu;
using Rhea.Core.Machines;
using Rhea.Core.Monitor;

namespace Rhea.Control.Monitor.Commands;

/// <summary>Memory and ports, looked at as a processor sees them.</summary>
public static class MemoryCommands
{
    private const int LongestInstruction = 15, Piece = 1 << 16;
    private const long MostSaved = 1L << 40;

    private delegate bool Reader(ulong address, Span<byte> into);

    [HmpCommand("x", "/fmt addr", "virtual memory dump starting at 'addr'")]
    public static string Examine(MonitorSession session, MemoryFormat fmt, long addr) => Dump(session, fmt, addr, physical: false);

    [HmpCommand("xp", "/fmt addr", "physical memory dump starting at 'addr'")]
    public static string ExaminePhysical(MonitorSession session, MemoryFormat fmt, long addr) => Dump(session, fmt, addr, physical: true);

    [HmpCommand("print|p", "/fmt expr", "print expression value (use $reg for CPU register access)")]
    public static string Print(MemoryFormat fmt, long expr) => (fmt.Form switch
    {
        'o' => "0" + Convert.ToString(expr, 8),
        'd' => $"{expr}",
        'u' => $"{(ulong)expr}",
        'c' => Character((byte)expr),
        _ => $"0x{expr:x}",
    }) + "\n";

    [HmpCommand("i", "/fmt addr", "I/O port read")]
    public static string ReadPort(Machine machine, MemoryFormat fmt, long addr)
    {
        using MachineLoop.Held held = machine.Loop.Enter();
        int size = Math.Min(fmt.Size, 4);
        uint value = machine.Ports.Read((ushort)addr, size);
        return $"port{"?bw?l"[size]}[0x{(ushort)addr:x4}] = 0x{value.ToString($"x{size * 2}")}\n";
    }

    [HmpCommand("o", "/fmt addr value", "I/O port write")]
    public static void WritePort(Machine machine, MemoryFormat fmt, long addr, long value)
    {
        using MachineLoop.Held held = machine.Loop.Enter();
        machine.Ports.Write((ushort)addr, Math.Min(fmt.Size, 4), (uint)value);
    }

    [HmpCommand("pmemsave", "addr size file", "save to disk physical memory dump starting at 'addr' of size 'size'")]
    public static void SavePhysicalLine(Machine machine, long addr, long size, string file) => SavePhysical(machine, addr, size, file);

    [QmpCommand("pmemsave")]
    public static void SavePhysical(Machine machine, long val, long size, string filename) =>
        Save(machine, Physical(machine), val, size, filename);

    [HmpCommand("memsave", "addr size file", "save to disk virtual memory dump starting at 'addr' of size 'size'")]
    public static void SaveVirtualLine(MonitorSession session, long addr, long size, string file) =>
        SaveVirtual(session, addr, size, file, session.Cpu);

    [QmpCommand("memsave")]
    public static void SaveVirtual(MonitorSession session, long val, long size, string filename, [QmpName("cpu-index")] long cpuIndex = 0)
    {
        var other = new MonitorSession(session.Monitored) { Cpu = RegisterCommands.CheckCpu(session.Machine, cpuIndex) };
        Save(session.Machine, Virtual(other), val, size, filename);
    }

    private static string Dump(MonitorSession session, MemoryFormat fmt, long addr, bool physical)
    {
        Machine machine = session.Machine;
        Reader read = physical ? Physical(machine) : Virtual(session);
        return machine.WhilePaused(() => fmt.Form == 'i'
            ? Disassemble(read, machine.Processors.Count > 0 ? session.Processor.Fetch().State : default, (ulong)addr, fmt.Count, physical)
            : Numbers(read, (ulong)addr, fmt));
    }

    /// <summary>Lines of sixteen bytes (eight characters, sixteen columns), as QEMU breaks them.</summary>
    private static string Numbers(Reader read, ulong address, MemoryFormat fmt)
    {
        int size = fmt.Form == 'c' ? 1 : fmt.Size, line = size == 1 ? 8 : 16;
        var text = new StringBuilder();
        Span<byte> number = stackalloc byte[8];
        for (var i = 0; i < fmt.Count; i++, address += (ulong)size)
        {
            number.Clear();
            if (i * size % line == 0) text.Append(i > 0 ? "\n" : "").Append($"{address:x16}:");
            if (!read(address, number[..size])) return text.Append(" Cannot access memory\n").ToString();
            text.Append(' ').Append(Number(BitConverter.ToUInt64(number), size, fmt.Form));
        }

        return text.Append('\n').ToString();
    }

    private static string Number(ulong value, int size, char form)
    {
        long signed = (long)(value << (64 - (size * 8))) >> (64 - (size * 8));
        return form switch
        {
            'o' => "0" + Convert.ToString((long)value, 8).PadLeft(((size * 8) + 2) / 3, '0'),
            'd' => $"{signed}".PadLeft(DecimalDigits(size)),
            'u' => $"{value}".PadLeft(DecimalDigits(size)),
            'c' => Character((byte)value),
            _ => "0x" + value.ToString($"x{size * 2}"),
        };
    }

    private static int DecimalDigits(int size) => size switch
    {
        1 => 3,
        2 => 5,
        4 => 10,
        _ => 20,
    };

    private static string Character(byte value) => value switch
    {
        (byte)'\'' => "'\\''",
        (byte)'\\' => "'\\\\'",
        (byte)'\n' => "'\\n'",
        (byte)'\r' => "'\\r'",
        >= 32 and < 127 => $"'{(char)value}'",
        _ => $"'\\x{value:x2}'",
    };

    private static string Disassemble(Reader read, CpuState cpu, ulong address, int count, bool physical)
    {
        uint cs = cpu.Segments[(int)SegmentRegister.Cs].Flags;
        int bits = cpu.In64BitCode ? 64 : (cs >> 22 & 1) != 0 ? 32 : 16;
        var text = new StringBuilder();
        var line = new StringOutput();
        var formatter = new GasFormatter();
        formatter.Options.FirstOperandCharIndex = 9;
        formatter.Options.SpaceAfterOperandSeparator = true;
        formatter.Options.UppercaseHex = false;
        formatter.Options.GasShowMnemonicSizeSuffix = true;
        for (var i = 0; i < count; i++)
        {
            var bytes = new byte[LongestInstruction];
            int length = Fetch(read, address, bytes);
            if (length == 0) return text.Append($"0x{address:x8}:  Cannot access memory\n").ToString();
            var decoder = Iced.Intel.Decoder.Create(bits, new ByteArrayCodeReader(bytes, 0, length), address);
            decoder.Decode(out Instruction instruction);
            formatter.Format(instruction, line);
            text.Append($"0x{address.ToString(bits == 64 && !physical ? "x16" : "x8")}:  ");
            text.Append($"{string.Join(' ', bytes.Take(instruction.Length).Select(value => $"{value:x2}")),-23}  {line.ToStringAndReset()}\n");
            address += (ulong)Math.Max(instruction.Length, 1);
        }

        return text.ToString();
    }

    /// <summary>As many bytes as there are, an instruction's worth at most.</summary>
    private static int Fetch(Reader read, ulong address, byte[] bytes)
    {
        for (var i = 0; i < bytes.Length; i++)
            if (!read(address + (ulong)i, bytes.AsSpan(i, 1))) return i;
        return bytes.Length;
    }

    private static Reader Physical(Machine machine) => (address, into) =>
    {
        GuestView.Read(machine, address, into);
        return true;
    };

    private static Reader Virtual(MonitorSession session)
    {
        Processor processor = session.Processor;
        return (address, into) =>
        {
            var done = 0;
            foreach ((ulong physical, int at, int length) in GuestView.Pages(processor, address, into.Length))
            {
                GuestView.Read(session.Machine, physical, into.Slice(at, length));
                done = at + length;
            }

            return done == into.Length;
        };
    }

    private static void Save(Machine machine, Reader read, long address, long length, string path)
    {
        if (length is < 0 or > MostSaved) throw new ConfigException($"Parameter 'size' expects a number up to {MostSaved}");
        try
        {
            using FileStream file = File.Create(path);
            machine.WhilePaused(() =>
            {
                var piece = new byte[Piece];
                for (long left = length; left > 0; left -= piece.Length, address += piece.Length)
                {
                    Span<byte> part = piece.AsSpan(0, (int)Math.Min(left, piece.Length));
                    if (!read((ulong)address, part)) throw new ConfigException($"Invalid addr 0x{address:x16}/size {length} specified");
                    file.Write(part);
                }

                return true;
            });
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.CouldNotOpen(path, error);
        }
    }
}
