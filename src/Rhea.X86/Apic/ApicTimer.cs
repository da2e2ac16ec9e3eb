using Rhea.Core.Cpu;
using Rhea.Core.Machines;
using Rhea.Core.Time;

namespace Rhea.X86.Apic;

/// <summary>The timer of a local APIC: one-shot, periodic, or a deadline on the time stamp counter.</summary>
/// <remarks>Intel SDM vol. 3, 11.5.4. Its bus clock is 1 GHz, as QEMU's, so a count is a nanosecond shifted by the divider.</remarks>
internal sealed class ApicTimer
{
    private const uint Masked = 0x1_0000, Mode = 0x6_0000, Periodic = 0x2_0000, TscDeadline = 0x4_0000;
    private const long ShortestPeriod = 20_000; // ns; a guest that asks for more could serve none, and would stop its own time

    private readonly VmClock _clock;
    private readonly VmTimer _timer;
    private readonly LocalApicRegisters _chip;
    private readonly Action _expired;

    public ApicTimer(IsaSlot slot, LocalApicRegisters registers, Action expired)
    {
        (_clock, _chip, _expired) = (slot.Clock, registers, expired);
        _timer = slot.CreateTimer(OnExpired);
    }

    /// <summary>IA32_TSC_DEADLINE in nanoseconds of guest time; 0 when disarmed. Writable in its own mode only.</summary>
    public ulong Deadline
    {
        get => InDeadlineMode && _timer.IsArmed ? (ulong)_timer.Deadline : 0;
        set
        {
            if (!InDeadlineMode) return;
            if (value == 0) Stop();
            else if (value <= (ulong)_clock.Now) Expire();
            else ArmAt((long)Math.Min(value, VmTimer.Never - 1));
        }
    }

    /// <summary>What the current count register reads.</summary>
    public uint Count
    {
        get
        {
            if (InDeadlineMode || _chip.InitialCount == 0) return 0;
            ulong counted = Counted;
            if (IsPeriodic) return _chip.InitialCount - (uint)(counted % (_chip.InitialCount + 1UL));
            return counted >= _chip.InitialCount ? 0 : _chip.InitialCount - (uint)counted;
        }
    }

    private uint LocalVector => _chip.LocalVectors[LocalApic.TimerVector];

    private bool InDeadlineMode => (LocalVector & Mode) == TscDeadline;

    private bool IsPeriodic => (LocalVector & Mode) == Periodic;

    private ulong Counted => (ulong)Math.Max(0, _clock.Now - _chip.InitialCountLoadTime) >> _chip.CountShift;

    public void Load(uint count)
    {
        if (InDeadlineMode) return;
        (_chip.InitialCount, _chip.InitialCountLoadTime) = (count, _clock.Now);
        Settle();
    }

    /// <summary>0 divides by 2, 1 by 4, … 6 by 128, 7 by 1; bit 2 of the number is bit 3 of the register.</summary>
    public void Divide(uint configuration)
    {
        _chip.DivideConfiguration = configuration & 0xB;
        uint divider = (configuration & 3) | (configuration >> 1 & 4);
        _chip.CountShift = (int)(divider + 1 & 7);
        Settle();
    }

    /// <summary>The timer's local vector has changed. A change into or out of deadline mode disarms.</summary>
    public void ModeChanged(uint before)
    {
        if (((before ^ LocalVector) & TscDeadline) != 0) (_chip.InitialCount, _chip.TimerExpiry) = (0, -1);
        Settle();
    }

    /// <summary>Brings the clock's timer in step with the registers, after a reset too.</summary>
    public void Settle()
    {
        if (InDeadlineMode) Restore();
        else if (_chip.InitialCount == 0 || (LocalVector & Masked) != 0) Stop();
        else if (IsPeriodic) ArmAt(NextPeriod());
        else if (Counted < _chip.InitialCount) ArmAt(_chip.InitialCountLoadTime + ((long)_chip.InitialCount << _chip.CountShift));
        else Stop();
    }

    /// <summary>As loaded: the expiry is a register.</summary>
    public void Restore() => _timer.Arm(_chip.TimerExpiry < 0 ? VmTimer.Never : _chip.TimerExpiry);

    private void OnExpired() => Expire();

    private void Expire()
    {
        if (IsPeriodic) ArmAt(NextPeriod());
        else Stop();
        _expired();
    }

    /// <summary>The end of a period, counted from the load, so that it never drifts.</summary>
    private long NextPeriod()
    {
        ulong period = _chip.InitialCount + 1UL, soonest = Counted + ((ulong)ShortestPeriod >> _chip.CountShift);
        ulong end = Math.Max(Counted / period + 1, soonest / period) * period;
        return Math.Max(_chip.InitialCountLoadTime + (long)(end << _chip.CountShift), _clock.Now + 1);
    }

    private void ArmAt(long deadline)
    {
        _chip.NextTime = _chip.TimerExpiry = deadline;
        _timer.Arm(deadline);
    }

    private void Stop()
    {
        _chip.TimerExpiry = -1;
        _timer.Cancel();
    }
}
