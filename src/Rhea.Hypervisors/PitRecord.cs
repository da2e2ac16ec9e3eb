using Rhea.Core.Cpu;
using static Rhea.Hypervisors.Record;

namespace Rhea.Hypervisors;

/// <summary>One counter of an 8254 as KVM and Xen list it, without times: 16 bytes.</summary>
/// <remarks>Linux, asm/kvm.h, kvm_pit_channel_state; Xen, public/arch-x86/hvm/save.h, hvm_hw_pit.</remarks>
internal static class PitRecord
{
    public const int Length = 16;

    private const int Latched = 4, CountLatched = 6;

    public static I8254Channel Fetch(ReadOnlySpan<byte> from)
    {
        var count = (int)Word(from, 0);
        return new I8254Channel
        {
            Count = count is > 0 and <= 0x1_0000 ? count : 0x1_0000,
            LatchedCount = Half(from, Latched),
            CountLatched = from[CountLatched],
            StatusLatched = from[7],
            Status = from[8],
            ReadState = from[9],
            WriteState = from[10],
            WriteLatch = from[11],
            RwMode = from[12],
            Mode = from[13],
            Bcd = from[14],
            Gate = from[15],
            NextTransition = -1,
        };
    }

    /// <param name="from">The counter.</param>
    /// <param name="count">What it is loaded with, which may be less than its initial count.</param>
    /// <param name="to">The record.</param>
    public static void Store(in I8254Channel from, int count, Span<byte> to)
    {
        Put(to, 0, (uint)count);
        Put(to, Latched, from.LatchedCount);
        (to[CountLatched], to[7], to[8], to[9], to[10]) = (from.CountLatched, from.StatusLatched, from.Status, from.ReadState, from.WriteState);
        (to[11], to[12], to[13], to[14], to[15]) = (from.WriteLatch, from.RwMode, from.Mode, from.Bcd, from.Gate);
    }

    /// <summary>Where loading begins the count anew: one that counts down once (modes 0 and 4) is given what is left of it, one that repeats its period.</summary>
    /// <param name="counter">The counter.</param>
    /// <param name="now">Guest time in nanoseconds.</param>
    public static int Left(in I8254Channel counter, long now)
    {
        const long Crystal = 1_193_182, Second = 1_000_000_000;
        if (counter.Mode is not (0 or 4) || counter.Gate == 0) return counter.Count;
        Int128 ticks = (Int128)Math.Max(0, now - counter.CountLoadTime) * Crystal / Second;
        return ticks < counter.Count ? counter.Count - (int)ticks : counter.Count;
    }
}
