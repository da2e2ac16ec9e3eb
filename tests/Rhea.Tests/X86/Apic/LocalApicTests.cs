using Rhea.Core.Io;
using Rhea.Core.Memory;
using Rhea.Core.State;
using Rhea.Tests.Devices;
using Rhea.X86.Apic;
using Xunit;

namespace Rhea.Tests.X86.Apic;

public class LocalApicTests
{
    private const uint Id = 0x020, Version = 0x030, Tpr = 0x080, Ppr = 0x0A0, Eoi = 0x0B0, Ldr = 0x0D0, Dfr = 0x0E0, Svr = 0x0F0, Isr1 = 0x110, Irr1 = 0x210,
        Esr = 0x280, IcrLow = 0x300, IcrHigh = 0x310, LvtTimer = 0x320, Lint0 = 0x350, Lint1 = 0x360, LvtError = 0x370,
        InitialCount = 0x380, CurrentCount = 0x390, Divide = 0x3E0;
    private const uint ApicBase = 0x1B, TscDeadline = 0x6E0;

    private readonly PcBench _pc = new();
    private readonly ApicBus _bus = new(() => 0x08);
    private readonly IrqLine _pic, _nmi;
    private readonly LocalApic[] _apics;
    private readonly ProcessorPins[] _pins = [new(), new(), new()];

    public LocalApicTests()
    {
        (_pic, _nmi) = (_bus.Intr.NewLine(), _bus.Nmi.NewLine());
        _apics = [.. _pins.Select((pins, i) => new LocalApic(_pc.IsaSlot(), new(i, (byte)i), _bus, hasX2: true) { Vcpu = pins })];
        foreach (LocalApic apic in _apics)
        {
            apic.Reset();
            apic.Write(Svr, 0x1FF);
        }
    }

    private LocalApic Apic => _apics[0];

    private ProcessorPins Pins => _pins[0];

    [Fact]
    public void Reset_leaves_it_software_disabled_with_all_local_vectors_masked()
    {
        Apic.Reset();

        Assert.Equal((0x0005_0014u, 0xFFu, 0xFFFF_FFFFu), (Apic.Read(Version), Apic.Read(Svr), Apic.Read(Dfr)));
        Assert.All<uint>([LvtTimer, 0x330, 0x340, Lint0, Lint1, LvtError], register => Assert.Equal(0x1_0000u, Apic.Read(register)));
        Assert.Equal(0xFEE0_0000, Apic.Page);
        Assert.True(Apic.TryReadMsr(ApicBase, out ulong value));
        Assert.Equal(0xFEE0_0900, value); // the boot processor, enabled
        Assert.Equal(0x0200_0000u, _apics[2].Read(Id));
    }

    [Fact]
    public void The_higher_class_is_served_first_and_holds_back_its_own_and_lower_classes()
    {
        Receive(0x31);
        Receive(0x42);

        Assert.Equal(0x42, Apic.Acknowledge());
        Assert.False(Pins.Intr);
        Assert.Equal((0x40u, 1u << 0x11), (Apic.Read(Ppr), Apic.Read(Irr1)));

        Apic.Write(Eoi, 0);
        Assert.True(Pins.Intr);
        Assert.Equal(0x31, Apic.Acknowledge());
        Assert.Equal(1u << 0x11, Apic.Read(Isr1));
    }

    [Fact]
    public void Task_priority_holds_back_vectors_of_its_class()
    {
        Apic.TaskPriority = 4;

        Receive(0x4F);
        Assert.False(Pins.Intr);
        Assert.Equal(0xFF, Apic.Acknowledge()); // too late: the spurious vector

        Apic.Write(Tpr, 0x3F);
        Assert.True(Pins.Intr);
        Assert.Equal(3, Apic.TaskPriority);
    }

    [Fact]
    public void While_software_disabled_it_takes_no_vectors_but_signals()
    {
        Apic.Write(Svr, 0xFF);

        Receive(0x31);
        _bus.SendMsi(0xFEE0_0000, 0x400);

        Assert.False(Pins.Intr);
        Assert.Equal(-1, Apic.Acknowledge());
        Assert.Equal(["Nmi"], Pins.Signals);
    }

    [Fact]
    public void The_pic_reaches_the_processor_through_lint0_before_any_vector()
    {
        _pic.Set(true);
        Assert.False(Pins.Intr); // masked

        Apic.Write(Lint0, 0x700);
        Assert.True(Pins.Intr);
        Receive(0x50);
        Assert.Equal(0x08, Apic.Acknowledge());

        _pic.Set(false);
        Assert.Equal(0x50, Apic.Acknowledge());
        Assert.False(_pins[1].Intr);
    }

    [Fact]
    public void Without_an_apic_the_pins_are_intr_and_nmi()
    {
        Assert.True(Apic.TryWriteMsr(ApicBase, 0xFEE0_0100));

        _pic.Set(true);
        _nmi.Set(true);

        Assert.True(Pins.Intr);
        Assert.Equal(0x08, Apic.Acknowledge());
        Assert.Equal(["Nmi"], Pins.Signals);
        Assert.Equal(ulong.MaxValue, Apic.Page);
    }

    [Fact]
    public void Lint1_gives_what_its_vector_says()
    {
        Apic.Write(Lint1, 0x400);

        _nmi.Set(true);

        Assert.Equal(["Nmi"], Pins.Signals);
        Assert.Empty(_pins[1].Signals);
    }

    [Fact]
    public void Level_interrupts_are_reported_when_they_end_and_edges_are_not()
    {
        var ended = new List<byte>();
        _bus.LevelEnded = ended.Add;
        _bus.SendMsi(0xFEE0_0000, 0xC061);
        Receive(0x62);

        Apic.Acknowledge();
        Apic.Write(Eoi, 0);
        Assert.Empty(ended);

        Apic.Acknowledge();
        Apic.Write(Eoi, 0);
        Assert.Equal([0x61], ended);
    }

    [Theory]
    [InlineData(0x0000_0041, 0x0100_0000, "1")]   // physical
    [InlineData(0x0000_0041, 0xFF00_0000, "012")] // physical, everybody
    [InlineData(0x0004_0041, 0x0100_0000, "0")]   // self
    [InlineData(0x0008_0041, 0x0100_0000, "012")] // all
    [InlineData(0x000C_0041, 0x0100_0000, "12")]  // all others
    [InlineData(0x0000_0841, 0x0600_0000, "12")]  // logical, flat
    [InlineData(0x0000_0941, 0x0600_0000, "1")]   // lowest priority: the first of equals
    public void An_ipi_goes_where_it_is_sent(uint low, uint high, string receivers)
    {
        for (var i = 0; i < 3; i++) _apics[i].Write(Ldr, 0x0100_0000u << i);

        Apic.Write(IcrHigh, high);
        Apic.Write(IcrLow, low);

        Assert.Equal(receivers, string.Concat(Enumerable.Range(0, 3).Where(i => _pins[i].Intr)));
    }

    [Fact]
    public void In_cluster_mode_the_upper_half_names_the_cluster()
    {
        uint[] addresses = [0x1100_0000, 0x1200_0000, 0x2100_0000];
        for (var i = 0; i < 3; i++)
        {
            _apics[i].Write(Dfr, 0x0FFF_FFFF);
            _apics[i].Write(Ldr, addresses[i]);
        }

        Apic.Write(IcrHigh, 0x1300_0000);
        Apic.Write(IcrLow, 0x841);

        Assert.Equal([true, true, false], _pins.Select(pins => pins.Intr));
    }

    [Fact]
    public void Lowest_priority_looks_for_the_processor_with_the_least_important_work()
    {
        Apic.Write(Tpr, 0x20);
        _apics[1].Write(Tpr, 0x10);
        _apics[2].Write(Tpr, 0x30);

        _bus.SendMsi(0xFEEF_F000, 0x141);

        Assert.Equal([false, true, false], _pins.Select(pins => pins.Intr));
    }

    [Fact]
    public void A_processor_starts_after_init_at_the_page_of_the_first_start_up_only()
    {
        Apic.Write(IcrHigh, 0x0100_0000);
        foreach (uint command in (uint[])[0x4500, 0x8500, 0x469A, 0x469B]) Apic.Write(IcrLow, command);

        Assert.Equal(["Init", "StartUp 9a"], _pins[1].Signals);
    }

    [Fact]
    public void The_boot_processor_waits_for_no_start_up()
    {
        _apics[1].Write(IcrHigh, 0);
        _apics[1].Write(IcrLow, 0x4500);
        _apics[1].Write(IcrLow, 0x469A);

        Assert.Equal(["Init"], Pins.Signals);
        Assert.Equal(0xFFu, Apic.Read(Svr));
    }

    [Fact]
    public void An_illegal_vector_is_an_error_seen_after_the_register_is_written()
    {
        Apic.Write(LvtError, 0xFE);
        Apic.Write(IcrLow, 0x4_0005);

        Assert.Equal(0xFE, Apic.Acknowledge());
        Assert.Equal(0u, Apic.Read(Esr));
        Apic.Write(Esr, 0);
        Assert.Equal(0x20u, Apic.Read(Esr));
        Apic.Write(Esr, 0);
        Assert.Equal(0u, Apic.Read(Esr));
    }

    [Fact]
    public void An_illegal_vector_for_the_error_interrupt_itself_ends_there()
    {
        Apic.Write(LvtError, 0x05);

        Receive(0x0F);

        Assert.False(Pins.Intr);
    }

    [Fact]
    public void A_one_shot_counts_down_once()
    {
        Apic.Write(LvtTimer, 0x40);
        Apic.Write(Divide, 0x3); // by 16
        Apic.Write(InitialCount, 1000);

        Run(15_999);
        Assert.Equal(1u, Apic.Read(CurrentCount));
        Assert.False(Pins.Intr);

        Run(1);
        Assert.Equal(0x40, Apic.Acknowledge());
        Apic.Write(Eoi, 0);
        Run(1_000_000);
        Assert.Equal((false, 0u), (Pins.Intr, Apic.Read(CurrentCount)));
    }

    [Fact]
    public void A_periodic_timer_never_drifts()
    {
        Apic.Write(LvtTimer, 0x2_0040);
        Apic.Write(Divide, 0xB); // by 1
        Apic.Write(InitialCount, 99_999);
        var ticks = 0;

        for (long end = _pc.Clock.Now + 1_000_000_000; _pc.Clock.NextDeadline <= end; ticks++)
        {
            _pc.Clock.AdvanceTo(_pc.Clock.NextDeadline);
            Assert.Equal(0x40, Apic.Acknowledge());
            Apic.Write(Eoi, 0);
        }

        Assert.Equal(10_000, ticks);
    }

    [Fact]
    public void A_period_that_no_guest_could_serve_does_not_stop_time()
    {
        Apic.Write(LvtTimer, 0x2_0040);
        Apic.Write(Divide, 0xB);
        Apic.Write(InitialCount, 1);

        _pc.Clock.AdvanceTo(10_000_000);

        Assert.Equal(10_000_000, _pc.Clock.Now);
    }

    [Fact]
    public void A_masked_timer_counts_but_does_not_interrupt()
    {
        Apic.Write(LvtTimer, 0x1_0040);
        Apic.Write(Divide, 0xB);
        Apic.Write(InitialCount, 1000);

        Run(400);
        Assert.Equal(600u, Apic.Read(CurrentCount));
        Run(600);
        Assert.False(Pins.Intr);
    }

    [Fact]
    public void A_deadline_fires_once_at_its_time_and_then_reads_zero()
    {
        Apic.TryWriteMsr(TscDeadline, 5_000);
        Assert.Equal(0ul, Msr(TscDeadline)); // not in deadline mode

        Apic.Write(LvtTimer, 0x4_0040);
        Apic.TryWriteMsr(TscDeadline, 5_000);
        Assert.Equal(5_000ul, Msr(TscDeadline));

        Run(4_999);
        Assert.False(Pins.Intr);
        Run(1);
        Assert.True(Pins.Intr);
        Assert.Equal(0ul, Msr(TscDeadline));
    }

    [Fact]
    public void A_deadline_that_has_passed_fires_at_once()
    {
        Run(1_000_000);
        Apic.Write(LvtTimer, 0x4_0040);

        Apic.TryWriteMsr(TscDeadline, 999_999);

        Assert.True(Pins.Intr);
    }

    [Theory]
    [InlineData(0xFEE0_0D00, true)]  // xAPIC to x2APIC
    [InlineData(0xFEE0_0500, false)] // x2APIC without enable
    [InlineData(0xFEE0_0A00, false)] // reserved bit
    [InlineData(0x1_FEE0_0900, false)]
    [InlineData(0x8000_0900, true)]  // moved
    public void The_base_register_takes_only_what_the_manual_allows(ulong value, bool good)
    {
        Assert.Equal(good, Apic.TryWriteMsr(ApicBase, value));
    }

    [Fact]
    public void X2apic_is_left_only_through_disabling()
    {
        Apic.TryWriteMsr(ApicBase, 0xFEE0_0D00);
        Assert.False(Apic.TryWriteMsr(ApicBase, 0xFEE0_0900));

        Assert.True(Apic.TryWriteMsr(ApicBase, 0xFEE0_0100));
        Assert.False(Apic.TryWriteMsr(ApicBase, 0xFEE0_0D00));
        Assert.True(Apic.TryWriteMsr(ApicBase, 0xFEE0_0900));
    }

    [Fact]
    public void In_x2apic_mode_registers_are_msrs_and_the_page_is_gone()
    {
        Assert.False(Apic.TryReadMsr(0x803, out _));

        foreach (LocalApic apic in _apics) apic.TryWriteMsr(ApicBase, apic == Apic ? 0xFEE0_0D00ul : 0xFEE0_0C00ul);

        Assert.Equal(ulong.MaxValue, Apic.Page);
        _apics[2].TryReadMsr(0x80D, out ulong logical);
        Assert.Equal((0x5_0014ul, 4ul), (Msr(0x803), logical));
        Assert.True(Apic.TryWriteMsr(0x830, 0x0000_0002_0000_0041));
        Assert.True(_pins[2].Intr);
        Assert.True(Apic.TryWriteMsr(0x83F, 0x77));
        Assert.Equal(0x77, Apic.Acknowledge());
    }

    [Theory]
    [InlineData(0x802, 0)]     // id: read-only
    [InlineData(0x80A, 0)]     // processor priority: read-only
    [InlineData(0x80B, 1)]     // end of interrupt: only zero
    [InlineData(0x80E, 0)]     // destination format: not there
    [InlineData(0x808, 0x100)] // reserved bits
    [InlineData(0x831, 0)]     // upper half of the command register: not there
    [InlineData(0x832, 0x80000)]
    [InlineData(0x8FF, 0)]
    public void In_x2apic_mode_a_bad_write_is_a_fault(uint msr, ulong value)
    {
        Apic.TryWriteMsr(ApicBase, 0xFEE0_0D00);

        Assert.False(Apic.TryWriteMsr(msr, value));
    }

    [Fact]
    public void A_devices_write_to_the_window_is_a_message()
    {
        _pc.System.Add(ApicBus.MsiBase, MemoryRegion.Io(ApicBus.MsiWindow(_bus.SendMsi)));

        _pc.Memory.Write(0xFEE0_1000, 4, 0x55);

        Assert.Equal(0x55, _apics[1].Acknowledge());
    }

    [Fact]
    public void A_loaded_timer_fires_when_the_saved_one_would_have()
    {
        Apic.Write(LvtTimer, 0x40);
        Apic.Write(Divide, 0xB);
        Apic.Write(InitialCount, 5000);
        var stream = new MemoryStream();
        var wire = new WireWriter(stream);
        new StateWriter(wire).Write(Apic, 3);
        wire.Flush();
        stream.Position = 0;

        new StateReader(new WireReader(stream)).Read(_apics[1], 3);
        _apics[1].Loaded();
        Run(5000);

        Assert.Equal(0x40, _apics[1].Acknowledge());
    }

    private ulong Msr(uint msr)
    {
        Assert.True(Apic.TryReadMsr(msr, out ulong value));
        return value;
    }

    private void Receive(byte vector) => _bus.SendMsi(0xFEE0_0000, vector);

    private void Run(long nanoseconds) => _pc.Clock.AdvanceTo(_pc.Clock.Now + nanoseconds);
}
