using Rhea.Core.Machines;
using Rhea.Core.Pci;
using Rhea.Devices.Chipset;
using Rhea.Tests.State;
using Xunit;

namespace Rhea.Tests.Devices;

public class Piix4PmTests
{
    private const int Number = 0x0B, Sci = 9;
    private const ushort Pm = 0x600, Status = Pm, Enable = Pm + 2, Control = Pm + 4, Timer = Pm + 8, SmBus = 0x700;
    private const ushort Gpe = 0xAFE0, GpeEnable = 0xAFE2, PciHotPlug = 0xAE00, CpuHotPlug = 0xAF00;
    private const long TimerHalf = 2_343_484_437; // ns until the timer's bit 23 changes, rounded down

    private readonly PcBench _pc = new();
    private readonly Piix4Pm _pm;
    private int _smis;

    public Piix4PmTests()
    {
        _pm = new Piix4Pm(_pc.PciSlot(Number), new(_pc.Input(Sci), () => _smis++, [0, 1, 2, 3], processor => processor < 2), new());
        _pm.Reset();
        PutInPlace();
    }

    [Fact]
    public void Powers_on_as_in_qemu()
    {
        _pm.Reset();

        Assert.Equal([0x7113_8086, 0x0280_0000, 0x0680_0003, 0x0000_0000], Registers(0x00, 4));
        Assert.Equal([0x0000_0100, 0x0000_0001], Registers(0x3C, 2));
        Assert.Equal([0x1000_0000, 0x6000_0000, 0x0000_0000], Registers(0x5C, 3));
        Assert.Equal([0x0000_B101u, 0x0009_0000u], [.. Registers(0x90, 1), .. Registers(0xD0, 1)]);
    }

    [Fact]
    public void Registers_answer_where_the_firmware_put_them_once_enabled()
    {
        Assert.Equal(0u, _pc.Ports.Read(Enable, 2));

        Config(0x80, 0);
        Assert.Equal(0xFFFFu, _pc.Ports.Read(Enable, 2));

        Config(0x40, 0xB001);
        Config(0x80, 1);
        Assert.Equal(0u, _pc.Ports.Read(0xB002, 2));
    }

    [Fact]
    public void The_timer_counts_3_579_545_times_a_second_in_24_bits()
    {
        _pc.Clock.AdvanceTo(1_000_000_000);
        Assert.Equal(3_579_545u, _pc.Ports.Read(Timer, 4));

        _pc.Clock.AdvanceTo(5_000_000_000);
        Assert.Equal(17_897_725u - 0x100_0000, _pc.Ports.Read(Timer, 4));
    }

    [Fact]
    public void The_timer_interrupts_when_its_highest_bit_changes()
    {
        _pc.Ports.Write(Status, 2, 1);
        _pc.Ports.Write(Enable, 2, 1);

        _pc.Clock.AdvanceTo(TimerHalf);
        Assert.False(_pc.Input(Sci).Level);
        _pc.Clock.AdvanceTo(TimerHalf + 1);
        Assert.True(_pc.Input(Sci).Level);

        _pc.Ports.Write(Status, 2, 1);
        Assert.False(_pc.Input(Sci).Level);
        _pc.Clock.AdvanceTo((2 * TimerHalf) + 2);
        Assert.True(_pc.Input(Sci).Level);
    }

    [Fact]
    public void The_power_button_interrupts_who_has_asked_for_it()
    {
        _pm.PressPowerButton();
        Assert.Equal(0u, _pc.Ports.Read(Status, 2) & 0x100);

        _pc.Ports.Write(Enable, 2, 0x100);
        _pm.PressPowerButton();

        Assert.Equal(0x100u, _pc.Ports.Read(Status, 2) & 0x100);
        Assert.True(_pc.Input(Sci).Level);
        _pc.Ports.Write(Status, 2, 0x100);
        Assert.False(_pc.Input(Sci).Level);
    }

    [Theory]
    [InlineData(0x2000, ShutdownCause.PowerOff)] // S5
    [InlineData(0x2400, ShutdownCause.Suspend)]  // S3
    [InlineData(0x2800, ShutdownCause.PowerOff)] // S4
    public void Sleep_ends_or_suspends_the_machine(ushort control, ShutdownCause cause)
    {
        _pc.Ports.Write(Control, 2, control);

        Assert.Equal([new(cause)], _pc.Shutdowns);
        Assert.Equal(control & 0xDFFFu, _pc.Ports.Read(Control, 2));
    }

    [Fact]
    public void A_sleep_type_without_the_enable_bit_is_only_remembered()
    {
        _pc.Ports.Write(Control, 2, 0x0401);

        Assert.Empty(_pc.Shutdowns);
        Assert.Equal(0x0401u, _pc.Ports.Read(Control, 2));
    }

    [Fact]
    public void Waking_up_tells_what_woke_it()
    {
        _pm.Wake(byAlarm: false);

        Assert.Equal(0x8100u, _pc.Ports.Read(Status, 2) & 0xFFFE);
    }

    [Fact]
    public void Commands_switch_acpi_on_and_off()
    {
        _pc.Out(0xB2, 0xF1);
        Assert.Equal((1u, 0xF1), (_pc.Ports.Read(Control, 2), _pc.In(0xB2)));

        _pc.Out(0xB2, 0xF0);
        Assert.Equal(0u, _pc.Ports.Read(Control, 2));

        _pc.Out(0xB3, 0x5A);
        Assert.Equal(0x5A, _pc.In(0xB3));
    }

    [Fact]
    public void A_command_interrupts_system_management_when_that_is_enabled()
    {
        _pc.Out(0xB2, 0);
        Assert.Equal(0, _smis);

        Config(0x58, 0x0200_0000);
        _pc.Out(0xB2, 0);

        Assert.Equal(1, _smis);
    }

    [Fact]
    public void Smbus_finds_the_eeproms_and_nobody_else()
    {
        Assert.Equal((0x01, 0x02), Transfer(0xA1, protocol: 0));
        Assert.Equal((0x01, 0x04), Transfer(0x61, protocol: 0));
    }

    [Fact]
    public void Smbus_moves_bytes_and_words()
    {
        _pc.Out(SmBus + 5, 0x34);
        _pc.Out(SmBus + 6, 0x12);
        Transfer(0xA0, protocol: 3, command: 0x10);
        (byte First, byte Then) = Transfer(0xA1, protocol: 2, command: 0x11);

        Assert.Equal((0x01, 0x02, 0x12), (First, Then, _pc.In(SmBus + 5)));
    }

    [Fact]
    public void Smbus_moves_blocks_as_a_whole()
    {
        foreach (byte value in (byte[])[0xA1, 0xA2, 0xA3]) _pc.Out(SmBus + 7, value);
        _pc.Out(SmBus + 5, 3);
        Assert.Equal((0x01, 0x02), Transfer(0xA0, 5, command: 0x10));
        Assert.Equal((0x01, 0x02), Transfer(0xA1, 2, command: 0x10));
        Assert.Equal(3, _pc.In(SmBus + 5)); // the length is in front

        Assert.Equal((0x01, 0x02), Transfer(0xA1, 5, command: 0x10));

        Assert.Equal([3, 0xA1, 0xA2, 0xA3], (int[])[_pc.In(SmBus + 5), _pc.In(SmBus + 7), _pc.In(SmBus + 7), _pc.In(SmBus + 7)]);
    }

    [Fact]
    public void Smbus_moves_blocks_byte_by_byte()
    {
        _pc.Out(SmBus + 13, 0);
        _pc.Out(SmBus + 5, 2);
        _pc.Out(SmBus + 7, 0xA1);
        Assert.Equal((0x01, 0x81), Transfer(0xA0, 5, command: 0x10));
        _pc.Out(SmBus + 7, 0xA2);
        Assert.Equal((0x81, 0x02), (Next(), Next()));

        Assert.Equal((0x01, 0x81), Transfer(0xA1, 5, command: 0x10));
        Assert.Equal((2, 0xA1, 0x81, 0xA2), (_pc.In(SmBus + 5), _pc.In(SmBus + 7), Next(), _pc.In(SmBus + 7)));
        _pc.Out(SmBus + 2, 0x34); // that was the last
        Assert.Equal(0x02, Next());

        byte Next()
        {
            _pc.Out(SmBus, 0x80);
            return _pc.In(SmBus);
        }
    }

    [Fact]
    public void An_i2c_read_begins_at_the_second_data_register()
    {
        _pc.Out(SmBus + 5, 0x34);
        _pc.Out(SmBus + 6, 0x12);
        Transfer(0xA0, 3, command: 0x20);

        _pc.Out(SmBus + 6, 0x20);
        Assert.Equal((0x01, 0x81), Transfer(0xA1, 6));
        byte first = _pc.In(SmBus + 7);
        _pc.Out(SmBus, 0x80);
        Assert.Equal((0x34, 0x12), (first, _pc.In(SmBus + 7)));
    }

    /// <summary>Killed it has failed; with interrupts it is done at once; after an error nothing goes until that is cleared.</summary>
    [Fact]
    public void Smbus_is_killed_interrupts_and_remembers_errors()
    {
        _pc.Out(SmBus + 4, 0xA1);
        _pc.Out(SmBus + 2, 0x48);
        _pc.Out(SmBus + 2, 0x02);
        Assert.Equal(0x10, _pc.In(SmBus));

        _pc.Out(SmBus, 0xFF);
        _pc.Out(SmBus + 2, 0x49);
        Assert.Equal(0x02, _pc.In(SmBus));

        _pc.Out(SmBus, 0xFF);
        _pc.Out(SmBus + 4, 0x21);
        _pc.Out(SmBus + 2, 0x49);
        _pc.Out(SmBus + 4, 0xA1);
        _pc.Out(SmBus + 2, 0x49);
        Assert.Equal(0x04, _pc.In(SmBus));
    }

    [Fact]
    public void A_byte_of_a_power_management_register_leaves_the_other_one_alone()
    {
        _pc.Ports.Write(Enable, 2, 0x0120);
        _pc.Out(Enable + 1, 0x04);

        Assert.Equal((0x0420u, 0x04), (_pc.Ports.Read(Enable, 2), _pc.In(Enable + 1)));
    }

    [Fact]
    public void Smbus_registers_are_as_in_qemu_after_reset()
    {
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0], Enumerable.Range(0, 16).Select(i => (int)_pc.In((ushort)(SmBus + i))));

        _pc.Out(SmBus + 2, 0xA5 & 0x1F);

        Assert.Equal(0x05, _pc.In(SmBus + 2));
    }

    [Fact]
    public void A_card_that_comes_is_announced_until_the_guest_has_read_it()
    {
        _pc.Out(GpeEnable, 0x02);

        _pc.Bus.HotPlug!.Plugged(5);
        Assert.Equal((0x02, true), (_pc.In(Gpe), _pc.Input(Sci).Level));
        Assert.Equal((0x20u, 0u), (_pc.Ports.Read(PciHotPlug, 4), _pc.Ports.Read(PciHotPlug, 4)));

        _pc.Out(Gpe, 0x02);
        Assert.Equal((0x00, false), (_pc.In(Gpe), _pc.Input(Sci).Level));
    }

    [Fact]
    public void A_card_goes_when_the_guest_lets_it_go()
    {
        _pc.PciSlot(5 << 3).Plug(new PciIdentity(0x8086, 0x100E, 3, 0x0200, 0, 0));
        _pc.Bus.HotPlug!.RequestEject(5);
        Assert.Equal(0x20u, _pc.Ports.Read(PciHotPlug + 4, 4));

        _pc.Ports.Write(PciHotPlug + 8, 4, 0x20);

        Assert.Equal(1, _pc.Removed);
        Assert.Equal(0u, _pc.Ports.Read(PciHotPlug + 4, 4));
    }

    [Fact]
    public void A_card_that_the_user_wants_back_goes_at_a_reset()
    {
        _pc.PciSlot(5 << 3).Plug(new PciIdentity(0x8086, 0x100E, 3, 0x0200, 0, 0));
        _pc.Bus.HotPlug!.RequestEject(5);
        Assert.Equal(0, _pc.Removed);

        _pm.Reset();

        Assert.Equal(1, _pc.Removed);
    }

    [Fact]
    public void What_is_built_in_cannot_go()
    {
        _pc.PciSlot(0).Plug(new PciIdentity(0x8086, 0x1237, 2, 0x0600, 0, 0) { Fixed = true });
        _pc.PciSlot(5 << 3).Plug(new PciIdentity(0x8086, 0x100E, 3, 0x0200, 0, 0));
        Assert.Equal(0xFFFF_FFFCu, _pc.Ports.Read(PciHotPlug + 12, 4)); // nor the south bridge, where this is

        _pc.Ports.Write(PciHotPlug + 8, 4, 3);

        Assert.Equal(0, _pc.Removed);
    }

    [Fact]
    public void A_bus_that_does_not_exist_reads_as_zeros()
    {
        _pc.Ports.Write(PciHotPlug + 16, 4, 0xFFFF_FFFF);

        Assert.Equal([0u, 0u, 0u, 0u, 0u], Enumerable.Range(0, 5).Select(i => _pc.Ports.Read((ushort)(PciHotPlug + (i * 4)), 4)));
    }

    [Fact]
    public void Processors_are_first_a_bitmap_and_then_asked_one_by_one()
    {
        Assert.Equal(0x03, _pc.In(CpuHotPlug));

        _pc.Ports.Write(CpuHotPlug, 4, 0);
        _pc.Out(CpuHotPlug + 5, 3);

        Assert.Equal([(0x01, 0u), (0x01, 1u), (0x00, 2u), (0x00, 3u), (0x00, 0u)], Enumerable.Range(0, 5).Select(Ask));

        (int Flags, uint Id) Ask(int processor)
        {
            _pc.Ports.Write(CpuHotPlug, 4, (uint)processor);
            return (_pc.In(CpuHotPlug + 4), _pc.Ports.Read(CpuHotPlug + 8, 4));
        }
    }

    [Fact]
    public void Its_section_is_qemus()
    {
        QemuSections.AssertDescribes("0000:00:01.3/piix4_pm", _pm);
        Assert.Equal(["i2c_bus"], _pc.Sections.Where(section => section.State.IsSent).Select(section => section.Id));
    }

    [Fact]
    public void The_processors_travel_once_the_guest_uses_the_newer_interface()
    {
        _pc.Ports.Write(CpuHotPlug, 4, 0);

        Assert.Contains("""
            {"vmsd_name":"piix4_pm/cpuhp","version":1,"fields":[{"name":"cpuhp_state","type":"struct","struct":{"vmsd_name":"CPU hotplug state","version":1,"fields":[{"name":"selector","type":"uint32","size":4},{"name":"command","type":"uint8","size":1},{"name":"devs","array_len":4,"type":"struct","struct":{"vmsd_name":"CPU hotplug device state","version":1,"fields":[{"name":"is_inserting","type":"bool","size":1},{"name":"is_removing","type":"bool","size":1},{"name":"ost_event","type":"uint32","size":4},{"name":"ost_status","type":"uint32","size":4}]},"size":10}]},"size":45}]}
            """, QemuSections.Describe("piix4_pm", _pm), StringComparison.Ordinal);
    }

    [Fact]
    public void Loading_restores_the_interrupt_without_an_edge()
    {
        _pc.Ports.Write(Enable, 2, 0x100);
        _pm.PressPowerButton();
        _pc.Edges.Clear();

        _pm.Loaded();

        Assert.True(_pc.Input(Sci).Level);
        Assert.Empty(_pc.Edges);
    }

    /// <summary>As SeaBIOS does.</summary>
    private void PutInPlace()
    {
        Config(0x40, Pm | 1);
        Config(0x80, 1);
        Config(0x90, SmBus | 1);
        Config(0xD0, 0x0009_0000);
    }

    private (byte First, byte Then) Transfer(byte address, byte protocol, byte command = 0)
    {
        _pc.Out(SmBus, 0xFF);
        _pc.Out(SmBus + 3, command);
        _pc.Out(SmBus + 4, address);
        _pc.Out(SmBus + 2, (byte)(0x40 | protocol << 2));
        return (_pc.In(SmBus), _pc.In(SmBus));
    }

    private uint[] Registers(int from, int count) => [.. Enumerable.Range(0, count).Select(i => _pc.ReadConfig(from + (i * 4), 4, Number))];

    private void Config(int register, uint value) => _pc.WriteConfig(register, 4, value, Number);
}
