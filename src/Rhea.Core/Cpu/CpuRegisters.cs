using Rhea.Core.State;

namespace Rhea.Core.Cpu;

/// <summary>The registers of one processor in canonical form: what <see cref="IVcpu.Read"/> fills and <see cref="IVcpu.Write"/> takes.</summary>
/// <remarks>Its list is QEMU's section "cpu", version 12.</remarks>
public sealed class CpuRegisters(int index) : IState
{
    private const uint InhibitInterrupts = 1 << 3, SmmFlag = 1 << 19;        // QEMU's hflags; the rest follows from the registers
    private const uint GlobalInterrupts = 1, NmiMasked = 1 << 2, SmmInsideNmi = 1 << 4, Ignne = 1 << 7, Vgif = 1 << 8; // hflags2
    private const int A20Closed = ~(1 << 20);
    private const uint TopMask = 0x3800;
    private static readonly StructType Fpreg = new("fpreg", 0), FpregTemporary = new("fpreg_tmp", 0), SegmentType = new("segment", 1), Xmm = new("xmm_reg", 1),
        Ymmh = new("ymmh_reg", 1), MtrrVar = new("mtrr_var", 1);

    public CpuState State;

    /// <summary>0 is the processor that boots.</summary>
    public int Index => index;

    /// <summary>The IGNNE# pin, which a PC's chipset drives: x87 errors stay unreported.</summary>
    public bool IgnoresNumericErrors { get; set; }

    /// <summary>The values after RESET (Intel SDM vol. 3, table 10-1). The others than the first wait for a start-up IPI.</summary>
    public void Reset(uint signature)
    {
        State = default;
        IgnoresNumericErrors = false;
        State.Rip = 0xFFF0;
        State.Rflags = 2;
        State.General[2] = signature;
        State.Cr0 = 0x6000_0010;
        for (var i = 0; i < 6; i++) State.Segments[i] = new Segment { Limit = 0xFFFF, Flags = 0x9300 };
        State.Segments[(int)SegmentRegister.Cs] = new Segment { Selector = 0xF000, Base = 0xFFFF_0000, Limit = 0xFFFF, Flags = 0x9B00 };
        State.Gdtr.Limit = State.Idtr.Limit = 0xFFFF;
        State.Ldtr = new Segment { Limit = 0xFFFF, Flags = 0x8200 };
        State.Tr = new Segment { Limit = 0xFFFF, Flags = 0x8B00 };
        State.Debug[6] = 0xFFFF_0FF0;
        State.Debug[7] = 0x400;
        State.FpuControl = 0x37F;
        State.FpuEmpty = 0xFF;
        State.Mxcsr = 0x1F80;
        State.Pat = 0x0007_0406_0007_0406;
        State.MiscEnable = 1;
        State.McgCap = 0x100_010A;
        State.McgCtl = ulong.MaxValue;
        for (var bank = 0; bank < 10; bank++) State.McBanks[bank * 4] = ulong.MaxValue;
        State.Xcr0 = 1;
        State.Smbase = 0x3_0000;
        State.A20 = true;
        State.Activity = index == 0 ? CpuActivity.Running : CpuActivity.WaitForSipi;
    }

    /// <summary>The values after INIT (table 10-1): what it leaves alone, RESET would not.</summary>
    public void Init(uint signature)
    {
        CpuState kept = State;
        Reset(signature);
        const ulong CacheDisableAndNotWriteThrough = 0x6000_0000;
        State.Cr0 = (State.Cr0 & ~CacheDisableAndNotWriteThrough) | (kept.Cr0 & CacheDisableAndNotWriteThrough);
        (State.X87, State.FpuControl, State.FpuStatus, State.FpuEmpty) = (kept.X87, kept.FpuControl, kept.FpuStatus, kept.FpuEmpty);
        (State.Vector, State.Mxcsr, State.Xcr0) = (kept.Vector, kept.Mxcsr, kept.Xcr0);
        (State.MtrrDefaultType, State.MtrrFixed, State.MtrrVariable, State.Pat) = (kept.MtrrDefaultType, kept.MtrrFixed, kept.MtrrVariable, kept.Pat);
        (State.McBanks, State.McgCap, State.McgCtl, State.McgStatus) = (kept.McBanks, kept.McgCap, kept.McgCtl, kept.McgStatus);
        (State.TscOffset, State.TscAdjust, State.TscAux, State.TscDeadline) = (kept.TscOffset, kept.TscAdjust, kept.TscAux, kept.TscDeadline);
        (State.Smbase, State.SmiCount, State.A20, State.MiscEnable) = (kept.Smbase, kept.SmiCount, kept.A20, kept.MiscEnable);
        State.Tsc = kept.Tsc;
    }

    /// <summary>The start-up IPI: its vector is the page of real-mode memory to start at (Intel SDM vol. 3, 9.4.3).</summary>
    public void StartUp(byte vector)
    {
        State.Rip = 0;
        State.Segments[(int)SegmentRegister.Cs] = new Segment { Selector = (ushort)(vector << 8), Base = (ulong)vector << 12, Limit = 0xFFFF, Flags = 0x9B00 };
        State.Activity = CpuActivity.Running;
    }

    public void Visit(StateVisitor state)
    {
        ref CpuState cpu = ref State;
        state.UInt64("env.regs", cpu.General);
        state.UInt64("env.eip", ref cpu.Rip);
        state.UInt64("env.eflags", ref cpu.Rflags);
        uint hflags = HiddenFlags();
        state.UInt32("env.hflags", ref hflags);
        VisitX87(state, ref cpu);
        state.Structs<Segment>("env.segs", SegmentType, cpu.Segments, VisitSegment);
        VisitOne(state, "env.ldt", ref cpu.Ldtr);
        VisitOne(state, "env.tr", ref cpu.Tr);
        VisitOne(state, "env.gdt", ref cpu.Gdtr);
        VisitOne(state, "env.idt", ref cpu.Idtr);
        var sysenterCs = (uint)cpu.SysenterCs;
        state.UInt32("env.sysenter_cs", ref sysenterCs);
        cpu.SysenterCs = sysenterCs;
        state.UInt64("env.sysenter_esp", ref cpu.SysenterEsp);
        state.UInt64("env.sysenter_eip", ref cpu.SysenterEip);
        state.UInt64("env.cr[0]", ref cpu.Cr0);
        state.UInt64("env.cr[2]", ref cpu.Cr2);
        state.UInt64("env.cr[3]", ref cpu.Cr3);
        state.UInt64("env.cr[4]", ref cpu.Cr4);
        state.UInt64("env.dr", cpu.Debug);
        int a20 = cpu.A20 ? -1 : A20Closed;
        state.Int32("env.a20_mask", ref a20);
        cpu.A20 = a20 == -1;
        state.UInt32("env.mxcsr", ref cpu.Mxcsr);
        state.Structs<VectorRegister>("env.xmm_regs[0]", Xmm, cpu.Vector, VisitLow);
        VisitSystemRegisters(state, ref cpu);
        uint hflags2 = GlobalInterrupts | Vgif | (cpu.NmiBlocked ? NmiMasked : 0) | (cpu.SmiInsideNmi ? SmmInsideNmi : 0) | (IgnoresNumericErrors ? Ignne : 0);
        state.UInt32("env.hflags2", ref hflags2);
        VisitVirtualization(state, ref cpu);
        VisitMtrrs(state, ref cpu);
        VisitEvents(state, ref cpu);
        VisitMachineCheck(state, ref cpu);
        state.UInt64("env.tsc_aux", ref cpu.TscAux);
        state.UInt64("env.system_time_msr", ref cpu.SystemTimeMsr);
        state.UInt64("env.wall_clock_msr", ref cpu.WallClockMsr);
        state.UInt64("env.xcr0", ref cpu.Xcr0);
        state.UInt64("env.xstate_bv", ref cpu.XstateBv);
        state.Structs<VectorRegister>("env.xmm_regs[1]", Ymmh, cpu.Vector, VisitHigh);
        (cpu.InterruptShadow, cpu.Smm, cpu.NmiBlocked, cpu.SmiInsideNmi, IgnoresNumericErrors) =
            ((hflags & InhibitInterrupts) != 0, (hflags & SmmFlag) != 0, (hflags2 & NmiMasked) != 0, (hflags2 & SmmInsideNmi) != 0, (hflags2 & Ignne) != 0);
        VisitSubsections(state);
    }

    /// <summary>What QEMU keeps of the registers for its own use (target/i386 hflags): it is checked, and set anew, by who loads it.</summary>
    private uint HiddenFlags()
    {
        ref CpuState cpu = ref State;
        uint cs = cpu.Segments[1].Flags, ss = cpu.Segments[2].Flags;
        bool longMode = cpu.InLongMode, cs64 = cpu.In64BitCode, v86 = (cpu.Rflags & 0x20000) != 0;
        bool protectedMode = (cpu.Cr0 & 1) != 0;
        uint flags = (cpu.InterruptShadow ? InhibitInterrupts : 0) | (cpu.Smm ? SmmFlag : 0);
        if (protectedMode) flags |= ss >> 13 & 3;
        if (cs64) flags |= 1 << 4 | 1 << 5 | 1 << 15;
        else flags |= (cs >> 22 & 1) << 4 | (ss >> 22 & 1) << 5;
        bool flat = (cpu.Segments[0].Base | cpu.Segments[2].Base | cpu.Segments[3].Base) == 0;
        if (!cs64 && (!protectedMode || v86 || (cs >> 22 & 1) == 0 || !flat)) flags |= 1 << 6;
        flags |= (uint)(cpu.Cr0 & 1) << 7;
        flags |= (uint)(cpu.Cr0 >> 1 & 7) << 9;
        flags |= (uint)cpu.Rflags & (0x100 | 0x3000 | 0x20000 | 0x40000 | 0x10000);
        if (longMode) flags |= 1 << 14;
        flags |= (uint)(cpu.Cr4 >> 9 & 1) << 22 | (uint)(cpu.Cr4 >> 21 & 1) << 23 | (uint)(cpu.Cr4 >> 11 & 1) << 27;
        return flags;
    }

    private static void VisitX87(StateVisitor state, ref CpuState cpu)
    {
        state.UInt16("env.fpuc", ref cpu.FpuControl);
        state.UInt16("env.fpus_vmstate", ref cpu.FpuStatus);
        var valid = (ushort)(byte)~cpu.FpuEmpty;
        state.UInt16("env.fptag_vmstate", ref valid);
        cpu.FpuEmpty = (byte)~valid;
        ushort format = 0;
        state.UInt16("env.fpregs_format_vmstate", ref format);
        state.Structs<X87Register>("env.fpregs", Fpreg, cpu.X87, static (ref X87Register register, StateVisitor outer) =>
        {
            X87Register value = register;
            outer.Temporary("tmp", FpregTemporary, inner =>
            {
                inner.UInt64("tmp_mant", ref value.Significand);
                inner.UInt16("tmp_exp", ref value.SignExponent);
            });
            register = value;
        });
    }

    private static void VisitSystemRegisters(StateVisitor state, ref CpuState cpu)
    {
        state.UInt64("env.efer", ref cpu.Efer);
        state.UInt64("env.star", ref cpu.Star);
        state.UInt64("env.lstar", ref cpu.Lstar);
        state.UInt64("env.cstar", ref cpu.Cstar);
        state.UInt64("env.fmask", ref cpu.Fmask);
        state.UInt64("env.kernelgsbase", ref cpu.KernelGsBase);
        state.UInt32("env.smbase", ref cpu.Smbase);
        state.UInt64("env.pat", ref cpu.Pat);
    }

    /// <summary>SVM's registers: no guest of ours is inside a guest.</summary>
    private static void VisitVirtualization(StateVisitor state, ref CpuState cpu)
    {
        ulong none = 0;
        ushort none16 = 0;
        uint none32 = 0;
        byte none8 = 0;
        state.UInt64("env.vm_hsave", ref none);
        state.UInt64("env.vm_vmcb", ref none);
        state.UInt64("env.tsc_offset", ref cpu.TscOffset);
        state.UInt64("env.intercept", ref none);
        state.UInt16("env.intercept_cr_read", ref none16);
        state.UInt16("env.intercept_cr_write", ref none16);
        state.UInt16("env.intercept_dr_read", ref none16);
        state.UInt16("env.intercept_dr_write", ref none16);
        state.UInt32("env.intercept_exceptions", ref none32);
        state.UInt8("env.v_tpr", ref none8);
    }

    private static void VisitMtrrs(StateVisitor state, ref CpuState cpu)
    {
        state.UInt64("env.mtrr_fixed", cpu.MtrrFixed);
        state.UInt64("env.mtrr_deftype", ref cpu.MtrrDefaultType);
        state.Structs<MtrrRange>("env.mtrr_var", MtrrVar, cpu.MtrrVariable, static (ref MtrrRange range, StateVisitor inner) =>
        {
            inner.UInt64("base", ref range.Base);
            inner.UInt64("mask", ref range.Mask);
        });
    }

    private static void VisitEvents(StateVisitor state, ref CpuState cpu)
    {
        ref InjectedEvents injected = ref cpu.Injected;
        int interrupt = injected.Interrupt ? injected.InterruptVector : -1, exception = injected.Exception ? injected.ExceptionVector : -1;
        uint running = 0;
        bool nmi = cpu.NmiPending;
        state.Int32("env.interrupt_injected", ref interrupt);
        state.UInt32("env.mp_state", ref running);
        state.UInt64("env.tsc", ref cpu.Tsc);
        state.Int32("env.exception_nr", ref exception);
        state.UInt8("env.soft_interrupt", ref injected.InterruptIsSoft);
        state.UInt8("env.nmi_injected", ref injected.Nmi);
        state.UInt8("env.nmi_pending", ref nmi);
        cpu.NmiPending |= nmi; // an accelerator's way to say so; QEMU's translator says it in "cpu_common"
        state.UInt8("env.has_error_code", ref injected.ExceptionHasErrorCode);
        (injected.Interrupt, injected.InterruptVector) = (interrupt >= 0, (byte)interrupt);
        (injected.Exception, injected.ExceptionVector) = (exception >= 0, (byte)exception);
        uint vector = cpu.SipiVector;
        state.UInt32("env.sipi_vector", ref vector);
        cpu.SipiVector = (byte)vector;
    }

    private static void VisitMachineCheck(StateVisitor state, ref CpuState cpu)
    {
        state.UInt64("env.mcg_cap", ref cpu.McgCap);
        state.UInt64("env.mcg_status", ref cpu.McgStatus);
        state.UInt64("env.mcg_ctl", ref cpu.McgCtl);
        state.UInt64("env.mce_banks", cpu.McBanks);
    }

    private void VisitSubsections(StateVisitor state)
    {
        state.Subsection("cpu/async_pv_eoi_msr", 1, State.PvEoiMsr != 0, inner => inner.UInt64("env.pv_eoi_en_msr", ref State.PvEoiMsr));
        state.Subsection("cpu/steal_time_msr", 1, State.StealTimeMsr != 0, inner => inner.UInt64("env.steal_time_msr", ref State.StealTimeMsr));
        state.Subsection("cpu/poll_control_msr", 1, State.PollControl != 1, inner => inner.UInt64("env.poll_control_msr", ref State.PollControl));
        state.Subsection("cpu/fpop_ip_dp", 1, (State.FpuOpcode | State.FpuInstruction | State.FpuOperand) != 0, inner =>
        {
            inner.UInt16("env.fpop", ref State.FpuOpcode);
            inner.UInt64("env.fpip", ref State.FpuInstruction);
            inner.UInt64("env.fpdp", ref State.FpuOperand);
        });
        state.Subsection("cpu/msr_tsc_adjust", 1, State.TscAdjust != 0, inner => inner.UInt64("env.tsc_adjust", ref State.TscAdjust));
        state.Subsection("cpu/msr_tscdeadline", 1, State.TscDeadline != 0, inner => inner.UInt64("env.tsc_deadline", ref State.TscDeadline));
        state.Subsection("cpu/msr_ia32_misc_enable", 1, State.MiscEnable != 1, inner => inner.UInt64("env.msr_ia32_misc_enable", ref State.MiscEnable));
        state.Subsection("cpu/tsc_khz", 1, State.TscKilohertz != 0, inner => inner.Int64("env.tsc_khz", ref State.TscKilohertz));
        state.Subsection("cpu/msr_smi_count", 1, State.SmiCount != 0, inner => inner.UInt64("env.msr_smi_count", ref State.SmiCount));
    }

    private static void VisitOne(StateVisitor state, string name, ref Segment segment)
    {
        Span<Segment> one = new(ref segment);
        state.Structs(name, SegmentType, one, VisitSegment);
    }

    private static void VisitSegment(ref Segment segment, StateVisitor state)
    {
        uint selector = segment.Selector;
        state.UInt32("selector", ref selector);
        segment.Selector = (ushort)selector;
        state.UInt64("base", ref segment.Base);
        state.UInt32("limit", ref segment.Limit);
        state.UInt32("flags", ref segment.Flags);
    }

    private static void VisitLow(ref VectorRegister register, StateVisitor state)
    {
        state.UInt64("_q_ZMMReg[0]", ref register[0]);
        state.UInt64("_q_ZMMReg[1]", ref register[1]);
    }

    private static void VisitHigh(ref VectorRegister register, StateVisitor state)
    {
        state.UInt64("_q_ZMMReg[2]", ref register[2]);
        state.UInt64("_q_ZMMReg[3]", ref register[3]);
    }
}
