using static Rhea.Boards.Firmware.Acpi.Aml;

namespace Rhea.Boards.Firmware.Acpi;

/// <summary>PCI devices that come and go: the PIIX4's hot-plug registers at AE00h, and the general purpose event that announces them.</summary>
/// <remarks>QEMU's specification "ACPI PCI hotplug interface": a bus is selected, then each bit is a slot of it.</remarks>
internal static class PciHotplug
{
    private const int SlotCount = 32, IsaBridgeSlot = 1, DeviceCheck = 1, EjectRequest = 3;
    private const string Lock = @"\_SB.PCI0.BLCK";

    /// <summary>In the PCI host: the registers and a device for each slot.</summary>
    /// <param name="fixedSlots">Those whose device stays.</param>
    /// <param name="isaBridge">The contents of slot 1.</param>
    public static Term Slots(IReadOnlyList<int> fixedSlots, Term[] isaBridge)
    {
        List<Term> parts =
        [
            OperationRegion("PCST", RegionSpace.SystemIo, 0xAE00, 8),
            Field("PCST", FieldAccess.DWord, FieldUpdate.WriteAsZeros, new FieldUnit("PCIU", 32), new("PCID", 32)),
            OperationRegion("SEJ", RegionSpace.SystemIo, 0xAE08, 4),
            Field("SEJ", FieldAccess.DWord, FieldUpdate.WriteAsZeros, new FieldUnit("B0EJ", 32)),
            OperationRegion("BNMR", RegionSpace.SystemIo, 0xAE10, 4),
            Field("BNMR", FieldAccess.DWord, FieldUpdate.WriteAsZeros, new FieldUnit("BNUM", 32)),
            Mutex("BLCK"),
            Name("BSEL", 0),
            Method("PCEJ", 2,
                Acquire("BLCK"),
                Store(Arg0, "BNUM"),
                Store(ShiftLeft(1, Arg1), "B0EJ"),
                Release("BLCK"),
                Return(0)),
        ];
        for (var slot = 0; slot < SlotCount; slot++) parts.Add(Slot(slot, fixedSlots.Contains(slot), slot == IsaBridgeSlot ? isaBridge : []));
        IEnumerable<int> pluggable = Enumerable.Range(0, SlotCount).Except(fixedSlots);
        parts.Add(Method("DVNT", 2, [.. pluggable.Select(slot =>
            If(And(Arg0, Number(1u << slot)), Notify(NameOf(slot), Arg1)))]));
        parts.Add(Method("PCNT", 0,
            Store("BSEL", "BNUM"),
            Call("DVNT", "PCIU", DeviceCheck),
            Call("DVNT", "PCID", EjectRequest)));
        return Join([.. parts]);
    }

    /// <summary>General purpose event 1.</summary>
    public static Term Events() => Scope(@"\_GPE",
        Method("_E01", 0,
            Acquire(Lock),
            Call(@"\_SB.PCI0.PCNT"),
            Release(Lock)));

    private static Term Slot(int slot, bool stays, Term[] contents) => Device(NameOf(slot),
        [
            Name("_ADR", Number((uint)slot << 16)),
            .. stays ? [] : new[] { Name("_SUN", slot), Method("_EJ0", 1, Call("PCEJ", "BSEL", "_SUN")) },
            .. contents,
        ]);

    private static string NameOf(int slot) => $"S{slot << 3:X2}";
}
