using Rhea.Core.Cpu;
using static Rhea.Hypervisors.Record;

namespace Rhea.Hypervisors.Xen;

/// <summary>Between Xen's record of the HPET and its canonical registers. Xen's counts at 62.5 MHz, the canonical one at 100 MHz.</summary>
/// <remarks>
/// A counter that stands still moves as it is. A running one goes on from the same number at another rate: a guest that has measured
/// the rate, or waits for a comparator, is told wrong. So a machine that shall move has none (<c>-machine hpet=off</c>).
/// </remarks>
internal static class XenHpet
{
    public const int Length = 1048;

    private const int Configuration = 16, Status = 32, Counter = 240, Timers = 256, TimerLength = 32, Periods = 1024;
    private const long NanosecondsPerTick = 10; // of the canonical counter
    private const ulong InterruptEnable = 4;

    public static void Fetch(ReadOnlySpan<byte> from, long now, HpetRegisters to)
    {
        (to.Configuration, to.Status, to.Counter) = (Quad(from, Configuration), Quad(from, Status), Quad(from, Counter));
        to.Offset = to.Running ? unchecked((long)to.Counter * NanosecondsPerTick) - now : 0;
        for (var i = 0; i < to.Timers.Length; i++)
        {
            int at = Timers + (i * TimerLength);
            to.Timers[i] = new HpetTimer
            {
                Number = (byte)i,
                Configuration = Quad(from, at),
                Comparator = Quad(from, at + 8),
                FsbRoute = Quad(from, at + 16),
                Period = Quad(from, Periods + (i * 8)),
                Deadline = -1,
            };
            if (!to.Running || (to.Timers[i].Configuration & InterruptEnable) == 0) continue;
            ulong left = to.Timers[i].Comparator - to.Counter;
            if (left < long.MaxValue / NanosecondsPerTick) to.Timers[i].Deadline = now + ((long)left * NanosecondsPerTick);
        }
    }

    /// <summary>What Xen can do of it stays.</summary>
    public static void Store(HpetRegisters from, long now, Span<byte> to)
    {
        Put(to, Configuration, from.Configuration);
        Put(to, Status, from.Status);
        Put(to, Counter, from.Running ? (ulong)((now + from.Offset) / NanosecondsPerTick) : from.Counter);
        for (var i = 0; i < from.Timers.Length; i++)
        {
            int at = Timers + (i * TimerLength);
            ulong able = Quad(to, at) & ~(ulong)uint.MaxValue; // the inputs that it may use
            Put(to, at, (uint)from.Timers[i].Configuration | able);
            Put(to, at + 8, from.Timers[i].Comparator);
            Put(to, at + 16, from.Timers[i].FsbRoute);
            Put(to, Periods + (i * 8), from.Timers[i].Period);
        }
    }
}
