using Iced.Intel;
using Rhea.SoftCpu.Interpreter;
using static Rhea.SoftCpu.Translator.GuestRegister;

namespace Rhea.SoftCpu.Translator;

/// <summary>DIV and IDIV of 32 and 64 bits. What would trap, or might, goes to the interpreter.</summary>
internal sealed class DivideInstruction(Site site, MemoryAccess memory)
{
    private readonly Emitter _code = site.Code;

    public static bool Knows(Code code) => code is Code.Div_rm32 or Code.Div_rm64 or Code.Idiv_rm32 or Code.Idiv_rm64;

    public bool Fits(in Op op) => !op.Has(OpFlags.Memory) || memory.CanReach(in op);

    public void Emit(in Op op)
    {
        bool wide = (Code)op.Code is Code.Div_rm64 or Code.Idiv_rm64, signed = (Code)op.Code is Code.Idiv_rm32 or Code.Idiv_rm64;
        site.Flags.Leave();
        int divisor = Divisor(in op, wide);
        if (signed) CheckSigned(divisor, wide);
        else CheckUnsigned(divisor, wide);
        _code.Op(0xF7, wide, signed ? 7 : 6, divisor);
        site.Flags.Changed();
    }

    private int Divisor(in Op op, bool wide)
    {
        if (op.Has(OpFlags.Memory))
        {
            HostAddress at = memory.Reach(in op, wide ? 8 : 4, write: false);
            _code.Op(0x8B, wide, Address, in at);
            return Address;
        }

        int number = FrameOffset.GeneralNumber(op.R0), host = HostOf(number);
        if (host >= 0) return host;
        _code.Load(Address, Slot(number));
        return Address;
    }

    /// <summary>The quotient fits if the upper half is below the divisor.</summary>
    private void CheckUnsigned(int divisor, bool wide)
    {
        _code.Op(0x3B, wide, HostRegister.Rdx, divisor);
        site.Miss(_code.Jump(Condition.AboveOrEqual));
    }

    /// <summary>The quotient fits if the upper half is only the lower's sign, and the divisor neither 0 nor -1.</summary>
    private void CheckSigned(int divisor, bool wide)
    {
        _code.Op(0x8B, wide, Temporary, HostRegister.Rax);
        _code.Op(0xC1, wide, 7, Temporary); // sar
        _code.Byte(wide ? 63 : 31);
        _code.Op(0x3B, wide, Temporary, HostRegister.Rdx);
        site.Miss(_code.Jump(Condition.NotEqual));
        _code.Lea(Temporary, new HostAddress(divisor, 1), wide);
        _code.Arithmetic(7, wide, Temporary, 1);
        site.Miss(_code.Jump(Condition.BelowOrEqual));
    }
}
