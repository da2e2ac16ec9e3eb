using System.Numerics;
using System.Runtime.CompilerServices;
using Rhea.Core.Cpu;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>PUSH, POP, PUSHA, POPA, PUSHF, POPF, ENTER, LEAVE; T is the operand size.</summary>
internal static class Stack<T> where T : unmanaged, IBinaryInteger<T>
{
    private static int Size => Unsafe.SizeOf<T>();

    public static Step PushRegister(Cpu cpu, in Op op) => cpu.Push(cpu.Get<T>(op.R0)) ? Step.Next : Step.Fault;

    public static Step PushImmediate(Cpu cpu, in Op op) => cpu.Push(T.CreateTruncating(op.Immediate)) ? Step.Next : Step.Fault;

    public static Step PushMemory(Cpu cpu, in Op op) => cpu.Load(in op, out T value) && cpu.Push(value) ? Step.Next : Step.Fault;

    public static Step PopRegister(Cpu cpu, in Op op)
    {
        if (!cpu.Pop(out T value)) return Step.Fault;
        cpu.Set(op.R0, value);
        return Step.Next;
    }

    /// <summary>An address based on RSP uses its value after the pop.</summary>
    public static Step PopMemory(Cpu cpu, in Op op)
    {
        ulong stack = cpu.Rsp;
        if (cpu.Pop(out T value) && cpu.Store(in op, value)) return Step.Next;
        cpu.Rsp = stack;
        return Step.Fault;
    }

    public static Step PushSegment(Cpu cpu, in Op op) =>
        cpu.Push(T.CreateTruncating(cpu.Segment((SegmentRegister)op.R0).Selector)) ? Step.Next : Step.Fault;

    public static Step PopSegment(Cpu cpu, in Op op)
    {
        var register = (SegmentRegister)op.R0;
        if (!cpu.Peek(0, out T value)) return Step.Fault;
        ulong stack = cpu.Rsp;
        cpu.MoveStack(Size); // by the old stack segment's size
        if (!Descriptors.Load(cpu, register, ushort.CreateTruncating(value)))
        {
            cpu.Rsp = stack;
            return Step.Fault;
        }

        if (register == SegmentRegister.Ss) cpu.HoldInterrupts(traps: true);
        return cpu.LeaveAfter(in op);
    }

    public static Step PushAll(Cpu cpu, in Op op)
    {
        for (var i = 0; i < 8; i++)
            if (!cpu.Poke(-Size * (i + 1), cpu.Get<T>(i * sizeof(ulong)))) return Step.Fault;
        cpu.MoveStack(-8 * Size);
        return Step.Next;
    }

    public static Step PopAll(Cpu cpu, in Op op)
    {
        Span<T> values = stackalloc T[8];
        for (var i = 0; i < 8; i++)
            if (!cpu.Peek(Size * i, out values[i])) return Step.Fault;
        for (var i = 0; i < 8; i++)
            if (i != 3) cpu.Set((7 - i) * sizeof(ulong), values[i]); // not the stack pointer
        cpu.MoveStack(8 * Size);
        return Step.Next;
    }

    public static Step PushFlags(Cpu cpu, in Op op)
    {
        if (cpu.V86 && cpu.Iopl < 3) return cpu.Fault(ExceptionVector.GeneralProtection);
        return cpu.Push(T.CreateTruncating(cpu.ReadRflags() & ~(ulong)(Rflags.Resume | Rflags.Virtual8086))) ? Step.Next : Step.Fault;
    }

    public static Step PopFlags(Cpu cpu, in Op op)
    {
        if (cpu.V86 && cpu.Iopl < 3) return cpu.Fault(ExceptionVector.GeneralProtection);
        if (!cpu.Pop(out T value)) return Step.Fault;
        FlagRegister.Write(cpu, ulong.CreateTruncating(value), Size);
        return cpu.LeaveAfter(in op);
    }

    public static Step Leave(Cpu cpu, in Op op)
    {
        ulong stack = cpu.Rsp;
        cpu.SetStack(cpu.Rbp);
        if (!cpu.Pop(out T frame))
        {
            cpu.Rsp = stack;
            return Step.Fault;
        }

        cpu.Set(5 * sizeof(ulong), frame);
        return Step.Next;
    }

    /// <summary>The first immediate is the frame's size, the second how many outer frames' pointers it gets.</summary>
    public static Step Enter(Cpu cpu, in Op op)
    {
        int level = (int)op.Displacement & 31;
        ulong mask = cpu.StackMask, frame = ((cpu.Rsp - (ulong)Size) & mask) | (cpu.Rsp & ~mask); // all of ESP, on a stack of 16 bits too
        if (!cpu.Poke(-Size, cpu.Get<T>(5 * sizeof(ulong)))) return Step.Fault;
        for (var i = 1; i < level; i++)
        {
            ulong outer = (cpu.Rbp - (ulong)(i * Size)) & mask;
            if (!LoadStack(cpu, outer, out T pointer) || !cpu.Poke(-Size * (i + 1), pointer)) return Step.Fault;
        }

        if (level > 0 && !cpu.Poke(-Size * (level + 1), T.CreateTruncating(frame))) return Step.Fault;
        long depth = ((long)Size * (level == 0 ? 1 : level + 1)) + (ushort)op.Immediate;
        if (!cpu.StackLinear(-depth, 1, write: true, out ulong last) || !cpu.Mmu.CanWrite(last, 1, SegmentRegister.Ss)) return Step.Fault;
        cpu.MoveStack(-depth);
        cpu.Set(5 * sizeof(ulong), T.CreateTruncating(frame));
        return Step.Next;
    }

    private static bool LoadStack(Cpu cpu, ulong offset, out T value)
    {
        value = default;
        return (cpu.Code64 || cpu.Segmented(SegmentRegister.Ss, Size, write: false, ref offset)) && cpu.LoadLinear(SegmentRegister.Ss, offset, out value);
    }
}

/// <summary>What of RFLAGS the running code may change.</summary>
internal static class FlagRegister
{
    private const uint Always = Rflags.Status | Rflags.Trap | Rflags.Direction | Rflags.NestedTask | Rflags.AlignmentCheck | Rflags.Id;

    /// <summary>POPF: IOPL only at level 0, IF only at IOPL or better; RF is cleared, VM stays.</summary>
    public static void Write(Cpu cpu, ulong value, int size)
    {
        uint may = Always;
        if (cpu.Cpl == 0) may |= Rflags.Iopl;
        if (!cpu.Protected || cpu.Cpl <= cpu.Iopl) may |= Rflags.Interrupt;
        if (size == 2) may &= 0xFFFF;
        cpu.WriteRflags((cpu.ReadRflags() & ~(ulong)(may | Rflags.Resume)) | (value & may));
    }
}
