using Rhea.Core.Cpu;
using Rhea.SoftCpu.Interpreter;
using static Rhea.SoftCpu.Translator.GuestRegister;

namespace Rhea.SoftCpu.Translator;

/// <summary>A jump from a block to a place in the same page, which is linked to the block there once that is known.</summary>
/// <param name="First">The jump's end. It leads to <paramref name="FirstStub"/>, or to a block.</param>
/// <param name="FirstStub">Saves the flags if they are only in RFLAGS; the same as <paramref name="SecondStub"/> otherwise.</param>
/// <param name="Second">End of the jump behind the saving of the flags; 0 when there is none.</param>
/// <param name="SecondStub">Leaves generated code.</param>
/// <param name="Leave">End of the jump with which the stub leaves.</param>
/// <param name="Target">Where in the page it leads.</param>
internal readonly record struct Exit(int First, int FirstStub, int Second, int SecondStub, int Leave, int Target);

/// <summary>The ways out of a block: direct jumps in its page, which are linked, and all others, which look their target up.</summary>
internal sealed class Exits(Site site, Stubs stubs)
{
    /// <summary>Where in a place of the table what is.</summary>
    public const int EntryKey = 8, EntryCode = 16, EntryPageIp = 24;

    private const int PageSize = 0x1000, JumpBits = 12, EntryBits = 5, LongestInstruction = 15;

    private const uint Spread = 0x9E37_79B1; // 2^32 divided by the golden ratio, made odd: Fibonacci hashing (Knuth, TAOCP vol. 3, 6.4)

    private readonly Emitter _code = site.Code;
    private readonly List<Pending> _pending = [];
    private readonly List<(int Jump, FlagSource Flags)> _polls = []; // of the jumps to the loop
    private readonly List<FarJump> _far = [];
    private readonly List<(int Jump, int Back)> _deep = []; // of the calls that go too deep
    private readonly List<ReturnPoint> _returns = [];
    private Loop _loop;
    private int _turns;

    /// <summary>Number of places where an indirect jump can find its target, and their size in bytes.</summary>
    public static int Lookups => 1 << JumpBits;

    /// <summary>Which place a target is in; generated code computes the same.</summary>
    public static int LookupIndex(ulong target) => (int)((uint)target * Spread >> 32 - JumpBits);

    /// <summary>The loop begins that <see cref="BeginLoop"/> has found, with its look at what else wants to be done.</summary>
    public void BeginHead() => _polls.Add((Poll(), _loop.Flags.Source));

    /// <summary>Turns begin that are counted: their number but one is in the frame.</summary>
    public void BeginTurns()
    {
        _code.Align(BlockTranslator.LoopAlignment);
        _turns = _code.Position;
        site.Flags.Now = _loop.Flags;
    }

    /// <summary>The turns have been emitted.</summary>
    public void EndTurns() => _turns = 0;

    /// <summary>Looks for the code of the linear address in R10: the jumps for when the place has another target, with the wanted one in R10, and for when it holds no longer.</summary>
    public static (int Other, int Stale) Probe(Emitter code)
    {
        code.Op(0x69, false, Temporary, Address); // imul
        code.Int32(unchecked((int)Spread));
        code.ShiftRight(Temporary, 32 - JumpBits - EntryBits);
        code.Arithmetic(4, false, Temporary, (1 << JumpBits) - 1 << EntryBits);
        code.Op(0x03, true, Temporary, new HostAddress(State, FrameOffset.JumpTable));
        code.Op(0x3B, true, Address, new HostAddress(Temporary));
        int other = code.Jump(Condition.NotEqual);
        code.Load(Address, new HostAddress(State, FrameOffset.JumpKey));
        code.Op(0x3B, true, Address, new HostAddress(Temporary, EntryKey));
        return (other, code.Jump(Condition.NotEqual));
    }

    /// <summary>Goes on at a place in the same page, on a condition or always (-1).</summary>
    /// <param name="target">Where in the page.</param>
    /// <param name="condition">Of RFLAGS, which must have the flags if it is not -1.</param>
    /// <param name="here">Where in the page the jump is: what leads back looks first whether something else wants to be done.</param>
    /// <param name="refund">How many instructions of the block are not executed.</param>
    public void Direct(int target, int condition, int here, int refund)
    {
        bool back = target <= here;
        if (condition >= 0 && !back && refund == 0)
        {
            Add(_code.Jump(condition), -1, target, site.LoopRegisters.Borrowed);
            return;
        }

        int skip = condition >= 0 ? _code.Jump(condition ^ 1) : 0;
        FlagState flags = site.Flags.Now;
        if (refund != 0) Refund(refund);
        if (target == site.BlockStart && TryTurn())
        {
            if (skip != 0) _code.Bind(skip);
            site.Flags.Now = flags;
            return;
        }

        site.LoopRegisters.GiveBack();
        int poll = back ? Poll() : -1;
        if (target != site.BlockStart || !TryLoop(poll)) Add(_code.Jump(), poll, target, 0);
        if (skip == 0) return;
        _code.Bind(skip);
        site.Flags.Now = flags;
    }

    /// <summary>A block begins.</summary>
    /// <param name="loops">It may be emitted twice: see <see cref="BeginLoop"/>.</param>
    public void Start(bool loops) => (_loop, _turns) = (new Loop(loops, 0, 0, default), 0);

    /// <summary>
    /// If the block jumps back to its start with flags that are neither in the frame nor in RFLAGS, it is to be emitted once more for that jump, which
    /// then need not save them: here it begins.
    /// </summary>
    public bool BeginLoop()
    {
        if (_loop.Jump == 0) return false;
        _code.Align(BlockTranslator.LoopAlignment);
        _code.Bind(_loop.Jump);
        _loop = _loop with { Place = _code.Position };
        site.Flags.Now = _loop.Flags;
        return true;
    }

    /// <summary>Looks for the code of the RIP in R10, and misses if there is none, or if it is not in the code segment. Leaves the place of the table in R11; changes R10.</summary>
    public void Lookup()
    {
        if (site.HasCodeSegment)
        {
            _code.Op(0x3B, true, Address, new HostAddress(State, FrameOffset.CodeLimit));
            site.Miss(_code.Jump(Condition.Above));
            _code.Op(0x03, false, Address, new HostAddress(State, FrameOffset.SegmentBase(SegmentRegister.Cs)));
        }

        (int other, int stale) = Probe(_code);
        site.Seek(other, stale);
    }

    /// <summary>Jumps to the code that <see cref="Lookup()"/> found, whose place is in R11.</summary>
    public void Go() => Go(_code, site.HasCodeSegment);

    /// <param name="code">Where to emit.</param>
    /// <param name="segmented">RIP is less than the linear address by the base of the code segment.</param>
    /// <param name="calls">It is a call.</param>
    public static void Go(Emitter code, bool segmented, bool calls = false)
    {
        code.Load(Address, new HostAddress(Temporary, EntryPageIp));
        if (segmented) code.Op(0x2B, false, Address, new HostAddress(State, FrameOffset.SegmentBase(SegmentRegister.Cs)));
        code.Store(new HostAddress(State, FrameOffset.PageIp), Address);
        code.Op(0xFF, false, calls ? 2 : 4, new HostAddress(Temporary, EntryCode));
    }

    /// <summary>What follows calls. Changes RFLAGS.</summary>
    public void BeginCall()
    {
        site.Flags.Leave();
        _deep.Add((ReturnStack.Check(_code), _code.Position));
    }

    /// <summary>Calls a place in the same page.</summary>
    /// <param name="target">Where in the page.</param>
    /// <param name="here">As for <see cref="Direct"/>.</param>
    public void Call(int target, int here)
    {
        site.LoopRegisters.GiveBack();
        int poll = target <= here ? Poll() : -1;
        Add(_code.Call(), poll, target, 0);
    }

    /// <summary>Calls the code that <see cref="Lookup()"/> found, whose place is in R11.</summary>
    public void CallFound() => Go(_code, segmented: false, calls: true);

    /// <summary>Where a call returns to, with RIP in R10 and the flags in the frame: goes on behind it, if the guest does too.</summary>
    /// <param name="place">What is behind it, from the page's start.</param>
    public void EndCall(int place)
    {
        site.Flags.Replaced();
        if (place >= PageSize || FarSlots == FarSlot.Count)
        {
            _code.JumpTo(stubs.LookUp(segmented: false));
            return;
        }

        int slot = FrameOffset.FarSlot(FarSlots++);
        _code.Op(0x3B, true, Address, new HostAddress(State, slot + FarSlot.OffsetOfFrom));
        int other = _code.Jump(Condition.NotEqual);
        _code.Load(Temporary, new HostAddress(State, FrameOffset.JumpKey));
        _code.Op(0x3B, true, Temporary, new HostAddress(State, slot + FarSlot.OffsetOfKey));
        int stale = _code.Jump(Condition.NotEqual);
        _returns.Add(new ReturnPoint(other, stale, _code.Position, slot, Targets.KeyOf(site.PageHost + place, site.Mode)));
        _code.Load(Address, new HostAddress(State, slot + FarSlot.OffsetOfPageIp));
        _code.Store(new HostAddress(State, FrameOffset.PageIp), Address);
        FallThrough(place);
    }

    /// <summary>Goes on behind the block, where no jump says so.</summary>
    public void FallThrough(int place)
    {
        if (place <= PageSize - LongestInstruction)
        {
            Direct(place, -1, place - 1, 0);
            return;
        }

        site.Flags.Release();
        Far(place);
    }

    /// <summary>Goes on at a place in another page, or where an instruction crosses into it. The flags are in the frame.</summary>
    /// <param name="calls">It is a call.</param>
    public void Far(long place, bool calls = false)
    {
        site.LoopRegisters.GiveBack();
        if (FarSlots == FarSlot.Count || site.HasCodeSegment)
        {
            LoadIp((int)place);
            _code.PointAt(calls ? _code.Call() : _code.Jump(), stubs.LookUp(site.HasCodeSegment));
            return;
        }

        int slot = FrameOffset.FarSlot(FarSlots++);
        var pageIp = new HostAddress(State, FrameOffset.PageIp);
        _code.Load(Address, in pageIp);
        _code.Op(0x3B, true, Address, new HostAddress(State, slot + FarSlot.OffsetOfFrom));
        int elsewhere = _code.Jump(Condition.NotEqual);
        _code.Load(Address, new HostAddress(State, FrameOffset.JumpKey));
        _code.Op(0x3B, true, Address, new HostAddress(State, slot + FarSlot.OffsetOfKey));
        int stale = _code.Jump(Condition.NotEqual);
        _code.Load(Address, new HostAddress(State, slot + FarSlot.OffsetOfPageIp));
        _code.Store(in pageIp, Address);
        _code.Op(0xFF, false, calls ? 2 : 4, new HostAddress(State, slot + FarSlot.OffsetOfCode));
        _far.Add(new FarJump(elsewhere, stale, slot, (int)place, calls ? _code.Position : 0));
    }

    /// <summary>How many slots are in use.</summary>
    public int FarSlots { get; private set; }

    /// <summary>All slots are free again: their code is gone.</summary>
    public void Clear() => FarSlots = 0;

    /// <summary>RIP at a place in the page, or beyond it, into R10.</summary>
    public void LoadIp(int place)
    {
        _code.Load(Address, new HostAddress(State, FrameOffset.PageIp));
        _code.Lea(Address, new HostAddress(Address, place), site.Code64);
    }

    /// <summary>Leaves generated code, with the flags in the frame.</summary>
    public void Leave(int place)
    {
        LoadIp(place);
        _code.JumpTo(stubs.ExitAt);
    }

    /// <summary>Gives instructions back to the budget. Changes R10, and no flags.</summary>
    public void Refund(int instructions)
    {
        var budget = new HostAddress(State, FrameOffset.Budget);
        _code.Load(Address, in budget);
        _code.Lea(Address, new HostAddress(Address, instructions));
        _code.Store(in budget, Address);
    }

    /// <summary>Behind the block: the stubs of its direct jumps.</summary>
    /// <param name="found">Takes the exits; the numbers of those that follow one another begin at <paramref name="number"/>.</param>
    /// <param name="number">Of the first exit.</param>
    public void EmitStubs(List<Exit> found, int number)
    {
        foreach (Pending pending in _pending)
        {
            int jump = pending.Jump;
            if (pending.Borrowed != 0)
            {
                _code.Bind(jump);
                site.LoopRegisters.GiveBack(pending.Borrowed);
                jump = _code.Jump();
            }

            int first = _code.Position, second = 0, toLeave = 0;
            if (!pending.Flags.InFrame)
            {
                if (pending.Poll >= 0)
                {
                    _code.Bind(pending.Poll);
                    SaveFlags(pending.Flags);
                    toLeave = _code.Jump();
                }

                first = _code.Position;
                SaveFlags(pending.Flags);
                second = _code.Jump();
                _code.Bind(second);
                if (toLeave != 0) _code.Bind(toLeave);
            }
            else if (pending.Poll >= 0)
            {
                _code.Bind(pending.Poll);
            }

            int stub = _code.Position;
            _code.PointAt(jump, first);
            _code.StoreConstant32(new HostAddress(State, FrameOffset.LastExit), (uint)number++);
            Leave(pending.Target);
            found.Add(new Exit(jump, first, second, stub, _code.Position, pending.Target));
        }

        foreach ((int jump, FlagSource flags) in _polls)
        {
            _code.Bind(jump);
            flags.Emit(_code);
            Stubs.SaveFlags(_code);
            Leave(site.BlockStart);
        }

        foreach (FarJump far in _far)
        {
            _code.Bind(far.Elsewhere);
            _code.Bind(far.Stale);
            LoadIp(far.Place);
            _code.Lea(Temporary, new HostAddress(State, far.Slot));
            _code.PointAt(far.Return != 0 ? _code.Call() : _code.Jump(), stubs.FillFarSlot);
            if (far.Return != 0) _code.JumpTo(far.Return);
        }

        foreach ((int jump, int back) in _deep)
        {
            _code.Bind(jump);
            ReturnStack.Forget(_code);
            _code.JumpTo(back);
        }

        foreach (ReturnPoint point in _returns)
        {
            _code.Bind(point.Other);
            _code.Bind(point.Stale);
            _code.Constant(Temporary, point.Key);
            _code.Store(new HostAddress(State, FrameOffset.Sought), Temporary);
            _code.Lea(Temporary, new HostAddress(State, point.Slot));
            _code.CallTo(stubs.FillReturnSlot);
            _code.PointAt(_code.Jump(Condition.Equal), point.Found);
            _code.JumpTo(stubs.LookUp(segmented: false));
        }

        _pending.Clear();
        _polls.Clear();
        _far.Clear();
        _deep.Clear();
        _returns.Clear();
    }

    private void Add(int jump, int poll, int target, int borrowed) => _pending.Add(new Pending(jump, poll, target, site.Flags.Now, borrowed));

    /// <summary>Jumps to the block's second copy, if there is to be one for flags as they are now.</summary>
    private bool TryLoop(int poll)
    {
        FlagState flags = site.Flags.Now;
        if (!_loop.Wanted || flags is not { InHost: false, InFrame: false, Source.Exists: true }) return false;
        if (_loop.Place != 0 && _loop.Flags == flags) _code.JumpTo(_loop.Place);
        else if (_loop.Jump == 0) _loop = new Loop(true, _code.Jump(), 0, flags);
        else return false;
        _polls.Add((poll, flags.Source));
        return true;
    }

    /// <summary>Takes the next turn without a look, or goes to the loop's head.</summary>
    private bool TryTurn()
    {
        FlagState flags = site.Flags.Now;
        if (_turns == 0 || (flags with { InHost = false }) != _loop.Flags) return false;
        if (site.LoopRegisters is { Borrowed: not 0, Counter: var counter })
        {
            _code.Arithmetic(5, false, counter, 1);
        }
        else
        {
            _code.Op(0x83, false, 5, new HostAddress(State, FrameOffset.LoopCount));
            _code.Byte(1);
        }

        _code.PointAt(_code.Jump(Condition.AboveOrEqual), _turns);
        site.LoopRegisters.GiveBack();
        _code.JumpTo(_loop.Place);
        return true;
    }

    private void SaveFlags(in FlagState flags)
    {
        if (flags.Source.Recipe != 0)
        {
            flags.Source.Promise(_code);
            return;
        }

        if (!flags.InHost) flags.Source.Emit(_code);
        Stubs.SaveFlags(_code);
    }

    /// <summary>Looks whether the processor has something else to do. Keeps RFLAGS if the flags are nowhere else.</summary>
    private int Poll()
    {
        var attention = new HostAddress(State, FrameOffset.Attention);
        if (!site.Flags.OnlyInHost)
        {
            site.Flags.Leave();
            _code.Op(0x80, false, 7, in attention);
            _code.Byte(0);
            return _code.Jump(Condition.NotEqual);
        }

        _code.Move(Temporary, HostRegister.Rcx);
        _code.LoadByte(HostRegister.Rcx, in attention);
        _code.Bytes([0xE3, 8]); // jrcxz over the next two
        _code.Move(HostRegister.Rcx, Temporary);
        int jump = _code.Jump();
        _code.Move(HostRegister.Rcx, Temporary);
        return jump;
    }

    /// <param name="Jump">End of the jump.</param>
    /// <param name="Poll">End of the jump for when something else wants to be done; -1 when nobody looks.</param>
    /// <param name="Target">See <see cref="Exit"/>.</param>
    /// <param name="Flags">Where they are.</param>
    /// <param name="Borrowed">See <see cref="LoopRegisters"/>; only where there is no poll.</param>
    private readonly record struct Pending(int Jump, int Poll, int Target, FlagState Flags, int Borrowed);

    /// <param name="Elsewhere">End of the jump for when the code is at another address than in its slot.</param>
    /// <param name="Stale">End of the jump for when the slot's key holds no longer.</param>
    /// <param name="Slot">Where it is, from the frame.</param>
    /// <param name="Place">Where it leads, from the page's start.</param>
    /// <param name="Return">Where it returns to; 0 when it is no call.</param>
    private readonly record struct FarJump(int Elsewhere, int Stale, int Slot, int Place, int Return);

    /// <param name="Other">End of the jump for when RIP is not the one in its slot.</param>
    /// <param name="Stale">End of the jump for when the slot's key holds no longer.</param>
    /// <param name="Found">Where it goes on if all is right.</param>
    /// <param name="Slot">Where it is, from the frame.</param>
    /// <param name="Key">Of what is behind the call: see <see cref="Targets"/>.</param>
    private readonly record struct ReturnPoint(int Other, int Stale, int Found, int Slot, ulong Key);

    /// <param name="Wanted">See <see cref="Start"/>.</param>
    /// <param name="Jump">End of the jump to the second copy, in the first; 0 when there is none.</param>
    /// <param name="Place">Where the second copy begins; 0 when there is none yet.</param>
    /// <param name="Flags">Where the flags are at its start.</param>
    private readonly record struct Loop(bool Wanted, int Jump, int Place, FlagState Flags);
}
