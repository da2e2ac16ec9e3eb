using Iced.Intel;
using Rhea.Core.Cpu;
using Rhea.SoftCpu.Interpreter;
using Rhea.X86;
using static Rhea.SoftCpu.Translator.GuestRegister;

namespace Rhea.SoftCpu.Translator;

/// <summary>What a kernel does all the time: PUSHF, POPF, CLI, STI, SWAPGS at level 0; RDTSC and RDTSCP, CLD and STD, and MOV from a segment register; in real and virtual-8086 mode MOV and POP to one too.</summary>
internal sealed class SystemInstruction(Site site, MemoryAccess memory, StackInstruction stack)
{
    /// <summary>What POPF may change here besides the status flags is IF.</summary>
    private const int Rare = (int)(Rflags.Trap | Rflags.Direction | Rflags.Iopl | Rflags.NestedTask | Rflags.Resume | Rflags.Virtual8086
        | Rflags.AlignmentCheck | Rflags.VirtualInterrupt | Rflags.VirtualInterruptPending | Rflags.Id);

    private const int LowStatus = (int)(Rflags.Status & 0xFF), OverflowBit = 11, LahfShift = 8;

    private readonly Emitter _code = site.Code;

    private static HostAddress Flags => new(State, FrameOffset.Rflags);

    /// <summary>The byte of RFLAGS with IF, which is its second bit.</summary>
    private static HostAddress InterruptFlag => new(State, FrameOffset.Rflags + 1);

    /// <param name="op">The instruction.</param>
    /// <param name="last">Of its block: behind STI one instruction follows before anything can interrupt.</param>
    public bool Fits(in Op op, bool last) => (Code)op.Code switch
    {
        Code.Cli or Code.Cld or Code.Std => true,
        Code.Sti => !last,
        Code.Swapgs => site.Code64,
        Code.Pushfw or Code.Pushfd or Code.Pushfq or Code.Popfw or Code.Popfd or Code.Popfq => stack.FitsMode(SizeOf((Code)op.Code)),
        Code.Rdtsc or Code.Rdtscp => true,
        Code.Mov_Sreg_rm16 or Code.Mov_Sreg_r32m16 => (site.Mode & BlockMode.Paragraphs) != 0 && IsData((SegmentRegister)op.R0) && (!op.Has(OpFlags.Memory) || memory.CanReach(in op)),
        Code.Popw_ES or Code.Popw_DS or Code.Popw_FS or Code.Popw_GS => (site.Mode & BlockMode.Paragraphs) != 0 && site.Code16,
        Code.Mov_rm16_Sreg or Code.Mov_r32m16_Sreg or Code.Mov_r64m16_Sreg => !op.Has(OpFlags.Memory) || memory.CanReach(in op),
        _ => false,
    };

    public void Emit(in Op op)
    {
        switch ((Code)op.Code)
        {
            case Code.Cli:
                NeedLevel0();
                _code.Op(0x80, false, 4, InterruptFlag); // and
                _code.Byte(~2);
                break;
            case Code.Cld or Code.Std:
                EmitDirection(set: (Code)op.Code == Code.Std);
                break;
            case Code.Mov_Sreg_rm16 or Code.Mov_Sreg_r32m16:
                EmitLoadSegment(in op);
                break;
            case Code.Popw_ES or Code.Popw_DS or Code.Popw_FS or Code.Popw_GS:
                stack.Top(sizeof(ushort));
                stack.LoadClear(Temporary);
                SetSegment((SegmentRegister)op.R0);
                stack.Move(sizeof(ushort));
                break;
            case Code.Sti:
                NeedLevel0();
                NeedNoInterrupt();
                _code.Op(0x80, false, 1, InterruptFlag); // or
                _code.Byte(2);
                break;
            case Code.Swapgs:
                EmitSwapGs();
                break;
            case Code.Pushfw or Code.Pushfd or Code.Pushfq:
                EmitPush(SizeOf((Code)op.Code));
                break;
            case Code.Rdtsc or Code.Rdtscp:
                EmitReadTime(withNumber: (Code)op.Code == Code.Rdtscp);
                break;
            case Code.Mov_rm16_Sreg or Code.Mov_r32m16_Sreg or Code.Mov_r64m16_Sreg:
                EmitMoveSelector(in op);
                break;
            default:
                EmitPop(SizeOf((Code)op.Code));
                break;
        }
    }

    /// <summary>Bytes that PUSHF or POPF moves.</summary>
    private static int SizeOf(Code code) => code switch { Code.Pushfw or Code.Popfw => 2, Code.Pushfd or Code.Popfd => 4, _ => 8 };

    /// <summary>What interrupts hold back for, and where the code is, are not among them.</summary>
    private static bool IsData(SegmentRegister segment) => segment is not (SegmentRegister.Cs or SegmentRegister.Ss) and <= SegmentRegister.Gs;

    private void EmitDirection(bool set)
    {
        const int direction = (int)(Rflags.Direction >> 8);
        site.Flags.Leave();
        _code.Op(0x80, false, set ? 1 : 4, new HostAddress(State, FrameOffset.Rflags + 1)); // or, and
        _code.Byte(set ? direction : ~direction);
    }

    private void EmitLoadSegment(in Op op)
    {
        site.Flags.Leave();
        if (op.Has(OpFlags.Memory)) _code.LoadWord(Temporary, memory.Reach(in op, sizeof(ushort), write: false));
        else _code.ExtendWord(Temporary, HostOf(FrameOffset.GeneralNumber(op.R1)));
        SetSegment((SegmentRegister)op.R0);
    }

    /// <summary>A paragraph's number, in R11, becomes a segment.</summary>
    private void SetSegment(SegmentRegister segment)
    {
        _code.StoreWord(new HostAddress(State, FrameOffset.Selector(segment)), Temporary);
        _code.ShiftLeft(Temporary, 4);
        _code.Store(new HostAddress(State, FrameOffset.SegmentBase(segment)), Temporary);
    }

    private void EmitSwapGs()
    {
        NeedLevel0();
        HostAddress active = new(State, FrameOffset.SegmentBase(SegmentRegister.Gs)), other = new(State, FrameOffset.KernelGsBase);
        _code.Load(Address, in active);
        _code.Load(Temporary, in other);
        _code.Store(in active, Temporary);
        _code.Store(in other, Address);
    }

    /// <param name="withNumber">The processor's number, as the guest has set it, is wanted too.</param>
    private void EmitReadTime(bool withNumber)
    {
        site.Flags.Release();
        NeedZero(FrameOffset.TimeDenied);
        if (withNumber) _code.Bytes([0x0F, 0xAE, 0xE8]); // lfence: what is before it is done
        ReadTicks(_code);
        _code.Op(0x2B, true, HostRegister.Rax, new HostAddress(State, FrameOffset.TickStart));
        _code.Op(0x3B, true, HostRegister.Rax, new HostAddress(State, FrameOffset.TickLength));
        int beyond = _code.Jump(Condition.AboveOrEqual);
        _code.Op(0x0FAF, true, HostRegister.Rax, new HostAddress(State, FrameOffset.TickScale)); // imul
        ShiftRight32(HostRegister.Rax);
        _code.Op(0x03, true, HostRegister.Rax, new HostAddress(State, FrameOffset.TickStamp));
        site.AskTime(beyond);
        _code.Move(HostRegister.Rdx, HostRegister.Rax);
        ShiftRight32(HostRegister.Rdx);
        _code.Move32(HostRegister.Rax, HostRegister.Rax);
        if (withNumber) _code.Load32(HostRegister.Rcx, new HostAddress(State, FrameOffset.TscAux));
    }

    /// <summary>The host's time stamp counter into RAX; changes RDX and RFLAGS.</summary>
    public static void ReadTicks(Emitter code)
    {
        code.Bytes([0x0F, 0x31]); // rdtsc
        code.Op(0xC1, true, 4, HostRegister.Rdx); // shl
        code.Byte(32);
        code.Op(0x0B, true, HostRegister.Rax, HostRegister.Rdx);
    }

    private void ShiftRight32(int register)
    {
        _code.Op(0xC1, true, 5, register);
        _code.Byte(32);
    }

    private void EmitMoveSelector(in Op op)
    {
        var selector = new HostAddress(State, FrameOffset.Selector((SegmentRegister)op.R1));
        if (op.Has(OpFlags.Memory))
        {
            HostAddress to = memory.Reach(in op, sizeof(ushort), write: true);
            _code.LoadWord(Temporary, in selector);
            _code.StoreWord(in to, Temporary);
            return;
        }

        int number = FrameOffset.GeneralNumber(op.R0), host = HostOf(number);
        if ((Code)op.Code == Code.Mov_rm16_Sreg)
        {
            _code.LoadWord(Temporary, in selector);
            if (host < 0) _code.StoreWord(Slot(number), Temporary);
            else _code.Sized(0x8B, sizeof(ushort), host, Temporary);
            return;
        }

        _code.LoadWord(host < 0 ? Temporary : host, in selector);
        if (host < 0) _code.Store(Slot(number), Temporary);
    }

    private void EmitPush(int size)
    {
        site.Flags.Save();
        if (site.Code16) NeedLevel0(); // what virtual-8086 mode may do depends on IOPL
        stack.Reserve(size);
        site.Flags.Need();
        _code.Bytes([0x9C, 0x41, 0x5B]); // pushfq; pop r11
        _code.Arithmetic(4, false, Temporary, (int)Rflags.Status);
        _code.Op(0x0B, true, Temporary, Flags);
        site.Flags.Release();
        stack.Store(Temporary);
        stack.Move(-size);
    }

    private void EmitPop(int size)
    {
        stack.Top(size);
        stack.Point();
        CheckLevel0();
        LoadFlags(size);
        _code.Op(0x33, false, Temporary, Flags);
        _code.Op(0xF7, false, 0, Temporary); // test
        _code.Int32(size == sizeof(ushort) ? Rare & ushort.MaxValue : Rare);
        site.Miss(_code.Jump(Condition.NotEqual));
        _code.Op(0xF6, false, 0, new HostAddress(Address, 1)); // test of IF
        _code.Byte(2);
        int closed = _code.Jump(Condition.NotEqual ^ 1);
        NeedNoInterrupt();
        _code.Bind(closed);
        _code.Arithmetic(4, false, Temporary, (int)Rflags.Interrupt);
        _code.Op(0x31, false, Temporary, Flags); // xor
        LoadFlags(size);
        _code.Move32(Address, Temporary);
        _code.ShiftRight(Address, OverflowBit);
        _code.Arithmetic(4, false, Address, 1);
        _code.Arithmetic(4, false, Temporary, LowStatus);
        _code.Arithmetic(1, false, Temporary, (int)Rflags.One);
        _code.ShiftLeft(Temporary, LahfShift);
        _code.Op(0x0B, false, Temporary, Address);
        _code.StoreWord(new HostAddress(State, FrameOffset.Flags), Temporary);
        _code.StoreConstant32(new HostAddress(State, FrameOffset.FlagRecipe), 0);
        site.Flags.Replaced();
        stack.Move(size);
    }

    /// <summary>What POPF finds at the host address in R10, into R11.</summary>
    private void LoadFlags(int size)
    {
        if (size == sizeof(ushort)) _code.LoadWord(Temporary, new HostAddress(Address));
        else _code.Load32(Temporary, new HostAddress(Address));
    }

    private void NeedLevel0()
    {
        site.Flags.Leave();
        CheckLevel0();
    }

    private void CheckLevel0() => NeedZero(FrameOffset.Level);

    /// <summary>With IF an interrupt that waits would come in.</summary>
    private void NeedNoInterrupt() => NeedZero(FrameOffset.InterruptWaits);

    private void NeedZero(int offset)
    {
        _code.Op(0x80, false, 7, new HostAddress(State, offset));
        _code.Byte(0);
        site.Miss(_code.Jump(Condition.NotEqual));
    }
}
