using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Rhea.Core.Cpu;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>MOVS, STOS, LODS, SCAS, CMPS, with and without REP; T is the element.</summary>
/// <remarks>
/// With REP, as much as lies in one page on each side is done at once; after a number of elements the processor looks for
/// interrupts, RIP still at the instruction. Registers always show how far it got.
/// </remarks>
internal static class Strings<T> where T : unmanaged, IBinaryInteger<T>
{
    private const int Rcx = 1 * sizeof(ulong), Rsi = 6 * sizeof(ulong), Rdi = 7 * sizeof(ulong);
    private const int AtOnce = 4096; // elements between two looks for interrupts

    private static int Size => Unsafe.SizeOf<T>();

    /// <summary>One of the five, with or without REP.</summary>
    public static Step Run<TOperation>(Cpu cpu, in Op op) where TOperation : struct, IOperation
    {
        if (!op.Has(OpFlags.Rep | OpFlags.RepNe)) return TOperation.DoOne(cpu, in op) ? Step.Next : Step.Fault;
        for (int left = AtOnce; Count(cpu, in op) != 0;)
        {
            if (left <= 0) return Again(cpu, in op);
            int done = TOperation.DoMany(cpu, in op);
            if (done == 0)
            {
                if (!TOperation.DoOne(cpu, in op)) return Step.Fault;
                done = 1;
            }

            SetCount(cpu, in op, Count(cpu, in op) - (ulong)done);
            left -= done;
            if (TOperation.Compares && cpu.Flags.Zero == op.Has(OpFlags.RepNe)) break;
        }

        return Step.Next;
    }

    /// <summary>IN to ES:rDI.</summary>
    public static Step Input(Cpu cpu, in Op op)
    {
        var port = (ushort)cpu.Rdx;
        if (!Ports.Allowed(cpu, port, Size)) return Step.Fault;
        if (op.Has(OpFlags.Rep | OpFlags.RepNe) && Count(cpu, in op) == 0) return Step.Next;
        if (!Destination(cpu, in op, out ulong linear) || !cpu.Mmu.CanWrite(linear, Size, SegmentRegister.Es)) return Step.Fault;
        if (!cpu.StoreLinear(SegmentRegister.Es, linear, T.CreateTruncating(Ports.Read(cpu, port, Size)))) return Step.Fault;
        Advance(cpu, in op, Rdi, Step1(cpu));
        return Repeat(cpu, in op);
    }

    /// <summary>OUT from seg:rSI.</summary>
    public static Step Output(Cpu cpu, in Op op)
    {
        var port = (ushort)cpu.Rdx;
        if (!Ports.Allowed(cpu, port, Size)) return Step.Fault;
        if (op.Has(OpFlags.Rep | OpFlags.RepNe) && Count(cpu, in op) == 0) return Step.Next;
        if (!Source(cpu, in op, out ulong linear) || !cpu.LoadLinear(op.Segment, linear, out T value)) return Step.Fault;
        Ports.Write(cpu, port, Size, uint.CreateTruncating(value));
        Advance(cpu, in op, Rsi, Step1(cpu));
        return Repeat(cpu, in op);
    }

    private static Step Repeat(Cpu cpu, in Op op)
    {
        if (!op.Has(OpFlags.Rep | OpFlags.RepNe)) return cpu.LeaveAfter(in op);
        ulong left = Count(cpu, in op) - 1;
        SetCount(cpu, in op, left << op.AddressShift >> op.AddressShift);
        return left << op.AddressShift == 0 ? cpu.LeaveAfter(in op) : Again(cpu, in op);
    }

    /// <summary>How many bytes are left, up to a page; false when that is too little to gain anything.</summary>
    private static bool Bulk(Cpu cpu, in Op op, out int bytes)
    {
        ulong count = Count(cpu, in op);
        bytes = (int)Math.Min(count, (ulong)(4096 / Size)) * Size;
        return count > 1;
    }

    /// <summary>So many bytes from seg:rSI are in the segment, and the offset does not wrap.</summary>
    private static bool ReachesSource(Cpu cpu, in Op op, int bytes) => Reaches(cpu, in op, cpu.Rsi, bytes, op.Has(OpFlags.Flat) ? null : op.Segment, write: false);

    /// <summary>The same for ES:rDI.</summary>
    private static bool ReachesTarget(Cpu cpu, in Op op, int bytes, bool write) =>
        Reaches(cpu, in op, cpu.Rdi, bytes, (cpu.BlockMode & BlockMode.Flat) != 0 ? null : SegmentRegister.Es, write);

    private static bool Reaches(Cpu cpu, in Op op, ulong register, int bytes, SegmentRegister? segment, bool write)
    {
        if (op.AddressShift == 0) return true;
        ulong limit = ulong.MaxValue >> op.AddressShift, end = (register & limit) + (ulong)bytes;
        return end <= limit && (cpu.Code64 || segment is not { } limited || end <= cpu.Reach(limited, write));
    }

    private static bool Source(Cpu cpu, in Op op, out ulong linear)
    {
        linear = cpu.Rsi << op.AddressShift >> op.AddressShift;
        return op.Has(OpFlags.Flat) || cpu.Segmented(op.Segment, Size, write: false, ref linear);
    }

    private static bool Destination(Cpu cpu, in Op op, out ulong linear, bool write = true)
    {
        linear = cpu.Rdi << op.AddressShift >> op.AddressShift;
        return (cpu.BlockMode & (BlockMode.Flat | BlockMode.Code64)) != 0 || cpu.Segmented(SegmentRegister.Es, Size, write, ref linear);
    }

    private static ulong Count(Cpu cpu, in Op op) => cpu.Rcx << op.AddressShift >> op.AddressShift;

    private static void SetCount(Cpu cpu, in Op op, ulong value) => SetPart(cpu, in op, Rcx, value);

    private static void Advance(Cpu cpu, in Op op, int register, long by) => SetPart(cpu, in op, register, cpu.Get<ulong>(register) + (ulong)by);

    private static void SetPart(Cpu cpu, in Op op, int register, ulong value)
    {
        if (op.AddressShift == 0) cpu.Set(register, value);
        else if (op.AddressShift == 32) cpu.Set(register, (uint)value);
        else cpu.Set(register, (ushort)value);
    }

    private static bool Downwards(Cpu cpu) => (cpu.State.Rflags & X86.Rflags.Direction) != 0;

    private static long Step1(Cpu cpu) => Downwards(cpu) ? -Size : Size;

    /// <summary>The instruction is not finished: it starts over, after a look for interrupts.</summary>
    private static Step Again(Cpu cpu, in Op op)
    {
        cpu.State.Rip = cpu.BlockIp + op.Offset;
        return Step.Leave;
    }

    /// <summary>What a string instruction does with its elements.</summary>
    public interface IOperation
    {
        /// <summary>It sets the flags, and REP goes on as long as they say so.</summary>
        static virtual bool Compares => false;

        /// <summary>One element; false is a fault.</summary>
        static abstract bool DoOne(Cpu cpu, in Op op);

        /// <summary>As many as can be done at once; 0 when it is not that simple.</summary>
        static virtual int DoMany(Cpu cpu, in Op op) => 0;
    }

    /// <summary>MOVS.</summary>
    public readonly struct Move : IOperation
    {
        public static bool DoOne(Cpu cpu, in Op op)
        {
            if (!Source(cpu, in op, out ulong source) || !cpu.LoadLinear(op.Segment, source, out T value)) return false;
            if (!Destination(cpu, in op, out ulong target) || !cpu.StoreLinear(SegmentRegister.Es, target, value)) return false;
            Advance(cpu, in op, Rsi, Step1(cpu));
            Advance(cpu, in op, Rdi, Step1(cpu));
            return true;
        }

        /// <summary>Upwards, within one page on each side; 0 when it is not that simple.</summary>
        public static int DoMany(Cpu cpu, in Op op)
        {
            if (Downwards(cpu) || !Bulk(cpu, in op, out int bytes) || !ReachesSource(cpu, in op, bytes) || !ReachesTarget(cpu, in op, bytes, write: true)) return 0;
            if (!Source(cpu, in op, out ulong source) || !Destination(cpu, in op, out ulong target)) return 0;
            Span<byte> to = cpu.Window(target, bytes, write: true);
            Span<byte> from = cpu.Window(source, to.Length, write: false);
            int length = from.Length & -Size;
            if (length == 0) return 0;
            from = from[..length];
            to = to[..length];
            if (from.Overlaps(to, out int ahead) && ahead > 0) // the destination is ahead: a pattern spreads, element by element
            {
                if (ahead < Size) return 0;
                Span<T> source1 = MemoryMarshal.Cast<byte, T>(from), target1 = MemoryMarshal.Cast<byte, T>(to);
                for (var i = 0; i < source1.Length; i++) target1[i] = source1[i];
            }
            else
            {
                from.CopyTo(to);
            }

            Advance(cpu, in op, Rsi, length);
            Advance(cpu, in op, Rdi, length);
            return length / Size;
        }
    }

    /// <summary>STOS.</summary>
    public readonly struct Store : IOperation
    {
        public static bool DoOne(Cpu cpu, in Op op)
        {
            if (!Destination(cpu, in op, out ulong target) || !cpu.StoreLinear(SegmentRegister.Es, target, cpu.Get<T>(0))) return false;
            Advance(cpu, in op, Rdi, Step1(cpu));
            return true;
        }

        public static int DoMany(Cpu cpu, in Op op)
        {
            if (Downwards(cpu) || !Bulk(cpu, in op, out int bytes) || !ReachesTarget(cpu, in op, bytes, write: true) || !Destination(cpu, in op, out ulong target)) return 0;
            Span<byte> to = cpu.Window(target, bytes, write: true);
            int length = to.Length & -Size;
            MemoryMarshal.Cast<byte, T>(to[..length]).Fill(cpu.Get<T>(0));
            Advance(cpu, in op, Rdi, length);
            return length / Size;
        }
    }

    /// <summary>LODS.</summary>
    public readonly struct Load : IOperation
    {
        public static bool DoOne(Cpu cpu, in Op op)
        {
            if (!Source(cpu, in op, out ulong source) || !cpu.LoadLinear(op.Segment, source, out T value)) return false;
            cpu.Set(0, value);
            Advance(cpu, in op, Rsi, Step1(cpu));
            return true;
        }
    }

    /// <summary>SCAS.</summary>
    public readonly struct Scan : IOperation
    {
        public static bool Compares => true;

        public static bool DoOne(Cpu cpu, in Op op)
        {
            if (!Destination(cpu, in op, out ulong target, write: false) || !cpu.LoadLinear(SegmentRegister.Es, target, out T value)) return false;
            CmpOperation.Apply(ref cpu.Flags, cpu.Get<T>(0), value);
            Advance(cpu, in op, Rdi, Step1(cpu));
            return true;
        }

        /// <summary>Upwards, within one page: so many elements were looked at, the last of which set the flags; 0 when it is not that simple.</summary>
        public static int DoMany(Cpu cpu, in Op op)
        {
            if (Downwards(cpu) || !Bulk(cpu, in op, out int bytes) || !ReachesTarget(cpu, in op, bytes, write: false)) return 0;
            if (!Destination(cpu, in op, out ulong target, write: false)) return 0;
            ReadOnlySpan<T> elements = MemoryMarshal.Cast<byte, T>(cpu.Window(target, bytes, write: false));
            if (elements.IsEmpty) return 0;
            T wanted = cpu.Get<T>(0);
            int end = op.Has(OpFlags.RepNe) ? elements.IndexOf(wanted) : elements.IndexOfAnyExcept(wanted);
            int done = end < 0 ? elements.Length : end + 1;
            CmpOperation.Apply(ref cpu.Flags, wanted, elements[done - 1]);
            Advance(cpu, in op, Rdi, done * Size);
            return done;
        }
    }

    /// <summary>CMPS.</summary>
    public readonly struct Compare : IOperation
    {
        public static bool Compares => true;

        public static bool DoOne(Cpu cpu, in Op op)
        {
            if (!Source(cpu, in op, out ulong source) || !cpu.LoadLinear(op.Segment, source, out T left)) return false;
            if (!Destination(cpu, in op, out ulong target, write: false) || !cpu.LoadLinear(SegmentRegister.Es, target, out T right)) return false;
            CmpOperation.Apply(ref cpu.Flags, left, right);
            Advance(cpu, in op, Rsi, Step1(cpu));
            Advance(cpu, in op, Rdi, Step1(cpu));
            return true;
        }

        /// <summary>The same of two strings, as long as they are equal.</summary>
        public static int DoMany(Cpu cpu, in Op op)
        {
            if (op.Has(OpFlags.RepNe) || Downwards(cpu) || !Bulk(cpu, in op, out int bytes) || !ReachesSource(cpu, in op, bytes) || !ReachesTarget(cpu, in op, bytes, write: false)) return 0;
            if (!Source(cpu, in op, out ulong source) || !Destination(cpu, in op, out ulong target, write: false)) return 0;
            ReadOnlySpan<T> left = MemoryMarshal.Cast<byte, T>(cpu.Window(source, bytes, write: false));
            ReadOnlySpan<T> right = MemoryMarshal.Cast<byte, T>(cpu.Window(target, bytes, write: false));
            int length = Math.Min(left.Length, right.Length);
            if (length == 0) return 0;
            int done = Math.Min(left[..length].CommonPrefixLength(right[..length]) + 1, length);
            CmpOperation.Apply(ref cpu.Flags, left[done - 1], right[done - 1]);
            Advance(cpu, in op, Rsi, done * Size);
            Advance(cpu, in op, Rdi, done * Size);
            return done;
        }
    }
}
