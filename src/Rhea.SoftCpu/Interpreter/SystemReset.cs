using Rhea.Core.Cpu;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>INIT and start-up IPI (Intel SDM vol. 3, table 10-1): what INIT leaves alone, a reset would not.</summary>
internal static class SystemReset
{
    public static void Init(Cpu cpu)
    {
        CpuState kept = cpu.State;
        var registers = new CpuRegisters(cpu.Index);
        registers.Reset(cpu.Signature);
        ref CpuState fresh = ref registers.State;
        fresh.Cr0 |= kept.Cr0 & (X86.Cr0.NotWriteThrough | X86.Cr0.CacheDisable);
        (fresh.X87, fresh.FpuControl, fresh.FpuStatus, fresh.FpuEmpty) = (kept.X87, kept.FpuControl, kept.FpuStatus, kept.FpuEmpty);
        (fresh.Vector, fresh.Mxcsr, fresh.Xcr0) = (kept.Vector, kept.Mxcsr, kept.Xcr0);
        (fresh.MtrrDefaultType, fresh.MtrrFixed, fresh.MtrrVariable, fresh.Pat) = (kept.MtrrDefaultType, kept.MtrrFixed, kept.MtrrVariable, kept.Pat);
        (fresh.McBanks, fresh.McgCap, fresh.McgCtl, fresh.McgStatus) = (kept.McBanks, kept.McgCap, kept.McgCtl, kept.McgStatus);
        (fresh.TscOffset, fresh.TscAdjust, fresh.TscAux, fresh.TscDeadline) = (kept.TscOffset, kept.TscAdjust, kept.TscAux, kept.TscDeadline);
        (fresh.Smbase, fresh.SmiCount, fresh.A20, fresh.MiscEnable) = (kept.Smbase, kept.SmiCount, kept.A20, kept.MiscEnable);
        cpu.State = fresh;
        cpu.WriteRflags(2);
        cpu.Breakpoints.Update();
    }

    /// <summary>The vector is the page of real-mode memory to start at.</summary>
    public static void StartUp(Cpu cpu, byte vector)
    {
        ref CpuState state = ref cpu.State;
        state.Rip = 0;
        state.Segments[(int)SegmentRegister.Cs] = new Segment { Selector = (ushort)(vector << 8), Base = (ulong)vector << 12, Limit = 0xFFFF, Flags = 0x9B00 };
        cpu.UpdateMode();
    }
}
