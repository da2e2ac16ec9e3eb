using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Rhea.Hypervisors.Kvm;

// The structures of KVM's calls, with the kernel's layout (linux/kvm.h and asm/kvm.h).

[StructLayout(LayoutKind.Explicit, Size = 2352)]
internal struct KvmRun
{
    [FieldOffset(0)] public byte RequestInterruptWindow;
    [FieldOffset(1)] public byte ImmediateExit;
    [FieldOffset(8)] public KvmExit ExitReason;
    [FieldOffset(12)] public byte ReadyForInterruptInjection;
    [FieldOffset(13)] public byte IfFlag;
    [FieldOffset(14)] public ushort Flags;
    [FieldOffset(16)] public ulong Cr8;
    [FieldOffset(24)] public ulong ApicBase;

    [FieldOffset(32)] public ulong HardwareEntryFailureReason;

    [FieldOffset(32)] public byte IoIsOut;
    [FieldOffset(33)] public byte IoSize;
    [FieldOffset(34)] public ushort IoPort;
    [FieldOffset(36)] public uint IoCount;
    [FieldOffset(40)] public ulong IoDataOffset;

    [FieldOffset(32)] public ulong MmioAddress;
    [FieldOffset(40)] public ulong MmioData;
    [FieldOffset(48)] public uint MmioLength;
    [FieldOffset(52)] public byte MmioIsWrite;

    [FieldOffset(32)] public uint DebugException;
    [FieldOffset(40)] public ulong DebugPc;
    [FieldOffset(48)] public ulong DebugDr6;
    [FieldOffset(56)] public ulong DebugDr7;

    [FieldOffset(32)] public uint InternalSubError;

    [FieldOffset(32)] public byte EoiVector;
}

[StructLayout(LayoutKind.Sequential)]
internal struct KvmMemoryRegion
{
    public uint Slot, Flags;
    public ulong GuestAddress, Size, HostAddress;
}

[StructLayout(LayoutKind.Sequential)]
internal struct KvmCoalescedZone
{
    public ulong Address;
    public uint Size, IsPort;
}

/// <summary>The kernel adds at the end, we take from the beginning.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KvmCoalescedRing
{
    public const int Capacity = (4096 - 8) / 24;

    public uint First, Last;
    public KvmCoalescedWritesOfRing Writes;
}

[InlineArray(KvmCoalescedRing.Capacity)]
internal struct KvmCoalescedWritesOfRing
{
    private KvmCoalescedWrite _element;
}

[StructLayout(LayoutKind.Sequential)]
internal struct KvmCoalescedWrite
{
    public ulong Address;
    public uint Length, IsPort;
    public EightBytes Data;
}

[InlineArray(8)]
internal struct EightBytes
{
    private byte _element;
}

[StructLayout(LayoutKind.Explicit, Size = 64)]
internal struct KvmPitConfig
{
    /// <summary>The kernel answers at port 61h too.</summary>
    public const uint WithSpeakerPort = 1;

    [FieldOffset(0)] public uint Flags;
}

/// <summary>Three counters of 24 bytes, and flags.</summary>
[InlineArray(112)]
internal struct KvmPit
{
    private byte _element;
}

[StructLayout(LayoutKind.Sequential)]
internal struct KvmDirtyLog
{
    public uint Slot, Padding;
    public ulong Bitmap;
}

[StructLayout(LayoutKind.Sequential)]
internal struct KvmRegs
{
    public ulong Rax, Rbx, Rcx, Rdx, Rsi, Rdi, Rsp, Rbp, R8, R9, R10, R11, R12, R13, R14, R15, Rip, Rflags;
}

[StructLayout(LayoutKind.Sequential)]
internal struct KvmSegment
{
    public ulong Base;
    public uint Limit;
    public ushort Selector;
    public byte Type, Present, Dpl, Db, S, L, G, Avl, Unusable, Padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct KvmTable
{
    public ulong Base;
    public ushort Limit, Padding0, Padding1, Padding2;
}

[StructLayout(LayoutKind.Sequential)]
internal struct KvmSregs
{
    public KvmSegment Cs, Ds, Es, Fs, Gs, Ss, Tr, Ldt;
    public KvmTable Gdt, Idt;
    public ulong Cr0, Cr2, Cr3, Cr4, Cr8, Efer, ApicBase;
    public Words4 InterruptBitmap;
}

[InlineArray(4)]
internal struct Words4
{
    private ulong _element;
}

[StructLayout(LayoutKind.Sequential)]
internal struct KvmMsr
{
    public uint Index, Reserved;
    public ulong Data;
}

/// <summary>A list of at most as many as the kernel takes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KvmMsrList
{
    public const int Capacity = 256;

    public uint Count, Padding;
    public KvmMsrEntries Entries;
}

[InlineArray(KvmMsrList.Capacity)]
internal struct KvmMsrEntries
{
    private KvmMsr _element;
}

[StructLayout(LayoutKind.Sequential)]
internal struct KvmCpuidEntry
{
    public uint Function, Index, Flags, Eax, Ebx, Ecx, Edx, Padding0, Padding1, Padding2;
}

[StructLayout(LayoutKind.Sequential)]
internal struct KvmCpuidList
{
    public const int Capacity = 256;

    public uint Count, Padding;
    public KvmCpuidEntries Entries;
}

[InlineArray(KvmCpuidList.Capacity)]
internal struct KvmCpuidEntries
{
    private KvmCpuidEntry _element;
}

/// <summary>The local APIC's page of registers.</summary>
[InlineArray(1024)]
internal struct KvmLapic
{
    private byte _element;
}

[StructLayout(LayoutKind.Explicit, Size = 520)]
internal struct KvmIrqChip
{
    [FieldOffset(0)] public uint Chip;
    [FieldOffset(8)] public KvmPic Pic;
    [FieldOffset(8)] public KvmIoApic IoApic;
}

[StructLayout(LayoutKind.Sequential)]
internal struct KvmPic
{
    public byte LastRequest, Request, Mask, InService, HighestPriority, VectorBase, ReadInService, Poll, SpecialMask, InitStep, AutoEoi,
        RotateOnAutoEoi, SpecialFullyNested, Icw4Wanted, LevelTriggered, LevelTriggeredMask;
}

[StructLayout(LayoutKind.Sequential)]
internal struct KvmIoApic
{
    public ulong BaseAddress;
    public uint Select, Id, Request, Padding;
    public Redirection24 Redirection;
}

[InlineArray(24)]
internal struct Redirection24
{
    private ulong _element;
}

[StructLayout(LayoutKind.Sequential)]
internal struct KvmIrqLevel
{
    public uint Irq, Level;
}

[StructLayout(LayoutKind.Sequential)]
internal struct KvmMsi
{
    public uint AddressLow, AddressHigh, Data, Flags, Device, Padding0, Padding1, Padding2;
}

[StructLayout(LayoutKind.Explicit, Size = 48)]
internal struct KvmRoute
{
    [FieldOffset(0)] public uint Gsi;
    [FieldOffset(4)] public uint Type;

    [FieldOffset(16)] public uint Chip;
    [FieldOffset(20)] public uint Pin;

    [FieldOffset(16)] public uint AddressLow;
    [FieldOffset(20)] public uint AddressHigh;
    [FieldOffset(24)] public uint Data;
}

[StructLayout(LayoutKind.Sequential)]
internal struct KvmRoutes
{
    public const int Capacity = 64;

    public uint Count, Flags;
    public KvmRouteEntries Entries;
}

[InlineArray(KvmRoutes.Capacity)]
internal struct KvmRouteEntries
{
    private KvmRoute _element;
}

[StructLayout(LayoutKind.Sequential)]
internal struct KvmGuestDebug
{
    public uint Control, Padding;
    public Words8 DebugRegisters;
}

[InlineArray(8)]
internal struct Words8
{
    private ulong _element;
}

[StructLayout(LayoutKind.Explicit, Size = 64)]
internal struct KvmVcpuEvents
{
    [FieldOffset(0)] public byte ExceptionInjected;
    [FieldOffset(1)] public byte ExceptionNumber;
    [FieldOffset(2)] public byte ExceptionHasErrorCode;
    [FieldOffset(3)] public byte ExceptionPending;
    [FieldOffset(4)] public uint ExceptionErrorCode;
    [FieldOffset(8)] public byte InterruptInjected;
    [FieldOffset(9)] public byte InterruptNumber;
    [FieldOffset(10)] public byte InterruptIsSoft;
    [FieldOffset(11)] public byte InterruptShadow;
    [FieldOffset(12)] public byte NmiInjected;
    [FieldOffset(13)] public byte NmiPending;
    [FieldOffset(14)] public byte NmiMasked;
    [FieldOffset(16)] public uint SipiVector;
    [FieldOffset(20)] public uint Flags;
    [FieldOffset(24)] public byte Smm;
    [FieldOffset(25)] public byte SmiPending;
    [FieldOffset(26)] public byte SmmInsideNmi;
    [FieldOffset(27)] public byte LatchedInit;
}

[StructLayout(LayoutKind.Sequential)]
internal struct KvmDebugRegs
{
    public Words4 Db;
    public ulong Dr6, Dr7, Flags;
    public Words9 Reserved;
}

[InlineArray(9)]
internal struct Words9
{
    private ulong _element;
}

/// <summary>The area that XSAVE writes, in its standard form.</summary>
[InlineArray(4096)]
internal struct KvmXsave
{
    private byte _element;
}

[StructLayout(LayoutKind.Explicit, Size = 392)]
internal struct KvmXcrs
{
    [FieldOffset(0)] public uint Count;
    [FieldOffset(8)] public uint Register;
    [FieldOffset(16)] public ulong Value;
}

[StructLayout(LayoutKind.Explicit, Size = 104)]
internal struct KvmEnableCap
{
    [FieldOffset(0)] public KvmCapability Capability;
    [FieldOffset(8)] public ulong Argument;
}

/// <summary>A signal mask of 64 signals behind its length.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
internal struct KvmSignalMask
{
    public uint Length;
    public ulong Signals;
}

[StructLayout(LayoutKind.Explicit, Size = 24)]
internal struct KvmTranslation
{
    [FieldOffset(0)] public ulong Linear;
    [FieldOffset(8)] public ulong Physical;
    [FieldOffset(16)] public byte Valid;
}

[StructLayout(LayoutKind.Sequential)]
internal struct KvmClock
{
    public ulong Nanoseconds;
    public uint Flags, Padding;
    public ulong Realtime, HostTsc;
    public ulong Padding0, Padding1;
}
