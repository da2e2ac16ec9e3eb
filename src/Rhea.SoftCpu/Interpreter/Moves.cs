using System.Buffers.Binary;
using System.Numerics;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>MOV, MOVZX, MOVSX, XCHG, LEA, CMOVcc, SETcc, BSWAP, XLAT, CBW and the like.</summary>
internal static class Moves<T> where T : unmanaged, IBinaryInteger<T>
{
    public static Step Register(Cpu cpu, in Op op)
    {
        cpu.Set(op.R0, cpu.Get<T>(op.R1));
        return Step.Next;
    }

    public static Step Load(Cpu cpu, in Op op)
    {
        if (!cpu.Load(in op, out T value)) return Step.Fault;
        cpu.Set(op.R0, value);
        return Step.Next;
    }

    public static Step Store(Cpu cpu, in Op op) => cpu.Store(in op, cpu.Get<T>(op.R1)) ? Step.Next : Step.Fault;

    public static Step Immediate(Cpu cpu, in Op op)
    {
        cpu.Set(op.R0, T.CreateTruncating(op.Immediate));
        return Step.Next;
    }

    public static Step StoreImmediate(Cpu cpu, in Op op) => cpu.Store(in op, T.CreateTruncating(op.Immediate)) ? Step.Next : Step.Fault;

    public static Step Lea(Cpu cpu, in Op op)
    {
        cpu.Set(op.R0, T.CreateTruncating(cpu.EffectiveAddress(in op)));
        return Step.Next;
    }

    public static Step ExchangeRegister(Cpu cpu, in Op op)
    {
        T left = cpu.Get<T>(op.R0), right = cpu.Get<T>(op.R1);
        cpu.Set(op.R0, right);
        cpu.Set(op.R1, left);
        return Step.Next;
    }

    /// <summary>Locked without being asked.</summary>
    public static Step ExchangeMemory(Cpu cpu, in Op op)
    {
        T value;
        do
        {
            if (!cpu.LoadForUpdate(in op, out value)) return Step.Fault;
        }
        while (!cpu.TryUpdate(value, cpu.Get<T>(op.R1)));
        cpu.Set(op.R1, value);
        return Step.Next;
    }

    public static Step SwapBytes(Cpu cpu, in Op op)
    {
        if (typeof(T) == typeof(uint)) cpu.Set(op.R0, BinaryPrimitives.ReverseEndianness(cpu.Get<uint>(op.R0)));
        else if (typeof(T) == typeof(ulong)) cpu.Set(op.R0, BinaryPrimitives.ReverseEndianness(cpu.Get<ulong>(op.R0)));
        else cpu.Set(op.R0, (ushort)0); // undefined; processors clear it
        return Step.Next;
    }

    public static Step LoadSwapped(Cpu cpu, in Op op)
    {
        if (!cpu.Load(in op, out T value)) return Step.Fault;
        cpu.Set(op.R0, Swapped(value));
        return Step.Next;
    }

    public static Step StoreSwapped(Cpu cpu, in Op op) => cpu.Store(in op, Swapped(cpu.Get<T>(op.R1))) ? Step.Next : Step.Fault;

    private static T Swapped(T value) => typeof(T) == typeof(ushort) ? T.CreateTruncating(BinaryPrimitives.ReverseEndianness(ushort.CreateTruncating(value)))
        : typeof(T) == typeof(uint) ? T.CreateTruncating(BinaryPrimitives.ReverseEndianness(uint.CreateTruncating(value)))
        : T.CreateTruncating(BinaryPrimitives.ReverseEndianness(ulong.CreateTruncating(value)));
}

/// <summary>Moves that widen: from type, to type; signed types extend the sign.</summary>
internal static class Widening<TFrom, TTo>
    where TFrom : unmanaged, IBinaryInteger<TFrom>
    where TTo : unmanaged, IBinaryInteger<TTo>
{
    public static Step Register(Cpu cpu, in Op op)
    {
        cpu.Set(op.R0, TTo.CreateTruncating(cpu.Get<TFrom>(op.R1)));
        return Step.Next;
    }

    public static Step Memory(Cpu cpu, in Op op)
    {
        if (!cpu.Load(in op, out TFrom value)) return Step.Fault;
        cpu.Set(op.R0, TTo.CreateTruncating(value));
        return Step.Next;
    }

    /// <summary>CBW, CWDE, CDQE: within the accumulator.</summary>
    public static Step Accumulator(Cpu cpu, in Op op)
    {
        cpu.Set(0, TTo.CreateTruncating(cpu.Get<TFrom>(0)));
        return Step.Next;
    }

    /// <summary>CWD, CDQ, CQO: the accumulator's sign into all of the data register; TTo is unsigned, of the same size.</summary>
    public static Step Sign(Cpu cpu, in Op op)
    {
        cpu.Set(2 * sizeof(ulong), TTo.CreateTruncating(TFrom.IsNegative(cpu.Get<TFrom>(0)) ? -1 : 0));
        return Step.Next;
    }
}

/// <summary>CMOVcc and SETcc.</summary>
internal static class Conditional<TCondition> where TCondition : struct, ICondition
{
    public static Step SetRegister(Cpu cpu, in Op op)
    {
        cpu.Set(op.R0, TCondition.Holds(ref cpu.Flags) ? (byte)1 : (byte)0);
        return Step.Next;
    }

    public static Step SetMemory(Cpu cpu, in Op op) => cpu.Store(in op, TCondition.Holds(ref cpu.Flags) ? (byte)1 : (byte)0) ? Step.Next : Step.Fault;

    public static Step MoveRegister<T>(Cpu cpu, in Op op) where T : unmanaged
    {
        cpu.Set(op.R0, cpu.Get<T>(TCondition.Holds(ref cpu.Flags) ? op.R1 : op.R0)); // 32 bits clear the upper half either way
        return Step.Next;
    }

    /// <summary>Memory is read, and faults, whether or not the condition holds.</summary>
    public static Step MoveMemory<T>(Cpu cpu, in Op op) where T : unmanaged
    {
        if (!cpu.Load(in op, out T value)) return Step.Fault;
        cpu.Set(op.R0, TCondition.Holds(ref cpu.Flags) ? value : cpu.Get<T>(op.R0));
        return Step.Next;
    }
}

/// <summary>Single instructions that fit nowhere else.</summary>
internal static class Misc
{
    public static Step Nop(Cpu cpu, in Op op) => Step.Next;

    /// <summary>Lets others have the host, for the guest is waiting for one of them.</summary>
    public static Step Pause(Cpu cpu, in Op op)
    {
        Thread.SpinWait(1);
        if (cpu.Accelerator.TakesTurns) cpu.Yields = cpu.Attention = true;
        return cpu.LeaveAfter(in op);
    }

    public static Step Fence(Cpu cpu, in Op op)
    {
        Interlocked.MemoryBarrier();
        return Step.Next;
    }

    /// <summary>CLFLUSH and its kin: there is no cache to write back, but the byte must be readable.</summary>
    public static Step FlushLine(Cpu cpu, in Op op) =>
        cpu.Linear(in op, 1, write: false, out ulong linear) && cpu.Mmu.CanRead(linear, 1, op.Segment) ? Step.Next : Step.Fault;

    public static Step Xlat(Cpu cpu, in Op op)
    {
        ulong address = (cpu.Rbx + (byte)cpu.Rax) << op.AddressShift >> op.AddressShift;
        if (!op.Has(OpFlags.Flat) && !cpu.Segmented(op.Segment, 1, write: false, ref address)) return Step.Fault;
        if (!cpu.LoadLinear(op.Segment, address, out byte value)) return Step.Fault;
        cpu.Set(0, value);
        return Step.Next;
    }

    /// <summary>SETcc without a condition: AL from CF (not documented, and used).</summary>
    public static Step Salc(Cpu cpu, in Op op)
    {
        cpu.Set(0, cpu.Flags.Carry ? (byte)0xFF : (byte)0);
        return Step.Next;
    }

    public static Step Lahf(Cpu cpu, in Op op)
    {
        if (cpu.Code64 && !cpu.Features.LahfIn64Bit) return cpu.Fault(ExceptionVector.InvalidOpcode);
        cpu.Set(1, (byte)(cpu.Flags.Value | Rflags.One));
        return Step.Next;
    }

    public static Step Sahf(Cpu cpu, in Op op)
    {
        if (cpu.Code64 && !cpu.Features.LahfIn64Bit) return cpu.Fault(ExceptionVector.InvalidOpcode);
        cpu.Flags.Value = (cpu.Flags.Value & Rflags.Overflow) | (cpu.Get<byte>(1) & ~Rflags.Overflow);
        return Step.Next;
    }

    public static Step SetCarry(Cpu cpu, in Op op) => Carry(cpu, (cpu.Flags.Value | Rflags.Carry));

    public static Step ClearCarry(Cpu cpu, in Op op) => Carry(cpu, (cpu.Flags.Value & ~Rflags.Carry));

    public static Step ComplementCarry(Cpu cpu, in Op op) => Carry(cpu, (cpu.Flags.Value ^ Rflags.Carry));

    public static Step SetDirection(Cpu cpu, in Op op)
    {
        cpu.State.Rflags |= Rflags.Direction;
        return Step.Next;
    }

    public static Step ClearDirection(Cpu cpu, in Op op)
    {
        cpu.State.Rflags &= ~(ulong)Rflags.Direction;
        return Step.Next;
    }

    /// <summary>BOUND: two signed limits in memory.</summary>
    public static Step Bound<T>(Cpu cpu, in Op op) where T : unmanaged, IBinaryInteger<T>
    {
        int size = T.Zero.GetByteCount();
        if (!cpu.Load(in op, 0, out T low) || !cpu.Load(in op, (uint)size, out T high)) return Step.Fault;
        T index = cpu.Get<T>(op.R0);
        return index < low || index > high ? cpu.Fault(ExceptionVector.BoundRange) : Step.Next;
    }

    private static Step Carry(Cpu cpu, uint flags)
    {
        cpu.Flags.Value = flags;
        return Step.Next;
    }
}
