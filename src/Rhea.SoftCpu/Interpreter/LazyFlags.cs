using System.Numerics;
using System.Runtime.CompilerServices;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>The six status flags, kept as what they follow from until someone asks: most results are overwritten unread.</summary>
/// <remarks>
/// For an addition or subtraction the carry out of every bit position is enough: the highest is CF, its exclusive or with the next
/// one is OF, that of bit 3 is AF. The rest follows from the result. Results that break that rule are kept as flags.
/// </remarks>
internal struct LazyFlags
{
    private ulong _result;
    private ulong _carries; // the flags themselves while _sign is 0
    private int _sign;      // number of the result's highest bit

    /// <summary>A result whose carries are known.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Set<T>(T result, T carries) where T : unmanaged, IBinaryInteger<T>
    {
        _result = ulong.CreateTruncating(result);
        _carries = ulong.CreateTruncating(carries);
        _sign = (Unsafe.SizeOf<T>() * 8) - 1;
    }

    /// <summary>A result with CF, OF and AF clear.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetLogic<T>(T result) where T : unmanaged, IBinaryInteger<T> => Set(result, T.Zero);

    /// <summary>A result with AF clear and the given CF and OF.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Set<T>(T result, bool carry, bool overflow) where T : unmanaged, IBinaryInteger<T>
    {
        int sign = (Unsafe.SizeOf<T>() * 8) - 1;
        _result = ulong.CreateTruncating(result);
        _carries = ((carry ? 1UL : 0) << sign) | ((carry != overflow ? 1UL : 0) << (sign - 1));
        _sign = sign;
    }

    /// <summary>As INC and DEC do: CF stays.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetKeepingCarry<T>(T result, T carries) where T : unmanaged, IBinaryInteger<T>
    {
        ulong kept = _carries >> _sign & 1;
        Set(result, carries);
        ulong top = (_carries >> _sign & 1) ^ kept; // flipping the two highest keeps their difference, which is OF
        _carries ^= (top << _sign) | (top << (_sign - 1));
    }

    /// <summary>All six at once, as bits of RFLAGS.</summary>
    public uint Value
    {
        readonly get
        {
            if (_sign == 0) return (uint)_carries;
            return (Carry ? Rflags.Carry : 0) | (Parity ? Rflags.Parity : 0) | (uint)(_carries << 1 & Rflags.Adjust)
                | (Zero ? Rflags.Zero : 0) | (Sign ? Rflags.Sign : 0) | (Overflow ? Rflags.Overflow : 0);
        }

        set
        {
            _carries = value & Rflags.Status;
            _sign = 0;
        }
    }

    public readonly bool Carry
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (_carries >> _sign & 1) != 0; // CF is bit 0 of the flags too
    }

    public readonly bool Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _sign != 0 ? _result == 0 : (_carries & Rflags.Zero) != 0;
    }

    public readonly bool Sign
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _sign != 0 ? (_result >> _sign & 1) != 0 : (_carries & Rflags.Sign) != 0;
    }

    public readonly bool Overflow
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _sign != 0 ? ((_carries >> _sign ^ _carries >> (_sign - 1)) & 1) != 0 : (_carries & Rflags.Overflow) != 0;
    }

    public readonly bool Parity => _sign != 0 ? (BitOperations.PopCount((byte)_result) & 1) == 0 : (_carries & Rflags.Parity) != 0;

    /// <summary>Sign and overflow differ: "less" of signed numbers.</summary>
    public readonly bool Less
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Sign != Overflow;
    }
}

/// <summary>What a conditional instruction asks; the sixteen are eight and their opposites (Intel SDM vol. 1, appendix B).</summary>
internal interface ICondition
{
    static abstract bool Holds(ref LazyFlags flags);
}

internal struct IfOverflow : ICondition
{
    public static bool Holds(ref LazyFlags flags) => flags.Overflow;
}

internal struct IfBelow : ICondition
{
    public static bool Holds(ref LazyFlags flags) => flags.Carry;
}

internal struct IfEqual : ICondition
{
    public static bool Holds(ref LazyFlags flags) => flags.Zero;
}

internal struct IfBelowOrEqual : ICondition
{
    public static bool Holds(ref LazyFlags flags) => flags.Carry || flags.Zero;
}

internal struct IfSign : ICondition
{
    public static bool Holds(ref LazyFlags flags) => flags.Sign;
}

internal struct IfParity : ICondition
{
    public static bool Holds(ref LazyFlags flags) => flags.Parity;
}

internal struct IfLess : ICondition
{
    public static bool Holds(ref LazyFlags flags) => flags.Less;
}

internal struct IfLessOrEqual : ICondition
{
    public static bool Holds(ref LazyFlags flags) => flags.Zero || flags.Less;
}

internal struct Not<TCondition> : ICondition where TCondition : ICondition
{
    public static bool Holds(ref LazyFlags flags) => !TCondition.Holds(ref flags);
}
