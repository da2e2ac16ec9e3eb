using System.Buffers.Binary;
using Iced.Intel;

namespace Rhea.Tests.SoftCpu.Differential;

/// <summary>What may differ between two processors (DESIGN.md): undefined flags, approximations, and the x87's pointers; nothing else.</summary>
internal static class Comparison
{
    private const ulong StatusFlags = 0x8D5, Direction = 0x400;
    private const double SmallestNormal = 1.1754943508222875e-38;
    private const int Breakpoint = 3, BoundRange = 5, InvalidTss = 10, GeneralProtection = 13, PageFault = 14, FloatingPoint = 19;
    private const int Underflow = 0x10, ExceptionSummary = 0x80; // of FSW

    /// <summary>A bit of MXCSR that AMD's processors have and no guest's (APM vol. 1, 4.2.2): where it was set, the guest has raised an exception.</summary>
    private const uint MisalignedMask = 1 << 17;

    /// <summary>The first difference, in words; null when there is none.</summary>
    public static string? Find(in Instruction instruction, CpuImage before, CpuImage native, CpuImage soft)
    {
        if ((BinaryPrimitives.ReadUInt32LittleEndian(native.Fx[24..]) & MisalignedMask) != 0) return null;
        if (NativeProcessor.IsIntel && IsMakers(instruction, native, soft)) return null;
        if (soft.Vector != native.Vector) return $"exception {soft.Vector} at {soft.Ip:x}, host {native.Vector} at {native.Ip:x}";
        if (native.Vector is >= InvalidTss and <= GeneralProtection + 1 && (((ushort)soft.Error ^ (ushort)native.Error) & ~Unknown(native)) != 0)
            return $"error code {soft.Error:x}, host {native.Error:x}, exception {soft.Vector}";
        int size = instruction.MemorySize.GetSize(), choice = size > 10 ? size : 1; // in which order an image of the state is reached is the processor's choice
        if (native.Vector == PageFault && Math.Abs((long)(soft.Cr2 - native.Cr2)) >= choice) return $"CR2 {soft.Cr2:x}, host {native.Cr2:x}";
        if (soft.Ip != native.Ip) return $"RIP {soft.Ip:x}, host {native.Ip:x}";
        return Registers(native, soft) ?? Flags(instruction, before, native, soft) ?? X87(instruction, before, native, soft) ?? Vectors(instruction, native, soft)
            ?? Memory(instruction, before, native.Border, soft.Border, CaseLayout.Border) ?? Memory(instruction, before, native.Edge, soft.Edge, CaseLayout.Edge);
    }

    /// <summary>A faulting instruction of which Intel's processors have done more, or have looked for less, than AMD's, which ours follow.</summary>
    private static bool IsMakers(in Instruction instruction, CpuImage native, CpuImage soft)
    {
        Mnemonic mnemonic = instruction.Mnemonic;
        bool isMmx = instruction.Op1Kind == OpKind.Register && instruction.Op1Register.IsMM(); // marks the x87 registers as used
        bool raises = native.Vector is BoundRange or FloatingPoint || (native.Vector == Breakpoint && (Half(native.Fx[2..]) & ExceptionSummary) != 0); // reaches for no memory then
        return (soft.Vector, native.Vector) switch
        {
            (PageFault, PageFault) => isMmx || instruction.MemoryIndex.IsVectorRegister() || mnemonic == Mnemonic.Vcvtps2ph || instruction.MemorySize is MemorySize.Float80 or MemorySize.Bcd,
            (PageFault, _) => raises,
            (GeneralProtection, GeneralProtection) => mnemonic == Mnemonic.Call, // to no canonical address: RIP is stored first
            (FloatingPoint, FloatingPoint) => mnemonic == Mnemonic.Vcvtps2ph, // what is inexact too
            _ => false,
        };
    }

    /// <summary>Of a page fault's code: whether a page is present, where each processor's program has pages of its own.</summary>
    private static int Unknown(CpuImage native)
    {
        bool isKnown = native.Cr2 - CaseLayout.Data < CaseLayout.DataEnd + 0x1000 - CaseLayout.Data || native.Cr2 - CaseLayout.Code < 0x1000;
        return native.Vector == PageFault && !isKnown ? 1 : 0;
    }

    private static string? Registers(CpuImage native, CpuImage soft)
    {
        for (var i = 0; i < (soft.Is64 ? 16 : 8); i++)
        {
            ulong was = native[i], isNow = soft[i];
            if (!soft.Is64) (was, isNow) = ((uint)was, (uint)isNow);
            if (was != isNow) return $"register {i} {isNow:x}, host {was:x}";
        }
        return null;
    }

    private static string? Flags(in Instruction instruction, CpuImage before, CpuImage native, CpuImage soft)
    {
        ulong mask = StatusFlags | Direction;
        if (native.Vector == Breakpoint || native.Vector == 0)
        {
            RflagsBits undefined = instruction.RflagsUndefined;
            if ((undefined & RflagsBits.CF) != 0) mask &= ~1UL;
            if ((undefined & RflagsBits.PF) != 0) mask &= ~4UL;
            if ((undefined & RflagsBits.AF) != 0) mask &= ~0x10UL;
            if ((undefined & RflagsBits.ZF) != 0) mask &= ~0x40UL;
            if ((undefined & RflagsBits.SF) != 0) mask &= ~0x80UL;
            bool rotates = instruction.Mnemonic is Mnemonic.Rcl or Mnemonic.Rcr or Mnemonic.Rol or Mnemonic.Ror; // OF only by one place
            if ((undefined & RflagsBits.OF) != 0 || (rotates && instruction.Op1Kind == OpKind.Immediate8)) mask &= ~0x800UL;
        }
        return ((native.Flags ^ soft.Flags) & mask) == 0 ? null
            : $"RFLAGS {soft.Flags & 0xCD5:x}, host {native.Flags & 0xCD5:x}, before {before.Flags & 0xCD5:x}";
    }

    private static string? X87(in Instruction instruction, CpuImage before, CpuImage native, CpuImage soft)
    {
        ReadOnlySpan<byte> there = native.Fx, here = soft.Fx;
        if (Half(there) != Half(here)) return $"FCW {Half(here):x}, host {Half(there):x}";
        if (there[4] != here[4]) return $"tags {here[4]:x}, host {there[4]:x}";
        bool approximate = IsApproximate(instruction.Mnemonic), undefined = IsUndefined(instruction.Mnemonic, before);
        int statusMask = undefined ? 0xFD07 : approximate ? 0xFDFF : 0xFFFF; // C1 tells how the last place was rounded
        bool isBorder = NativeProcessor.IsIntel && approximate && ((Half(there[2..]) ^ Half(here[2..])) & Underflow) != 0; // only for one of them it is the smallest normal number
        if (isBorder) undefined = true;
        else if (((Half(there[2..]) ^ Half(here[2..])) & statusMask) != 0) return $"FSW {Half(here[2..]):x}, host {Half(there[2..]):x}";
        for (var i = 0; i < 8; i++)
        {
            int at = 32 + (i * 16);
            ulong was = BinaryPrimitives.ReadUInt64LittleEndian(there[at..]), isNow = BinaryPrimitives.ReadUInt64LittleEndian(here[at..]);
            ushort wasSign = Half(there[(at + 8)..]), isSign = Half(here[(at + 8)..]);
            if ((was == isNow && wasSign == isSign) || undefined) continue;
            var distance = (Int128)new UInt128(wasSign, was << 1) - (Int128)new UInt128(isSign, isNow << 1);
            if (!approximate || Int128.Abs(distance) > 2) return $"ST({i}) {isSign:x4}:{isNow:x16}, host {wasSign:x4}:{was:x16}";
        }
        return null;
    }

    private static string? Vectors(in Instruction instruction, CpuImage native, CpuImage soft)
    {
        uint wasControl = BinaryPrimitives.ReadUInt32LittleEndian(native.Fx[24..]), control = BinaryPrimitives.ReadUInt32LittleEndian(soft.Fx[24..]);
        if (wasControl != control) return $"MXCSR {control:x}, host {wasControl:x}";
        bool reciprocal = instruction.Mnemonic is Mnemonic.Rcpps or Mnemonic.Rcpss or Mnemonic.Rsqrtps or Mnemonic.Rsqrtss
            or Mnemonic.Vrcpps or Mnemonic.Vrcpss or Mnemonic.Vrsqrtps or Mnemonic.Vrsqrtss;
        for (int at = 160; at < 160 + (soft.Is64 ? 256 : 128); at += 4)
        {
            uint was = BinaryPrimitives.ReadUInt32LittleEndian(native.Fx[at..]), isNow = BinaryPrimitives.ReadUInt32LittleEndian(soft.Fx[at..]);
            if (was == isNow || (reciprocal && IsNear(was, isNow))) continue;
            return $"XMM{(at - 160) / 16} byte {at & 15}: {isNow:x8}, host {was:x8}, MXCSR {control:x}";
        }
        for (var at = 0; at < (soft.Is64 ? 256 : 128); at += 4)
        {
            uint was = BinaryPrimitives.ReadUInt32LittleEndian(native.Upper[at..]), isNow = BinaryPrimitives.ReadUInt32LittleEndian(soft.Upper[at..]);
            if (was != isNow && !(reciprocal && IsNear(was, isNow))) return $"YMM{at / 16} byte {16 + (at & 15)}: {isNow:x8}, host {was:x8}, MXCSR {control:x}";
        }
        return null;
    }

    private static string? Memory(in Instruction instruction, CpuImage before, ReadOnlySpan<byte> native, ReadOnlySpan<byte> soft, uint at)
    {
        (uint start, int pointers, int end) = Pointers(instruction, before);
        for (var i = 0; i < native.Length; i++)
        {
            if (native[i] == soft[i]) continue;
            long inside = at + i - start;
            if (inside >= pointers && inside < end) continue;
            return $"memory {at + i:x} {soft[i]:x2}, host {native[i]:x2}, at {inside} of the operand";
        }
        return null;
    }

    /// <summary>Where an image of the x87 in memory has FOP, FIP and FDP, and FXSAVE its mask of MXCSR and its unused bytes.</summary>
    private static (uint Start, int From, int To) Pointers(in Instruction instruction, CpuImage before)
    {
        (int from, int to) = instruction.Code switch
        {
            Code.Fnstenv_m14byte or Code.Fnsave_m94byte => (6, 14),
            Code.Fnstenv_m28byte or Code.Fnsave_m108byte => (12, 28),
            Code.Fxsave_m512byte or Code.Fxsave64_m512byte => (6, 32),
            _ => (0, 0),
        };
        return to == 0 ? default : ((uint)instruction.GetVirtualAddress(OperandOfMemory(instruction), 0, (register, _, _) => Value(register, before)), from, to);
    }

    private static int OperandOfMemory(in Instruction instruction) => instruction.Op0Kind == OpKind.Memory ? 0 : 1;

    private static ulong Value(Register register, CpuImage before) => register.IsSegmentRegister() ? 0 : before[register.GetNumber()];

    private static bool IsApproximate(Mnemonic mnemonic) => mnemonic is Mnemonic.Fsin or Mnemonic.Fcos or Mnemonic.Fsincos or Mnemonic.Fptan
        or Mnemonic.Fpatan or Mnemonic.F2xm1 or Mnemonic.Fyl2x or Mnemonic.Fyl2xp1;

    /// <summary>Arguments that the manuals exclude: F2XM1 beyond 1, FYL2XP1 beyond 1 - 1/√2.</summary>
    private static bool IsUndefined(Mnemonic mnemonic, CpuImage before)
    {
        int exponent = Half(before.Fx[40..]) & 0x7FFF;
        return (mnemonic == Mnemonic.F2xm1 && exponent >= 0x3FFF) || (mnemonic == Mnemonic.Fyl2xp1 && exponent >= 0x3FFD);
    }

    private static bool IsNear(uint was, uint isNow)
    {
        double a = BitConverter.UInt32BitsToSingle(was), b = BitConverter.UInt32BitsToSingle(isNow);
        double tolerance = Math.Abs(a) * 2 * 1.5 / 4096;
        return Math.Abs(a - b) <= tolerance || (Math.Min(Math.Abs(a), Math.Abs(b)) == 0 && Math.Max(Math.Abs(a), Math.Abs(b)) <= SmallestNormal * (1 + (2 * 1.5 / 4096))); // what comes out below it is 0
    }

    private static ushort Half(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16LittleEndian(bytes);
}
