using Iced.Intel;
using Rhea.SoftCpu.Interpreter;
using static Rhea.SoftCpu.Translator.GuestRegister;

namespace Rhea.SoftCpu.Translator;

/// <summary>Near jumps, calls and returns of the mode's own size.</summary>
internal sealed class JumpInstruction(Site site, MemoryAccess memory, StackInstruction stack, Exits exits)
{
    private const int PageSize = 0x1000;

    private readonly Emitter _code = site.Code;

    private static HostAddress Scratch => new(State, FrameOffset.Scratch);

    public bool Fits(in Op op)
    {
        var code = (Code)op.Code;
        return IsOfSize(code) && (!op.Has(OpFlags.Memory) || memory.CanReach(in op));
    }

    /// <param name="op">The instruction.</param>
    /// <param name="refund">How many instructions of the block are behind it.</param>
    public void Emit(in Op op, int refund)
    {
        switch (((Code)op.Code).FlowControl())
        {
            case FlowControl.ConditionalBranch:
                EmitConditional(in op, refund);
                break;
            case FlowControl.UnconditionalBranch:
                EmitJump(in op);
                break;
            case FlowControl.Call:
                EmitCall(in op);
                break;
            case FlowControl.IndirectBranch:
                LoadTarget(in op);
                exits.Lookup();
                exits.Go();
                break;
            case FlowControl.IndirectCall:
                LoadTarget(in op);
                exits.Lookup();
                PushAndGo(in op);
                break;
            default:
                EmitReturn(in op);
                break;
        }
    }

    private static int ConditionOf(Code code) => (int)code.ToOpCode().OpCode & 15;

    private bool IsOfSize(Code code) => code switch
    {
        Code.Jmp_rel8_64 or Code.Jmp_rel32_64 or Code.Call_rel32_64 or Code.Jmp_rm64 or Code.Call_rm64 or Code.Retnq or Code.Retnq_imm16 => site.Code64,
        Code.Jmp_rel8_32 or Code.Jmp_rel32_32 or Code.Call_rel32_32 or Code.Jmp_rm32 or Code.Call_rm32 or Code.Retnd or Code.Retnd_imm16 => !site.Code64,
        _ => code.IsJccShortOrNear() && IsConditionalOfSize(code),
    };

    private bool IsConditionalOfSize(Code code)
    {
        OpCodeOperandKind kind = code.ToOpCode().GetOpKind(0);
        return site.Code64 ? kind is OpCodeOperandKind.br64_1 or OpCodeOperandKind.br64_4 : kind is OpCodeOperandKind.br32_1 or OpCodeOperandKind.br32_4;
    }

    private int Here(in Op op) => site.BlockStart + op.Offset;

    /// <summary>Where in the page, or beyond it, a direct jump leads.</summary>
    private long Target(in Op op) => site.BlockStart + op.Immediate;

    private void EmitConditional(in Op op, int refund)
    {
        int condition = ConditionOf((Code)op.Code);
        site.Flags.Need();
        if (Target(in op) is >= 0 and < PageSize and var near)
        {
            exits.Direct((int)near, condition, Here(in op), refund);
            return;
        }

        int skip = _code.Jump(condition ^ 1);
        FlagState flags = site.Flags.Now;
        site.Flags.Save();
        if (refund != 0) exits.Refund(refund);
        exits.Far(Target(in op));
        _code.Bind(skip);
        site.Flags.Now = flags;
    }

    private void EmitJump(in Op op)
    {
        if (Target(in op) is >= 0 and < PageSize and var near)
        {
            exits.Direct((int)near, -1, Here(in op), 0);
            return;
        }

        site.Flags.Release();
        exits.Far(Target(in op));
    }

    private void EmitCall(in Op op)
    {
        stack.Reserve();
        StoreReturn(in op);
        if (Target(in op) is >= 0 and < PageSize and var near)
        {
            exits.Direct((int)near, -1, Here(in op), 0);
            return;
        }

        site.Flags.Release();
        exits.Far(Target(in op));
    }

    private void PushAndGo(in Op op)
    {
        _code.Store(Scratch, Temporary);
        stack.Reserve();
        StoreReturn(in op);
        _code.Load(Temporary, Scratch);
        exits.Go();
    }

    private void StoreReturn(in Op op)
    {
        _code.Load(Temporary, new HostAddress(State, FrameOffset.PageIp));
        _code.Lea(Temporary, new HostAddress(Temporary, site.BlockStart + op.NextOffset), site.Code64);
        stack.Store(Temporary);
        stack.Move(site.Code64 ? -8 : -4);
    }

    private void LoadTarget(in Op op)
    {
        site.Flags.Release();
        if (op.Has(OpFlags.Memory))
        {
            HostAddress at = memory.Reach(in op, site.Code64 ? 8 : 4, write: false);
            _code.Op(0x8B, site.Code64, Address, in at);
            return;
        }

        int number = FrameOffset.GeneralNumber(op.R0);
        if (HostOf(number) < 0) _code.Load(Address, Slot(number));
        else _code.Op(0x8B, site.Code64, Address, HostOf(number));
    }

    private void EmitReturn(in Op op)
    {
        site.Flags.Release();
        stack.Top();
        stack.Load(Address);
        exits.Lookup();
        stack.Move((site.Code64 ? 8 : 4) + (ushort)op.Immediate);
        exits.Go();
    }
}
