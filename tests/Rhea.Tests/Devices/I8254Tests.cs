using Rhea.Devices.Chipset;
using Xunit;

namespace Rhea.Tests.Devices;

public class I8254Tests
{
    private readonly PcBench _pc = new();
    private readonly I8254 _pit;

    public I8254Tests()
    {
        _pit = new I8254(_pc.IsaSlot(), new());
        _pit.Reset();
        _pc.Edges.Clear();
    }

    [Fact]
    public void The_pc_clock_ticks_18_2_times_a_second_without_drift()
    {
        Program(0x34, 0x40, 0);

        Run(1_000_000_000_000); // 1000 s: 1193182000 / 65536 = 18206.5

        Assert.Equal(18206, _pc.Edges.Count);
    }

    [Fact]
    public void A_square_wave_is_high_for_half_its_period()
    {
        Program(0x36, 0x40, 1000); // 838095.3 ns

        Run(419_000);
        Assert.True(_pit.Output(0));
        Run(100);
        Assert.False(_pit.Output(0));
        Assert.False(_pc.Input(0).Level);
        Run(419_000);
        Assert.True(_pc.Input(0).Level);
    }

    [Fact]
    public void Terminal_count_interrupts_once_and_stays_high()
    {
        Program(0x30, 0x40, 1193);
        Assert.False(_pc.Input(0).Level);

        Run(10_000_000);

        Assert.Equal([0], _pc.Edges);
        Assert.True(_pc.Input(0).Level);
    }

    [Fact]
    public void A_strobe_is_high_for_one_tick()
    {
        Program(0x38, 0x40, 100);

        Run(83_810);
        Assert.True(_pc.Input(0).Level);
        Run(1_000);
        Assert.False(_pc.Input(0).Level);
    }

    [Fact]
    public void A_latched_count_stays_until_both_bytes_are_read()
    {
        Program(0x34, 0x40, 0x1000);
        Run(838_096); // 1000 ticks
        _pc.Out(0x43, 0x00);
        Run(838_096);

        Assert.Equal(0x1000 - 1000, _pc.In(0x40) | _pc.In(0x40) << 8);
        Assert.Equal(0x1000 - 2000, _pc.In(0x40) | _pc.In(0x40) << 8);
    }

    [Fact]
    public void Read_back_gives_status_before_count()
    {
        Program(0xB6, 0x42, 0x1234);

        _pc.Out(0x43, 0xC8); // both, of counter 2

        Assert.Equal((0xB6, 0x34, 0x12), (_pc.In(0x42), _pc.In(0x42), _pc.In(0x42)));
    }

    [Fact]
    public void Modes_6_and_7_are_2_and_3()
    {
        Program(0x3E, 0x40, 1000);
        _pc.Out(0x43, 0xE2);

        Assert.Equal(0x3E | 0x80, _pc.In(0x40));
        Run(1_000_000_000);
        Assert.Equal(1193, _pc.Edges.Count);
    }

    [Fact]
    public void One_byte_counts()
    {
        _pc.Out(0x43, 0xA0); // high byte only, mode 0
        _pc.Out(0x42, 0x12);
        _pc.Out(0x43, 0x80);

        Assert.Equal(0x12, _pc.In(0x42));
    }

    [Fact]
    public void A_count_that_no_guest_could_serve_does_not_stop_time()
    {
        Program(0x34, 0x40, 1);

        _pc.Clock.AdvanceTo(5_000_000);

        Assert.Equal(5_000_000, _pc.Clock.Now);
    }

    [Fact]
    public void An_hpet_can_take_the_interrupt_over_and_give_it_back()
    {
        Program(0x34, 0x40, 1193);
        _pit.DrivesIrq = false;
        Run(10_000_000);
        Assert.Empty(_pc.Edges);

        _pit.DrivesIrq = true;
        Run(10_000_000);
        Assert.Equal(10, _pc.Edges.Count);
    }

    private void Program(byte command, ushort port, ushort count)
    {
        _pc.Out(0x43, command);
        _pc.Out(port, (byte)count);
        _pc.Out(port, (byte)(count >> 8));
        _pc.Edges.Clear();
    }

    private void Run(long nanoseconds)
    {
        for (long end = _pc.Clock.Now + nanoseconds; _pc.Clock.Now < end;) _pc.Clock.AdvanceTo(end);
    }
}
