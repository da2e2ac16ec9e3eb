using Iced.Intel;
using Rhea.SoftCpu.Interpreter;
using static Rhea.SoftCpu.Translator.GuestRegister;

namespace Rhea.SoftCpu.Translator;

/// <summary>PUSH, POP and LEAVE of the mode's own size.</summary>
/// <remarks>
/// Of pushes and pops that follow one another and share a check only the first can miss. So the stack pointer moves once, behind them: until then R9 is
/// behind by <see cref="_lag"/>.
/// </remarks>
internal sealed class StackInstruction(Site site, MemoryAccess memory)
{
    private readonly Emitter _code = site.Code;
    private HostAddress _place;
    private int _lag; // what is still to be added to R9
    private int _sure; // whose check says that what is near R9 as it is now fits in an address; -1 is none

    /// <summary>Of what is pushed, in bytes.</summary>
    public int Size => site.Code64 ? 8 : 4;

    public bool Fits(in Op op) => (Code)op.Code switch
    {
        Code.Push_rm64 => site.Code64 && CanReach(in op),
        Code.Push_rm32 => !site.Code64 && CanReach(in op),
        Code.Pop_rm64 => site.Code64 && CanReach(in op) && !IsFromStackPointer(in op),
        Code.Pop_rm32 => !site.Code64 && CanReach(in op) && !IsFromStackPointer(in op),
        Code.Push_r64 or Code.Pop_r64 or Code.Pushq_imm8 or Code.Pushq_imm32 or Code.Leaveq => site.Code64,
        Code.Push_r32 or Code.Pop_r32 or Code.Pushd_imm8 or Code.Pushd_imm32 or Code.Leaved => !site.Code64,
        _ => false,
    };

    public void Emit(in Op op)
    {
        if (!Lags(in op)) CatchUp();
        switch ((Code)op.Code)
        {
            case Code.Push_rm64 or Code.Push_rm32 when op.Has(OpFlags.Memory):
                EmitPushMemory(in op);
                break;
            case Code.Pop_rm64 or Code.Pop_rm32 when op.Has(OpFlags.Memory):
                EmitPopMemory(in op);
                break;
            case Code.Push_r64 or Code.Push_r32 or Code.Push_rm64 or Code.Push_rm32:
                Reserve();
                int number = FrameOffset.GeneralNumber(op.R0);
                if (HostOf(number) < 0) _code.Load(Temporary, Slot(number));
                Store(HostOf(number) < 0 ? Temporary : HostOf(number));
                MoveLater(-Size);
                break;
            case Code.Pop_r64 or Code.Pop_r32 or Code.Pop_rm64 or Code.Pop_rm32:
                EmitPop(FrameOffset.GeneralNumber(op.R0));
                break;
            case Code.Leaveq or Code.Leaved:
                EmitLeave();
                break;
            default:
                Reserve();
                _code.Op(0xC7, site.Code64, 0, in _place);
                _code.Int32((int)op.Immediate);
                MoveLater(-Size);
                break;
        }
    }

    /// <summary>Finds the place of what is pushed next. The stack pointer does not move yet. Changes R10 and R11.</summary>
    public void Reserve() => _place = Find(-Size, write: true);

    /// <summary>Finds the top of the stack.</summary>
    public void Top() => _place = Find(0, write: false);

    /// <summary>Stores a host register where <see cref="Reserve"/> found room. That must not be R10.</summary>
    public void Store(int from) => _code.Op(0x89, site.Code64, from, in _place);

    /// <summary>Loads a host register from where <see cref="Top"/> found the top.</summary>
    public void Load(int to) => _code.Op(0x8B, site.Code64, to, in _place);

    /// <summary>Leaves the host address of the top in R10.</summary>
    public void Point() => _code.Lea(Address, in _place);

    /// <summary>Moves the stack pointer, and no flags.</summary>
    public void Move(int bytes) => _code.Lea(StackPointer, new HostAddress(StackPointer, bytes), site.Code64);

    /// <summary>The stack pointer's register gets what it lacks. Changes no flags.</summary>
    public void CatchUp()
    {
        if (_lag != 0) Move(_lag);
        _lag = 0;
    }

    private HostAddress Find(int displacement, bool write) =>
        memory.ReachStack(StackPointer, _lag + displacement, Size, write, isSure: _lag != 0 && _sure == site.Access.Leader);

    private void MoveLater(int bytes)
    {
        if (_lag == 0) _sure = _place.Base == StackPointer ? site.Access.Leader : -1;
        _lag += bytes;
        if (!site.Access.Grouped) CatchUp();
    }

    /// <summary>The instruction cannot miss, and does not show the stack pointer.</summary>
    private bool Lags(in Op op) => site.Access.Grouped && site.Access.Leader != site.Number
        && ((Code)op.Code).Mnemonic() is Mnemonic.Push or Mnemonic.Pop && HostOf(FrameOffset.GeneralNumber(op.R0)) != StackPointer;

    private bool CanReach(in Op op) => !op.Has(OpFlags.Memory) || memory.CanReach(in op);

    /// <summary>The address of what POP writes is computed with the stack pointer that it leaves.</summary>
    private static bool IsFromStackPointer(in Op op) => op.Has(OpFlags.Memory) && op.Base == FrameOffset.General(4);

    private void EmitPushMemory(in Op op)
    {
        var kept = new HostAddress(State, FrameOffset.Scratch);
        HostAddress from = memory.Reach(in op, Size, write: false);
        _code.Op(0x8B, site.Code64, Temporary, in from);
        _code.Store(in kept, Temporary);
        Reserve();
        _code.Load(Temporary, in kept);
        Store(Temporary);
        Move(-Size);
    }

    private void EmitPopMemory(in Op op)
    {
        var kept = new HostAddress(State, FrameOffset.Scratch);
        Top();
        Load(Temporary);
        _code.Store(in kept, Temporary);
        HostAddress to = memory.Reach(in op, Size, write: true);
        _code.Load(Temporary, in kept);
        _code.Op(0x89, site.Code64, Temporary, in to);
        Move(Size);
    }

    private void EmitPop(int number)
    {
        Top();
        int host = HostOf(number), to = host < 0 ? Temporary : host;
        Load(to);
        if (host < 0) _code.Store(Slot(number), Temporary);
        if (to != StackPointer) MoveLater(Size); // POP RSP: what was read stays
    }

    private void EmitLeave()
    {
        _place = memory.ReachStack(BasePointer, 0, Size, write: false, isSure: false);
        _code.Lea(StackPointer, new HostAddress(BasePointer, Size), site.Code64);
        Load(BasePointer);
    }
}
