using System.Numerics;
using System.Runtime.Intrinsics;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM: two strings in vector registers, compared in the way that an immediate says.</summary>
/// <remarks>Intel SDM vol. 1, 4.1: the first operand is a set, ranges, a string or a needle, the second is what is looked through.</remarks>
internal static class StringCompare
{
    private const int Words = 1, Signed = 2, EqualAny = 0, Ranges = 4, EqualEach = 8, Aggregation = 12, Negative = 16, Masked = 32, FromTheTop = 64;

    /// <summary>The lengths are in EAX and EDX, or with REX.W in RAX and RDX.</summary>
    public static Step ExplicitIndex(Cpu cpu, in Op op) => Sse.IsReady(cpu, in op) ? Explicit(cpu, in op, cpu.Get<Vector128<byte>>(op.R1), asMask: false) : Step.Fault;

    public static Step ExplicitIndexMemory(Cpu cpu, in Op op) =>
        Sse.IsReady(cpu, in op) && cpu.Load(in op, out Vector128<byte> text) ? Explicit(cpu, in op, text, asMask: false) : Step.Fault;

    public static Step ExplicitMask(Cpu cpu, in Op op) => Sse.IsReady(cpu, in op) ? Explicit(cpu, in op, cpu.Get<Vector128<byte>>(op.R1), asMask: true) : Step.Fault;

    public static Step ExplicitMaskMemory(Cpu cpu, in Op op) =>
        Sse.IsReady(cpu, in op) && cpu.Load(in op, out Vector128<byte> text) ? Explicit(cpu, in op, text, asMask: true) : Step.Fault;

    /// <summary>A zero ends each string.</summary>
    public static Step ImplicitIndex(Cpu cpu, in Op op) => Sse.IsReady(cpu, in op) ? Implicit(cpu, in op, cpu.Get<Vector128<byte>>(op.R1), asMask: false) : Step.Fault;

    public static Step ImplicitIndexMemory(Cpu cpu, in Op op) =>
        Sse.IsReady(cpu, in op) && cpu.Load(in op, out Vector128<byte> text) ? Implicit(cpu, in op, text, asMask: false) : Step.Fault;

    public static Step ImplicitMask(Cpu cpu, in Op op) => Sse.IsReady(cpu, in op) ? Implicit(cpu, in op, cpu.Get<Vector128<byte>>(op.R1), asMask: true) : Step.Fault;

    public static Step ImplicitMaskMemory(Cpu cpu, in Op op) =>
        Sse.IsReady(cpu, in op) && cpu.Load(in op, out Vector128<byte> text) ? Implicit(cpu, in op, text, asMask: true) : Step.Fault;

    private static Step Explicit(Cpu cpu, in Op op, Vector128<byte> text, bool asMask)
    {
        bool wide = (Iced.Intel.Code)op.Code is Iced.Intel.Code.Pcmpestri64_xmm_xmmm128_imm8 or Iced.Intel.Code.Pcmpestrm64_xmm_xmmm128_imm8
            or Iced.Intel.Code.VEX_Vpcmpestri64_xmm_xmmm128_imm8 or Iced.Intel.Code.VEX_Vpcmpestrm64_xmm_xmmm128_imm8;
        int count = Count(op.Immediate);
        int first = Clamp(wide ? (long)cpu.Rax : (int)cpu.Rax, count), second = Clamp(wide ? (long)cpu.Rdx : (int)cpu.Rdx, count);
        return Finish(cpu, in op, cpu.Get<Vector128<byte>>(op.R0), first, text, second, asMask);
    }

    private static Step Implicit(Cpu cpu, in Op op, Vector128<byte> text, bool asMask)
    {
        Vector128<byte> pattern = cpu.Get<Vector128<byte>>(op.R0);
        return Finish(cpu, in op, pattern, Length(pattern, op.Immediate), text, Length(text, op.Immediate), asMask);
    }

    private static int Count(long control) => (control & Words) != 0 ? 8 : 16;

    private static int Clamp(long length, int count) => (int)ulong.Min((ulong)(length < 0 ? -length : length), (ulong)count);

    private static int Length(Vector128<byte> text, long control)
    {
        uint zeros = (control & Words) != 0
            ? Vector128.Equals(text.AsUInt16(), Vector128<ushort>.Zero).ExtractMostSignificantBits()
            : Vector128.Equals(text, Vector128<byte>.Zero).ExtractMostSignificantBits();
        return Math.Min(BitOperations.TrailingZeroCount(zeros), Count(control));
    }

    private static Step Finish(Cpu cpu, in Op op, Vector128<byte> pattern, int patternLength, Vector128<byte> text, int textLength, bool asMask)
    {
        long control = op.Immediate;
        int count = Count(control);
        uint all = (1u << count) - 1, found = 0;
        for (var at = 0; at < count; at++)
            if (Holds(control, pattern, patternLength, text, textLength, at)) found |= 1u << at;
        if ((control & Negative) != 0) found ^= (control & Masked) != 0 ? (1u << textLength) - 1 : all;
        if (asMask && op.Has(OpFlags.Vex)) Vex.Set(cpu, FrameOffset.Vector(0), Mask(control, found));
        else if (asMask) cpu.Ref<Vector128<byte>>(FrameOffset.Vector(0)) = Mask(control, found);
        else if (found == 0) cpu.Rcx = (uint)count;
        else cpu.Rcx = (uint)((control & FromTheTop) != 0 ? BitOperations.Log2(found) : BitOperations.TrailingZeroCount(found));
        cpu.Flags.Value = (found != 0 ? Rflags.Carry : 0) | (textLength < count ? Rflags.Zero : 0) | (patternLength < count ? Rflags.Sign : 0)
            | ((found & 1) != 0 ? Rflags.Overflow : 0);
        return Step.Next;
    }

    /// <summary>Whether the text matches at one element, as the aggregation has it.</summary>
    private static bool Holds(long control, Vector128<byte> pattern, int patternLength, Vector128<byte> text, int textLength, int at)
    {
        switch (control & Aggregation)
        {
            case EqualAny:
                if (at >= textLength) return false;
                for (var i = 0; i < patternLength; i++)
                    if (Element(pattern, i, control) == Element(text, at, control)) return true;
                return false;
            case Ranges:
                if (at >= textLength) return false;
                int value = Element(text, at, control);
                for (var i = 0; i + 1 < patternLength; i += 2)
                    if (Element(pattern, i, control) <= value && value <= Element(pattern, i + 1, control)) return true;
                return false;
            case EqualEach:
                return at < patternLength && at < textLength ? Element(pattern, at, control) == Element(text, at, control) : at >= patternLength && at >= textLength;
            default:
                for (var i = 0; i < patternLength && at + i < Count(control); i++)
                    if (at + i >= textLength || Element(pattern, i, control) != Element(text, at + i, control)) return false;
                return true;
        }
    }

    private static int Element(Vector128<byte> text, int index, long control) => (control & (Words | Signed)) switch
    {
        0 => text[index],
        Words => text.AsUInt16()[index],
        Signed => text.AsSByte()[index],
        _ => text.AsInt16()[index],
    };

    /// <summary>The bits themselves, or each as a whole element.</summary>
    private static Vector128<byte> Mask(long control, uint found)
    {
        if ((control & FromTheTop) == 0) return Vector128.CreateScalar(found).AsByte();
        Vector128<byte> mask = default;
        int size = 16 / Count(control);
        for (var i = 0; i < 16; i++)
            if ((found >> (i / size) & 1) != 0) mask = mask.WithElement(i, byte.MaxValue);
        return mask;
    }
}
