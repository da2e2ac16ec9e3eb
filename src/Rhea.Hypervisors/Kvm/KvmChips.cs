using System.Buffers.Binary;
using Rhea.Core.Cpu;

namespace Rhea.Hypervisors.Kvm;

/// <summary>Between KVM's structures and the canonical registers of the interrupt controllers. Pure: no call is made here.</summary>
internal static class KvmChips
{
    // Offsets in the local APIC's page (Intel SDM vol. 3, table 11-1).
    private const int Id = 0x20, Version = 0x30, TaskPriority = 0x80, LogicalDestination = 0xD0, DestinationFormat = 0xE0, Spurious = 0xF0,
        InService = 0x100, TriggerMode = 0x180, Request = 0x200, ErrorStatus = 0x280, CommandLow = 0x300, CommandHigh = 0x310, LocalVectors = 0x320,
        InitialCount = 0x380, CurrentCount = 0x390, Divide = 0x3E0;
    private const uint VersionOfKvm = 0x5_0014, Periodic = 0x2_0000, DeadlineMode = 0x4_0000, TimerMode = 0x6_0000, Masked = 0x1_0000;

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

    /// <param name="from">The page of registers.</param>
    /// <param name="apicBase">IA32_APIC_BASE, which is not in it.</param>
    /// <param name="now">Guest time in nanoseconds, in which the canonical timer counts.</param>
    /// <param name="to">The canonical registers.</param>
    public static void Fetch(ReadOnlySpan<byte> from, ulong apicBase, long now, LocalApicRegisters to)
    {
        to.Base = (uint)apicBase;
        to.Id = from[Id + 3];
        to.TaskPriority = from[TaskPriority];
        to.SpuriousVector = Word(from, Spurious);
        to.LogicalDestination = from[LogicalDestination + 3];
        to.DestinationFormat = (byte)(from[DestinationFormat + 3] >> 4);
        for (var i = 0; i < 8; i++)
        {
            to.InService[i] = Word(from, InService + (i * 16));
            to.TriggerMode[i] = Word(from, TriggerMode + (i * 16));
            to.Request[i] = Word(from, Request + (i * 16));
        }

        for (var i = 0; i < to.LocalVectors.Length; i++) to.LocalVectors[i] = Word(from, LocalVectors + (i * 16));
        to.ErrorStatus = Word(from, ErrorStatus);
        (to.InterruptCommand[0], to.InterruptCommand[1]) = (Word(from, CommandLow), Word(from, CommandHigh));
        FetchTimer(from, now, to);
    }

    public static void Store(LocalApicRegisters from, long now, Span<byte> to)
    {
        to.Clear();
        Put(to, Id, (uint)from.Id << 24);
        Put(to, Version, VersionOfKvm);
        Put(to, TaskPriority, from.TaskPriority);
        Put(to, LogicalDestination, (uint)from.LogicalDestination << 24);
        Put(to, DestinationFormat, (uint)from.DestinationFormat << 28 | 0x0FFF_FFFF);
        Put(to, Spurious, from.SpuriousVector);
        for (var i = 0; i < 8; i++)
        {
            Put(to, InService + (i * 16), from.InService[i]);
            Put(to, TriggerMode + (i * 16), from.TriggerMode[i]);
            Put(to, Request + (i * 16), from.Request[i]);
        }

        for (var i = 0; i < from.LocalVectors.Length; i++) Put(to, LocalVectors + (i * 16), from.LocalVectors[i]);
        Put(to, ErrorStatus, from.ErrorStatus);
        Put(to, CommandLow, from.InterruptCommand[0]);
        Put(to, CommandHigh, from.InterruptCommand[1]);
        Put(to, Divide, from.DivideConfiguration);
        Put(to, InitialCount, from.InitialCount);
        Put(to, CurrentCount, Left(from, now));
    }

    /// <summary>KVM tells what is left of the count; the canonical form says when it was loaded, and when it ends.</summary>
    private static void FetchTimer(ReadOnlySpan<byte> from, long now, LocalApicRegisters to)
    {
        uint divide = Word(from, Divide), left = Word(from, CurrentCount), vector = to.LocalVectors[0];
        to.DivideConfiguration = divide;
        to.CountShift = (int)(((divide & 3) | (divide >> 1 & 4)) + 1 & 7);
        to.InitialCount = Word(from, InitialCount);
        (to.InitialCountLoadTime, to.NextTime, to.TimerExpiry) = (0, 0, -1);
        if ((vector & TimerMode) == DeadlineMode || to.InitialCount == 0) return;
        to.InitialCountLoadTime = now - ((long)(to.InitialCount - left) << to.CountShift);
        to.NextTime = now + ((long)left << to.CountShift);
        if (left != 0 && (vector & Masked) == 0) to.TimerExpiry = to.NextTime;
    }

    private static uint Left(LocalApicRegisters from, long now)
    {
        if (from.InitialCount == 0 || (from.LocalVectors[0] & TimerMode) == DeadlineMode) return 0;
        ulong counted = (ulong)Math.Max(0, now - from.InitialCountLoadTime) >> from.CountShift;
        bool periodic = (from.LocalVectors[0] & TimerMode) == Periodic;
        if (periodic) return from.InitialCount - (uint)(counted % from.InitialCount);
        return counted >= from.InitialCount ? 0 : from.InitialCount - (uint)counted;
    }

    private static uint Word(ReadOnlySpan<byte> page, int at) => BinaryPrimitives.ReadUInt32LittleEndian(page[at..]);

    private static void Put(Span<byte> page, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(page[at..], value);
}
