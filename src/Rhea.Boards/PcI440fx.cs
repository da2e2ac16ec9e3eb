using Rhea.Boards.Firmware;
using Rhea.Core.Config;
using Rhea.Core.Cpu;
using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Core.Pci;
using Rhea.Devices.Chipset;
using Rhea.Devices.Debug;
using Rhea.Devices.Input;
using Rhea.Devices.Pci;
using Rhea.Devices.Serial;
using Rhea.X86.Apic;
using Rhea.X86.Cpuid;

namespace Rhea.Boards;

/// <summary>QEMU 7.2's "pc": an i440FX with a PIIX3, as QEMU presents it. Parts are added in the order of QEMU's stream.</summary>
public static class PcI440fx
{
    public const string Type = "pc-i440fx-7.2";

    private const int SouthBridge = 1; // its device number
    private const uint X2ApicFeature = 1 << 21;
    private const ulong BiosTop = 1UL << 32, IsaBiosTop = 0x10_0000, IsaBiosLength = 0x2_0000, OptionRoms = 0xC_0000, OptionRomLength = 0x2_0000;

    /// <exception cref="Core.ConfigException">The configuration asks for something that cannot be had.</exception>
    public static Machine Build(MachineConfig config, BoardHost host)
    {
        var board = new MachineBuilder(config.Type, host.Clock, host.Accelerator.Ram ?? host.Ram, host.Log);
        var files = new FirmwareFiles(config.Firmware);
        board.Parts.Firmware = name => files.Find(name) is { } path ? File.ReadAllBytes(path) : null;
        host.AddBackends(board.Parts);

        var split = RamSplit.Of(config.Memory, config.Switches.MaxRamBelow4G);
        MemoryRegion ram = MemoryRegion.Ram(board.AddRam("pc.ram", config.Memory));
        board.SmmSystem.Add(0, MemoryRegion.Window("memory", board.System, 0, MemoryRegion.Everything));
        AddRoms(board, files);
        host.Accelerator.Attach(board.Memory, board.SmmMemory);

        var interrupts = new PcInterrupts(host.Accelerator.Platform);
        board.IsaIrq = irq => interrupts.Isa[irq];
        AddProcessors(board, config, host.Accelerator, interrupts);
        board.System.Add(ApicBus.MsiBase, MemoryRegion.Io(interrupts.Apics.MsiWindow), priority: 4096);

        FwCfg fwCfg = board.Add("/machine/fw_cfg", slot => new FwCfg(slot, new GuestMemory(board.Memory)));
        PciBus pci = AddPci(board, ram, split);
        AddSouthBridge(board, config, interrupts, pci);
        Rtc rtc = AddTimers(board, config);
        AddSerialPorts(board, config);
        AddKeyboard(board, config);
        CmosContents.WriteMemory(rtc.Ram, split);
        CmosContents.WriteCpus(rtc.Ram, config.Smp.Cpus);
        CmosContents.WriteBootOrder(rtc.Ram, config.Boot.Once ?? config.Boot.Order);
        return board.Build();
    }

    /// <summary>The BIOS ends at 4 GiB, and its last 128 KiB are also below 1 MiB, until the bridge lays RAM over them.</summary>
    private static void AddRoms(MachineBuilder board, FirmwareFiles files)
    {
        byte[] image = files.LoadBios();
        RamBlock bios = board.AddRam("pc.bios", (ulong)image.Length);
        image.CopyTo(bios.Span(0, image.Length));
        MemoryRegion rom = MemoryRegion.Rom(bios);
        ulong length = Math.Min(rom.Length, IsaBiosLength);
        board.System.Add(BiosTop - rom.Length, rom);
        board.System.Add(IsaBiosTop - length, MemoryRegion.Window("isa-bios", rom, rom.Length - length, length));
        board.System.Add(OptionRoms, MemoryRegion.Rom(board.AddRam("pc.rom", OptionRomLength)));
    }

    private static void AddProcessors(MachineBuilder board, MachineConfig config, IAccelerator accelerator, PcInterrupts interrupts)
    {
        for (var index = 0; index < config.Smp.Cpus; index++)
        {
            IReadOnlyList<CpuidLeaf> model = CpuModel.Build(config.Cpu, config.Smp, index, accelerator.Supported);
            CpuidLeaf features = model.First(leaf => leaf.Leaf == 1);
            string path = $"/machine/cpu[{index}]";
            var registers = new LocalApicRegisters(index);
            var id = (byte)new Topology(config.Smp, index).ApicId;
            LocalApic? apic = null;
            if (accelerator.Platform?.Has(HostedChips.LocalApic) ?? false) board.Add($"{path}/lapic", _ => new HostedChip(accelerator.Platform, registers));
            else apic = board.Add($"{path}/lapic", slot => new LocalApic(slot, registers, interrupts.Apics, id, (features.Ecx & X2ApicFeature) != 0));

            var bus = new MachineBus(board.Loop, board.Ports, board.Memory, board.SmmMemory, apic, interrupts.Acknowledge);
            IVcpu vcpu = accelerator.CreateVcpu(index, model, bus);
            apic?.Vcpu = vcpu;
            board.AddProcessor(path, new Processor(vcpu, index, features.Eax));
        }
    }

    private static PciBus AddPci(MachineBuilder board, MemoryRegion ram, RamSplit split)
    {
        MemoryRegion memory = MemoryRegion.Frame("pci", MemoryRegion.Everything);
        board.System.Add(0, memory, priority: -1);
        var bus = new PciBus("pci.0", memory, board.Ports, board.Memory, (device, pin) => (device + pin - SouthBridge) & 3);
        board.Add("/machine/i440fx", slot => new PciHost(slot, bus));
        board.Add("/machine/i440fx/pci.0", _ => bus);
        board.Add("/machine/i440fx/bridge", bus, PciAddress(0, 0), slot => new I440Fx(slot, ram, split.Below4G, board.System, board.SmmSystem));
        return bus;
    }

    /// <summary>What is inside the PIIX3, and the interrupt controllers around it.</summary>
    private static void AddSouthBridge(MachineBuilder board, MachineConfig config, PcInterrupts interrupts, PciBus pci)
    {
        _ = config;
        board.Add("/machine/piix3", pci, PciAddress(SouthBridge, 0), slot => new Piix3(slot, interrupts.Isa));
        interrupts.AddPics(board);
        interrupts.AddIoApic(board);
    }

    private static Rtc AddTimers(MachineBuilder board, MachineConfig config)
    {
        Rtc rtc = board.Add("/machine/rtc", slot => new Rtc(slot, new Rtc.Options { Start = config.Rtc.Start ?? DateTime.UnixEpoch }));
        I8254 pit = board.Add("/machine/pit", slot => new I8254(slot, new I8254Registers()));
        board.Add("/machine/pcspk", slot => new PcSpeaker(slot, pit));
        return rtc;
    }

    private static void AddSerialPorts(MachineBuilder board, MachineConfig config)
    {
        for (var index = 0; index < config.Serials.Count; index++)
        {
            if (config.Serials[index] is not { } chardev) continue;
            int port = index;
            board.Add($"/machine/serial{index}", slot => new Serial16550(slot, new Serial16550.Options { Index = port, Chardev = chardev }));
        }

        if (config.DebugConsole is { } console) board.Add("/machine/debugcon", slot => new DebugConsole(slot, new DebugConsole.Options { Chardev = console }));
    }

    private static void AddKeyboard(MachineBuilder board, MachineConfig config)
    {
        if (config.Switches.I8042)
        {
            var keyboard = board.Add("/machine/i8042/keyboard", slot => new Ps2Keyboard());
            var mouse = board.Add("/machine/i8042/mouse", slot => new Ps2Mouse());
            board.Add("/machine/i8042", slot => new I8042(slot, keyboard, mouse, open => SetA20(board, open), () => slot.RequestShutdown(new(ShutdownCause.Reset))));
        }

        board.Add("/machine/port92", slot => new Port92(slot, open => SetA20(board, open), () => slot.RequestShutdown(new(ShutdownCause.Reset))));
    }

    private static void SetA20(MachineBuilder board, bool open)
    {
        foreach (Processor processor in board.Processors) processor.Vcpu.SetA20(open);
    }

    private static int PciAddress(int device, int function) => device << 3 | function;
}
