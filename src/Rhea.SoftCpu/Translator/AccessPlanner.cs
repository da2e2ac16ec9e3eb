using Iced.Intel;
using Rhea.Core.Cpu;
using Rhea.SoftCpu.Interpreter;

namespace Rhea.SoftCpu.Translator;

/// <summary>Finds memory accesses of a block that are near each other for certain, so that one check serves them all.</summary>
/// <remarks>
/// Each register has a symbol, which is new whenever something unknown is written to it, and a distance from what the symbol stands for. Accesses
/// with the same symbols and little distance are a group. The first of them checks the whole stretch; the others come with what it has found.
/// So between them nothing may happen that lets the TLB forget: what does not stay in generated code leaves the block (<see cref="PlannedAccess.Leaves"/>).
/// </remarks>
internal sealed class AccessPlanner
{
    private const int Stack = 4, StackFrame = 5, Registers = 16, LongestStretch = 512, PageSymbol = -1, NoSymbol = -2;

    private readonly int[] _symbols = new int[Registers];
    private readonly long[] _distances = new long[Registers];
    private readonly List<Group> _groups = [];
    private PlannedAccess[] _planned = [];
    private BlockMode _mode;
    private int _nextSymbol, _firstOpen, _blockStart;

    /// <param name="planned">Takes what is found, by instruction.</param>
    /// <param name="mode">The block's.</param>
    /// <param name="blockStart">Where in its page it begins.</param>
    public void Start(PlannedAccess[] planned, BlockMode mode, int blockStart)
    {
        (_planned, _mode, _blockStart) = (planned, mode, blockStart);
        for (var register = 0; register < Registers; register++) (_symbols[register], _distances[register]) = (register, 0);
        _nextSymbol = Registers;
        _firstOpen = 0;
        _groups.Clear();
    }

    /// <summary>The next instruction.</summary>
    /// <param name="number">Of it, from 0.</param>
    /// <param name="kind">Who does it.</param>
    /// <param name="form">Its form.</param>
    /// <param name="op">The instruction.</param>
    /// <param name="written">The registers that it changes, a bit for each.</param>
    public void Add(int number, InstructionKind kind, HostForm form, in Op op, int written)
    {
        _planned[number] = default;
        switch (kind)
        {
            case InstructionKind.Nothing:
                return;
            case InstructionKind.Plain or InstructionKind.BitManipulation or InstructionKind.X87:
                bool write = kind == InstructionKind.X87 ? X87Instruction.Stores(form) : PlainInstruction.WritesMemory(form);
                if (op.Has(OpFlags.Memory)) AddOperand(number, in op, form.MemorySize, write);
                break;
            case InstructionKind.Stack when !op.Has(OpFlags.Memory):
                AddStack(number, in op);
                return;
            case InstructionKind.Jump when !op.Has(OpFlags.Memory):
                AddJump(number, form.Code.FlowControl());
                Forget(written & ~(1 << Stack));
                return;
            case InstructionKind.Interpreted or InstructionKind.System or InstructionKind.Jump or InstructionKind.Stack:
                _firstOpen = _groups.Count;
                Forget(~0);
                return;
        }

        if (!Follow(form, in op)) Forget(written);
    }

    /// <summary>All have been added.</summary>
    public void Finish()
    {
        foreach (Group group in _groups)
        {
            if (group.First == group.Last) continue;
            for (int number = group.First; number < group.Last; number++) _planned[number] = _planned[number] with { Leaves = true };
            foreach ((int number, long distance) in group.Members)
            {
                _planned[number] = _planned[number] with
                {
                    Leader = group.First,
                    From = (int)(group.From - distance),
                    Length = (int)(group.To - group.From),
                    Writes = group.Writes,
                    Grouped = true,
                };
            }
        }
    }

    private bool Wide => (_mode & BlockMode.Code64) != 0;

    private int StackSize => Wide ? 8 : 4;

    private void AddOperand(int number, in Op op, int size, bool write)
    {
        if (op.AddressShift != (Wide ? 0 : 32) || !MemoryAccess.IsOpen(in op, _mode)) return;
        var displacement = (int)op.Displacement;
        if (displacement is > int.MaxValue / 2 or < int.MinValue / 2) return;
        Place place = Of(op.Base), index = Of(op.Index);
        var key = new Key(place.Symbol, index.Symbol, op.Scale, op.Has(OpFlags.Flat) ? null : op.Segment);
        Join(number, in key, Clip(place.Distance + displacement + (index.Distance << op.Scale)), size, write);
    }

    private void AddStack(int number, in Op op)
    {
        int size = StackSize;
        switch (((Code)op.Code).Mnemonic())
        {
            case Mnemonic.Push:
                Push(number);
                break;
            case Mnemonic.Pop:
                JoinStack(number, Stack, 0, write: false);
                _distances[Stack] = Clip(_distances[Stack] + size);
                Forget(1 << FrameOffset.GeneralNumber(op.R0));
                break;
            default: // LEAVE
                JoinStack(number, StackFrame, 0, write: false);
                (_symbols[Stack], _distances[Stack]) = (_symbols[StackFrame], Clip(_distances[StackFrame] + size));
                Forget(1 << StackFrame);
                break;
        }
    }

    private void AddJump(int number, FlowControl flow)
    {
        if (flow is FlowControl.Call or FlowControl.IndirectCall) Push(number);
        else if (flow == FlowControl.Return) JoinStack(number, Stack, 0, write: false);
    }

    private void Push(int number)
    {
        JoinStack(number, Stack, -StackSize, write: true);
        _distances[Stack] = Clip(_distances[Stack] - StackSize);
    }

    private void JoinStack(int number, int register, int distance, bool write) =>
        Join(number, new Key(_symbols[register], NoSymbol, 0, null), Clip(_distances[register] + distance), StackSize, write);

    private void Join(int number, in Key key, long distance, int size, bool write)
    {
        for (int i = _groups.Count - 1; i >= _firstOpen; i--)
        {
            Group group = _groups[i];
            if (group.Key != key) continue;
            long from = Math.Min(group.From, distance), to = Math.Max(group.To, distance + size);
            if (to - from > LongestStretch) continue;
            group.Members.Add((number, distance));
            _groups[i] = group with { From = from, To = to, Last = number, Writes = group.Writes || write };
            return;
        }

        _groups.Add(new Group(key, distance, distance + size, number, number, write, [(number, distance)]));
    }

    /// <summary>The instruction moves a register by a constant, or copies one: then its symbol is known.</summary>
    private bool Follow(HostForm form, in Op op)
    {
        if (form.Code is Code.Lea_r64_m or Code.Lea_r32_m)
        {
            if (form.Code == Code.Lea_r64_m != Wide || op.Index != FrameOffset.Zero || op.AddressShift != (Wide ? 0 : 32)) return false;
            Place place = Of(op.Base);
            if (place.Symbol == NoSymbol) return false;
            Set(op.R0, place with { Distance = Clip(place.Distance + op.Displacement) });
            return true;
        }

        if (op.Has(OpFlags.Memory) || form.Size != (Wide ? 64 : 32)) return false;
        long by = op.Immediate;
        switch (form.Mnemonic)
        {
            case Mnemonic.Mov when form is { Register: >= 0, Other: >= 0, RegisterSize: < 16, OtherSize: < 16 }:
                Set(op.R0, Of(op.R1));
                return true;
            case Mnemonic.Add or Mnemonic.Sub when form is { Fixed: false, Immediate: > 0 }:
                Place place = Of(op.R0);
                Set(op.R0, place with { Distance = Clip(form.Mnemonic == Mnemonic.Add ? place.Distance + by : place.Distance - by) });
                return true;
            default:
                return false;
        }
    }

    /// <summary>Of a 32-bit address only 32 bits matter.</summary>
    private long Clip(long distance) => Wide ? distance : (int)distance;

    private Place Of(ushort register)
    {
        if (register == FrameOffset.Zero) return new Place(NoSymbol, 0);
        if (register == FrameOffset.BlockIp) return new Place(PageSymbol, _blockStart);
        int number = FrameOffset.GeneralNumber(register);
        return new Place(_symbols[number], _distances[number]);
    }

    private void Set(ushort register, Place place)
    {
        int number = FrameOffset.GeneralNumber(register);
        (_symbols[number], _distances[number]) = (place.Symbol, place.Distance);
    }

    private void Forget(int registers)
    {
        for (var register = 0; register < Registers; register++)
            if ((registers >> register & 1) != 0) (_symbols[register], _distances[register]) = (_nextSymbol++, 0);
    }

    private readonly record struct Place(int Symbol, long Distance);

    private readonly record struct Key(int Base, int Index, int Scale, SegmentRegister? Segment);

    private readonly record struct Group(Key Key, long From, long To, int First, int Last, bool Writes, List<(int Number, long Distance)> Members);
}

/// <summary>What an instruction's memory access has in common with others.</summary>
/// <param name="Grouped">There are others; else only <paramref name="Leaves"/> means anything.</param>
/// <param name="Leader">The instruction that checks for all.</param>
/// <param name="From">Where what is checked begins, from this access.</param>
/// <param name="Length">Its bytes.</param>
/// <param name="Writes">Some of it is written.</param>
/// <param name="Leaves">There are others behind it that rely on what was checked: if it leaves generated code, the block is left.</param>
internal readonly record struct PlannedAccess(bool Grouped, int Leader, int From, int Length, bool Writes, bool Leaves);
