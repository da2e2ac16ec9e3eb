using Rhea.Core.Cpu;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Stops the processor where a debugger outside the guest wants it to. The debug registers stay the guest's own.</summary>
/// <remarks>With breakpoints every block is looked at before it runs; with watchpoints and steps every instruction is.</remarks>
internal sealed class Debugger(Cpu cpu)
{
    private ulong[] _breakpoints = [];
    private Watchpoint[] _watchpoints = [];
    private ulong? _passes; // the breakpoint that the processor stands at and passes when it goes on

    public DebugStops Stops
    {
        get;
        set
        {
            field = value;
            (_breakpoints, _watchpoints) = ([.. value.Breakpoints], [.. value.Watchpoints]);
            cpu.Breakpoints.Update();
        }
    } = DebugStops.None;

    /// <summary>What it has stopped for, until it runs again.</summary>
    public DebugHit? Hit { get; private set; }

    public bool HasBreakpoints => _breakpoints.Length != 0;

    public bool HasWatchpoints => _watchpoints.Length != 0;

    public bool StepsOne => Stops.SingleStep || HasWatchpoints;

    /// <summary>The processor goes on: from a breakpoint it starts with the instruction there.</summary>
    public void Resume()
    {
        if (Hit is not null) _passes = cpu.LinearIp;
        Hit = null;
    }

    /// <summary>Whether there is a breakpoint at the next instruction. Then the processor is to stop.</summary>
    public bool StopsHere()
    {
        if (!HasBreakpoints) return false;
        ulong linear = cpu.LinearIp;
        bool passes = linear == _passes;
        _passes = null;
        if (passes || !_breakpoints.Contains(linear)) return false;
        Report(new DebugHit(linear, null));
        return true;
    }

    /// <summary>Whether there is one further on in a block of so many bytes that begins here.</summary>
    public bool StopsWithin(int length)
    {
        if (!HasBreakpoints) return false;
        ulong linear = cpu.LinearIp;
        foreach (ulong breakpoint in _breakpoints)
            if (breakpoint - linear - 1 < (ulong)length - 1) return true;
        return false;
    }

    public void OnAccess(ulong linear, int size, bool write)
    {
        foreach (Watchpoint watch in _watchpoints)
        {
            if ((write ? watch.OnWrite : watch.OnRead) && linear < watch.Address + watch.Length && watch.Address < linear + (ulong)size) Report(new DebugHit(null, watch));
        }
    }

    /// <summary>After a single step.</summary>
    public void OnStep() => Hit ??= new DebugHit(null, null);

    private void Report(DebugHit hit)
    {
        Hit = hit;
        cpu.Attention = true;
    }
}
