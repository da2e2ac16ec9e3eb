using Rhea.Core.State;

namespace Rhea.Core.Cpu;

/// <summary>The high precision event timer in canonical form.</summary>
public sealed class HpetRegisters() : ChipRegisters(new StructType("hpet", 2, Oldest: 1), 0)
{
    private static readonly StructType TimerType = new("hpet_timer", 1);

    /// <summary>General configuration, general interrupt status, and the main counter of a stopped or saved timer block.</summary>
    public ulong Configuration, Status, Counter;

    /// <summary>Added to guest time in nanoseconds it gives the time that the running counter shows.</summary>
    public long Offset;

    /// <summary>The level of the RTC's interrupt while it is cut off.</summary>
    public byte RtcLevel;

    public readonly HpetTimer[] Timers = new HpetTimer[3];

    public bool Running => (Configuration & 1) != 0;

    public override void Reset()
    {
        (Configuration, Status, Counter, Offset, RtcLevel) = (0, 0, 0, 0, 0);
        for (var i = 0; i < Timers.Length; i++) Timers[i] = new HpetTimer { Number = (byte)i, Comparator = ulong.MaxValue, Deadline = -1 };
    }

    public override void Visit(StateVisitor state)
    {
        state.UInt64("config", ref Configuration);
        state.UInt64("isr", ref Status);
        state.UInt64("hpet_counter", ref Counter);
        byte timers = (byte)Timers.Length;
        state.UInt8("num_timers", ref timers);
        state.Demand(timers == Timers.Length, $"the HPET had {timers} timers, here it has {Timers.Length}");
        state.Structs<HpetTimer>("timer", TimerType, Timers, (ref HpetTimer timer, StateVisitor inner) => timer.Visit(inner));
        if (state.Loading) RtcLevel = 0;
        state.Subsection("hpet/rtc_irq_level", 1, RtcLevel != 0, inner => inner.UInt8("rtc_irq_level", ref RtcLevel));
        var offset = (ulong)Offset;
        state.Subsection("hpet/offset", 1, Running, inner => inner.UInt64("hpet_offset", ref offset));
        Offset = (long)offset;
    }
}

/// <summary>One comparator of the HPET.</summary>
public struct HpetTimer : IState
{
    public byte Number;
    public ulong Configuration, Comparator, FsbRoute, Period;

    /// <summary>QEMU's own: its timer is armed for the wrap of a 32-bit counter.</summary>
    public byte Wraps;

    /// <summary>Guest time in nanoseconds when it fires next, -1 for never.</summary>
    public long Deadline;

    public void Visit(StateVisitor state)
    {
        state.UInt8("tn", ref Number);
        state.UInt64("config", ref Configuration);
        state.UInt64("cmp", ref Comparator);
        state.UInt64("fsb", ref FsbRoute);
        state.UInt64("period", ref Period);
        state.UInt8("wrap_flag", ref Wraps);
        state.Timer("qemu_timer", ref Deadline);
    }
}
