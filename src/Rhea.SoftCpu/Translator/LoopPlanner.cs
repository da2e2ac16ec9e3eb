using Iced.Intel;
using Rhea.SoftCpu.CodeCache;
using Rhea.SoftCpu.Interpreter;

namespace Rhea.SoftCpu.Translator;

/// <summary>Finds memory accesses of a loop whose addresses move by the same distance at each turn, so that one check serves for many turns.</summary>
/// <remarks>
/// Each register is a <see cref="Line"/> of what the registers were when the turn began. What it has become at the turn's end says by how much it moves.
/// An access belongs to a group with others of the same terms and little distance. If the group stays in a page for so many turns, none of these has to look.
/// </remarks>
internal sealed class LoopPlanner
{
    private const int Registers = 16, LongestStretch = 256, LongestStep = 256;

    private readonly Line[] _lines = new Line[Registers];
    private readonly Line[] _steps = new Line[Registers];
    private readonly List<Access> _accesses = [];
    private readonly List<LoopGroup> _groups = [];
    private readonly List<LoopCell> _cells = [];
    private readonly HeldAccess[] _held = new HeldAccess[BlockDecoder.MaxOps];
    private int _written, _blockStart;

    /// <summary>What is to be checked before the turns.</summary>
    public IReadOnlyList<LoopGroup> Groups => _groups;

    /// <summary>What is to be kept for them.</summary>
    public IReadOnlyList<LoopCell> Cells => _cells;

    /// <summary>The accesses that need no check, by instruction.</summary>
    public HeldAccess Held(int number) => _held[number];

    /// <param name="blockStart">Where in its page the loop begins.</param>
    public void Start(int blockStart)
    {
        _blockStart = blockStart;
        _written = 0;
        for (var register = 0; register < Registers; register++) _lines[register] = Line.Of(register);
        _accesses.Clear();
        _groups.Clear();
        _cells.Clear();
        Array.Clear(_held);
    }

    /// <summary>The next instruction of a turn. False when it cannot be in such a loop.</summary>
    /// <param name="number">Of it, from 0.</param>
    /// <param name="kind">Who does it.</param>
    /// <param name="form">Its form.</param>
    /// <param name="op">The instruction.</param>
    /// <param name="written">The registers that it changes, a bit for each.</param>
    public bool Add(int number, InstructionKind kind, HostForm form, in Op op, int written)
    {
        switch (kind)
        {
            case InstructionKind.Nothing:
                return true;
            case InstructionKind.Jump:
                return form.Code.FlowControl() is FlowControl.ConditionalBranch or FlowControl.UnconditionalBranch;
            case InstructionKind.Plain or InstructionKind.BitManipulation:
                if (op.Has(OpFlags.Memory)) AddAccess(number, form, in op);
                break;
            case not (InstructionKind.Special or InstructionKind.Divide):
                return false;
        }

        _written |= written;
        if (!Follow(form, in op)) Forget(written);
        return true;
    }

    /// <summary>The turn is complete. False when there is nothing to gain.</summary>
    public bool Finish()
    {
        for (var register = 0; register < Registers; register++) _steps[register] = _lines[register].Minus(Line.Of(register));
        foreach (Access access in _accesses) Join(in access);
        return _groups.Count > 0;
    }

    private void AddAccess(int number, HostForm form, in Op op)
    {
        if (op.AddressShift != 0 || !op.Has(OpFlags.Flat) || op.Displacement != (int)op.Displacement) return;
        Line index = op.Index == FrameOffset.Zero ? Line.Number(0) : Of(op.Index).Times(1 << op.Scale);
        Line address = Of(op.Base).Plus(index).Plus(op.Displacement);
        if (!address.IsShort) return;
        _accesses.Add(new Access(number, address, form.MemorySize, PlainInstruction.WritesMemory(form), op.Base, op.Index, op.Scale));
    }

    private void Join(in Access access)
    {
        int found = -1;
        for (var i = 0; i < _groups.Count; i++)
        {
            LoopGroup group = _groups[i];
            if (!group.From.IsBeside(access.Address)) continue;
            long from = Math.Min(group.From.Constant, access.Address.Constant);
            long to = Math.Max(group.From.Constant + group.Length, access.Address.Constant + access.Size);
            if (to - from > LongestStretch) continue;
            _groups[i] = group with { From = group.From with { Constant = from }, Length = (int)(to - from), Writes = group.Writes || access.Write };
            found = i;
            break;
        }

        if (found < 0)
        {
            Line step = StepOf(access.Address);
            int register = step.OnlyRegister;
            bool moves = step.IsNumber && Math.Abs(step.Constant) <= LongestStep;
            if ((!moves && register < 0) || _cells.Count == LoopCell.Count) return;
            found = _groups.Count;
            _groups.Add(new LoopGroup(access.Address, access.Size, access.Write, moves ? (int)step.Constant : 0, moves ? -1 : register));
        }

        bool holdsBase = access.Base != FrameOffset.Zero && !IsWritten(access.Base), holdsIndex = access.Index != FrameOffset.Zero && !IsWritten(access.Index);
        var cell = new LoopCell(found, holdsBase ? access.Base : FrameOffset.Zero, holdsIndex ? access.Index : FrameOffset.Zero, holdsIndex ? access.Scale : 0);
        int place = _cells.IndexOf(cell);
        if (place < 0)
        {
            if (_cells.Count == LoopCell.Count) return;
            place = _cells.Count;
            _cells.Add(cell);
        }

        _held[access.Number] = new HeldAccess(true, place, holdsBase, holdsIndex);
    }

    /// <summary>By how much an address moves at each turn, if that is always the same.</summary>
    private Line StepOf(in Line address)
    {
        Line sum = Line.Number(0);
        for (var register = 0; register < Registers; register++)
            if (address.Terms[register] != 0) sum = sum.Plus(_steps[register].Times(address.Terms[register]));
        for (var register = 0; register < Registers; register++)
            if (sum.Known && sum.Terms[register] != 0 && (_written >> register & 1) != 0) return Line.Unknown;
        return sum;
    }

    private bool IsWritten(ushort register) => register != FrameOffset.BlockIp && (_written >> FrameOffset.GeneralNumber(register) & 1) != 0;

    private Line Of(ushort register) => register == FrameOffset.Zero ? Line.Number(0)
        : register == FrameOffset.BlockIp ? Line.OfPage(_blockStart) : _lines[FrameOffset.GeneralNumber(register)];

    /// <summary>What the instruction does to a register can be told.</summary>
    private bool Follow(HostForm form, in Op op)
    {
        if (form.Code == Code.Lea_r64_m)
        {
            if (op.AddressShift != 0) return false;
            Line index = op.Index == FrameOffset.Zero ? Line.Number(0) : Of(op.Index).Times(1 << op.Scale);
            Set(op.R0, Of(op.Base).Plus(index).Plus(op.Displacement));
            return true;
        }

        if (op.Has(OpFlags.Memory) || form.Size != 64 || form.RegisterSize == 16 || form.OtherSize == 16) return false;
        Line before = form.Fixed ? Line.Unknown : Of(op.R0);
        bool two = form is { Register: >= 0, Other: >= 0 };
        switch (form.Mnemonic)
        {
            case Mnemonic.Mov when two:
                Set(op.R0, Of(op.R1));
                return true;
            case Mnemonic.Add when two:
                Set(op.R0, before.Plus(Of(op.R1)));
                return true;
            case Mnemonic.Sub when two:
                Set(op.R0, before.Minus(Of(op.R1)));
                return true;
            case Mnemonic.Add when form is { Fixed: false, Immediate: > 0 }:
                Set(op.R0, before.Plus(op.Immediate));
                return true;
            case Mnemonic.Sub when form is { Fixed: false, Immediate: > 0 }:
                Set(op.R0, before.Plus(-op.Immediate));
                return true;
            case Mnemonic.Inc:
                Set(op.R0, before.Plus(1));
                return true;
            case Mnemonic.Dec:
                Set(op.R0, before.Plus(-1));
                return true;
            default:
                return false;
        }
    }

    private void Set(ushort register, in Line line) => _lines[FrameOffset.GeneralNumber(register)] = line;

    private void Forget(int registers)
    {
        for (var register = 0; register < Registers; register++)
            if ((registers >> register & 1) != 0) _lines[register] = Line.Unknown;
    }

    private readonly record struct Access(int Number, Line Address, int Size, bool Write, ushort Base, ushort Index, int Scale);
}

/// <summary>Accesses of a loop that are near each other and move together.</summary>
/// <param name="From">Address of the first byte, by the registers at the start of a turn.</param>
/// <param name="Length">Of the bytes that a turn reaches.</param>
/// <param name="Writes">Some of them are written.</param>
/// <param name="Step">How far they are from there at the next turn, in bytes.</param>
/// <param name="StepRegister">The guest register that says that; -1 when it is <paramref name="Step"/>.</param>
internal readonly record struct LoopGroup(Line From, int Length, bool Writes, int Step, int StepRegister);

/// <summary>What is kept for a loop's accesses: the distance from guest to host addresses of a group, plus registers that the loop does not change.</summary>
/// <param name="Group">Number of the group.</param>
/// <param name="Base">A register, or <see cref="FrameOffset.Zero"/>.</param>
/// <param name="Index">Another.</param>
/// <param name="Scale">Power of two that the index is multiplied by.</param>
internal readonly record struct LoopCell(int Group, ushort Base, ushort Index, int Scale)
{
    /// <summary>How many there are for a loop.</summary>
    public const int Count = 12;
}

/// <summary>An access that needs no check.</summary>
/// <param name="Is">It is one.</param>
/// <param name="Cell">The number of its cell.</param>
/// <param name="HasBase">The cell has the base register in it.</param>
/// <param name="HasIndex">And the index.</param>
internal readonly record struct HeldAccess(bool Is, int Cell, bool HasBase, bool HasIndex);
