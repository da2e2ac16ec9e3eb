using System.Numerics;
using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.Memory;

namespace Rhea.Core.Pci;

/// <summary>A place on a PCI bus. The device asks it for its function: configuration space, BARs, pin and DMA.</summary>
public sealed class PciSlot(SlotServices services, PciBus bus, int function, string? id = null) : Slot(services)
{
    private const int SmallestRom = 4096; // a page, for it is a block of RAM

    /// <summary>Slot and function as the stream and the monitor name them: "02.0".</summary>
    public string Name => PciAddress.Of(function).ToString();

    public override string Bus => bus.Name;

    public override string BusType => "PCI";

    public PciBus PciBus => bus;

    /// <summary>The user's name for the device; null when there is none.</summary>
    public string? Id => id;

    /// <summary>What is plugged in; null before.</summary>
    public PciFunction? Function { get; private set; }

    public PciFunction Plug(PciIdentity identity)
    {
        PciFunction plugged = Function = new PciFunction(bus, function, identity, RemoveDevice);
        OnRelease(plugged.Unplug);
        return plugged;
    }

    /// <summary>The stream knows a PCI device's RAM by its slot: "0000:00:02.0/vga.vram".</summary>
    public override RamBlock AddRam(string name, ulong length) => base.AddRam($"{bus.Path}:{Name}/{name}", length);

    /// <summary>Gives the function the expansion ROM that a firmware file holds.</summary>
    /// <param name="name">The stream's name for it: "vga.rom".</param>
    /// <param name="file">The firmware file; empty for none.</param>
    public void AddRom(string name, string file)
    {
        if (file.Length == 0 || Function is null) return;
        ReadOnlySpan<byte> image = ReadFirmware(file).Span;
        RamBlock rom = AddRam(name, BitOperations.RoundUpToPowerOf2((ulong)Math.Max(image.Length, SmallestRom)));
        image.CopyTo(rom.Span(0, image.Length));
        Function.AddRom(rom);
    }

    /// <summary>Whether there is a device at a port: what the firmware of a real board would know.</summary>
    public bool Answers(ushort port) => bus.Ports.Owner(port) is not null;

    /// <summary>Ports that no BAR moves: those of the PC's VGA.</summary>
    public void MapPorts(ushort at, IoRegion region)
    {
        bus.Ports.Map(at, region);
        OnRelease(() => bus.Ports.Unmap(region));
    }

    /// <summary>Memory that no BAR moves.</summary>
    public void MapMemory(ulong at, MemoryRegion region, int priority = 1)
    {
        bus.Memory.Add(at, region, priority);
        OnRelease(() => bus.Memory.Remove(region));
    }

    /// <summary>Ports that registers other than BARs move.</summary>
    public PortWindow CreatePortWindow(IoRegion region)
    {
        var window = new PortWindow(bus.Ports, region);
        OnRelease(() => window.Place(null));
        return window;
    }
}
