using System.Text;
using Iced.Intel;
using Rhea.Core.Config;
using Rhea.Core.Cpu;
using Rhea.SoftCpu.Interpreter;
using Decoder = Iced.Intel.Decoder;

namespace Rhea.SoftCpu;

/// <summary>What <c>-d</c> tells of guest code: its disassembly, every block that is entered, interrupts and resets, in QEMU's words.</summary>
/// <remarks>A processor without one pays for a null test at each block that is looked up, and nothing in translated code.</remarks>
public sealed class ExecutionLog
{
    private const int BytesInLine = 8;

    private readonly IReadOnlyList<AddressRange> _only;
    private readonly Action<string> _write;
    private readonly bool _code, _hostCode, _blocks, _registers, _floating, _interrupts, _resets;
    private int _delivered;

    /// <param name="items">Of <c>-d</c>; others than these are left alone.</param>
    /// <param name="only">The code that is logged; empty for all.</param>
    /// <param name="write">Takes one or more whole lines, from any processor's thread.</param>
    public ExecutionLog(IReadOnlyList<string> items, IReadOnlyList<AddressRange> only, Action<string> write)
    {
        (_only, _write) = (only, write);
        (_code, _blocks, _registers, _floating) = (items.Contains("in_asm"), items.Contains("exec"), items.Contains("cpu"), items.Contains("fpu"));
        _hostCode = items.Contains("out_asm");
        (_interrupts, _resets) = (items.Contains("int"), items.Contains("cpu_reset"));
        Chains = !items.Contains("nochain");
        CountsBlocks = items.Contains("hot");
    }

    /// <summary>Items of <c>-d</c> that are for this log.</summary>
    public static IReadOnlyList<string> Items { get; } = ["in_asm", "out_asm", "exec", "cpu", "fpu", "int", "cpu_reset", "nochain", "hot"];

    /// <summary>One translated block may lead to the next unseen; else every one that is entered is told of.</summary>
    public bool Chains { get; }

    /// <summary>Translated blocks count how often they run.</summary>
    public bool CountsBlocks { get; }

    /// <summary>A processor is about to be reset.</summary>
    public void Resetting(int processor, in CpuState state)
    {
        if (_resets) _write($"CPU Reset (CPU {processor})\n{RegisterText.Of(in state)}");
    }

    /// <summary>It has found no way to deliver an exception.</summary>
    internal void TripleFault()
    {
        if (_resets) _write("Triple fault\n");
    }

    /// <summary>A block has been decoded that begins at RIP.</summary>
    internal void Decoded(Cpu cpu, ulong linear, int length)
    {
        if (!_code || !Includes(linear)) return;
        Span<byte> bytes = stackalloc byte[length];
        if (!cpu.Mmu.FetchBytes(linear, bytes, out int count)) return;
        var text = new StringBuilder("----------------\nIN: \n");
        Disassemble(text, Formatter(null), bytes[..count].ToArray(), linear, cpu.Code64 ? 64 : (cpu.BlockMode & BlockMode.Code32) != 0 ? 32 : 16);
        _write(text.Append('\n').ToString());
    }

    /// <summary>The code that a block at an address has been translated to is told of.</summary>
    internal bool ShowsHostCode(ulong linear) => _hostCode && Includes(linear);

    /// <summary>A block has been translated.</summary>
    /// <param name="linear">Its address.</param>
    /// <param name="at">Address of the code.</param>
    /// <param name="code">The code.</param>
    /// <param name="marks">Where in it which of the guest's instructions, counted from the block's start in bytes, begin.</param>
    /// <param name="names">What is where outside.</param>
    internal void Translated(ulong linear, ulong at, ReadOnlySpan<byte> code, IReadOnlyList<(int Place, int Offset)> marks, Func<ulong, string?> names)
    {
        var text = new StringBuilder($"OUT: [size={code.Length}]\n");
        GasFormatter formatter = Formatter(new Names(names));
        byte[] bytes = code.ToArray();
        for (var i = 0; i < marks.Count; i++)
        {
            int end = i + 1 < marks.Count ? marks[i + 1].Place : bytes.Length;
            text.Append($"  -- guest addr 0x{linear + (ulong)marks[i].Offset:x16}\n");
            Disassemble(text, formatter, bytes[marks[i].Place..end], at + (ulong)marks[i].Place, 64);
        }

        _write(text.Append('\n').ToString());
    }

    /// <summary>A block is about to run.</summary>
    internal void Entering(Cpu cpu, nint block)
    {
        if (!(_blocks || _registers)) return;
        ulong linear = cpu.LinearIp;
        if (!Includes(linear)) return;
        string trace = _blocks ? $"Trace {cpu.Index}: 0x{block:x} [{linear - cpu.State.Rip:x16}/{linear:x16}/{(uint)cpu.BlockMode:x8}/{(Chains ? 0 : 0x200):x8}] \n" : "";
        _write(_registers ? trace + Registers(cpu) : trace);
    }

    internal void ServingInterrupt(byte vector)
    {
        if (_interrupts) _write($"Servicing hardware INT=0x{vector:x2}\n");
    }

    /// <param name="before">The exception while whose delivery this one came.</param>
    internal void Excepting(byte vector, byte? before)
    {
        if (_interrupts) _write($"check_exception old: 0x{before ?? uint.MaxValue:x} new 0x{vector:x}\n");
    }

    /// <summary>An interrupt or exception goes through the IDT. QEMU leaves out those of real mode.</summary>
    internal void Delivering(Cpu cpu, byte vector, uint code, bool software, ulong returnIp)
    {
        if (!_interrupts || !cpu.Protected) return;
        ref CpuState state = ref cpu.State;
        Segment cs = state.Segments[(int)SegmentRegister.Cs], ss = state.Segments[(int)SegmentRegister.Ss];
        string last = vector == 14 ? $"CR2={state.Cr2:x16}" : $"env->regs[R_EAX]={state.General[0]:x16}";
        _write($"{Interlocked.Increment(ref _delivered) - 1,6}: v={vector:x2} e={code:x4} i={(software ? 1 : 0)} cpl={cpu.Cpl} IP={cs.Selector:x4}:{returnIp:x16} "
            + $"pc={(cpu.Code64 ? returnIp : (uint)(cs.Base + returnIp)):x16} SP={ss.Selector:x4}:{cpu.Rsp:x16} {last}\n{Registers(cpu)}");
    }

    /// <param name="entering">Else it has been left.</param>
    internal void SystemManagement(Cpu cpu, bool entering)
    {
        if (_interrupts) _write($"SMM: {(entering ? "enter" : "after RSM")}\n{Registers(cpu)}");
    }

    private bool Includes(ulong linear)
    {
        foreach (AddressRange range in _only)
            if (linear >= range.First && linear <= range.Last) return true;
        return _only.Count == 0;
    }

    private string Registers(Cpu cpu)
    {
        CpuState state = cpu.State;
        state.Rflags = cpu.ReadRflags();
        return RegisterText.Of(in state, _floating);
    }

    private static GasFormatter Formatter(ISymbolResolver? names)
    {
        var formatter = new GasFormatter(names);
        formatter.Options.FirstOperandCharIndex = 9;
        formatter.Options.GasShowMnemonicSizeSuffix = true;
        formatter.Options.SpaceAfterOperandSeparator = true;
        formatter.Options.BranchLeadingZeros = false;
        formatter.Options.UppercaseHex = false;
        return formatter;
    }

    private static void Disassemble(StringBuilder text, GasFormatter formatter, byte[] bytes, ulong address, int bits)
    {
        var output = new StringOutput();
        Decoder decoder = Decoder.Create(bits, bytes, address, DecoderOptions.ForceReservedNop);
        while (decoder.IP < address + (ulong)bytes.Length)
        {
            Instruction instruction = decoder.Decode();
            formatter.Format(in instruction, output);
            ReadOnlySpan<byte> code = bytes.AsSpan((int)(instruction.IP - address), instruction.Length);
            string formatted = output.ToStringAndReset();
            for (var at = 0; at < code.Length; at += BytesInLine)
            {
                text.Append($"0x{instruction.IP + (ulong)at:x8}: ");
                foreach (byte value in code.Slice(at, Math.Min(BytesInLine, code.Length - at))) text.Append($" {value:x2}");
                if (at == 0) text.Append(' ', (BytesInLine - Math.Min(code.Length, BytesInLine)) * 3).Append("  ").Append(formatted);
                text.Append('\n');
            }
        }
    }

    private sealed class Names(Func<ulong, string?> names) : ISymbolResolver
    {
        public bool TryGetSymbol(in Instruction instruction, int operand, int instructionOperand, ulong address, int addressSize, out SymbolResult symbol)
        {
            string? name = instruction.FlowControl == FlowControl.Next ? null : names(address);
            symbol = name is null ? default : new SymbolResult(address, name);
            return name is not null;
        }
    }
}
