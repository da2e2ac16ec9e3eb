using System.Diagnostics;
using System.Runtime.InteropServices;
using Rhea.Core.Cpu;
using Rhea.Host;
using Rhea.SoftCpu.CodeCache;
using Rhea.SoftCpu.Interpreter;
using Rhea.X86;

namespace Rhea.SoftCpu.Translator;

/// <summary>One processor's translated blocks: makes them, runs them, links their jumps, and takes them back when their code changes.</summary>
/// <remarks>
/// UNSAFE: calls what it has written. SAFETY: only the processor's own thread runs or changes this memory; a translation is replaced
/// by a jump out, never freed, until all are dropped between two blocks.
/// </remarks>
internal sealed unsafe class TranslatedCode : IDisposable
{
    private const int MaskedExceptions = 0x1F80;
    private const ulong PageMask = 0xFFF;
    private static readonly TimeSpan ShortFor65536 = TimeSpan.FromMilliseconds(3); // under 50 ns each
    private const int Continue = 0, Faulted = 1, Left = 2, Failed = 3;

    private readonly Cpu _cpu;
    private readonly BlockCache _cache;
    private readonly ColdBlocks _cold;
    private readonly bool _chains, _logs;
    private readonly CodeMemory _memory;
    private readonly Emitter _code;
    private readonly BlockTranslator _translator;
    private readonly Stubs _stubs;
    private readonly int _firstBlock;
    private readonly JumpPlace* _jumps = (JumpPlace*)NativeMemory.AllocZeroed((nuint)Exits.Lookups, (nuint)sizeof(JumpPlace));
    private readonly Target* _targets = (Target*)NativeMemory.AllocZeroed(Targets.Count, (nuint)sizeof(Target));
    private readonly List<Exit> _exits = [];
    private readonly List<Link> _links = [];
    private readonly Dictionary<nint, long> _filled = []; // when each op's slot has last been filled 65536 times
    private GCHandle _handle;
    private Exception? _failure;

    public TranslatedCode(Cpu cpu, BlockCache cache, ColdBlocks cold, nint arena)
    {
        (_cpu, _cache, _cold, _memory) = (cpu, cache, cold, new CodeMemory(cpu.Accelerator.CodeBytes));
        (_logs, _chains) = (cpu.Accelerator.Execution is not null, cpu.Accelerator.Execution?.Chains ?? true);
        Statistics.Room = _memory.Length;
        _code = new Emitter(_memory.WriteAddress, _memory.Length);
        _stubs = new Stubs(_code, new Callbacks((nint)(delegate* unmanaged<nint, Op*, nint>)&Interpret,
            (nint)(delegate* unmanaged<nint, Op*, nint>)&InterpretX87, (nint)(delegate* unmanaged<nint, Op*, nint>)&InterpretLast,
            (nint)(delegate* unmanaged<nint, Op*, nint>)&InterpretAlone, (nint)(delegate* unmanaged<nint, Op*, nint>)&InterpretWandering, (nint)(delegate* unmanaged<nint, Op*, nint>)&StartX87,
            (nint)(delegate* unmanaged<nint, ulong>)&ReadTime));
        _firstBlock = _code.Position;
        var makers = (nint*)(cpu.FrameAddress + FrameOffset.FlagMakers);
        for (var recipe = 0; recipe < FlagSource.Recipes; recipe++) makers[recipe] = _memory.RunAddress + _stubs.FlagMakers[recipe];
        nint ticks = _memory.RunAddress + _stubs.ReadTicks;
        if (cpu.Bus.TimeFlows) cpu.TickClock = new TickClock(cpu, () => ((delegate* unmanaged<ulong>)ticks)());
        _translator = new BlockTranslator(_code, _stubs, arena);
        _handle = GCHandle.Alloc(this);
        ref FrameHead head = ref cpu.Head;
        (head.Handle, head.Arena, head.JumpTable, head.Targets) = (GCHandle.ToIntPtr(_handle), arena, (nint)_jumps, (nint)_targets);
    }

    public Statistics Statistics { get; } = new(HandlerTable.Codes);

    /// <summary>To be changed only when there is no translation.</summary>
    public TranslationKind Kind { get; set; }

    /// <summary>The longest block still fits.</summary>
    public bool HasRoom => _code.Room >= BlockTranslator.MaxBytes;

    /// <summary>The block can run as translated code.</summary>
    public bool CanRun(Block* block) => CanRunMode && FitsSegment(block) && (!block->NeedsX87 || HostX87.CanHold(in _cpu.State));

    /// <summary>Floating-point exceptions are masked, so that the host's are.</summary>
    private bool CanRunMode => (_cpu.State.Mxcsr & MaskedExceptions) == MaskedExceptions;

    public void Translate(Block* block)
    {
        int number = _exits.Count + 1;
        if (!_translator.Translate(block, Kind, _exits, number))
        {
            block->Runs = int.MinValue;
            return;
        }

        Statistics.Count(block->Count, block->Length, _code.Position - block->Entry, block->SecondPage != 0, _exits.Count - number + 1, _translator.HasTurns);
        Statistics.Used = _code.Position;
        ulong linear = _cpu.LinearIp;
        (block->Linear, block->HostLength) = (linear, _code.Position - block->Entry);
        if (_cpu.Accelerator.Execution is { } log && log.ShowsHostCode(linear))
        {
            var at = (ulong)(_memory.RunAddress + block->Entry);
            log.Translated(linear, at, _code.From(block->Entry), _translator.Marks, address => _stubs.NameOf((long)address - _memory.RunAddress));
        }

        nint page = block->Host & ~0xFFF;
        for (int i = number - 1; i < _exits.Count; i++) _links.Add(new Link((nint)block, page + _exits[i].Target, 0, Linked: false));
    }

    /// <summary>Runs a translated block at the processor's RIP, and all that follows as long as it is translated too.</summary>
    public Step Run(Block* block, ref long budget)
    {
        ref FrameHead head = ref _cpu.Head;
        ref CpuState state = ref _cpu.State;
        if (_chains && head.LastExit != 0) LinkTo(block, head.LastExit);
        var place = (int)(block->Host & 0xFFF);
        head.PageIp = Clip(state.Rip - (ulong)place);
        if (_chains) Remember(block);
        Statistics.Entries++;
        (head.Budget, head.LastExit, head.Flags, head.FlagRecipe) = (budget, 0, Pack(_cpu.Flags.Value), 0);
        int result = ((delegate* unmanaged<nint, nint, int>)(_memory.RunAddress + _stubs.Enter))(_cpu.FrameAddress, _memory.RunAddress + block->Entry);
        budget = head.Budget;
        TakeX87();
        _cpu.Flags.Value = Unpack(head.Flags);
        if (result == Failed) throw new InvalidOperationException("an instruction failed", _failure);
        return result == Faulted ? Step.Fault : Step.Leave;
    }

    /// <summary>The block's code has changed: nothing goes there any more. It may be running, and what jumped to it may be gone too.</summary>
    public void Unlink(Block* block)
    {
        TakeLinksBack(block);
        _code.JumpFrom(block->Entry, block->StartStub);
        ref Target target = ref _targets[Targets.IndexOf(block->Host)];
        if (target.Key == Targets.KeyOf(block->Host, block->Mode)) target = default;
        Statistics.Invalidations++;
    }

    private void TakeLinksBack(Block* block)
    {
        Span<Link> links = CollectionsMarshal.AsSpan(_links);
        for (int number = block->Incoming; number != 0; number = links[number - 1].NextIncoming)
        {
            links[number - 1].Linked = false;
            if (((Block*)links[number - 1].Block)->Dead) continue; // a jump may replace this one
            Exit exit = _exits[number - 1];
            _code.PointAt(exit.First, exit.FirstStub);
            if (exit.Second != 0) _code.PointAt(exit.Second, exit.SecondStub);
        }
    }

    public void Clear()
    {
        _code.Position = _firstBlock;
        Statistics.Forget(_firstBlock);
        _cpu.ClearFarSlots(_translator.FarSlots);
        _translator.Clear();
        _exits.Clear();
        _links.Clear();
        _filled.Clear();
        _cpu.Head.LastExit = 0;
        NativeMemory.Clear(_jumps, (nuint)(Exits.Lookups * sizeof(JumpPlace)));
        NativeMemory.Clear(_targets, (nuint)(Targets.Count * sizeof(Target)));
    }

    public void Dispose()
    {
        NativeMemory.Free(_jumps);
        NativeMemory.Free(_targets);
        _memory.Dispose();
        _handle.Free();
    }

    /// <summary>What generated code calls for an instruction that it does not do itself.</summary>
    [UnmanagedCallersOnly]
    private static nint Interpret(nint frame, Op* op) => Of(frame).TryInterpret(op);

    /// <summary>The same in the middle of x87 instructions.</summary>
    [UnmanagedCallersOnly]
    private static nint InterpretX87(nint frame, Op* op)
    {
        TranslatedCode code = Of(frame);
        nint result = code.TryInterpret(op);
        return result != Continue ? result : code.GiveX87() ? Continue : code.Leave(op, op->NextOffset, op->Number + 1);
    }

    /// <summary>The same, when the rest of the block may rely on what no longer holds.</summary>
    [UnmanagedCallersOnly]
    private static nint InterpretLast(nint frame, Op* op) => Of(frame).InterpretAndGoOn(op);

    /// <summary>The same, when a check failed that looked for more than the instruction's own bytes.</summary>
    [UnmanagedCallersOnly]
    private static nint InterpretAlone(nint frame, Op* op)
    {
        TranslatedCode code = Of(frame);
        code.CheckLess((Block*)(op - op->Number) - 1);
        return code.InterpretAndGoOn(op);
    }

    /// <summary>The same, when the slot of the instruction's access has been filled 65536 times.</summary>
    [UnmanagedCallersOnly]
    private static nint InterpretWandering(nint frame, Op* op)
    {
        TranslatedCode code = Of(frame);
        code.NoteWandering((Block*)(op - op->Number) - 1, op);
        return code.InterpretAndGoOn(op);
    }

    /// <summary>What generated code calls before it uses the host's x87 unit.</summary>
    [UnmanagedCallersOnly]
    private static nint StartX87(nint frame, Op* op)
    {
        TranslatedCode code = Of(frame);
        return code.GiveX87() ? Continue : code.Leave(op, op->Offset, op->Number);
    }

    /// <summary>What generated code calls for RDTSC.</summary>
    [UnmanagedCallersOnly]
    private static ulong ReadTime(nint frame) => Of(frame)._cpu.TimeStamp;

    private static TranslatedCode Of(nint frame) => (TranslatedCode)GCHandle.FromIntPtr(((FrameHead*)frame - 1)->Handle).Target!;

    private nint TryInterpret(Op* op)
    {
        try
        {
            return Interpret(op);
        }
        catch (Exception failure) // it must not pass through generated code
        {
            _failure = failure;
            return Failed;
        }
    }

    private nint Interpret(Op* op)
    {
        ref FrameHead head = ref _cpu.Head;
        ref CpuState state = ref _cpu.State;
        TakeX87();
        Block* block = (Block*)(op - op->Number) - 1;
        _cpu.Flags.Value = Unpack(head.Flags);
        state.Rip = _cpu.BlockIp = Clip(head.PageIp + (ulong)(block->Host & 0xFFF));
        Statistics.Interpreted(op->Code);
        block->Interpreted++;
        Step step = HandlerTable.Call(_cpu, in *op);
        head.Flags = Pack(_cpu.Flags.Value);
        bool unchanged = !block->Dead && _cpu.BlockMode == block->Mode && (state.Mxcsr & MaskedExceptions) == MaskedExceptions;
        if (step == Step.Next && unchanged && !_cpu.Attention) return Continue;
        if (step == Step.Next) state.Rip = Clip(_cpu.BlockIp + op->NextOffset);
        else if (step != Step.Leave) state.Rip = Clip(_cpu.BlockIp + op->Offset);
        int done = op->Number + (step is Step.Next or Step.Leave ? 1 : 0);
        if (Kind.Counts) head.Budget += block->Count - done;
        return step == Step.Fault ? Faulted : step == Step.Stop ? Left : GoOn();
    }

    /// <summary>The address of the code for the instruction at RIP, if it can run at once. Blocks that are not warm yet are interpreted on the way there.</summary>
    private nint GoOn()
    {
        ref FrameHead head = ref _cpu.Head;
        _cold.Forget();
        while (_chains && !_cpu.Attention && CanRunMode && !_cpu.StepsOne && !_cpu.Debugger.HasBreakpoints && !(Kind.Counts && head.Budget <= 0))
        {
            ulong ip = _cpu.State.Rip, linear = _cpu.LinearIp;
            JumpPlace* place = _jumps + Exits.LookupIndex(linear);
            if (place->Linear == linear && place->Key == head.Key)
            {
                head.PageIp = Clip(ip - (linear & PageMask));
                return place->Code;
            }

            Block* block = _cache.Find();
            if (block == null) return Faulted;
            if (block->NeedsX87) return Left;
            if (block->Entry != 0)
            {
                head.PageIp = Clip(ip - (linear & PageMask));
                Remember(block);
                return _memory.RunAddress + block->Entry;
            }

            if (_logs || block->Host == 0 || block->Count > head.Budget || !_cpu.FitsCode(block->Length) || _cold.IsWarm(block)) return Left;
            block->Runs++;
            _cold.Note(block);
            Step step = _cold.Run(block, ref head.Budget);
            head.Flags = Pack(_cpu.Flags.Value);
            if (step == Step.Fault) return Faulted;
        }

        return Left;
    }

    /// <summary>What follows is sought as a block of its own in any case.</summary>
    private nint InterpretAndGoOn(Op* op)
    {
        nint result = TryInterpret(op);
        return result == Continue ? GoOnBehind(op) : result;
    }

    private nint GoOnBehind(Op* op)
    {
        Leave(op, op->NextOffset, op->Number + 1);
        try
        {
            return GoOn();
        }
        catch (Exception failure)
        {
            _failure = failure;
            return Failed;
        }
    }

    /// <summary>A block whose accesses lie across a page's end again and again is translated anew, with each checked by itself.</summary>
    private void CheckLess(Block* block)
    {
        const int often = 32;
        if (block->Dead || block->ChecksAlone || ++block->FailedChecks < often) return;
        block->ChecksAlone = true;
        TranslateAnew(block);
    }

    /// <summary>An access whose slot is filled so often that it can have served few others in between goes to the TLB at once.</summary>
    private void NoteWandering(Block* block, Op* op)
    {
        long now = Stopwatch.GetTimestamp();
        bool wanders = _filled.TryGetValue((nint)op, out long before) && Stopwatch.GetElapsedTime(before, now) < ShortFor65536;
        _filled[(nint)op] = now;
        if (!wanders || block->Dead) return;
        op->Flags |= OpFlags.Wanders;
        TranslateAnew(block);
    }

    private void TranslateAnew(Block* block)
    {
        TakeLinksBack(block);
        (block->Entry, block->Incoming) = (0, 0);
        _cpu.ClearFarSlots(_translator.FarSlots);
        NativeMemory.Clear(_jumps, (nuint)(Exits.Lookups * sizeof(JumpPlace)));
        NativeMemory.Clear(_targets, (nuint)(Targets.Count * sizeof(Target)));
    }

    /// <summary>Leaves a block before it has ended, with RIP so many bytes from its start.</summary>
    private nint Leave(Op* op, int offset, int done)
    {
        ref FrameHead head = ref _cpu.Head;
        Block* block = (Block*)(op - op->Number) - 1;
        _cpu.State.Rip = Clip(head.PageIp + (ulong)((block->Host & 0xFFF) + offset));
        if (Kind.Counts) head.Budget += block->Count - done;
        return Left;
    }

    /// <summary>The x87 registers are to go to the host's unit; false when they have to stay.</summary>
    private bool GiveX87()
    {
        if (!HostX87.CanHold(in _cpu.State)) return false;
        _cpu.HostX87.Fill(in _cpu.State);
        return true;
    }

    /// <summary>The x87 registers come back from generated code.</summary>
    private void TakeX87()
    {
        ref FrameHead head = ref _cpu.Head;
        if (head.X87Place == X87Place.State) return;
        _cpu.HostX87.Store(ref _cpu.State);
        head.X87Place = X87Place.State;
    }

    /// <summary>So that the next jump leads to the block without leaving.</summary>
    private void LinkTo(Block* block, int number)
    {
        ref Link link = ref CollectionsMarshal.AsSpan(_links)[number - 1];
        var from = (Block*)link.Block;
        from->Exits++;
        if (link.Linked || from->Dead || block->Host != link.Host || block->Mode != from->Mode) return;
        Exit exit = _exits[number - 1];
        if (block->SecondPage != 0) // which is another one when the page tables have changed
        {
            _code.PointAt(exit.Leave, _stubs.LookUp((from->Mode & (BlockMode.Code64 | BlockMode.FlatCode)) == 0));
            return;
        }

        _code.PointAt(exit.First, exit.Second != 0 && block->NeedsFlags ? exit.FirstStub : block->Entry);
        if (exit.Second != 0) _code.PointAt(exit.Second, block->Entry);
        link.Linked = true; // and may leave again, when something is to be looked at
        link.NextIncoming = block->Incoming;
        block->Incoming = number;
    }

    /// <summary>So that the next indirect jump finds the block, which is at the processor's RIP.</summary>
    private void Remember(Block* block)
    {
        ulong linear = _cpu.LinearIp;
        JumpPlace* place = _jumps + Exits.LookupIndex(linear);
        nint code = _memory.RunAddress + block->Entry;
        *place = new JumpPlace { Linear = linear, Key = _cpu.Head.Key, Code = code, Page = linear & ~PageMask };
        if (block->SecondPage == 0) _targets[Targets.IndexOf(block->Host)] = new Target { Key = Targets.KeyOf(block->Host, block->Mode), Code = code };
    }

    /// <summary>The block, and where it jumps to in its page, are in the code segment: its translation leaves at once if not.</summary>
    private bool FitsSegment(Block* block)
    {
        if ((block->Mode & (BlockMode.Code64 | BlockMode.FlatCode)) != 0) return true;
        return (uint)(_cpu.State.Rip + (ulong)block->CodeFrom) + (long)(block->CodeTo - block->CodeFrom - 1) <= (long)_cpu.Head.CodeLimit;
    }

    private ulong Clip(ulong ip) => _cpu.Code64 ? ip : (uint)ip;

    /// <summary>As SETO and LAHF give them.</summary>
    private static ulong Pack(uint flags) => (flags >> 11 & 1) | ((flags & Rflags.Status & ~Rflags.Overflow) | Rflags.One) << 8;

    private static uint Unpack(ulong flags) => (uint)(flags & 1) << 11 | ((uint)(flags >> 8) & Rflags.Status & ~Rflags.Overflow);

    [StructLayout(LayoutKind.Sequential)]
    private struct JumpPlace
    {
        public ulong Linear, Key;
        public nint Code;
        public ulong Page;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Target
    {
        public ulong Key;
        public nint Code;
    }

    /// <param name="Block">What the jump is in.</param>
    /// <param name="Host">What it leads to.</param>
    /// <param name="NextIncoming">The number of the next jump that is linked to the same block.</param>
    /// <param name="Linked">It leads there now.</param>
    private record struct Link(nint Block, nint Host, int NextIncoming, bool Linked);
}
