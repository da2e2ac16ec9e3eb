using Rhea.SoftCpu.Interpreter;
using static Rhea.SoftCpu.Translator.GuestRegister;

namespace Rhea.SoftCpu.Translator;

/// <summary>What is done before turns of a loop whose accesses are not checked: see <see cref="LoopPlanner"/>.</summary>
/// <remarks>
/// Each group of accesses is looked for in its page, and how many turns it stays there is found out. As long as the turns last nothing but generated code
/// runs, so no page can go away: whoever wants one to go waits until the processor has left generated code.
/// </remarks>
internal sealed class LoopHead(Site site, MemoryAccess memory, Stubs stubs)
{
    private const int PageSize = 0x1000, WithoutSteps = 1000, TurnsThatLook = 8, LongestStep = 256;

    private readonly Emitter _code = site.Code;
    private readonly int[] _slots = new int[LoopCell.Count]; // by group
    private readonly List<int> _failures = [];
    private readonly List<(int Jump, int Back, int Slot, LoopGroup Group)> _fillings = [];

    /// <summary>Does it, for flags that are not in RFLAGS. Changes RFLAGS, R10 and R11.</summary>
    public void Emit(LoopPlanner plan)
    {
        var counts = false;
        for (var number = 0; number < plan.Groups.Count; number++)
        {
            LoopGroup group = plan.Groups[number];
            int slot = _slots[number] = memory.NewSlot(group.Writes);
            if (group.StepRegister >= 0) CheckStep(group.StepRegister);
            Find(in group, slot);
            if (group.Step != 0 || group.StepRegister >= 0) Count(in group, first: !counts);
            counts |= group.Step != 0 || group.StepRegister >= 0;
        }

        if (!counts) _code.StoreConstant32(new HostAddress(State, FrameOffset.LoopCount), WithoutSteps);
        site.LoopRegisters.Borrow();
        for (var i = 0; i < plan.Cells.Count; i++) Keep(plan.Cells[i], i);
        if (site.LoopRegisters is { Borrowed: not 0, Counter: var counter }) _code.Load32(counter, new HostAddress(State, FrameOffset.LoopCount));
    }

    /// <summary>Behind the turns. What follows is for some turns that have to look at each access, before it is tried again.</summary>
    public void EmitDetours()
    {
        foreach ((int jump, int back, int slot, LoopGroup group) in _fillings)
        {
            _code.Bind(jump);
            Compute(group.From, Address);
            _code.Lea(Temporary, new HostAddress(State, slot));
            _code.CallTo(stubs.FillSlot(Stubs.CheckedSize(group.Length), group.Writes));
            _code.PointAt(_code.Jump(Condition.Equal), back);
            _failures.Add(_code.Jump());
        }

        foreach (int jump in _failures) _code.Bind(jump);
        _code.StoreConstant32(new HostAddress(State, FrameOffset.LoopCount), TurnsThatLook - 1);
        _failures.Clear();
        _fillings.Clear();
    }

    /// <summary>Where in its page the group begins goes into R11.</summary>
    private void Find(in LoopGroup group, int slot)
    {
        int start = _code.Position;
        Compute(group.From, Temporary);
        _code.Op(0x33, true, Temporary, new HostAddress(State, FrameOffset.Salt));
        _code.Op(0x33, true, Temporary, new HostAddress(State, slot));
        _code.Arithmetic(7, true, Temporary, PageSize - Stubs.CheckedSize(group.Length));
        _fillings.Add((_code.Jump(Condition.Above), start, slot, group));
    }

    /// <summary>A step that a register has must be a short one forward.</summary>
    private void CheckStep(int register)
    {
        if (HostOf(register) < 0) _code.Load(Temporary, Slot(register));
        _code.Lea(Temporary, new HostAddress(HostOf(register) < 0 ? Temporary : HostOf(register), -1));
        _code.Arithmetic(7, true, Temporary, LongestStep - 1);
        _failures.Add(_code.Jump(Condition.AboveOrEqual));
    }

    /// <summary>How many turns more than one it stays in the page, as its place there in R11 tells.</summary>
    private void Count(in LoopGroup group, bool first)
    {
        if (group.Step < 0)
        {
            _code.Move32(Address, Temporary);
        }
        else
        {
            _code.Constant(Address, (ulong)(PageSize - Stubs.CheckedSize(group.Length)));
            _code.Op(0x2B, false, Address, Temporary);
        }

        if (group.StepRegister >= 0) DivideBy(group.StepRegister);
        else DivideBy(Math.Abs(group.Step), 16);
        var count = new HostAddress(State, FrameOffset.LoopCount);
        int more = 0;
        if (!first)
        {
            _code.Op(0x3B, false, Address, in count);
            more = _code.Jump(Condition.AboveOrEqual);
        }

        _code.Store32(in count, Address);
        if (more != 0) _code.Bind(more);
    }

    /// <summary>Divides what is in R10, which is less than a page; the result may be one too small.</summary>
    private void DivideBy(int step, int bits)
    {
        if (int.IsPow2(step))
        {
            if (step > 1) _code.ShiftRight(Address, int.Log2(step));
            return;
        }

        _code.Op(0x69, false, Address, Address); // imul
        _code.Int32((1 << bits) / step);
        _code.ShiftRight(Address, bits);
    }

    private void DivideBy(int register)
    {
        if (HostOf(register) < 0) _code.Load(Temporary, Slot(register));
        else _code.Move(Temporary, HostOf(register));
        _code.Store(new HostAddress(State, FrameOffset.SavedRax), HostRegister.Rax);
        _code.Store(new HostAddress(State, FrameOffset.Scratch), HostRegister.Rdx);
        _code.Move32(HostRegister.Rax, Address);
        _code.Op(0x33, false, HostRegister.Rdx, HostRegister.Rdx);
        _code.Op(0xF7, false, 6, Temporary); // div
        _code.Move32(Address, HostRegister.Rax);
        _code.Load(HostRegister.Rax, new HostAddress(State, FrameOffset.SavedRax));
        _code.Load(HostRegister.Rdx, new HostAddress(State, FrameOffset.Scratch));
    }

    private void Keep(in LoopCell cell, int number)
    {
        _code.Load(Address, new HostAddress(State, _slots[cell.Group] + sizeof(ulong)));
        if (cell.Base == FrameOffset.BlockIp) _code.Op(0x03, true, Address, new HostAddress(State, FrameOffset.PageIp));
        else if (cell.Base != FrameOffset.Zero) Add(cell.Base, 0);
        if (cell.Index != FrameOffset.Zero) Add(cell.Index, cell.Scale);
        int host = site.LoopRegisters.CellHost(number);
        if (host < 0) _code.Store(new HostAddress(State, FrameOffset.Cell(number)), Address);
        else _code.Move(host, Address);
    }

    private void Add(ushort register, int scale)
    {
        int host = HostOf(FrameOffset.GeneralNumber(register));
        if (host < 0) _code.Load(Temporary, Slot(FrameOffset.GeneralNumber(register)));
        _code.Lea(Address, new HostAddress(Address, 0, host < 0 ? Temporary : host, scale));
    }

    /// <summary>A line that <see cref="Line.IsShort"/> into R10 or R11. Changes both.</summary>
    private void Compute(in Line line, int to)
    {
        int other = to == Address ? Temporary : Address;
        if (line.Pages != 0) _code.Load(to, new HostAddress(State, FrameOffset.PageIp));
        bool started = line.Pages != 0;
        for (var register = 0; register < 16; register++)
        {
            int times = line.Terms[register];
            if (times == 0) continue;
            int host = HostOf(register);
            if (host < 0) _code.Load(other, Slot(register));
            _code.Lea(to, new HostAddress(started ? to : -1, 0, host < 0 ? other : host, int.Log2(times)));
            started = true;
        }

        if (!started) _code.Constant(to, (ulong)line.Constant);
        else if (line.Constant != 0) _code.Lea(to, new HostAddress(to, (int)line.Constant));
    }
}
