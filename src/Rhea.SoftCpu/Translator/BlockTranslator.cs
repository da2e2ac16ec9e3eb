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
    public const int MaxBytes = (BlockDecoder.MaxOps + 8) * 1024;

    /// <summary>Of the first byte of a loop: hosts fetch small loops from a cache of such lines.</summary>
    public const int LoopAlignment = 32;

    private readonly BitManipulationInstruction _bitManipulation;
    private readonly BitStringInstruction _bitString;
    private readonly Emitter _code;
    private readonly DivideInstruction _divide;
    private readonly Exits _exits;
    private readonly JumpInstruction _jump;
    private readonly MemoryAccess _memory;
    private readonly PlainInstruction _plain;
    private readonly Site _site;
    private readonly LoopHead _head;
    private readonly LoopPlanner _loop = new();
    private readonly SpecialInstruction _special;
    private readonly StackInstruction _stack;
    private readonly StringInstruction _string;
    private readonly SystemInstruction _system;
    private readonly X87Instruction _x87;
    private readonly AccessPlanner _planner = new();
    private readonly PlannedAccess[] _accesses = new PlannedAccess[BlockDecoder.MaxOps];
    private readonly Planned[] _plan = new Planned[BlockDecoder.MaxOps];
    private readonly List<int> _spentLoop = []; // jumps for when the budget does not have a turn of the loop
    private readonly List<(int Place, int Offset)> _marks = [];
    private readonly Dictionary<Code, HostForm> _forms = [];
    private readonly nint _arena;
    private bool _profiles;

    public BlockTranslator(Emitter code, Stubs stubs, nint arena)
    {
        (_code, _arena) = (code, arena);
        _site = new Site(code, stubs);
        _memory = new MemoryAccess(_site);
        _plain = new PlainInstruction(_site, _memory);
        _special = new SpecialInstruction(_site, _memory);
        _bitManipulation = new BitManipulationInstruction(_site, _memory);
        _bitString = new BitStringInstruction(_site, _memory);
        _divide = new DivideInstruction(_site, _memory);
        _stack = new StackInstruction(_site, _memory);
        _string = new StringInstruction(_site, _memory);
        _system = new SystemInstruction(_site, _memory, _stack);
        _x87 = new X87Instruction(_site, _memory);
        _head = new LoopHead(_site, _memory, stubs);
        _exits = new Exits(_site, stubs);
        _jump = new JumpInstruction(_site, _memory, _stack, _exits);
    }

    /// <summary>Where in the last block's code which instruction begins, by its distance in bytes from the block's start. What is rare comes last.</summary>
    public IReadOnlyList<(int Place, int Offset)> Marks => _marks;

    /// <summary>The last block has turns of a loop that do not look at each access.</summary>
    public bool HasTurns { get; private set; }

    /// <summary>False when the block is better interpreted.</summary>
    /// <param name="block">The block; its translation's places are noted there.</param>
    /// <param name="kind">What the code has to do besides.</param>
    /// <param name="exits">Takes the block's direct jumps.</param>
    /// <param name="number">Of the first of them.</param>
    public bool Translate(Block* block, TranslationKind kind, List<Exit> exits, int number)
    {
        var start = (int)(block->Host & 0xFFF);
        bool counts = kind.Counts;
        _site.StartBlock(block->Mode, block->Host, in kind);
        if (Plan(block) * 2 > block->Count) return false;
        PlanAccesses(block);
        int turn = PlanLoop(block);
        block->NeedsFlags = FindLiveFlags(block, checksOthers: turn > 0) != 0 || counts || _site.HasCodeSegment;
        _site.Flags.Start(block->NeedsFlags);
        if (IsLoop(block)) _code.Align(LoopAlignment);
        (block->Entry, HasTurns) = (_code.Position, turn > 0);
        _marks.Clear();
        int outside = _site.HasCodeSegment ? CheckSegment(block) : 0;
        if (kind.Profiles) CountExecution(block);
        _profiles = kind.Profiles;
        _exits.Start(loops: kind.Chains && (block->NeedsFlags || turn > 0));
        int spent = counts ? Spend(block->Count) : 0;
        _spentLoop.Clear();
        EmitOps(block, counts, block->Count, held: false);
        if (_exits.BeginLoop())
        {
            FlagSource flags = _site.Flags.Missing;
            if (turn > 0) EmitTurns(block, counts, turn);
            else EmitTurn(block, counts, block->Count, held: false);
            if (counts) EmitSpent(_spentLoop, block->Count, start, flags);
        }

        Mark(block, block->Length);
        _site.EmitDetours();
        _exits.EmitStubs(exits, number);
        if (counts) EmitSpent([spent], block->Count, start, default);
        block->StartStub = _code.Position;
        if (outside != 0) _code.Bind(outside);
        _exits.Leave(start);
        return true;
    }

    /// <summary>How many slots of jumps to other pages, and of returns, are in use.</summary>
    public int FarSlots => _exits.FarSlots;

    /// <summary>All translations are gone.</summary>
    public void Clear() => _exits.Clear();

    /// <summary>Turns of a loop without looking, and some with, for when that cannot be.</summary>
    private void EmitTurns(Block* block, bool counts, int turn)
    {
        Mark(block, 0);
        if (counts) _site.LoopRegisters.ChooseNone();
        else _site.LoopRegisters.Choose(UsedRegisters(block, turn), _loop.Cells.Count);
        _exits.BeginHead();
        _head.Emit(_loop);
        _exits.BeginTurns();
        EmitTurn(block, counts, turn, held: true);
        _site.LoopRegisters.End();
        _head.EmitDetours();
        _exits.BeginTurns();
        EmitTurn(block, counts, turn, held: false);
        _exits.EndTurns();
    }

    /// <summary>A turn of a loop, which takes its instructions from the budget by itself.</summary>
    private void EmitTurn(Block* block, bool counts, int turn, bool held)
    {
        if (_profiles) CountExecution(block);
        if (counts) _spentLoop.Add(Spend(block->Count));
        EmitOps(block, counts, turn, held);
    }

    private static int UsedRegisters(Block* block, int count)
    {
        Op* ops = Block.Ops(block);
        var used = 0;
        for (var i = 0; i < count; i++) used |= LoopRegisters.UsedBy(in ops[i]);
        return used;
    }

    private static bool IsLoop(Block* block)
    {
        Op* ops = Block.Ops(block);
        for (var i = 0; i < block->Count; i++)
            if (IsJumpBack(in ops[i])) return true;
        return false;
    }

    /// <summary>The number of instructions in a turn of the loop that the block is, if some of its accesses can do without a check; else 0.</summary>
    private int PlanLoop(Block* block)
    {
        const int turns = 12;
        if (!_site.Code64 || (block->Runs - 1 - block->Turns) * turns > block->Runs) return 0;
        Op* ops = Block.Ops(block);
        int end = 0;
        _loop.Start(_site.BlockStart);
        for (var i = 0; i < block->Count; i++)
        {
            bool back = IsJumpBack(in ops[i]);
            if (back && end != 0) return 0;
            if (end == 0 && !_loop.Add(i, _plan[i].Kind, _plan[i].Form, in ops[i], Written(in _plan[i], in ops[i]))) return 0;
            if (back) end = i + 1;
        }

        return end != 0 && _loop.Finish() ? end : 0;
    }

    /// <summary>The jump for when the block, and where it jumps to in its page, are not in the code segment.</summary>
    private int CheckSegment(Block* block)
    {
        Mark(block, 0);
        Op* ops = Block.Ops(block);
        int from = 0, to = block->Length;
        for (var i = 0; i < block->Count; i++)
        {
            if (_plan[i].Kind != InstructionKind.Jump || !_jump.IsInPage(in ops[i])) continue;
            from = Math.Min(from, (int)ops[i].Immediate);
            to = Math.Max(to, (int)ops[i].Immediate + 1);
        }

        (block->CodeFrom, block->CodeTo) = ((short)from, (short)to);
        _exits.LoadIp(_site.BlockStart + from);
        _code.Load(GuestRegister.Temporary, new HostAddress(GuestRegister.State, FrameOffset.CodeLimit));
        _code.Lea(GuestRegister.Temporary, new HostAddress(GuestRegister.Temporary, from - to + 1));
        _code.Op(0x3B, true, GuestRegister.Address, GuestRegister.Temporary);
        return _code.Jump(Condition.Greater);
    }

    private void Mark(Block* block, int offset) => _marks.Add((_code.Position - block->Entry, offset));

    private static bool IsJumpBack(in Op op) => ((Code)op.Code).FlowControl() is FlowControl.ConditionalBranch or FlowControl.UnconditionalBranch && op.Immediate == 0;

    private void EmitOps(Block* block, bool counts, int count, bool held)
    {
        Op* ops = Block.Ops(block);
        _site.StartOps();
        _plain.Start();
        _memory.Forget();
        for (var i = 0; i < count; i++)
        {
            Mark(block, ops[i].Offset);
            Planned plan = _plan[i];
            HeldAccess access = held ? _loop.Held(i) : default;
            PlannedAccess planned = held ? Checked(i) : _accesses[i];
            _site.Start((int)((nint)(ops + i) - _arena), i, plan.LiveFlags, in planned, in access, IsQuiet(i, in ops[i], in planned));
            int before = _code.Position;
            bool keeps = KeepsAddress(in plan, in ops[i]);
            if (!keeps) _memory.Forget();
            if (plan.Kind != InstructionKind.Stack) _stack.CatchUp();
            _site.Flags.Begin(Written(in plan, in ops[i]), wanted: (plan.LiveFlags & ~plan.Form.Writes) != 0);
            _plain.GoOn(before);
            Emit(in ops[i], in plan, counts ? block->Count - i - 1 : 0);
            if (!keeps) _memory.Forget();
            _site.Flags.End();
            _site.End();
        }

        _stack.CatchUp();
        if (EndsInJump(ops[count - 1])) return;
        if (counts && count < block->Count) _exits.Refund(block->Count - count);
        _exits.FallThrough(_site.BlockStart + ops[count - 1].NextOffset);
    }

    /// <summary>The instruction changes R10 only for its memory access, if at all, and nothing that it may leave for comes back behind it.</summary>
    private static bool KeepsAddress(in Planned plan, in Op op) => plan.Kind switch
    {
        InstructionKind.Nothing => true,
        InstructionKind.Plain => op.Has(OpFlags.Memory) || !PlainInstruction.HasOperandInFrame(plan.Form, in op),
        InstructionKind.Stack => !op.Has(OpFlags.Memory),
        InstructionKind.Special => SpecialInstruction.KeepsAddress(in op),
        InstructionKind.Jump => plan.Form.Code.FlowControl() == FlowControl.ConditionalBranch,
        _ => false,
    };

    /// <summary>How an access is checked among others that are not: whatever leaves generated code may let the TLB forget, so the loop is left.</summary>
    private PlannedAccess Checked(int number)
    {
        PlannedAccess access = _accesses[number];
        return (access.Grouped && !_loop.Held(access.Leader).Is ? access : default) with { Leaves = true };
    }

    /// <summary>The guest registers that an instruction changes, a bit for each, or more of them.</summary>
    private static int Written(in Planned plan, in Op op)
    {
        const int stack = 1 << 4, baseRegister = 1 << 5;
        return plan.Kind switch
        {
            InstructionKind.Nothing or InstructionKind.BitString => 0,
            InstructionKind.Plain => PlainInstruction.Written(plan.Form, in op),
            InstructionKind.Special => SpecialInstruction.Written(in op),
            InstructionKind.BitManipulation => BitManipulationInstruction.Written(plan.Form, in op),
            InstructionKind.Divide or InstructionKind.X87 => 1 << HostRegister.Rax | 1 << HostRegister.Rdx,
            InstructionKind.Stack => stack | baseRegister | (op.Has(OpFlags.Memory) ? 0 : 1 << FrameOffset.GeneralNumber(op.R0)),
            InstructionKind.String => StringInstruction.Written,
            InstructionKind.Jump => JumpInstruction.Written(in op),
            _ => FlagKeeper.Everything,
        };
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
            InstructionKind kind = _system.Fits(in ops[i], i == block->Count - 1) ? InstructionKind.System : KindOf(form, in ops[i], block->Mode);
            _plan[i] = new Planned(form, kind, 0);
            if (kind == InstructionKind.Interpreted) interpreted++;
            else if (kind == InstructionKind.X87) block->NeedsX87 = true;
        }

        return interpreted;
    }

    private void PlanAccesses(Block* block)
    {
        if (block->ChecksAlone || !_site.SharesChecks)
        {
            Array.Clear(_accesses);
            return;
        }

        Op* ops = Block.Ops(block);
        _planner.Start(_accesses, block->Mode, _site.BlockStart);
        for (var i = 0; i < block->Count; i++) _planner.Add(i, _plan[i].Kind, _plan[i].Form, in ops[i], Written(in _plan[i], in ops[i]));
        _planner.Finish();
    }

    private InstructionKind KindOf(HostForm form, in Op op, BlockMode mode)
    {
        bool vectors = (mode & (form.Vex is null ? BlockMode.Vectors : BlockMode.WideVectors)) != 0;
        if (op.Handler == HandlerTable.Instance.Nothing) return InstructionKind.Nothing;
        if (SpecialInstruction.Knows(form.Code)) return _special.Fits(in op) ? InstructionKind.Special : InstructionKind.Interpreted;
        if (DivideInstruction.Knows(form.Code)) return _divide.Fits(in op) ? InstructionKind.Divide : InstructionKind.Interpreted;
        if (op.Has(OpFlags.Memory) && BitStringInstruction.Knows(form)) return _bitString.Fits(in op) ? InstructionKind.BitString : InstructionKind.Interpreted;
        if (BitManipulationInstruction.Knows(form)) return _bitManipulation.Fits(in op) ? InstructionKind.BitManipulation : InstructionKind.Interpreted;
        if (StringInstruction.Knows(form.Code)) return StringInstruction.Fits(in op) ? InstructionKind.String : InstructionKind.Interpreted;
        if (_stack.Fits(in op)) return InstructionKind.Stack;
        if (form.Code.FlowControl() != FlowControl.Next) return _jump.Fits(in op) ? InstructionKind.Jump : InstructionKind.Interpreted;
        if (X87Instruction.Knows(form)) return vectors && _x87.Fits(form, in op) ? InstructionKind.X87 : InstructionKind.Interpreted;
        return PlainInstruction.Knows(form) && (vectors || !form.IsVector) && _plain.Fits(form, in op) ? InstructionKind.Plain : InstructionKind.Interpreted;
    }

    /// <summary>The instruction's access has been checked with another's, and it does nothing that shows the flags or changes RFLAGS for it.</summary>
    private bool IsQuiet(int number, in Op op, in PlannedAccess access) => access.Grouped && access.Leader != number && _plan[number].Kind switch
    {
        InstructionKind.Plain or InstructionKind.BitManipulation => op.Has(OpFlags.Flat) && !VectorInstructions.MustBeAligned(_plan[number].Form),
        InstructionKind.Stack => true,
        _ => false,
    };

    /// <summary>Which status flags matter behind each instruction; those that matter before the first.</summary>
    /// <param name="block">The block.</param>
    /// <param name="checksOthers">Other accesses than those that have been planned will be checked too.</param>
    private uint FindLiveFlags(Block* block, bool checksOthers)
    {
        Op* ops = Block.Ops(block);
        uint live = Rflags.Status;
        for (int i = block->Count - 1; i >= 0; i--)
        {
            Planned plan = _plan[i];
            _plan[i] = plan with { LiveFlags = live };
            bool shows = plan.Kind is InstructionKind.Interpreted or InstructionKind.Divide or InstructionKind.Stack or InstructionKind.X87 or InstructionKind.System or InstructionKind.Jump || (ops[i].Has(OpFlags.Memory) && plan.Kind != InstructionKind.Nothing);
            shows = shows && (checksOthers || !IsQuiet(i, in ops[i], in _accesses[i]));
            live = shows ? Rflags.Status : (live & ~plan.Form.Writes) | plan.Form.Reads;
        }

        return live;
    }

    private void Emit(in Op op, in Planned plan, int refund)
    {
        switch (plan.Kind)
        {
            case InstructionKind.Interpreted:
                _site.Interpret();
                break;
            case InstructionKind.Plain:
                _plain.Emit(plan.Form, in op);
                break;
            case InstructionKind.Special:
                _special.Emit(in op);
                break;
            case InstructionKind.BitString:
                _bitString.Emit(plan.Form, in op);
                break;
            case InstructionKind.BitManipulation:
                _bitManipulation.Emit(plan.Form, in op);
                break;
            case InstructionKind.Divide:
                _divide.Emit(in op);
                break;
            case InstructionKind.Stack:
                _stack.Emit(in op);
                break;
            case InstructionKind.String:
                _string.Emit(in op);
                break;
            case InstructionKind.X87:
                _x87.Emit(plan.Form, in op);
                break;
            case InstructionKind.System:
                _system.Emit(in op);
                break;
            case InstructionKind.Jump:
                _jump.Emit(in op, refund);
                break;
        }
    }

    /// <summary>Changes R10 and R11, and no flags.</summary>
    private void CountExecution(Block* block)
    {
        var counter = new HostAddress(GuestRegister.Address);
        _code.Constant(GuestRegister.Address, (ulong)&block->Executions);
        _code.Load(GuestRegister.Temporary, in counter);
        _code.Lea(GuestRegister.Temporary, new HostAddress(GuestRegister.Temporary, 1));
        _code.Store(in counter, GuestRegister.Temporary);
    }

    /// <summary>Takes the block's instructions from the budget; the jump for when there are not so many.</summary>
    private int Spend(int instructions)
    {
        var budget = new HostAddress(GuestRegister.State, FrameOffset.Budget);
        _code.Op(0x83, true, 5, in budget);
        _code.Byte(instructions);
        return _code.Jump(Condition.Less);
    }

    /// <summary>There were not so many: they are given back, and the block is left.</summary>
    private void EmitSpent(List<int> jumps, int instructions, int start, FlagSource flags)
    {
        foreach (int jump in jumps) _code.Bind(jump);
        if (flags.Exists)
        {
            flags.Emit(_code);
            Stubs.SaveFlags(_code);
        }

        _exits.Refund(instructions);
        _exits.Leave(start);
    }

    private readonly record struct Planned(HostForm Form, InstructionKind Kind, uint LiveFlags);
}

/// <summary>What all translated code of a processor has to do besides what the guest's says.</summary>
/// <param name="Counts">Instructions are counted, and a block leaves when they are more than the budget.</param>
/// <param name="Several">There are other processors.</param>
/// <param name="TakesTurns">They run on the same thread.</param>
/// <param name="Chains">A block may lead to the next, or to itself, unseen.</param>
/// <param name="Profiles">Each block counts how often it runs.</param>
internal readonly record struct TranslationKind(bool Counts, bool Several, bool TakesTurns, bool Chains, bool Profiles)
{
    /// <summary>What has a LOCK prefix needs it on the host.</summary>
    public bool Atomic => Several && !TakesTurns;
}
