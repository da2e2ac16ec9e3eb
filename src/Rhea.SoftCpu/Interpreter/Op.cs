using System.Runtime.InteropServices;
using Rhea.Core.Cpu;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>What a handler says to the loop that called it.</summary>
internal enum Step
{
    /// <summary>Done; the next instruction follows.</summary>
    Next,

    /// <summary>Done, and RIP is set: a jump was taken, or something changed that the rest of the block depends on.</summary>
    Leave,

    /// <summary>Nothing was done: <see cref="Cpu.Fault(X86.ExceptionVector, uint)"/> has noted an exception, and RIP is to point here.</summary>
    Fault,

    /// <summary>Nothing was done: the block ends before this instruction, or its code was overwritten.</summary>
    Stop,
}

[Flags]
internal enum OpFlags : byte
{
    /// <summary>The memory operand needs no segment base and no limit check.</summary>
    Flat = 1,
    Rep = 2,
    RepNe = 4,

    Lock = 8,

    /// <summary>Encoded with VEX: of AVX, even where SSE's handler does it.</summary>
    Vex = 32,

    /// <summary>An operand is in memory.</summary>
    Memory = 16,

    /// <summary>Which page it is in changes nearly each time: translated code asks the TLB at once.</summary>
    Wanders = 64,
}

/// <summary>One decoded instruction: what its handler needs and nothing else.</summary>
/// <remarks>
/// Registers are byte offsets into the processor's <see cref="Frame"/>, so that AH is RAX + 1, a vector register is reached in the
/// same way, and no handler has a table. A missing base or index is the offset of a zero. Segment, control and debug registers
/// and ST(i) are their numbers.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
internal struct Op
{
    /// <summary>The handler's address; <see cref="HandlerTable"/> puts it there.</summary>
    public nint Handler;

    /// <summary>Sign-extended; for a near branch, the distance from the start of the block.</summary>
    public long Immediate;

    /// <summary>Of the memory operand; without one, the second immediate.</summary>
    public long Displacement;

    public ushort Base, Index;

    /// <summary>Operands 0 to 3, where they are registers.</summary>
    public ushort R0, R1, R2, R3;

    /// <summary>Of the first byte of this and of the next instruction from the start of the block.</summary>
    public ushort Offset, NextOffset;

    /// <summary>Iced's <c>Code</c>; 0, which is invalid, when the processor does not have the instruction.</summary>
    public ushort Code;

    /// <summary>Position in the block, from 0.</summary>
    public byte Number;
    public byte Scale;
    public SegmentRegister Segment;

    /// <summary>64 less the address size in bits.</summary>
    public byte AddressShift;
    public OpFlags Flags;

    public readonly bool Has(OpFlags flags) => (Flags & flags) != 0;
}
