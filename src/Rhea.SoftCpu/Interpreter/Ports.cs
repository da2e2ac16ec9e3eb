using System.Numerics;
using System.Runtime.CompilerServices;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>IN and OUT, with the permission that IOPL or the TSS's bitmap gives (Intel SDM vol. 1, 19.5).</summary>
internal static class Ports
{
    public static bool Allowed(Cpu cpu, ushort port, int size)
    {
        if (!cpu.Protected || (!cpu.V86 && cpu.Cpl <= cpu.Iopl)) return true;
        ref Core.Cpu.Segment task = ref cpu.State.Tr;
        bool wide = (task.Flags >> 8 & 9) == 9;
        if (!wide || task.Limit < 0x67) return cpu.Refuse(ExceptionVector.GeneralProtection);
        if (!cpu.Mmu.ReadSystem(task.Base + 0x66, out ushort map)) return false;
        uint at = map + ((uint)port >> 3);
        if (at + 1 > task.Limit) return cpu.Refuse(ExceptionVector.GeneralProtection);
        if (!cpu.Mmu.ReadSystem(task.Base + at, out ushort bits)) return false;
        return (bits >> (port & 7) & ((1 << size) - 1)) == 0 || cpu.Refuse(ExceptionVector.GeneralProtection);
    }

    /// <summary>A device is to be asked, or the guest wants to know of the access.</summary>
    public static bool Matter(Cpu cpu, ushort port, int size) => cpu.Bus.Answers(port, size) || cpu.Breakpoints.WatchesPorts;

    public static uint Read(Cpu cpu, ushort port, int size)
    {
        if (cpu.Breakpoints.WatchesPorts) cpu.Breakpoints.OnPortAccess(port, size);
        return cpu.Outside.ReadPort(port, size);
    }

    public static void Write(Cpu cpu, ushort port, int size, uint value)
    {
        if (cpu.Breakpoints.WatchesPorts) cpu.Breakpoints.OnPortAccess(port, size);
        cpu.Outside.WritePort(port, size, value);
    }
}

/// <summary>IN and OUT of one size. The block ends where a device answers, which may have changed anything.</summary>
internal static class PortInstructions<T> where T : unmanaged, IBinaryInteger<T>
{
    public static Step InImmediate(Cpu cpu, in Op op) => In(cpu, in op, (byte)op.Immediate);

    public static Step InDx(Cpu cpu, in Op op) => In(cpu, in op, (ushort)cpu.Rdx);

    public static Step OutImmediate(Cpu cpu, in Op op) => Out(cpu, in op, (byte)op.Immediate);

    public static Step OutDx(Cpu cpu, in Op op) => Out(cpu, in op, (ushort)cpu.Rdx);

    private static Step In(Cpu cpu, in Op op, ushort port)
    {
        if (!Ports.Allowed(cpu, port, Unsafe.SizeOf<T>())) return Step.Fault;
        if (!Ports.Matter(cpu, port, Unsafe.SizeOf<T>()))
        {
            cpu.Set(0, T.AllBitsSet);
            return Step.Next;
        }

        cpu.Set(0, T.CreateTruncating(Ports.Read(cpu, port, Unsafe.SizeOf<T>())));
        return cpu.LeaveAfter(in op);
    }

    private static Step Out(Cpu cpu, in Op op, ushort port)
    {
        if (!Ports.Allowed(cpu, port, Unsafe.SizeOf<T>())) return Step.Fault;
        if (!Ports.Matter(cpu, port, Unsafe.SizeOf<T>())) return Step.Next;
        Ports.Write(cpu, port, Unsafe.SizeOf<T>(), uint.CreateTruncating(cpu.Get<T>(0)));
        return cpu.LeaveAfter(in op);
    }
}
