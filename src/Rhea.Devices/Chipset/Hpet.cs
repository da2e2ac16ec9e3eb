using Rhea.Core.Cpu;
using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Core.State;
using Rhea.Core.Time;

namespace Rhea.Devices.Chipset;

/// <summary>High precision event timer: a 64-bit counter at 100 MHz and three comparators that interrupt, once or periodically.</summary>
/// <remarks>
/// IA-PC HPET Specification, revision 1.0a, 2004. In legacy replacement mode comparators 0 and 1 take the interrupts of the PIT
/// and the RTC over. Comparators reach input 2 of the I/O APIC otherwise, and send no messages, as QEMU has it by default.
/// </remarks>
public sealed class Hpet : Device
{
    public const ulong Address = 0xFED0_0000;

    private const uint Length = 0x400;
    private const uint Capabilities = 0x000, Period = 0x004, General = 0x010, Status = 0x020, CounterLow = 0x0F0, CounterHigh = 0x0F4, FirstTimer = 0x100;
    private const uint TimerConfiguration = 0x00, TimerRoutes = 0x04, ComparatorLow = 0x08, ComparatorHigh = 0x0C, FsbValue = 0x10, FsbAddress = 0x14;
    private const uint Identity = 0x8086_A201;                                                           // Intel, 64 bits, legacy, 3 timers
    private const uint Femtoseconds = 10_000_000;                                                        // a tick
    private const ulong Enable = 0x1, Legacy = 0x2;                                                      // general configuration
    private const ulong Level = 0x02, InterruptEnable = 0x04, Periodic = 0x08, CanBePeriodic = 0x10, Is64Bits = 0x20,
        SetAccumulator = 0x40, Only32Bits = 0x100, Writable = 0x3F4E;                                    // a timer's
    private const ulong Routes = 0x04;                                                                   // a bit an input
    private const int NanosecondsPerTick = 10, TimerSize = 0x20, PitIrq = 0, RtcIrq = 8;
    private const long ShortestPeriod = 20_000 / NanosecondsPerTick;                                     // no guest could serve a shorter one
    private const ulong FarAway = 1UL << 58;                                                             // ticks; 91 years

    private readonly VmClock _clock;
    private readonly HpetRegisters _chip;
    private readonly Action<bool>? _drivePitIrq;
    private readonly Rtc? _rtc;
    private readonly VmTimer[] _timers;
    private readonly IrqLine[][] _lines; // by timer and input

    /// <param name="slot">Its place on the board.</param>
    /// <param name="registers">Its registers.</param>
    /// <param name="inputs">The global system interrupts: inputs 0 and 8 are the PIT's and the RTC's.</param>
    /// <param name="drivePitIrq">Lets the 8254 have its interrupt, or takes it from it; null where nobody does.</param>
    /// <param name="rtc">Whose interrupt it takes over too.</param>
    public Hpet(IsaSlot slot, HpetRegisters registers, IReadOnlyList<IrqInput> inputs, Action<bool>? drivePitIrq, Rtc? rtc)
    {
        (_clock, _chip, _drivePitIrq, _rtc) = (slot.Clock, registers, drivePitIrq, rtc);
        _timers = [.. Enumerable.Range(0, registers.Timers.Length).Select(i => slot.CreateTimer(() => OnExpired(i)))];
        _lines = [.. _timers.Select(_ => inputs.Select(input => input.NewLine()).ToArray())];
        slot.MapMemory(Address, MemoryRegion.Io(new IoRegion("hpet", Length, AccessSizes.DWord, Read, Write)));
    }

    public override string Model => "hpet";

    public override StructType Section => _chip.Section;

    private bool IsLegacy => (_chip.Configuration & Legacy) != 0;

    private ulong Counter => _chip.Running ? (ulong)(_clock.Now + _chip.Offset) / NanosecondsPerTick : _chip.Counter;

    public override void Reset()
    {
        _chip.Reset();
        for (var i = 0; i < _timers.Length; i++)
        {
            _chip.Timers[i].Configuration = CanBePeriodic | Is64Bits | Routes << 32;
            _timers[i].Cancel();
        }

        UpdateLegacy();
        UpdateIrqs();
    }

    public override void Saving()
    {
        _chip.Counter = Counter;
        _chip.RtcLevel = IsLegacy && _rtc is { Requesting: true } ? (byte)1 : (byte)0;
        for (var i = 0; i < _timers.Length; i++) _chip.Timers[i].Deadline = _timers[i].IsArmed ? _timers[i].Deadline : -1;
    }

    public override void Visit(StateVisitor state) => _chip.Visit(state);

    public override void Loaded()
    {
        UpdateLegacy();
        for (var i = 0; i < _timers.Length; i++)
        {
            _timers[i].Arm(_chip.Timers[i].Deadline < 0 ? VmTimer.Never : _chip.Timers[i].Deadline);
            for (var input = 0; input < _lines[i].Length; input++) _lines[i][input].Restore(Asks(i, input));
        }
    }

    private ulong Read(uint offset, int size)
    {
        if (offset >= FirstTimer) return ReadTimer((offset - FirstTimer) / TimerSize, offset % TimerSize);
        return offset switch
        {
            Capabilities => Identity,
            Period => Femtoseconds,
            General => _chip.Configuration,
            Status => _chip.Status,
            CounterLow => Counter,
            CounterHigh => Counter >> 32,
            _ => 0,
        };
    }

    private ulong ReadTimer(uint index, uint register)
    {
        if (index >= _timers.Length) return 0;
        ref HpetTimer timer = ref _chip.Timers[index];
        return register switch
        {
            TimerConfiguration => timer.Configuration,
            TimerRoutes => timer.Configuration >> 32,
            ComparatorLow => timer.Comparator,
            ComparatorHigh => timer.Comparator >> 32,
            FsbValue => timer.FsbRoute,
            FsbAddress => timer.FsbRoute >> 32,
            _ => 0,
        };
    }

    private void Write(uint offset, int size, ulong value)
    {
        switch (offset)
        {
            case General:
                Configure(value & (Enable | Legacy));
                break;
            case Status:
                _chip.Status &= ~value;
                UpdateIrqs();
                break;
            case CounterLow when !_chip.Running:
                _chip.Counter = WithLow(_chip.Counter, value);
                break;
            case CounterHigh when !_chip.Running:
                _chip.Counter = WithHigh(_chip.Counter, value);
                break;
            case >= FirstTimer when (offset - FirstTimer) / TimerSize < _timers.Length:
                WriteTimer((int)((offset - FirstTimer) / TimerSize), offset % TimerSize, value);
                break;
        }
    }

    private void Configure(ulong value)
    {
        bool starts = (value & Enable) != 0 && !_chip.Running, stops = (value & Enable) == 0 && _chip.Running;
        if (starts) _chip.Offset = (long)(_chip.Counter * NanosecondsPerTick) - _clock.Now;
        if (stops) _chip.Counter = Counter;
        _chip.Configuration = value;
        UpdateLegacy();
        for (var i = 0; i < _timers.Length; i++) Schedule(i);
        UpdateIrqs();
    }

    private void WriteTimer(int index, uint register, ulong value)
    {
        ref HpetTimer timer = ref _chip.Timers[index];
        switch (register)
        {
            case TimerConfiguration:
                timer.Configuration = (timer.Configuration & ~Writable) | (value & Writable);
                if ((timer.Configuration & Only32Bits) != 0) (timer.Comparator, timer.Period) = ((uint)timer.Comparator, (uint)timer.Period);
                break;
            case ComparatorLow or ComparatorHigh:
                WriteComparator(ref timer, register == ComparatorHigh, value);
                break;
            case FsbValue:
                timer.FsbRoute = WithLow(timer.FsbRoute, value);
                break;
            case FsbAddress:
                timer.FsbRoute = WithHigh(timer.FsbRoute, value);
                break;
        }

        Schedule(index);
        UpdateIrqs();
    }

    /// <summary>A periodic timer takes a period; the comparator itself only after the "set accumulator" bit (2.3.9.2.2).</summary>
    private static void WriteComparator(ref HpetTimer timer, bool high, ulong value)
    {
        bool is32 = (timer.Configuration & Only32Bits) != 0, periodic = (timer.Configuration & Periodic) != 0;
        if (!periodic || (timer.Configuration & SetAccumulator) != 0)
            timer.Comparator = high ? WithHigh(timer.Comparator, value) : is32 ? value : WithLow(timer.Comparator, value);
        if (periodic)
            timer.Period = (high ? WithHigh(timer.Period, value) : is32 ? value : WithLow(timer.Period, value)) & ulong.MaxValue >> 1;
        timer.Configuration &= ~SetAccumulator;
    }

    private void OnExpired(int index)
    {
        ref HpetTimer timer = ref _chip.Timers[index];
        timer.Wraps = 0;
        if ((timer.Configuration & Periodic) != 0 && timer.Period != 0)
        {
            Repeat(ref timer);
            Schedule(index);
        }

        if ((timer.Configuration & InterruptEnable) == 0) return;
        if ((timer.Configuration & Level) == 0)
        {
            if (Input(index) is var input && input < _lines[index].Length) _lines[index][input].Pulse();
            return;
        }

        _chip.Status |= 1UL << index;
        UpdateIrqs();
    }

    /// <summary>The comparator moves on by whole periods, past the counter.</summary>
    private void Repeat(ref HpetTimer timer)
    {
        ulong ahead = (ulong)ShortestPeriod, counter = Counter;
        bool is32 = (timer.Configuration & Only32Bits) != 0;
        ulong late = is32 ? (uint)counter - (uint)timer.Comparator : counter - timer.Comparator;
        ulong periods = late / timer.Period + 1;
        if (timer.Period < ahead) periods += ahead / timer.Period;
        timer.Comparator += periods * timer.Period;
        if (is32) timer.Comparator = (uint)timer.Comparator;
    }

    /// <summary>Arms the clock for the next match; one that has passed comes at once.</summary>
    private void Schedule(int index)
    {
        ref HpetTimer timer = ref _chip.Timers[index];
        if (!_chip.Running || (timer.Configuration & InterruptEnable) == 0)
        {
            _timers[index].Cancel();
            return;
        }

        ulong counter = Counter;
        long ticks = (timer.Configuration & Only32Bits) != 0 ? (int)((uint)timer.Comparator - (uint)counter) : (long)(timer.Comparator - counter);
        long into = (_clock.Now + _chip.Offset) % NanosecondsPerTick;
        if (ticks < (long)FarAway) _timers[index].Arm(_clock.Now - into + (Math.Max(ticks, 1) * NanosecondsPerTick));
        else _timers[index].Cancel();
    }

    private void UpdateLegacy()
    {
        _drivePitIrq?.Invoke(!IsLegacy);
        if (_rtc is not null) _rtc.DrivesIrq = !IsLegacy;
    }

    private void UpdateIrqs()
    {
        for (var i = 0; i < _timers.Length; i++)
            for (var input = 0; input < _lines[i].Length; input++) _lines[i][input].Set(Asks(i, input));
    }

    private bool Asks(int index, int input) =>
        _chip.Running && input == Input(index) && (_chip.Status >> index & 1) != 0
        && (_chip.Timers[index].Configuration & (Level | InterruptEnable)) == (Level | InterruptEnable);

    private int Input(int index) => IsLegacy && index < 2 ? (index == 0 ? PitIrq : RtcIrq) : (int)(_chip.Timers[index].Configuration >> 9 & 0x1F);

    private static ulong WithLow(ulong register, ulong half) => (register & ~0xFFFF_FFFFUL) | half;

    private static ulong WithHigh(ulong register, ulong half) => (uint)register | half << 32;
}
