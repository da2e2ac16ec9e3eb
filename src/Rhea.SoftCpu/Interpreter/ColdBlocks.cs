using Rhea.SoftCpu.CodeCache;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Interprets blocks, and counts how often, so that those that are warm get a translation.</summary>
/// <remarks>UNSAFE: follows ops through the cache's memory and calls their handlers. SAFETY: every block ends in an op that stops.</remarks>
internal sealed unsafe class ColdBlocks(Cpu cpu, int warmth)
{
    private Block* _last; // that ran

    /// <summary>It has been interpreted often enough. Where code changes again and again, that is later.</summary>
    public bool IsWarm(Block* block) => block->Runs >= warmth << block->Deaths;

    /// <summary>A block runs, translated or not. One that follows itself is a loop.</summary>
    public void Note(Block* block)
    {
        if (block == _last) block->Turns++;
        _last = block;
    }

    /// <summary>Other code has run since.</summary>
    public void Forget() => _last = null;

    /// <summary>Runs it from its first op.</summary>
    public Step Run(Block* block, ref long budget)
    {
        cpu.BlockIp = cpu.State.Rip;
        Op* op = Block.Ops(block);
        Step step;
        while ((step = HandlerTable.Call(cpu, in *op)) == Step.Next) op++;
        budget -= op->Number;
        if (step == Step.Leave) budget--;
        else cpu.State.Rip = cpu.Code64 ? cpu.BlockIp + op->Offset : (uint)(cpu.BlockIp + op->Offset);
        return step;
    }
}
