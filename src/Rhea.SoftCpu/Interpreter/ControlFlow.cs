using System.Numerics;
using System.Runtime.CompilerServices;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Jcc, by condition; the type says how much of the target is kept.</summary>
internal static class Jumps<TCondition> where TCondition : struct, ICondition
{
    public static Step Near<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T> =>
        TCondition.Holds(ref cpu.Flags) ? ControlFlow<T>.Jump(cpu, in op) : Step.Next;
}

/// <summary>Near jumps, calls and returns; T is the operand size.</summary>
internal static class ControlFlow<T> where T : unmanaged, IBinaryInteger<T>
{
    public static Step Jump(Cpu cpu, in Op op) => cpu.Jump(Cut(cpu.BlockIp + (ulong)op.Immediate));

    public static Step JumpRegister(Cpu cpu, in Op op) => cpu.Jump(ulong.CreateTruncating(cpu.Get<T>(op.R0)));

    public static Step JumpMemory(Cpu cpu, in Op op) => cpu.Load(in op, out T target) ? cpu.Jump(ulong.CreateTruncating(target)) : Step.Fault;

    public static Step Call(Cpu cpu, in Op op) => CallTo(cpu, in op, Cut(cpu.BlockIp + (ulong)op.Immediate));

    public static Step CallRegister(Cpu cpu, in Op op) => CallTo(cpu, in op, ulong.CreateTruncating(cpu.Get<T>(op.R0)));

    public static Step CallMemory(Cpu cpu, in Op op) => cpu.Load(in op, out T target) ? CallTo(cpu, in op, ulong.CreateTruncating(target)) : Step.Fault;

    public static Step Return(Cpu cpu, in Op op) => ReturnAnd(cpu, 0);

    public static Step ReturnImmediate(Cpu cpu, in Op op) => ReturnAnd(cpu, (ushort)op.Immediate);

    private static Step CallTo(Cpu cpu, in Op op, ulong target)
    {
        ulong from = cpu.State.Rip;
        Step step = cpu.Jump(target); // a bad target leaves the stack as it is
        if (step == Step.Fault || cpu.Push(T.CreateTruncating(cpu.NextIp(in op)))) return step;
        cpu.State.Rip = from;
        return Step.Fault;
    }

    private static Step ReturnAnd(Cpu cpu, ushort release)
    {
        if (!cpu.Peek(0, out T target)) return Step.Fault;
        Step step = cpu.Jump(ulong.CreateTruncating(target));
        if (step == Step.Leave) cpu.MoveStack(Unsafe.SizeOf<T>() + release);
        return step;
    }

    private static ulong Cut(ulong target) => ulong.CreateTruncating(T.CreateTruncating(target));
}

/// <summary>LOOP, LOOPE, LOOPNE, JCXZ; TCount is the counter's size, T the operand size.</summary>
internal static class Loops<TCount, T>
    where TCount : unmanaged, IBinaryInteger<TCount>
    where T : unmanaged, IBinaryInteger<T>
{
    private const int Rcx = 1 * sizeof(ulong);

    public static Step Loop(Cpu cpu, in Op op) => Count(cpu, in op, true);

    public static Step LoopEqual(Cpu cpu, in Op op) => Count(cpu, in op, cpu.Flags.Zero);

    public static Step LoopNotEqual(Cpu cpu, in Op op) => Count(cpu, in op, !cpu.Flags.Zero);

    public static Step JumpIfZero(Cpu cpu, in Op op) => cpu.Get<TCount>(Rcx) == TCount.Zero ? ControlFlow<T>.Jump(cpu, in op) : Step.Next;

    private static Step Count(Cpu cpu, in Op op, bool goesOn)
    {
        TCount left = cpu.Get<TCount>(Rcx) - TCount.One;
        Step step = left != TCount.Zero && goesOn ? ControlFlow<T>.Jump(cpu, in op) : Step.Next;
        if (step != Step.Fault) cpu.Set(Rcx, left);
        return step;
    }
}

/// <summary>INT n, INT3, INT1, INTO, UD.</summary>
internal static class SoftwareInterrupts
{
    public static Step Int(Cpu cpu, in Op op) => Delivery.Software(cpu, in op, (byte)op.Immediate);

    public static Step Int3(Cpu cpu, in Op op) => Delivery.Software(cpu, in op, (byte)ExceptionVector.Breakpoint);

    /// <summary>With it goes the trap that waited for a MOV SS before it.</summary>
    public static Step Int1(Cpu cpu, in Op op)
    {
        cpu.Breakpoints.TakeTrap();
        return Delivery.Software(cpu, in op, (byte)ExceptionVector.Debug, checksGate: false);
    }

    public static Step Into(Cpu cpu, in Op op) => cpu.Flags.Overflow ? Delivery.Software(cpu, in op, (byte)ExceptionVector.Overflow) : Step.Next;

    /// <summary>More than fifteen bytes (Intel SDM vol. 3, 6.15, interrupt 13).</summary>
    public static Step TooLong(Cpu cpu, in Op op) => cpu.Fault(ExceptionVector.GeneralProtection, 0);

    public static Step Undefined(Cpu cpu, in Op op) => cpu.Fault(ExceptionVector.InvalidOpcode);
}
