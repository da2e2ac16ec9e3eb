using Rhea.Core.Cpu;
using Rhea.SoftCpu.CodeCache;
using Rhea.SoftCpu.Translator;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>The inner loop: finds a block, runs its ops, finds the next.</summary>
/// <remarks>UNSAFE: reads blocks in the cache's memory. SAFETY: only the cache makes these pointers.</remarks>
internal sealed unsafe class Engine : IDisposable
{
    private const long Endless = long.MaxValue / 2; // what is left of a budget that nobody set

    private readonly Cpu _cpu;
    private readonly ColdBlocks _cold;
    private readonly TranslatedCode? _translated;
    private readonly ExecutionLog? _log;

    /// <param name="cpu">Whose instructions are run.</param>
    /// <param name="warmth">How often a block is interpreted before it is translated; negative: always.</param>
    public Engine(Cpu cpu, int warmth)
    {
        (_cpu, _cold, _log) = (cpu, new ColdBlocks(cpu, warmth), cpu.Accelerator.Execution);
        Cache = new BlockCache(cpu);
        if (warmth >= 0) _translated = Cache.StartTranslating(_cold);
    }

    public BlockCache Cache { get; }

    public string? TranslatorReport => _translated is null ? null : _translated.Statistics + Cache.HotBlocks();

    /// <summary>Runs until something needs attention (<see cref="Step.Stop"/>), the budget is spent, or a fault, with RIP at it.</summary>
    public Step Run(ref long budget)
    {
        if (_cpu.StepsOne) return RunOne(ref budget);
        if (_translated != null) SetKind(new TranslationKind(Counts: budget < Endless, _cpu.Accelerator.HasSeveral, _cpu.Accelerator.TakesTurns, _log?.Chains ?? true, _log?.CountsBlocks ?? false));
        while (budget > 0)
        {
            Block* block = Cache.Find();
            if (block == null) return Step.Fault;
            if (block->Count > budget || !_cpu.FitsCode(block->Length) || _cpu.Debugger.StopsWithin(block->Length)) return RunOne(ref budget);
            if (_cpu.Debugger.StopsHere()) return Step.Stop;

            if (_translated != null && !_translated.HasRoom)
            {
                Cache.Clear();
                continue;
            }

            _log?.Entering(_cpu, (nint)block);
            _cold.Note(block);
            Step step = IsTranslated(block) ? _translated!.Run(block, ref budget) : _cold.Run(block, ref budget);
            if (step == Step.Fault) return Step.Fault;
            if (_cpu.Attention) return Step.Stop;
        }

        return Step.Stop;
    }

    public void Dispose() => Cache.Dispose();

    /// <summary>The block has a translation that can run now. Warm blocks get one.</summary>
    private bool IsTranslated(Block* block)
    {
        if (_translated == null || !_translated.CanRun(block) || _cpu.Debugger.HasBreakpoints) return false;
        if (block->Entry == 0 && block->Host != 0)
        {
            if (_cold.IsWarm(block)) _translated.Translate(block);
            block->Runs++;
        }

        return block->Entry != 0;
    }

    private void SetKind(TranslationKind kind)
    {
        if (_translated!.Kind == kind) return;
        Cache.Clear();
        _translated.Kind = kind;
    }

    /// <summary>Exactly one instruction: at the end of a budget, in an interrupt shadow, when single-stepping, at a segment's limit.</summary>
    private Step RunOne(ref long budget)
    {
        if (_cpu.Debugger.StopsHere()) return Step.Stop;
        _cpu.BeginStep();
        if (_cpu.Breakpoints.HitsInstruction()) return Step.Fault;
        Block* block = Cache.Find();
        if (block == null) return Step.Fault;
        ref CpuState state = ref _cpu.State;
        Op* op = Block.Ops(block);
        if (!_cpu.FitsCode(op->NextOffset)) return _cpu.Fault(ExceptionVector.GeneralProtection);
        _cpu.BlockIp = state.Rip;
        _log?.Entering(_cpu, (nint)block);
        Step step = HandlerTable.Call(_cpu, in *op);
        if (step == Step.Fault) return step;
        if (step == Step.Next) state.Rip = Clip(_cpu.BlockIp + op->NextOffset);
        if (step != Step.Stop) budget--;
        _cpu.EndStep();
        return Step.Stop;
    }

    private ulong Clip(ulong ip) => _cpu.Code64 ? ip : (uint)ip;
}
