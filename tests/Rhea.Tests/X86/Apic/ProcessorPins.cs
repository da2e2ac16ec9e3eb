using Rhea.Core.Cpu;

namespace Rhea.Tests.X86.Apic;

/// <summary>A processor that runs nothing and shows what reached its pins.</summary>
internal sealed class ProcessorPins : IVcpu
{
    public bool Intr { get; private set; }

    /// <summary>"Nmi", "Init", "StartUp 9a", in order.</summary>
    public List<string> Signals { get; } = [];

    public void SetIntr(bool level) => Intr = level;

    public void Signal(CpuSignal signal, byte vector) => Signals.Add(signal == CpuSignal.StartUp ? $"{signal} {vector:x2}" : $"{signal}");

    public Span<ulong> General => throw new NotSupportedException();

    public VcpuStop Run(long budget) => VcpuStop.Kicked;

    public void Sleep()
    {
    }

    public void Kick()
    {
    }

    public void SetA20(bool open)
    {
    }

    public void Read(CpuRegisters into)
    {
    }

    public void Write(CpuRegisters from)
    {
    }

    public DebugStops DebugStops { get; set; } = DebugStops.None;

    public DebugHit? DebugHit => null;

    public bool TryTranslate(ulong linear, out ulong physical)
    {
        physical = linear;
        return true;
    }

    public void Dispose()
    {
    }
}
