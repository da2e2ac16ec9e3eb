using System.Runtime.Intrinsics.X86;
using Iced.Intel;
using Rhea.SoftCpu.Interpreter;
using Rhea.X86;
using static Rhea.SoftCpu.Translator.GuestRegister;

namespace Rhea.SoftCpu.Translator;

/// <summary>Instructions that the host does as the guest would: only their registers and addresses are others.</summary>
internal sealed class PlainInstruction(Site site, MemoryAccess memory)
{
    private const int HighestOfTwo = 4; // AH, CH, DH, BH are numbers 4 to 7 without REX

    private readonly Emitter _code = site.Code;

    /// <summary>The operands of an instruction that writes no register or memory operand.</summary>
    private static bool OnlyReads(Mnemonic mnemonic) => mnemonic is Mnemonic.Cmp or Mnemonic.Test or Mnemonic.Bt or Mnemonic.Mul or Mnemonic.Nop
        or Mnemonic.Ucomiss or Mnemonic.Ucomisd or Mnemonic.Comiss or Mnemonic.Comisd;

    /// <summary>It can be emitted here; what else it needs is known only with its operands: see <see cref="Fits"/>.</summary>
    public static bool Knows(HostForm form) => !form.Strange && (IsGeneral(form.Mnemonic) || VectorInstructions.Contains(form.Code));

    /// <summary>This one, with these operands, can be emitted.</summary>
    public bool Fits(HostForm form, in Op op)
    {
        if (form.IsShift && form.Immediate == 1 && (op.Immediate & (form.Size == 64 ? 63 : 31)) == 0) return false;
        if (IsTangled(form, in op)) return false;
        return !op.Has(OpFlags.Memory) || (!IsBitString(form) && memory.CanReach(in op) && form.MemorySize is 1 or 2 or 4 or 8 or 16);
    }

    public void Emit(HostForm form, in Op op)
    {
        bool inMemory = op.Has(OpFlags.Memory);
        if (inMemory) memory.Reach(in op, form.MemorySize, WritesOther(form), VectorInstructions.MustBeAligned(form));
        if (inMemory && form is { Mnemonic: Mnemonic.Cmpxchg, Size: 32 or 64 } && !IsLocked(form, in op))
        {
            EmitCompareExchange(in op, form.Size == 64);
            return;
        }

        bool keeps = form.Writes != 0 && (Rflags.Status & ~form.Writes & site.LiveFlags) != 0;
        if (form.Reads != 0 || keeps) site.Flags.Need();
        int high = SwappedHigh(form, in op);
        if (high >= 0) SwapBytes(high);
        int register = form.Register < 0 ? form.Group : Bring(Operand(in op, form.Register), form.RegisterSize, Temporary, ReadsRegister(form), high >= 0);
        int other = inMemory || form.Other < 0 ? Address : Bring(Operand(in op, form.Other), form.OtherSize, Address, ReadsOther(form), high >= 0);
        Encode(form, in op, register, other);
        if (form.Register >= 0 && WritesRegister(form)) PutBack(Operand(in op, form.Register), form.RegisterSize, register);
        if (!inMemory && form.Other >= 0 && WritesOther(form)) PutBack(Operand(in op, form.Other), form.OtherSize, other);
        if (high >= 0) SwapBytes(high);
        if (form.Writes != 0) site.Flags.Changed();
    }

    private static bool IsGeneral(Mnemonic mnemonic) => mnemonic is Mnemonic.Add or Mnemonic.Or or Mnemonic.Adc or Mnemonic.Sbb or Mnemonic.And
        or Mnemonic.Sub or Mnemonic.Xor or Mnemonic.Cmp or Mnemonic.Test or Mnemonic.Inc or Mnemonic.Dec or Mnemonic.Neg or Mnemonic.Not
        or Mnemonic.Mov or Mnemonic.Movzx or Mnemonic.Movsx or Mnemonic.Movsxd or Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr or Mnemonic.Sar
        or Mnemonic.Rol or Mnemonic.Ror or Mnemonic.Rcl or Mnemonic.Rcr or Mnemonic.Shld or Mnemonic.Shrd or Mnemonic.Imul or Mnemonic.Mul
        or Mnemonic.Bsf or Mnemonic.Bsr or Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc or Mnemonic.Xchg or Mnemonic.Cmpxchg
        or Mnemonic.Cmpxchg8b or Mnemonic.Cmpxchg16b
        or Mnemonic.Xadd or Mnemonic.Cbw or Mnemonic.Cwde or Mnemonic.Cdqe or Mnemonic.Cwd or Mnemonic.Cdq or Mnemonic.Cqo
        || IsCount(mnemonic) || mnemonic is (>= Mnemonic.Cmova and <= Mnemonic.Cmovs) or (>= Mnemonic.Seta and <= Mnemonic.Sets);

    /// <summary>Counts of bits, which not every host has.</summary>
    private static bool IsCount(Mnemonic mnemonic) => mnemonic switch
    {
        Mnemonic.Popcnt => Popcnt.IsSupported,
        Mnemonic.Tzcnt => Bmi1.IsSupported,
        Mnemonic.Lzcnt => Lzcnt.IsSupported,
        _ => false,
    };

    /// <summary>A bit that is counted from the memory operand may be far from it.</summary>
    private static bool IsBitString(HostForm form) => form.Mnemonic is Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc && form.Immediate == 0;

    private static bool WritesRegister(HostForm form) => form.Register == 0 ? !OnlyReads(form.Mnemonic) : form.Mnemonic is Mnemonic.Xchg or Mnemonic.Xadd;

    private static bool WritesOther(HostForm form) => form.Other == 0 ? !OnlyReads(form.Mnemonic) && !(form.Mnemonic == Mnemonic.Imul && form.Register < 0)
        : form.Mnemonic == Mnemonic.Xchg;

    /// <summary>What it had before does not matter: all 64 bits become the result's.</summary>
    private static bool Replaces(HostForm form, int size) => size >= 4 && form.Mnemonic is Mnemonic.Mov or Mnemonic.Movzx or Mnemonic.Movsx or Mnemonic.Movsxd;

    private static bool ReadsRegister(HostForm form) => form.Register != 0 || !Replaces(form, form.RegisterSize);

    private static bool ReadsOther(HostForm form) => form.Other != 0 || !Replaces(form, form.OtherSize);

    private static ushort Operand(in Op op, int number) => number switch { 0 => op.R0, 1 => op.R1, _ => op.R2 };

    private bool IsLocked(HostForm form, in Op op) => op.Has(OpFlags.Lock) && (site.Atomic || IsFence(form, in op));

    /// <summary>It may be there for the order of memory accesses alone, which devices see too: on the stack, or of a constant 0.</summary>
    private static bool IsFence(HostForm form, in Op op) => op.Base == FrameOffset.General(4) || (form.Immediate != 0 && op.Immediate == 0);

    /// <summary>The swap of a register's two bytes would disturb another operand.</summary>
    private static bool IsTangled(HostForm form, in Op op)
    {
        int high = SwappedHigh(form, in op);
        if (high < 0) return false;
        if (high == 0 && form.Mnemonic == Mnemonic.Cmpxchg) return true;
        return !op.Has(OpFlags.Memory) && form is { Register: >= 0, Other: >= 0 }
            && FrameOffset.GeneralNumber(Operand(in op, form.Register)) == FrameOffset.GeneralNumber(Operand(in op, form.Other));
    }

    private static bool IsHigh(int size, int operand, in Op op) => size == 1 && operand >= 0 && FrameOffset.IsHighByte(Operand(in op, operand));

    /// <summary>The register whose second byte is an operand, where REX keeps the host from naming it; else -1.</summary>
    private static int SwappedHigh(HostForm form, in Op op)
    {
        bool inMemory = op.Has(OpFlags.Memory);
        bool registerHigh = IsHigh(form.RegisterSize, form.Register, in op), otherHigh = !inMemory && IsHigh(form.OtherSize, form.Other, in op);
        if (!registerHigh && !otherHigh) return -1;
        bool plain = !inMemory && form.Size != 64 && NeedsNoRex(form.RegisterSize, form.Register, in op) && NeedsNoRex(form.OtherSize, form.Other, in op);
        return plain ? -1 : FrameOffset.GeneralNumber(Operand(in op, registerHigh ? form.Register : form.Other));
    }

    private static bool NeedsNoRex(int size, int operand, in Op op)
    {
        if (operand < 0) return true;
        int host = HostOf(FrameOffset.GeneralNumber(Operand(in op, operand)));
        return host is >= 0 and < 8 && (size != 1 || host < 4);
    }

    /// <summary>The host register with an operand's value.</summary>
    private int Bring(ushort operand, int size, int temporary, bool reads, bool swapped)
    {
        if (size == 16) return FrameOffset.VectorNumber(operand);
        int number = FrameOffset.GeneralNumber(operand), host = HostOf(number);
        if (size == 1 && FrameOffset.IsHighByte(operand)) return swapped ? host : host + HighestOfTwo;
        if (host >= 0) return host;
        if (reads) _code.Load(temporary, Slot(number));
        return temporary;
    }

    private void PutBack(ushort operand, int size, int host)
    {
        if (size == 16) return;
        int number = FrameOffset.GeneralNumber(operand);
        if (HostOf(number) < 0) _code.Store(Slot(number), host);
    }

    /// <summary>XCHG AL, AH and its kin.</summary>
    private void SwapBytes(int register)
    {
        _code.Byte(0x86);
        _code.ModRm(register + HighestOfTwo, register);
    }

    /// <summary>CMPXCHG in steps, which take less time than the instruction: what is in memory, or the new value, is stored in any case.</summary>
    private void EmitCompareExchange(in Op op, bool wide)
    {
        int number = FrameOffset.GeneralNumber(op.R1), host = HostOf(number);
        _code.Op(0x8B, wide, Temporary, new HostAddress(Address));
        _code.Op(0x3B, wide, HostRegister.Rax, Temporary);
        _code.Op(0x0F45, true, HostRegister.Rax, Temporary); // cmovne
        if (host < 0) _code.Op(0x0F44, true, Temporary, Slot(number)); // cmove
        else _code.Op(0x0F44, true, Temporary, host);
        _code.Op(0x89, wide, Temporary, new HostAddress(Address));
        site.Flags.Changed();
    }

    private void Encode(HostForm form, in Op op, int register, int other)
    {
        bool inMemory = op.Has(OpFlags.Memory);
        if (IsLocked(form, in op)) _code.Byte(0xF0);
        if (form.Size == 16) _code.Byte(0x66);
        if (form.Prefix != 0) _code.Byte(form.Prefix);
        bool low = IsLowOfFour(form.RegisterSize, form.Register, register, in op) || (!inMemory && IsLowOfFour(form.OtherSize, form.Other, other, in op));
        bool hasOperands = form.Register >= 0 || form.Other >= 0;
        _code.Rex(form.Size == 64, hasOperands ? register : 0, -1, hasOperands ? other : 0, low);
        if (form.Map != 0) _code.Byte(0x0F);
        if (form.Map > 1) _code.Byte(form.Map == 2 ? 0x38 : 0x3A);
        _code.Byte(form.Opcode);
        if (inMemory) _code.ModRm(register, new HostAddress(other));
        else if (hasOperands) _code.ModRm(register, other);
        if (form.Immediate == 1) _code.Byte((int)op.Immediate);
        else if (form.Immediate == 2) _code.Int16((int)op.Immediate);
        else if (form.Immediate == 4) _code.Int32((int)op.Immediate);
    }

    /// <summary>SIL or DIL, which without REX would be DH or BH.</summary>
    private static bool IsLowOfFour(int size, int operand, int host, in Op op) =>
        size == 1 && operand >= 0 && host is >= HighestOfTwo and < 8 && !FrameOffset.IsHighByte(Operand(in op, operand));
}
