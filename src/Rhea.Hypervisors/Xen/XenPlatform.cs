using System.Buffers.Binary;
using Rhea.Core.Cpu;

namespace Rhea.Hypervisors.Xen;

/// <summary>The chips that are in Xen: all interrupt controllers, the 8254, the HPET and the calendar. The south bridge routes PCI requests itself.</summary>
internal sealed class XenPlatform(XenDomain domain, IReadOnlyList<XenVcpu> vcpus) : IHostedPlatform
{
    private const HostedChips Chips = HostedChips.Pic | HostedChips.IoApic | HostedChips.LocalApic | HostedChips.Pit | HostedChips.Hpet | HostedChips.Rtc;
    private const int IsaLines = 16;

    private long Now => vcpus.Count > 0 ? vcpus[0].Time : 0;

    public bool Has(HostedChips chips) => (Chips & chips) == chips;

    /// <summary>Xen's local APICs have even numbers alone.</summary>
    public int ApicId(int processor, int natural) => processor * 2;

    /// <summary>The I/O APIC's pins above the ISA interrupts are led to by PCI devices only, in Xen.</summary>
    public void SetIsaLine(int irq, bool level)
    {
        if (irq >= IsaLines) return;
        var operation = new XenDmOp { Operation = DmOp.SetIsaIrqLevel, IsaIrq = (byte)irq, Level = level ? (byte)1 : (byte)0 };
        domain.DeviceModel(ref operation);
    }

    public void SetPciPin(int device, int pin, bool level) => throw new NotSupportedException("the PIIX3 is here");

    public void RoutePirq(int link, int irq) => throw new NotSupportedException("the PIIX3 is here");

    public void SendMsi(ulong address, uint data)
    {
        var operation = new XenDmOp { Operation = DmOp.InjectMsi, MsiData = data, MsiAddress = address };
        _ = domain.TryDeviceModel(ref operation); // one that no interrupt can be made of is the guest's fault
    }

    public void RouteIoApicPin(int pin, ulong address, uint data) => throw new NotSupportedException("the I/O APIC is in Xen");

    public void Read(ChipRegisters into)
    {
        XenContext context = domain.Context;
        switch (into)
        {
            case I8259Registers pic:
                ReadOnlySpan<byte> lines = context.Find(XenRecord.IsaIrq);
                XenChips.Fetch(context.Find(XenRecord.Pic, pic.Instance), BinaryPrimitives.ReadUInt16LittleEndian(lines), pic);
                break;
            case IoApicRegisters ioApic:
                XenChips.Fetch(context.Find(XenRecord.IoApic), ioApic);
                break;
            case LocalApicRegisters apic when apic.Instance < vcpus.Count:
                XenLocalApic.Fetch(context.Find(XenRecord.LocalApic, apic.Instance), context.Find(XenRecord.LocalApicRegisters, apic.Instance), Now, apic);
                apic.WaitForSipi = context.Find(XenRecord.Cpu, apic.Instance).IsEmpty ? 1 : 0;
                break;
            case I8254Registers pit:
                XenChips.Fetch(context.Find(XenRecord.Pit), Now, pit);
                break;
            case HpetRegisters hpet:
                XenHpet.Fetch(context.Find(XenRecord.Hpet), Now, hpet);
                break;
        }
    }

    public void Write(ChipRegisters from)
    {
        XenContext context = domain.Context;
        switch (from)
        {
            case I8259Registers pic:
                XenChips.Store(pic, context.Change(XenRecord.Pic, pic.Instance, XenChips.PicLength));
                WriteLines(context, pic);
                break;
            case IoApicRegisters ioApic:
                XenChips.Store(ioApic, context.Change(XenRecord.IoApic, 0, XenChips.IoApicLength));
                break;
            case LocalApicRegisters apic:
                XenLocalApic.Store(apic, Now, context.Change(XenRecord.LocalApic, apic.Instance, XenLocalApic.Length),
                    context.Change(XenRecord.LocalApicRegisters, apic.Instance, XenLocalApic.PageLength));
                if (apic.Instance < vcpus.Count) vcpus[apic.Instance].WaitsForSipi = apic.WaitForSipi != 0;
                break;
            case I8254Registers pit:
                XenChips.Store(pit, Now, context.Change(XenRecord.Pit, 0, XenChips.PitLength));
                break;
            case HpetRegisters hpet:
                XenHpet.Store(hpet, Now, context.Change(XenRecord.Hpet, 0, XenHpet.Length));
                break;
        }
    }

    public void ReadCalendar(CalendarRegisters into)
    {
        ReadOnlySpan<byte> record = domain.Context.Find(XenRecord.Rtc);
        record[..CalendarRegisters.Count].CopyTo(into.Registers);
        (into.Index, into.Ahead) = (record[CalendarRegisters.Count], domain.CalendarAhead);
    }

    public void WriteCalendar(CalendarRegisters from)
    {
        Span<byte> record = domain.Context.Change(XenRecord.Rtc, 0, domain.Context.Find(XenRecord.Rtc).Length);
        from.Registers.CopyTo(record);
        (record[CalendarRegisters.Count], domain.CalendarAhead) = (from.Index, from.Ahead);
    }

    /// <summary>The levels of the lines, which have been seen already. Xen counts them anew when it gets those of PCI with them, of which there are none.</summary>
    private static void WriteLines(XenContext context, I8259Registers pic)
    {
        Span<byte> lines = context.Change(XenRecord.IsaIrq, 0, XenChips.LinesLength);
        lines[pic.Instance] = (byte)(pic.Instance == 0 ? pic.LastRequest & ~4 : pic.LastRequest);
        context.Change(XenRecord.PciIrq, 0, XenChips.PinsLength).Clear();
    }
}
