using Rhea.Core.State;

namespace Rhea.Core.Cpu;

/// <summary>The local APIC of one processor in canonical form.</summary>
/// <param name="instance">The processor's number; 0 is the one that boots.</param>
/// <param name="initialId">The APIC id that it has after power-on, as CPUID tells it.</param>
public sealed class LocalApicRegisters(int instance, byte initialId) : ChipRegisters(new StructType("apic", 3), instance)
{
    private const uint PowerOnBase = 0xFEE0_0800, BootProcessor = 0x100;

    /// <summary>IA32_APIC_BASE; the page's address has 32 bits in QEMU's section.</summary>
    public uint Base;

    public byte Id, ArbitrationId, TaskPriority;
    public uint SpuriousVector;

    /// <summary>Bits 24-31 of the logical destination register.</summary>
    public byte LogicalDestination;

    /// <summary>Bits 28-31 of the destination format register: 15 flat, 0 cluster.</summary>
    public byte DestinationFormat;

    /// <summary>256 bits each, by vector.</summary>
    public readonly uint[] InService = new uint[8], TriggerMode = new uint[8], Request = new uint[8];

    /// <summary>Timer, thermal sensor, performance counters, LINT0, LINT1, error.</summary>
    public readonly uint[] LocalVectors = new uint[6];

    public uint ErrorStatus;

    /// <summary>Low and high half of the interrupt command register.</summary>
    public readonly uint[] InterruptCommand = new uint[2];

    public uint DivideConfiguration;

    /// <summary>The timer counts once in two to the power of this many nanoseconds.</summary>
    public int CountShift;

    public uint InitialCount;

    /// <summary>Guest time in nanoseconds when the count was loaded, of the timer's next expiry, and of the same or -1.</summary>
    public long InitialCountLoadTime, NextTime, TimerExpiry;

    public int SipiVector, WaitForSipi;

    /// <summary>As after power-on: all vectors are masked (Intel SDM vol. 3, 11.4.7.1).</summary>
    public override void Reset()
    {
        (Base, Id, ArbitrationId, TaskPriority) = (PowerOnBase | (Instance == 0 ? BootProcessor : 0), initialId, 0, 0);
        (SpuriousVector, LogicalDestination, DestinationFormat) = (0xFF, 0, 0xF);
        Array.Clear(InService);
        Array.Clear(TriggerMode);
        Array.Clear(Request);
        Array.Fill(LocalVectors, 0x1_0000u);
        Array.Clear(InterruptCommand);
        (ErrorStatus, DivideConfiguration, CountShift, InitialCount) = (0, 0, 1, 0);
        (InitialCountLoadTime, NextTime, TimerExpiry) = (0, 0, -1);
        (SipiVector, WaitForSipi) = (0, Instance == 0 ? 0 : 1);
    }

    public override void Visit(StateVisitor state)
    {
        state.UInt32("apicbase", ref Base);
        state.UInt8("id", ref Id);
        state.UInt8("arb_id", ref ArbitrationId);
        state.UInt8("tpr", ref TaskPriority);
        state.UInt32("spurious_vec", ref SpuriousVector);
        state.UInt8("log_dest", ref LogicalDestination);
        state.UInt8("dest_mode", ref DestinationFormat);
        state.UInt32("isr", InService);
        state.UInt32("tmr", TriggerMode);
        state.UInt32("irr", Request);
        state.UInt32("lvt", LocalVectors);
        state.UInt32("esr", ref ErrorStatus);
        state.UInt32("icr", InterruptCommand);
        state.UInt32("divide_conf", ref DivideConfiguration);
        state.Int32("count_shift", ref CountShift);
        state.Demand(CountShift is >= 0 and <= 7, $"count_shift is {CountShift}, a timer divides by at most 2 to the power of 7");
        state.UInt32("initial_count", ref InitialCount);
        state.Int64("initial_count_load_time", ref InitialCountLoadTime);
        state.Int64("next_time", ref NextTime);
        state.Int64("timer_expiry", ref TimerExpiry);
        if (state.Loading) (SipiVector, WaitForSipi) = (0, 0);
        state.Subsection("apic_sipi", 1, WaitForSipi != 0, inner =>
        {
            inner.Int32("sipi_vector", ref SipiVector);
            inner.Int32("wait_for_sipi", ref WaitForSipi);
        });
    }
}
