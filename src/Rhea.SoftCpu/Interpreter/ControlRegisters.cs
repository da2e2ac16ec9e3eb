using Rhea.Core.Cpu;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>MOV with control and debug registers, LMSW, CLTS, and the mode changes that follow (Intel SDM vol. 3, 2.5).</summary>
internal static class ControlRegisters
{
    private const ulong Cr0Defined = 0xE005_003F, KeepsTranslations = 1UL << 63;

    public static Step ReadControl(Cpu cpu, in Op op)
    {
        if (cpu.Cpl != 0) return cpu.Fault(ExceptionVector.GeneralProtection);
        ref CpuState state = ref cpu.State;
        ulong value;
        switch (op.R1)
        {
            case 0: value = state.Cr0; break;
            case 2: value = state.Cr2; break;
            case 3: value = state.Cr3; break;
            case 4: value = state.Cr4; break;
            case 8: value = cpu.Bus.TaskPriority; break;
            default: return cpu.Fault(ExceptionVector.InvalidOpcode);
        }

        SetWord(cpu, op.R0, value);
        return Step.Next;
    }

    public static Step WriteControl(Cpu cpu, in Op op)
    {
        if (cpu.Cpl != 0) return cpu.Fault(ExceptionVector.GeneralProtection);
        ulong value = cpu.Code64 ? cpu.Get<ulong>(op.R1) : cpu.Get<uint>(op.R1);
        bool done;
        switch (op.R0)
        {
            case 0:
                done = SetCr0(cpu, value);
                break;
            case 2:
                cpu.State.Cr2 = value;
                done = true;
                break;
            case 3:
                done = SetCr3(cpu, value);
                break;
            case 4:
                done = SetCr4(cpu, value);
                break;
            case 8:
                if ((value & ~15UL) != 0) return cpu.Fault(ExceptionVector.GeneralProtection);
                cpu.Outside.SetTaskPriority((byte)value);
                done = true;
                break;
            default:
                return cpu.Fault(ExceptionVector.InvalidOpcode);
        }

        return done ? cpu.LeaveAfter(in op) : Step.Fault;
    }

    public static Step ReadDebug(Cpu cpu, in Op op)
    {
        if (cpu.Cpl != 0) return cpu.Fault(ExceptionVector.GeneralProtection);
        if (!Debug(cpu, op.R1, out int index)) return Step.Fault;
        SetWord(cpu, op.R0, cpu.State.Debug[index]);
        return Step.Next;
    }

    public static Step WriteDebug(Cpu cpu, in Op op)
    {
        if (cpu.Cpl != 0) return cpu.Fault(ExceptionVector.GeneralProtection);
        if (!Debug(cpu, op.R0, out int index)) return Step.Fault;
        ulong value = cpu.Code64 ? cpu.Get<ulong>(op.R1) : cpu.Get<uint>(op.R1);
        if (index >= 6 && value >> 32 != 0) return cpu.Fault(ExceptionVector.GeneralProtection);
        cpu.State.Debug[index] = index switch
        {
            6 => (value & 0xE00F) | 0xFFFF_0FF0,
            7 => (value & 0xFFFF_2BFF) | 0x400,
            _ => value,
        };
        cpu.Breakpoints.Update();
        return cpu.LeaveAfter(in op);
    }

    public static Step Lmsw(Cpu cpu, in Op op) => Lmsw(cpu, in op, cpu.Get<ushort>(op.R0));

    public static Step LmswMemory(Cpu cpu, in Op op)
    {
        if (cpu.Cpl != 0) return cpu.Fault(ExceptionVector.GeneralProtection); // before the operand is reached
        return cpu.Load(in op, out ushort value) ? Lmsw(cpu, in op, value) : Step.Fault;
    }

    public static Step Clts(Cpu cpu, in Op op)
    {
        if (cpu.Cpl != 0) return cpu.Fault(ExceptionVector.GeneralProtection);
        cpu.State.Cr0 &= ~(ulong)Cr0.TaskSwitched;
        cpu.UpdateMode();
        return cpu.LeaveAfter(in op);
    }

    public static Step Clac(Cpu cpu, in Op op) => SetAlignmentCheck(cpu, in op, false);

    public static Step Stac(Cpu cpu, in Op op) => SetAlignmentCheck(cpu, in op, true);

    /// <summary>PE can be set, not cleared.</summary>
    private static Step Lmsw(Cpu cpu, in Op op, ushort value)
    {
        if (cpu.Cpl != 0) return cpu.Fault(ExceptionVector.GeneralProtection);
        ulong kept = cpu.State.Cr0 & ~14UL;
        return SetCr0(cpu, kept | (value & 15u)) ? cpu.LeaveAfter(in op) : Step.Fault;
    }

    private static Step SetAlignmentCheck(Cpu cpu, in Op op, bool on)
    {
        if (cpu.Cpl != 0 || (cpu.State.Cr4 & Cr4.SupervisorAccess) == 0 && !cpu.Features.Smap) return cpu.Fault(ExceptionVector.InvalidOpcode);
        if (on) cpu.State.Rflags |= Rflags.AlignmentCheck;
        else cpu.State.Rflags &= ~(ulong)Rflags.AlignmentCheck;
        cpu.UpdateMode();
        return Step.Next;
    }

    private static bool SetCr0(Cpu cpu, ulong value)
    {
        ref CpuState state = ref cpu.State;
        if (value >> 32 != 0) return cpu.Refuse(ExceptionVector.GeneralProtection);
        value = (value & Cr0Defined) | Cr0.ExtensionType;
        bool paging = (value & Cr0.Paging) != 0, was = (state.Cr0 & Cr0.Paging) != 0;
        if ((paging && (value & Cr0.ProtectedMode) == 0) || (value & (Cr0.NotWriteThrough | Cr0.CacheDisable)) == Cr0.NotWriteThrough)
            return cpu.Refuse(ExceptionVector.GeneralProtection);
        if (paging && !was && (state.Efer & Efer.LongModeEnable) != 0)
        {
            if ((state.Cr4 & Cr4.PhysicalAddress) == 0 || (cpu.Segment(SegmentRegister.Cs).Flags & Descriptor.LongBit) != 0)
                return cpu.Refuse(ExceptionVector.GeneralProtection);
            state.Efer |= Efer.LongModeActive;
        }
        else if (!paging && was && cpu.LongMode)
        {
            if (cpu.Code64 || (state.Cr4 & Cr4.Pcid) != 0) return cpu.Refuse(ExceptionVector.GeneralProtection);
            state.Efer &= ~(ulong)Efer.LongModeActive;
        }

        bool flush = ((value ^ state.Cr0) & (Cr0.Paging | Cr0.WriteProtect | Cr0.ProtectedMode)) != 0;
        state.Cr0 = value;
        if (flush) cpu.Mmu.Flush();
        cpu.UpdateMode();
        return true;
    }

    private static bool SetCr3(Cpu cpu, ulong value)
    {
        bool contexts = (cpu.State.Cr4 & Cr4.Pcid) != 0, keeps = contexts && (value & KeepsTranslations) != 0;
        if (contexts) value &= ~KeepsTranslations;
        if (cpu.LongMode && value >> cpu.Mmu.PhysicalBits != 0) return cpu.Refuse(ExceptionVector.GeneralProtection);
        cpu.State.Cr3 = value;
        cpu.Mmu.Tables.EnterContext(cpu.Context, keeps);
        return true;
    }

    private static bool SetCr4(Cpu cpu, ulong value)
    {
        ref CpuState state = ref cpu.State;
        if ((value & ~cpu.Features.Cr4Allowed) != 0) return cpu.Refuse(ExceptionVector.GeneralProtection);
        if (cpu.LongMode && ((value & Cr4.PhysicalAddress) == 0 || ((value ^ state.Cr4) & Cr4.FiveLevelPaging) != 0)) return cpu.Refuse(ExceptionVector.GeneralProtection);
        if ((value & ~state.Cr4 & Cr4.Pcid) != 0 && (!cpu.LongMode || (state.Cr3 & 0xFFF) != 0)) return cpu.Refuse(ExceptionVector.GeneralProtection);
        const ulong Translation = Cr4.PageSize | Cr4.PhysicalAddress | Cr4.PageGlobal | Cr4.Pcid
            | Cr4.FiveLevelPaging | Cr4.SupervisorExecution | Cr4.SupervisorAccess;
        bool flush = ((value ^ state.Cr4) & Translation) != 0;
        state.Cr4 = value;
        if (flush) cpu.Mmu.Flush();
        cpu.UpdateMode();
        return true;
    }

    /// <summary>DR4 and DR5 are DR6 and DR7 unless debugging extensions are on; GD guards them all.</summary>
    private static bool Debug(Cpu cpu, int register, out int index)
    {
        index = register is 4 or 5 ? register + 2 : register;
        if (register > 7 || (register is 4 or 5 && (cpu.State.Cr4 & Cr4.DebuggingExtensions) != 0)) return cpu.Refuse(ExceptionVector.InvalidOpcode);
        if ((cpu.State.Debug[7] & 0x2000) == 0) return true;
        cpu.Breakpoints.Note(0x2000);
        return cpu.Refuse(ExceptionVector.Debug);
    }

    private static void SetWord(Cpu cpu, ushort register, ulong value)
    {
        if (cpu.Code64) cpu.Set(register, value);
        else cpu.Set(register, (uint)value);
    }
}
