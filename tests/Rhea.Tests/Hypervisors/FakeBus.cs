using Rhea.Core.Cpu;

namespace Rhea.Tests.Hypervisors;

/// <summary>Notes each access, or only counts them; reads give one value.</summary>
internal sealed class FakeBus : IMachineBus
{
    public ulong Value { get; set; }

    public List<string> Accesses { get; } = [];

    /// <summary>False where the accesses are too many to be noted.</summary>
    public bool Notes { get; init; } = true;

    public int Count { get; set; }

    /// <summary>Called when the port is written.</summary>
    public Action<ushort>? Written { get; set; }

    public ulong ApicPage => ulong.MaxValue;

    public byte TaskPriority { get; set; }

    public long Time => 0;

    public bool TimeFlows => false;

    public bool Answers(ushort port, int size) => true;

    public uint ReadPort(ushort port, int size)
    {
        if (Notes) Accesses.Add($"in {port:x}.{size}");
        Count++;
        return (uint)Value;
    }

    public void WritePort(ushort port, int size, uint value)
    {
        if (Notes) Accesses.Add($"out {port:x}.{size}={value:x}");
        Count++;
        Written?.Invoke(port);
    }

    public ulong ReadMemory(ulong address, int size, bool smm)
    {
        if (Notes) Accesses.Add($"read {address:x}.{size}");
        Count++;
        return Value;
    }

    public void WriteMemory(ulong address, int size, ulong value, bool smm)
    {
        if (Notes) Accesses.Add($"write {address:x}.{size}={value:x}");
        Count++;
    }

    public int AcknowledgeInterrupt() => -1;

    public void EndOfInterrupt(byte vector)
    {
    }

    public void ReportFloatingPointError(bool pending)
    {
    }

    public bool TryReadApicMsr(uint msr, out ulong value)
    {
        value = 0;
        return false;
    }

    public bool TryWriteApicMsr(uint msr, ulong value) => false;
}
