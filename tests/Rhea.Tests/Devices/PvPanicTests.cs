using Rhea.Core.Machines;
using Rhea.Devices.Debug;
using Xunit;

namespace Rhea.Tests.Devices;

public class PvPanicTests
{
    private readonly PcBench _pc = new();

    [Fact]
    public void Its_port_tells_the_events_and_takes_the_crash()
    {
        new PvPanic(_pc.IsaSlot(), new()).Reset();
        Assert.Equal(3, _pc.In(0x505));

        _pc.Out(0x505, 2);
        Assert.Empty(_pc.Shutdowns);
        _pc.Out(0x505, 1);

        Assert.Equal(ShutdownCause.GuestPanic, Assert.Single(_pc.Shutdowns).Cause);
    }

    [Fact]
    public void An_event_that_the_user_has_taken_away_does_nothing()
    {
        new PvPanic(_pc.IsaSlot(), new() { Events = 2, Port = 0x600 }).Reset();

        _pc.Out(0x600, 1);

        Assert.Empty(_pc.Shutdowns);
    }
}
