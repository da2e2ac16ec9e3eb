using Rhea.Core.State;

namespace Rhea.Core.Cpu;

/// <summary>The 8254 in canonical form: three counters.</summary>
public sealed class I8254Registers() : ChipRegisters(new StructType("i8254", 3, Oldest: 2), 0)
{
    private static readonly StructType ChannelType = new("pit channel", 2);

    public readonly I8254Channel[] Channels = new I8254Channel[3];

    /// <summary>Counter 0 is cut off from IRQ 0, because an HPET took it over.</summary>
    public uint IrqDisabled;

    public override void Reset()
    {
        for (var i = 0; i < Channels.Length; i++)
            Channels[i] = new I8254Channel { Count = 0x1_0000, Mode = 3, Gate = i == 2 ? (byte)0 : (byte)1, NextTransition = -1 };
        IrqDisabled = 0;
    }

    public override void Visit(StateVisitor state)
    {
        if (state.Version >= 3) state.UInt32("channels[0].irq_disabled", ref IrqDisabled);
        state.Structs<I8254Channel>("channels", ChannelType, Channels, (ref I8254Channel channel, StateVisitor inner) => channel.Visit(inner));
        state.Int64("channels[0].next_transition_time", ref Channels[0].NextTransition);
    }
}

/// <summary>One counter of the 8254.</summary>
public struct I8254Channel : IState
{
    /// <summary>The initial count, 1 to 65536.</summary>
    public int Count;

    public ushort LatchedCount;

    /// <summary>Bytes of the latched count still to be read, as <see cref="RwMode"/>; 0 when none is latched.</summary>
    public byte CountLatched;

    public byte StatusLatched, Status;

    /// <summary>Which byte comes next: 1 low only, 2 high only, 3 low then high, 4 the high one of these.</summary>
    public byte ReadState, WriteState;

    public byte WriteLatch, RwMode, Mode, Bcd, Gate;

    /// <summary>Guest time in nanoseconds when the count was loaded, and of the output's next change, -1 for never.</summary>
    public long CountLoadTime, NextTransition;

    public void Visit(StateVisitor state)
    {
        state.Int32("count", ref Count);
        state.Demand(Count is > 0 and <= 0x1_0000, $"count is {Count}, a counter counts from 1 to 65536");
        state.UInt16("latched_count", ref LatchedCount);
        state.UInt8("count_latched", ref CountLatched);
        state.UInt8("status_latched", ref StatusLatched);
        state.UInt8("status", ref Status);
        state.UInt8("read_state", ref ReadState);
        state.UInt8("write_state", ref WriteState);
        state.UInt8("write_latch", ref WriteLatch);
        state.UInt8("rw_mode", ref RwMode);
        state.UInt8("mode", ref Mode);
        state.Demand(Mode <= 7, $"mode is {Mode}, a counter has 8");
        state.UInt8("bcd", ref Bcd);
        state.UInt8("gate", ref Gate);
        state.Int64("count_load_time", ref CountLoadTime);
        state.Int64("next_transition_time", ref NextTransition);
    }
}
