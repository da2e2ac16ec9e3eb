using Iced.Intel;
using Rhea.SoftCpu.Interpreter;
using static Rhea.SoftCpu.Translator.GuestRegister;

namespace Rhea.SoftCpu.Translator;

/// <summary>DIV and IDIV. What would trap, or might, goes to the interpreter.</summary>
internal sealed class DivideInstruction(Site site, MemoryAccess memory)
{
    private const int Dividend = HostRegister.Rax, Upper = HostRegister.Rdx, ByteBits = 8;

    private readonly Emitter _code = site.Code;

    public static bool Knows(Code code) => code.Mnemonic() is Mnemonic.Div or Mnemonic.Idiv;

    public bool Fits(in Op op) => !op.Has(OpFlags.Memory) || memory.CanReach(in op);

    public void Emit(in Op op)
    {
        var code = (Code)op.Code;
        bool signed = code.Mnemonic() == Mnemonic.Idiv;
        int size = SizeOf(code);
        site.Flags.Leave();
        int divisor = Divisor(in op, size);
        if (signed) CheckSigned(divisor, size);
        else CheckUnsigned(divisor, size);
        if (size == 1) _code.Rex(false, 0, -1, divisor, force: true);
        if (size == 1) _code.Bytes([0xF6, (byte)(0xC0 | (signed ? 7 : 6) << 3 | (divisor & 7))]);
        else _code.Sized(0xF7, size, signed ? 7 : 6, divisor);
        site.Flags.Changed();
    }

    private static int SizeOf(Code code) => code switch
    {
        Code.Div_rm8 or Code.Idiv_rm8 => 1,
        Code.Div_rm16 or Code.Idiv_rm16 => 2,
        Code.Div_rm32 or Code.Idiv_rm32 => 4,
        _ => 8,
    };

    private int Divisor(in Op op, int size)
    {
        if (op.Has(OpFlags.Memory))
        {
            HostAddress at = memory.Reach(in op, size, write: false);
            if (size == 1) _code.LoadByte(Address, in at);
            else _code.Sized(0x8B, size, Address, in at);
            return Address;
        }

        int number = FrameOffset.GeneralNumber(op.R0), host = HostOf(number);
        if (size == 1 && FrameOffset.IsHighByte(op.R0))
        {
            _code.Move32(Address, host);
            _code.ShiftRight(Address, ByteBits);
            return Address;
        }

        if (host >= 0) return host;
        _code.Load(Address, Slot(number));
        return Address;
    }

    /// <summary>The quotient fits if the upper half is below the divisor.</summary>
    private void CheckUnsigned(int divisor, int size)
    {
        if (size == 1)
        {
            _code.ExtendWord(Temporary, Dividend);
            _code.ShiftRight(Temporary, ByteBits);
            CompareBytes(Temporary, divisor);
        }
        else
        {
            _code.Sized(0x3B, size, Upper, divisor);
        }

        site.Miss(_code.Jump(Condition.AboveOrEqual));
    }

    /// <summary>The quotient fits if the upper half is only the lower's sign, and the divisor neither 0 nor -1.</summary>
    private void CheckSigned(int divisor, int size)
    {
        if (size == 1)
        {
            _code.Op(0x0FBE, false, Temporary, Dividend); // movsx
            _code.Sized(0x3B, sizeof(ushort), Temporary, Dividend);
        }
        else
        {
            _code.Op(0x8B, size == sizeof(ulong), Temporary, Dividend);
            _code.Sized(0xC1, size, 7, Temporary); // sar
            _code.Byte((size * ByteBits) - 1);
            _code.Sized(0x3B, size, Temporary, Upper);
        }

        site.Miss(_code.Jump(Condition.NotEqual));
        _code.Lea(Temporary, new HostAddress(divisor, 1), size == sizeof(ulong));
        if (size == 1) _code.ExtendByte(Temporary, Temporary);
        if (size == 1) _code.Arithmetic(7, false, Temporary, 1);
        else _code.SizedArithmetic(7, size, Temporary, 1);
        site.Miss(_code.Jump(Condition.BelowOrEqual));
    }

    /// <summary>CMP of the lowest bytes.</summary>
    private void CompareBytes(int left, int right)
    {
        _code.Rex(false, left, -1, right, force: true);
        _code.Byte(0x3A);
        _code.ModRm(left, right);
    }
}
