using Iced.Intel;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>From Iced's <c>Code</c> to the handler: one for registers, one for a memory operand, one for a memory operand with LOCK.</summary>
/// <remarks>
/// <para>A family adds its handlers in a static <c>Add(HandlerTable table)</c> of a file of its own named <c>…Table.cs</c>, which
/// is called from <see cref="Build"/>: <c>table.Add(Code.Pand_xmm_xmmm128, &amp;Sse.AndReg, &amp;Sse.AndMem);</c>. What is not there is
/// an invalid opcode.</para>
/// <para>UNSAFE: holds addresses of functions. SAFETY: all are static methods of this assembly with the signature of the type.</para>
/// </remarks>
internal sealed unsafe class HandlerTable
{
    public const int Codes = 5000; // Iced 1.21 has 4936

    public static readonly HandlerTable Instance = Build();

    private readonly nint[] _register = new nint[Codes], _memory = new nint[Codes], _locked = new nint[Codes];

    /// <summary>For an instruction whose operands are all registers (or that has only a memory operand: the same for both).</summary>
    public void Add(Code code, delegate*<Cpu, in Op, Step> handler) => _register[(int)code] = _memory[(int)code] = (nint)handler;

    public void Add(Code code, delegate*<Cpu, in Op, Step> register, delegate*<Cpu, in Op, Step> memory) =>
        (_register[(int)code], _memory[(int)code]) = ((nint)register, (nint)memory);

    public void Add(Code code, delegate*<Cpu, in Op, Step> register, delegate*<Cpu, in Op, Step> memory, delegate*<Cpu, in Op, Step> locked)
    {
        Add(code, register, memory);
        _locked[(int)code] = (nint)locked;
    }

    /// <summary>0 when the processor does not know it.</summary>
    public nint Find(Code code, bool memory, bool locked) => (locked ? _locked : memory ? _memory : _register)[(int)code];

    /// <summary>The handler of what does nothing: NOPs, prefetches, hints.</summary>
    public nint Nothing { get; } = (nint)(delegate*<Cpu, in Op, Step>)&Misc.Nop;

    public bool Knows(Code code) => (_register[(int)code] | _memory[(int)code]) != 0;

    public static Step Call(Cpu cpu, in Op op) => ((delegate*<Cpu, in Op, Step>)op.Handler)(cpu, in op);

    private static HandlerTable Build()
    {
        var table = new HandlerTable();
        ArithmeticTable.Add(table);
        ShiftTable.Add(table);
        IntegerTable.Add(table);
        MoveTable.Add(table);
        ControlFlowTable.Add(table);
        SystemTable.Add(table);
        X87Table.Add(table);
        MmxTable.Add(table);
        SseTable.Add(table);
        Sse4Table.Add(table);
        VexTable.Add(table);
        VexFloatTable.Add(table);
        return table;
    }
}
