using System.Text;
using System.Text.Json;
using Rhea.Boards;
using Rhea.Core;
using Rhea.Core.Config;
using Rhea.Core.Machines;
using Rhea.Core.Monitor;
using Rhea.Core.Pci;

namespace Rhea.Control.Monitor.Commands;

/// <summary>Devices: what is plugged in where, and plugging and unplugging PCI devices.</summary>
public static class DeviceCommands
{
    private const int Pin = 1, ClassShift = 8;

    [HmpCommand("info qtree", "", "show device tree")]
    public static string Tree(Machine machine)
    {
        using MachineLoop.Held held = machine.Loop.Enter();
        var text = new StringBuilder("bus: main-system-bus\n  type System\n");
        foreach (IGrouping<string, DeviceNode> bus in machine.Devices.Values.GroupBy(node => node.Bus))
        {
            text.Append($"  bus: {bus.Key}\n    type {bus.First().Slot.BusType}\n");
            foreach (DeviceNode node in bus)
            {
                text.Append($"    dev: {node.Device.Model}, id \"{node.Id}\"\n");
                if (node.Slot is not PciSlot { Function: { } function }) continue;
                text.Append($"      addr = {function.Address}\n      class {ClassName(function.Class)}, addr {function.Bus.Number:x2}:{function.Address}, ");
                text.Append($"pci id {function.Vendor:x4}:{function.Device:x4} (sub {function.SubsystemVendor:x4}:{function.Subsystem:x4})\n");
                foreach (PciBar bar in function.Bars)
                    text.Append($"      bar {bar.Index}: {(bar.IsPorts ? "i/o" : "mem")} at 0x{bar.Address ?? ulong.MaxValue:x} [0x{(bar.Address ?? ulong.MaxValue) + bar.Size - 1:x}]\n");
            }
        }

        return text.ToString();
    }

    [HmpCommand("info pci", "", "show PCI info")]
    public static string Pci(Machine machine)
    {
        using MachineLoop.Held held = machine.Loop.Enter();
        var text = new StringBuilder();
        foreach ((PciFunction function, string? id) in Functions(machine))
        {
            text.Append($"  Bus {function.Bus.Number,2}, device {function.Address.Slot,3}, function {function.Address.Function}:\n");
            text.Append($"    {ClassName(function.Class)}: PCI device {function.Vendor:x4}:{function.Device:x4}\n");
            if (function.SubsystemVendor != 0) text.Append($"      PCI subsystem {function.SubsystemVendor:x4}:{function.Subsystem:x4}\n");
            if (function.InterruptPin != 0) text.Append($"      IRQ {function.InterruptLine}, pin {(char)('A' + function.InterruptPin - Pin)}\n");
            foreach (PciBar bar in function.Bars)
            {
                ulong at = bar.Address ?? ulong.MaxValue, end = at + bar.Size - 1;
                text.Append(bar.IsPorts
                    ? $"      BAR{bar.Index}: I/O at 0x{at:x4} [0x{end:x4}].\n"
                    : $"      BAR{bar.Index}: {(bar.IsWide ? 64 : 32)} bit{(bar.Kind.HasFlag(PciBarKind.Prefetchable) ? " prefetchable" : "")} memory at 0x{at:x8} [0x{end:x8}].\n");
            }

            text.Append($"      id \"{id}\"\n");
        }

        return text.ToString();
    }

    [QmpCommand("query-pci")]
    public static IReadOnlyList<PciInfo> QueryPci(Machine machine)
    {
        using MachineLoop.Held held = machine.Loop.Enter();
        return [.. Functions(machine).GroupBy(pair => pair.Function.Bus).Select(bus => new PciInfo(bus.Key.Number, [.. bus.Select(pair => Describe(pair.Function, pair.Id))]))];
    }

    [QmpCommand("device_del")]
    public static void Remove(Machine machine, string id)
    {
        DeviceNode node = machine.Devices.Values.FirstOrDefault(node => node.Id == id || node.Path == id)
            ?? throw new MonitorException("DeviceNotFound", $"Device '{id}' not found");
        machine.RequestRemoval(node);
    }

    [HmpCommand("device_del", "device", "remove device")]
    public static void RemoveLine(Machine machine, string device) => Remove(machine, device);

    [HmpCommand("device_add", "driver[,prop=value][,...]", "add device, like -device on the command line")]
    public static void AddLine(MonitorSession session, string device) => Add(session, KeyValues.Parse(null, device, implied: "driver"));

    [QmpCommand("device_add")]
    public static void AddDevice(MonitorSession session, string driver, QmpArguments rest) =>
        Add(session, KeyValues.Of(null, rest.TakeRest().Select(pair => KeyValuePair.Create(pair.Key, Text(pair.Key, pair.Value))).Prepend(new("driver", driver))));

    private static void Add(MonitorSession session, KeyValues keys)
    {
        string driver = keys.Take("driver") ?? throw new ConfigException("Parameter 'driver' is missing");
        var device = new DeviceConfig(driver, keys.Left) { Id = keys.Id() };
        using MachineLoop.Held held = session.Machine.Loop.Enter();
        session.Monitored.Service<MachineOptions>().Plug(DevicePlug.AddHot(session.Machine.Parts, device, session.Config.Globals));
    }

    private static PciDeviceInfo Describe(PciFunction function, string? id) => new(
        function.Bus.Number, function.Address.Slot, function.Address.Function, new PciClassInfo(function.Class, ClassName(function.Class)),
        new PciDeviceId(function.Device, function.Vendor, function.Subsystem, function.SubsystemVendor),
        function.InterruptPin != 0 ? function.InterruptLine : null, function.InterruptPin, id ?? "",
        [.. function.Bars.Select(bar => new PciRegion(bar.Index, bar.IsPorts ? "io" : "memory", (long)bar.Size, (long)(bar.Address ?? ulong.MaxValue),
            bar.IsPorts ? null : bar.Kind.HasFlag(PciBarKind.Prefetchable), bar.IsPorts ? null : bar.IsWide))]);

    private static string Text(string name, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True => "on",
        JsonValueKind.False => "off",
        JsonValueKind.String or JsonValueKind.Number => value.ToString(),
        _ => throw new ConfigException($"Invalid parameter type for '{name}', expected: string"),
    };

    /// <summary>In order of bus and address.</summary>
    private static IEnumerable<(PciFunction Function, string? Id)> Functions(Machine machine) =>
        machine.Devices.Values.Where(node => node.Slot is PciSlot { Function: not null })
            .Select(node => (((PciSlot)node.Slot).Function!, node.Id)).OrderBy(pair => pair.Item1.Bus.Number).ThenBy(pair => pair.Item1.Number);

    private static string ClassName(ushort pciClass) => pciClass switch
    {
        0x0100 => "SCSI controller",
        0x0101 => "IDE controller",
        0x0106 => "SATA controller",
        0x0200 => "Ethernet controller",
        0x0300 => "VGA controller",
        0x0401 => "Audio controller",
        0x0600 => "Host bridge",
        0x0601 => "ISA bridge",
        0x0604 => "PCI bridge",
        0x0C03 => "USB controller",
        0x0C05 => "SMBus",
        _ => (pciClass >> ClassShift) == 0x06 ? "Bridge" : $"Class {pciClass:x4}",
    };

    public sealed record PciInfo(int Bus, IReadOnlyList<PciDeviceInfo> Devices);

    public sealed record PciDeviceInfo(
        int Bus, int Slot, int Function, [property: QmpName("class_info")] PciClassInfo ClassInfo, PciDeviceId Id, int? Irq,
        [property: QmpName("irq_pin")] int IrqPin, [property: QmpName("qdev_id")] string QdevId, IReadOnlyList<PciRegion> Regions);

    public sealed record PciClassInfo(int Class, string Desc);

    public sealed record PciDeviceId(int Device, int Vendor, int Subsystem, int SubsystemVendor);

    /// <param name="Bar">6 is the ROM's.</param>
    /// <param name="Type">"io" or "memory".</param>
    /// <param name="Size">In bytes.</param>
    /// <param name="Address">-1 while the guest has not placed it.</param>
    /// <param name="Prefetch">Of memory.</param>
    /// <param name="MemType64">Of memory: above 4 GiB too.</param>
    public sealed record PciRegion(
        int Bar, string Type, long Size, long Address, bool? Prefetch, [property: QmpName("mem_type_64")] bool? MemType64);
}
