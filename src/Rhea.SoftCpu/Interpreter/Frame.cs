using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Rhea.Core.Cpu;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>The memory that an operand's register offset points into: all registers, and two numbers that serve as registers.</summary>
/// <remarks>It lies in unmanaged memory and never moves, so that generated code can address it too.</remarks>
[StructLayout(LayoutKind.Sequential)]
internal struct Frame
{
    public CpuState State;

    /// <summary>The base or index of an address that has none.</summary>
    public ulong Zero;

    /// <summary>RIP of the running block's first instruction: the base of an address relative to RIP.</summary>
    public ulong BlockIp;
}

/// <summary>Where in a <see cref="Frame"/> a register is.</summary>
/// <remarks>UNSAFE: views fields as bytes to measure where they are. SAFETY: nothing is read or written through those views.</remarks>
internal static class FrameOffset
{
    public static readonly ushort Zero = Of((ref Frame frame) => ref Unsafe.As<ulong, byte>(ref frame.Zero));
    public static readonly ushort BlockIp = Of((ref Frame frame) => ref Unsafe.As<ulong, byte>(ref frame.BlockIp));
    private static readonly ushort FirstVector = Of((ref Frame frame) => ref Unsafe.As<VectorRegister, byte>(ref frame.State.Vector[0]));
    private static readonly ushort FirstX87 = Of((ref Frame frame) => ref Unsafe.As<X87Register, byte>(ref frame.State.X87[0]));

    private delegate ref byte Field(ref Frame frame);

    /// <summary>RAX … R15: they come first.</summary>
    public static ushort General(int number) => (ushort)(number * sizeof(ulong));

    public static ushort Vector(int number) => (ushort)(FirstVector + (number * Unsafe.SizeOf<VectorRegister>()));

    /// <summary>The 64 bits of an MMX register, which are the significand of the physical x87 register.</summary>
    public static ushort Mmx(int number) => (ushort)(FirstX87 + (number * Unsafe.SizeOf<X87Register>()));

    private static ushort Of(Field field)
    {
        Frame frame = default;
        return (ushort)Unsafe.ByteOffset(ref Unsafe.As<Frame, byte>(ref frame), ref field(ref frame));
    }
}
