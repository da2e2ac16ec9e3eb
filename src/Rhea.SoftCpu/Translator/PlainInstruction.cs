using System.Runtime.Intrinsics.X86;
using Iced.Intel;
using Rhea.SoftCpu.Interpreter;
using Rhea.X86;
using static Rhea.SoftCpu.Translator.GuestRegister;

namespace Rhea.SoftCpu.Translator;

/// <summary>Instructions that the host does as the guest would: only their registers and addresses are others.</summary>
internal sealed class PlainInstruction(Site site, MemoryAccess memory)
{
    private const int Test = 0x85, HighestOfTwo = 4; // AH, CH, DH, BH are numbers 4 to 7 without REX

    private readonly Emitter _code = site.Code;
    private int _kept = -1, _keptUntil; // the guest register that is in R10 and in the frame, for what is emitted there

    /// <summary>The operands of an instruction that writes no register or memory operand.</summary>
    private static bool OnlyReads(Mnemonic mnemonic) => mnemonic is Mnemonic.Cmp or Mnemonic.Test or Mnemonic.Bt or Mnemonic.Mul or Mnemonic.Nop
        or Mnemonic.Ucomiss or Mnemonic.Ucomisd or Mnemonic.Comiss or Mnemonic.Comisd or Mnemonic.Vucomiss or Mnemonic.Vucomisd or Mnemonic.Vcomiss or Mnemonic.Vcomisd;

    /// <summary>It can be emitted here; what else it needs is known only with its operands: see <see cref="Fits"/>.</summary>
    public static bool Knows(HostForm form) => !form.Strange && (IsGeneral(form.Mnemonic) || VectorInstructions.Contains(form.Code));

    /// <summary>This one, with these operands, can be emitted.</summary>
    public bool Fits(HostForm form, in Op op)
    {
        if (form.IsShift && form.Immediate == 1 && (op.Immediate & (form.Size == 64 ? 63 : 31)) == 0) return false;
        if (IsTangled(form, in op)) return false;
        return !op.Has(OpFlags.Memory) || (!IsBitString(form) && memory.CanReach(in op) && form.MemorySize is 1 or 2 or 4 or 8 or 16 or 32);
    }

    /// <summary>Nothing is known of R10.</summary>
    public void Start() => _kept = -1;

    /// <summary>What was emitted from a position on has not changed R10.</summary>
    public void GoOn(int from)
    {
        if (_keptUntil == from) _keptUntil = _code.Position;
    }

    public void Emit(HostForm form, in Op op)
    {
        bool inMemory = op.Has(OpFlags.Memory);
        int kept = _keptUntil == _code.Position ? _kept : -1;
        bool isBare = form is { Reads: 0, Writes: 0 } && !HasOperandInFrame(form, in op); // R11 is free behind the access
        HostAddress at = inMemory ? memory.Reach(in op, form.MemorySize, WritesMemory(form), VectorInstructions.MustBeAligned(form), isBare) : default;
        if (inMemory && form is { Mnemonic: Mnemonic.Cmpxchg, Size: 32 or 64 } && !IsLocked(form, in op))
        {
            EmitCompareExchange(in op, in at, form.Size == 64);
            return;
        }

        if (!inMemory && IsSlowScan(form) && site.LiveFlags == 0)
        {
            EmitScan(form, in op);
            return;
        }

        if (!inMemory && IsDoubleShift(form) && site.LiveFlags == 0)
        {
            EmitDoubleShift(form, in op);
            return;
        }

        bool keeps = form.Writes != 0 && (Rflags.Status & ~form.Writes & site.LiveFlags) != 0;
        if (form.Reads != 0 || keeps) site.Flags.Need();
        int high = SwappedHigh(form, in op);
        if (high >= 0) SwapBytes(high);
        Operands operands = inMemory ? new Operands(BringRegister(form, in op, high >= 0), Address, at) : BringBoth(form, in op, ref kept, high >= 0);
        FlagSource source = inMemory ? default : FlagSource.Of(form, in op);
        if (!source.Exists && !keeps && (site.LiveFlags & form.Writes) != 0)
        {
            source = FlagSource.OfShift(form, in op);
            if (source.Exists) FlagSource.KeepLeft(_code, operands.Other);
        }

        Encode(form, in op, in operands);
        if (form.Register >= 0 && WritesRegister(form)) PutBack(Operand(in op, form.Register), form.RegisterSize, operands.Register);
        if (!inMemory && form.Other >= 0 && WritesOther(form) && operands.Other >= 0) PutBack(Operand(in op, form.Other), form.OtherSize, operands.Other);
        if (high >= 0) SwapBytes(high);
        if (form.Writes != 0) site.Flags.Changed(source);
        (_kept, _keptUntil) = (inMemory ? -1 : kept, _code.Position);
    }

    public static bool WritesMemory(HostForm form) => WritesOther(form);

    /// <summary>The guest registers that it changes, a bit for each.</summary>
    public static int Written(HostForm form, in Op op)
    {
        const int rax = 1 << HostRegister.Rax, rdx = 1 << HostRegister.Rdx;
        int written = form.Mnemonic switch
        {
            Mnemonic.Mul or Mnemonic.Cwd or Mnemonic.Cdq or Mnemonic.Cqo or Mnemonic.Cmpxchg8b or Mnemonic.Cmpxchg16b => rax | rdx,
            Mnemonic.Imul when form.Register < 0 => rax | rdx,
            Mnemonic.Cmpxchg or Mnemonic.Cbw or Mnemonic.Cwde or Mnemonic.Cdqe => rax,
            Mnemonic.Pcmpestri or Mnemonic.Pcmpistri or Mnemonic.Vpcmpestri or Mnemonic.Vpcmpistri => 1 << HostRegister.Rcx,
            _ => form is { Fixed: true, Register: < 0, Other: < 0 } && !OnlyReads(form.Mnemonic) ? rax : 0,
        };
        if (form.Register >= 0 && form.RegisterSize != 16 && WritesRegister(form)) written |= 1 << FrameOffset.GeneralNumber(Operand(in op, form.Register));
        if (form.Other >= 0 && form.OtherSize != 16 && !op.Has(OpFlags.Memory) && WritesOther(form)) written |= 1 << FrameOffset.GeneralNumber(Operand(in op, form.Other));
        return written;
    }

    private static bool IsGeneral(Mnemonic mnemonic) => mnemonic is Mnemonic.Add or Mnemonic.Or or Mnemonic.Adc or Mnemonic.Sbb or Mnemonic.And
        or Mnemonic.Sub or Mnemonic.Xor or Mnemonic.Cmp or Mnemonic.Test or Mnemonic.Inc or Mnemonic.Dec or Mnemonic.Neg or Mnemonic.Not
        or Mnemonic.Mov or Mnemonic.Movzx or Mnemonic.Movsx or Mnemonic.Movsxd or Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr or Mnemonic.Sar
        or Mnemonic.Rol or Mnemonic.Ror or Mnemonic.Rcl or Mnemonic.Rcr or Mnemonic.Shld or Mnemonic.Shrd or Mnemonic.Imul or Mnemonic.Mul
        or Mnemonic.Bsf or Mnemonic.Bsr or Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc or Mnemonic.Xchg or Mnemonic.Cmpxchg
        or Mnemonic.Cmpxchg8b or Mnemonic.Cmpxchg16b
        or Mnemonic.Xadd or Mnemonic.Cbw or Mnemonic.Cwde or Mnemonic.Cdqe or Mnemonic.Cwd or Mnemonic.Cdq or Mnemonic.Cqo
        || IsExtension(mnemonic) || mnemonic is (>= Mnemonic.Cmova and <= Mnemonic.Cmovs) or (>= Mnemonic.Seta and <= Mnemonic.Sets);

    /// <summary>What not every host has.</summary>
    private static bool IsExtension(Mnemonic mnemonic) => mnemonic switch
    {
        Mnemonic.Adcx or Mnemonic.Adox => HostFeatures.Adx,
        Mnemonic.Crc32 => Sse42.IsSupported,
        Mnemonic.Movbe => HostFeatures.Movbe,
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

    private static ushort Operand(in Op op, int number) => number switch { 0 => op.R0, 1 => op.R1, 2 => op.R2, _ => op.R3 };

    private bool IsLocked(HostForm form, in Op op) => op.Has(OpFlags.Lock) && (site.Atomic || IsFence(form, in op));

    /// <summary>It may be there for the order of memory accesses alone, which devices see too: on the stack, or of a constant 0.</summary>
    private static bool IsFence(HostForm form, in Op op) => op.Base == FrameOffset.General(4) || (form.Immediate != 0 && op.Immediate == 0);

    /// <summary>The swap of a register's two bytes would disturb another operand.</summary>
    private static bool IsTangled(HostForm form, in Op op)
    {
        int high = SwappedHigh(form, in op);
        if (high < 0) return false;
        if (high == 0 && form.Mnemonic == Mnemonic.Cmpxchg) return true;
        if (op.Base == FrameOffset.General(high) || op.Index == FrameOffset.General(high)) return true; // the address may be made of it behind the swap
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

    private int BringRegister(HostForm form, in Op op, bool swapped) =>
        form.Register < 0 ? form.Group : Bring(Operand(in op, form.Register), form.RegisterSize, Temporary, ReadsRegister(form), swapped);

    /// <summary>Where the operands of an instruction without a memory operand are. One that is in the frame may stay there, in ModRM's other field.</summary>
    /// <param name="form">The instruction's form.</param>
    /// <param name="op">The instruction.</param>
    /// <param name="kept">The guest register that is in R10; -1 is none. Becomes the one that is there behind the instruction.</param>
    /// <param name="swapped">See <see cref="SwappedHigh"/>.</param>
    private Operands BringBoth(HostForm form, in Op op, ref int kept, bool swapped)
    {
        int first = NumberInFrame(form.Register, form.RegisterSize, in op), second = NumberInFrame(form.Other, form.OtherSize, in op);
        bool same = first >= 0 && first == second, clears = same && form is { Mnemonic: Mnemonic.Xor or Mnemonic.Sub, Size: 32 or 64 };
        int register = form.Register < 0 ? form.Group : first < 0 ? Bring(Operand(in op, form.Register), form.RegisterSize, -1, reads: false, swapped) : -1;
        int other = form.Other < 0 ? Address : second < 0 ? Bring(Operand(in op, form.Other), form.OtherSize, -1, reads: false, swapped) : -1;
        if (second >= 0 && second != kept && !same && CanStay(form))
            return new Operands(first < 0 ? register : Load(first, Address, ReadsRegister(form), ref kept), -1, Slot(second));
        if (second >= 0) other = Load(second, first >= 0 && first == kept && !same ? Temporary : Address, !clears && (same || ReadsOther(form)), ref kept);
        if (same) return new Operands(other, other, null);
        if (first < 0) return new Operands(register, other, null);
        if (first != kept && CanTurn(form)) return new Operands(register, other, Slot(first), Turned: true);
        return new Operands(Load(first, second >= 0 && other == Address ? Temporary : Address, ReadsRegister(form), ref kept), other, null);
    }

    /// <summary>A guest register from the frame, into a host register if it is not in R10 already. It may be only for what is written there.</summary>
    private int Load(int number, int to, bool reads, ref int kept)
    {
        if (number == kept) return Address;
        if (reads) _code.Load(to, Slot(number));
        if (to == Address) kept = number;
        return to;
    }

    /// <summary>The guest register that an operand is, if it is in the frame; else -1.</summary>
    private static int NumberInFrame(int operand, int size, in Op op)
    {
        if (operand < 0 || size == 16) return -1;
        int number = FrameOffset.GeneralNumber(Operand(in op, operand));
        return HostOf(number) < 0 ? number : -1;
    }

    /// <summary>One of the register operands is in the frame.</summary>
    public static bool HasOperandInFrame(HostForm form, in Op op) =>
        NumberInFrame(form.Register, form.RegisterSize, in op) >= 0 || NumberInFrame(form.Other, form.OtherSize, in op) >= 0;

    /// <summary>The operand in ModRM's other field may be memory as well as a register: it is only read, or all of it is replaced.</summary>
    private static bool CanStay(HostForm form) => IsGeneral(form.Mnemonic) && !IsBitString(form) && (!WritesOther(form) || form is { Mnemonic: Mnemonic.Mov, OtherSize: 8 });

    /// <summary>There is an instruction that does the same with the operands in the other fields.</summary>
    private static bool CanTurn(HostForm form) => form is { Map: 0, Register: 1, Other: 0, Size: 32 or 64 } && ((form.Opcode & 0xC5) == 1 || form.Opcode is Test or 0x89);

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

    /// <summary>BSF and BSR take long on some hosts; what counts zeros does not.</summary>
    private static bool IsSlowScan(HostForm form) => form is { Mnemonic: Mnemonic.Bsf or Mnemonic.Bsr, Size: 32 or 64 } && Bmi1.IsSupported && Lzcnt.IsSupported;

    /// <summary>BSF or BSR whose flags do not matter. Of 0, for which the counts set CF, the destination stays as it was.</summary>
    private void EmitScan(HostForm form, in Op op)
    {
        bool wide = form.Size == 64;
        int to = Bring(op.R0, sizeof(ulong), Address, reads: false, swapped: false), from = Bring(op.R1, sizeof(ulong), Address, reads: true, swapped: false);
        _code.Byte(0xF3);
        if (form.Mnemonic == Mnemonic.Bsf)
        {
            _code.Op(0x0FBC, wide, Temporary, from); // tzcnt
        }
        else
        {
            _code.Op(0x0FBD, wide, Temporary, from); // lzcnt
            _code.Op(0xF7, false, 2, Temporary); // not
            _code.Lea(Temporary, new HostAddress(Temporary, form.Size), wide: false);
        }

        if (to == Address) _code.Load(Address, Slot(FrameOffset.GeneralNumber(op.R0)));
        _code.Op(0x0F43, true, to, Temporary); // cmovae
        PutBack(op.R0, sizeof(ulong), to);
        site.Flags.Changed();
    }

    /// <summary>SHLD and SHRD by a constant take longer on some hosts than two shifts and an OR.</summary>
    private static bool IsDoubleShift(HostForm form) => form is { Mnemonic: Mnemonic.Shld or Mnemonic.Shrd, Immediate: 1, Size: 32 or 64 };

    /// <summary>SHLD or SHRD whose flags do not matter.</summary>
    private void EmitDoubleShift(HostForm form, in Op op)
    {
        const int left = 4, right = 5; // their numbers among the shifts
        bool wide = form.Size == 64, shiftsLeft = form.Mnemonic == Mnemonic.Shld;
        int count = (int)op.Immediate & (form.Size - 1), to = Bring(op.R0, sizeof(ulong), Address, reads: true, swapped: false);
        _code.Op(0x8B, wide, Temporary, Bring(op.R1, sizeof(ulong), Temporary, reads: true, swapped: false));
        Shift(Temporary, shiftsLeft ? right : left, form.Size - count);
        Shift(to, shiftsLeft ? left : right, count);
        _code.Op(0x0B, wide, to, Temporary); // or
        PutBack(op.R0, sizeof(ulong), to);
        site.Flags.Changed();

        void Shift(int register, int way, int by)
        {
            _code.Op(0xC1, wide, way, register);
            _code.Byte(by);
        }
    }

    /// <summary>CMPXCHG in steps, which take less time than the instruction: what is in memory, or the new value, is stored in any case.</summary>
    private void EmitCompareExchange(in Op op, in HostAddress at, bool wide)
    {
        int number = FrameOffset.GeneralNumber(op.R1), host = HostOf(number);
        _code.Op(0x8B, wide, Temporary, in at);
        _code.Op(0x3B, wide, HostRegister.Rax, Temporary);
        _code.Op(0x0F45, true, HostRegister.Rax, Temporary); // cmovne
        if (host < 0) _code.Op(0x0F44, true, Temporary, Slot(number)); // cmove
        else _code.Op(0x0F44, true, Temporary, host);
        _code.Op(0x89, wide, Temporary, in at);
        site.Flags.Changed();
    }

    private void Encode(HostForm form, in Op op, in Operands operands)
    {
        bool hasOperands = form.Register >= 0 || form.Other >= 0;
        if (form.Vex is not null)
        {
            EncodeVex(_code, form, in op, hasOperands ? operands.Register : 0, Vector(form.Third, in op), hasOperands ? operands.Other : 0, operands.Memory);
            return;
        }

        int register = operands.Turned ? operands.Other : operands.Register;
        if (IsLocked(form, in op)) _code.Byte(0xF0);
        if (form.Size == 16) _code.Byte(0x66);
        if (form.Prefix != 0) _code.Byte(form.Prefix);
        bool low = IsLowOfFour(form.RegisterSize, form.Register, register, in op) || (operands.Memory is null && IsLowOfFour(form.OtherSize, form.Other, operands.Other, in op));
        _code.Rex(form.Size == 64, hasOperands ? register : 0, operands.Memory?.Index ?? -1, operands.Memory?.Base ?? (hasOperands ? operands.Other : 0), low);
        if (form.Map != 0) _code.Byte(0x0F);
        if (form.Map > 1) _code.Byte(form.Map == 2 ? 0x38 : 0x3A);
        _code.Byte(operands.Turned && form.Opcode != Test ? form.Opcode | 2 : form.Opcode); // TEST has no direction
        if (operands.Memory is { } place) _code.ModRm(register, in place);
        else if (hasOperands) _code.ModRm(register, operands.Other);
        if (form.Immediate == 1) _code.Byte((int)op.Immediate);
        else if (form.Immediate == 2) _code.Int16((int)op.Immediate);
        else if (form.Immediate == 4) _code.Int32((int)op.Immediate);
    }

    /// <summary>Emits an instruction that has a VEX prefix.</summary>
    /// <param name="code">Where to.</param>
    /// <param name="form">Its form.</param>
    /// <param name="op">Has its immediate, and its fourth operand.</param>
    /// <param name="register">What is in ModRM's register field.</param>
    /// <param name="third">What is in the prefix; 0 for nothing.</param>
    /// <param name="other">The register in ModRM's other field, if there is no <paramref name="place"/>.</param>
    /// <param name="place">The memory in its other field.</param>
    public static void EncodeVex(Emitter code, HostForm form, in Op op, int register, int third, int other, HostAddress? place)
    {
        VexFields vex = form.Vex!.Value;
        code.Vex(register, place?.Index ?? -1, place?.Base ?? other, form.Map, vex.W, third, vex.L, form.Prefix);
        code.Byte(form.Opcode);
        if (place is { } memory) code.ModRm(register, in memory);
        else if (form.Register >= 0 || form.Other >= 0) code.ModRm(register, other);
        if (form.Fourth >= 0) code.Byte(Vector(form.Fourth, in op) << 4);
        else if (form.Immediate == 1) code.Byte((int)op.Immediate);
    }

    /// <summary>The number of a vector register that is an operand; 0 for none.</summary>
    private static int Vector(int operand, in Op op) => operand < 0 ? 0 : FrameOffset.VectorNumber(Operand(in op, operand));

    /// <summary>SIL or DIL, which without REX would be DH or BH.</summary>
    private static bool IsLowOfFour(int size, int operand, int host, in Op op) =>
        size == 1 && operand >= 0 && host is >= HighestOfTwo and < 8 && !FrameOffset.IsHighByte(Operand(in op, operand));

    /// <param name="Register">What is in ModRM's register field.</param>
    /// <param name="Other">The register in its other field; -1 when there is <paramref name="Memory"/>.</param>
    /// <param name="Memory">The memory in its other field.</param>
    /// <param name="Turned">The two have changed places: <paramref name="Other"/> is in the register field.</param>
    private readonly record struct Operands(int Register, int Other, HostAddress? Memory, bool Turned = false);
}
