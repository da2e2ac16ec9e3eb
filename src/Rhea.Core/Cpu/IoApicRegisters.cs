using Rhea.Core.State;

namespace Rhea.Core.Cpu;

/// <summary>The I/O APIC in canonical form.</summary>
public sealed class IoApicRegisters() : ChipRegisters(new StructType("ioapic", 3, Oldest: 1), 0)
{
    public const int Pins = 24;

    public byte Id, Select;

    /// <summary>A bit a pin: an edge not sent yet, or the level of a level-triggered input.</summary>
    public uint Request;

    public readonly ulong[] Redirection = new ulong[Pins];

    public override void Reset()
    {
        (Id, Select, Request) = (0, 0, 0);
        Array.Fill(Redirection, 0x1_0000UL);
    }

    public override void Visit(StateVisitor state)
    {
        state.UInt8("id", ref Id);
        state.UInt8("ioregsel", ref Select);
        state.Unused("unused", 8);
        state.UInt32("irr", ref Request);
        state.UInt64("ioredtbl", Redirection);
    }
}
