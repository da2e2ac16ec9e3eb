using Rhea.Core.State;

namespace Rhea.Core.Cpu;

/// <summary>KVM's paravirtual clock in canonical form: QEMU's section "kvmclock".</summary>
public sealed class KvmClockRegisters() : ChipRegisters(new StructType("kvmclock", 1), 0)
{
    /// <summary>Nanoseconds since the machine began.</summary>
    public ulong Clock;

    /// <summary>The kernel that saved it read it exactly.</summary>
    public bool Reliable;

    public override void Reset() => (Clock, Reliable) = (0, false);

    public override void Visit(StateVisitor state)
    {
        state.UInt64("clock", ref Clock);
        if (state.Loading) Reliable = false;
        state.Subsection("kvmclock/clock_is_reliable", 1, Reliable, inner => inner.UInt8("clock_is_reliable", ref Reliable));
    }
}
