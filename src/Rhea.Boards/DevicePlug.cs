using Rhea.Core;
using Rhea.Core.Config;
using Rhea.Core.Machines;
using Rhea.Core.Pci;
using Rhea.Devices;
using Rhea.Devices.Storage;

namespace Rhea.Boards;

/// <summary>Plugs what <c>-device</c> names into the slot that it fits: on the user's bus and address, else the first one free.</summary>
public static class DevicePlug
{
    /// <param name="parts">The machine, under construction or running.</param>
    /// <param name="device">What the user wants; <c>bus</c> and <c>addr</c> say where.</param>
    /// <param name="globals">Properties for every device of a type.</param>
    /// <param name="parent">Where one without a name is found: among the user's, unless the board has it by itself.</param>
    /// <exception cref="ConfigException">There is no such device, bus, place or property.</exception>
    public static Device Add(MachineParts parts, DeviceConfig device, IReadOnlyList<GlobalProperty> globals, string parent = "/machine/peripheral-anon")
    {
        DeviceType type = TypeOf(device);
        KeyValues properties = KeyValues.Of(type.Name,
            [.. globals.Where(global => global.Driver == type.Name).Select(global => new KeyValuePair<string, string>(global.Property, global.Value)), .. device.Properties]);
        string? id = device.Id ?? properties.Take("id");
        _ = properties.Take("id");
        string? bus = properties.Take("bus"), address = properties.Take("addr");
        string path = id is null ? FreePath(parts, parent) : $"/machine/peripheral/{id}";
        if (parts.Devices.ContainsKey(path)) throw new ConfigException($"Duplicate device ID '{id}'");
        return type.Slot switch
        {
            nameof(PciSlot) => AddPci(parts, type, path, id, properties, bus, address),
            nameof(IdeSlot) => AddIde(parts, type, path, id, properties, bus),
            nameof(FloppySlot) => AddFloppy(parts, type, path, id, properties, bus),
            _ => parts.Add(path, slot => type.Create(slot, properties), id),
        };
    }

    /// <summary>Plugs a card in while the machine runs, under its lock, and tells the guest.</summary>
    /// <returns>The same with the place that it has found.</returns>
    /// <exception cref="ConfigException">There is no such device, bus, place or property, or it has to be there from the start.</exception>
    public static DeviceConfig AddHot(MachineParts parts, DeviceConfig device, IReadOnlyList<GlobalProperty> globals)
    {
        DeviceType type = TypeOf(device);
        if (type.Slot != nameof(PciSlot)) throw NoHotPlug($"{type.Slot.Replace("Slot", "", StringComparison.Ordinal).ToLowerInvariant()}.0");
        PciBus bus = BusOf(parts, device.Properties.FirstOrDefault(property => property.Key == "bus").Value);
        IPciHotPlug hotPlug = bus.HotPlug ?? throw NoHotPlug(bus.Name);
        Device added = Add(parts, device, globals);
        added.Reset();
        PciAddress place = ((PciSlot)parts.Devices.Values.Single(node => node.Device == added).Slot).Function!.Address;
        hotPlug.Plugged(place.Slot);
        return device with { Properties = [.. device.Properties.Where(property => property.Key != "addr"), new("addr", place.ToString())] };
    }

    private static Device AddPci(MachineParts parts, DeviceType type, string path, string? id, KeyValues properties, string? name, string? address)
    {
        PciBus bus = BusOf(parts, name);
        PciAddress place = address is null
            ? bus.FindFree() ?? throw new ConfigException($"PCI: no slot/function available for {type.Name}, all in use or reserved")
            : PciAddress.Parse(type.Name, address);
        if (parts.Devices.Values.FirstOrDefault(node => node.Slot is PciSlot slot && slot.PciBus == bus && slot.Function?.Number == place.Number) is { } other)
            throw new ConfigException($"PCI: slot {place.Slot} function {place.Function} not available for {type.Name}, in use by {other.Device.Model}{(other.Id is { } taken ? $",id={taken}" : "")}");
        return parts.Add(path, bus, place.Number, slot => type.Create(slot, properties), id);
    }

    private static Device AddIde(MachineParts parts, DeviceType type, string path, string? id, KeyValues properties, string? name)
    {
        IEnumerable<IdeChannel> buses = parts.Devices.Values.Select(node => node.Device).OfType<Piix3Ide>().SelectMany(controller => controller.Buses);
        IdeChannel bus = buses.FirstOrDefault(bus => name is null ? bus.HasFreePlace : bus.Name == name) ?? throw NoBus(name ?? "ide");
        return parts.Add(path, services => new IdeSlot(services, bus), slot => type.Create(slot, properties), id);
    }

    private static Device AddFloppy(MachineParts parts, DeviceType type, string path, string? id, KeyValues properties, string? name)
    {
        I82078? controller = parts.Devices.Values.Select(node => node.Device).OfType<I82078>().FirstOrDefault();
        if (controller is null || (name ?? FloppySlot.BusName) != FloppySlot.BusName) throw NoBus(name ?? FloppySlot.BusName);
        return parts.Add(path, services => new FloppySlot(services, controller), slot => type.Create(slot, properties), id);
    }

    private static string FreePath(MachineParts parts, string parent)
    {
        var number = 0;
        while (parts.Devices.ContainsKey($"{parent}/device[{number}]")) number++;
        return $"{parent}/device[{number}]";
    }

    private static DeviceType TypeOf(DeviceConfig device) => DeviceCatalog.All.FirstOrDefault(type => type.Name == device.Driver)
        ?? throw new ConfigException($"'{device.Driver}' is not a valid device model name");

    private static PciBus BusOf(MachineParts parts, string? name)
    {
        PciBus root = parts.Devices.Values.Select(node => node.Device).OfType<PciBus>().First();
        return name is null ? root : root.FindBus(name) ?? throw NoBus(name);
    }

    private static ConfigException NoHotPlug(string bus) => new($"Bus '{bus}' does not support hotplugging");

    private static ConfigException NoBus(string name) => new($"Bus '{name}' not found");
}
