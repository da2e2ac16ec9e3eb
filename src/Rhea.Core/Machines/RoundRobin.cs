using Rhea.Core.Cpu;

namespace Rhea.Core.Machines;

/// <summary>All processors take turns on the thread of the machine's loop, and the loop has its own between them (<c>thread=single</c>, <c>-icount</c>).</summary>
/// <remarks>
/// With an <see cref="InstructionClock"/> a run is the same each time: a turn ends at the deadline of the next timer, or when a
/// device starts work on the host, which is then waited for, so that everything happens between the same two instructions.
/// </remarks>
/// <param name="loop">The machine's.</param>
/// <param name="processors">All of the machine's.</param>
/// <param name="clock">Null where time is the host's.</param>
public sealed class RoundRobin(MachineLoop loop, IReadOnlyList<Processor> processors, InstructionClock? clock)
{
    private const long TurnLength = 100_000; // instructions

    private int _thread;
    private int _turn; // whose it is
    private long _left = TurnLength; // of it
    private Processor? _running;

    /// <summary>One processor's turn, or the rest of it; sleeps when none can run.</summary>
    public void Turn()
    {
        _thread = Environment.CurrentManagedThreadId;
        while (clock is not null && loop.Works) loop.Await();
        for (var idle = 0; idle < processors.Count; idle++)
        {
            if (Run(processors[_turn]))
            {
                loop.Attend();
                return;
            }

            Next();
        }

        loop.Turn();
    }

    /// <summary>Who asks is another thread than the processors'.</summary>
    internal bool IsForeign => Environment.CurrentManagedThreadId != _thread;

    /// <summary>Any thread: ends the turn of the processor that runs.</summary>
    internal void Interrupt() => Volatile.Read(ref _running)?.Vcpu.Kick();

    /// <summary>False when there was nothing to do for it.</summary>
    private bool Run(Processor processor)
    {
        if (!processor.MayRun) return false;
        long budget = clock?.InstructionsIn(loop.BeginTurn(), _left) ?? _left;
        Volatile.Write(ref _running, processor);
        VcpuStop stop = clock?.Run(processor.Vcpu, budget) ?? processor.Vcpu.Run(budget);
        Volatile.Write(ref _running, null);
        if (clock is not null) loop.EndTurn();
        long done = budget - processor.Vcpu.BudgetLeft;
        _left -= done;
        processor.Note(stop);
        if (stop == VcpuStop.Halted && done == 0) return false;
        if (stop is VcpuStop.Halted or VcpuStop.Yielded || _left <= 0) Next();
        return true;
    }

    private void Next()
    {
        _turn = (_turn + 1) % processors.Count;
        _left = TurnLength;
    }
}
