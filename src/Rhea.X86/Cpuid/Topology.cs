using System.Numerics;
using Rhea.Core.Config;

namespace Rhea.X86.Cpuid;

/// <summary>A processor's place: thread, core, die, socket, and the APIC id that spells it out in fields of whole bits.</summary>
public sealed class Topology
{
    /// <param name="smp">How many there are of each.</param>
    /// <param name="index">Which processor, threads counted first.</param>
    public Topology(SmpConfig smp, int index)
    {
        (Threads, Cores, Dies) = (smp.Threads, smp.Cores, smp.Dies);
        ThreadBits = Bits(Threads) + (smp.EvenApicIds ? 1 : 0);
        DieShift = ThreadBits + Bits(Cores);
        PackageBits = DieShift + Bits(Dies);
        Core = index / Threads % Cores;
        Die = index / LogicalPerDie % Dies;
        int thread = index % Threads, socket = index / (LogicalPerDie * Dies);
        if (smp.EvenApicIds) thread <<= 1;
        ApicId = thread | Core << ThreadBits | Die << DieShift | socket << PackageBits;
    }

    /// <summary>Of a core.</summary>
    public int Threads { get; }

    /// <summary>Of a die.</summary>
    public int Cores { get; }

    /// <summary>Of a socket.</summary>
    public int Dies { get; }

    /// <summary>Threads of all cores of a die: what older software takes for the whole processor.</summary>
    public int LogicalPerDie => Threads * Cores;

    /// <summary>The core's number in its die, and the die's in its socket.</summary>
    public int Core { get; }

    /// <inheritdoc cref="Core"/>
    public int Die { get; }

    /// <summary>How many bits of the APIC id number the threads of a core, of a die, and of a socket.</summary>
    public int ThreadBits { get; }

    /// <inheritdoc cref="ThreadBits"/>
    public int DieShift { get; }

    /// <inheritdoc cref="ThreadBits"/>
    public int PackageBits { get; }

    public int ApicId { get; }

    private static int Bits(int count) => count <= 1 ? 0 : BitOperations.Log2((uint)count - 1) + 1;
}
