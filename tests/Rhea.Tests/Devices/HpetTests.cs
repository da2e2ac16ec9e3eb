using Rhea.Core.Io;
using Rhea.Core.State;
using Rhea.Devices.Chipset;
using Xunit;

namespace Rhea.Tests.Devices;

public class HpetTests
{
    private const ulong At = 0xFED0_0000, Config = At + 0x10, Status = At + 0x20, Counter = At + 0xF0,
        Timer0 = At + 0x100, Comparator0 = At + 0x108, Timer1 = At + 0x120, Comparator1 = At + 0x128;

    private readonly PcBench _pc = new();
    private readonly IReadOnlyList<IrqInput> _inputs;
    private readonly I8254 _pit;
    private readonly Rtc _rtc;
    private readonly Hpet _hpet;

    public HpetTests()
    {
        _inputs = [.. Enumerable.Range(0, 24).Select(_pc.Input)];
        (_pit, _rtc) = (new I8254(_pc.IsaSlot(), new()), new Rtc(_pc.IsaSlot(), new()));
        _hpet = new Hpet(_pc.IsaSlot(), new(), _inputs, on => _pit.DrivesIrq = on, _rtc);
        _pit.Reset();
        _rtc.Reset();
        _hpet.Reset();
        _pc.Edges.Clear();
    }

    [Fact]
    public void Identity_and_reset_values_are_those_of_qemu()
    {
        Assert.Equal((0x8086_A201ul, 0x0098_9680ul), (Read(At), Read(At + 4)));
        Assert.Equal((0x30ul, 0x4ul, 0xFFFF_FFFFul, 0ul), (Read(Timer0), Read(Timer0 + 4), Read(Comparator0), Read(Counter)));
    }

    [Fact]
    public void The_counter_runs_at_100_MHz_only_while_enabled_and_is_set_only_while_not()
    {
        Write(Counter, 0xFFFF_FFFF);
        Write(Counter + 4, 1);
        Write(Config, 1);
        Write(Counter, 0);

        Run(10);
        Assert.Equal((0ul, 2ul), (Read(Counter), Read(Counter + 4)));

        Write(Config, 0);
        Run(1000);
        Assert.Equal(0ul, Read(Counter));
    }

    [Fact]
    public void A_one_shot_pulses_its_input_once()
    {
        Write(Timer0, 0x0404); // input 2
        Write(Comparator0, 1000);
        Write(Comparator0 + 4, 0);
        Write(Config, 1);

        Run(9_990);
        Assert.Empty(_pc.Edges);
        Run(10);
        Assert.Equal([2], _pc.Edges);
        Run(1_000_000);
        Assert.Equal([2], _pc.Edges);
    }

    [Fact]
    public void A_periodic_timer_never_drifts()
    {
        Write(Timer0, 0x054C);
        Write(Comparator0, 333_333);
        Write(Comparator0, 333_333); // the second sets the period
        Write(Config, 1);

        Run(1_000_000_000);

        Assert.Equal(300, _pc.Edges.Count(input => input == 2));
    }

    [Fact]
    public void A_period_that_no_guest_could_serve_does_not_stop_time()
    {
        Write(Timer0, 0x014C);
        Write(Comparator0, 1);
        Write(Comparator0, 1);
        Write(Config, 1);

        _pc.Clock.AdvanceTo(10_000_000);

        Assert.Equal(10_000_000, _pc.Clock.Now);
    }

    [Fact]
    public void A_level_interrupt_stays_until_its_status_is_cleared()
    {
        Write(Timer0, 0x0406);
        Write(Comparator0, 100);
        Write(Comparator0 + 4, 0);
        Write(Config, 1);
        Run(1000);
        Assert.Equal((true, 1ul), (_pc.Input(2).Level, Read(Status)));

        Write(Status, 1);
        Assert.False(_pc.Input(2).Level);
    }

    [Fact]
    public void In_legacy_mode_it_replaces_the_pit_and_the_rtc()
    {
        foreach ((ushort port, byte value) in ((ushort, byte)[])[(0x43, 0x34), (0x40, 0xA9), (0x40, 0x04), (0x70, 0x0B), (0x71, 0x12)]) _pc.Out(port, value);
        Write(Timer0, 0x0004);
        Write(Comparator0, 10_000_000);
        Write(Comparator0 + 4, 0);
        Write(Timer1, 0x0004);
        Write(Comparator1, 20_000_000);
        Write(Comparator1 + 4, 0);
        Write(Config, 3);
        _pc.Edges.Clear();

        Run(1_100_000_000);
        Assert.Equal([0, 8], _pc.Edges);

        Write(Config, 0);
        Assert.True(_pc.Input(8).Level); // the RTC still asks
    }

    [Fact]
    public void A_32_bit_timer_wraps_with_the_counter()
    {
        Write(Counter, 0xFFFF_FF00);
        Write(Timer0, 0x0504);
        Write(Comparator0, 0x100);
        Write(Config, 1);

        Run(5_110);
        Assert.Empty(_pc.Edges);
        Run(10);
        Assert.Equal([2], _pc.Edges);
    }

    [Fact]
    public void A_loaded_timer_fires_when_the_saved_one_would_have()
    {
        Write(Timer0, 0x0404);
        Write(Comparator0, 1000);
        Write(Comparator0 + 4, 0);
        Write(Config, 1);
        Run(5000);
        var stream = new MemoryStream();
        var wire = new WireWriter(stream);
        _hpet.Saving();
        new StateWriter(wire).Write(_hpet, 2);
        wire.Flush();
        stream.Position = 0;
        var pc = new PcBench();
        pc.Clock.AdvanceTo(5000);
        var copy = new Hpet(pc.IsaSlot(), new(), [.. Enumerable.Range(0, 24).Select(pc.Input)], null, null);
        copy.Reset();

        new StateReader(new WireReader(stream)).Read(copy, 2);
        copy.Loaded();

        Assert.Equal(500ul, pc.Memory.Read(Counter, 4));
        pc.Clock.AdvanceTo(10_000);
        Assert.Equal([2], pc.Edges);
    }

    private ulong Read(ulong address) => _pc.Memory.Read(address, 4);

    private void Write(ulong address, uint value) => _pc.Memory.Write(address, 4, value);

    private void Run(long nanoseconds) => _pc.Clock.AdvanceTo(_pc.Clock.Now + nanoseconds);
}
