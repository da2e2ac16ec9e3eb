using System.Runtime.Intrinsics.X86;
using Iced.Intel;
using Rhea.SoftCpu.Interpreter;
using static Rhea.SoftCpu.Translator.GuestRegister;

namespace Rhea.SoftCpu.Translator;

/// <summary>BMI1 and BMI2 as VEX encodes them (Intel SDM vol. 1, 5.1.16): with a third general register, which VEX names.</summary>
internal sealed class BitManipulationInstruction(Site site, MemoryAccess memory)
{
    private const int NoRegister = 0; // in VEX, where all bits are inverted

    private readonly Emitter _code = site.Code;

    public static bool Knows(HostForm form) => form.Vex is not null && form.Code.CpuidFeatures().All(feature => feature switch
    {
        CpuidFeature.BMI1 => Bmi1.IsSupported,
        CpuidFeature.BMI2 => Bmi2.IsSupported,
        _ => false,
    });

    /// <summary>In real and virtual-8086 mode there is no VEX.</summary>
    public bool Fits(in Op op) => (site.Mode & (BlockMode.Code64 | BlockMode.WideVectors)) != 0 && (!op.Has(OpFlags.Memory) || memory.CanReach(in op));

    /// <summary>The guest registers that it changes, a bit for each.</summary>
    public static int Written(HostForm form, in Op op)
    {
        int written = form.Register >= 0 ? 1 << NumberOf(form.Register, in op) : 0;
        return WritesThird(form) ? written | 1 << NumberOf(form.ThirdGeneral, in op) : written;
    }

    public void Emit(HostForm form, in Op op)
    {
        HostAddress? place = op.Has(OpFlags.Memory) ? memory.Reach(in op, form.MemorySize, write: false) : InFrame(form.Other, in op);
        HostAddress? thirdPlace = InFrame(form.ThirdGeneral, in op), result = InFrame(form.Register, in op);
        int other = place is null ? HostOf(NumberOf(form.Other, in op)) : -1;
        int register = form.Register < 0 ? form.Group : result is null ? HostOf(NumberOf(form.Register, in op)) : Temporary;
        int third = NoRegister;
        if (form.ThirdGeneral >= 0) third = thirdPlace is null ? HostOf(NumberOf(form.ThirdGeneral, in op)) : WritesBoth(form) && thirdPlace != result ? Address : Temporary;
        if (thirdPlace is { } source && !WritesThird(form)) _code.Load(third, in source);
        PlainInstruction.EncodeVex(_code, form, in op, register, third, other, place);
        if (thirdPlace is { } low && WritesThird(form)) _code.Store(in low, third);
        if (result is { } high) _code.Store(in high, register);
        if (form.Writes != 0) site.Flags.Changed();
    }

    /// <summary>MULX: its lower half goes to the third register.</summary>
    private static bool WritesBoth(HostForm form) => form.Mnemonic == Mnemonic.Mulx;

    private static bool WritesThird(HostForm form) => form.ThirdGeneral == 0 || WritesBoth(form);

    /// <summary>Where an operand is that is not in a host register; null when it is in one, or there is no such operand.</summary>
    private static HostAddress? InFrame(int operand, in Op op) => operand < 0 || HostOf(NumberOf(operand, in op)) >= 0 ? null : Slot(NumberOf(operand, in op));

    private static int NumberOf(int operand, in Op op) => FrameOffset.GeneralNumber(operand switch { 0 => op.R0, 1 => op.R1, _ => op.R2 });
}
