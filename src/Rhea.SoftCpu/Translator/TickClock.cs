using Rhea.SoftCpu.Interpreter;

namespace Rhea.SoftCpu.Translator;

/// <summary>The guest's time stamp counter as translated code reads it: a straight line over the host's own, drawn anew every millisecond.</summary>
/// <remarks>
/// <para>To ask the host for its time takes longer than all else in RDTSC. How fast its counter is against its clock is measured all the time; where
/// the two do not go evenly (the host was suspended, or moved), there is no line until they do, and every RDTSC asks.</para>
/// <para>What is read never goes back. A line that ran ahead is followed by one that is less steep.</para>
/// </remarks>
/// <param name="cpu">Whose counter it is; generated code finds the line in its head.</param>
/// <param name="ticks">Reads the host's counter.</param>
internal sealed class TickClock(Cpu cpu, Func<ulong> ticks)
{
    private const ulong Millisecond = 1_000_000, Second = 1000 * Millisecond, Tolerance = 20_000;
    private const ulong Gap = 4000; // ticks: when reading the host's clock took longer, nobody knows when it was
    private const double Fraction = 1UL << 32, Slowest = 0.05, Fastest = 20; // nanoseconds a tick

    private Moment _first, _second, _latest;
    private double _slope; // 0 when it is not known

    /// <summary>The counter of now.</summary>
    public ulong Read()
    {
        ref FrameHead head = ref cpu.Head;
        ulong before = ticks(), now = (ulong)cpu.Bus.Time + cpu.TimeStampOffset;
        bool known = ticks() - before < Gap;
        ulong start = Math.Max(now, Math.Max(_latest.Stamp, Shown(before)));
        head.TickLength = 0;
        if (known) Draw(new Moment(before, now), start);
        _latest = new Moment(before, start);
        return start;
    }

    /// <summary>The next reading asks: the processor may have stood still.</summary>
    public void Pause()
    {
        _latest = _latest with { Stamp = Math.Max(_latest.Stamp, Shown(ticks())) };
        cpu.Head.TickLength = 0;
    }

    /// <summary>The counter was set.</summary>
    public void Reset()
    {
        cpu.Head.TickLength = 0;
        _latest = default;
        Measure(default);
    }

    /// <summary>The most that generated code can have read by now.</summary>
    private ulong Shown(ulong now)
    {
        ref FrameHead head = ref cpu.Head;
        if (head.TickLength == 0) return 0;
        return head.TickStamp + (Math.Min(now - head.TickStart, head.TickLength) * head.TickScale >> 32);
    }

    private void Draw(Moment moment, ulong start)
    {
        if (cpu.Accelerator.HasSeveral) return; // they compare their counters
        if (!FollowsFrom(moment)) Measure(moment);
        ulong elapsed = moment.Stamp - _first.Stamp;
        if (elapsed < Millisecond || start - moment.Stamp > Tolerance) return;
        _slope = (double)elapsed / (moment.Ticks - _first.Ticks);
        if (_slope is < Slowest or > Fastest)
        {
            Measure(moment);
            return;
        }

        if (moment.Stamp - _second.Stamp > Second) (_first, _second) = (_second, moment);
        ref FrameHead head = ref cpu.Head;
        (head.TickStart, head.TickStamp, head.TickLength) = (moment.Ticks, start, (ulong)(Millisecond / _slope));
        head.TickScale = (ulong)((Millisecond - (start - moment.Stamp)) / (double)head.TickLength * Fraction);
    }

    /// <summary>The host's counter and its clock have gone on as they did before.</summary>
    private bool FollowsFrom(Moment moment)
    {
        if (_first.Ticks == 0 || moment.Ticks <= _latest.Ticks || moment.Stamp < _first.Stamp) return false;
        if (_slope == 0) return true;
        ulong expected = _second.Stamp + (ulong)((moment.Ticks - _second.Ticks) * _slope);
        ulong apart = Math.Max(expected, moment.Stamp) - Math.Min(expected, moment.Stamp);
        return apart < Tolerance + ((moment.Stamp - _second.Stamp) >> 10);
    }

    private void Measure(Moment from) => (_first, _second, _slope) = (from, from, 0);

    private readonly record struct Moment(ulong Ticks, ulong Stamp);
}
