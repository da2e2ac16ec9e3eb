using Iced.Intel;
using Rhea.SoftCpu.CodeCache;
using Rhea.SoftCpu.Interpreter;
using Rhea.X86;

namespace Rhea.SoftCpu.Translator;

/// <summary>Makes host code of a block: for each instruction the host's own, or a call of the interpreter for that one.</summary>
/// <remarks>
/// What an instruction needs is checked before it has done anything; where a check fails the interpreter does the whole instruction,
/// so all that is rare, and all that faults, is the interpreter's.
/// UNSAFE: reads blocks in the arena. SAFETY: the number of ops is the block's own; the emitter has room for the longest block.
/// </remarks>
internal sealed unsafe class BlockTranslator
{
    /// <summary>What the longest block may become, in bytes.</summary>
    public const int MaxBytes = (BlockDecoder.MaxOps + 8) * 512;

    private readonly BitStringInstruction _bitString;
    private readonly Emitter _code;
    private readonly DivideInstruction _divide;
    private readonly Exits _exits;
    private readonly JumpInstruction _jump;
    private readonly MemoryAccess _memory;
    private readonly PlainInstruction _plain;
    private readonly Site _site;
    private readonly SpecialInstruction _special;
    private readonly StackInstruction _stack;
    private readonly SystemInstruction _system;
    private readonly X87Instruction _x87;
    private readonly Planned[] _plan = new Planned[BlockDecoder.MaxOps];
    private readonly Dictionary<Code, HostForm> _forms = [];
    private readonly nint _arena;

    public BlockTranslator(Emitter code, Stubs stubs, nint arena)
    {
        (_code, _arena) = (code, arena);
        _site = new Site(code, stubs);
        _memory = new MemoryAccess(_site);
        _plain = new PlainInstruction(_site, _memory);
        _special = new SpecialInstruction(_site, _memory);
        _bitString = new BitStringInstruction(_site, _memory);
        _divide = new DivideInstruction(_site, _memory);
        _stack = new StackInstruction(_site, _memory);
        _system = new SystemInstruction(_site, _memory, _stack);
        _x87 = new X87Instruction(_site, _memory);
        _exits = new Exits(_site, stubs);
        _jump = new JumpInstruction(_site, _memory, _stack, _exits);
    }

    private enum Kind
    {
        Interpreted,
        Nothing,
        Plain,
        Special,
        BitString,
        Divide,
        Stack,
        X87,
        System,
        Jump,
    }

    /// <summary>False when the block is better interpreted.</summary>
    /// <param name="block">The block; its translation's places are noted there.</param>
    /// <param name="kind">What the code has to do besides.</param>
    /// <param name="exits">Takes the block's direct jumps.</param>
    /// <param name="number">Of the first of them.</param>
    public bool Translate(Block* block, TranslationKind kind, List<Exit> exits, int number)
    {
        var start = (int)(block->Host & 0xFFF);
        bool counts = kind.Counts;
        _site.StartBlock(block->Mode, start, kind.Atomic);
        if (Plan(block) * 2 > block->Count) return false;
        block->NeedsFlags = FindLiveFlags(block) != 0 || counts;
        _site.Flags.Start(block->NeedsFlags);
        block->Entry = _code.Position;
        int spent = counts ? Spend(block->Count) : 0;
        Op* ops = Block.Ops(block);
        for (var i = 0; i < block->Count; i++)
        {
            _site.Start((int)((nint)(ops + i) - _arena), _plan[i].LiveFlags);
            Emit(in ops[i], in _plan[i], counts ? block->Count - i - 1 : 0);
            _site.End();
        }

        if (!EndsInJump(ops[block->Count - 1])) _exits.FallThrough(start + block->Length);
        _site.EmitDetours();
        _exits.EmitStubs(exits, number);
        if (counts)
        {
            _code.Bind(spent);
            _exits.Refund(block->Count);
        }

        block->StartStub = _code.Position;
        _exits.Leave(start);
        return true;
    }

    private static bool EndsInJump(in Op last) => ((Code)last.Code).FlowControl() is FlowControl.UnconditionalBranch or FlowControl.IndirectBranch
        or FlowControl.Call or FlowControl.IndirectCall or FlowControl.Return;

    /// <summary>Decides who does each instruction; the number of those that the interpreter does.</summary>
    private int Plan(Block* block)
    {
        Op* ops = Block.Ops(block);
        var interpreted = 0;
        for (var i = 0; i < block->Count; i++)
        {
            var code = (Code)ops[i].Code;
            if (!_forms.TryGetValue(code, out HostForm? form)) _forms.Add(code, form = HostForm.Of(code));
            Kind kind = _system.Fits(in ops[i], i == block->Count - 1) ? Kind.System : KindOf(form, in ops[i], (block->Mode & BlockMode.Vectors) != 0);
            _plan[i] = new Planned(form, kind, 0);
            if (kind == Kind.Interpreted) interpreted++;
            else if (kind == Kind.X87) block->NeedsX87 = true;
        }

        return interpreted;
    }

    private Kind KindOf(HostForm form, in Op op, bool vectors)
    {
        if (op.Handler == HandlerTable.Instance.Nothing) return Kind.Nothing;
        if (SpecialInstruction.Knows(form.Code)) return _special.Fits(in op) ? Kind.Special : Kind.Interpreted;
        if (DivideInstruction.Knows(form.Code)) return _divide.Fits(in op) ? Kind.Divide : Kind.Interpreted;
        if (op.Has(OpFlags.Memory) && BitStringInstruction.Knows(form)) return _bitString.Fits(in op) ? Kind.BitString : Kind.Interpreted;
        if (_stack.Fits(in op)) return Kind.Stack;
        if (form.Code.FlowControl() != FlowControl.Next) return _jump.Fits(in op) ? Kind.Jump : Kind.Interpreted;
        if (X87Instruction.Knows(form)) return vectors && _x87.Fits(in op) ? Kind.X87 : Kind.Interpreted;
        return PlainInstruction.Knows(form) && (vectors || !form.IsVector) && _plain.Fits(form, in op) ? Kind.Plain : Kind.Interpreted;
    }

    /// <summary>Which status flags matter behind each instruction; those that matter before the first.</summary>
    private uint FindLiveFlags(Block* block)
    {
        Op* ops = Block.Ops(block);
        uint live = Rflags.Status;
        for (int i = block->Count - 1; i >= 0; i--)
        {
            Planned plan = _plan[i];
            _plan[i] = plan with { LiveFlags = live };
            bool shows = plan.Kind is Kind.Interpreted or Kind.Divide or Kind.Stack or Kind.X87 or Kind.System or Kind.Jump || (ops[i].Has(OpFlags.Memory) && plan.Kind != Kind.Nothing);
            live = shows ? Rflags.Status : (live & ~plan.Form.Writes) | plan.Form.Reads;
        }

        return live;
    }

    private void Emit(in Op op, in Planned plan, int refund)
    {
        switch (plan.Kind)
        {
            case Kind.Interpreted:
                _site.Interpret();
                break;
            case Kind.Plain:
                _plain.Emit(plan.Form, in op);
                break;
            case Kind.Special:
                _special.Emit(in op);
                break;
            case Kind.BitString:
                _bitString.Emit(plan.Form, in op);
                break;
            case Kind.Divide:
                _divide.Emit(in op);
                break;
            case Kind.Stack:
                _stack.Emit(in op);
                break;
            case Kind.X87:
                _x87.Emit(plan.Form, in op);
                break;
            case Kind.System:
                _system.Emit(in op);
                break;
            case Kind.Jump:
                _jump.Emit(in op, refund);
                break;
        }
    }

    /// <summary>Takes the block's instructions from the budget; the jump for when there are not so many.</summary>
    private int Spend(int instructions)
    {
        var budget = new HostAddress(GuestRegister.State, FrameOffset.Budget);
        _code.Op(0x83, true, 5, in budget);
        _code.Byte(instructions);
        return _code.Jump(Condition.Less);
    }

    private readonly record struct Planned(HostForm Form, Kind Kind, uint LiveFlags);
}

/// <summary>What all translated code of a processor has to do besides what the guest's says.</summary>
/// <param name="Counts">Instructions are counted, and a block leaves when they are more than the budget.</param>
/// <param name="Atomic">There are other processors: what has a LOCK prefix needs it on the host.</param>
internal readonly record struct TranslationKind(bool Counts, bool Atomic);
