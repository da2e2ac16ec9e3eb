using Rhea.Core.Backends;
using Rhea.Core.Diagnostics;
using Rhea.Core.Io;
using Rhea.Core.Memory;
using Rhea.Core.Pci;
using Rhea.Core.State;
using Rhea.Core.Time;

namespace Rhea.Core.Machines;

/// <summary>What a machine is made of, in the order of reset and save. A board adds to it, and so does <c>device_add</c> later.</summary>
public sealed class MachineParts(MachineLoop loop, VmClock clock, IRamProvider ram, Action<LogLevel, string> log)
{
    private readonly OrderedDictionary<string, DeviceNode> _devices = [];
    private readonly List<Section> _sections = [];
    private readonly List<RamBlock> _blocks = [];
    private readonly List<IConsole> _consoles = [];
    private readonly List<IInputSink> _inputs = [];
    private MemoryRegion? _system;

    public MachineLoop Loop => loop;

    public VmClock Clock => clock;

    public PortSpace Ports { get; } = new();

    /// <summary>The root of the physical map.</summary>
    public MemoryRegion System => _system ??= MemoryRegion.Frame("system", MemoryRegion.Everything);

    /// <summary>The board sets this once it has an interrupt controller; until then lines lead nowhere.</summary>
    public Func<int, IrqInput?> IsaIrq { get; set; } = _ => null;

    /// <summary>As <see cref="IsaIrq"/>, for the DMA controllers' channels.</summary>
    public Func<int, IDmaChannel?> IsaDma { get; set; } = _ => null;

    /// <summary>What a device's request to end or reset the machine does.</summary>
    public Action<ShutdownRequest> OnShutdown { get; set; } = _ => { };

    /// <summary>Told of each device that has been taken out. Under the machine lock.</summary>
    public Action<DeviceNode> OnRemoved { get; set; } = _ => { };

    /// <summary>What devices find by <c>chardev=</c>.</summary>
    public BackendTable<ICharBackend> Chardevs { get; } = new("chardev");

    /// <summary>What devices find by <c>drive=</c>.</summary>
    public BackendTable<IBlockBackend> Drives { get; } = new("drive");

    /// <summary>The first is the one that is shown.</summary>
    public IReadOnlyList<IConsole> Consoles => _consoles;

    /// <summary>Keys and pointer movements go to all of them.</summary>
    public IReadOnlyList<IInputSink> Inputs => _inputs;

    /// <summary>From which level on the device of a path is logged.</summary>
    public Func<string, LogLevel> LogThreshold { get; set; } = _ => LogLevel.Warning;

    /// <summary>Finds a firmware file by name, on the user's search path; null when there is none.</summary>
    public Func<string, ReadOnlyMemory<byte>?> Firmware { get; set; } = _ => null;

    public IReadOnlyDictionary<string, DeviceNode> Devices => _devices;

    public IReadOnlyList<Section> Sections => _sections;

    public IReadOnlyList<RamBlock> Blocks => _blocks;

    /// <summary>RAM under the name it has in the stream.</summary>
    public RamBlock AddRam(string name, ulong length)
    {
        if (_blocks.Exists(block => block.Name == name)) throw new ConfigException($"{name}: there are two blocks of RAM of that name");
        var block = new RamBlock(name, length, ram);
        _blocks.Add(block);
        return block;
    }

    /// <summary>A device on the board itself or in an ISA slot. The path is its address for life in the monitor and in logs.</summary>
    public T Add<T>(string path, Func<IsaSlot, T> make, string? id = null) where T : Device
    {
        var slot = new IsaSlot(Services(path), Ports, System, irq => IsaIrq(irq), channel => IsaDma(channel));
        return Add(path, "", id, slot, () => make(slot));
    }

    /// <summary>A device in a PCI slot; its section is named after the slot, as <c>0000:00:02.0/pvpanic-pci</c>.</summary>
    public T Add<T>(string path, PciBus bus, int function, Func<PciSlot, T> make, string? id = null) where T : Device
    {
        var slot = new PciSlot(Services(path), bus, function, id);
        return Add(path, $"{bus.Path}:{slot.Name}/", id, slot, () => make(slot));
    }

    /// <summary>A device on a bus whose slots are of its own kind: an IDE cable.</summary>
    public T Add<TSlot, T>(string path, Func<SlotServices, TSlot> at, Func<TSlot, T> make, string? id = null) where TSlot : Slot where T : Device
    {
        TSlot slot = at(Services(path));
        return Add(path, "", id, slot, () => make(slot));
    }

    /// <summary>A part with a list of state that is no device of its own.</summary>
    public void AddSection(string id, StructType section, IState state) => Insert(id, section, state, _sections.Count);

    /// <summary>Takes a device out, with all that it registered and all that is plugged in behind it.</summary>
    public void Remove(DeviceNode node)
    {
        if (!_devices.Remove(node.Path)) return;
        if (node.Slot is PciSlot { Function.Behind: { } behind })
            foreach (DeviceNode inner in _devices.Values.Where(inner => inner.Slot is PciSlot slot && slot.PciBus == behind).ToList()) Remove(inner);
        _sections.RemoveAll(section => section.State == node.Device);
        node.Slot.Release();
        (node.Device as IDisposable)?.Dispose();
        OnRemoved(node);
    }

    private void Remove(string path)
    {
        if (_devices.TryGetValue(path, out DeviceNode? node)) Remove(node);
    }

    internal void AddClock() => Insert("timer", new StructType("timer", 2), clock, 0);

    private SlotServices Services(string path) =>
        new(path, clock, new Log(path, log, LogThreshold(path)), loop.Start, request => OnShutdown(request), AddRam, RemoveRam, Chardevs, Drives, _consoles, _inputs,
            Firmware, AddSection, state => _sections.RemoveAll(section => section.State == state), () => Remove(path));

    private T Add<T>(string path, string prefix, string? id, Slot slot, Func<T> make) where T : Device
    {
        try
        {
            T device = make();
            if (!_devices.TryAdd(path, new DeviceNode(path, id, slot.Bus, device, slot)))
                throw new ConfigException($"{path}: there are two devices of that name");
            if (device.Section is { } section) Insert(prefix + section.Name, section, device, _sections.Count);
            return device;
        }
        catch
        {
            slot.Release();
            throw;
        }
    }

    /// <summary>Sections of one name are numbered in the order of their devices: the master 8259 is 0, the slave 1.</summary>
    private void Insert(string id, StructType section, IState state, int at)
    {
        var instance = 0;
        while (_sections.Exists(other => other.Id == id && other.Instance == instance)) instance++;
        _sections.Insert(at, new Section(id, instance, section, state));
    }

    private void RemoveRam(RamBlock block)
    {
        _blocks.Remove(block);
        block.Dispose();
    }
}
