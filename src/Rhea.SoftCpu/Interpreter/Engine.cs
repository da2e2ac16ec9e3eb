using Rhea.Core.Cpu;
using Rhea.SoftCpu.CodeCache;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>The inner loop: finds a block, runs its ops, finds the next.</summary>
/// <remarks>UNSAFE: follows ops through the cache's memory and calls their handlers. SAFETY: every block ends in an op that stops.</remarks>
internal sealed unsafe class Engine(Cpu cpu) : IDisposable
{
    public BlockCache Cache { get; } = new(cpu);

    public long Retired { get; private set; }

    /// <summary>Runs until something needs attention (<see cref="Step.Stop"/>), the budget is spent, or a fault, with RIP at it.</summary>
    public Step Run(ref long budget)
    {
        long start = budget;
        Step step = RunBlocks(ref budget);
        Retired += start - budget;
        return step;
    }

    public void Dispose() => Cache.Dispose();

    private Step RunBlocks(ref long budget)
    {
        if (cpu.StepsOne) return RunOne(ref budget);
        while (budget > 0)
        {
            Block* block = Cache.Find();
            if (block == null) return Step.Fault;
            if (block->Count > budget || !FitsSegment(block)) return RunOne(ref budget);
            cpu.BlockIp = cpu.State.Rip;
            Op* op = Block.Ops(block);
            Step step;
            while ((step = ((delegate*<Cpu, in Op, Step>)op->Handler)(cpu, in *op)) == Step.Next) op++;
            budget -= op->Number;
            if (step == Step.Leave) budget--;
            else cpu.State.Rip = Clip(cpu.BlockIp + op->Offset);
            if (step == Step.Fault) return Step.Fault;
            if (cpu.Attention) return Step.Stop;
        }

        return Step.Stop;
    }

    /// <summary>Exactly one instruction: at the end of a budget, in an interrupt shadow, when single-stepping, at a segment's limit.</summary>
    private Step RunOne(ref long budget)
    {
        bool traps = cpu.BeginStep();
        if (cpu.Breakpoints.HitsInstruction()) return Step.Fault;
        Block* block = Cache.Find();
        if (block == null) return Step.Fault;
        ref CpuState state = ref cpu.State;
        Op* op = Block.Ops(block);
        if (!cpu.Code64 && state.Rip + op->NextOffset - 1 > state.Segments[(int)SegmentRegister.Cs].Limit) return cpu.Fault(ExceptionVector.GeneralProtection);
        cpu.BlockIp = state.Rip;
        Step step = HandlerTable.Call(cpu, in *op);
        if (step == Step.Fault) return step;
        if (step == Step.Next) state.Rip = Clip(cpu.BlockIp + op->NextOffset);
        if (step != Step.Stop) budget--;
        cpu.EndStep(traps);
        return Step.Stop;
    }

    private bool FitsSegment(Block* block) =>
        cpu.Code64 || cpu.State.Rip + (ulong)block->Length - 1 <= cpu.State.Segments[(int)SegmentRegister.Cs].Limit;

    private ulong Clip(ulong ip) => cpu.Code64 ? ip : (uint)ip;
}
