using System.Diagnostics;
using Rhea.Core.Config;
using Rhea.Core.Cpu;

namespace Rhea.Hypervisors.Kvm;

/// <summary>What is in the kernel: the paravirtual clock, and all of the interrupt controllers, the local APICs alone, or none.</summary>
internal sealed class KvmPlatform : IHostedPlatform
{
    private const uint RouteToChip = 1, RouteToMsi = 2;
    private const uint MasterPic = 0, SlavePic = 1, IoApic = 2;
    private const int PicLines = 8, IsaLines = 16, Cascade = 2, TimerPin = 2;

    private readonly KvmFile _vm;
    private readonly HostedChips _chips;
    private readonly IReadOnlyList<KvmVcpu> _vcpus;
    private KvmRoutes _routes;
    private long _ahead; // guest time less the host's monotonic clock, since the 8254 was last written

    public KvmPlatform(KvmFile vm, KernelIrqChip irqChip, IReadOnlyList<KvmVcpu> vcpus)
    {
        (_vm, _vcpus) = (vm, vcpus);
        _chips = HostedChips.KvmClock | irqChip switch
        {
            KernelIrqChip.On => HostedChips.Pic | HostedChips.IoApic | HostedChips.LocalApic | CreatePit(),
            KernelIrqChip.Split => HostedChips.LocalApic,
            _ => 0,
        };
        if (irqChip == KernelIrqChip.On) RouteLines();
        if (irqChip == KernelIrqChip.Split)
        {
            _routes.Count = IoApicRegisters.Pins;
            for (uint pin = 0; pin < IoApicRegisters.Pins; pin++) _routes.Entries[(int)pin] = new KvmRoute { Gsi = pin, Type = RouteToMsi, AddressLow = 0xFEE0_0000 };
        }
    }

    public bool Has(HostedChips chips) => (_chips & chips) == chips;

    public void SetIsaLine(int irq, bool level)
    {
        var line = new KvmIrqLevel { Irq = (uint)irq, Level = level ? 1u : 0 };
        _vm.Call(KvmCall.IrqLine, ref line);
    }

    public void SetPciPin(int device, int pin, bool level) => throw new NotSupportedException("the PIIX3 is here");

    public void RoutePirq(int link, int irq) => throw new NotSupportedException("the PIIX3 is here");

    public void SendMsi(ulong address, uint data)
    {
        var message = new KvmMsi { AddressLow = (uint)address, AddressHigh = (uint)(address >> 32), Data = data };
        _ = _vm.Try(KvmCall.SignalMsi, ref message); // the kernel refuses what reaches nobody
    }

    /// <summary>The kernel tells of the end of a level-triggered interrupt only for messages that it knows.</summary>
    public void RouteIoApicPin(int pin, ulong address, uint data)
    {
        ref KvmRoute route = ref _routes.Entries[pin];
        if (route.AddressLow == (uint)address && route.Data == data) return;
        (route.AddressLow, route.AddressHigh, route.Data) = ((uint)address, (uint)(address >> 32), data);
        _vm.Call(KvmCall.SetGsiRouting, ref _routes);
    }

    public void Read(ChipRegisters into)
    {
        switch (into)
        {
            case I8259Registers pic:
                var picState = new KvmIrqChip { Chip = (uint)pic.Instance };
                _vm.Call(KvmCall.GetIrqChip, ref picState);
                KvmChips.Fetch(in picState.Pic, pic);
                break;
            case IoApicRegisters ioApic:
                var ioApicState = new KvmIrqChip { Chip = IoApic };
                _vm.Call(KvmCall.GetIrqChip, ref ioApicState);
                KvmChips.Fetch(in ioApicState.IoApic, ioApic);
                break;
            case I8254Registers pit:
                KvmPit pitState = default;
                _vm.Call(KvmCall.GetPit2, ref pitState);
                KvmChips.Fetch(pitState, _ahead, Now, pit);
                break;
            case LocalApicRegisters apic:
                ReadLocalApic(apic);
                break;
            case KvmClockRegisters clock:
                KvmClock now = default;
                _vm.Call(KvmCall.GetClock, ref now);
                (clock.Clock, clock.Reliable) = (now.Nanoseconds, true);
                break;
            default:
                throw new NotSupportedException(into.Section.Name);
        }
    }

    public void Write(ChipRegisters from)
    {
        switch (from)
        {
            case I8259Registers pic:
                var picState = new KvmIrqChip { Chip = (uint)pic.Instance };
                KvmChips.Store(pic, ref picState.Pic);
                _vm.Call(KvmCall.SetIrqChip, ref picState);
                break;
            case IoApicRegisters ioApic:
                var ioApicState = new KvmIrqChip { Chip = IoApic };
                KvmChips.Store(ioApic, ref ioApicState.IoApic);
                _vm.Call(KvmCall.SetIrqChip, ref ioApicState);
                break;
            case I8254Registers pit:
                WritePit(pit);
                break;
            case LocalApicRegisters apic:
                WriteLocalApic(apic);
                break;
            case KvmClockRegisters clock:
                var set = new KvmClock { Nanoseconds = clock.Clock };
                _vm.Call(KvmCall.SetClock, ref set);
                break;
            default:
                throw new NotSupportedException(from.Section.Name);
        }
    }

    /// <summary>The kernel's 8254 goes on while the guest stands still: it continues where the guest's time does, without the ticks between.</summary>
    public void Resumed(ChipRegisters chip)
    {
        if (chip is not I8254Registers pit) return;
        Read(pit);
        WritePit(pit);
    }

    public void DrivePitIrq(bool on)
    {
        var pit = new I8254Registers();
        Read(pit);
        uint disabled = on ? 0u : 1;
        if (pit.IrqDisabled == disabled) return;
        pit.IrqDisabled = disabled;
        WritePit(pit);
    }

    private long Now => _vcpus.Count > 0 ? _vcpus[0].Time : 0;

    private long Ahead => Now - (long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));

    private HostedChips CreatePit()
    {
        var config = new KvmPitConfig { Flags = KvmPitConfig.WithSpeakerPort };
        return _vm.Try(KvmCall.CreatePit2, ref config) >= 0 ? HostedChips.Pit : 0;
    }

    private void WritePit(I8254Registers from)
    {
        KvmPit state = default;
        KvmChips.Store(from, Now, state);
        _vm.Call(KvmCall.SetPit2, ref state);
        _ahead = Ahead;
    }

    private KvmVcpu? Vcpu(int index) => index < _vcpus.Count ? _vcpus[index] : null;

    private void ReadLocalApic(LocalApicRegisters into)
    {
        if (Vcpu(into.Instance) is not { } vcpu) return;
        KvmLapic page = default;
        KvmSregs system = default;
        var activity = KvmActivity.Runnable;
        vcpu.File.Call(KvmCall.GetMpState, ref activity);
        vcpu.File.Call(KvmCall.GetLapic, ref page);
        vcpu.File.Call(KvmCall.GetSregs, ref system);
        KvmChips.Fetch(page, system.ApicBase, vcpu.Time, into);
        into.WaitForSipi = activity is KvmActivity.Uninitialized or KvmActivity.InitReceived ? 1 : 0;
    }

    private void WriteLocalApic(LocalApicRegisters from)
    {
        if (Vcpu(from.Instance) is not { } vcpu) return;
        KvmLapic page = default;
        KvmSregs system = default;
        KvmChips.Store(from, vcpu.Time, page);
        vcpu.File.Call(KvmCall.GetSregs, ref system);
        system.ApicBase = from.Base;
        vcpu.File.Call(KvmCall.SetSregs, ref system);
        vcpu.File.Call(KvmCall.SetLapic, ref page);
        vcpu.WaitsForSipi = from.WaitForSipi != 0;
    }

    /// <summary>ISA lines reach both kinds of controllers; IRQ 0 is pin 2 of the I/O APIC, as the MADT tells the guest.</summary>
    private void RouteLines()
    {
        for (uint gsi = 0; gsi < IoApicRegisters.Pins; gsi++)
        {
            if (gsi < IsaLines && gsi != Cascade) Add(gsi, gsi < PicLines ? MasterPic : SlavePic, gsi % PicLines);
            if (gsi != Cascade) Add(gsi, IoApic, gsi == 0 ? TimerPin : gsi);
        }

        _vm.Call(KvmCall.SetGsiRouting, ref _routes);
    }

    private void Add(uint gsi, uint chip, uint pin) =>
        _routes.Entries[(int)_routes.Count++] = new KvmRoute { Gsi = gsi, Type = RouteToChip, Chip = chip, Pin = pin };
}
