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
        slot.MapPorts(Port, Register(slot, 1, options.Events));
    }

    public override string Model => "pvpanic";

    public ushort Port { get; }

    public override void Reset()
    {
    }

    /// <summary>Its one register: reading gives the events understood, writing sends one.</summary>
    internal static IoRegion Register(Slot slot, uint length, ulong events) => new("pvpanic", length, AccessSizes.Byte,
        read: (_, _) => events,
        write: (_, _, value) =>
        {
            if ((value & events & Panicked) != 0) slot.RequestShutdown(new(ShutdownCause.GuestPanic));
        });

    public sealed record Options
    {
        [Option("ioport", "The port")]
        public ushort Port { get; init; } = 0x505;

        [Option("events", "Events the guest may send: 1 panic, 2 crash kernel loaded")]
        public byte Events { get; init; } = 3;
    }
}
