using Rhea.Core.Machines;
using Rhea.Core.Time;
using Rhea.GuestTests;
using Xunit;

namespace Rhea.Tests.Machines;

public class PacedClockTests
{
    private const long Millisecond = 1_000_000;

    private readonly FakeHost _host = new();
    private readonly PacedClock _clock;

    public PacedClockTests() => _clock = new PacedClock(_host);

    [Fact]
    public void Time_is_the_hosts_while_processors_run()
    {
        PacedClock.Runner runner = Add(0);
        runner.Begin();

        for (var i = 0; i < 100; i++) Pass(Millisecond, Millisecond);

        Assert.Equal(_host.Monotonic, _clock.Monotonic);
        Assert.Equal(0, _clock.Lost);
    }

    [Fact]
    public void A_thread_that_has_half_of_a_processor_keeps_up()
    {
        Add(0).Begin();

        for (var i = 0; i < 100; i++)
        {
            Pass(2 * Millisecond, 0);
            Pass(2 * Millisecond, 2 * Millisecond);
        }

        Assert.Equal(_host.Monotonic, _clock.Monotonic);
    }

    [Fact]
    public void Time_waits_for_a_processor_that_does_not_get_to_run()
    {
        Add(0).Begin();
        Pass(Millisecond, Millisecond);
        long before = _clock.Monotonic;

        for (var i = 0; i < 100; i++) Pass(Millisecond, 0);

        Assert.InRange(_clock.Monotonic - before, PacedClock.Patience / 2, PacedClock.Patience);
        long waited = _clock.Monotonic;
        for (var i = 0; i < 10; i++) Pass(Millisecond, Millisecond);
        Assert.InRange(_clock.Monotonic - waited, 9 * Millisecond, 10 * Millisecond);
    }

    [Fact]
    public void It_waits_also_when_nobody_has_looked_meanwhile()
    {
        Add(0).Begin();
        Pass(Millisecond, Millisecond);
        long before = _clock.Monotonic;

        Pass(1000 * Millisecond, 0);

        Assert.InRange(_clock.Monotonic - before, 1, PacedClock.Patience);
    }

    [Fact]
    public void It_waits_for_the_slowest_of_several()
    {
        Add(0).Begin();
        Add(1).Begin();
        Pass(Millisecond, Millisecond, Millisecond);
        long before = _clock.Monotonic;

        for (var i = 0; i < 100; i++) Pass(Millisecond, Millisecond, 0);

        Assert.InRange(_clock.Monotonic - before, 1, PacedClock.Patience);
    }

    [Fact]
    public void It_does_not_wait_for_one_that_sleeps()
    {
        PacedClock.Runner first = Add(0), second = Add(1);
        first.Begin();
        second.Begin();
        Pass(Millisecond, Millisecond, Millisecond);
        second.End();

        for (var i = 0; i < 100; i++) Pass(Millisecond, Millisecond, 0);

        Assert.Equal(_host.Monotonic, _clock.Monotonic);
    }

    [Fact]
    public void It_never_goes_back()
    {
        var random = new TestRandom(1);
        PacedClock.Runner[] runners = [Add(0), Add(1), Add(2)];
        long last = 0;

        for (var i = 0; i < 100_000; i++)
        {
            long elapsed = random.Next(1, (1 << random.Next(1, 24)) + 1);
            _host.Monotonic += elapsed;
            for (var thread = 0; thread < runners.Length; thread++) _host.Used[thread] += (long)(random.Next() % (ulong)(elapsed + 1));
            if (random.Next(4) == 0) On(random.Next(3), thread => runners[thread].Begin());
            if (random.Next(8) == 0) runners[random.Next(3)].End();
            long now = _clock.Monotonic;
            Assert.True(now >= last, $"step {i}: {now} after {last}");
            last = now;
        }

        Assert.True(_clock.Lost > 0);
    }

    /// <summary>Else several ticks of a timer would come at once, which is one.</summary>
    [Fact]
    public void It_waits_for_a_loop_that_does_not_wake_up()
    {
        long before = _clock.Monotonic;
        _host.Sleeping = () =>
        {
            for (var i = 0; i < 100; i++) Pass(Millisecond);
        };

        _clock.Sleep(5 * Millisecond);

        Assert.Equal(5 * Millisecond + PacedClock.Patience, _clock.Monotonic - before);
    }

    [Fact]
    public void A_loop_that_is_woken_is_due_at_once()
    {
        long before = _clock.Monotonic;
        _host.Sleeping = () =>
        {
            Pass(Millisecond);
            _clock.Wake();
            for (var i = 0; i < 100; i++) Pass(Millisecond);
        };

        _clock.Sleep(50 * Millisecond);

        Assert.Equal(Millisecond + PacedClock.Patience, _clock.Monotonic - before);
    }

    /// <summary>So the calendar of a guest that was busy on a busy host is right again after some idle time, and none of its timers was far too early.</summary>
    [Fact]
    public void What_it_has_lost_it_makes_up_for_while_all_sleep()
    {
        PacedClock.Runner runner = Add(0);
        runner.Begin();
        for (var i = 0; i < 20; i++) Pass(Millisecond, 0);
        long lost = _clock.Lost;
        Assert.InRange(lost, 10 * Millisecond, 20 * Millisecond);
        runner.End();

        long before = _host.Monotonic, guest = _clock.Monotonic;
        _clock.Sleep(9 * Millisecond);

        Assert.Equal(8 * Millisecond, _host.Monotonic - before);
        Assert.InRange(_clock.Monotonic - guest, 9 * Millisecond - 10, 9 * Millisecond);
        for (var i = 0; i < 100; i++) _clock.Sleep(9 * Millisecond);
        Assert.Equal(_host.Monotonic, _clock.Monotonic);
    }

    /// <summary>The loop's thread would take what the processor waits for.</summary>
    [Fact]
    public void Whoever_sleeps_until_a_time_that_does_not_come_sleeps_long()
    {
        Add(0).Begin();
        for (var i = 0; i < 20; i++) Pass(Millisecond, 0);
        long before = _host.Monotonic;

        _clock.Sleep(10);

        Assert.Equal(200_000, _host.Monotonic - before);
    }

    private PacedClock.Runner Add(int thread)
    {
        PacedClock.Runner runner = _clock.Add();
        On(thread, _ => runner.Begin());
        runner.End();
        return runner;
    }

    private void On(int thread, Action<int> work)
    {
        _host.Thread = thread;
        work(thread);
    }

    private void Pass(long elapsed, params ReadOnlySpan<long> uses)
    {
        _host.Monotonic += elapsed;
        for (var thread = 0; thread < uses.Length; thread++) _host.Used[thread] += uses[thread];
        _ = _clock.Monotonic;
    }

    private sealed class FakeHost : IHostClock
    {
        public long Monotonic { get; set; } = 1_000_000;

        public long Wall => 0;

        public long[] Used { get; } = new long[3];

        public int Thread { get; set; }

        public Func<long> ThreadTime()
        {
            int thread = Thread;
            return () => Used[thread];
        }

        /// <summary>What happens until the sleep ends; null when it ends as it should.</summary>
        public Action? Sleeping { get; set; }

        public void Sleep(long nanoseconds)
        {
            if (Sleeping is null) Monotonic += nanoseconds;
            else Sleeping();
        }

        public void Wake()
        {
        }
    }
}
