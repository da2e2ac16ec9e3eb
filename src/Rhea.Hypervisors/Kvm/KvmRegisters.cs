using Rhea.Core.Cpu;
using static Rhea.Hypervisors.Record;

namespace Rhea.Hypervisors.Kvm;

/// <summary>Between KVM's structures and the canonical registers of a processor. Pure: no call is made here.</summary>
internal static class KvmRegisters
{
    private const int XstateBv = 512, YmmHigh = 576; // of XSAVE's area, behind FXSAVE's (Intel SDM vol. 1, 13.4)
    private const ulong X87AndSse = 3, Avx = 4;
    private const uint PresentFlag = 1 << 15;

    public static void Fetch(in KvmRegs from, ref CpuState to)
    {
        Span<ulong> general = to.General;
        (general[0], general[1], general[2], general[3]) = (from.Rax, from.Rcx, from.Rdx, from.Rbx);
        (general[4], general[5], general[6], general[7]) = (from.Rsp, from.Rbp, from.Rsi, from.Rdi);
        (general[8], general[9], general[10], general[11]) = (from.R8, from.R9, from.R10, from.R11);
        (general[12], general[13], general[14], general[15]) = (from.R12, from.R13, from.R14, from.R15);
        (to.Rip, to.Rflags) = (from.Rip, from.Rflags);
    }

    public static void Store(in CpuState from, ref KvmRegs to)
    {
        ReadOnlySpan<ulong> general = from.General;
        (to.Rax, to.Rcx, to.Rdx, to.Rbx) = (general[0], general[1], general[2], general[3]);
        (to.Rsp, to.Rbp, to.Rsi, to.Rdi) = (general[4], general[5], general[6], general[7]);
        (to.R8, to.R9, to.R10, to.R11) = (general[8], general[9], general[10], general[11]);
        (to.R12, to.R13, to.R14, to.R15) = (general[12], general[13], general[14], general[15]);
        (to.Rip, to.Rflags) = (from.Rip, from.Rflags);
    }

    public static void Fetch(in KvmSregs from, ref CpuState to)
    {
        to.Segments[(int)SegmentRegister.Es] = Fetch(from.Es);
        to.Segments[(int)SegmentRegister.Cs] = Fetch(from.Cs);
        to.Segments[(int)SegmentRegister.Ss] = Fetch(from.Ss);
        to.Segments[(int)SegmentRegister.Ds] = Fetch(from.Ds);
        to.Segments[(int)SegmentRegister.Fs] = Fetch(from.Fs);
        to.Segments[(int)SegmentRegister.Gs] = Fetch(from.Gs);
        (to.Tr, to.Ldtr) = (Fetch(from.Tr), Fetch(from.Ldt));
        (to.Gdtr, to.Idtr) = (Fetch(from.Gdt), Fetch(from.Idt));
        (to.Cr0, to.Cr2, to.Cr3, to.Cr4, to.Efer) = (from.Cr0, from.Cr2, from.Cr3, from.Cr4, from.Efer);
    }

    /// <summary>CR8, the APIC's base and pending interrupts stay: they are not the processor's.</summary>
    public static void Store(in CpuState from, ref KvmSregs to)
    {
        to.Es = Store(from.Segments[(int)SegmentRegister.Es]);
        to.Cs = Store(from.Segments[(int)SegmentRegister.Cs]);
        to.Ss = Store(from.Segments[(int)SegmentRegister.Ss]);
        to.Ds = Store(from.Segments[(int)SegmentRegister.Ds]);
        to.Fs = Store(from.Segments[(int)SegmentRegister.Fs]);
        to.Gs = Store(from.Segments[(int)SegmentRegister.Gs]);
        (to.Tr, to.Ldt) = (Store(from.Tr), Store(from.Ldtr));
        to.Gdt = new KvmTable { Base = from.Gdtr.Base, Limit = (ushort)from.Gdtr.Limit };
        to.Idt = new KvmTable { Base = from.Idtr.Base, Limit = (ushort)from.Idtr.Limit };
        (to.Cr0, to.Cr2, to.Cr3, to.Cr4, to.Efer) = (from.Cr0, from.Cr2, from.Cr3, from.Cr4, from.Efer);
    }

    public static void Fetch(in KvmDebugRegs from, ref CpuState to)
    {
        for (var i = 0; i < 4; i++) to.Debug[i] = from.Db[i];
        (to.Debug[6], to.Debug[7]) = (from.Dr6, from.Dr7);
    }

    public static void Store(in CpuState from, ref KvmDebugRegs to)
    {
        for (var i = 0; i < 4; i++) to.Db[i] = from.Debug[i];
        (to.Dr6, to.Dr7) = (from.Debug[6], from.Debug[7]);
    }

    public static void FetchExtended(ReadOnlySpan<byte> area, ref CpuState to)
    {
        FxsaveImage.Fetch(area, ref to);
        for (var i = 0; i < 16; i++)
            for (var half = 0; half < 2; half++) to.Vector[i][half + 2] = Quad(area, YmmHigh + (i * 16) + (half * 8));
        to.XstateBv = Quad(area, XstateBv);
    }

    /// <summary>All parts that the guest has switched on count as in use.</summary>
    public static void StoreExtended(in CpuState from, Span<byte> area)
    {
        area.Clear();
        FxsaveImage.Store(in from, area);
        for (var i = 0; i < 16; i++)
            for (var half = 0; half < 2; half++) Put(area, YmmHigh + (i * 16) + (half * 8), from.Vector[i][half + 2]);
        Put(area, XstateBv, X87AndSse | (from.Xcr0 & Avx));
    }

    private static Segment Fetch(in KvmSegment from) => new()
    {
        Base = from.Base,
        Limit = from.Limit,
        Selector = from.Selector,
        Flags = (uint)from.Type << 8 | (uint)from.S << 12 | (uint)from.Dpl << 13 | (from.Unusable == 0 ? (uint)from.Present << 15 : 0)
            | (uint)from.Avl << 20 | (uint)from.L << 21 | (uint)from.Db << 22 | (uint)from.G << 23,
    };

    private static KvmSegment Store(in Segment from) => new()
    {
        Base = from.Base,
        Limit = from.Limit,
        Selector = from.Selector,
        Type = (byte)(from.Flags >> 8 & 15),
        S = (byte)(from.Flags >> 12 & 1),
        Dpl = (byte)(from.Flags >> 13 & 3),
        Present = (byte)(from.Flags >> 15 & 1),
        Avl = (byte)(from.Flags >> 20 & 1),
        L = (byte)(from.Flags >> 21 & 1),
        Db = (byte)(from.Flags >> 22 & 1),
        G = (byte)(from.Flags >> 23 & 1),
        Unusable = (from.Flags & PresentFlag) == 0 ? (byte)1 : (byte)0,
    };

    private static Segment Fetch(in KvmTable from) => new() { Base = from.Base, Limit = from.Limit };
}
