using System.Runtime.InteropServices;

namespace Rhea.Hypervisors.Xen;

/// <summary>What the keeper of a domain does for the process that runs it: all of it concerns the keeper's own domain, which no request can name.</summary>
internal enum XenRequest : uint
{
    /// <summary>Once, before all others: a domain of so many processors (first) and MiB (second), with a handle as data. Answers its number.</summary>
    Make = 1,

    /// <summary>Instead of Make: a domain of a toolstack's, by its number (first). Answers that number, and what Info does.</summary>
    Join,
    Pause,
    Unpause,

    /// <summary>After it has shut down: it may run again.</summary>
    Resume,

    /// <summary>Answers struct xen_domctl_getdomaininfo.</summary>
    Info,

    /// <summary>Whether the processor (first) sleeps: 1, or 0.</summary>
    IsBlocked,

    /// <summary>The processor (first) is as after power-on.</summary>
    ResetVcpu,

    /// <summary>Answers all records of its processors and chips.</summary>
    GetContext,

    /// <summary>Data: records.</summary>
    SetContext,

    /// <summary>First: seconds, signed, by which its calendar is ahead of the host's.</summary>
    SetCalendar,

    /// <summary>First: kilohertz.</summary>
    SetTscRate,

    /// <summary>Answers leaves of six words.</summary>
    GetCpuid,

    /// <summary>Data: leaves. Answers, beside an error, the leaf that was not taken.</summary>
    SetCpuid,

    /// <summary>First: kilobytes that it may have in all.</summary>
    AllowMemory,

    /// <summary>From a frame (first) on, so many (second) pieces of two to the power of so many (third) frames. Answers how many there were.</summary>
    Populate,

    /// <summary>From a frame (first) on, so many (second). Answers how many there were.</summary>
    Release,

    /// <summary>MiB that the host has left.</summary>
    FreeMemory,
}

/// <summary>What a request begins with; its data follow.</summary>
/// <param name="Request">What is asked for.</param>
/// <param name="Length">Of the data, in bytes.</param>
/// <param name="First">Up to three numbers.</param>
/// <param name="Second">The second one.</param>
/// <param name="Third">The third one.</param>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct XenRequestHead(XenRequest Request, uint Length, ulong First, ulong Second, ulong Third)
{
    public const int Size = 32;

    /// <summary>The records of 128 processors have less.</summary>
    public const uint MostData = 4 << 20;
}

/// <summary>What an answer begins with; its data follow.</summary>
/// <param name="Result">Negative for an error: its number.</param>
/// <param name="Length">Of the data, in bytes.</param>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct XenAnswerHead(long Result, long Length);

/// <summary>A result, negative for an error, and what comes with it.</summary>
internal readonly record struct XenAnswer(long Result, byte[] Data)
{
    public static implicit operator XenAnswer(long result) => new(result, []);
}
