using System.Text;
using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Core.Monitor;

namespace Rhea.Control.Monitor.Commands;

/// <summary>Who answers at which address.</summary>
public static class MapCommands
{
    private const int Deepest = 32;

    [HmpCommand("info mtree", "[-f]", "show memory tree (-f: dump flat view for address spaces)")]
    public static string Tree(Machine machine, bool flat = false)
    {
        using MachineLoop.Held held = machine.Loop.Enter();
        var text = new StringBuilder();
        if (flat)
        {
            text.Append("FlatView #0\n AS \"I/O\", root: io\n Root memory region: io\n");
            Ports(text, machine.Ports);
            Flat(text, 1, "memory", machine.Memory);
            Flat(text, 2, "cpu-smm-0", machine.SmmMemory);
        }
        else
        {
            text.Append("address-space: memory\n");
            Piece(text, machine.Parts.System, 0, 0, 1);
            text.Append("\naddress-space: I/O\n  0000000000000000-000000000000ffff (prio 0, i/o): io\n");
            Ports(text, machine.Ports, indent: 4);
        }

        return text.Append('\n').ToString();
    }

    private static void Flat(StringBuilder text, int number, string name, AddressSpace space)
    {
        text.Append($"\nFlatView #{number}\n AS \"{name}\", root: system\n Root memory region: system\n");
        foreach (MapEntry entry in space.Map.Entries)
        {
            string kind = entry.Ram is null ? "i/o" : entry.ReadOnly ? entry.Io is null ? "rom" : "romd" : "ram";
            string offset = entry.Offset == 0 ? "" : $" @{entry.Offset:x16}";
            text.Append($"  {entry.Start:x16}-{entry.Start + entry.Length - 1:x16} (prio 0, {kind}): {entry.Ram?.Name ?? entry.Io!.Name}{offset}\n");
        }
    }

    private static void Ports(StringBuilder text, PortSpace ports, int indent = 2)
    {
        for (var at = 0; at < 0x10000;)
        {
            IoRegion? owner = ports.Owner((ushort)at);
            int start = at;
            do at++;
            while (at < 0x10000 && ports.Owner((ushort)at) == owner && (owner is null || at - start < owner.Length));
            if (owner is not null) text.Append(' ', indent).Append($"{start:x16}-{at - 1:x16} (prio 0, i/o): {owner.Name}\n");
        }
    }

    private static void Piece(StringBuilder text, MemoryRegion region, ulong at, int priority, int depth)
    {
        if (depth > Deepest) return;
        string kind = region.RamBlock is null ? "i/o" : region.ReadOnly ? "rom" : "ram";
        text.Append(' ', depth * 2).Append($"{at:x16}-{at + region.Length - 1:x16} (prio {priority}, {kind}): ");
        text.Append(region.Target is { } target
            ? $"alias {region.Name} @{target.Name} {region.TargetOffset:x16}-{region.TargetOffset + region.Length - 1:x16}"
            : region.Name);
        text.Append(region.Enabled ? "\n" : " [disabled]\n");
        foreach ((MemoryRegion part, ulong offset, int own) in region.Parts.OrderBy(part => part.At)) Piece(text, part, at + offset, own, depth + 1);
    }
}
