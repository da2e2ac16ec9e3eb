using Rhea.Core.Cpu;
using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.State;
using Rhea.Core.Time;

namespace Rhea.Devices.Chipset;

/// <summary>8254 programmable interval timer: three counters at 1.193182 MHz; counter 0 is IRQ 0, counter 2 the speaker.</summary>
/// <remarks>
/// Data sheet: Intel 8254, 1993. A counter is not stepped: its value and output follow from when it was loaded.
/// As in QEMU, a new count is taken at once in every mode, and binary-coded counting is accepted but counts in binary.
/// </remarks>
public sealed class I8254 : Device
{
    public const int Hertz = 1_193_182;

    private const int Control = 3;
    private const byte Low = 1, High = 2, LowThenHigh = 3, ThenHigh = 4;     // which byte comes next
    private const byte ReadBackStatus = 0x10, ReadBackCount = 0x20;          // 0: wanted
    private const byte OutputHigh = 0x80;
    private const long ShortestPeriod = 10_000;                              // ns; no guest could serve interrupts at a higher rate

    private readonly VmClock _clock;
    private readonly VmTimer _timer;
    private readonly IrqLine _irq;
    private readonly I8254Registers _chip;

    /// <param name="slot">Its place on the board.</param>
    /// <param name="registers">Its registers.</param>
    /// <param name="ports">40h.</param>
    public I8254(IsaSlot slot, I8254Registers registers, ushort ports = 0x40)
    {
        (_clock, _irq, _chip) = (slot.Clock, slot.Irq(0), registers);
        _timer = slot.CreateTimer(UpdateIrq);
        slot.MapPorts(ports, new IoRegion("pit", 4, AccessSizes.Byte, ReadPort, WritePort));
    }

    public override string Model => "isa-pit";

    public override StructType Section => _chip.Section;

    /// <summary>False while an HPET does counter 0's work.</summary>
    public bool DrivesIrq
    {
        get => _chip.IrqDisabled == 0;
        set
        {
            if (value == DrivesIrq) return;
            _chip.IrqDisabled = value ? 0u : 1u;
            UpdateIrq();
        }
    }

    public override void Reset()
    {
        _chip.Reset();
        for (var i = 0; i < _chip.Channels.Length; i++) _chip.Channels[i].CountLoadTime = _clock.Now;
        UpdateIrq();
    }

    public override void Visit(StateVisitor state) => _chip.Visit(state);

    public override void Loaded()
    {
        ref I8254Channel channel = ref _chip.Channels[0];
        long next = DrivesIrq ? channel.NextTransition : -1;
        _irq.Restore(DrivesIrq && Output(0));
        _timer.Arm(next == -1 ? VmTimer.Never : next);
    }

    public bool Gate(int counter) => _chip.Channels[counter].Gate != 0;

    public bool Output(int counter) => OutputAt(_clock.Now, _chip.Channels[counter]);

    /// <summary>The counter's reload value, 1 to 65536, and its mode: what a speaker makes a tone of.</summary>
    public (int Count, int Mode) Programmed(int counter) => (_chip.Channels[counter].Count, Mode(_chip.Channels[counter]));

    /// <summary>A rising gate starts modes 1 and 5, and starts 2 and 3 again. A low one does not stop a counter.</summary>
    public void SetGate(int counter, bool gate)
    {
        ref I8254Channel channel = ref _chip.Channels[counter];
        if (gate && channel.Gate == 0 && Mode(channel) is 1 or 2 or 3 or 5)
        {
            channel.CountLoadTime = _clock.Now;
            if (counter == 0) UpdateIrq();
        }

        channel.Gate = gate ? (byte)1 : (byte)0;
    }

    private ulong ReadPort(uint counter, int size)
    {
        if (counter == Control) return 0;
        ref I8254Channel channel = ref _chip.Channels[counter];
        if (channel.StatusLatched != 0)
        {
            channel.StatusLatched = 0;
            return channel.Status;
        }

        if (channel.CountLatched != 0)
        {
            bool high = channel.CountLatched is High or ThenHigh;
            channel.CountLatched = channel.CountLatched == LowThenHigh ? ThenHigh : (byte)0;
            return (byte)(high ? channel.LatchedCount >> 8 : channel.LatchedCount);
        }

        int count = Value(channel);
        byte state = channel.ReadState;
        if (state is LowThenHigh or ThenHigh) channel.ReadState = state == LowThenHigh ? ThenHigh : LowThenHigh;
        return (byte)(state is High or ThenHigh ? count >> 8 : count);
    }

    private void WritePort(uint counter, int size, ulong number)
    {
        var value = (byte)number;
        if (counter == Control)
        {
            if (value >> 6 == 3) ReadBack(value);
            else Command(value >> 6, value);
            return;
        }

        ref I8254Channel channel = ref _chip.Channels[counter];
        switch (channel.WriteState)
        {
            case High:
                Load((int)counter, value << 8);
                break;
            case LowThenHigh:
                channel.WriteLatch = value;
                channel.WriteState = ThenHigh;
                break;
            case ThenHigh:
                Load((int)counter, channel.WriteLatch | value << 8);
                channel.WriteState = LowThenHigh;
                break;
            default:
                Load((int)counter, value);
                break;
        }
    }

    private void Command(int counter, byte value)
    {
        ref I8254Channel channel = ref _chip.Channels[counter];
        var access = (byte)(value >> 4 & 3);
        if (access == 0)
        {
            LatchCount(ref channel);
            return;
        }

        channel.RwMode = channel.ReadState = channel.WriteState = access;
        channel.Mode = (byte)(value >> 1 & 7);
        channel.Bcd = (byte)(value & 1);
        if (counter == 0) UpdateIrq();
    }

    /// <summary>Takes snapshots of any of the counters; of each, the status comes out first.</summary>
    private void ReadBack(byte value)
    {
        for (var i = 0; i < _chip.Channels.Length; i++)
        {
            if ((value >> i & 2) == 0) continue;
            ref I8254Channel channel = ref _chip.Channels[i];
            if ((value & ReadBackCount) == 0) LatchCount(ref channel);
            if ((value & ReadBackStatus) != 0 || channel.StatusLatched != 0) continue;
            channel.Status = (byte)((Output(i) ? OutputHigh : 0) | channel.RwMode << 4 | channel.Mode << 1 | channel.Bcd);
            channel.StatusLatched = 1;
        }
    }

    private void LatchCount(ref I8254Channel channel)
    {
        if (channel.CountLatched != 0) return;
        channel.LatchedCount = (ushort)Value(channel);
        channel.CountLatched = channel.RwMode;
    }

    private void Load(int counter, int count)
    {
        ref I8254Channel channel = ref _chip.Channels[counter];
        channel.Count = count == 0 ? 0x1_0000 : count;
        channel.CountLoadTime = _clock.Now;
        if (counter == 0) UpdateIrq();
    }

    /// <summary>What a read of the counter gives: it counts down from its reload value.</summary>
    private int Value(in I8254Channel channel)
    {
        long ticks = Ticks(_clock.Now - channel.CountLoadTime);
        return Mode(channel) switch
        {
            2 => (int)(channel.Count - (ticks % channel.Count)),
            3 => (int)(channel.Count - (2 * ticks % channel.Count)),
            _ => (int)(channel.Count - ticks & 0xFFFF),
        };
    }

    private static bool OutputAt(long time, in I8254Channel channel)
    {
        long ticks = Ticks(time - channel.CountLoadTime);
        return Mode(channel) switch
        {
            0 => ticks >= channel.Count,
            1 => ticks < channel.Count,
            2 => ticks % channel.Count == 0 && ticks != 0,
            3 => ticks % channel.Count < (channel.Count + 1) / 2,
            _ => ticks == channel.Count,
        };
    }

    /// <summary>When the output changes next; -1 for never.</summary>
    private long NextTransition(in I8254Channel channel)
    {
        long ticks = Ticks(_clock.Now - channel.CountLoadTime);
        long period = channel.Count, into = ticks % period, start = ticks - into, half = (period + 1) / 2;
        long next = Mode(channel) switch
        {
            0 or 1 => ticks < period ? period : -1,
            2 => into == 0 && ticks != 0 && period > 1 ? ticks + 1 : start + period,
            3 => into < half && period > 1 ? start + half : start + period,
            _ => ticks < period ? period : ticks == period ? period + 1 : -1,
        };
        if (next < 0) return -1;
        if (Mode(channel) is 2 or 3 && Nanoseconds(period) < ShortestPeriod) next += Ticks(ShortestPeriod) / period * period;
        return channel.CountLoadTime + Nanoseconds(next);
    }

    /// <summary>Counter 0's output is IRQ 0, and the timer waits for its next change.</summary>
    private void UpdateIrq()
    {
        ref I8254Channel channel = ref _chip.Channels[0];
        channel.NextTransition = DrivesIrq ? NextTransition(channel) : -1;
        _irq.Set(DrivesIrq && Output(0));
        _timer.Arm(channel.NextTransition == -1 ? VmTimer.Never : channel.NextTransition);
    }

    /// <summary>6 and 7 are 2 and 3; the status register shows them as they were written.</summary>
    private static int Mode(in I8254Channel channel) => channel.Mode > 5 ? channel.Mode - 4 : channel.Mode;

    private static long Ticks(long nanoseconds)
    {
        (long seconds, long rest) = Math.DivRem(Math.Max(nanoseconds, 0), VmClock.Second);
        return (seconds * Hertz) + (rest * Hertz / VmClock.Second);
    }

    /// <summary>Rounded up: by then the tick has come.</summary>
    private static long Nanoseconds(long ticks)
    {
        (long seconds, long rest) = Math.DivRem(ticks, Hertz);
        return (seconds * VmClock.Second) + (((rest * VmClock.Second) + Hertz - 1) / Hertz);
    }
}
