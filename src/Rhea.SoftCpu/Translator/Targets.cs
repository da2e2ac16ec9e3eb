using Rhea.SoftCpu.Interpreter;

namespace Rhea.SoftCpu.Translator;

/// <summary>The table of translated code by the host address of the guest's: what it was translated from, whatever page tables lead there.</summary>
/// <remarks>
/// Jumps look here when their own table no longer holds: after a change of page tables all code is as it was, only its linear addresses must be
/// looked up again, which the TLB knows page by page. When two blocks share a place, the one that was sought last is there.
/// </remarks>
internal static class Targets
{
    public const int Count = 1 << 14;

    private const int PageBits = 12, ModeShift = 48;

    /// <summary>Which place code is in; generated code computes the same.</summary>
    public static int IndexOf(nint host) => (int)(((uint)host >> PageBits ^ (uint)host) & (Count - 1));

    public static ulong KeyOf(nint host, BlockMode mode) => (ulong)host | ModeOf(mode);

    /// <summary>The mode's part of a key; host addresses have zeros there.</summary>
    public static ulong ModeOf(BlockMode mode) => (ulong)mode << ModeShift;
}
