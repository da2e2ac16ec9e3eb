using Rhea.Core.Cpu;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Far JMP and CALL: to a segment, through a call gate, or to another task (Intel SDM vol. 3, 6.8).</summary>
internal static class FarTransfers
{
    public static Step Jump16(Cpu cpu, in Op op) => Jump(cpu, in op, (ushort)op.Displacement, (ushort)op.Immediate);

    public static Step Jump32(Cpu cpu, in Op op) => Jump(cpu, in op, (ushort)op.Displacement, (uint)op.Immediate);

    public static Step JumpMemory16(Cpu cpu, in Op op) => Pointer(cpu, in op, 2, out ushort selector, out ulong offset) ? Jump(cpu, in op, selector, offset) : Step.Fault;

    public static Step JumpMemory32(Cpu cpu, in Op op) => Pointer(cpu, in op, 4, out ushort selector, out ulong offset) ? Jump(cpu, in op, selector, offset) : Step.Fault;

    public static Step JumpMemory64(Cpu cpu, in Op op) => Pointer(cpu, in op, 8, out ushort selector, out ulong offset) ? Jump(cpu, in op, selector, offset) : Step.Fault;

    public static Step Call16(Cpu cpu, in Op op) => Call(cpu, in op, (ushort)op.Displacement, (ushort)op.Immediate, 2);

    public static Step Call32(Cpu cpu, in Op op) => Call(cpu, in op, (ushort)op.Displacement, (uint)op.Immediate, 4);

    public static Step CallMemory16(Cpu cpu, in Op op) => Pointer(cpu, in op, 2, out ushort selector, out ulong offset) ? Call(cpu, in op, selector, offset, 2) : Step.Fault;

    public static Step CallMemory32(Cpu cpu, in Op op) => Pointer(cpu, in op, 4, out ushort selector, out ulong offset) ? Call(cpu, in op, selector, offset, 4) : Step.Fault;

    public static Step CallMemory64(Cpu cpu, in Op op) => Pointer(cpu, in op, 8, out ushort selector, out ulong offset) ? Call(cpu, in op, selector, offset, 8) : Step.Fault;

    /// <summary>An offset of so many bytes with a selector behind it.</summary>
    public static bool Pointer(Cpu cpu, in Op op, int size, out ushort selector, out ulong offset)
    {
        (selector, offset) = (0, 0);
        if (size == 8) return cpu.Load(in op, 0, out offset) && cpu.Load(in op, 8, out selector);
        if (size == 4)
        {
            if (!cpu.Load(in op, 0, out uint wide)) return false;
            offset = wide;
            return cpu.Load(in op, 4, out selector);
        }

        if (!cpu.Load(in op, 0, out ushort narrow)) return false;
        offset = narrow;
        return cpu.Load(in op, 2, out selector);
    }

    private static Step Jump(Cpu cpu, in Op op, ushort value, ulong offset)
    {
        if (cpu.RealSegments) return JumpReal(cpu, value, offset);
        var selector = new Selector(value);
        if (selector.IsNull) return cpu.Fault(ExceptionVector.GeneralProtection);
        if (!Descriptors.Read(cpu, selector, out Descriptor descriptor)) return Step.Fault;
        if (!descriptor.IsSystem) return ToSegment(cpu, selector, descriptor, offset);
        if (descriptor.Dpl < cpu.Cpl || descriptor.Dpl < selector.Rpl) return cpu.Fault(ExceptionVector.GeneralProtection, selector.Error);
        switch (descriptor.Type)
        {
            case SystemType.CallGate32 or SystemType.CallGate16 when descriptor.Type == SystemType.CallGate32 || !cpu.LongMode:
                if (!descriptor.Present) return cpu.Fault(ExceptionVector.SegmentNotPresent, selector.Error);
                if (!GateTarget(cpu, selector, descriptor, out Selector target, out Descriptor code, out offset)) return Step.Fault;
                return ToSegment(cpu, target, code, offset, throughGate: true);
            case SystemType.Tss16 or SystemType.Tss32 or SystemType.TaskGate when !cpu.LongMode:
                return ToTask(cpu, in op, selector, descriptor, TaskSwitchReason.Jump);
            default:
                return cpu.Fault(ExceptionVector.GeneralProtection, selector.Error);
        }
    }

    private static Step JumpReal(Cpu cpu, ushort value, ulong offset)
    {
        if (offset > cpu.Segment(SegmentRegister.Cs).Limit) return cpu.Fault(ExceptionVector.GeneralProtection);
        Descriptors.LoadParagraph(cpu, SegmentRegister.Cs, value);
        cpu.State.Rip = offset;
        return Step.Leave;
    }

    /// <summary>Same privilege: the level does not change.</summary>
    private static Step ToSegment(Cpu cpu, Selector selector, Descriptor descriptor, ulong offset, bool throughGate = false)
    {
        if (!CheckCode(cpu, selector, descriptor, throughGate) || !CheckOffset(cpu, descriptor, offset)) return Step.Fault;
        if (!Descriptors.Mark(cpu, selector, Descriptor.AccessedBit, ref descriptor)) return Step.Fault;
        SetCode(cpu, selector, descriptor, cpu.Cpl, offset);
        return Step.Leave;
    }

    private static Step Call(Cpu cpu, in Op op, ushort value, ulong offset, int size)
    {
        ulong next = cpu.Code64 ? cpu.NextIp(in op) : (uint)cpu.NextIp(in op);
        ushort oldCode = cpu.Segment(SegmentRegister.Cs).Selector;
        var stack = new StackFrame(cpu, cpu.Segment(SegmentRegister.Ss), cpu.Rsp, cpu.Code64, system: false, 0);
        if (cpu.RealSegments)
        {
            if (!stack.Push(oldCode, size) || !stack.Push(next, size)) return Step.Fault;
            Step step = JumpReal(cpu, value, offset);
            if (step == Step.Leave) cpu.Rsp = stack.Result;
            return step;
        }

        var selector = new Selector(value);
        if (selector.IsNull) return cpu.Fault(ExceptionVector.GeneralProtection);
        if (!Descriptors.Read(cpu, selector, out Descriptor descriptor)) return Step.Fault;
        if (!descriptor.IsSystem)
        {
            if (!CheckCode(cpu, selector, descriptor, throughGate: false) || !stack.Push(oldCode, size) || !stack.Push(next, size)
                || !CheckOffset(cpu, descriptor, offset) || !Descriptors.Mark(cpu, selector, Descriptor.AccessedBit, ref descriptor)) return Step.Fault;
            SetCode(cpu, selector, descriptor, cpu.Cpl, offset);
            cpu.Rsp = stack.Result;
            return Step.Leave;
        }

        if (descriptor.Dpl < cpu.Cpl || descriptor.Dpl < selector.Rpl) return cpu.Fault(ExceptionVector.GeneralProtection, selector.Error);
        switch (descriptor.Type)
        {
            case SystemType.CallGate32 or SystemType.CallGate16 when descriptor.Type == SystemType.CallGate32 || !cpu.LongMode:
                if (!descriptor.Present) return cpu.Fault(ExceptionVector.SegmentNotPresent, selector.Error);
                return CallGate(cpu, selector, descriptor, next);
            case SystemType.Tss16 or SystemType.Tss32 or SystemType.TaskGate when !cpu.LongMode:
                return ToTask(cpu, in op, selector, descriptor, TaskSwitchReason.Call);
            default:
                return cpu.Fault(ExceptionVector.GeneralProtection, selector.Error);
        }
    }

    private static Step CallGate(Cpu cpu, Selector selector, Descriptor gate, ulong next)
    {
        if (!GateTarget(cpu, selector, gate, out Selector target, out Descriptor code, out ulong offset)) return Step.Fault;
        if (!code.IsCode || code.Dpl > cpu.Cpl) return cpu.Fault(ExceptionVector.GeneralProtection, target.Error);
        if (!code.Present) return cpu.Fault(ExceptionVector.SegmentNotPresent, target.Error);
        int level = code.IsConforming ? cpu.Cpl : code.Dpl, size = cpu.LongMode ? 8 : gate.Type == SystemType.CallGate32 ? 4 : 2;
        bool inner = level < cpu.Cpl;
        ulong pointer = cpu.Rsp;
        Segment segment = cpu.Segment(SegmentRegister.Ss);
        if (inner && cpu.LongMode)
        {
            if (!TaskStack.Find64(cpu, 4 + ((uint)level * 8), 0, out pointer)) return Step.Fault;
            segment = new Segment { Selector = (ushort)level, Flags = (uint)level << 13 };
        }
        else if (inner && !TaskStack.Find(cpu, level, 0, out segment, out pointer))
        {
            return Step.Fault;
        }

        var stack = new StackFrame(cpu, segment, pointer, cpu.LongMode, system: inner, inner ? segment.Selector & 0xFFFCu : 0);
        if (inner)
        {
            if (!stack.Push(cpu.Segment(SegmentRegister.Ss).Selector, size) || !stack.Push(cpu.Rsp, size)) return Step.Fault;
            if (!cpu.LongMode && !CopyParameters(cpu, ref stack, gate.GateCount, size)) return Step.Fault;
        }

        if (!stack.Push(cpu.Segment(SegmentRegister.Cs).Selector, size) || !stack.Push(next, size)) return Step.Fault;
        if (!CheckOffset(cpu, code, offset) || !Descriptors.Mark(cpu, target, Descriptor.AccessedBit, ref code)) return Step.Fault;
        if (inner) cpu.Segment(SegmentRegister.Ss) = segment;
        cpu.Rsp = stack.Result;
        SetCode(cpu, target, code, level, offset);
        return Step.Leave;
    }

    private static bool CopyParameters(Cpu cpu, ref StackFrame stack, int count, int size)
    {
        for (int i = count - 1; i >= 0; i--)
        {
            ulong value;
            if (size == 4)
            {
                if (!cpu.Peek(i * 4, out uint wide)) return false;
                value = wide;
            }
            else
            {
                if (!cpu.Peek(i * 2, out ushort narrow)) return false;
                value = narrow;
            }

            if (!stack.Push(value, size)) return false;
        }

        return true;
    }

    private static bool GateTarget(Cpu cpu, Selector selector, Descriptor gate, out Selector target, out Descriptor code, out ulong offset)
    {
        offset = gate.Type == SystemType.CallGate32 ? gate.GateOffset : gate.GateOffset & 0xFFFF;
        target = new Selector(gate.GateSelector);
        code = default;
        if (cpu.LongMode)
        {
            if (!Descriptors.ReadUpper(cpu, selector, out ulong upper)) return false;
            offset |= upper;
        }

        if (target.IsNull) return cpu.Refuse(ExceptionVector.GeneralProtection);
        if (!Descriptors.Read(cpu, target, out code)) return false;
        return !cpu.LongMode || (code.IsLong && !code.IsBig) || cpu.Refuse(ExceptionVector.GeneralProtection, target.Error);
    }

    private static Step ToTask(Cpu cpu, in Op op, Selector selector, Descriptor descriptor, TaskSwitchReason reason)
    {
        if (!descriptor.Present) return cpu.Fault(ExceptionVector.SegmentNotPresent, selector.Error);
        cpu.State.Rip = (uint)cpu.NextIp(in op);
        if (descriptor.Type == SystemType.TaskGate) selector = new Selector(descriptor.GateSelector);
        return TaskSwitch.Enter(cpu, selector, reason) ? Step.Leave : Step.Fault;
    }

    private static bool CheckCode(Cpu cpu, Selector selector, Descriptor code, bool throughGate)
    {
        int rpl = throughGate ? 0 : selector.Rpl;
        bool allowed = code.IsCode && (code.IsConforming ? code.Dpl <= cpu.Cpl : code.Dpl == cpu.Cpl && rpl <= cpu.Cpl);
        if (!allowed || (cpu.LongMode && code.IsLong && code.IsBig)) return cpu.Refuse(ExceptionVector.GeneralProtection, selector.Error);
        return code.Present || cpu.Refuse(ExceptionVector.SegmentNotPresent, selector.Error);
    }

    private static bool CheckOffset(Cpu cpu, Descriptor code, ulong offset)
    {
        bool inside = cpu.LongMode && code.IsLong ? cpu.IsCanonical(offset) : (uint)offset <= code.Limit;
        return inside || cpu.Refuse(ExceptionVector.GeneralProtection);
    }

    private static void SetCode(Cpu cpu, Selector selector, Descriptor code, int level, ulong offset)
    {
        cpu.Segment(SegmentRegister.Cs) = code.ToSegment((ushort)((selector.Value & ~3) | level));
        cpu.State.Rip = offset;
        cpu.UpdateMode();
    }
}
