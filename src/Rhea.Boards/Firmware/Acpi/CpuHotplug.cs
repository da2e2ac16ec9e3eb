using static Rhea.Boards.Firmware.Acpi.Aml;

namespace Rhea.Boards.Firmware.Acpi;

/// <summary>The processors, those that may come later included, and the registers at AF00h by which they come and go.</summary>
/// <remarks>QEMU's specification "QEMU&lt;-&gt;ACPI BIOS CPU hotplug interface": one processor is selected, then its flags and commands act on it.</remarks>
internal static class CpuHotplug
{
    private const int DeviceCheck = 1, EjectRequest = 3, Present = 0x0F, OstEvent = 1, OstStatus = 2;
    private const string Registers = @"\_SB.PCI0.PRES", Lock = Registers + ".CPLK", Selected = Registers + ".CSEL";

    public static Term Build(IReadOnlyList<AcpiProcessor> processors) => Join(
        RegisterBlock(),
        Device(@"\_SB.CPUS",
            [
                Name("_HID", Text("ACPI0010")),
                Name("_CID", EisaId("PNP0A05")),
                .. Methods(processors.Count),
                .. processors.Select(Processor),
            ]),
        Scope(@"\_GPE", Method("_E02", 0, Call(@"\_SB.CPUS.CSCN"))));

    private static Term RegisterBlock() => Device(Registers,
        Name("_HID", EisaId("PNP0A06")),
        Name("_UID", Text("CPU Hotplug resources")),
        Name("_CRS", ResourceTemplate(Resource.Ports(0xAF00, 12))),
        Mutex("CPLK"),
        OperationRegion("PRST", RegionSpace.SystemIo, 0xAF00, 12),
        Field("PRST", FieldAccess.Byte, FieldUpdate.WriteAsZeros,
            FieldUnit.Skip(32), new("CPEN", 1), new("CINS", 1), new("CRMV", 1), new("CEJ0", 1), FieldUnit.Skip(4), new("CCMD", 8)),
        Field("PRST", FieldAccess.DWord, FieldUpdate.Preserve, new FieldUnit("CSEL", 32), FieldUnit.Skip(32), new("CDAT", 32)),
        Method("_INI", 0, Store(0, "CSEL"))); // selecting once switches from the old bitmap to this interface

    private static Term[] Methods(int count) =>
    [
        Method("CTFY", 2, [.. Enumerable.Range(0, count).Select(index => If(Equal(Arg0, index), Notify(NameOf(index), Arg1)))]),
        SerializedMethod("CSTA", 1,
            Acquire(Lock),
            Store(Arg0, Selected),
            Store(0, Local0),
            If(Equal(Registers + ".CPEN", 1), Store(Present, Local0)),
            Release(Lock),
            Return(Local0)),
        SerializedMethod("CEJ0", 1,
            Acquire(Lock),
            Store(Arg0, Selected),
            Store(1, Registers + ".CEJ0"),
            Release(Lock)),
        SerializedMethod("COST", 3,
            Acquire(Lock),
            Store(Arg0, Selected),
            Store(OstEvent, Registers + ".CCMD"),
            Store(Arg1, Registers + ".CDAT"),
            Store(OstStatus, Registers + ".CCMD"),
            Store(Arg2, Registers + ".CDAT"),
            Release(Lock)),
        SerializedMethod("CSCN", 0,
            Acquire(Lock),
            Store(0, Local0),
            While(Less(Local0, count),
                Store(Local0, Selected),
                Announce(".CINS", DeviceCheck),
                Announce(".CRMV", EjectRequest),
                Increment(Local0)),
            Release(Lock)),
    ];

    /// <summary>Tells of an event and clears it.</summary>
    private static Term Announce(string flag, int what) =>
        If(Equal(Registers + flag, 1), Call("CTFY", Local0, what), Store(1, Registers + flag));

    private static Term Processor(AcpiProcessor processor, int index)
    {
        Term ejectable = index == 0 ? Join() : Method("_EJ0", 1, Call("CEJ0", index));
        return Device(NameOf(index),
            Name("_HID", Text("ACPI0007")),
            Name("_UID", index),
            SerializedMethod("_STA", 0, Return(Call("CSTA", index))),
            Name("_MAT", Bytes(Madt.LocalApic(index, processor.ApicId, enabled: true))),
            ejectable,
            SerializedMethod("_OST", 3, Call("COST", index, Arg0, Arg1)));
    }

    private static string NameOf(int index) => $"C{index:X3}";
}
