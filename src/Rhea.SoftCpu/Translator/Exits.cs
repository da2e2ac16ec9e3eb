using Rhea.SoftCpu.Interpreter;
using static Rhea.SoftCpu.Translator.GuestRegister;

namespace Rhea.SoftCpu.Translator;

/// <summary>A jump from a block to a place in the same page, which is linked to the block there once that is known.</summary>
/// <param name="First">The jump's end. It leads to <paramref name="FirstStub"/>, or to a block.</param>
/// <param name="FirstStub">Saves the flags if they are only in RFLAGS; the same as <paramref name="SecondStub"/> otherwise.</param>
/// <param name="Second">End of the jump behind the saving of the flags; 0 when there is none.</param>
/// <param name="SecondStub">Leaves generated code.</param>
/// <param name="Target">Where in the page it leads.</param>
internal readonly record struct Exit(int First, int FirstStub, int Second, int SecondStub, int Target);

/// <summary>The ways out of a block: direct jumps in its page, which are linked, and all others, which look their target up.</summary>
internal sealed class Exits(Site site, Stubs stubs)
{
    /// <summary>Where in a place of the table what is.</summary>
    public const int EntryKey = 8, EntryCode = 16, EntryPageIp = 24;

    private const int PageSize = 0x1000, JumpBits = 12, EntryBits = 5;

    private readonly Emitter _code = site.Code;
    private readonly List<Pending> _pending = [];

    /// <summary>Number of places where an indirect jump can find its target, and their size in bytes.</summary>
    public static int Lookups => 1 << JumpBits;

    /// <summary>Which place a target is in; generated code computes the same.</summary>
    public static int LookupIndex(ulong target) => (int)(((uint)target >> JumpBits ^ (uint)target) & ((1 << JumpBits) - 1));

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
            Add(_code.Jump(condition), -1, target);
            return;
        }

        int skip = condition >= 0 ? _code.Jump(condition ^ 1) : 0;
        if (refund != 0) Refund(refund);
        int poll = back ? Poll() : -1;
        Add(_code.Jump(), poll, target);
        if (skip != 0) _code.Bind(skip);
    }

    /// <summary>Looks for the code of the RIP in R10, and misses if there is none. Leaves the place of the table in R11; changes R10.</summary>
    public void Lookup()
    {
        (int other, int stale) = Probe();
        site.Seek(other, stale);
    }

    /// <summary>Jumps to the code that <see cref="Lookup()"/> found, whose place is in R11.</summary>
    public void Go()
    {
        _code.Load(Address, new HostAddress(Temporary, EntryPageIp));
        _code.Store(new HostAddress(State, FrameOffset.PageIp), Address);
        _code.Op(0xFF, false, 4, new HostAddress(Temporary, EntryCode));
    }

    /// <summary>Goes on behind the block, where no jump says so.</summary>
    public void FallThrough(int place)
    {
        if (place < PageSize)
        {
            Direct(place, -1, place - 1, 0);
            return;
        }

        site.Flags.Release();
        LoadIp(place);
        (int other, int stale) = Probe();
        int found = _code.Position;
        Go();
        site.EmitSeek(other, stale, found);
        Leave(place);
    }

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
            int first = _code.Position, second = 0, toLeave = 0;
            if (pending.SavesFlags)
            {
                if (pending.Poll >= 0)
                {
                    _code.Bind(pending.Poll);
                    Stubs.SaveFlags(_code);
                    toLeave = _code.Jump();
                }

                first = _code.Position;
                Stubs.SaveFlags(_code);
                second = _code.Jump();
                _code.Bind(second);
                if (toLeave != 0) _code.Bind(toLeave);
            }
            else if (pending.Poll >= 0)
            {
                _code.Bind(pending.Poll);
            }

            var exit = new Exit(pending.Jump, first, second, _code.Position, pending.Target);
            _code.PointAt(pending.Jump, first);
            found.Add(exit);
            _code.Store32(new HostAddress(State, FrameOffset.LastExit), (uint)number++);
            Leave(pending.Target);
        }

        _pending.Clear();
    }

    private void Add(int jump, int poll, int target) => _pending.Add(new Pending(jump, poll, target, site.Flags.OnlyInHost));

    /// <summary>Looks whether the processor has something else to do. Keeps RFLAGS if the flags are nowhere else.</summary>
    private int Poll()
    {
        var attention = new HostAddress(State, FrameOffset.Attention);
        if (!site.Flags.OnlyInHost)
        {
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

    /// <summary>The jumps for when the place has another target, with the wanted one in R10, and for when it holds no longer.</summary>
    private (int Other, int Stale) Probe()
    {
        _code.Move32(Temporary, Address);
        _code.ShiftRight(Temporary, JumpBits);
        _code.Op(0x33, false, Temporary, Address);
        _code.Arithmetic(4, false, Temporary, (1 << JumpBits) - 1);
        _code.ShiftLeft(Temporary, EntryBits);
        _code.Op(0x03, true, Temporary, new HostAddress(State, FrameOffset.JumpTable));
        _code.Op(0x3B, true, Address, new HostAddress(Temporary));
        int other = _code.Jump(Condition.NotEqual);
        _code.Load(Address, new HostAddress(State, FrameOffset.JumpKey));
        _code.Op(0x3B, true, Address, new HostAddress(Temporary, EntryKey));
        return (other, _code.Jump(Condition.NotEqual));
    }

    private readonly record struct Pending(int Jump, int Poll, int Target, bool SavesFlags);
}
