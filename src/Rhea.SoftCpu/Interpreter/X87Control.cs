using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Rhea.Core.Cpu;
using Rhea.X86;
using Rhea.X86.FloatingPoint;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>The x87's control instructions, and the images of its state in memory.</summary>
/// <remarks>Intel SDM vol. 1, 8.1.10 (FSAVE, FSTENV) and 10.5 (FXSAVE). CS and DS of the pointers are zero, as on new processors.</remarks>
internal static class X87Control
{
    private const int RegisterBytes = 10, FxRegisters = 32, FxVectors = 160, FxSlot = 16, FxLength = 512;

    /// <summary>FNOP, and FNENI, FNDISI, FNSETPM of older units.</summary>
    public static Step Nothing(Cpu cpu, in Op op) => X87.IsReady(cpu) ? Step.Next : Step.Fault;

    /// <summary>WAIT. Without MP a task switch does not concern it.</summary>
    public static Step Wait(Cpu cpu, in Op op)
    {
        const uint switched = Cr0.MonitorCoprocessor | Cr0.TaskSwitched;
        if ((cpu.State.Cr0 & switched) == switched) return cpu.Fault(ExceptionVector.DeviceNotAvailable);
        return X87.IsInterrupted(cpu) ? Step.Fault : Step.Next;
    }

    public static Step Initialize(Cpu cpu, in Op op)
    {
        if (!X87.IsPresent(cpu)) return Step.Fault;
        Initialize(cpu);
        return Step.Next;
    }

    public static Step ClearExceptions(Cpu cpu, in Op op)
    {
        if (!X87.IsPresent(cpu)) return Step.Fault;
        cpu.State.FpuStatus &= Fsw.Top | Fsw.Conditions;
        X87.Settle(cpu);
        return Step.Next;
    }

    public static Step LoadControl(Cpu cpu, in Op op)
    {
        if (!X87.IsReady(cpu) || !cpu.Load(in op, out ushort control)) return Step.Fault;
        SetControl(cpu, control);
        X87.UpdateSummary(cpu);
        return Step.Next;
    }

    public static Step StoreControl(Cpu cpu, in Op op) => X87.IsPresent(cpu) && cpu.Store(in op, cpu.State.FpuControl) ? Step.Next : Step.Fault;

    public static Step StoreStatus(Cpu cpu, in Op op) => X87.IsPresent(cpu) && cpu.Store(in op, cpu.State.FpuStatus) ? Step.Next : Step.Fault;

    public static Step StatusToAx(Cpu cpu, in Op op)
    {
        if (!X87.IsPresent(cpu)) return Step.Fault;
        cpu.Ref<ushort>(FrameOffset.General(0)) = cpu.State.FpuStatus;
        return Step.Next;
    }

    public static Step IncrementTop(Cpu cpu, in Op op) => MoveTop(cpu, 1);

    public static Step DecrementTop(Cpu cpu, in Op op) => MoveTop(cpu, -1);

    public static Step Free(Cpu cpu, in Op op)
    {
        if (!X87.IsReady(cpu)) return Step.Fault;
        X87.ClearC1(cpu);
        X87.Free(cpu, op.R0);
        return Step.Next;
    }

    public static Step FreePop(Cpu cpu, in Op op)
    {
        if (!X87.IsReady(cpu)) return Step.Fault;
        X87.ClearC1(cpu);
        X87.Free(cpu, op.R0);
        X87.Pop(cpu);
        return Step.Next;
    }

    // FSTENV and FSAVE: T is the width of a field, ushort or uint

    public static Step StoreEnvironment<T>(Cpu cpu, in Op op) where T : unmanaged
    {
        if (!X87.IsPresent(cpu) || !cpu.CanStore(in op, 7 * Unsafe.SizeOf<T>()) || !WriteEnvironment<T>(cpu, in op)) return Step.Fault;
        cpu.State.FpuControl |= (ushort)FloatExceptions.All;
        X87.UpdateSummary(cpu);
        return Step.Next;
    }

    public static Step LoadEnvironment<T>(Cpu cpu, in Op op) where T : unmanaged =>
        X87.IsReady(cpu) && ReadEnvironment<T>(cpu, in op) ? Step.Next : Step.Fault;

    public static Step Save<T>(Cpu cpu, in Op op) where T : unmanaged
    {
        int size = 7 * Unsafe.SizeOf<T>();
        if (!X87.IsPresent(cpu) || !cpu.CanStore(in op, size + (8 * RegisterBytes)) || !WriteEnvironment<T>(cpu, in op)) return Step.Fault;
        for (var i = 0; i < 8; i++)
        {
            Float80 value = X87.Get(cpu, i);
            var at = (uint)(size + (i * RegisterBytes));
            if (!cpu.Store(in op, at, value.Significand) || !cpu.Store(in op, at + sizeof(ulong), value.SignExponent)) return Step.Fault;
        }
        Initialize(cpu);
        return Step.Next;
    }

    public static Step Restore<T>(Cpu cpu, in Op op) where T : unmanaged
    {
        if (!X87.IsReady(cpu)) return Step.Fault;
        X87Registers registers = default;
        for (var i = 0; i < 8; i++)
        {
            var at = (uint)((7 * Unsafe.SizeOf<T>()) + (i * RegisterBytes));
            if (!cpu.Load(in op, at, out registers[i].Significand) || !cpu.Load(in op, at + sizeof(ulong), out registers[i].SignExponent)) return Step.Fault;
        }
        if (!ReadEnvironment<T>(cpu, in op)) return Step.Fault;
        for (var i = 0; i < 8; i++) cpu.State.X87[X87.Physical(cpu, i)] = registers[i];
        return Step.Next;
    }

    // FXSAVE, and the parts of it that XSAVE has too. With REX.W the pointers have 64 bits and no selectors; XMM8 to XMM15 are there in 64-bit code

    public static Step FxSave(Cpu cpu, in Op op)
    {
        if (!IsAligned(cpu, in op, write: true) || !cpu.CanStore(in op, FxLength)) return Step.Fault;
        return StoreX87(cpu, in op) && cpu.Store(in op, 24, cpu.State.Mxcsr | (ulong)Mxcsr.Bits << 32) && StoreVectors(cpu, in op) ? Step.Next : Step.Fault;
    }

    public static Step FxRestore(Cpu cpu, in Op op)
    {
        if (!IsAligned(cpu, in op, write: false)) return Step.Fault;
        FxImage image = default;
        if (!cpu.Load(in op, 24, out uint mxcsr) || !LoadX87(cpu, in op, ref image) || !LoadVectors(cpu, in op, ref image)) return Step.Fault;
        if (!cpu.Load(in op, FxLength - sizeof(ulong), out ulong _)) return Step.Fault; // what is not used has to be there too
        if ((mxcsr & ~Mxcsr.Bits) != 0) return cpu.Fault(ExceptionVector.GeneralProtection);
        SetX87(cpu, in op, in image);
        SetVectors(cpu, in image);
        cpu.State.Mxcsr = mxcsr;
        return Step.Next;
    }

    public static bool StoreX87(Cpu cpu, in Op op)
    {
        ref CpuState state = ref cpu.State;
        ulong control = state.FpuControl | (ulong)state.FpuStatus << 16 | (ulong)(byte)~state.FpuEmpty << 32 | (ulong)state.FpuOpcode << 48;
        bool stored = cpu.Store(in op, control)
            && cpu.Store(in op, 8, Pointer(in op, state.FpuInstruction)) && cpu.Store(in op, 16, Pointer(in op, state.FpuOperand));
        for (var i = 0; i < 8 && stored; i++)
        {
            Float80 value = X87.Get(cpu, i);
            stored = cpu.Store(in op, (uint)(FxRegisters + (i * FxSlot)), Vector128.Create(value.Significand, value.SignExponent));
        }
        return stored;
    }

    public static bool StoreVectors(Cpu cpu, in Op op)
    {
        for (var i = 0; i < Vectors(cpu); i++)
            if (!cpu.Store(in op, (uint)(FxVectors + (i * FxSlot)), cpu.Get<Vector128<byte>>(FrameOffset.Vector(i)))) return false;
        return true;
    }

    public static bool LoadX87(Cpu cpu, in Op op, ref FxImage image)
    {
        if (!cpu.Load(in op, out image.Control) || !cpu.Load(in op, 8, out image.Instruction) || !cpu.Load(in op, 16, out image.Operand)) return false;
        for (var i = 0; i < 8; i++)
        {
            var at = (uint)(FxRegisters + (i * FxSlot));
            if (!cpu.Load(in op, at, out image.Registers[i].Significand) || !cpu.Load(in op, at + sizeof(ulong), out image.Registers[i].SignExponent)) return false;
        }
        return true;
    }

    public static bool LoadVectors(Cpu cpu, in Op op, ref FxImage image)
    {
        for (var i = 0; i < Vectors(cpu); i++)
            if (!cpu.Load(in op, (uint)(FxVectors + (i * FxSlot)), out image.Vectors[i])) return false;
        return true;
    }

    public static void SetX87(Cpu cpu, in Op op, in FxImage image)
    {
        ref CpuState state = ref cpu.State;
        SetControl(cpu, (ushort)image.Control);
        state.FpuStatus = (ushort)(image.Control >> 16);
        state.FpuEmpty = (byte)~(image.Control >> 32);
        state.FpuOpcode = (ushort)(image.Control >> 48 & 0x7FF);
        (state.FpuInstruction, state.FpuOperand) = (Pointer(in op, image.Instruction), Pointer(in op, image.Operand));
        for (var i = 0; i < 8; i++) state.X87[X87.Physical(cpu, i)] = image.Registers[i];
        X87.UpdateSummary(cpu);
    }

    public static void SetVectors(Cpu cpu, in FxImage image)
    {
        for (var i = 0; i < Vectors(cpu); i++) cpu.Ref<Vector128<byte>>(FrameOffset.Vector(i)) = image.Vectors[i];
    }

    /// <summary>As after a reset, registers included.</summary>
    public static void Reset(Cpu cpu)
    {
        Initialize(cpu);
        cpu.State.X87 = default;
    }

    private static int Vectors(Cpu cpu) => cpu.Code64 ? 16 : 8;

    private static void Initialize(Cpu cpu)
    {
        ref CpuState state = ref cpu.State;
        (state.FpuControl, state.FpuStatus, state.FpuEmpty) = (0x37F, 0, 0xFF);
        (state.FpuOpcode, state.FpuInstruction, state.FpuOperand) = (0, 0, 0);
        X87.Settle(cpu);
    }

    /// <summary>Bit 6 is always set, bits 7 and 13 to 15 are always clear.</summary>
    private static void SetControl(Cpu cpu, ushort control) => cpu.State.FpuControl = (ushort)((control & 0x1F3F) | 0x40);

    private static Step MoveTop(Cpu cpu, int by)
    {
        if (!X87.IsReady(cpu)) return Step.Fault;
        X87.ClearC1(cpu);
        X87.MoveTop(cpu, by);
        return Step.Next;
    }

    private static ulong Pointer(in Op op, ulong value) =>
        (Iced.Intel.Code)op.Code is Iced.Intel.Code.Fxsave64_m512byte or Iced.Intel.Code.Fxrstor64_m512byte or Iced.Intel.Code.Xsave64_mem
            or Iced.Intel.Code.Xsaveopt64_mem or Iced.Intel.Code.Xsavec64_mem or Iced.Intel.Code.Xrstor64_mem ? value : (uint)value;

    private static bool IsAligned(Cpu cpu, in Op op, bool write)
    {
        return X87.IsPresent(cpu) && cpu.Linear(in op, FxLength, write, out ulong linear) && ((linear & 15) == 0 || cpu.Refuse(ExceptionVector.GeneralProtection));
    }

    private static bool WriteEnvironment<T>(Cpu cpu, in Op op) where T : unmanaged
    {
        ref CpuState state = ref cpu.State;
        uint instruction = (uint)state.FpuInstruction, operand = (uint)state.FpuOperand, upperInstruction = 0, upperOperand = 0;
        if (cpu.RealSegments)
        {
            // Linear addresses, their upper parts from bit 12, with the opcode below.
            upperInstruction = instruction >> 16 << 12 | state.FpuOpcode;
            upperOperand = operand >> 16 << 12;
        }
        else if (Unsafe.SizeOf<T>() == sizeof(uint)) upperInstruction = (uint)state.FpuOpcode << 16;
        return Field<T>(cpu, in op, 0, state.FpuControl) && Field<T>(cpu, in op, 1, state.FpuStatus) && Field<T>(cpu, in op, 2, Tags(cpu))
            && Field<T>(cpu, in op, 3, instruction) && Field<T>(cpu, in op, 4, upperInstruction)
            && Field<T>(cpu, in op, 5, operand) && Field<T>(cpu, in op, 6, upperOperand);
    }

    /// <summary>The upper half of a 32-bit field of 16 bits reads as ones.</summary>
    private static bool Field<T>(Cpu cpu, in Op op, uint number, uint value) where T : unmanaged => Unsafe.SizeOf<T>() == sizeof(ushort)
        ? cpu.Store(in op, number * sizeof(ushort), (ushort)value)
        : cpu.Store(in op, number * sizeof(uint), number is 3 or 4 or 5 ? value : value | 0xFFFF_0000);

    private static bool ReadEnvironment<T>(Cpu cpu, in Op op) where T : unmanaged
    {
        Span<uint> fields = stackalloc uint[7];
        for (var i = 0; i < 7; i++)
        {
            var at = (uint)(i * Unsafe.SizeOf<T>());
            if (Unsafe.SizeOf<T>() == sizeof(uint) ? !cpu.Load(in op, at, out fields[i]) : !LoadNarrow(cpu, in op, at, out fields[i])) return false;
        }
        ref CpuState state = ref cpu.State;
        SetControl(cpu, (ushort)fields[0]);
        state.FpuStatus = (ushort)fields[1];
        state.FpuEmpty = 0;
        for (var i = 0; i < 8; i++)
        {
            if ((fields[2] >> (i * 2) & 3) == 3) state.FpuEmpty |= (byte)(1 << i);
        }
        if (cpu.RealSegments)
        {
            state.FpuOpcode = (ushort)(fields[4] & 0x7FF);
            (state.FpuInstruction, state.FpuOperand) = ((ushort)fields[3] | fields[4] >> 12 << 16, (ushort)fields[5] | fields[6] >> 12 << 16);
        }
        else
        {
            state.FpuOpcode = (ushort)(fields[4] >> 16 & 0x7FF);
            (state.FpuInstruction, state.FpuOperand) = (fields[3], fields[5]);
        }

        X87.UpdateSummary(cpu);
        return true;
    }

    private static bool LoadNarrow(Cpu cpu, in Op op, uint at, out uint value)
    {
        bool loaded = cpu.Load(in op, at, out ushort narrow);
        value = narrow;
        return loaded;
    }

    /// <summary>Two bits a physical register: valid, zero, special, empty.</summary>
    private static uint Tags(Cpu cpu)
    {
        uint tags = 0;
        for (var i = 0; i < 8; i++)
        {
            ref X87Register register = ref cpu.State.X87[i];
            uint tag = new Float80(register.Significand, register.SignExponent).Class switch
            {
                _ when (cpu.State.FpuEmpty >> i & 1) != 0 => 3,
                FloatClass.Normal => 0,
                FloatClass.Zero => 1,
                _ => 2u,
            };
            tags |= tag << (i * 2);
        }
        return tags;
    }
}

/// <summary>What FXRSTOR reads, before it is put in place: a fault leaves the processor as it was.</summary>
internal struct FxImage
{
    public ulong Control, Instruction, Operand;
    public X87Registers Registers;
    public VectorHalves Vectors;
}

/// <summary>Halves of the vector registers.</summary>
[InlineArray(16)]
internal struct VectorHalves
{
    private Vector128<byte> _element;
}
