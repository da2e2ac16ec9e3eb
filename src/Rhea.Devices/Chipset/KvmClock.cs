using Rhea.Core.Cpu;
using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Core.State;
using Rhea.Core.Time;

namespace Rhea.Devices.Chipset;

/// <summary>KVM's paravirtual clock. Only KVM offers it; a guest that has found it there keeps it wherever it goes.</summary>
/// <remarks>
/// Linux, Documentation/virt/kvm/x86/msr.rst (MSR_KVM_SYSTEM_TIME_NEW): a page of guest memory says how time follows from the time stamp
/// counter. Without KVM that counter has one tick a nanosecond of guest time, so the page is written once, after loading.
/// </remarks>
/// <param name="registers">What is saved.</param>
/// <param name="platform">Where it lives; null when it is here.</param>
/// <param name="processors">Their registers, as saved or loaded.</param>
/// <param name="memory">The guest's.</param>
/// <param name="clock">Guest time.</param>
public sealed class KvmClock(
    KvmClockRegisters registers, IHostedPlatform? platform, Func<IEnumerable<CpuRegisters>> processors, GuestMemory memory, VmClock clock) : Device, IState
{
    private const ulong Enabled = 1;
    private const int TscTimestamp = 8, SystemTime = 16, Multiplier = 24, Shift = 28, Version = 0;

    [NotState("guest time when the clock was as saved; it is saved as of the moment")]
    private long _since;

    public override string Model => "kvmclock";

    public override StructType Section => registers.Section;

    /// <summary>A guest that does not use it can go where it is not known.</summary>
    public bool IsSent => processors().Any(processor => (processor.State.SystemTimeMsr & Enabled) != 0);

    public override void Reset()
    {
        registers.Reset();
        _since = clock.Now;
        platform?.Write(registers);
    }

    public override void Saving()
    {
        if (platform is not null) platform.Read(registers);
        else registers.Clock += (ulong)(clock.Now - _since);
        _since = clock.Now;
    }

    public override void Visit(StateVisitor state) => registers.Visit(state);

    public override void Loaded()
    {
        _since = clock.Now;
        if (platform is not null) platform.Write(registers);
        else
            foreach (CpuRegisters processor in processors())
                if ((processor.State.SystemTimeMsr & Enabled) != 0) WritePage(processor.State.SystemTimeMsr & ~Enabled, processor.State.Tsc);
    }

    /// <summary>Time is ((counter - timestamp) &lt;&lt; shift) * multiplier / 2³² + system time; an odd version says that the page is being written.</summary>
    private void WritePage(ulong address, ulong timeStamp)
    {
        memory.Write(address + TscTimestamp, timeStamp);
        memory.Write(address + SystemTime, registers.Clock);
        memory.Write(address + Multiplier, 0x8000_0000u);
        memory.Write(address + Shift, (byte)1);
        memory.Write(address + Version, (memory.Read<uint>(address + Version) | 1) + 1);
    }
}
