using Iced.Intel;
using Rhea.SoftCpu.Interpreter;
using static Rhea.SoftCpu.Translator.GuestRegister;

namespace Rhea.SoftCpu.Translator;

/// <summary>Near jumps, calls and returns of the mode's own size, in 16-bit code of 32 bits too, and LOOP and JCXZ there and in 32-bit code.</summary>
/// <remarks>
/// Where the code segment has a limit, the block has checked that it has the targets in its page (<see cref="IsInPage"/>); all others are checked, and sought,
/// before the instruction has done anything: what goes beyond the limit, or around at 64 KiB, is the interpreter's.
/// </remarks>
internal sealed class JumpInstruction(Site site, MemoryAccess memory, StackInstruction stack, Exits exits)
{
    private const int PageSize = 0x1000;

    private readonly Emitter _code = site.Code;

    private static HostAddress Scratch => new(State, FrameOffset.Scratch);

    public bool Fits(in Op op)
    {
        var code = (Code)op.Code;
        int size = SizeOf(code);
        if (size == 0 || !stack.FitsMode(size)) return false;
        return Counts(code) ? IsInPage(in op) : !op.Has(OpFlags.Memory) || memory.CanReach(in op);
    }

    /// <summary>It leads to a place in the block's page.</summary>
    public bool IsInPage(in Op op) =>
        ((Code)op.Code).FlowControl() is FlowControl.ConditionalBranch or FlowControl.UnconditionalBranch or FlowControl.Call && Target(in op) is >= 0 and < PageSize;

    /// <summary>The guest registers that it changes, a bit for each, or more of them.</summary>
    public static int Written(in Op op) => 1 << 4 | (Counts((Code)op.Code) ? 1 << HostRegister.Rcx : 0);

    /// <param name="op">The instruction.</param>
    /// <param name="refund">How many instructions of the block are behind it.</param>
    public void Emit(in Op op, int refund)
    {
        var code = (Code)op.Code;
        if (Counts(code))
        {
            EmitCount(in op, code, refund);
            return;
        }

        int size = SizeOf(code);
        switch (code.FlowControl())
        {
            case FlowControl.ConditionalBranch:
                EmitConditional(in op, size, refund);
                break;
            case FlowControl.UnconditionalBranch:
                EmitJump(in op, size);
                break;
            case FlowControl.Call:
                EmitCall(in op, size);
                break;
            case FlowControl.IndirectBranch:
                LoadTarget(in op, size);
                exits.Lookup();
                exits.Go();
                break;
            case FlowControl.IndirectCall:
                LoadTarget(in op, size);
                exits.Lookup();
                PushAndGo(in op, size);
                break;
            default:
                EmitReturn(in op, size);
                break;
        }
    }

    private static int ConditionOf(Code code) => (int)code.ToOpCode().OpCode & 15;

    /// <summary>LOOP and JCXZ.</summary>
    private static bool Counts(Code code) => code.Mnemonic() is Mnemonic.Loop or Mnemonic.Jcxz or Mnemonic.Jecxz;

    /// <summary>Bytes of the target, and of what a call pushes; 0 for other instructions.</summary>
    private static int SizeOf(Code code) => code switch
    {
        Code.Jmp_rel8_64 or Code.Jmp_rel32_64 or Code.Call_rel32_64 or Code.Jmp_rm64 or Code.Call_rm64 or Code.Retnq or Code.Retnq_imm16 => 8,
        Code.Jmp_rel8_32 or Code.Jmp_rel32_32 or Code.Call_rel32_32 or Code.Jmp_rm32 or Code.Call_rm32 or Code.Retnd or Code.Retnd_imm16 => 4,
        Code.Loop_rel8_32_CX or Code.Loop_rel8_32_ECX or Code.Jcxz_rel8_32 or Code.Jecxz_rel8_32 => 4,
        Code.Loop_rel8_16_CX or Code.Loop_rel8_16_ECX or Code.Jcxz_rel8_16 or Code.Jecxz_rel8_16 => 2,
        Code.Jmp_rel8_16 or Code.Jmp_rel16 or Code.Call_rel16 or Code.Jmp_rm16 or Code.Call_rm16 or Code.Retnw or Code.Retnw_imm16 => 2,
        _ => code.IsJccShortOrNear() ? SizeOf(code.ToOpCode().GetOpKind(0)) : 0,
    };

    private static int SizeOf(OpCodeOperandKind kind) => kind switch
    {
        OpCodeOperandKind.br64_1 or OpCodeOperandKind.br64_4 => 8,
        OpCodeOperandKind.br32_1 or OpCodeOperandKind.br32_4 => 4,
        OpCodeOperandKind.br16_1 or OpCodeOperandKind.br16_2 => 2,
        _ => 0,
    };

    private int Here(in Op op) => site.BlockStart + op.Offset;

    /// <summary>Where in the page, or beyond it, a direct jump leads.</summary>
    private long Target(in Op op) => site.BlockStart + op.Immediate;

    /// <summary>Goes on at the target of a direct jump that is in another page. The flags are in the frame.</summary>
    private void GoFar(in Op op, int size, int refund)
    {
        if (!site.HasCodeSegment)
        {
            if (refund != 0) exits.Refund(refund);
            exits.Far(Target(in op));
            return;
        }

        LoadFar(in op, size);
        exits.Lookup();
        if (refund != 0) exits.Refund(refund);
        exits.Go();
    }

    /// <summary>RIP of such a target into R10.</summary>
    private void LoadFar(in Op op, int size)
    {
        exits.LoadIp((int)Target(in op));
        if (size == sizeof(ushort)) _code.ExtendWord(Address, Address);
    }

    private void EmitConditional(in Op op, int size, int refund)
    {
        int condition = ConditionOf((Code)op.Code);
        site.Flags.Need();
        if (IsInPage(in op))
        {
            exits.Direct((int)Target(in op), condition, Here(in op), refund);
            return;
        }

        int skip = _code.Jump(condition ^ 1);
        FlagState flags = site.Flags.Now;
        site.Flags.Release();
        GoFar(in op, size, refund);
        _code.Bind(skip);
        site.Flags.Now = flags;
    }

    private void EmitCount(in Op op, Code code, int refund)
    {
        bool loops = code.Mnemonic() == Mnemonic.Loop, isShort = code is Code.Loop_rel8_16_CX or Code.Loop_rel8_32_CX or Code.Jcxz_rel8_16 or Code.Jcxz_rel8_32;
        int size = isShort ? sizeof(ushort) : sizeof(uint);
        site.Flags.Release();
        if (loops)
        {
            if (isShort) _code.Byte(0x66);
            _code.Lea(HostRegister.Rcx, new HostAddress(HostRegister.Rcx, -1), wide: false);
        }

        _code.Sized(0x85, size, HostRegister.Rcx, HostRegister.Rcx);
        exits.Direct((int)Target(in op), loops ? Condition.NotEqual : Condition.Equal, Here(in op), refund);
    }

    private void EmitJump(in Op op, int size)
    {
        if (IsInPage(in op))
        {
            exits.Direct((int)Target(in op), -1, Here(in op), 0);
            return;
        }

        site.Flags.Release();
        GoFar(in op, size, 0);
    }

    private void EmitCall(in Op op, int size)
    {
        if (site.HasCodeSegment && !IsInPage(in op))
        {
            site.Flags.Release();
            LoadFar(in op, size);
            exits.Lookup();
            PushAndGo(in op, size);
            return;
        }

        stack.Reserve(size);
        StoreReturn(in op, size);
        if (site.HasCodeSegment)
        {
            exits.Direct((int)Target(in op), -1, Here(in op), 0);
            return;
        }

        bool isNear = IsInPage(in op);
        if (!isNear) site.Flags.Release();
        exits.BeginCall();
        if (isNear) exits.Call((int)Target(in op), Here(in op));
        else exits.Far(Target(in op), calls: true);
        exits.EndCall(site.BlockStart + op.NextOffset);
    }

    private void PushAndGo(in Op op, int size)
    {
        _code.Store(Scratch, Temporary);
        stack.Reserve(size);
        StoreReturn(in op, size);
        if (site.HasCodeSegment)
        {
            _code.Load(Temporary, Scratch);
            exits.Go();
            return;
        }

        exits.BeginCall();
        _code.Load(Temporary, Scratch);
        exits.CallFound();
        exits.EndCall(site.BlockStart + op.NextOffset);
    }

    private void StoreReturn(in Op op, int size)
    {
        _code.Load(Temporary, new HostAddress(State, FrameOffset.PageIp));
        _code.Lea(Temporary, new HostAddress(Temporary, site.BlockStart + op.NextOffset), site.Code64);
        stack.Store(Temporary);
        stack.Move(-size);
    }

    private void LoadTarget(in Op op, int size)
    {
        site.Flags.Release();
        if (op.Has(OpFlags.Memory))
        {
            HostAddress at = memory.Reach(in op, size, write: false);
            if (size == sizeof(ushort)) _code.LoadWord(Address, in at);
            else _code.Sized(0x8B, size, Address, in at);
            return;
        }

        int number = FrameOffset.GeneralNumber(op.R0);
        if (HostOf(number) < 0) _code.Load(Address, Slot(number));
        else if (size == sizeof(ushort)) _code.ExtendWord(Address, HostOf(number));
        else _code.Op(0x8B, site.Code64, Address, HostOf(number));
    }

    private void EmitReturn(in Op op, int size)
    {
        site.Flags.Release();
        stack.Top(size);
        stack.LoadClear(Address);
        if (site.HasCodeSegment) exits.Lookup();
        stack.Move(size + (ushort)op.Immediate);
        if (site.HasCodeSegment) exits.Go();
        else _code.Byte(0xC3);
    }
}
