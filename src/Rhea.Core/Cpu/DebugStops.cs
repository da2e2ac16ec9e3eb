namespace Rhea.Core.Cpu;

/// <summary>Where a debugger outside the guest stops a processor. The guest cannot see any of it.</summary>
/// <param name="Breakpoints">Linear addresses of instructions: it stops before them.</param>
/// <param name="Watchpoints">It stops after the instruction that touches one of them.</param>
/// <param name="SingleStep">It stops after each instruction, and no interrupt is delivered meanwhile.</param>
public sealed record DebugStops(IReadOnlyCollection<ulong> Breakpoints, IReadOnlyCollection<Watchpoint> Watchpoints, bool SingleStep)
{
    public static DebugStops None { get; } = new([], [], SingleStep: false);
}

/// <summary>Bytes of linear memory, and which accesses to them count.</summary>
public readonly record struct Watchpoint(ulong Address, ulong Length, bool OnRead, bool OnWrite);

/// <summary>What stopped a processor: an instruction's address, or the watchpoint's; neither after a single step.</summary>
public readonly record struct DebugHit(ulong? Breakpoint, Watchpoint? Watchpoint);
