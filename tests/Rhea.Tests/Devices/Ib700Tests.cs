using Rhea.Core.Machines;
using Rhea.Devices.Watchdog;
using Xunit;

namespace Rhea.Tests.Devices;

public class Ib700Tests
{
    private const long Second = 1_000_000_000;

    private readonly PcBench _pc = new();

    public Ib700Tests() => new Ib700(_pc.IsaSlot(), new()).Reset();

    [Theory]
    [InlineData(0, 30)]
    [InlineData(10, 10)]
    [InlineData(14, 2)]
    public void It_bites_after_the_seconds_that_it_was_started_with(byte value, int seconds)
    {
        _pc.Out(0x443, value);

        _pc.Clock.AdvanceTo((seconds * Second) - 1);
        Assert.Empty(_pc.Shutdowns);
        _pc.Clock.AdvanceTo(seconds * Second);

        Assert.Equal(ShutdownCause.Watchdog, Assert.Single(_pc.Shutdowns).Cause);
    }

    [Fact]
    public void Stopped_or_started_anew_it_does_not()
    {
        _pc.Out(0x443, 14);
        _pc.Clock.AdvanceTo(Second);
        _pc.Out(0x443, 14);
        _pc.Clock.AdvanceTo(2 * Second);
        _pc.Out(0x441, 0);
        _pc.Clock.AdvanceTo(100 * Second);

        Assert.Empty(_pc.Shutdowns);
    }
}
