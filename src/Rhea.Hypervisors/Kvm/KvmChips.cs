using Rhea.Core.Cpu;
using static Rhea.Hypervisors.ApicPage;
using static Rhea.Hypervisors.Record;

namespace Rhea.Hypervisors.Kvm;

/// <summary>Between KVM's structures and the canonical registers of the interrupt controllers. Pure: no call is made here.</summary>
internal static class KvmChips
{
    private const int PitChannel = 24, PitFlags = 3 * PitChannel;
    private const uint HpetTookOver = 1;

    public static void Fetch(in KvmPic from, I8259Registers to)
    {
        (to.LastRequest, to.Request, to.Mask, to.InService) = (from.LastRequest, from.Request, from.Mask, from.InService);
        (to.HighestPriority, to.VectorBase, to.ReadInService, to.Poll) = (from.HighestPriority, from.VectorBase, from.ReadInService, from.Poll);
        (to.SpecialMask, to.InitStep, to.AutoEoi, to.RotateOnAutoEoi) = (from.SpecialMask, from.InitStep, from.AutoEoi, from.RotateOnAutoEoi);
        (to.SpecialFullyNested, to.Icw4Wanted, to.LevelTriggered) = (from.SpecialFullyNested, from.Icw4Wanted, from.LevelTriggered);
        to.Single = 0; // not kept by KVM
    }

    public static void Store(I8259Registers from, ref KvmPic to)
    {
        (to.LastRequest, to.Request, to.Mask, to.InService) = (from.LastRequest, from.Request, from.Mask, from.InService);
        (to.HighestPriority, to.VectorBase, to.ReadInService, to.Poll) = (from.HighestPriority, from.VectorBase, from.ReadInService, from.Poll);
        (to.SpecialMask, to.InitStep, to.AutoEoi, to.RotateOnAutoEoi) = (from.SpecialMask, from.InitStep, from.AutoEoi, from.RotateOnAutoEoi);
        (to.SpecialFullyNested, to.Icw4Wanted, to.LevelTriggered) = (from.SpecialFullyNested, from.Icw4Wanted, from.LevelTriggered);
        to.LevelTriggeredMask = from.Instance == 0 ? (byte)0xF8 : (byte)0xDE;
    }

    public static void Fetch(in KvmIoApic from, IoApicRegisters to)
    {
        (to.Id, to.Select, to.Request) = ((byte)from.Id, (byte)from.Select, from.Request);
        ((ReadOnlySpan<ulong>)from.Redirection).CopyTo(to.Redirection);
    }

    public static void Store(IoApicRegisters from, ref KvmIoApic to)
    {
        (to.BaseAddress, to.Id, to.Select, to.Request) = (0xFEC0_0000, from.Id, from.Select, from.Request);
        from.Redirection.CopyTo((Span<ulong>)to.Redirection);
    }

    /// <param name="from">The counters.</param>
    /// <param name="ahead">Guest time less the host's monotonic clock, in which KVM tells when a count was loaded; in nanoseconds.</param>
    /// <param name="now">Guest time.</param>
    /// <param name="to">The canonical registers.</param>
    public static void Fetch(ReadOnlySpan<byte> from, long ahead, long now, I8254Registers to)
    {
        for (var i = 0; i < to.Channels.Length; i++)
        {
            ReadOnlySpan<byte> channel = from.Slice(i * PitChannel, PitChannel);
            to.Channels[i] = PitRecord.Fetch(channel) with { CountLoadTime = Math.Min(now, (long)Quad(channel, PitRecord.Length) + ahead) };
        }

        to.Channels[0].NextTransition = now; // the output is looked at, and the next change computed, at once
        to.IrqDisabled = Word(from, PitFlags) & HpetTookOver;
    }

    /// <summary>KVM begins each count anew.</summary>
    public static void Store(I8254Registers from, long now, Span<byte> to)
    {
        for (var i = 0; i < from.Channels.Length; i++) PitRecord.Store(in from.Channels[i], PitRecord.Left(in from.Channels[i], now), to.Slice(i * PitChannel, PitChannel));
        Put(to, PitFlags, from.IrqDisabled != 0 ? HpetTookOver : 0);
    }

    /// <param name="from">The page of registers.</param>
    /// <param name="apicBase">IA32_APIC_BASE, which is not in it.</param>
    /// <param name="now">Guest time in nanoseconds, in which the canonical timer counts.</param>
    /// <param name="to">The canonical registers.</param>
    public static void Fetch(ReadOnlySpan<byte> from, ulong apicBase, long now, LocalApicRegisters to)
    {
        to.Base = (uint)apicBase;
        ApicPage.Fetch(from, to);
        FetchTimer(Word(from, CurrentCount), now, to);
    }

    public static void Store(LocalApicRegisters from, long now, Span<byte> to)
    {
        ApicPage.Store(from, to);
        Put(to, CurrentCount, Left(from, now));
    }
}
