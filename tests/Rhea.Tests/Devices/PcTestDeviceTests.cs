using Rhea.Devices.Debug;
using Xunit;

namespace Rhea.Tests.Devices;

public class PcTestDeviceTests
{
    private readonly PcBench _pc = new();

    public PcTestDeviceTests() => new PcTestDevice(_pc.IsaSlot(), new()).Reset();

    [Fact]
    public void Its_port_remembers_at_every_width()
    {
        _pc.Ports.Write(0xE0, 4, 0x1122_3344);

        Assert.Equal((0x1122_3344u, 0x3344u, 0x44u, 0x33u, 0x22u),
            (_pc.Ports.Read(0xE0, 4), _pc.Ports.Read(0xE0, 2), _pc.Ports.Read(0xE0, 1), _pc.Ports.Read(0xE1, 1), _pc.Ports.Read(0xEA, 1)));
    }

    [Fact]
    public void Its_memory_remembers_too()
    {
        _pc.Memory.Write(0xFF00_0000, 4, 0x5566_7788);

        Assert.Equal((0x5566_7788u, 0x6677u, 0ul), (_pc.Memory.Read(0xFF00_0000, 4), _pc.Memory.Read(0xFF00_0001, 2), _pc.Memory.Read(0xFF00_0100, 4)));
    }

    [Fact]
    public void A_port_for_each_line_drives_it()
    {
        _pc.Out(0x200E, 1);
        Assert.True(_pc.Input(14).Level);

        _pc.Out(0x200E, 0);

        Assert.False(_pc.Input(14).Level);
    }
}
