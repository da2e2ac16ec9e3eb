using Rhea.X86.FloatingPoint;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>x87 loads, stores and moves.</summary>
internal static class X87Store
{
    private const FloatExceptions Discarding = FloatExceptions.BeforeResult | FloatExceptions.Overflow | FloatExceptions.Underflow;

    /// <summary>FLD and FILD.</summary>
    public static Step Load<T>(Cpu cpu, in Op op) where T : IX87Source
    {
        if (!X87.IsReady(cpu) || !T.Load(cpu, in op, out ulong bits)) return Step.Fault;
        X87.NoteOperand(cpu, in op);
        if (!X87.IsEmpty(cpu, 7))
        {
            X87.Push(cpu, default);
            return Step.Next;
        }
        FloatEnvironment environment = X87.Environment(cpu);
        Float80 value = T.Convert(bits, ref environment);
        X87.Accept(cpu, environment);
        if ((environment.Unmasked & FloatExceptions.Invalid) == 0) X87.Push(cpu, value.IsNan ? value.Quieted : value); // denormals are loaded all the same
        return Step.Next;
    }

    /// <summary>FLD m80: as it is, NaNs and invalid encodings too.</summary>
    public static Step LoadExtended(Cpu cpu, in Op op)
    {
        if (!X87.IsReady(cpu) || !LoadTenBytes(cpu, in op, out ulong low, out ushort high)) return Step.Fault;
        X87.NoteOperand(cpu, in op);
        X87.ClearC1(cpu);
        X87.Push(cpu, new(low, high));
        return Step.Next;
    }

    public static Step LoadDecimal(Cpu cpu, in Op op)
    {
        if (!X87.IsReady(cpu) || !LoadTenBytes(cpu, in op, out ulong low, out ushort high)) return Step.Fault;
        X87.NoteOperand(cpu, in op);
        X87.ClearC1(cpu);
        X87.Push(cpu, X87Conversion.FromDecimal(new UInt128(high, low)));
        return Step.Next;
    }

    public static Step LoadRegister(Cpu cpu, in Op op)
    {
        if (!X87.IsReady(cpu)) return Step.Fault;
        X87.Note(cpu, in op);
        X87.ClearC1(cpu);
        if (!X87.IsEmpty(cpu, op.R0)) X87.Push(cpu, X87.Get(cpu, op.R0));
        else if (X87.Underflow(cpu))
        {
            X87.MoveTop(cpu, -1);
            X87.Set(cpu, 0, Float80.Indefinite);
        }
        return Step.Next;
    }

    /// <summary>FST and FIST.</summary>
    public static Step Store<T>(Cpu cpu, in Op op) where T : IX87Target => TryStore<T>(cpu, in op, out _) ? Step.Next : Step.Fault;

    public static Step StorePop<T>(Cpu cpu, in Op op) where T : IX87Target
    {
        if (!TryStore<T>(cpu, in op, out bool stored)) return Step.Fault;
        if (stored) X87.Pop(cpu);
        return Step.Next;
    }

    /// <summary>FSTP m80: as it is.</summary>
    public static Step StoreExtendedPop(Cpu cpu, in Op op)
    {
        if (!X87.IsReady(cpu)) return Step.Fault;
        bool empty = X87.IsEmpty(cpu, 0), masked = X87.Environment(cpu).IsMasked(FloatExceptions.Invalid);
        Float80 value = empty ? Float80.Indefinite : X87.Get(cpu, 0);
        if ((!empty || masked) && !StoreTenBytes(cpu, in op, value.Significand, value.SignExponent)) return Step.Fault;
        X87.NoteOperand(cpu, in op);
        X87.ClearC1(cpu);
        if (!empty || X87.Underflow(cpu)) X87.Pop(cpu);
        return Step.Next;
    }

    public static Step StoreRegister(Cpu cpu, in Op op) => CopyRegister(cpu, in op, out _);

    public static Step StoreRegisterPop(Cpu cpu, in Op op)
    {
        Step step = CopyRegister(cpu, in op, out bool copied);
        if (copied) X87.Pop(cpu);
        return step;
    }

    public static Step Exchange(Cpu cpu, in Op op)
    {
        if (!X87.IsReady(cpu)) return Step.Fault;
        X87.Note(cpu, in op);
        X87.ClearC1(cpu);
        int other = op.R1;
        bool emptyTop = X87.IsEmpty(cpu, 0), emptyOther = X87.IsEmpty(cpu, other);
        if ((emptyTop || emptyOther) && !X87.Underflow(cpu)) return Step.Next;
        Float80 top = emptyTop ? Float80.Indefinite : X87.Get(cpu, 0);
        X87.Set(cpu, 0, emptyOther ? Float80.Indefinite : X87.Get(cpu, other));
        X87.Set(cpu, other, top);
        return Step.Next;
    }

    /// <summary>FCMOVcc.</summary>
    public static Step MoveIf<T>(Cpu cpu, in Op op) where T : ICondition
    {
        if (!X87.IsReady(cpu)) return Step.Fault;
        X87.Note(cpu, in op);
        if (X87.IsEmpty(cpu, 0) || X87.IsEmpty(cpu, op.R1))
        {
            if (X87.Underflow(cpu)) X87.Set(cpu, 0, Float80.Indefinite); // whether the condition holds or not
        }
        else if (T.Holds(ref cpu.Flags)) X87.Set(cpu, 0, X87.Get(cpu, op.R1));
        return Step.Next;
    }

    /// <summary>FLD1, FLDPI, …: the constant is rounded as the control word says.</summary>
    public static Step LoadConstant<T>(Cpu cpu, in Op op) where T : IX87Constant
    {
        if (!X87.IsReady(cpu)) return Step.Fault;
        X87.Note(cpu, in op);
        X87.ClearC1(cpu);
        X87.Push(cpu, T.Value(X87.Environment(cpu).Rounding));
        return Step.Next;
    }

    /// <summary>An exception that leaves memory as it is.</summary>
    public static bool IsDiscarded(in FloatEnvironment environment) => (environment.Unmasked & Discarding) != 0;

    public static bool LoadTenBytes(Cpu cpu, in Op op, out ulong low, out ushort high)
    {
        high = 0;
        return cpu.Load(in op, out low) && cpu.Load(in op, sizeof(ulong), out high);
    }

    public static bool StoreTenBytes(Cpu cpu, in Op op, ulong low, ushort high) =>
        cpu.CanStore(in op, sizeof(ulong) + sizeof(ushort)) && cpu.Store(in op, low) && cpu.Store(in op, sizeof(ulong), high);

    /// <summary>False is a fault, and nothing was done.</summary>
    private static bool TryStore<T>(Cpu cpu, in Op op, out bool stored) where T : IX87Target
    {
        stored = false;
        if (!X87.IsReady(cpu)) return false;
        FloatEnvironment environment = X87.Environment(cpu);
        bool empty = X87.IsEmpty(cpu, 0);
        if (empty && !environment.IsMasked(FloatExceptions.Invalid))
        {
            if (!cpu.CanStore(in op, T.Size)) return false; // memory comes first
            X87.NoteOperand(cpu, in op);
            X87.Underflow(cpu);
            return true;
        }
        if (!T.Store(cpu, in op, empty ? Float80.Indefinite : X87.Get(cpu, 0), ref environment)) return false;
        X87.NoteOperand(cpu, in op);
        stored = empty || !IsDiscarded(environment);
        if (!stored) environment.Raised &= ~FloatExceptions.Precision;
        if (empty) X87.Underflow(cpu);
        else X87.Accept(cpu, environment);
        return true;
    }

    private static Step CopyRegister(Cpu cpu, in Op op, out bool copied)
    {
        copied = false;
        if (!X87.IsReady(cpu)) return Step.Fault;
        X87.Note(cpu, in op);
        X87.ClearC1(cpu);
        bool empty = X87.IsEmpty(cpu, 0);
        if (empty && !X87.Underflow(cpu)) return Step.Next;
        X87.Set(cpu, op.R0, empty ? Float80.Indefinite : X87.Get(cpu, 0));
        copied = true;
        return Step.Next;
    }
}

/// <summary>A constant that the x87 has in its ROM.</summary>
internal interface IX87Constant
{
    static abstract Float80 Value(RoundingMode rounding);
}

internal struct PositiveOne : IX87Constant
{
    public static Float80 Value(RoundingMode rounding) => Float80.One;
}

internal struct PositiveZero : IX87Constant
{
    public static Float80 Value(RoundingMode rounding) => Float80.Zero;
}

internal struct Log2Of10 : IX87Constant
{
    public static Float80 Value(RoundingMode rounding) => new(0xD49A_784B_CD1B_8AFE + (rounding == RoundingMode.Up ? 1UL : 0), 0x4000);
}

internal struct Log2OfE : IX87Constant
{
    public static Float80 Value(RoundingMode rounding) => new(0xB8AA_3B29_5C17_F0BC + Below(rounding), 0x3FFF);

    /// <summary>The next lower number where the nearest one is too large.</summary>
    public static ulong Below(RoundingMode rounding) => rounding is RoundingMode.Down or RoundingMode.TowardZero ? ulong.MaxValue : 0;
}

internal struct Pi : IX87Constant
{
    public static Float80 Value(RoundingMode rounding) => new(0xC90F_DAA2_2168_C235 + Log2OfE.Below(rounding), 0x4000);
}

internal struct Log10Of2 : IX87Constant
{
    public static Float80 Value(RoundingMode rounding) => new(0x9A20_9A84_FBCF_F799 + Log2OfE.Below(rounding), 0x3FFD);
}

internal struct LogEOf2 : IX87Constant
{
    public static Float80 Value(RoundingMode rounding) => new(0xB172_17F7_D1CF_79AC + Log2OfE.Below(rounding), 0x3FFE);
}
