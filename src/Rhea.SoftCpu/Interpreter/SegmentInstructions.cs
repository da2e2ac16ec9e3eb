using System.Numerics;
using System.Runtime.CompilerServices;
using Rhea.Core.Cpu;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>MOV with segment registers, LxS, LAR, LSL, VERR, VERW, ARPL, and the descriptor table registers.</summary>
internal static class SegmentInstructions
{
    public static Step MoveToRegister(Cpu cpu, in Op op)
    {
        var register = (SegmentRegister)op.R0;
        if (register == SegmentRegister.Cs) return cpu.Fault(ExceptionVector.InvalidOpcode);
        return Load(cpu, in op, register, cpu.Get<ushort>(op.R1));
    }

    public static Step MoveToRegisterFromMemory(Cpu cpu, in Op op)
    {
        var register = (SegmentRegister)op.R0;
        if (register == SegmentRegister.Cs) return cpu.Fault(ExceptionVector.InvalidOpcode);
        return cpu.Load(in op, out ushort value) ? Load(cpu, in op, register, value) : Step.Fault;
    }

    public static Step MoveFrom<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T>
    {
        cpu.Set(op.R0, T.CreateTruncating(cpu.Segment((SegmentRegister)op.R1).Selector));
        return Step.Next;
    }

    public static Step MoveFromToMemory(Cpu cpu, in Op op) => cpu.Store(in op, cpu.Segment((SegmentRegister)op.R1).Selector) ? Step.Next : Step.Fault;

    /// <summary>LDS, LES, LFS, LGS, LSS.</summary>
    public static Step LoadPointer<T>(Cpu cpu, in Op op, SegmentRegister register) where T : unmanaged, IBinaryInteger<T>
    {
        if (!FarTransfers.Pointer(cpu, in op, Unsafe.SizeOf<T>(), out ushort selector, out ulong offset)) return Step.Fault;
        Step step = Load(cpu, in op, register, selector);
        if (step != Step.Fault) cpu.Set(op.R0, T.CreateTruncating(offset));
        return step;
    }

    public static Step Les<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T> => LoadPointer<T>(cpu, in op, SegmentRegister.Es);

    public static Step Lds<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T> => LoadPointer<T>(cpu, in op, SegmentRegister.Ds);

    public static Step Lss<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T> => LoadPointer<T>(cpu, in op, SegmentRegister.Ss);

    public static Step Lfs<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T> => LoadPointer<T>(cpu, in op, SegmentRegister.Fs);

    public static Step Lgs<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T> => LoadPointer<T>(cpu, in op, SegmentRegister.Gs);

    public static Step Lar<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T> => Inspect<T>(cpu, in op, limit: false, memory: false);

    public static Step LarMemory<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T> => Inspect<T>(cpu, in op, limit: false, memory: true);

    public static Step Lsl<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T> => Inspect<T>(cpu, in op, limit: true, memory: false);

    public static Step LslMemory<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T> => Inspect<T>(cpu, in op, limit: true, memory: true);

    public static Step Verr(Cpu cpu, in Op op) => Verify(cpu, cpu.Get<ushort>(op.R0), write: false);

    public static Step VerrMemory(Cpu cpu, in Op op) => cpu.Load(in op, out ushort value) ? Verify(cpu, value, write: false) : Step.Fault;

    public static Step Verw(Cpu cpu, in Op op) => Verify(cpu, cpu.Get<ushort>(op.R0), write: true);

    public static Step VerwMemory(Cpu cpu, in Op op) => cpu.Load(in op, out ushort value) ? Verify(cpu, value, write: true) : Step.Fault;

    public static Step Arpl(Cpu cpu, in Op op)
    {
        if (cpu.RealSegments) return cpu.Fault(ExceptionVector.InvalidOpcode);
        ushort value = cpu.Get<ushort>(op.R0);
        bool raises = (value & 3) < (cpu.Get<ushort>(op.R1) & 3);
        if (raises) cpu.Set(op.R0, (ushort)((value & ~3) | (cpu.Get<ushort>(op.R1) & 3)));
        return SetZero(cpu, raises);
    }

    public static Step ArplMemory(Cpu cpu, in Op op)
    {
        if (cpu.RealSegments) return cpu.Fault(ExceptionVector.InvalidOpcode);
        if (!cpu.Load(in op, out ushort value)) return Step.Fault;
        bool raises = (value & 3) < (cpu.Get<ushort>(op.R1) & 3); // else nothing is written, and it need not be writable
        if (raises && !cpu.Store(in op, (ushort)((value & ~3) | (cpu.Get<ushort>(op.R1) & 3)))) return Step.Fault;
        return SetZero(cpu, raises);
    }

    public static Step Lldt(Cpu cpu, in Op op) => LoadSystem(cpu, cpu.Get<ushort>(op.R0), task: false);

    public static Step LldtMemory(Cpu cpu, in Op op) => MayLoadSystem(cpu) && cpu.Load(in op, out ushort value) ? LoadSystem(cpu, value, task: false) : Step.Fault;

    public static Step Ltr(Cpu cpu, in Op op) => LoadSystem(cpu, cpu.Get<ushort>(op.R0), task: true);

    public static Step LtrMemory(Cpu cpu, in Op op) => MayLoadSystem(cpu) && cpu.Load(in op, out ushort value) ? LoadSystem(cpu, value, task: true) : Step.Fault;

    public static Step Sldt<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T> => StoreSystem<T>(cpu, in op, cpu.State.Ldtr.Selector, needsProtected: true);

    public static Step SldtMemory(Cpu cpu, in Op op) => StoreSystemMemory(cpu, in op, cpu.State.Ldtr.Selector, needsProtected: true);

    public static Step Str<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T> => StoreSystem<T>(cpu, in op, cpu.State.Tr.Selector, needsProtected: true);

    public static Step StrMemory(Cpu cpu, in Op op) => StoreSystemMemory(cpu, in op, cpu.State.Tr.Selector, needsProtected: true);

    public static Step Smsw<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T>
    {
        if (Prevented(cpu)) return cpu.Fault(ExceptionVector.GeneralProtection);
        cpu.Set(op.R0, T.CreateTruncating(cpu.State.Cr0));
        return Step.Next;
    }

    public static Step SmswMemory(Cpu cpu, in Op op) => StoreSystemMemory(cpu, in op, (ushort)cpu.State.Cr0, needsProtected: false);

    public static Step Sgdt(Cpu cpu, in Op op) => StoreTable(cpu, in op, in cpu.State.Gdtr);

    public static Step Sidt(Cpu cpu, in Op op) => StoreTable(cpu, in op, in cpu.State.Idtr);

    public static Step Lgdt16(Cpu cpu, in Op op) => LoadTable(cpu, in op, ref cpu.State.Gdtr, 0xFF_FFFF);

    public static Step Lgdt(Cpu cpu, in Op op) => LoadTable(cpu, in op, ref cpu.State.Gdtr, uint.MaxValue);

    public static Step Lidt16(Cpu cpu, in Op op) => LoadTable(cpu, in op, ref cpu.State.Idtr, 0xFF_FFFF);

    public static Step Lidt(Cpu cpu, in Op op) => LoadTable(cpu, in op, ref cpu.State.Idtr, uint.MaxValue);

    private static Step Load(Cpu cpu, in Op op, SegmentRegister register, ushort value)
    {
        if (!Descriptors.Load(cpu, register, value)) return Step.Fault;
        if (register == SegmentRegister.Ss) cpu.HoldInterrupts(traps: true);
        return cpu.LeaveAfter(in op);
    }

    private static Step Inspect<T>(Cpu cpu, in Op op, bool limit, bool memory) where T : unmanaged, IBinaryInteger<T>
    {
        if (cpu.RealSegments) return cpu.Fault(ExceptionVector.InvalidOpcode);
        ushort value = cpu.Get<ushort>(op.R1);
        if (memory && !cpu.Load(in op, out value)) return Step.Fault;
        var selector = new Selector(value);
        if (!Visible(cpu, selector, out Descriptor descriptor, out bool fault)) return fault ? Step.Fault : SetZero(cpu, false);
        if (descriptor.IsSystem && !MayInspect(cpu, descriptor.Type, limit)) return SetZero(cpu, false);
        ulong result = limit ? descriptor.Limit : descriptor.Flags;
        cpu.Set(op.R0, T.CreateTruncating(result));
        return SetZero(cpu, true);
    }

    /// <summary>LSL is for segments, LAR for gates too.</summary>
    private static bool MayInspect(Cpu cpu, int type, bool limit) => type switch
    {
        SystemType.Ldt or SystemType.Tss32 or SystemType.BusyTss32 => true,
        SystemType.Tss16 or SystemType.BusyTss16 => !cpu.LongMode,
        SystemType.CallGate32 => !limit,
        SystemType.CallGate16 or SystemType.TaskGate => !limit && !cpu.LongMode,
        _ => false,
    };

    private static Step Verify(Cpu cpu, ushort value, bool write)
    {
        if (cpu.RealSegments) return cpu.Fault(ExceptionVector.InvalidOpcode);
        if (!Visible(cpu, new Selector(value), out Descriptor descriptor, out bool fault)) return fault ? Step.Fault : SetZero(cpu, false);
        return SetZero(cpu, !descriptor.IsSystem && (write ? descriptor.IsWritableData : descriptor.IsReadable));
    }

    /// <summary>The descriptor exists and its privilege lets the code see it.</summary>
    private static bool Visible(Cpu cpu, Selector selector, out Descriptor descriptor, out bool fault)
    {
        (descriptor, fault) = (default, false);
        if (selector.IsNull) return false;
        if (!Descriptors.Read(cpu, selector, out descriptor))
        {
            fault = cpu.FaultVector == ExceptionVector.PageFault;
            return false;
        }

        return descriptor.IsConforming || (descriptor.Dpl >= cpu.Cpl && descriptor.Dpl >= selector.Rpl);
    }

    /// <summary>To be asked before the operand is reached.</summary>
    private static bool MayLoadSystem(Cpu cpu) => cpu.RealSegments ? cpu.Refuse(ExceptionVector.InvalidOpcode)
        : cpu.Cpl == 0 || cpu.Refuse(ExceptionVector.GeneralProtection);

    private static Step LoadSystem(Cpu cpu, ushort value, bool task)
    {
        if (!MayLoadSystem(cpu)) return Step.Fault;
        return (task ? Descriptors.LoadTask(cpu, value) : Descriptors.LoadLdt(cpu, value)) ? Step.Next : Step.Fault;
    }

    private static Step StoreSystem<T>(Cpu cpu, in Op op, ushort value, bool needsProtected) where T : unmanaged, IBinaryInteger<T>
    {
        if (needsProtected && cpu.RealSegments) return cpu.Fault(ExceptionVector.InvalidOpcode);
        if (Prevented(cpu)) return cpu.Fault(ExceptionVector.GeneralProtection);
        cpu.Set(op.R0, T.CreateTruncating(value));
        return Step.Next;
    }

    private static Step StoreSystemMemory(Cpu cpu, in Op op, ushort value, bool needsProtected)
    {
        if (needsProtected && cpu.RealSegments) return cpu.Fault(ExceptionVector.InvalidOpcode);
        if (Prevented(cpu)) return cpu.Fault(ExceptionVector.GeneralProtection);
        return cpu.Store(in op, value) ? Step.Next : Step.Fault;
    }

    private static Step StoreTable(Cpu cpu, in Op op, in Segment table)
    {
        if (Prevented(cpu)) return cpu.Fault(ExceptionVector.GeneralProtection);
        if (!cpu.CanStore(in op, cpu.Code64 ? 10 : 6) || !cpu.Store(in op, 0, (ushort)table.Limit)) return Step.Fault;
        return (cpu.Code64 ? cpu.Store(in op, 2, table.Base) : cpu.Store(in op, 2, (uint)table.Base)) ? Step.Next : Step.Fault;
    }

    private static Step LoadTable(Cpu cpu, in Op op, ref Segment table, uint mask)
    {
        if (cpu.Cpl != 0) return cpu.Fault(ExceptionVector.GeneralProtection);
        if (!cpu.Load(in op, 0, out ushort limit)) return Step.Fault;
        ulong start;
        if (cpu.Code64)
        {
            if (!cpu.Load(in op, 2, out start)) return Step.Fault;
            if (!cpu.IsCanonicalBase(start)) return cpu.Fault(ExceptionVector.GeneralProtection);
        }
        else
        {
            if (!cpu.Load(in op, 2, out uint narrow)) return Step.Fault;
            start = narrow & mask;
        }

        (table.Base, table.Limit) = (start, limit);
        return Step.Next;
    }

    /// <summary>CR4.UMIP keeps users from reading what the kernel put there.</summary>
    private static bool Prevented(Cpu cpu) => cpu.Cpl == 3 && (cpu.State.Cr4 & Cr4.UserInstructionPrevention) != 0;

    private static Step SetZero(Cpu cpu, bool on)
    {
        cpu.Flags.Value = (cpu.Flags.Value & ~Rflags.Zero) | (on ? Rflags.Zero : 0);
        return Step.Next;
    }
}
