using System.Runtime.InteropServices;
using Rhea.Core.Cpu;
using Rhea.SoftCpu.Interpreter;
using Rhea.X86.FloatingPoint;

namespace Rhea.SoftCpu.Translator;

/// <summary>The guest's x87 registers on their way to the host's unit and back, as FXSAVE has them (Intel SDM vol. 1, 10.5.1).</summary>
/// <remarks>
/// The pointers to the last instruction and operand stay as the interpreter left them: while all exceptions are masked nobody asks for
/// them, and the host's would tell of its own memory.
/// </remarks>
[StructLayout(LayoutKind.Sequential, Size = Length)]
internal struct HostX87
{
    public const int Length = 512;

    private const uint DefaultMxcsr = 0x1F80;

    private ushort _control, _status;

    /// <summary>A bit a physical register, set when it is not empty.</summary>
    private byte _full;
    private readonly ushort _opcode;
    private readonly ulong _instruction, _operand;
    private uint _mxcsr;
    private readonly uint _mxcsrMask;

    /// <summary>ST(0) … ST(7).</summary>
    private X87Registers _registers;

    /// <summary>No exception can come of what the host computes: all are masked, and none waits.</summary>
    public static bool CanHold(in CpuState state) =>
        (state.FpuControl & (int)FloatExceptions.All) == (int)FloatExceptions.All && (state.FpuStatus & Fsw.ErrorSummary) == 0;

    public void Fill(in CpuState state)
    {
        (_control, _status, _full, _mxcsr) = (state.FpuControl, state.FpuStatus, (byte)~state.FpuEmpty, DefaultMxcsr);
        int top = _status >> Fsw.TopShift;
        for (var i = 0; i < 8; i++) _registers[i] = state.X87[(top + i) & 7];
    }

    public readonly void Store(ref CpuState state)
    {
        (state.FpuControl, state.FpuStatus, state.FpuEmpty) = (_control, _status, (byte)~_full);
        int top = _status >> Fsw.TopShift;
        for (var i = 0; i < 8; i++) state.X87[(top + i) & 7] = _registers[i];
    }
}

/// <summary>Where the guest's x87 registers are.</summary>
internal enum X87Place : byte
{
    /// <summary>In the processor's state, where the interpreter has them.</summary>
    State,

    /// <summary>In the host's unit, for generated code.</summary>
    Host,

    /// <summary>In a <see cref="HostX87"/>, between the two.</summary>
    Image,
}
