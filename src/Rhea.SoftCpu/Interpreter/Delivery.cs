using Rhea.Core.Cpu;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Interrupts and exceptions on their way through the IDT (Intel SDM vol. 3, chapter 7).</summary>
internal static class Delivery
{
    private const uint External = 1, InIdt = 2;

    /// <summary>Delivers the fault that the processor noted, RIP being where it is to return. False is a triple fault.</summary>
    public static bool Exception(Cpu cpu)
    {
        ExceptionVector vector = cpu.FaultVector;
        uint code = cpu.FaultCode;
        (ExceptionVector first, uint firstCode, ulong address) = (vector, code, cpu.State.Cr2);
        (ExceptionVector Vector, uint Code)? obstacle = null;
        cpu.Accelerator.Execution?.Excepting((byte)vector, null);
        cpu.State.Activity = CpuActivity.Running;
        while (true)
        {
            if (vector == ExceptionVector.Debug) cpu.State.Debug[7] &= ~0x2000UL; // GD, so that the handler may look
            var gate = new Event((byte)vector, Exceptions.HasErrorCode(vector), code, Software: false, IsFault: vector is not (ExceptionVector.Breakpoint or ExceptionVector.Overflow));
            if (Deliver(cpu, in gate, cpu.State.Rip)) return true;
            ExceptionVector second = cpu.FaultVector;
            obstacle ??= (second, cpu.FaultCode);
            cpu.Accelerator.Execution?.Excepting((byte)second, (byte)vector);
            if (vector == ExceptionVector.DoubleFault)
            {
                cpu.Accelerator.Execution?.TripleFault();
                cpu.TripleFault = ShutdownReport.Write(cpu, first, firstCode, address, obstacle.Value.Vector, obstacle.Value.Code);
                return false;
            }

            (vector, code) = Exceptions.MakesDoubleFault(vector, second) ? (ExceptionVector.DoubleFault, 0) : (second, cpu.FaultCode);
        }
    }

    /// <summary>An interrupt from outside, or an NMI. False is a triple fault.</summary>
    public static bool Interrupt(Cpu cpu, byte vector)
    {
        var gate = new Event(vector, HasCode: false, 0, Software: false, IsFault: false);
        if (vector != (byte)ExceptionVector.Nmi) cpu.Accelerator.Execution?.ServingInterrupt(vector);
        return Deliver(cpu, in gate, cpu.State.Rip) || Exception(cpu);
    }

    /// <summary>INT n, INT3, INTO: a fault on the way is the instruction's own.</summary>
    public static Step Software(Cpu cpu, in Op op, byte vector, bool checksGate = true)
    {
        ulong next = cpu.NextIp(in op);
        if (!cpu.Code64) next = (uint)next;
        if (cpu.V86 && checksGate && cpu.Iopl < 3 && op.Code == (ushort)Iced.Intel.Code.Int_imm8) return cpu.Fault(ExceptionVector.GeneralProtection);
        var gate = new Event(vector, HasCode: false, 0, Software: checksGate, IsFault: false);
        return Deliver(cpu, in gate, next) ? Step.Leave : Step.Fault;
    }

    private static bool Deliver(Cpu cpu, in Event what, ulong returnIp)
    {
        cpu.Accelerator.Execution?.Delivering(cpu, what.Vector, what.HasCode ? what.Code : 0, what.Software, returnIp);
        bool done = !cpu.Protected ? DeliverReal(cpu, in what, returnIp)
            : cpu.LongMode ? DeliverLong(cpu, in what, returnIp)
            : DeliverProtected(cpu, in what, returnIp);
        cpu.Attention = true;
        if (done) cpu.EndsInTrap = cpu.State.InterruptShadow = false; // the handler is not stepped into
        return done;
    }

    private static bool DeliverReal(Cpu cpu, in Event what, ulong returnIp)
    {
        ref CpuState state = ref cpu.State;
        if ((what.Vector * 4u) + 3 > state.Idtr.Limit) return cpu.Refuse(ExceptionVector.GeneralProtection, (what.Vector * 8u) | InIdt);
        if (!cpu.Mmu.ReadSystem(state.Idtr.Base + (what.Vector * 4u), out uint entry)) return false;
        var stack = new StackFrame(cpu, cpu.Segment(SegmentRegister.Ss), cpu.Rsp, long64: false, system: false, 0);
        if (!stack.Push(cpu.ReadRflags(), 2) || !stack.Push(cpu.Segment(SegmentRegister.Cs).Selector, 2) || !stack.Push(returnIp, 2)) return false;
        cpu.Rsp = stack.Result;
        state.Rflags &= ~(ulong)(Rflags.Interrupt | Rflags.Trap | Rflags.AlignmentCheck | Rflags.Resume);
        Descriptors.LoadParagraph(cpu, SegmentRegister.Cs, (ushort)(entry >> 16));
        state.Rip = (ushort)entry;
        return true;
    }

    private static bool DeliverProtected(Cpu cpu, in Event what, ulong returnIp)
    {
        ref CpuState state = ref cpu.State;
        uint external = what.Software ? 0 : External, error = (what.Vector * 8u) | InIdt | external;
        if ((what.Vector * 8u) + 7 > state.Idtr.Limit) return cpu.Refuse(ExceptionVector.GeneralProtection, error);
        if (!cpu.Mmu.ReadSystem(state.Idtr.Base + (what.Vector * 8u), out ulong value)) return false;
        var gate = new Descriptor(value);
        bool wide = gate.Type is SystemType.InterruptGate32 or SystemType.TrapGate32;
        if (!gate.IsSystem || !(wide || gate.Type is SystemType.TaskGate or SystemType.InterruptGate16 or SystemType.TrapGate16))
            return cpu.Refuse(ExceptionVector.GeneralProtection, error);
        if (what.Software && gate.Dpl < cpu.Cpl) return cpu.Refuse(ExceptionVector.GeneralProtection, error);
        if (!gate.Present) return cpu.Refuse(ExceptionVector.SegmentNotPresent, error);
        if (gate.Type == SystemType.TaskGate) return ThroughTask(cpu, in what, gate, returnIp, external);
        if (!Target(cpu, gate, external, out Descriptor code, out int level)) return false;

        bool inner = level < cpu.Cpl, v86 = cpu.V86;
        Segment stackSegment = cpu.Segment(SegmentRegister.Ss);
        ulong pointer = cpu.Rsp;
        if (inner && !TaskStack.Find(cpu, level, external, out stackSegment, out pointer)) return false;
        var stack = new StackFrame(cpu, stackSegment, pointer, long64: false, system: inner, inner ? stackSegment.Selector & 0xFFFCu | external : external);
        int size = wide ? 4 : 2;
        ulong flags = Image(cpu, in what);
        if (v86 && !PushV86Segments(cpu, ref stack, size)) return false;
        if (inner && !(stack.Push(cpu.Segment(SegmentRegister.Ss).Selector, size) && stack.Push(cpu.Rsp, size))) return false;
        if (!stack.Push(flags, size) || !stack.Push(cpu.Segment(SegmentRegister.Cs).Selector, size) || !stack.Push(returnIp, size)) return false;
        if (what.HasCode && !stack.Push(what.Code, size)) return false;
        uint offset = wide ? gate.GateOffset : gate.GateOffset & 0xFFFF;
        if (offset > code.Limit) return cpu.Refuse(ExceptionVector.GeneralProtection, external);
        var selector = (ushort)((gate.GateSelector & ~3) | level);
        if (!Descriptors.Mark(cpu, new Selector(selector), Descriptor.AccessedBit, ref code)) return false;

        ClearFlags(cpu, (gate.Type & 1) == 0);
        if (inner) cpu.Segment(SegmentRegister.Ss) = stackSegment;
        if (v86) ClearDataSegments(cpu);
        cpu.Segment(SegmentRegister.Cs) = code.ToSegment(selector);
        cpu.Rsp = stack.Result;
        state.Rip = offset;
        cpu.UpdateMode();
        return true;
    }

    private static bool DeliverLong(Cpu cpu, in Event what, ulong returnIp)
    {
        ref CpuState state = ref cpu.State;
        uint external = what.Software ? 0 : External, error = (what.Vector * 8u) | InIdt | external;
        if ((what.Vector * 16u) + 15 > state.Idtr.Limit) return cpu.Refuse(ExceptionVector.GeneralProtection, error);
        if (!cpu.Mmu.ReadSystem(state.Idtr.Base + (what.Vector * 16u), out ulong value)) return false;
        if (!cpu.Mmu.ReadSystem(state.Idtr.Base + (what.Vector * 16u) + 8, out ulong upper)) return false;
        var gate = new Descriptor(value);
        if (!gate.IsSystem || gate.Type is not (SystemType.InterruptGate32 or SystemType.TrapGate32)) return cpu.Refuse(ExceptionVector.GeneralProtection, error);
        if (what.Software && gate.Dpl < cpu.Cpl) return cpu.Refuse(ExceptionVector.GeneralProtection, error);
        if (!gate.Present) return cpu.Refuse(ExceptionVector.SegmentNotPresent, error);
        if (!Target(cpu, gate, external, out Descriptor code, out int level)) return false;
        if (!code.IsLong || code.IsBig) return cpu.Refuse(ExceptionVector.GeneralProtection, gate.GateSelector & 0xFFFCu | external);

        bool inner = level < cpu.Cpl;
        ulong pointer = cpu.Rsp;
        if (gate.GateStack != 0 ? !TaskStack.Find64(cpu, 28 + ((uint)gate.GateStack * 8), external, out pointer)
            : inner && !TaskStack.Find64(cpu, 4 + ((uint)level * 8u), external, out pointer)) return false;
        var stack = new StackFrame(cpu, default, pointer & ~15UL, long64: true, system: inner, external);
        ulong offset = gate.GateOffset | upper << 32;
        if (!stack.Push(cpu.Segment(SegmentRegister.Ss).Selector, 8) || !stack.Push(cpu.Rsp, 8) || !stack.Push(Image(cpu, in what), 8)
            || !stack.Push(cpu.Segment(SegmentRegister.Cs).Selector, 8) || !stack.Push(returnIp, 8)) return false;
        if (what.HasCode && !stack.Push(what.Code, 8)) return false;
        if (!cpu.IsCanonical(offset)) return cpu.Refuse(ExceptionVector.GeneralProtection, external);
        var selector = (ushort)((gate.GateSelector & ~3) | level);
        if (!Descriptors.Mark(cpu, new Selector(selector), Descriptor.AccessedBit, ref code)) return false;

        ClearFlags(cpu, (gate.Type & 1) == 0);
        if (inner) cpu.Segment(SegmentRegister.Ss) = new Segment { Selector = (ushort)level, Flags = (uint)level << 13 };
        cpu.Segment(SegmentRegister.Cs) = code.ToSegment(selector);
        cpu.Rsp = stack.Result;
        state.Rip = offset;
        cpu.UpdateMode();
        return true;
    }

    /// <summary>The handler's code segment and the level it runs at.</summary>
    private static bool Target(Cpu cpu, Descriptor gate, uint external, out Descriptor code, out int level)
    {
        var selector = new Selector(gate.GateSelector);
        (code, level) = (default, 0);
        if (selector.IsNull) return cpu.Refuse(ExceptionVector.GeneralProtection, external);
        if (!Descriptors.Read(cpu, selector, out code, external: external)) return false;
        if (!code.IsCode || code.Dpl > cpu.Cpl) return cpu.Refuse(ExceptionVector.GeneralProtection, selector.Error | external);
        if (!code.Present) return cpu.Refuse(ExceptionVector.SegmentNotPresent, selector.Error | external);
        level = code.IsConforming ? cpu.Cpl : code.Dpl;
        if (cpu.V86 && level != 0) return cpu.Refuse(ExceptionVector.GeneralProtection, selector.Error | external);
        return true;
    }

    private static bool ThroughTask(Cpu cpu, in Event what, Descriptor gate, ulong returnIp, uint external)
    {
        cpu.State.Rip = returnIp;
        if (!TaskSwitch.Enter(cpu, new Selector(gate.GateSelector), TaskSwitchReason.Interrupt, external)) return false;
        if (!what.HasCode) return true;
        bool wide = (cpu.State.Tr.Flags >> 8 & 8) != 0;
        return wide ? cpu.Push(what.Code) : cpu.Push((ushort)what.Code);
    }

    private static bool PushV86Segments(Cpu cpu, ref StackFrame stack, int size) =>
        stack.Push(cpu.Segment(SegmentRegister.Gs).Selector, size) && stack.Push(cpu.Segment(SegmentRegister.Fs).Selector, size)
        && stack.Push(cpu.Segment(SegmentRegister.Ds).Selector, size) && stack.Push(cpu.Segment(SegmentRegister.Es).Selector, size);

    private static void ClearDataSegments(Cpu cpu)
    {
        foreach (SegmentRegister register in (ReadOnlySpan<SegmentRegister>)[SegmentRegister.Es, SegmentRegister.Ds, SegmentRegister.Fs, SegmentRegister.Gs])
            cpu.Segment(register) = default;
    }

    /// <summary>RFLAGS as pushed: a fault will start its instruction over without hitting the same breakpoint.</summary>
    private static ulong Image(Cpu cpu, in Event what) =>
        what.IsFault && what.Vector != (byte)ExceptionVector.Debug ? cpu.ReadRflags() | Rflags.Resume : cpu.ReadRflags();

    private static void ClearFlags(Cpu cpu, bool interruptGate)
    {
        cpu.State.Rflags &= ~(ulong)(Rflags.Trap | Rflags.NestedTask | Rflags.Resume | Rflags.Virtual8086 | (interruptGate ? Rflags.Interrupt : 0));
    }

    /// <param name="Vector">Entry of the IDT.</param>
    /// <param name="HasCode">An error code is pushed.</param>
    /// <param name="Code">The error code.</param>
    /// <param name="Software">By an instruction that needs the gate's permission.</param>
    /// <param name="IsFault">The instruction starts over.</param>
    private readonly record struct Event(byte Vector, bool HasCode, uint Code, bool Software, bool IsFault);
}

/// <summary>The stacks of inner levels, which the TSS names.</summary>
internal static class TaskStack
{
    /// <summary>SS:ESP of a level, checked; faults are #TS.</summary>
    public static bool Find(Cpu cpu, int level, uint external, out Segment segment, out ulong pointer)
    {
        ref Segment task = ref cpu.State.Tr;
        (segment, pointer) = (default, 0);
        bool wide = (task.Flags >> 8 & 8) != 0;
        uint offset = wide ? 4 + ((uint)level * 8) : 2 + ((uint)level * 4);
        if (offset + (wide ? 7u : 3u) > task.Limit) return cpu.Refuse(ExceptionVector.InvalidTss, task.Selector & 0xFFFCu | external);
        ushort stack;
        if (wide)
        {
            if (!cpu.Mmu.ReadSystem(task.Base + offset, out uint esp) || !cpu.Mmu.ReadSystem(task.Base + offset + 4, out stack)) return false;
            pointer = esp;
        }
        else
        {
            if (!cpu.Mmu.ReadSystem(task.Base + offset, out ushort sp) || !cpu.Mmu.ReadSystem(task.Base + offset + 2, out stack)) return false;
            pointer = sp;
        }

        var selector = new Selector(stack);
        if (selector.IsNull) return cpu.Refuse(ExceptionVector.InvalidTss, external);
        if (!Descriptors.Read(cpu, selector, out Descriptor descriptor, ExceptionVector.InvalidTss, external)) return false;
        if (selector.Rpl != level || descriptor.Dpl != level || !descriptor.IsWritableData) return cpu.Refuse(ExceptionVector.InvalidTss, selector.Error | external);
        if (!descriptor.Present) return cpu.Refuse(ExceptionVector.StackFault, selector.Error | external);
        if (!Descriptors.Mark(cpu, selector, Descriptor.AccessedBit, ref descriptor)) return false;
        segment = descriptor.ToSegment(stack);
        return true;
    }

    /// <summary>RSPn or ISTn of the 64-bit TSS.</summary>
    public static bool Find64(Cpu cpu, uint offset, uint external, out ulong pointer)
    {
        ref Segment task = ref cpu.State.Tr;
        pointer = 0;
        if (offset + 7 > task.Limit) return cpu.Refuse(ExceptionVector.InvalidTss, task.Selector & 0xFFFCu | external);
        if (!cpu.Mmu.ReadSystem(task.Base + offset, out pointer)) return false;
        return cpu.IsCanonical(pointer) || cpu.Refuse(ExceptionVector.StackFault, external);
    }
}
