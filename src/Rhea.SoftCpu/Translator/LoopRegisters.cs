using System.Numerics;
using Iced.Intel;
using Rhea.SoftCpu.Interpreter;
using static Rhea.SoftCpu.Translator.GuestRegister;

namespace Rhea.SoftCpu.Translator;

/// <summary>Host registers whose guest registers a loop does not use: while it turns without looking, they count its turns and hold its cells.</summary>
/// <remarks>The guest's values are in the frame meanwhile. Every way out of the turns gives the registers back.</remarks>
internal sealed class LoopRegisters(Emitter code)
{
    /// <summary>Some instructions use RAX, RCX and RDX without an operand that says so.</summary>
    private const int NeverFree = 1 << HostRegister.Rax | 1 << HostRegister.Rcx | 1 << HostRegister.Rdx;

    private const int Registers = 16;

    private readonly int[] _cells = new int[LoopCell.Count]; // host registers, or -1
    private int _chosen; // guest registers, a bit for each

    /// <summary>The host register that counts; -1 when the frame does.</summary>
    public int Counter { get; private set; } = -1;

    /// <summary>The guest registers whose host registers have something else now, a bit for each.</summary>
    public int Borrowed { get; private set; }

    /// <summary>What an instruction may use, a bit for each guest register.</summary>
    public static int UsedBy(in Op op)
    {
        int operands = Bit(op.R0) | Bit(op.R1) | Bit(op.R2) | Bit(op.R3) | Bit(op.Base) | Bit(op.Index);
        return (Code)op.Code is Code.Cmpxchg8b_m64 or Code.Cmpxchg16b_m128 ? operands | 1 << HostRegister.Rbx : operands;
    }

    /// <summary>The host register that has a cell; -1 when the frame has it.</summary>
    public int CellHost(int cell) => Borrowed == 0 ? -1 : _cells[cell];

    /// <summary>Chooses registers for a loop.</summary>
    /// <param name="used">Those that it uses, a bit for each.</param>
    /// <param name="cells">How many cells it has.</param>
    public void Choose(int used, int cells)
    {
        (_chosen, Counter) = (0, -1);
        Array.Fill(_cells, -1);
        int free = ~(used | NeverFree), wanted = cells + 1;
        for (var register = 0; register < Registers && wanted > 0; register++)
        {
            if ((free >> register & 1) == 0 || HostOf(register) < 0) continue;
            _chosen |= 1 << register;
            if (Counter < 0) Counter = HostOf(register);
            else _cells[cells - wanted] = HostOf(register);
            wanted--;
        }
    }

    /// <summary>No registers for this loop.</summary>
    public void ChooseNone() => Choose(~0, 0);

    /// <summary>They are free from here on.</summary>
    public void Borrow()
    {
        Borrowed = _chosen;
        for (int rest = _chosen; rest != 0; rest &= rest - 1)
        {
            int register = BitOperations.TrailingZeroCount(rest);
            code.Store(Slot(register), HostOf(register));
        }
    }

    /// <summary>The turns have been emitted.</summary>
    public void End() => Borrowed = 0;

    /// <summary>On the way out.</summary>
    public void GiveBack() => GiveBack(Borrowed);

    /// <summary>The same for those that were borrowed where the way begins. Changes no flags.</summary>
    public void GiveBack(int borrowed)
    {
        for (int rest = borrowed; rest != 0; rest &= rest - 1)
        {
            int register = BitOperations.TrailingZeroCount(rest);
            code.Load(HostOf(register), Slot(register));
        }
    }

    private static int Bit(ushort operand) => operand < FrameOffset.General(Registers) ? 1 << FrameOffset.GeneralNumber(operand) : 0;
}
