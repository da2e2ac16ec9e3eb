using Rhea.Core.Cpu;
using static Rhea.Hypervisors.Record;

namespace Rhea.Hypervisors;

/// <summary>A local APIC's page of registers, as KVM and Xen both hand it over, and its canonical registers.</summary>
/// <remarks>Intel SDM vol. 3, table 11-1.</remarks>
internal static class ApicPage
{
    public const int LocalVectors = 0x320, InitialCount = 0x380, CurrentCount = 0x390;
    public const uint PeriodicMode = 0x2_0000, DeadlineMode = 0x4_0000, TimerMode = 0x6_0000, Masked = 0x1_0000;

    private const int Id = 0x20, Version = 0x30, TaskPriority = 0x80, LogicalDestination = 0xD0, DestinationFormat = 0xE0, Spurious = 0xF0,
        InService = 0x100, TriggerMode = 0x180, Request = 0x200, ErrorStatus = 0x280, CommandLow = 0x300, CommandHigh = 0x310,
        Divide = 0x3E0;
    private const uint VersionNumber = 0x5_0014;

    /// <summary>All but the base and when the timer was started.</summary>
    public static void Fetch(ReadOnlySpan<byte> page, LocalApicRegisters to)
    {
        to.Id = page[Id + 3];
        to.TaskPriority = page[TaskPriority];
        to.SpuriousVector = Word(page, Spurious);
        to.LogicalDestination = page[LogicalDestination + 3];
        to.DestinationFormat = (byte)(page[DestinationFormat + 3] >> 4);
        for (var i = 0; i < 8; i++)
        {
            to.InService[i] = Word(page, InService + (i * 16));
            to.TriggerMode[i] = Word(page, TriggerMode + (i * 16));
            to.Request[i] = Word(page, Request + (i * 16));
        }

        for (var i = 0; i < to.LocalVectors.Length; i++) to.LocalVectors[i] = Word(page, LocalVectors + (i * 16));
        to.ErrorStatus = Word(page, ErrorStatus);
        (to.InterruptCommand[0], to.InterruptCommand[1]) = (Word(page, CommandLow), Word(page, CommandHigh));
        uint divide = to.DivideConfiguration = Word(page, Divide);
        to.CountShift = (int)(((divide & 3) | (divide >> 1 & 4)) + 1 & 7);
        to.InitialCount = Word(page, InitialCount);
    }

    /// <summary>The page tells what is left of the count; the canonical form says when it was loaded, and when it ends.</summary>
    /// <param name="left">Of the initial count; 0 when it has ended.</param>
    /// <param name="now">Guest time in nanoseconds, in which the canonical timer counts.</param>
    /// <param name="to">With all else in it already.</param>
    public static void FetchTimer(uint left, long now, LocalApicRegisters to)
    {
        (to.InitialCountLoadTime, to.NextTime, to.TimerExpiry) = (0, 0, -1);
        uint vector = to.LocalVectors[0];
        if ((vector & TimerMode) == DeadlineMode || to.InitialCount == 0) return;
        to.InitialCountLoadTime = now - ((long)(to.InitialCount - left) << to.CountShift);
        to.NextTime = now + ((long)left << to.CountShift);
        if (left != 0 && (vector & Masked) == 0) to.TimerExpiry = to.NextTime;
    }

    /// <summary>Of the initial count, at this moment; 0 when it has ended, or is not what ends the timer.</summary>
    public static uint Left(LocalApicRegisters from, long now)
    {
        if (from.InitialCount == 0 || (from.LocalVectors[0] & TimerMode) == DeadlineMode) return 0;
        ulong counted = (ulong)Math.Max(0, now - from.InitialCountLoadTime) >> from.CountShift;
        bool periodic = (from.LocalVectors[0] & TimerMode) == PeriodicMode;
        if (periodic) return from.InitialCount - (uint)(counted % from.InitialCount);
        return counted >= from.InitialCount ? 0 : from.InitialCount - (uint)counted;
    }

    /// <summary>All but the current count.</summary>
    public static void Store(LocalApicRegisters from, Span<byte> page)
    {
        page.Clear();
        Put(page, Id, (uint)from.Id << 24);
        Put(page, Version, VersionNumber);
        Put(page, TaskPriority, from.TaskPriority);
        Put(page, LogicalDestination, (uint)from.LogicalDestination << 24);
        Put(page, DestinationFormat, (uint)from.DestinationFormat << 28 | 0x0FFF_FFFF);
        Put(page, Spurious, from.SpuriousVector);
        for (var i = 0; i < 8; i++)
        {
            Put(page, InService + (i * 16), from.InService[i]);
            Put(page, TriggerMode + (i * 16), from.TriggerMode[i]);
            Put(page, Request + (i * 16), from.Request[i]);
        }

        for (var i = 0; i < from.LocalVectors.Length; i++) Put(page, LocalVectors + (i * 16), from.LocalVectors[i]);
        Put(page, ErrorStatus, from.ErrorStatus);
        Put(page, CommandLow, from.InterruptCommand[0]);
        Put(page, CommandHigh, from.InterruptCommand[1]);
        Put(page, Divide, from.DivideConfiguration);
        Put(page, InitialCount, from.InitialCount);
    }
}
