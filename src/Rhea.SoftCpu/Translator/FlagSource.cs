using Iced.Intel;
using Rhea.SoftCpu.Interpreter;
using static Rhea.SoftCpu.Translator.GuestRegister;

namespace Rhea.SoftCpu.Translator;

/// <summary>How the status flags of an instruction that has been done can be had once more, as long as its registers are as it left them.</summary>
/// <remarks>
/// A comparison is made again; of a sum or a difference the other number is taken off and added again; logic's flags are those of a test of
/// its result. So flags that nobody is likely to see need not be saved: if somebody wants to see them after all, they are made.
/// </remarks>
/// <param name="Way">What to do; <see cref="FlagWay.None"/> when the flags cannot be had again.</param>
/// <param name="Size">Bytes of the operands.</param>
/// <param name="Left">The number of the guest register that is the first operand, or the result.</param>
/// <param name="Right">Of the second; -1 when that is <paramref name="Immediate"/>.</param>
/// <param name="Immediate">The second operand.</param>
/// <param name="Kept">The registers' values are in the frame, so the registers may change.</param>
internal readonly record struct FlagSource(FlagWay Way, int Size, int Left, int Right, int Immediate, bool Kept = false)
{
    private const int Sizes = 4; // 1, 2, 4 and 8 bytes
    private const int Add = 0, Subtract = 5, Compare = 7; // their numbers among the arithmetic instructions

    /// <summary>Number of recipes.</summary>
    public const int Recipes = 1 + (Sizes * (int)FlagWay.Logic);

    public bool Exists => Way != FlagWay.None;

    /// <summary>The number of what makes these flags of the values that are kept in the frame; 0 when there is nothing that does.</summary>
    public int Recipe => Way is FlagWay.None or FlagWay.Shift ? 0 : 1 + (Sizes * ((int)Way - 1)) + int.Log2(Size);

    /// <summary>What a recipe is for.</summary>
    public static FlagSource OfRecipe(int recipe) =>
        new((FlagWay)(1 + ((recipe - 1) / Sizes)), 1 << ((recipe - 1) % Sizes), 0, 0, 0, Kept: true);

    /// <summary>A bit for each guest register that must keep its value.</summary>
    public int Registers => !Exists || Kept ? 0 : 1 << Left | (Right < 0 ? 0 : 1 << Right);

    /// <summary>Of an instruction without a memory operand.</summary>
    public static FlagSource Of(HostForm form, in Op op)
    {
        FlagWay way = form.Mnemonic switch
        {
            Mnemonic.Cmp => FlagWay.Compare,
            Mnemonic.Test => FlagWay.Test,
            Mnemonic.Add => FlagWay.Add,
            Mnemonic.Sub => FlagWay.Subtract,
            Mnemonic.And or Mnemonic.Or or Mnemonic.Xor => FlagWay.Logic,
            _ => FlagWay.None,
        };
        int size = form.Size != 0 ? form.Size / 8 : 1, left = form.Fixed ? 0 : FrameOffset.GeneralNumber(op.R0);
        if (way == FlagWay.None || (!form.Fixed && IsHigh(op.R0))) return default;
        if (way == FlagWay.Logic) return new FlagSource(way, size, left, -1, 0);
        if (size == 1 && way is FlagWay.Add or FlagWay.Subtract) return default;
        if (form.Immediate != 0) return new FlagSource(way, size, left, -1, (int)op.Immediate);
        int right = FrameOffset.GeneralNumber(op.R1);
        return IsHigh(op.R1) || (left == right && way is FlagWay.Add or FlagWay.Subtract) ? default : new FlagSource(way, size, left, right, 0);

        bool IsHigh(ushort operand) => size == 1 && FrameOffset.IsHighByte(operand);
    }

    /// <summary>Of a shift by a constant of a register whose value before it has been <see cref="KeepLeft">kept</see>; none for another instruction.</summary>
    public static FlagSource OfShift(HostForm form, in Op op)
    {
        bool shifts = form.Mnemonic is Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr or Mnemonic.Sar && !form.Fixed && form.Size is 32 or 64;
        if (!shifts || op.Has(OpFlags.Memory)) return default;
        return new FlagSource(FlagWay.Shift, form.Size / 8, 0, -1, form.Group << 8 | (form.Immediate == 0 ? 1 : (byte)op.Immediate), Kept: true);
    }

    /// <summary>Keeps a host register's value as that of the first operand.</summary>
    public static void KeepLeft(Emitter code, int host) => code.Store(new HostAddress(State, FrameOffset.FlagLeft), host);

    /// <summary>The same flags from the registers' values, which are kept. Changes R11.</summary>
    public FlagSource Keep(Emitter code)
    {
        KeepLeft(code, Bring(code));
        if (Right < 0) return this with { Kept = true };
        int right = HostOf(Right);
        if (right < 0) code.Load(Temporary, Slot(Right));
        code.Store(new HostAddress(State, FrameOffset.FlagRight), right < 0 ? Temporary : right);
        return this with { Kept = true };
    }

    /// <summary>Puts into the frame what the flags can be made of, by the <see cref="Recipe"/>. Changes R11, not RFLAGS.</summary>
    public void Promise(Emitter code)
    {
        if (!Kept) Keep(code);
        if (Right < 0 && Way != FlagWay.Logic)
        {
            code.Op(0xC7, true, 0, new HostAddress(State, FrameOffset.FlagRight)); // mov
            code.Int32(Immediate);
        }

        code.StoreConstant32(new HostAddress(State, FrameOffset.FlagRecipe), (uint)Recipe);
    }

    /// <summary>Sets RFLAGS. Changes R11 and nothing else.</summary>
    public void Emit(Emitter code)
    {
        switch (Way)
        {
            case FlagWay.Compare:
                Arithmetic(code, Compare, Bring(code));
                break;
            case FlagWay.Add:
                Copy(code);
                Arithmetic(code, Subtract, Temporary);
                Arithmetic(code, Add, Temporary);
                break;
            case FlagWay.Subtract:
                Copy(code);
                Arithmetic(code, Add, Temporary);
                Arithmetic(code, Subtract, Temporary);
                break;
            case FlagWay.Shift:
                Copy(code);
                code.Op(0xC1, Size == 8, Immediate >> 8, Temporary);
                code.Byte(Immediate & 0xFF);
                break;
            default:
                Test(code, Bring(code));
                break;
        }
    }

    private int LeftHost => Kept ? -1 : HostOf(Left);

    private int RightHost => Kept || Right < 0 ? -1 : HostOf(Right);

    private HostAddress LeftPlace => Kept ? new HostAddress(State, FrameOffset.FlagLeft) : Slot(Left);

    private HostAddress RightPlace => Kept ? new HostAddress(State, FrameOffset.FlagRight) : Slot(Right);

    private void Copy(Emitter code)
    {
        if (LeftHost >= 0) code.Move(Temporary, LeftHost);
        else code.Load(Temporary, LeftPlace);
    }

    private int Bring(Emitter code)
    {
        if (LeftHost >= 0) return LeftHost;
        code.Load(Temporary, LeftPlace);
        return Temporary;
    }

    private void Arithmetic(Emitter code, int number, int left)
    {
        int host = RightHost;
        if (Right < 0 && Size > 1) code.SizedArithmetic(number, Size, left, Immediate);
        else if (Right < 0) ByteImmediate(code, 0x80, number, left);
        else if (Size == 1) Byte(code, (number << 3) | 2, left, host);
        else if (host < 0) code.Sized((number << 3) | 3, Size, left, RightPlace);
        else code.Sized((number << 3) | 3, Size, left, host);
    }

    private void Test(Emitter code, int left)
    {
        int right = Way == FlagWay.Logic ? left : RightHost;
        if (Way == FlagWay.Test && Right < 0)
        {
            if (Size == 1)
            {
                ByteImmediate(code, 0xF6, 0, left);
                return;
            }

            code.Sized(0xF7, Size, 0, left);
            if (Size == sizeof(ushort)) code.Int16(Immediate);
            else code.Int32(Immediate);
        }
        else if (Size == 1)
        {
            Byte(code, 0x84, left, right);
        }
        else if (right < 0)
        {
            code.Sized(0x85, Size, left, RightPlace);
        }
        else
        {
            code.Sized(0x85, Size, left, right);
        }
    }

    /// <summary>With REX in any case, so that SIL and its kin are what they are.</summary>
    private void ByteImmediate(Emitter code, int opcode, int group, int left)
    {
        code.Rex(false, group, -1, left, force: true);
        code.Byte(opcode);
        code.ModRm(group, left);
        code.Byte(Immediate);
    }

    private void Byte(Emitter code, int opcode, int left, int right)
    {
        code.Rex(false, left, -1, right < 0 ? State : right, force: true);
        code.Byte(opcode);
        if (right < 0) code.ModRm(left, RightPlace);
        else code.ModRm(left, right);
    }
}

/// <summary>What an instruction did that set the flags.</summary>
internal enum FlagWay
{
    None,
    Compare,
    Test,
    Add,
    Subtract,

    /// <summary>AND, OR or XOR.</summary>
    Logic,

    /// <summary>By a constant. Its immediate is the count, and above that the instruction's number among the shifts.</summary>
    Shift,
}
