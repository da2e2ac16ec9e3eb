namespace Rhea.X86;

/// <summary>The processor's own exceptions (Intel SDM vol. 3, table 7-1).</summary>
public enum ExceptionVector : byte
{
    DivideError,
    Debug,
    Nmi,
    Breakpoint,
    Overflow,
    BoundRange,
    InvalidOpcode,
    DeviceNotAvailable,
    DoubleFault,
    CoprocessorSegment,
    InvalidTss,
    SegmentNotPresent,
    StackFault,
    GeneralProtection,
    PageFault,
    FloatingPoint = 16,
    AlignmentCheck,
    MachineCheck,
    SimdFloatingPoint,
}

/// <summary>What is the same for every exception of one kind, wherever it is raised.</summary>
public static class Exceptions
{
    /// <summary>An error code is pushed.</summary>
    public static bool HasErrorCode(ExceptionVector vector) => vector is ExceptionVector.DoubleFault or ExceptionVector.AlignmentCheck
        or (>= ExceptionVector.InvalidTss and <= ExceptionVector.PageFault);

    /// <summary>An exception while another was being delivered: they are served one after the other, or are a double fault.</summary>
    /// <remarks>Intel SDM vol. 3, table 7-5. A third, during a double fault, shuts the processor down; that the caller sees.</remarks>
    public static bool MakesDoubleFault(ExceptionVector first, ExceptionVector second) =>
        (IsContributory(first) && IsContributory(second))
        || (first == ExceptionVector.PageFault && (second == ExceptionVector.PageFault || IsContributory(second)));

    private static bool IsContributory(ExceptionVector vector) =>
        vector is ExceptionVector.DivideError or (>= ExceptionVector.InvalidTss and <= ExceptionVector.GeneralProtection);
}

/// <summary>Bits of a page fault's error code (Intel SDM vol. 3, 5.7).</summary>
[Flags]
public enum PageFaultCode : uint
{
    NotPresent = 0,
    Protection = 1,
    Write = 2,
    User = 4,
    ReservedBit = 8,
    Fetch = 16,
}
