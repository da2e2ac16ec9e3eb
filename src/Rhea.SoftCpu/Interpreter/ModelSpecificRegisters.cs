using Rhea.Core.Cpu;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>RDMSR and WRMSR by number; false is a general protection fault. An unknown one reads as 0 and ignores writes, as in QEMU.</summary>
internal static class ModelSpecificRegisters
{
    public const uint ApicBase = 0x1B;

    private const uint Tsc = 0x10, PlatformId = 0x17, FeatureControl = 0x3A, TscAdjust = 0x3B, MicrocodeRevision = 0x8B,
        SmiCount = 0x34, SpecControl = 0x48, PredictorCommand = 0x49, FlushCommand = 0x10B, MtrrCapability = 0xFE, SysenterCs = 0x174, SysenterEsp = 0x175, SysenterEip = 0x176, McgCap = 0x179, McgStatus = 0x17A,
        McgCtl = 0x17B, PerfStatus = 0x198, MiscEnable = 0x1A0, MtrrVariable = 0x200, MtrrFixed64K = 0x250, MtrrFixed16K = 0x258,
        MtrrFixed4K = 0x268, Pat = 0x277, MtrrDefault = 0x2FF, McBanks = 0x400, McBanksEnd = 0x47F, TscDeadline = 0x6E0, X2Apic = 0x800, X2ApicEnd = 0x8FF;

    private const uint EferNumber = 0xC000_0080, Star = 0xC000_0081, Lstar = 0xC000_0082, Cstar = 0xC000_0083, Fmask = 0xC000_0084,
        FsBase = 0xC000_0100, GsBase = 0xC000_0101, KernelGsBase = 0xC000_0102, TscAux = 0xC000_0103;

    private const int VariableRanges = 8, Banks = 10;

    public static bool Read(Cpu cpu, uint number, out ulong value)
    {
        ref CpuState state = ref cpu.State;
        switch (number)
        {
            case Tsc: value = cpu.TimeStamp; return true;
            case TscAdjust: value = state.TscAdjust; return true;
            case TscDeadline: return ReadDeadline(cpu, out value);
            case ApicBase or (>= X2Apic and <= X2ApicEnd): return cpu.Outside.TryReadApicMsr(number, out value);
            case SmiCount: value = state.SmiCount; return true;
            case MtrrCapability: value = 0x500 | VariableRanges; return true; // fixed ranges, write-combining
            case SysenterCs: value = state.SysenterCs; return true;
            case SysenterEsp: value = state.SysenterEsp; return true;
            case SysenterEip: value = state.SysenterEip; return true;
            case McgCap: value = state.McgCap; return true;
            case McgStatus: value = state.McgStatus; return true;
            case McgCtl: value = (state.McgCap & 0x100) != 0 ? state.McgCtl : 0; return true;
            case PerfStatus: value = 1000 | 4UL << 40; return true; // the multiplier a tool may divide by
            case MiscEnable: value = state.MiscEnable; return true;
            case MicrocodeRevision: value = cpu.Features.Amd ? 0x0100_0065UL : 0x1_0000_0000; return true;
            case >= MtrrVariable and < MtrrVariable + (2 * VariableRanges):
                ref MtrrRange range = ref state.MtrrVariable[(int)(number - MtrrVariable) / 2];
                value = (number & 1) == 0 ? range.Base : range.Mask;
                return true;
            case MtrrFixed64K or MtrrFixed16K or (MtrrFixed16K + 1) or (>= MtrrFixed4K and < MtrrFixed4K + 8):
                value = state.MtrrFixed[FixedIndex(number)];
                return true;
            case Pat: value = state.Pat; return true;
            case MtrrDefault: value = state.MtrrDefaultType; return true;
            case >= McBanks and < McBanks + (4 * Banks): value = state.McBanks[(int)(number - McBanks)]; return true;
            case EferNumber: value = state.Efer; return true;
            case Star: value = state.Star; return true;
            case Lstar: value = state.Lstar; return true;
            case Cstar: value = state.Cstar; return true;
            case Fmask: value = state.Fmask; return true;
            case FsBase: value = cpu.Segment(SegmentRegister.Fs).Base; return true;
            case GsBase: value = cpu.Segment(SegmentRegister.Gs).Base; return true;
            case KernelGsBase: value = state.KernelGsBase; return true;
            case TscAux: value = state.TscAux; return true;
            case (>= McBanks and <= McBanksEnd) or SpecControl or PredictorCommand or FlushCommand: value = 0; return false; // which CPUID does not show
            default: value = 0; return true;
        }
    }

    public static bool Write(Cpu cpu, uint number, ulong value)
    {
        ref CpuState state = ref cpu.State;
        switch (number)
        {
            case Tsc: return WriteTsc(cpu, value);
            case TscAdjust: return WriteTscAdjust(cpu, value);
            case ApicBase: return WriteApicBase(cpu, value);
            case TscDeadline: return WriteDeadline(cpu, value);
            case >= X2Apic and <= X2ApicEnd: return cpu.Outside.TryWriteApicMsr(number, value);
            case SysenterCs: state.SysenterCs = value & 0xFFFF; return true;
            case SysenterEsp: return Address(cpu, ref state.SysenterEsp, value);
            case SysenterEip: return Address(cpu, ref state.SysenterEip, value);
            case McgStatus: state.McgStatus = value; return true;
            case McgCtl: return SetAllOrNothing(ref state.McgCtl, value, (state.McgCap & 0x100) != 0);
            case MiscEnable: state.MiscEnable = value; return true;
            case >= MtrrVariable and < MtrrVariable + (2 * VariableRanges):
                ref MtrrRange range = ref state.MtrrVariable[(int)(number - MtrrVariable) / 2];
                if ((number & 1) == 0) range.Base = value;
                else range.Mask = value;
                return true;
            case MtrrFixed64K or MtrrFixed16K or (MtrrFixed16K + 1) or (>= MtrrFixed4K and < MtrrFixed4K + 8):
                state.MtrrFixed[FixedIndex(number)] = value;
                return true;
            case Pat: return WritePat(ref state, value);
            case MtrrDefault: state.MtrrDefaultType = value; return true;
            case >= McBanks and < McBanks + (4 * Banks): return WriteBank(ref state, (int)(number - McBanks), value);
            case EferNumber: return WriteEfer(cpu, value);
            case Star: state.Star = value; return true;
            case Lstar: return Address(cpu, ref state.Lstar, value);
            case Cstar: return Address(cpu, ref state.Cstar, value);
            case Fmask: state.Fmask = (uint)value; return true;
            case FsBase: return Address(cpu, ref cpu.Segment(SegmentRegister.Fs).Base, value);
            case GsBase: return Address(cpu, ref cpu.Segment(SegmentRegister.Gs).Base, value);
            case KernelGsBase: return Address(cpu, ref state.KernelGsBase, value);
            case TscAux: state.TscAux = (uint)value; return true;
            case (>= McBanks and <= McBanksEnd) or SpecControl or PredictorCommand or FlushCommand: return false;
            case MtrrCapability or McgCap or PlatformId or FeatureControl: return number == PlatformId || number == FeatureControl;
            default: return true;
        }
    }

    private static int FixedIndex(uint number) => number switch
    {
        MtrrFixed64K => 0,
        < MtrrFixed4K => 1 + (int)(number - MtrrFixed16K),
        _ => 3 + (int)(number - MtrrFixed4K),
    };

    private static bool Address(Cpu cpu, ref ulong register, ulong value)
    {
        if (!cpu.IsCanonicalBase(value)) return false;
        register = value;
        return true;
    }

    /// <summary>TSC_ADJUST follows, so that the sum shows how far software moved the counter (Intel SDM vol. 3, 18.17.3).</summary>
    private static bool WriteTsc(Cpu cpu, ulong value)
    {
        ulong by = value - cpu.TimeStamp;
        cpu.State.TscAdjust += by;
        return MoveTimeStamp(cpu, by);
    }

    private static bool WriteTscAdjust(Cpu cpu, ulong value)
    {
        ulong by = value - cpu.State.TscAdjust;
        cpu.State.TscAdjust = value;
        return MoveTimeStamp(cpu, by);
    }

    /// <summary>A deadline stays the same value of the counter, which is another time now.</summary>
    private static bool MoveTimeStamp(Cpu cpu, ulong by)
    {
        bool armed = ReadDeadline(cpu, out ulong deadline) && deadline != 0;
        cpu.TimeStamp += by;
        return !armed || WriteDeadline(cpu, deadline);
    }

    /// <summary>To the guest a deadline is a value of its counter, to the APIC's timer a time; 0 is none to both.</summary>
    private static bool ReadDeadline(Cpu cpu, out ulong value)
    {
        if (!cpu.Outside.TryReadApicMsr(TscDeadline, out value)) return false;
        if (value != 0) value += cpu.TimeStampOffset;
        return true;
    }

    private static bool WriteDeadline(Cpu cpu, ulong value)
    {
        if (value == 0) return cpu.Outside.TryWriteApicMsr(TscDeadline, 0);
        ulong now = (ulong)cpu.Bus.Time, stamp = now + cpu.TimeStampOffset;
        ulong time = value <= stamp ? now : now + Math.Min(value - stamp, long.MaxValue - now);
        return cpu.Outside.TryWriteApicMsr(TscDeadline, Math.Max(time, 1)); // at time 0 too it is a deadline
    }

    /// <summary>The APIC's registers moved, or went away.</summary>
    private static bool WriteApicBase(Cpu cpu, ulong value)
    {
        if (!cpu.Outside.TryWriteApicMsr(ApicBase, value)) return false;
        cpu.Mmu.Flush();
        return true;
    }

    /// <summary>Types 2 and 3 are reserved, and 8 and above.</summary>
    private static bool WritePat(ref CpuState state, ulong value)
    {
        for (var i = 0; i < 64; i += 8)
            if ((value >> i & 0xFF) is 2 or 3 or > 7) return false;
        state.Pat = value;
        return true;
    }

    private static bool WriteBank(ref CpuState state, int index, ulong value)
    {
        const ulong tableWalkErrors = 1 << 10; // of the GART, which systems leave out on AMD processors (BKDG 0Fh, MC4_CTL)
        if ((index & 3) == 0 && value != 0 && (value | tableWalkErrors) != ulong.MaxValue) return false;
        if ((index & 3) == 1 && value != 0) return false;
        state.McBanks[index] = value;
        return true;
    }

    private static bool SetAllOrNothing(ref ulong register, ulong value, bool exists)
    {
        if (exists && value is 0 or ulong.MaxValue) register = value;
        return true;
    }

    /// <summary>Only what CPUID offers can be set; LMA is read-only, and LME fixed while paging.</summary>
    private static bool WriteEfer(Cpu cpu, ulong value)
    {
        ref CpuState state = ref cpu.State;
        ulong may = (cpu.Features.SystemCalls ? Efer.SystemCall : 0) | (cpu.Features.LongMode ? Efer.LongModeEnable : 0)
            | (cpu.Features.NoExecute ? Efer.NoExecute : 0);
        if ((state.Cr0 & Cr0.Paging) != 0 && ((value ^ state.Efer) & Efer.LongModeEnable) != 0) return false;
        state.Efer = (state.Efer & ~may) | (value & may);
        cpu.Mmu.Flush();
        return true;
    }
}
