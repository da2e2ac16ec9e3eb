using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.Pci;
using Rhea.Core.State;

namespace Rhea.Devices.Storage;

/// <summary>The IDE controller of the PIIX3: two channels at their ports of old, and a bus master for each.</summary>
/// <remarks>Intel 82371SB (PIIX3), 1997, chapter 2.4. Its timing registers do nothing, for nothing here is slow.</remarks>
public sealed class Piix3Ide : Device
{
    private const int Channels = 2, MasterLength = 8, Status = 0x06;
    private const byte BusMaster = 0x80;                                 // programming interface
    private const ushort FastBackToBack = 0x0080, MediumTiming = 0x0200; // status
    private static readonly ushort[] CommandPorts = [0x1F0, 0x170], ControlPorts = [0x3F6, 0x376];

    private readonly PciFunction _pci;
    private readonly IdeBusMaster[] _masters;
    private readonly IdeChannel[] _channels;

    /// <param name="slot">Function 1 of the PIIX3's slot.</param>
    /// <param name="ports">Where the ports of old are.</param>
    /// <param name="isaIrq">Where IRQ 14 and 15 are.</param>
    public Piix3Ide(PciSlot slot, PortSpace ports, Func<int, IrqInput?> isaIrq)
    {
        _pci = slot.Plug(new PciIdentity(0x8086, 0x7010, Revision: 0, Class: 0x0101, SubsystemVendor: 0x1AF4, Subsystem: 0x1100) { ProgrammingInterface = BusMaster });
        _pci.SetWord(Status, FastBackToBack | MediumTiming);
        _masters = [.. Enumerable.Range(0, Channels).Select(_ => new IdeBusMaster(_pci.Dma))];
        _channels = [.. Enumerable.Range(0, Channels).Select(number => new IdeChannel(slot, number, isaIrq(14 + number)?.NewLine() ?? new IrqLine(), _masters[number]))];
        foreach (IdeChannel channel in _channels)
        {
            ports.Map(CommandPorts[channel.Number], channel.CommandBlock);
            ports.Map(ControlPorts[channel.Number], channel.ControlBlock);
        }

        _pci.AddPortBar(4, new IoRegion("piix-bmdma", Channels * MasterLength, new AccessSizes(1, 4),
            (offset, size) => _masters[offset / MasterLength].Read(offset % MasterLength, size),
            (offset, size, value) => _masters[offset / MasterLength].Write(offset % MasterLength, size, value)));
    }

    public override string Model => "piix3-ide";

    public override StructType Section { get; } = new("ide", 3);

    /// <summary>"ide.0" and "ide.1".</summary>
    public IReadOnlyList<IdeChannel> Buses => _channels;

    /// <summary>The shapes of the four places' disks, for the CMOS; null where no disk is.</summary>
    public IEnumerable<(int Cylinders, int Heads, int SectorsPerTrack)?> Geometries =>
        _channels.SelectMany(channel => channel.Drives).Select(drive => (drive as AtaDisk)?.Geometry);

    /// <summary>The drives are reset with their channel, for each has its registers there.</summary>
    public override void Reset()
    {
        _pci.Reset();
        foreach (IdeBusMaster master in _masters) master.Reset();
        foreach (IdeChannel channel in _channels) channel.Reset();
    }

    public override void Visit(StateVisitor state)
    {
        _pci.Visit("parent_obj", state);
        state.Structs("bmdma", IdeBusMaster.Type, _channels.AsSpan(), (ref IdeChannel channel, StateVisitor inner) => channel.VisitMaster(inner), each: true);
        state.Structs("bus", IdeChannel.Type, _channels.AsSpan(), (ref IdeChannel channel, StateVisitor inner) => channel.Visit(inner), each: true);
        foreach (IdeChannel channel in _channels) channel.VisitPlaces(state);
    }

    public override void Loaded()
    {
        _pci.Loaded();
        foreach (IdeChannel channel in _channels) channel.Loaded();
    }

    public override void Resumed()
    {
        foreach (IdeChannel channel in _channels) channel.Resumed();
    }
}
