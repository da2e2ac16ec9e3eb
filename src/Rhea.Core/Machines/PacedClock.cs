using Rhea.Core.Time;

namespace Rhea.Core.Machines;

/// <summary>The host's time as software processors may see it: on a host that has too little for them it slows down, so that none is left behind.</summary>
/// <remarks>
/// <para>A processor that does not run misses the ticks of its timers, and a kernel that misses many finds its timers broken. So time
/// may be ahead of an awake processor by <see cref="Patience"/>, and no more: beyond that it stands still until the processor's thread
/// has been given time. A thread that has half of a host's processor keeps up. For the loop, which fires the timers, it waits likewise.</para>
/// <para>What time has lost it makes up for while all processors sleep, when it goes an eighth faster.</para>
/// </remarks>
/// <param name="host">The true time.</param>
public sealed class PacedClock(IHostClock host) : IHostClock
{
    /// <summary>How far time may be ahead of an awake processor, in nanoseconds: less than a tick of Linux at 250 Hz.</summary>
    public const long Patience = 3_000_000;

    private const long Stride = 500_000; // between two looks at the processors
    private const long ShortestStride = 50_000, ShortestSleep = 200_000; // where time stands still
    private const int KeepsUp = 2; // a thread that has half of a processor
    private const int MakesUp = 8;

    private readonly Lock _look = new();
    private readonly Runner _loop = new(host);
    private readonly List<Runner> _processors = [];
    private Stretch _stretch = new(host.Monotonic, 0, Stride);
    private long _loopDue = VmTimer.Never; // when the sleeping loop is to be back, in the time shown here

    public bool Flows => host.Flows;

    public long Wall => host.Wall;

    public long Monotonic
    {
        get
        {
            Stretch stretch = Volatile.Read(ref _stretch);
            long now = host.Monotonic;
            return now - stretch.Start < Math.Max(stretch.Length, ShortestStride) || !_look.TryEnter() ? stretch.At(now) : LookAndLeave();
        }
    }

    /// <summary>How much has passed on the host and not here, in nanoseconds.</summary>
    public long Lost => Volatile.Read(ref _stretch).Lost;

    /// <summary>For the thread of a processor.</summary>
    public Runner Add()
    {
        lock (_look)
        {
            var runner = new Runner(host);
            _processors.Add(runner);
            return runner;
        }
    }

    public void Sleep(long nanoseconds)
    {
        _loop.End();
        Volatile.Write(ref _loopDue, nanoseconds == VmTimer.Never ? VmTimer.Never : Monotonic + nanoseconds);
        Stretch stretch = Volatile.Read(ref _stretch);
        if (nanoseconds is VmTimer.Never or <= 0 || stretch.Lost == 0) host.Sleep(nanoseconds);
        else if (AllSleep()) SleepShort(nanoseconds);
        else host.Sleep(stretch.Length == 0 ? Math.Max(nanoseconds, ShortestSleep) : nanoseconds);
        Volatile.Write(ref _loopDue, VmTimer.Never);
        _loop.Begin();
    }

    public void Wake()
    {
        long due = Volatile.Read(ref _loopDue);
        if (due != VmTimer.Never) Interlocked.CompareExchange(ref _loopDue, Math.Min(due, Monotonic), due);
        host.Wake();
    }

    private bool AllSleep()
    {
        lock (_look) return _processors.TrueForAll(runner => !runner.Runs);
    }

    private void SleepShort(long nanoseconds)
    {
        long start = host.Monotonic;
        host.Sleep(Math.Max(nanoseconds - (nanoseconds / (MakesUp + 1)), 1));
        lock (_look)
        {
            Stretch stretch = Look();
            Volatile.Write(ref _stretch, stretch with { Lost = Math.Max(stretch.Lost - ((host.Monotonic - start) / MakesUp), 0) });
        }
    }

    private long LookAndLeave()
    {
        try
        {
            return Look().At(host.Monotonic);
        }
        finally
        {
            _look.Exit();
        }
    }

    /// <summary>Finds out how far time may have gone since the last look, and how far it may go until the next.</summary>
    private Stretch Look()
    {
        Stretch last = _stretch;
        long now = host.Monotonic, elapsed = now - last.Start;
        if (elapsed < ShortestStride) return last;
        long advance = Math.Min(elapsed, Patience - _loop.Measure()), length = Stride, due = Volatile.Read(ref _loopDue);
        if (due != VmTimer.Never) advance = Math.Min(advance, due + Patience - last.At(last.Start));
        foreach (Runner processor in _processors) advance = Math.Min(advance, Patience - processor.Measure());
        length = Math.Min(length, Patience - _loop.FallBehind(advance));
        foreach (Runner processor in _processors) length = Math.Min(length, Patience - processor.FallBehind(advance));
        var next = new Stretch(now, last.Lost + elapsed - advance, length);
        Volatile.Write(ref _stretch, next);
        return next;
    }

    /// <summary>A thread of the machine, and how far it is behind.</summary>
    public sealed class Runner(IHostClock host)
    {
        private const long Asleep = long.MaxValue / 2; // time need not wait for it

        private volatile Func<long>? _threadTime;
        private volatile bool _runs, _hasSlept;
        private long _used; // of the host's processors, as of the last look
        private long _behind;

        internal bool Runs => _runs;

        /// <summary>On the thread itself: from now on it has something to do.</summary>
        public void Begin()
        {
            _threadTime ??= host.ThreadTime();
            _runs = true;
        }

        /// <summary>On the thread itself: it is going to sleep, and nobody need wait for it.</summary>
        public void End()
        {
            _runs = false;
            _hasSlept = true;
        }

        /// <summary>How far it is behind the time of the last look, in nanoseconds; negative where it has done more.</summary>
        internal long Measure()
        {
            long used = _threadTime?.Invoke() ?? 0;
            _behind = _runs && !_hasSlept && _threadTime is not null ? _behind - (KeepsUp * (used - _used)) : -Asleep;
            (_used, _hasSlept) = (used, !_runs);
            return _behind;
        }

        /// <summary>Time goes on by that much; how far it is behind then.</summary>
        internal long FallBehind(long advance) => _behind = Math.Max(_behind + advance, 0);
    }

    /// <summary>Time until the next look.</summary>
    /// <param name="Start">Host time.</param>
    /// <param name="Lost">What is not passed on.</param>
    /// <param name="Length">It stands still after that.</param>
    private sealed record Stretch(long Start, long Lost, long Length)
    {
        public long At(long now) => Math.Clamp(now, Start, Start + Length) - Lost;
    }
}
