using Rhea.Devices.Chipset;
using Xunit;

namespace Rhea.Tests.Devices;

public class PcSpeakerTests
{
    private readonly PcBench _pc = new();
    private readonly PcSpeaker _speaker;

    public PcSpeakerTests()
    {
        var pit = new I8254(_pc.IsaSlot(), new());
        pit.Reset();
        _speaker = new PcSpeaker(_pc.IsaSlot(), pit);
        _speaker.Reset();
    }

    [Fact]
    public void The_refresh_bit_toggles_and_the_idle_output_is_high()
    {
        Assert.Equal((0x30, 0x20), (_pc.In(0x61), _pc.In(0x61)));
    }

    [Fact]
    public void The_output_of_counter_2_tells_firmware_that_time_passes()
    {
        _pc.Out(0x61, 0x01);
        foreach ((ushort port, byte value) in ((ushort, byte)[])[(0x43, 0xB0), (0x42, 0xA9), (0x42, 0x04)]) _pc.Out(port, value); // 1193: 1 ms

        _pc.Clock.AdvanceTo(999_800);
        Assert.Equal(0, _pc.In(0x61) & 0x20);

        _pc.Clock.AdvanceTo(999_900);
        Assert.Equal(0x20, _pc.In(0x61) & 0x20);
    }

    [Fact]
    public void A_tone_needs_the_square_wave_the_gate_and_the_switch()
    {
        foreach ((ushort port, byte value) in ((ushort, byte)[])[(0x43, 0xB6), (0x42, 0x97), (0x42, 0x0A)]) _pc.Out(port, value); // 2711

        _pc.Out(0x61, 0x01);
        Assert.Equal(0, _speaker.Tone);

        _pc.Out(0x61, 0x03);
        Assert.Equal(440, _speaker.Tone);
    }
}
