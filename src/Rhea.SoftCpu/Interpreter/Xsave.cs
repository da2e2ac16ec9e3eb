using System.Runtime.Intrinsics;
using Rhea.Core.Cpu;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>XSAVE, XSAVEOPT, XSAVEC, XRSTOR, XGETBV, XSETBV: the state of x87, SSE and AVX, in parts that a mask selects.</summary>
/// <remarks>Intel SDM vol. 1, chapter 13. AVX's part is at the same place in the standard and in the compacted form, being the first extended one.</remarks>
internal static class Xsave
{
    /// <summary>Where the header is, and AVX's part, and how long the whole is.</summary>
    public const uint Header = 512, Upper = 576, Length = Upper + 256;
    public const ulong X87State = 1, SseState = 2, AvxState = 4;
    private const ulong Compacted = 1UL << 63;
    private const uint InitialMxcsr = 0x1F80;

    public static Step Save(Cpu cpu, in Op op)
    {
        if (!IsReady(cpu, in op, write: true, out ulong requested) || !cpu.Load(in op, Header, out ulong present)) return Step.Fault;
        return Store(cpu, in op, requested, requested) && cpu.Store(in op, Header, (present & ~requested) | (InUse(cpu) & requested)) ? Step.Next : Step.Fault;
    }

    /// <summary>XSAVEOPT: what is as after a reset is not written.</summary>
    public static Step SaveOptimized(Cpu cpu, in Op op)
    {
        if (!IsReady(cpu, in op, write: true, out ulong requested) || !cpu.Load(in op, Header, out ulong present)) return Step.Fault;
        ulong used = InUse(cpu) & requested;
        return Store(cpu, in op, requested, used) && cpu.Store(in op, Header, (present & ~requested) | used) ? Step.Next : Step.Fault;
    }

    /// <summary>XSAVEC.</summary>
    public static Step SaveCompacted(Cpu cpu, in Op op)
    {
        if (!IsReady(cpu, in op, write: true, out ulong requested)) return Step.Fault;
        ulong used = InUse(cpu) & requested;
        return Store(cpu, in op, used & SseState, used) && cpu.Store(in op, Header, used) && cpu.Store(in op, Header + 8, requested | Compacted) ? Step.Next : Step.Fault;
    }

    public static Step Restore(Cpu cpu, in Op op)
    {
        if (!IsReady(cpu, in op, write: false, out ulong requested)) return Step.Fault;
        if (!CheckHeader(cpu, in op, out ulong present, out bool compacted)) return Step.Fault;
        ulong loaded = requested & present;
        bool control = compacted ? (loaded & SseState) != 0 : (requested & (SseState | AvxState)) != 0;
        uint mxcsr = InitialMxcsr;
        FxImage image = default;
        VectorHalves upper = default;
        if (control && !cpu.Load(in op, 24, out mxcsr)) return Step.Fault;
        if ((mxcsr & ~Mxcsr.Bits) != 0) return cpu.Fault(ExceptionVector.GeneralProtection);
        if ((loaded & X87State) != 0 && !X87Control.LoadX87(cpu, in op, ref image)) return Step.Fault;
        if ((loaded & SseState) != 0 && !X87Control.LoadVectors(cpu, in op, ref image)) return Step.Fault;
        if ((loaded & AvxState) != 0 && !LoadUpper(cpu, in op, ref upper)) return Step.Fault;

        if ((requested & X87State) != 0)
        {
            if ((loaded & X87State) != 0) X87Control.SetX87(cpu, in op, in image);
            else X87Control.Reset(cpu);
        }
        if ((requested & SseState) != 0) X87Control.SetVectors(cpu, in image); // zeros, when they are not there
        if ((requested & AvxState) != 0) SetUpper(cpu, in upper);
        if (control || (requested & SseState) != 0) cpu.State.Mxcsr = mxcsr;
        return Step.Next;
    }

    /// <summary>XGETBV: XCR0, or of that what is in use.</summary>
    public static Step Get(Cpu cpu, in Op op)
    {
        if ((cpu.State.Cr4 & Cr4.OsXsave) == 0) return cpu.Fault(ExceptionVector.InvalidOpcode);
        var index = (uint)cpu.Rcx;
        if (index != 0 && !(index == 1 && cpu.Features.HasXgetbv1)) return cpu.Fault(ExceptionVector.GeneralProtection);
        ulong value = index == 0 ? cpu.State.Xcr0 : cpu.State.Xcr0 & InUse(cpu);
        (cpu.Rax, cpu.Rdx) = ((uint)value, value >> 32);
        return Step.Next;
    }

    /// <summary>XSETBV: x87 always, AVX not without SSE.</summary>
    public static Step Set(Cpu cpu, in Op op)
    {
        if ((cpu.State.Cr4 & Cr4.OsXsave) == 0) return cpu.Fault(ExceptionVector.InvalidOpcode);
        ulong value = cpu.Rdx << 32 | (uint)cpu.Rax;
        bool consistent = (value & X87State) != 0 && (value & (SseState | AvxState)) != AvxState;
        if (cpu.Cpl != 0 || (uint)cpu.Rcx != 0 || !consistent || (value & ~cpu.Features.Xcr0Allowed) != 0) return cpu.Fault(ExceptionVector.GeneralProtection);
        cpu.State.Xcr0 = value;
        cpu.UpdateMode();
        return cpu.LeaveAfter(in op);
    }

    private static bool IsReady(Cpu cpu, in Op op, bool write, out ulong requested)
    {
        ref CpuState state = ref cpu.State;
        requested = (cpu.Rdx << 32 | (uint)cpu.Rax) & state.Xcr0;
        if ((state.Cr4 & Cr4.OsXsave) == 0) return cpu.Refuse(ExceptionVector.InvalidOpcode);
        if ((state.Cr0 & Cr0.TaskSwitched) != 0) return cpu.Refuse(ExceptionVector.DeviceNotAvailable);
        int length = (requested & AvxState) != 0 ? (int)Length : (int)Upper;
        if (!cpu.Linear(in op, length, write, out ulong linear)) return false;
        if ((linear & 63) != 0) return cpu.Refuse(ExceptionVector.GeneralProtection);
        return !write || cpu.CanStore(in op, length);
    }

    /// <summary>The parts that are not as after a reset.</summary>
    private static ulong InUse(Cpu cpu)
    {
        ref CpuState state = ref cpu.State;
        ulong used = 0, lower = 0, upper = 0, x87 = 0;
        for (var i = 0; i < (cpu.Code64 ? 16 : 8); i++)
        {
            lower |= state.Vector[i][0] | state.Vector[i][1];
            upper |= state.Vector[i][2] | state.Vector[i][3];
        }
        for (var i = 0; i < 8; i++) x87 |= state.X87[i].Significand | state.X87[i].SignExponent;
        bool control = state.FpuControl == 0x37F && state.FpuStatus == 0 && state.FpuEmpty == 0xFF && (state.FpuOpcode | state.FpuInstruction | state.FpuOperand) == 0;
        if (x87 != 0 || !control) used |= X87State;
        if (lower != 0 || state.Mxcsr != InitialMxcsr) used |= SseState;
        if (upper != 0) used |= AvxState;
        return used;
    }

    /// <param name="requested">MXCSR goes with SSE and with AVX.</param>
    private static bool Store(Cpu cpu, in Op op, ulong requested, ulong written)
    {
        if ((written & X87State) != 0 && !X87Control.StoreX87(cpu, in op)) return false;
        if ((requested & (SseState | AvxState)) != 0 && !cpu.Store(in op, 24, cpu.State.Mxcsr | (ulong)Mxcsr.Bits << 32)) return false;
        if ((written & SseState) != 0 && !X87Control.StoreVectors(cpu, in op)) return false;
        if ((written & AvxState) == 0) return true;
        for (var i = 0; i < (cpu.Code64 ? 16 : 8); i++)
            if (!cpu.Store(in op, Upper + ((uint)i * 16), cpu.Get<Vector128<byte>>(FrameOffset.Vector(i) + 16))) return false;
        return true;
    }

    /// <summary>What is not enabled cannot be there, and reserved bytes are zero.</summary>
    private static bool CheckHeader(Cpu cpu, in Op op, out ulong present, out bool compacted)
    {
        compacted = false;
        if (!cpu.Load(in op, Header, out present) || !cpu.Load(in op, Header + 8, out ulong form)) return false;
        compacted = (form & Compacted) != 0 && cpu.Features.HasXsavec;
        ulong reserved = compacted ? (form & ~Compacted & ~cpu.State.Xcr0) | (present & ~form) : form | (present & ~cpu.State.Xcr0);
        uint end = compacted ? 64u : 24;
        for (uint at = 16; at < end; at += 8)
        {
            if (!cpu.Load(in op, Header + at, out ulong zero)) return false;
            reserved |= zero;
        }
        return reserved == 0 || cpu.Refuse(ExceptionVector.GeneralProtection);
    }

    private static bool LoadUpper(Cpu cpu, in Op op, ref VectorHalves upper)
    {
        for (var i = 0; i < (cpu.Code64 ? 16 : 8); i++)
            if (!cpu.Load(in op, Upper + ((uint)i * 16), out upper[i])) return false;
        return true;
    }

    private static void SetUpper(Cpu cpu, in VectorHalves upper)
    {
        for (var i = 0; i < (cpu.Code64 ? 16 : 8); i++) cpu.Ref<Vector128<byte>>(FrameOffset.Vector(i) + 16) = upper[i];
    }
}
