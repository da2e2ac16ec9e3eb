namespace Rhea.X86.FloatingPoint;

/// <summary>The directions of rounding, numbered as in the control word's RC field and in MXCSR.</summary>
public enum RoundingMode : byte
{
    Nearest,
    Down,
    Up,
    TowardZero,
}

/// <summary>The six floating-point exceptions, as the status word and MXCSR have them.</summary>
[Flags]
public enum FloatExceptions : byte
{
    None = 0,
    Invalid = 1,
    Denormal = 2,
    DivideByZero = 4,
    Overflow = 8,
    Underflow = 16,
    Precision = 32,

    /// <summary>Those that are found before there is a result: unmasked, they leave the destination alone.</summary>
    BeforeResult = Invalid | Denormal | DivideByZero,
    All = 63,
}

/// <summary>What an operation is told about rounding and exceptions, and what it reports back.</summary>
/// <remarks>One is made for an instruction from the control word or MXCSR; its exceptions add up over the elements of a vector.</remarks>
public struct FloatEnvironment
{
    public RoundingMode Rounding;
    public FloatExceptions Masked;
    public FloatExceptions Raised;

    /// <summary>Of those, what earlier steps of the instruction raised: it stays when a later one is given up.</summary>
    public FloatExceptions Settled;

    /// <summary>x87: the result's significand is rounded to 24, 53 or 64 bits.</summary>
    public byte Precision;

    /// <summary>x87: the last rounding took the magnitude up; C1 reports it.</summary>
    public bool RoundedUp;

    /// <summary>SSE: denormal operands count as zeros, and denormal results become zeros.</summary>
    public bool DenormalsAreZero, FlushToZero;

    /// <summary>Exceptions that were raised and are not masked.</summary>
    public readonly FloatExceptions Unmasked => Raised & ~Masked;

    public static FloatEnvironment FromControlWord(ushort control) => new()
    {
        Rounding = (RoundingMode)(control >> 10 & 3),
        Masked = (FloatExceptions)control & FloatExceptions.All,
        Precision = (control >> 8 & 3) switch { 0 => 24, 2 => 53, _ => 64 },
    };

    public static FloatEnvironment FromMxcsr(uint mxcsr) => new()
    {
        Rounding = (RoundingMode)(mxcsr >> 13 & 3),
        Masked = (FloatExceptions)(mxcsr >> 7) & FloatExceptions.All,
        DenormalsAreZero = (mxcsr & 1 << 6) != 0,
        FlushToZero = (mxcsr & 1 << 15) != 0,
    };

    public readonly bool IsMasked(FloatExceptions exception) => (Masked & exception) != 0;
}
