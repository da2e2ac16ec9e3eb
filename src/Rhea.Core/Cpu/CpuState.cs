using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Rhea.Core.Cpu;

/// <summary>All registers of one x86-64 processor, in one block of memory whose layout never depends on the accelerator.</summary>
/// <remarks>
/// It holds no references, so an accelerator may keep it in unmanaged memory, where generated code addresses the fields.
/// Registers are in encoding order (Intel SDM vol. 2, 3.1.1.1), segments as in <see cref="SegmentRegister"/>.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct CpuState
{
    /// <summary>RAX RCX RDX RBX RSP RBP RSI RDI R8 … R15.</summary>
    public Registers16 General;
    public ulong Rip;

    /// <summary>Architectural RFLAGS; bit 1 reads as one.</summary>
    public ulong Rflags;

    public Segments6 Segments;
    public Segment Ldtr, Tr;

    /// <summary>Base and limit only.</summary>
    public Segment Gdtr, Idtr;

    public ulong Cr0, Cr2, Cr3, Cr4;
    public ulong Efer, Star, Lstar, Cstar, Fmask, KernelGsBase;
    public ulong SysenterCs, SysenterEsp, SysenterEip;

    /// <summary>DR0 … DR7; DR4 and DR5 are not used.</summary>
    public Registers8 Debug;

    public ulong Pat, TscAux, TscOffset, TscDeadline, TscAdjust, MiscEnable, SmiCount;

    /// <summary>The time stamp counter of a stopped processor.</summary>
    public ulong Tsc;

    /// <summary>KVM's paravirtual clock and halt-polling MSRs, kept for a machine that moves.</summary>
    public ulong SystemTimeMsr, WallClockMsr, PollControl, PvEoiMsr, StealTimeMsr;

    /// <summary>The rate of the time stamp counter where the machine was saved, in kHz; 0 when it was not told.</summary>
    public long TscKilohertz;
    public ulong MtrrDefaultType;
    public Registers11 MtrrFixed;

    public MtrrRanges8 MtrrVariable;

    public ulong McgCap, McgStatus, McgCtl;

    /// <summary>CTL, STATUS, ADDR and MISC of each of ten banks.</summary>
    public Registers40 McBanks;

    public ulong Xcr0, XstateBv;
    public uint Smbase, Mxcsr;

    /// <summary>Physical register R0 … R7 of the x87 stack, not ST(0) … ST(7).</summary>
    public X87Registers X87;
    public ushort FpuControl;

    /// <summary>The status word with TOP in bits 11-13.</summary>
    public ushort FpuStatus;

    /// <summary>A bit a physical register, set when it is empty.</summary>
    public byte FpuEmpty;
    public ushort FpuOpcode;
    public ulong FpuInstruction, FpuOperand;

    public Vectors16 Vector;

    /// <summary>Halted by HLT, or waiting for INIT or SIPI.</summary>
    public CpuActivity Activity;
    public byte SipiVector;

    /// <summary>In system management mode.</summary>
    public bool Smm;

    /// <summary>NMIs are blocked until the next IRET (or RSM).</summary>
    public bool NmiBlocked;
    public bool NmiPending, SmiPending, InitPending;

    /// <summary>The INTR pin of a stopped processor; whoever drives it does so again after loading.</summary>
    public bool InterruptPending;

    /// <summary>The last SMI came while NMIs were blocked.</summary>
    public bool SmiInsideNmi;

    /// <summary>After STI, MOV SS or POP SS: interrupts wait for one instruction.</summary>
    public bool InterruptShadow;

    /// <summary>False masks bit 20 of every physical address (the keyboard controller's A20 gate).</summary>
    public bool A20;

    /// <summary>Only of a processor that a hypervisor has stopped there.</summary>
    public InjectedEvents Injected;

    /// <summary>EFER.LMA: 64-bit or compatibility mode.</summary>
    public readonly bool InLongMode => (Efer & 0x400) != 0;

    /// <summary>64-bit code, as opposed to compatibility mode: CS.L counts.</summary>
    public readonly bool In64BitCode => InLongMode && (Segments[(int)SegmentRegister.Cs].Flags >> 21 & 1) != 0;
}

/// <summary>Events on their way into the guest: taken from their source, and not yet delivered.</summary>
public struct InjectedEvents
{
    public bool Interrupt, InterruptIsSoft, Nmi, Exception, ExceptionHasErrorCode;
    public byte InterruptVector, ExceptionVector;
    public uint ExceptionErrorCode;

    public readonly bool Any => Interrupt || Nmi || Exception;
}

public enum CpuActivity : byte
{
    Running,
    Halted,
    WaitForSipi,
}

/// <summary>Index into <see cref="CpuState.Segments"/>, as in the instruction encoding.</summary>
public enum SegmentRegister : byte
{
    Es,
    Cs,
    Ss,
    Ds,
    Fs,
    Gs,
}

/// <summary>A segment register with its hidden part. <see cref="Flags"/> are bits 8-23 of the descriptor's upper half, in place.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct Segment
{
    public ulong Base;

    /// <summary>In bytes, granularity already applied.</summary>
    public uint Limit;
    public uint Flags;
    public ushort Selector;
}

/// <summary>An 80-bit extended real as in memory: 64 bits of significand, sign and exponent above.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct X87Register
{
    public ulong Significand;
    public ushort SignExponent;
}

/// <summary>A vector register of 256 bits, lowest quadword first.</summary>
[InlineArray(4)]
public struct VectorRegister
{
    private ulong _element;
}

[StructLayout(LayoutKind.Sequential)]
public struct MtrrRange
{
    public ulong Base, Mask;
}

[InlineArray(8)]
public struct MtrrRanges8
{
    private MtrrRange _element;
}

[InlineArray(16)]
public struct Registers16
{
    private ulong _element;
}

[InlineArray(8)]
public struct Registers8
{
    private ulong _element;
}

[InlineArray(11)]
public struct Registers11
{
    private ulong _element;
}

[InlineArray(40)]
public struct Registers40
{
    private ulong _element;
}

[InlineArray(6)]
public struct Segments6
{
    private Segment _element;
}

[InlineArray(8)]
public struct X87Registers
{
    private X87Register _element;
}

[InlineArray(16)]
public struct Vectors16
{
    private VectorRegister _element;
}
