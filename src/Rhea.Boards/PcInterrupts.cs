using Rhea.Core.Cpu;
using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Devices.Chipset;
using Rhea.X86.Apic;

namespace Rhea.Boards;

/// <summary>The interrupt wiring of a PC: ISA lines go to the 8259 pair and to the I/O APIC, and both of them to the processors.</summary>
/// <remarks>
/// IRQ 0 reaches pin 2 of the I/O APIC; the MADT tells the guest so. What the hypervisor keeps gets its lines and messages there: all of the
/// controllers, the local APICs alone, or none.
/// </remarks>
internal sealed class PcInterrupts
{
    private const int IsaLines = 16, TimerPin = 2, Cascade = 2;

    private readonly IHostedPlatform? _platform;
    private readonly List<IrqLine>[] _wires = [.. Enumerable.Range(0, IsaLines).Select(_ => new List<IrqLine>())];
    private readonly List<IVcpu> _vcpus = [];
    private I8259? _master;
    private IoApic? _ioApic;

    public PcInterrupts(IHostedPlatform? platform)
    {
        _platform = platform;
        Apics = new ApicBus(() => _master?.Acknowledge() ?? -1);
        MsiWindow = ApicBus.MsiWindow(SendMsi);
        Isa = [.. _wires.Select(IrqInput.Junction)];
        Global = Isa;
    }

    /// <summary>What joins the local APICs that are here.</summary>
    public ApicBus Apics { get; }

    /// <summary>Where a device's write is an interrupt.</summary>
    public IoRegion MsiWindow { get; }

    /// <summary>The sixteen ISA interrupts.</summary>
    public IReadOnlyList<IrqInput> Isa { get; }

    /// <summary>The 24 global system interrupts: the ISA lines, and the I/O APIC's pins above them.</summary>
    public IReadOnlyList<IrqInput> Global { get; private set; }

    public int Acknowledge() => _master?.Acknowledge() ?? -1;

    /// <summary>A processor whose local APIC is in the hypervisor: pins that are here reach it directly.</summary>
    public void Join(IVcpu vcpu) => _vcpus.Add(vcpu);

    public void Nmi()
    {
        if (!Hosts(HostedChips.LocalApic)) Apics.Nmi.NewLine().Pulse();
        foreach (IVcpu vcpu in _vcpus) vcpu.Signal(CpuSignal.Nmi);
    }

    /// <summary>A local APIC of the hypervisor's has finished a level-triggered interrupt.</summary>
    public void EndOfInterrupt(byte vector) => _ioApic?.EndOfInterrupt(vector);

    public void AddPics(MachineBuilder board)
    {
        if (Hosts(HostedChips.Pic))
        {
            board.Add("/machine/pic", _ => new HostedChip(_platform!, new I8259Registers(0)));
            board.Add("/machine/pic2", _ => new HostedChip(_platform!, new I8259Registers(1)));
            for (var irq = 0; irq < IsaLines; irq++)
            {
                int line = irq;
                _wires[irq].Add(new IrqInput(level => _platform!.SetIsaLine(line, level)).NewLine());
            }

            return;
        }

        I8259 master = _master = board.Add("/machine/pic",
            slot => new I8259(slot, new I8259Registers(0), 0x20, 0x4D0, 0xF8, PicOutput().NewLine()));
        I8259 slave = board.Add("/machine/pic2",
            slot => new I8259(slot, new I8259Registers(1), 0xA0, 0x4D1, 0xDE, master.Inputs[Cascade].NewLine(), master));
        for (var irq = 0; irq < IsaLines; irq++)
            if (irq != Cascade) _wires[irq].Add((irq < 8 ? master.Inputs[irq] : slave.Inputs[irq - 8]).NewLine());
    }

    public void AddIoApic(MachineBuilder board)
    {
        if (Hosts(HostedChips.IoApic))
        {
            board.Add("/machine/ioapic", _ => new HostedChip(_platform!, new IoApicRegisters()));
            Global = [.. Isa, .. Enumerable.Range(IsaLines, IoApicRegisters.Pins - IsaLines).Select(pin => new IrqInput(level => _platform!.SetIsaLine(pin, level)))];
            return;
        }

        IoApic ioApic = _ioApic = board.Add("/machine/ioapic",
            slot => new IoApic(slot, new IoApicRegisters(), SendMsi, Hosts(HostedChips.LocalApic) ? _platform!.RouteIoApicPin : null));
        Apics.LevelEnded = ioApic.EndOfInterrupt;
        Global = [.. Isa, .. ioApic.Inputs.Skip(IsaLines)];
        for (var irq = 0; irq < IsaLines; irq++)
            if (irq != Cascade) _wires[irq].Add(ioApic.Inputs[irq == 0 ? TimerPin : irq].NewLine());
    }

    private void SendMsi(ulong address, uint data)
    {
        if (Hosts(HostedChips.LocalApic)) _platform!.SendMsi(address, data);
        else Apics.SendMsi(address, data);
    }

    /// <summary>LINT0 of the local APICs; with those in the hypervisor, the INTR pin of the processor that boots.</summary>
    private IrqInput PicOutput() => Hosts(HostedChips.LocalApic) ? new IrqInput(level => _vcpus[0].SetIntr(level), remembers: false) : Apics.Intr;

    private bool Hosts(HostedChips chip) => _platform?.Has(chip) ?? false;
}
