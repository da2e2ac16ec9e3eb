using Rhea.Core.Cpu;
using static Rhea.Hypervisors.Record;

namespace Rhea.Hypervisors;

/// <summary>The 512 bytes of FXSAVE, which both hypervisors keep of a processor's x87 and SSE registers.</summary>
/// <remarks>Intel SDM vol. 1, 10.5.1. The stack's registers are in the order of ST(0) there.</remarks>
internal static class FxsaveImage
{
    public const int Length = 512;

    private const int Control = 0, Status = 2, Tags = 4, Opcode = 6, InstructionPointer = 8, OperandPointer = 16, Mxcsr = 24, StackRegisters = 32, XmmRegisters = 160;

    public static void Fetch(ReadOnlySpan<byte> area, ref CpuState to)
    {
        to.FpuControl = Half(area, Control);
        to.FpuStatus = Half(area, Status);
        to.FpuEmpty = (byte)~area[Tags];
        to.FpuOpcode = Half(area, Opcode);
        to.FpuInstruction = Quad(area, InstructionPointer);
        to.FpuOperand = Quad(area, OperandPointer);
        to.Mxcsr = Word(area, Mxcsr);
        int top = to.FpuStatus >> 11 & 7;
        for (var i = 0; i < 8; i++)
        {
            int at = StackRegisters + (i * 16);
            to.X87[(top + i) & 7] = new X87Register { Significand = Quad(area, at), SignExponent = Half(area, at + 8) };
        }

        for (var i = 0; i < 16; i++)
            for (var half = 0; half < 2; half++) to.Vector[i][half] = Quad(area, XmmRegisters + (i * 16) + (half * 8));
    }

    public static void Store(in CpuState from, Span<byte> area)
    {
        Put(area, Control, from.FpuControl);
        Put(area, Status, from.FpuStatus);
        area[Tags] = (byte)~from.FpuEmpty;
        Put(area, Opcode, from.FpuOpcode);
        Put(area, InstructionPointer, from.FpuInstruction);
        Put(area, OperandPointer, from.FpuOperand);
        Put(area, Mxcsr, from.Mxcsr);
        int top = from.FpuStatus >> 11 & 7;
        for (var i = 0; i < 8; i++)
        {
            int at = StackRegisters + (i * 16);
            X87Register register = from.X87[(top + i) & 7];
            Put(area, at, register.Significand);
            Put(area, at + 8, register.SignExponent);
        }

        for (var i = 0; i < 16; i++)
            for (var half = 0; half < 2; half++) Put(area, XmmRegisters + (i * 16) + (half * 8), from.Vector[i][half]);
    }
}
