using Rhea.Core.Config;
using Rhea.Core.Cpu;
using Rhea.Core.Time;

namespace Rhea.Core.Machines;

/// <summary>Time that goes on with the instructions that processors execute (<c>-icount</c>), and with sleep while they all are halted.</summary>
/// <remarks>
/// The thread on which the processors take turns sees the time of this very instruction's block. Others see the time that it saw
/// last, so that no timer fires because somebody else looked.
/// </remarks>
/// <param name="host">Says how long the sleep was.</param>
/// <param name="settings">How much time an instruction takes.</param>
public sealed class InstructionClock(IHostClock host, InstructionTimeConfig settings) : IHostClock
{
    private const long Millisecond = 1_000_000, AdaptEvery = 100 * Millisecond, Tolerated = 10 * Millisecond;
    private const int LargestShift = 10;

    private IVcpu? _running;
    private int _thread;
    private long _now; // as seen last
    private long _executed; // what it is after the last turn: a block that is left early gives instructions back
    private long _budget;
    private long _asleepSince; // host time; 0 when awake
    private int _shift = settings.Shift;
    private long _adaptAt, _hostStart, _guestStart; // host time, and where both were when the first turn began

    public long Monotonic
    {
        get
        {
            if (_running is null || Environment.CurrentManagedThreadId != _thread) return Volatile.Read(ref _now);
            Show(_executed + ((_budget - _running.BudgetLeft) << _shift));
            return _now;
        }
    }

    public long Wall => host.Wall;

    /// <summary>How many instructions take that long, at least one, and at most so many.</summary>
    public long InstructionsIn(long nanoseconds, long most) => nanoseconds == VmTimer.Never
        ? most
        : Math.Min(most, (Math.Max(nanoseconds + _now - _executed - 1, 0) >> _shift) + 1);

    /// <summary>Runs a processor, with time following it.</summary>
    public VcpuStop Run(IVcpu vcpu, long budget)
    {
        if (settings.Adapts) Adapt();
        (_thread, _budget, _running) = (Environment.CurrentManagedThreadId, budget, vcpu);
        VcpuStop stop = vcpu.Run(budget);
        _running = null;
        _executed += (budget - vcpu.BudgetLeft) << _shift;
        Show(_executed);
        if (_asleepSince == 0 || vcpu.BudgetLeft == budget) return stop;
        Pass(host.Monotonic - _asleepSince); // somebody outside has ended its sleep
        _asleepSince = 0;
        return stop;
    }

    /// <summary>What processors would do is nothing: time goes on to the next deadline, at once or as fast as the host's.</summary>
    public void Sleep(long nanoseconds)
    {
        if (nanoseconds == VmTimer.Never)
        {
            host.Sleep(nanoseconds);
            return;
        }

        if (nanoseconds <= 0) return;
        if (settings.Sleeps)
        {
            if (_asleepSince == 0) _asleepSince = host.Monotonic;
            if (_asleepSince + nanoseconds - host.Monotonic is > 0 and var left) host.Sleep(left);
            if (host.Monotonic - _asleepSince < nanoseconds) return; // perhaps for nothing: then it goes on
            _asleepSince = 0;
        }

        Pass(nanoseconds);
    }

    public void Wake() => host.Wake();

    private void Pass(long nanoseconds) => Show(_executed = _now + nanoseconds);

    /// <summary>Time that somebody has seen does not go back.</summary>
    private void Show(long now)
    {
        if (now > _now) Volatile.Write(ref _now, now);
    }

    /// <summary>Keeps guest time near the host's: each instruction takes twice or half as long from now on.</summary>
    private void Adapt()
    {
        long now = host.Monotonic;
        if (_adaptAt == 0) (_hostStart, _guestStart) = (now, _now);
        if (now < _adaptAt) return;
        _adaptAt = now + AdaptEvery;
        long ahead = _now - _guestStart - (now - _hostStart);
        if (ahead < -Tolerated && _shift < LargestShift) _shift++;
        if (ahead > Tolerated && _shift > 0) _shift--;
    }
}
