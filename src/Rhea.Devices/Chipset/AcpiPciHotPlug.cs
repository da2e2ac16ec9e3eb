using Rhea.Core.Pci;
using Rhea.Core.State;

namespace Rhea.Devices.Chipset;

/// <summary>How the guest learns that PCI devices come and go, and lets them go: a bit a slot of the selected bus.</summary>
/// <remarks>QEMU's specification "ACPI PCI hotplug interface". Bus 0 is the one at the host bridge; nothing is plugged into others.</remarks>
internal sealed class AcpiPciHotPlug(PciBus bus, Action announce) : IPciHotPlug
{
    public const int Length = 0x18;
    private const int Up = 0x00, Down = 0x04, Eject = 0x08, Removable = 0x0C, Select = 0x10;
    private const int Buses = 256;

    private static readonly StructType StatusType = new("acpi_pcihp_pci_status", 1);

    private readonly SlotBits[] _slots = new SlotBits[Buses];
    private uint _selected, _acpiIndex;

    /// <summary>A guest that starts anew uses no card: those that the user wants back go now.</summary>
    public void Reset()
    {
        EjectSlots(_slots[0].Down);
        Array.Clear(_slots);
        (_selected, _acpiIndex) = (0, 0);
    }

    public void Visit(StateVisitor state)
    {
        state.UInt32("acpi_pci_hotplug.hotplug_select", ref _selected);
        state.Structs("acpi_pci_hotplug.acpi_pcihp_pci_status", StatusType, _slots.AsSpan(), (ref SlotBits slots, StateVisitor status) =>
        {
            status.UInt32("up", ref slots.Up);
            status.UInt32("down", ref slots.Down);
        }, each: true);
        state.UInt32("acpi_pci_hotplug.acpi_index", ref _acpiIndex);
    }

    public void Plugged(int slot)
    {
        _slots[0].Up |= 1u << slot;
        announce();
    }

    public void RequestEject(int slot)
    {
        _slots[0].Down |= 1u << slot;
        announce();
    }

    /// <summary>Only doublewords.</summary>
    public ulong Read(uint offset, int size)
    {
        if (size != 4 || _selected >= Buses) return 0;
        ref SlotBits slots = ref _slots[_selected];
        switch (offset)
        {
            case Up:
                uint up = slots.Up;
                slots.Up = 0;
                return up;
            case Down: return slots.Down;
            case Removable: return _selected == 0 ? ~FixedSlots() : uint.MaxValue;
            case Select: return _selected;
            default: return 0;
        }
    }

    public void Write(uint offset, int size, uint value)
    {
        if (size != 4) return;
        if (offset == Select) _selected = value;
        if (offset != Eject || _selected != 0) return;
        EjectSlots(value);
    }

    private void EjectSlots(uint slots)
    {
        slots &= ~FixedSlots();
        _slots[0].Down &= ~slots;
        if (slots == 0) return;
        foreach (PciFunction function in bus.Functions.ToList())
            if ((slots >> function.Address.Slot & 1) != 0) function.Eject();
    }

    private uint FixedSlots()
    {
        uint slots = 0;
        foreach (PciFunction function in bus.Functions)
            if (function.IsFixed || function.Behind is not null) slots |= 1u << function.Address.Slot;
        return slots;
    }

    private struct SlotBits
    {
        public uint Up, Down;
    }
}
