using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Rhea.Core.Cpu;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>HLT, CLI, STI, CPUID, RDTSC, RDMSR, WRMSR, INVLPG, caches, MONITOR, FS and GS bases.</summary>
internal static class SystemInstructions
{
    public static Step Hlt(Cpu cpu, in Op op)
    {
        if (cpu.Cpl != 0) return cpu.Fault(ExceptionVector.GeneralProtection);
        cpu.State.Activity = CpuActivity.Halted;
        cpu.Attention = true;
        return cpu.LeaveAfter(in op);
    }

    public static Step Cli(Cpu cpu, in Op op)
    {
        if (!MayChangeInterrupts(cpu)) return Step.Fault;
        cpu.State.Rflags &= ~(ulong)Rflags.Interrupt;
        return Step.Next;
    }

    public static Step Sti(Cpu cpu, in Op op)
    {
        if (!MayChangeInterrupts(cpu)) return Step.Fault;
        bool shadow = (cpu.State.Rflags & Rflags.Interrupt) == 0;
        cpu.State.Rflags |= Rflags.Interrupt;
        if (shadow) cpu.HoldInterrupts(traps: false);
        return cpu.LeaveAfter(in op);
    }

    public static Step Cpuid(Cpu cpu, in Op op)
    {
        var leaf = (uint)cpu.Rax;
        CpuidLeaf answer = cpu.Features.Read(leaf, (uint)cpu.Rcx);
        uint ebx = answer.Ebx, ecx = answer.Ecx, edx = answer.Edx;
        if (leaf == 1)
        {
            if ((cpu.State.Cr4 & Cr4.OsXsave) != 0) ecx |= 1 << 27;
            if (!cpu.Outside.TryReadApicMsr(ModelSpecificRegisters.ApicBase, out ulong apic) || (apic >> 11 & 1) == 0) edx &= ~(1u << 9);
        }

        else if (answer.Leaf == 0xD && answer.Subleaf <= 1 && ebx != 0) ebx = (cpu.State.Xcr0 & Xsave.AvxState) != 0 ? Xsave.Length : Xsave.Upper;

        (cpu.Rax, cpu.Rbx, cpu.Rcx, cpu.Rdx) = (answer.Eax, ebx, ecx, edx);
        return cpu.LeaveAfter(in op);
    }

    public static Step Rdtsc(Cpu cpu, in Op op)
    {
        if (cpu.Cpl != 0 && (cpu.State.Cr4 & Cr4.TimeStampDisable) != 0) return cpu.Fault(ExceptionVector.GeneralProtection);
        ulong now = cpu.TimeStamp;
        (cpu.Rax, cpu.Rdx) = ((uint)now, now >> 32);
        return Step.Next;
    }

    public static Step Rdtscp(Cpu cpu, in Op op)
    {
        Step step = Rdtsc(cpu, in op);
        if (step == Step.Next) cpu.Rcx = (uint)cpu.State.TscAux;
        return step;
    }

    public static Step Rdpid(Cpu cpu, in Op op)
    {
        cpu.Set(op.R0, cpu.State.TscAux);
        return Step.Next;
    }

    /// <summary>RDRAND and RDSEED: the host's random numbers never run out, which CF tells.</summary>
    public static Step Random<T>(Cpu cpu, in Op op) where T : unmanaged
    {
        T value = default;
        ulong random = cpu.Accelerator.NextRandom();
        MemoryMarshal.AsBytes(new Span<ulong>(ref random))[..Unsafe.SizeOf<T>()].CopyTo(MemoryMarshal.AsBytes(new Span<T>(ref value)));
        cpu.Set(op.R0, value);
        cpu.Flags.Value = Rflags.Carry;
        return Step.Next;
    }

    /// <summary>No performance counter is implemented.</summary>
    public static Step Rdpmc(Cpu cpu, in Op op) => cpu.Fault(ExceptionVector.GeneralProtection);

    public static Step Rdmsr(Cpu cpu, in Op op)
    {
        if (cpu.Cpl != 0 || !ModelSpecificRegisters.Read(cpu, (uint)cpu.Rcx, out ulong value)) return cpu.Fault(ExceptionVector.GeneralProtection);
        (cpu.Rax, cpu.Rdx) = ((uint)value, value >> 32);
        return Step.Next;
    }

    public static Step Wrmsr(Cpu cpu, in Op op)
    {
        if (cpu.Cpl != 0 || !ModelSpecificRegisters.Write(cpu, (uint)cpu.Rcx, cpu.Rdx << 32 | (uint)cpu.Rax)) return cpu.Fault(ExceptionVector.GeneralProtection);
        cpu.UpdateMode();
        return cpu.LeaveAfter(in op);
    }

    public static Step Invlpg(Cpu cpu, in Op op)
    {
        if (cpu.Cpl != 0) return cpu.Fault(ExceptionVector.GeneralProtection);
        ulong linear = cpu.EffectiveAddress(in op);
        if (!cpu.Code64 || op.Segment >= SegmentRegister.Fs) linear += cpu.Segment(op.Segment).Base;
        cpu.Mmu.Tables.FlushPage(cpu.LongMode ? linear : (uint)linear);
        return cpu.LeaveAfter(in op);
    }

    /// <summary>INVPCID: of an address, a context, everything, or everything but global pages (Intel SDM vol. 2, INVPCID).</summary>
    public static Step Invpcid(Cpu cpu, in Op op)
    {
        const ulong address = 0, all = 2, allButGlobal = 3;
        if (cpu.Cpl != 0) return cpu.Fault(ExceptionVector.GeneralProtection);
        if (!cpu.Load(in op, out ulong context) || !cpu.Load(in op, 8, out ulong linear)) return Step.Fault;
        ulong type = cpu.Code64 ? cpu.Get<ulong>(op.R0) : cpu.Get<uint>(op.R0);
        bool allowed = type <= allButGlobal && context <= 0xFFF && (type >= all || context == 0 || (cpu.State.Cr4 & Cr4.Pcid) != 0)
            && (type != address || !cpu.LongMode || cpu.IsCanonicalBase(linear));
        if (!allowed) return cpu.Fault(ExceptionVector.GeneralProtection);
        if (type == all) cpu.Mmu.Flush();
        else if (type == allButGlobal) cpu.Mmu.Tables.FlushLocal();
        else if (type == address && (int)context == cpu.Context) cpu.Mmu.Tables.FlushPage(linear);
        else cpu.Mmu.Tables.FlushContext((int)context);
        return cpu.LeaveAfter(in op);
    }

    /// <summary>INVD, WBINVD: there is no cache to write back.</summary>
    public static Step Caches(Cpu cpu, in Op op) => cpu.Cpl != 0 ? cpu.Fault(ExceptionVector.GeneralProtection) : Step.Next;

    /// <summary>MONITOR: nothing is watched, because MWAIT may end for any reason.</summary>
    public static Step Monitor(Cpu cpu, in Op op) =>
        cpu.Cpl != 0 ? cpu.Fault(ExceptionVector.InvalidOpcode) : Step.Next;

    /// <summary>MWAIT ends at once.</summary>
    public static Step Mwait(Cpu cpu, in Op op)
    {
        if (cpu.Cpl != 0) return cpu.Fault(ExceptionVector.InvalidOpcode);
        Thread.Yield();
        return cpu.LeaveAfter(in op);
    }

    public static Step ReadFsBase<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T> => ReadBase<T>(cpu, in op, SegmentRegister.Fs);

    public static Step ReadGsBase<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T> => ReadBase<T>(cpu, in op, SegmentRegister.Gs);

    public static Step WriteFsBase<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T> => WriteBase<T>(cpu, in op, SegmentRegister.Fs);

    public static Step WriteGsBase<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T> => WriteBase<T>(cpu, in op, SegmentRegister.Gs);

    private static Step ReadBase<T>(Cpu cpu, in Op op, SegmentRegister register) where T : unmanaged, IBinaryInteger<T>
    {
        if ((cpu.State.Cr4 & Cr4.FsGsBase) == 0) return cpu.Fault(ExceptionVector.InvalidOpcode);
        cpu.Set(op.R0, T.CreateTruncating(cpu.Segment(register).Base));
        return Step.Next;
    }

    private static Step WriteBase<T>(Cpu cpu, in Op op, SegmentRegister register) where T : unmanaged, IBinaryInteger<T>
    {
        if ((cpu.State.Cr4 & Cr4.FsGsBase) == 0) return cpu.Fault(ExceptionVector.InvalidOpcode);
        ulong value = ulong.CreateTruncating(cpu.Get<T>(op.R0));
        if (!cpu.IsCanonicalBase(value)) return cpu.Fault(ExceptionVector.GeneralProtection);
        cpu.Segment(register).Base = value;
        return Step.Next;
    }

    private static bool MayChangeInterrupts(Cpu cpu) =>
        !cpu.Protected || cpu.Cpl <= cpu.Iopl || cpu.Refuse(ExceptionVector.GeneralProtection);
}
