using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.State;
using Rhea.Core.Time;

namespace Rhea.Devices.Watchdog;

/// <summary>The watchdog of the IB700 single board computer: a write to one port starts it anew, a write to another stops it.</summary>
/// <remarks>iBASE IB700 User's Manual, appendix "Watchdog timer": values 0 to 14 are 30 seconds down to 2 in steps of two, 15 is at once.</remarks>
[Device("ib700", "Watchdog of the IB700 board")]
public sealed class Ib700 : Device
{
    private const ushort StopPort = 0x441, StartPort = 0x443;
    private const int Longest = 30, Step = 2; // seconds

    private readonly VmTimer _timer;

    public Ib700(IsaSlot slot, Options options)
    {
        _ = options;
        _timer = slot.CreateTimer(() => slot.RequestShutdown(new(ShutdownCause.Watchdog)));
        slot.MapPorts(StopPort, new IoRegion("ib700-stop", 1, AccessSizes.Byte, (_, _) => 0xFF, (_, _, _) => _timer.Cancel()));
        slot.MapPorts(StartPort, new IoRegion("ib700-start", 1, AccessSizes.Byte, (_, _) => 0xFF,
            (_, _, value) => _timer.Arm(slot.Clock.Now + Math.Max((Longest - ((long)value & 0x0F) * Step) * VmClock.Second, 1))));
    }

    public override string Model => "ib700";

    public override StructType Section { get; } = new("ib700_wdt", 0);

    public override void Reset() => _timer.Cancel();

    public override void Visit(StateVisitor state) => state.Timer("timer", _timer);

    /// <summary>It has none.</summary>
    public sealed record Options;
}
