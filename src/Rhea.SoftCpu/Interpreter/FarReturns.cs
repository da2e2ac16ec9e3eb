using Rhea.Core.Cpu;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Far RET and IRET, to the same or an outer level, to V86 mode, or to the task before (Intel SDM vol. 3, 6.8.6, 7.12).</summary>
internal static class FarReturns
{
    public static Step Return16(Cpu cpu, in Op op) => Return(cpu, 2, (ushort)op.Immediate);

    public static Step Return32(Cpu cpu, in Op op) => Return(cpu, 4, (ushort)op.Immediate);

    public static Step Return64(Cpu cpu, in Op op) => Return(cpu, 8, (ushort)op.Immediate);

    public static Step Interrupt16(Cpu cpu, in Op op) => Interrupt(cpu, in op, 2);

    public static Step Interrupt32(Cpu cpu, in Op op) => Interrupt(cpu, in op, 4);

    public static Step Interrupt64(Cpu cpu, in Op op) => Interrupt(cpu, in op, 8);

    private static Step Return(Cpu cpu, int size, ushort release)
    {
        var stack = Current(cpu);
        if (!stack.Pop(size, out ulong ip) || !stack.Pop(size, out ulong cs)) return Step.Fault;
        if (cpu.RealSegments)
        {
            if (ip > cpu.Segment(SegmentRegister.Cs).Limit) return cpu.Fault(ExceptionVector.GeneralProtection);
            stack.Skip(release);
            cpu.Rsp = stack.Result;
            Descriptors.LoadParagraph(cpu, SegmentRegister.Cs, (ushort)cs);
            cpu.State.Rip = ip;
            return Step.Leave;
        }

        return ReturnProtected(cpu, ref stack, size, release, ip, (ushort)cs, flags: null) ? Step.Leave : Step.Fault;
    }

    private static Step Interrupt(Cpu cpu, in Op op, int size)
    {
        if (cpu.V86 && cpu.Iopl < 3) return cpu.Fault(ExceptionVector.GeneralProtection);
        if (cpu.Protected && !cpu.V86 && (cpu.State.Rflags & Rflags.NestedTask) != 0) return ReturnFromTask(cpu, in op);
        var stack = Current(cpu);
        if (!stack.Pop(size, out ulong ip) || !stack.Pop(size, out ulong cs) || !stack.Pop(size, out ulong flags)) return Step.Fault;
        if (cpu.RealSegments)
        {
            if (ip > cpu.Segment(SegmentRegister.Cs).Limit) return cpu.Fault(ExceptionVector.GeneralProtection);
            cpu.Rsp = stack.Result;
            Descriptors.LoadParagraph(cpu, SegmentRegister.Cs, (ushort)cs);
            cpu.State.Rip = ip;
            WriteFlags(cpu, flags, size, cpu.Cpl);
            cpu.UnblockNmi();
            return Step.Leave;
        }

        if (size == 4 && (flags & Rflags.Virtual8086) != 0 && cpu.Cpl == 0 && !cpu.LongMode) return ToV86(cpu, ref stack, ip, (ushort)cs, flags);
        if (!ReturnProtected(cpu, ref stack, size, 0, ip, (ushort)cs, flags)) return Step.Fault;
        cpu.UnblockNmi();
        return Step.Leave;
    }

    private static bool ReturnProtected(Cpu cpu, ref StackFrame stack, int size, ushort release, ulong ip, ushort cs, ulong? flags)
    {
        var selector = new Selector(cs);
        if (selector.IsNull) return cpu.Refuse(ExceptionVector.GeneralProtection);
        if (!Descriptors.Read(cpu, selector, out Descriptor code)) return false;
        if (!code.IsCode || selector.Rpl < cpu.Cpl || (code.IsConforming ? code.Dpl > selector.Rpl : code.Dpl != selector.Rpl))
            return cpu.Refuse(ExceptionVector.GeneralProtection, selector.Error);
        if (!code.Present) return cpu.Refuse(ExceptionVector.SegmentNotPresent, selector.Error);
        bool long64 = cpu.LongMode && code.IsLong, outer = selector.Rpl > cpu.Cpl;
        if (long64 ? !cpu.IsCanonical(ip) : (uint)ip > code.Limit) return cpu.Refuse(ExceptionVector.GeneralProtection);
        stack.Skip(release);
        Segment segment = cpu.Segment(SegmentRegister.Ss);
        ulong pointer = 0;
        bool switches = outer || (flags is not null && cpu.Code64);
        if (switches)
        {
            if (!stack.Pop(size, out pointer) || !stack.Pop(size, out ulong ss)) return false;
            if (!OuterStack(cpu, new Selector((ushort)ss), selector.Rpl, long64, out segment)) return false;
        }

        if (!Descriptors.Mark(cpu, selector, Descriptor.AccessedBit, ref code)) return false;
        int oldLevel = cpu.Cpl;
        if (flags is { } image) WriteFlags(cpu, image, size, oldLevel);
        cpu.Segment(SegmentRegister.Cs) = code.ToSegment(cs);
        cpu.State.Rip = long64 ? ip : (uint)ip;
        if (!switches)
        {
            cpu.Rsp = stack.Result;
            cpu.UpdateMode();
            return true;
        }

        cpu.Segment(SegmentRegister.Ss) = segment;
        cpu.UpdateMode();
        cpu.SetStack(size == 2 ? (ushort)pointer : size == 4 ? (uint)pointer : pointer);
        if (outer && flags is null) cpu.MoveStack(release);
        if (outer) DropPrivileged(cpu, selector.Rpl);
        return true;
    }

    /// <summary>SS for the code that is returned to; the null selector only serves 64-bit code above level 3.</summary>
    private static bool OuterStack(Cpu cpu, Selector selector, int level, bool long64, out Segment segment)
    {
        segment = new Segment { Selector = selector.Value, Flags = (uint)level << 13 };
        if (selector.IsNull) return (long64 && level != 3 && selector.Rpl == level) || cpu.Refuse(ExceptionVector.GeneralProtection);
        if (!Descriptors.Read(cpu, selector, out Descriptor descriptor)) return false;
        if (selector.Rpl != level || !descriptor.IsWritableData || descriptor.Dpl != level) return cpu.Refuse(ExceptionVector.GeneralProtection, selector.Error);
        if (!descriptor.Present) return cpu.Refuse(ExceptionVector.StackFault, selector.Error);
        if (!Descriptors.Mark(cpu, selector, Descriptor.AccessedBit, ref descriptor)) return false;
        segment = descriptor.ToSegment(selector.Value);
        return true;
    }

    /// <summary>Data segments that the outer level may not have become null.</summary>
    private static void DropPrivileged(Cpu cpu, int level)
    {
        foreach (SegmentRegister register in (ReadOnlySpan<SegmentRegister>)[SegmentRegister.Es, SegmentRegister.Ds, SegmentRegister.Fs, SegmentRegister.Gs])
        {
            ref Segment segment = ref cpu.Segment(register);
            bool conforming = (segment.Flags & 0x1C00) == 0x1C00;
            if (conforming || (int)(segment.Flags >> 13 & 3) >= level) continue;
            ulong kept = cpu.LongMode && register >= SegmentRegister.Fs ? segment.Base : 0;
            segment = new Segment { Base = kept };
        }

        cpu.UpdateMode();
    }

    private static Step ToV86(Cpu cpu, ref StackFrame stack, ulong ip, ushort cs, ulong flags)
    {
        if (!stack.Pop(4, out ulong esp) || !stack.Pop(4, out ulong ss) || !stack.Pop(4, out ulong es) || !stack.Pop(4, out ulong ds)
            || !stack.Pop(4, out ulong fs) || !stack.Pop(4, out ulong gs)) return Step.Fault;
        cpu.WriteRflags(flags & 0x3F_7FD7);
        Descriptors.LoadParagraph(cpu, SegmentRegister.Cs, cs);
        Descriptors.LoadParagraph(cpu, SegmentRegister.Ss, (ushort)ss);
        Descriptors.LoadParagraph(cpu, SegmentRegister.Es, (ushort)es);
        Descriptors.LoadParagraph(cpu, SegmentRegister.Ds, (ushort)ds);
        Descriptors.LoadParagraph(cpu, SegmentRegister.Fs, (ushort)fs);
        Descriptors.LoadParagraph(cpu, SegmentRegister.Gs, (ushort)gs);
        cpu.Rsp = (uint)esp;
        cpu.State.Rip = (ushort)ip;
        cpu.UnblockNmi();
        return Step.Leave;
    }

    private static Step ReturnFromTask(Cpu cpu, in Op op)
    {
        if (cpu.LongMode) return cpu.Fault(ExceptionVector.GeneralProtection);
        if (!cpu.Mmu.ReadSystem(cpu.State.Tr.Base, out ushort link)) return Step.Fault;
        cpu.State.Rip = (uint)cpu.NextIp(in op);
        return TaskSwitch.Enter(cpu, new Selector(link), TaskSwitchReason.Return) ? Step.Leave : Step.Fault;
    }

    /// <summary>IRET restores RF too; IOPL and IF as the level that returns may.</summary>
    private static void WriteFlags(Cpu cpu, ulong value, int size, int level)
    {
        uint may = Rflags.Status | Rflags.Trap | Rflags.Direction | Rflags.NestedTask | Rflags.Resume | Rflags.AlignmentCheck | Rflags.Id;
        if (level == 0 && !cpu.V86) may |= Rflags.Iopl;
        if (!cpu.Protected || level <= cpu.Iopl) may |= Rflags.Interrupt;
        if (size == 2) may &= 0xFFFF;
        cpu.WriteRflags((cpu.ReadRflags() & ~(ulong)may) | (value & may));
    }

    private static StackFrame Current(Cpu cpu) => new(cpu, cpu.Segment(SegmentRegister.Ss), cpu.Rsp, cpu.Code64, system: false, 0);
}
