using Rhea.Core.Cpu;
using Rhea.X86;
using Rhea.X86.FloatingPoint;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Bits of the x87 status word (Intel SDM vol. 1, 8.1.3).</summary>
internal static class Fsw
{
    public const ushort StackFault = 1 << 6, ErrorSummary = 1 << 7, C0 = 1 << 8, C1 = 1 << 9, C2 = 1 << 10, C3 = 1 << 14, Busy = 1 << 15;
    public const ushort Top = 7 << TopShift, Conditions = C0 | C1 | C2 | C3;
    public const int TopShift = 11;
}

/// <summary>The x87 register stack, and what every x87 instruction checks before and notes after it computes.</summary>
/// <remarks>
/// Intel SDM vol. 1, chapter 8. An unmasked exception lets its instruction end; it is the next waiting one that reports it: by #MF,
/// or with CR0.NE clear by the FERR# pin, as DOS wants it. That one does not wait for the interrupt here, as it does not in QEMU.
/// </remarks>
internal static class X87
{
    private const ushort StackUnderflow = (ushort)FloatExceptions.Invalid | Fsw.StackFault;
    private const ushort StackOverflow = StackUnderflow | Fsw.C1;

    /// <summary>The unit is there and is this task's.</summary>
    public static bool IsPresent(Cpu cpu) =>
        (cpu.State.Cr0 & (Cr0.Emulation | Cr0.TaskSwitched)) == 0 || cpu.Refuse(ExceptionVector.DeviceNotAvailable);

    /// <summary>And no exception waits to be reported.</summary>
    public static bool IsReady(Cpu cpu) => IsPresent(cpu) && !IsInterrupted(cpu);

    /// <summary>Reports the exception that waits; true when there was one.</summary>
    public static bool IsInterrupted(Cpu cpu)
    {
        if ((cpu.State.FpuStatus & Fsw.ErrorSummary) == 0) return false;
        if ((cpu.State.Cr0 & Cr0.NumericError) != 0) return !cpu.Refuse(ExceptionVector.FloatingPoint);
        cpu.ReportsX87Error = true;
        cpu.Outside.ReportFloatingPointError(true);
        return false;
    }

    /// <summary>To be called when the summary may have been cleared.</summary>
    public static void Settle(Cpu cpu)
    {
        if (!cpu.ReportsX87Error || (cpu.State.FpuStatus & Fsw.ErrorSummary) != 0) return;
        cpu.ReportsX87Error = false;
        cpu.Outside.ReportFloatingPointError(false);
    }

    /// <summary>Remembers where the instruction and its operand are, for FSTENV.</summary>
    public static void Note(Cpu cpu, in Op op) => cpu.State.FpuInstruction = cpu.BlockIp + op.Offset;

    /// <inheritdoc cref="Note"/>
    public static void NoteOperand(Cpu cpu, in Op op)
    {
        Note(cpu, in op);
        cpu.State.FpuOperand = cpu.EffectiveAddress(in op);
    }

    // The stack

    /// <summary>The physical register that ST(i) is.</summary>
    public static int Physical(Cpu cpu, int i) => ((cpu.State.FpuStatus >> Fsw.TopShift) + i) & 7;

    public static bool IsEmpty(Cpu cpu, int i) => (cpu.State.FpuEmpty >> Physical(cpu, i) & 1) != 0;

    public static Float80 Get(Cpu cpu, int i)
    {
        ref X87Register register = ref cpu.State.X87[Physical(cpu, i)];
        return new(register.Significand, register.SignExponent);
    }

    public static void Set(Cpu cpu, int i, Float80 value)
    {
        int physical = Physical(cpu, i);
        cpu.State.X87[physical] = new X87Register { Significand = value.Significand, SignExponent = value.SignExponent };
        cpu.State.FpuEmpty &= (byte)~(1 << physical);
    }

    public static void Free(Cpu cpu, int i) => cpu.State.FpuEmpty |= (byte)(1 << Physical(cpu, i));

    public static void Pop(Cpu cpu)
    {
        Free(cpu, 0);
        MoveTop(cpu, 1);
    }

    /// <summary>Pushes, or what a full stack makes of it.</summary>
    public static void Push(Cpu cpu, Float80 value)
    {
        if (!IsEmpty(cpu, 7))
        {
            if (!FaultStack(cpu, StackOverflow)) return;
            value = Float80.Indefinite;
        }
        MoveTop(cpu, -1);
        Set(cpu, 0, value);
    }

    public static void MoveTop(Cpu cpu, int by)
    {
        ref ushort status = ref cpu.State.FpuStatus;
        status = (ushort)((status & ~Fsw.Top) | ((status + (by << Fsw.TopShift)) & Fsw.Top));
    }

    // Exceptions

    /// <summary>An operand was empty. True when that is masked: the answer is then <see cref="Float80.Indefinite"/>.</summary>
    public static bool Underflow(Cpu cpu) => FaultStack(cpu, StackUnderflow);

    public static bool Overflow(Cpu cpu) => FaultStack(cpu, StackOverflow);

    public static FloatEnvironment Environment(Cpu cpu) => FloatEnvironment.FromControlWord(cpu.State.FpuControl);

    /// <summary>Notes what an instruction raised, and C1; false when there is no result to write.</summary>
    public static bool Accept(Cpu cpu, in FloatEnvironment environment)
    {
        ref ushort status = ref cpu.State.FpuStatus;
        FloatExceptions unmasked = environment.Unmasked;
        bool discarded = (unmasked & FloatExceptions.BeforeResult) != 0;
        FloatExceptions raised = discarded ? environment.Raised & FloatExceptions.BeforeResult : environment.Raised;
        status = (ushort)((status & ~Fsw.C1) | (int)raised);
        if (environment.RoundedUp && !discarded && (environment.Raised & FloatExceptions.Precision) != 0) status |= Fsw.C1;
        if (unmasked == FloatExceptions.None) return true;
        status |= Fsw.ErrorSummary | Fsw.Busy;
        NoteOpcode(cpu);
        return !discarded;
    }

    /// <summary>C0, C2 and C3, with C1 clear.</summary>
    public static void SetConditions(Cpu cpu, int conditions) =>
        cpu.State.FpuStatus = (ushort)((cpu.State.FpuStatus & ~Fsw.Conditions) | conditions);

    public static void ClearC1(Cpu cpu) => cpu.State.FpuStatus &= unchecked((ushort)~Fsw.C1);

    /// <summary>To be called when control or status word were loaded: the summary follows from both.</summary>
    public static void UpdateSummary(Cpu cpu)
    {
        ref CpuState state = ref cpu.State;
        bool pending = (state.FpuStatus & ~state.FpuControl & (int)FloatExceptions.All) != 0;
        state.FpuStatus = (ushort)((state.FpuStatus & ~(Fsw.ErrorSummary | Fsw.Busy)) | (pending ? Fsw.ErrorSummary | Fsw.Busy : 0));
        Settle(cpu);
    }

    private static bool FaultStack(Cpu cpu, ushort bits)
    {
        ref CpuState state = ref cpu.State;
        state.FpuStatus = (ushort)((state.FpuStatus & ~Fsw.C1) | bits);
        if ((state.FpuControl & (int)FloatExceptions.Invalid) != 0) return true;
        state.FpuStatus |= Fsw.ErrorSummary | Fsw.Busy;
        NoteOpcode(cpu);
        return false;
    }

    /// <summary>FOP: eleven bits of the instruction that raised an unmasked exception, as newer processors keep it for those alone.</summary>
    private static void NoteOpcode(Cpu cpu)
    {
        const int longest = 15;
        Span<byte> bytes = stackalloc byte[longest];
        ulong at = cpu.State.FpuInstruction;
        int count = cpu.Mmu.Peek(cpu.Code64 ? at : (uint)(cpu.Segment(SegmentRegister.Cs).Base + at), bytes);
        for (var i = 0; i < count - 1; i++)
        {
            if ((bytes[i] & 0xF8) != 0xD8) continue; // a prefix
            cpu.State.FpuOpcode = (ushort)((bytes[i] & 7) << 8 | bytes[i + 1]);
            return;
        }
    }
}
