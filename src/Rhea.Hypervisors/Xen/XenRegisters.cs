using Rhea.Core.Cpu;
using static Rhea.Hypervisors.Record;

namespace Rhea.Hypervisors.Xen;

/// <summary>Between Xen's records of a processor and its canonical registers. Pure: no call is made here.</summary>
/// <remarks>Xen, public/arch-x86/hvm/save.h: struct hvm_hw_cpu, hvm_hw_mtrr, hvm_hw_cpu_xsave.</remarks>
internal static class XenRegisters
{
    public const int HeaderTscRate = 20;
    public const int CpuLength = 1032, MtrrLength = 240, XsaveLength = XsaveArea + 512 + 64 + 256;

    private const int General = 512, Rip = 640, Rflags = 648, Cr0 = 656, Cr2 = 664, Cr3 = 672, Cr4 = 680, Dr0 = 688, Dr6 = 720, Dr7 = 728,
        Selectors = 736, Limits = 768, IdtrLimit = 800, GdtrLimit = 804, Bases = 808, IdtrBase = 872, GdtrBase = 880, Attributes = 888,
        SysenterCs = 920, SysenterEsp = 928, SysenterEip = 936, ShadowGs = 944, Lstar = 960, Star = 968, Cstar = 976, SyscallMask = 984,
        Efer = 992, TscAux = 1000, Tsc = 1008, PendingEvent = 1016, ErrorCode = 1020, Flags = 1024;
    private const int MtrrPat = 0, MtrrVariable = 8, MtrrFixed = 136, MtrrCap = 224, MtrrDefault = 232;
    private const int Xcr0 = 8, Xcr0Ever = 16, XsaveArea = 24, XstateBv = XsaveArea + 512, YmmHigh = XsaveArea + 576;
    private const ulong X87AndSse = 3, Avx = 4;
    private const uint FpuInitialised = 1, EventValid = 1u << 31, EventHasError = 1 << 11;
    private const uint ExternalInterrupt = 0, NonMaskable = 2, HardwareException = 3, SoftwareInterrupt = 4;

    // Xen has RAX RBX RCX RDX RBP RSI RDI RSP R8 …; the canonical order is the encoding's.
    private static readonly int[] Order = [0, 3, 1, 2, 5, 6, 7, 4, 8, 9, 10, 11, 12, 13, 14, 15];

    // Xen has CS DS ES FS GS SS.
    private static readonly SegmentRegister[] Segments =
        [SegmentRegister.Cs, SegmentRegister.Ds, SegmentRegister.Es, SegmentRegister.Fs, SegmentRegister.Gs, SegmentRegister.Ss];

    public static void Fetch(ReadOnlySpan<byte> from, ref CpuState to)
    {
        FxsaveImage.Fetch(from, ref to);
        to.XstateBv = X87AndSse;
        for (var i = 0; i < Order.Length; i++) to.General[Order[i]] = Quad(from, General + (i * 8));
        (to.Rip, to.Rflags) = (Quad(from, Rip), Quad(from, Rflags));
        (to.Cr0, to.Cr2, to.Cr3, to.Cr4, to.Efer) = (Quad(from, Cr0), Quad(from, Cr2), Quad(from, Cr3), Quad(from, Cr4), Quad(from, Efer));
        for (var i = 0; i < 4; i++) to.Debug[i] = Quad(from, Dr0 + (i * 8));
        (to.Debug[6], to.Debug[7]) = (Quad(from, Dr6), Quad(from, Dr7));
        for (var i = 0; i < Segments.Length; i++) to.Segments[(int)Segments[i]] = FetchSegment(from, i);
        (to.Tr, to.Ldtr) = (FetchSegment(from, 6), FetchSegment(from, 7));
        to.Idtr = new Segment { Base = Quad(from, IdtrBase), Limit = Word(from, IdtrLimit) };
        to.Gdtr = new Segment { Base = Quad(from, GdtrBase), Limit = Word(from, GdtrLimit) };
        (to.SysenterCs, to.SysenterEsp, to.SysenterEip) = (Quad(from, SysenterCs), Quad(from, SysenterEsp), Quad(from, SysenterEip));
        (to.KernelGsBase, to.Lstar, to.Star, to.Cstar, to.Fmask) =
            (Quad(from, ShadowGs), Quad(from, Lstar), Quad(from, Star), Quad(from, Cstar), Quad(from, SyscallMask));
        (to.TscAux, to.Tsc) = (Quad(from, TscAux), Quad(from, Tsc));
        to.Injected = FetchEvent(Word(from, PendingEvent), Word(from, ErrorCode));
    }

    public static void Store(in CpuState from, Span<byte> to)
    {
        to.Clear();
        FxsaveImage.Store(in from, to);
        for (var i = 0; i < Order.Length; i++) Put(to, General + (i * 8), from.General[Order[i]]);
        Put(to, Rip, from.Rip);
        Put(to, Rflags, from.Rflags);
        Put(to, Cr0, from.Cr0);
        Put(to, Cr2, from.Cr2);
        Put(to, Cr3, from.Cr3);
        Put(to, Cr4, from.Cr4);
        for (var i = 0; i < 4; i++) Put(to, Dr0 + (i * 8), from.Debug[i]);
        Put(to, Dr6, from.Debug[6]);
        Put(to, Dr7, from.Debug[7]);
        for (var i = 0; i < Segments.Length; i++) StoreSegment(from.Segments[(int)Segments[i]], i, to);
        StoreSegment(from.Tr, 6, to);
        StoreSegment(from.Ldtr, 7, to);
        Put(to, IdtrBase, from.Idtr.Base);
        Put(to, IdtrLimit, from.Idtr.Limit);
        Put(to, GdtrBase, from.Gdtr.Base);
        Put(to, GdtrLimit, from.Gdtr.Limit);
        Put(to, SysenterCs, from.SysenterCs);
        Put(to, SysenterEsp, from.SysenterEsp);
        Put(to, SysenterEip, from.SysenterEip);
        Put(to, ShadowGs, from.KernelGsBase);
        Put(to, Lstar, from.Lstar);
        Put(to, Star, from.Star);
        Put(to, Cstar, from.Cstar);
        Put(to, SyscallMask, from.Fmask);
        Put(to, Efer, from.Efer);
        Put(to, TscAux, from.TscAux);
        Put(to, Tsc, from.Tsc);
        StoreEvent(from.Injected, to);
        Put(to, Flags, FpuInitialised);
    }

    /// <summary>The rate of the time stamp counter in kHz, which the stream's head has.</summary>
    public static uint TscRate(ReadOnlySpan<byte> header) => Word(header, HeaderTscRate);

    /// <summary>An event is on its way into the guest.</summary>
    public static bool HasEvent(ReadOnlySpan<byte> record) => (Word(record, PendingEvent) & EventValid) != 0;

    public static void StoreNmi(Span<byte> record) => StoreEvent(new InjectedEvents { Nmi = true }, record);

    public static void FetchMtrr(ReadOnlySpan<byte> from, ref CpuState to)
    {
        (to.Pat, to.MtrrDefaultType) = (Quad(from, MtrrPat), Quad(from, MtrrDefault));
        for (var i = 0; i < 8; i++)
            to.MtrrVariable[i] = new MtrrRange { Base = Quad(from, MtrrVariable + (i * 16)), Mask = Quad(from, MtrrVariable + (i * 16) + 8) };
        for (var i = 0; i < 11; i++) to.MtrrFixed[i] = Quad(from, MtrrFixed + (i * 8));
    }

    /// <summary>What the processor has of them stays.</summary>
    public static void StoreMtrr(in CpuState from, Span<byte> to)
    {
        ulong capabilities = Quad(to, MtrrCap);
        Put(to, MtrrPat, from.Pat);
        Put(to, MtrrDefault, from.MtrrDefaultType);
        for (var i = 0; i < 8; i++)
        {
            Put(to, MtrrVariable + (i * 16), from.MtrrVariable[i].Base);
            Put(to, MtrrVariable + (i * 16) + 8, from.MtrrVariable[i].Mask);
        }

        for (var i = 0; i < 11; i++) Put(to, MtrrFixed + (i * 8), from.MtrrFixed[i]);
        Put(to, MtrrCap, capabilities);
    }

    public static void FetchXsave(ReadOnlySpan<byte> from, ref CpuState to)
    {
        to.Xcr0 = Quad(from, Xcr0);
        FxsaveImage.Fetch(from[XsaveArea..], ref to);
        to.XstateBv = Quad(from, XstateBv);
        if (from.Length < XsaveLength) return;
        for (var i = 0; i < 16; i++)
            for (var half = 0; half < 2; half++) to.Vector[i][half + 2] = (to.XstateBv & Avx) == 0 ? 0 : Quad(from, YmmHigh + (i * 16) + (half * 8));
    }

    /// <summary>All parts that the guest has switched on count as in use.</summary>
    public static void StoreXsave(in CpuState from, Span<byte> to)
    {
        to.Clear();
        Put(to, Xcr0, from.Xcr0);
        Put(to, Xcr0Ever, from.Xcr0);
        FxsaveImage.Store(in from, to[XsaveArea..]);
        Put(to, XstateBv, X87AndSse | (from.Xcr0 & Avx));
        for (var i = 0; i < 16; i++)
            for (var half = 0; half < 2; half++) Put(to, YmmHigh + (i * 16) + (half * 8), from.Vector[i][half + 2]);
    }

    private static Segment FetchSegment(ReadOnlySpan<byte> from, int index)
    {
        uint attributes = Word(from, Attributes + (index * 4));
        return new Segment
        {
            Selector = (ushort)Word(from, Selectors + (index * 4)),
            Limit = Word(from, Limits + (index * 4)),
            Base = Quad(from, Bases + (index * 8)),
            Flags = (attributes & 0xFF) << 8 | (attributes & 0xF00) << 12,
        };
    }

    private static void StoreSegment(in Segment from, int index, Span<byte> to)
    {
        Put(to, Selectors + (index * 4), (uint)from.Selector);
        Put(to, Limits + (index * 4), from.Limit);
        Put(to, Bases + (index * 8), from.Base);
        Put(to, Attributes + (index * 4), (from.Flags >> 8 & 0xFF) | (from.Flags >> 12 & 0xF00));
    }

    private static InjectedEvents FetchEvent(uint pending, uint error)
    {
        if ((pending & EventValid) == 0) return default;
        var vector = (byte)pending;
        uint type = pending >> 8 & 7;
        return type switch
        {
            NonMaskable => new InjectedEvents { Nmi = true },
            ExternalInterrupt or SoftwareInterrupt => new InjectedEvents { Interrupt = true, InterruptVector = vector, InterruptIsSoft = type == SoftwareInterrupt },
            _ => new InjectedEvents { Exception = true, ExceptionVector = vector, ExceptionHasErrorCode = (pending & EventHasError) != 0, ExceptionErrorCode = error },
        };
    }

    private static void StoreEvent(in InjectedEvents from, Span<byte> to)
    {
        uint pending = from switch
        {
            { Nmi: true } => EventValid | NonMaskable << 8 | 2,
            { Exception: true } => EventValid | HardwareException << 8 | from.ExceptionVector | (from.ExceptionHasErrorCode ? EventHasError : 0),
            { Interrupt: true } => EventValid | (from.InterruptIsSoft ? SoftwareInterrupt : ExternalInterrupt) << 8 | from.InterruptVector,
            _ => 0,
        };
        Put(to, PendingEvent, pending);
        Put(to, ErrorCode, from.ExceptionErrorCode);
    }
}
