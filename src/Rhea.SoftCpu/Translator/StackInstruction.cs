using Iced.Intel;
using Rhea.Core.Cpu;
using Rhea.SoftCpu.Interpreter;
using static Rhea.SoftCpu.Translator.GuestRegister;

namespace Rhea.SoftCpu.Translator;

/// <summary>PUSH, POP and LEAVE of the mode's own size, and in 16-bit code of 32 bits too.</summary>
/// <remarks>
/// Of pushes and pops that follow one another and share a check only the first can miss. So the stack pointer moves once, behind them: until then R9 is
/// behind by <see cref="_lag"/>.
/// </remarks>
internal sealed class StackInstruction(Site site, MemoryAccess memory)
{
    private readonly Emitter _code = site.Code;
    private HostAddress _place;
    private int _size; // of what is there, in bytes
    private int _lag; // what is still to be added to R9
    private int _sure; // whose check says that what is near R9 as it is now fits in an address; -1 is none

    /// <summary>Bytes of the operands in code of this mode where an instruction does not say otherwise.</summary>
    public int DefaultSize => site.Code64 ? 8 : site.Code16 ? 2 : 4;

    public bool Fits(in Op op)
    {
        int size = SizeOf((Code)op.Code);
        if (size == 0 || !FitsMode(size)) return false;
        if (op.Has(OpFlags.Memory)) return memory.CanReach(in op) && !(IsPop(in op) && op.Base == FrameOffset.General(4)); // whose address is computed with the stack pointer that POP leaves
        return !(size == 2 && !site.HasShortStack && IsPop(in op) && op.R0 == FrameOffset.General(4)); // the addition may change the upper half of ESP
    }

    /// <summary>Instructions with operands of so many bytes are translated in code of this mode.</summary>
    public bool FitsMode(int size) => size == DefaultSize || (size == 4 && site.Code16);

    public void Emit(in Op op)
    {
        if (!Lags(in op)) CatchUp();
        var code = (Code)op.Code;
        int size = SizeOf(code);
        if (code.Mnemonic() == Mnemonic.Leave) EmitLeave(size);
        else if (IsPop(in op) && op.Has(OpFlags.Memory)) EmitPopMemory(in op, size);
        else if (IsPop(in op)) EmitPop(FrameOffset.GeneralNumber(op.R0), size);
        else if (op.Has(OpFlags.Memory)) EmitPushMemory(in op, size);
        else EmitPush(in op, code, size);
    }

    /// <summary>Bytes of the operand; 0 for other instructions.</summary>
    private static int SizeOf(Code code) => code switch
    {
        Code.Push_rm64 or Code.Pop_rm64 or Code.Push_r64 or Code.Pop_r64 or Code.Pushq_imm8 or Code.Pushq_imm32 or Code.Leaveq => 8,
        Code.Push_rm32 or Code.Pop_rm32 or Code.Push_r32 or Code.Pop_r32 or Code.Pushd_imm8 or Code.Pushd_imm32 or Code.Leaved => 4,
        Code.Push_rm16 or Code.Pop_rm16 or Code.Push_r16 or Code.Pop_r16 or Code.Pushw_imm8 or Code.Push_imm16 or Code.Leavew => 2,
        Code.Pushd_ES or Code.Pushd_CS or Code.Pushd_SS or Code.Pushd_DS or Code.Pushd_FS or Code.Pushd_GS => 4,
        Code.Pushw_ES or Code.Pushw_CS or Code.Pushw_SS or Code.Pushw_DS or Code.Pushw_FS or Code.Pushw_GS => 2,
        _ => 0,
    };

    private static bool PushesSegment(Code code) => code is Code.Pushd_ES or Code.Pushd_CS or Code.Pushd_SS or Code.Pushd_DS or Code.Pushd_FS or Code.Pushd_GS
        or Code.Pushw_ES or Code.Pushw_CS or Code.Pushw_SS or Code.Pushw_DS or Code.Pushw_FS or Code.Pushw_GS;

    private static bool IsPop(in Op op) => ((Code)op.Code).Mnemonic() == Mnemonic.Pop;

    /// <summary>Finds the place of what is pushed next. The stack pointer does not move yet. Changes R10 and R11.</summary>
    public void Reserve(int size) => (_size, _place) = (size, Find(-size, size, write: true));

    /// <summary>Finds the top of the stack.</summary>
    public void Top(int size) => (_size, _place) = (size, Find(0, size, write: false));

    /// <summary>Stores a host register where <see cref="Reserve"/> found room. That must not be R10.</summary>
    public void Store(int from) => _code.Sized(0x89, _size, from, in _place);

    /// <summary>Loads a host register from where <see cref="Top"/> found the top. 16 bits leave the rest of it as it is.</summary>
    public void Load(int to) => _code.Sized(0x8B, _size, to, in _place);

    /// <summary>The same, but 16 bits clear the rest.</summary>
    public void LoadClear(int to)
    {
        if (_size == sizeof(ushort)) _code.LoadWord(to, in _place);
        else Load(to);
    }

    /// <summary>Leaves the host address of the top in R10.</summary>
    public void Point() => _code.Lea(Address, in _place);

    /// <summary>Moves the stack pointer, and no flags.</summary>
    public void Move(int bytes) => Set(StackPointer, bytes);

    /// <summary>The stack pointer's register gets what it lacks. Changes no flags.</summary>
    public void CatchUp()
    {
        if (_lag != 0) Move(_lag);
        _lag = 0;
    }

    /// <summary>The stack pointer becomes what is in a host register, plus some bytes.</summary>
    private void Set(int register, int bytes)
    {
        if (site.HasShortStack) _code.Byte(0x66);
        _code.Lea(StackPointer, new HostAddress(register, bytes), site.Code64);
    }

    private HostAddress Find(int displacement, int size, bool write) =>
        memory.ReachStack(StackPointer, _lag + displacement, size, write, isSure: _lag != 0 && _sure == site.Access.Leader);

    private void MoveLater(int bytes)
    {
        if (_lag == 0) _sure = _place.Base == StackPointer ? site.Access.Leader : -1;
        _lag += bytes;
        if (!site.Access.Grouped) CatchUp();
    }

    /// <summary>The instruction cannot miss, and does not show the stack pointer.</summary>
    private bool Lags(in Op op) => site.Access.Grouped && site.Access.Leader != site.Number
        && ((Code)op.Code).Mnemonic() is Mnemonic.Push or Mnemonic.Pop && HostOf(FrameOffset.GeneralNumber(op.R0)) != StackPointer;

    private void EmitPush(in Op op, Code code, int size)
    {
        Reserve(size);
        if (PushesSegment(code))
        {
            _code.LoadWord(Temporary, new HostAddress(State, FrameOffset.Selector((SegmentRegister)op.R0)));
            Store(Temporary);
        }
        else if (code is Code.Pushw_imm8 or Code.Push_imm16 or Code.Pushd_imm8 or Code.Pushd_imm32 or Code.Pushq_imm8 or Code.Pushq_imm32)
        {
            _code.Sized(0xC7, size, 0, in _place); // mov
            if (size == sizeof(ushort)) _code.Int16((int)op.Immediate);
            else _code.Int32((int)op.Immediate);
        }
        else
        {
            int number = FrameOffset.GeneralNumber(op.R0);
            if (HostOf(number) < 0) _code.Load(Temporary, Slot(number));
            Store(HostOf(number) < 0 ? Temporary : HostOf(number));
        }

        MoveLater(-size);
    }

    private void EmitPushMemory(in Op op, int size)
    {
        var kept = new HostAddress(State, FrameOffset.Scratch);
        HostAddress from = memory.Reach(in op, size, write: false);
        _code.Sized(0x8B, size, Temporary, in from);
        _code.Store(in kept, Temporary);
        Reserve(size);
        _code.Load(Temporary, in kept);
        Store(Temporary);
        Move(-size);
    }

    private void EmitPopMemory(in Op op, int size)
    {
        var kept = new HostAddress(State, FrameOffset.Scratch);
        Top(size);
        Load(Temporary);
        _code.Store(in kept, Temporary);
        HostAddress to = memory.Reach(in op, size, write: true);
        _code.Load(Temporary, in kept);
        _code.Sized(0x89, size, Temporary, in to);
        Move(size);
    }

    private void EmitPop(int number, int size)
    {
        Top(size);
        int host = HostOf(number), to = host < 0 ? Temporary : host;
        Load(to);
        if (host < 0) _code.Store(Slot(number), Temporary);
        if (to != StackPointer) MoveLater(size); // POP RSP: what was read stays
    }

    private void EmitLeave(int size)
    {
        (_size, _place) = (size, memory.ReachStack(BasePointer, 0, size, write: false, isSure: false));
        Set(BasePointer, size);
        Load(BasePointer);
    }
}
