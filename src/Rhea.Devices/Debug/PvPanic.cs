using Rhea.Core.Io;
using Rhea.Core.Machines;

namespace Rhea.Devices.Debug;

/// <summary>The same as <see cref="PvPanicPci"/> on the ISA bus: one port, which firmware and ACPI tell the guest of.</summary>
/// <remarks>QEMU's specification "pvpanic".</remarks>
[Device("pvpanic", "Tells the host that the guest's kernel has crashed")]
public sealed class PvPanic : Device
{
    private const byte Panicked = 0x01;

    public PvPanic(IsaSlot slot, Options options)
    {
        Port = options.Port;
        slot.MapPorts(Port, new IoRegion("pvpanic", 1, AccessSizes.Byte,
            read: (_, _) => options.Events,
            write: (_, _, value) =>
            {
                if ((value & options.Events & Panicked) != 0) slot.RequestShutdown(new(ShutdownCause.GuestPanic));
            }));
    }

    public override string Model => "pvpanic";

    public ushort Port { get; }

    public override void Reset()
    {
    }

    public sealed record Options
    {
        [Option("ioport", "The port")]
        public ushort Port { get; init; } = 0x505;

        [Option("events", "Events the guest may send: 1 panic, 2 crash kernel loaded")]
        public byte Events { get; init; } = 3;
    }
}
