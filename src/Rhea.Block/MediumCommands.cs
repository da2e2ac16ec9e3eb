using Rhea.Core;
using Rhea.Core.Machines;
using Rhea.Core.Monitor;

namespace Rhea.Block;

/// <summary>Discs and floppies out of their drives and into them, by the user's hand.</summary>
public static class MediumCommands
{
    [QmpCommand("eject")]
    public static void Eject(BlockGraph graph, Machine machine, string? device = null, string? id = null, bool force = false)
    {
        BlockBackend drive = Find(graph, machine, device, id);
        Moved(graph, machine, () =>
        {
            drive.OpenTray(force);
            return drive.RemoveMedium();
        });
    }

    [HmpCommand("eject", "[-f] device", "eject a removable medium (use -f to force it)")]
    public static void EjectLine(BlockGraph graph, Machine machine, bool force, string device) => Eject(graph, machine, device, null, force);

    [QmpCommand("blockdev-open-tray")]
    public static void OpenTray(BlockGraph graph, Machine machine, string? device = null, string? id = null, bool force = false)
    {
        BlockBackend drive = Find(graph, machine, device, id);
        if (!drive.HasTray && drive.IsRemovable) throw new ConfigException($"Device '{device ?? id}' does not have a tray");
        using MachineLoop.Held held = machine.Loop.Enter();
        drive.OpenTray(force);
    }

    [QmpCommand("blockdev-close-tray")]
    public static void CloseTray(BlockGraph graph, Machine machine, string? device = null, string? id = null)
    {
        BlockBackend drive = Find(graph, machine, device, id);
        using MachineLoop.Held held = machine.Loop.Enter();
        drive.CloseTray();
    }

    [QmpCommand("blockdev-remove-medium")]
    public static void RemoveMedium(BlockGraph graph, Machine machine, string id) => Moved(graph, machine, Find(graph, machine, null, id).RemoveMedium);

    [QmpCommand("blockdev-insert-medium")]
    public static void InsertMedium(BlockGraph graph, Machine machine, string id, string nodeName)
    {
        BlockBackend drive = Find(graph, machine, null, id);
        if (!graph.Nodes.TryGetValue(nodeName, out BlockNode? node)) throw new ConfigException($"Node '{nodeName}' not found");
        if (graph.Drives.Values.Any(other => other.Root == node)) throw new ConfigException($"Node '{nodeName}' is already in use");
        using MachineLoop.Held held = machine.Loop.Enter();
        drive.InsertMedium(node);
    }

    [QmpCommand("blockdev-change-medium")]
    public static void ChangeMedium(BlockGraph graph, Machine machine, string filename, string? device = null, string? id = null, string? format = null,
        bool force = false, string? readOnlyMode = null)
    {
        BlockBackend drive = Find(graph, machine, device, id);
        if (!drive.IsRemovable) throw new ConfigException($"Device '{drive.Id}' is not removable");
        bool? readOnly = readOnlyMode switch
        {
            null or "retain" => null,
            "read-only" => true,
            "read-write" => false,
            _ => throw new ConfigException($"Parameter 'read-only-mode' does not accept value '{readOnlyMode}'"),
        };
        BlockNode medium = graph.OpenMediumFor(drive, filename, format, readOnly);
        try
        {
            Moved(graph, machine, () =>
            {
                drive.OpenTray(force);
                BlockNode? old = drive.RemoveMedium();
                drive.InsertMedium(medium);
                drive.CloseTray();
                return old;
            });
        }
        catch (ConfigException)
        {
            graph.Close(medium);
            throw;
        }
    }

    [HmpCommand("change", "device [-f] filename [format [read-only-mode]]", "change a removable medium, optional format, use -f to force the operation")]
    public static void ChangeLine(BlockGraph graph, Machine machine, string device, bool force, string filename, string? format = null, string? readOnlyMode = null) =>
        ChangeMedium(graph, machine, filename, device, null, format, force, readOnlyMode);

    /// <summary>What was in the drive is closed once no request is under way any more.</summary>
    private static void Moved(BlockGraph graph, Machine machine, Func<BlockNode?> move)
    {
        BlockNode? old;
        using (machine.Loop.Enter()) old = move();
        if (old is null) return;
        machine.Loop.Drain();
        graph.Close(old);
    }

    /// <summary>By the drive's name, or by the name or path of the device that has it.</summary>
    private static BlockBackend Find(BlockGraph graph, Machine machine, string? device, string? id)
    {
        if (device is null == id is null) throw new ConfigException("Need exactly one of 'device' and 'id'");
        if (device is not null) return graph.Drives.TryGetValue(device, out BlockBackend? drive) ? drive : throw NotFound(device);
        string path = machine.Devices.Values.FirstOrDefault(node => node.Id == id || node.Path == id)?.Path ?? throw NotFound(id!);
        return graph.Drives.Values.FirstOrDefault(drive => machine.Parts.Drives.OwnerOf(drive.Id) == path) ?? throw new ConfigException($"Device '{id}' has no drive");
    }

    private static MonitorException NotFound(string name) => new("DeviceNotFound", $"Device '{name}' not found");
}

/// <summary>A tray has opened or closed, by the guest or by the user.</summary>
/// <param name="Device">The drive.</param>
/// <param name="Id">The device that has it: the user's name for it, else its path.</param>
/// <param name="TrayOpen">Where it is now.</param>
[QmpEvent("DEVICE_TRAY_MOVED")]
public sealed record DeviceTrayMovedEvent(string Device, string Id, bool TrayOpen) : MachineEvent;
