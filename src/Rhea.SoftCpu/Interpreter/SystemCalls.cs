using Rhea.Core.Cpu;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS: fixed segments, no descriptor is read (AMD64 APM vol. 2, 6.1).</summary>
internal static class SystemCalls
{
    private const uint Code = 0xC0_9B00, Code64 = 0xA0_9B00, Data = 0xC0_9300, User = 0x6000;

    public static Step Syscall(Cpu cpu, in Op op)
    {
        ref CpuState state = ref cpu.State;
        if ((state.Efer & Efer.SystemCall) == 0 || !cpu.Protected) return cpu.Fault(ExceptionVector.InvalidOpcode);
        var selector = (ushort)(state.Star >> 32 & 0xFFFC);
        ulong next = cpu.NextIp(in op);
        if (cpu.LongMode)
        {
            bool long64 = cpu.Code64;
            cpu.Rcx = long64 ? next : (uint)next;
            state.General[11] = cpu.ReadRflags() & ~(ulong)Rflags.Resume;
            SetSegments(cpu, selector, Code64, (ushort)(selector + 8), 0);
            cpu.WriteRflags(cpu.ReadRflags() & ~(state.Fmask | Rflags.Resume));
            state.Rip = long64 ? state.Lstar : state.Cstar;
        }
        else
        {
            cpu.Rcx = (uint)next;
            SetSegments(cpu, selector, Code, (ushort)(selector + 8), 0);
            cpu.WriteRflags(cpu.ReadRflags() & ~(ulong)(Rflags.Interrupt | Rflags.Virtual8086 | Rflags.Resume));
            state.Rip = (uint)state.Star;
        }

        TrapByNewFlags(cpu);
        return Step.Leave;
    }

    public static Step Sysret32(Cpu cpu, in Op op) => Sysret(cpu, to64: false);

    public static Step Sysret64(Cpu cpu, in Op op) => Sysret(cpu, to64: true);

    public static Step Sysenter(Cpu cpu, in Op op)
    {
        ref CpuState state = ref cpu.State;
        if (cpu.LongMode && cpu.Features.Amd) return cpu.Fault(ExceptionVector.InvalidOpcode);
        if (!cpu.Protected || (state.SysenterCs & 0xFFFC) == 0) return cpu.Fault(ExceptionVector.GeneralProtection);
        var selector = (ushort)(state.SysenterCs & 0xFFFC);
        bool long64 = cpu.LongMode;
        state.Rflags &= ~(ulong)(Rflags.Interrupt | Rflags.Virtual8086 | Rflags.Resume);
        SetSegments(cpu, selector, long64 ? Code64 : Code, (ushort)(selector + 8), 0);
        cpu.Rsp = long64 ? state.SysenterEsp : (uint)state.SysenterEsp;
        state.Rip = long64 ? state.SysenterEip : (uint)state.SysenterEip;
        return Step.Leave;
    }

    public static Step Sysexit32(Cpu cpu, in Op op) => Sysexit(cpu, to64: false);

    public static Step Sysexit64(Cpu cpu, in Op op) => Sysexit(cpu, to64: true);

    public static Step SwapGs(Cpu cpu, in Op op)
    {
        if (!cpu.Code64) return cpu.Fault(ExceptionVector.InvalidOpcode);
        if (cpu.Cpl != 0) return cpu.Fault(ExceptionVector.GeneralProtection);
        ref Segment gs = ref cpu.Segment(SegmentRegister.Gs);
        (gs.Base, cpu.State.KernelGsBase) = (cpu.State.KernelGsBase, gs.Base);
        return Step.Next;
    }

    private static Step Sysret(Cpu cpu, bool to64)
    {
        ref CpuState state = ref cpu.State;
        if ((state.Efer & Efer.SystemCall) == 0) return cpu.Fault(ExceptionVector.InvalidOpcode);
        if (!cpu.Protected || cpu.Cpl != 0) return cpu.Fault(ExceptionVector.GeneralProtection);
        var selector = (ushort)(state.Star >> 48);
        if (to64 && !cpu.IsCanonical(cpu.Rcx)) return cpu.Fault(ExceptionVector.GeneralProtection);
        ulong flags = state.General[11], target = to64 ? cpu.Rcx : (uint)cpu.Rcx;
        bool long64 = cpu.LongMode;
        SetSegments(cpu, (ushort)((to64 ? selector + 16 : selector) | 3), (to64 ? Code64 : Code) | User, (ushort)((selector + 8) | 3), User);
        if (long64) cpu.WriteRflags(flags & 0x3C_7FD7);
        else cpu.WriteRflags(cpu.ReadRflags() | Rflags.Interrupt);
        state.Rip = target;
        TrapByNewFlags(cpu);
        return Step.Leave;
    }

    /// <summary>SYSCALL and SYSRET end in a trap when TF is set as they end, not as they begin (AMD64 APM vol. 2, 13.1.4).</summary>
    private static void TrapByNewFlags(Cpu cpu)
    {
        cpu.EndsInTrap = false;
        if ((cpu.State.Rflags & Rflags.Trap) != 0) cpu.Breakpoints.OnStep();
    }

    private static Step Sysexit(Cpu cpu, bool to64)
    {
        ref CpuState state = ref cpu.State;
        if (cpu.LongMode && cpu.Features.Amd) return cpu.Fault(ExceptionVector.InvalidOpcode);
        if ((state.SysenterCs & 0xFFFC) == 0 || cpu.Cpl != 0 || !cpu.Protected) return cpu.Fault(ExceptionVector.GeneralProtection);
        if (to64 && !(cpu.IsCanonical(cpu.Rdx) && cpu.IsCanonical(cpu.Rcx))) return cpu.Fault(ExceptionVector.GeneralProtection);
        var selector = (ushort)(state.SysenterCs & 0xFFFC);
        int code = to64 ? selector + 32 : selector + 16;
        SetSegments(cpu, (ushort)(code | 3), (to64 ? Code64 : Code) | User, (ushort)((code + 8) | 3), User);
        cpu.Rsp = to64 ? cpu.Rcx : (uint)cpu.Rcx;
        state.Rip = to64 ? cpu.Rdx : (uint)cpu.Rdx;
        return Step.Leave;
    }

    private static void SetSegments(Cpu cpu, ushort code, uint codeFlags, ushort stack, uint level)
    {
        cpu.Segment(SegmentRegister.Cs) = new Segment { Selector = code, Limit = uint.MaxValue, Flags = codeFlags };
        cpu.Segment(SegmentRegister.Ss) = new Segment { Selector = stack, Limit = uint.MaxValue, Flags = Data | level };
        cpu.UpdateMode();
    }
}
