using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.State;
using Rhea.Core.Time;

namespace Rhea.Devices.Chipset;

/// <summary>ACPI's power management registers: events, sleep control, the power management timer, and general purpose events.</summary>
/// <remarks>
/// ACPI 1.0b, 4.7.3 and 4.7.4. The timer counts 24 bits at 3.579545 MHz, and its status bit sets each time bit 23 changes; here
/// that is worked out when somebody looks, from the count at which it sets next.
/// </remarks>
internal sealed class AcpiFixedHardware(Slot slot, IrqInput sci, Action<int> sleep)
{
    private const long Frequency = 3_579_545;
    private const uint CountMask = 0xFF_FFFF, HalfRange = 0x80_0000;
    private const ushort TimerEvent = 0x0001, GlobalLock = 0x0020, PowerButton = 0x0100, RtcAlarm = 0x0400, Woken = 0x8000; // status and enable
    private const ushort SciEnabled = 0x0001, SleepEnable = 0x2000;                                                         // control
    private const int SleepTypeShift = 10;

    private static readonly StructType GpeType = new("gpe", 1);

    private readonly IrqLine _sci = sci.NewLine();
    private VmTimer? _timer;
    private ushort _status, _enable, _control, _gpeStatus, _gpeEnable;
    private long _nextOverflow; // in counts

    public bool AcpiMode
    {
        get => (_control & SciEnabled) != 0;
        set => _control = (ushort)(value ? _control | SciEnabled : _control & ~SciEnabled);
    }

    private VmTimer Timer => _timer ??= slot.CreateTimer(UpdateSci);

    private long Count => (long)((UInt128)(ulong)slot.Clock.Now * Frequency / VmClock.Second);

    private ushort Status => (ushort)(_status | (Count >= _nextOverflow ? TimerEvent : 0));

    private bool Sci => (Status & _enable & (TimerEvent | GlobalLock | PowerButton | RtcAlarm)) != 0 || (_gpeStatus & _gpeEnable) != 0;

    public void Reset()
    {
        (_status, _enable, _control, _gpeStatus, _gpeEnable, _nextOverflow) = (0, 0, 0, 0, 0, 0);
        UpdateSci();
    }

    public void VisitPm1(StateVisitor state)
    {
        state.UInt16("ar.pm1.evt.sts", ref _status);
        state.UInt16("ar.pm1.evt.en", ref _enable);
        state.UInt16("ar.pm1.cnt.cnt", ref _control);
    }

    public void VisitTimerAndEvents(StateVisitor state)
    {
        state.Timer("ar.tmr.timer", Timer);
        state.Int64("ar.tmr.overflow_time", ref _nextOverflow);
        state.Struct("ar.gpe", GpeType, gpe =>
        {
            gpe.UInt16("sts", ref _gpeStatus);
            gpe.UInt16("en", ref _gpeEnable);
        });
    }

    public void Loaded()
    {
        ArmTimer();
        _sci.Restore(Sci);
    }

    /// <summary>The guest wants the clock's alarm to end its sleep.</summary>
    public bool AlarmWakes => (_enable & RtcAlarm) != 0;

    /// <summary>The user presses the button: an event, if the guest has asked for it.</summary>
    public void PressPowerButton()
    {
        if ((_enable & PowerButton) == 0) return;
        _status |= PowerButton;
        UpdateSci();
    }

    /// <summary>The machine leaves a sleep.</summary>
    /// <param name="byAlarm">The clock woke it; else the power button did.</param>
    public void Wake(bool byAlarm)
    {
        _status |= (ushort)(Woken | (byAlarm ? RtcAlarm : PowerButton));
        UpdateSci();
    }

    public void RaiseGpe(int number)
    {
        _gpeStatus |= (ushort)(1 << number);
        UpdateSci();
    }

    /// <summary>The registers from the PM base on: events at 0, control at 4, timer at 8.</summary>
    public ulong Read(uint offset, int size) => size == 1 ? (byte)(Read(offset & ~1u) >> (int)(offset & 1) * 8) : Read(offset);

    /// <summary>A byte leaves the other one as it is.</summary>
    public void Write(uint offset, int size, ushort value)
    {
        if (size == 1)
        {
            int shift = (int)(offset & 1) * 8;
            offset &= ~1u;
            int other = offset == 0 ? 0 : (int)Read(offset) & ~(0xFF << shift); // a status bit goes when a one is written to it
            value = (ushort)(other | value << shift);
        }

        Write(offset, value);
    }

    private ulong Read(uint offset) => offset switch
    {
        0 => Status,
        2 => _enable,
        4 => _control,
        8 => (uint)Count & CountMask & 0xFFFF,
        10 => ((uint)Count & CountMask) >> 16,
        _ => 0xFFFF,
    };

    private void Write(uint offset, ushort value)
    {
        switch (offset)
        {
            case 0:
                if ((value & TimerEvent) != 0 && (Status & TimerEvent) != 0) _nextOverflow = (Count + HalfRange) & ~(long)(HalfRange - 1);
                _status &= (ushort)~value;
                break;
            case 2:
                _enable = value;
                break;
            case 4:
                _control = (ushort)(value & ~SleepEnable);
                if ((value & SleepEnable) != 0) sleep(value >> SleepTypeShift & 7);
                break;
        }

        UpdateSci();
    }

    /// <summary>Two bytes of status, two of enables.</summary>
    public ulong ReadGpe(uint offset) => (byte)((offset < 2 ? _gpeStatus : _gpeEnable) >> (int)((offset & 1) * 8));

    public void WriteGpe(uint offset, byte value)
    {
        int shift = (int)(offset & 1) * 8;
        if (offset < 2) _gpeStatus &= (ushort)~(value << shift);
        else _gpeEnable = (ushort)((_gpeEnable & ~(0xFF << shift)) | (value << shift));
        UpdateSci();
    }

    private void UpdateSci()
    {
        ArmTimer();
        _sci.Set(Sci);
    }

    /// <summary>Somebody must look when the status bit sets, if it interrupts.</summary>
    private void ArmTimer()
    {
        bool awaited = (_enable & TimerEvent) != 0 && (Status & TimerEvent) == 0;
        UInt128 then = (((UInt128)(ulong)_nextOverflow * VmClock.Second) + Frequency - 1) / Frequency; // rounded up, so never now
        Timer.Arm(awaited && then < VmTimer.Never ? (long)then : VmTimer.Never);
    }
}
