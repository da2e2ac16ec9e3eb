namespace Rhea.Core.Cpu;

/// <summary>All a processor knows of the rest of the machine, one for each processor. Implemented once; it takes the machine lock.</summary>
/// <remarks>RAM a processor reaches by itself, through the tables of the two <see cref="Memory.AddressSpace"/>s it was attached to.</remarks>
public interface IMachineBus
{
    /// <summary>A device answers at one of these ports, without the lock. Where none does, what is read is ones, and what is written is lost.</summary>
    bool Answers(ushort port, int size);

    uint ReadPort(ushort port, int size);

    void WritePort(ushort port, int size, uint value);

    /// <summary>What is not RAM, the processor's own APIC page included.</summary>
    /// <param name="smm">Through the view of system management mode.</param>
    ulong ReadMemory(ulong address, int size, bool smm);

    void WriteMemory(ulong address, int size, ulong value, bool smm);

    /// <summary>The physical page that this processor's local APIC answers at, whatever the map says; <see cref="ulong.MaxValue"/> when it is off.</summary>
    ulong ApicPage { get; }

    /// <summary>The INTA cycle: the vector of the local APIC, or of the 8259 pair behind it; -1 when the request has gone.</summary>
    int AcknowledgeInterrupt();

    /// <summary>CR8: the upper half of the local APIC's task priority. Without the lock to read.</summary>
    byte TaskPriority { get; set; }

    /// <summary>The processor's own local APIC, elsewhere, has finished a level-triggered interrupt of an I/O APIC that is here.</summary>
    void EndOfInterrupt(byte vector);

    /// <summary>FERR#: with CR0.NE clear an x87 error becomes an interrupt of the machine's own.</summary>
    void ReportFloatingPointError(bool pending);

    /// <summary>IA32_APIC_BASE, IA32_TSC_DEADLINE and the x2APIC registers; false is a general protection fault.</summary>
    bool TryReadApicMsr(uint msr, out ulong value);

    bool TryWriteApicMsr(uint msr, ulong value);

    /// <summary>Guest time in nanoseconds for RDTSC, without the lock; it never goes back.</summary>
    long Time { get; }

    /// <summary>Guest time goes on as the host's does while the processor runs, so that it can be read off the host's own time stamp counter.</summary>
    bool TimeFlows { get; }
}

/// <summary>The local APIC as its processor's bus reaches it. Under the machine lock, but for the two properties.</summary>
public interface ILocalApic
{
    ulong Page { get; }

    byte TaskPriority { get; set; }

    uint Read(uint offset);

    void Write(uint offset, uint value);

    bool TryReadMsr(uint msr, out ulong value);

    bool TryWriteMsr(uint msr, ulong value);

    /// <summary>The highest request moves into service; -1 when there is none (any more).</summary>
    int Acknowledge();
}
