using Rhea.Boards.Firmware;
using Rhea.Boards.Firmware.Acpi;
using Rhea.Core;
using Rhea.Core.Config;
using Rhea.Core.Cpu;
using Rhea.Core.Diagnostics;
using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Core.Pci;
using Rhea.Devices.Chipset;
using Rhea.Devices.Debug;
using Rhea.Devices.Input;
using Rhea.Devices.Pci;
using Rhea.Devices.Storage;
using Rhea.X86.Apic;
using Rhea.X86.Cpuid;

namespace Rhea.Boards;

/// <summary>QEMU 7.2's "pc": an i440FX with a PIIX3, as QEMU presents it. Parts are added in the order of QEMU's stream.</summary>
public static class PcI440fx
{
    public const string Type = "pc-i440fx-7.2";

    private const string HostBridge = "/machine/i440fx/bridge", Unattached = "/machine/unattached";
    private const int SouthBridge = 1; // its device number
    private const int SystemControlInterrupt = 9;
    private const uint X2ApicFeature = 1 << 21;
    private const uint Htt = 1 << 28; // CPUID leaf 1, EDX
    private const uint Amd = 0x6874_7541; // "Auth", the vendor's first four letters
    private const ulong BiosTop = 1UL << 32, IsaBiosTop = 0x10_0000, IsaBiosLength = 0x2_0000, OptionRoms = 0xC_0000, OptionRomLength = 0x2_0000;

    /// <exception cref="ConfigException">The configuration asks for something that cannot be had.</exception>
    public static Machine Build(MachineConfig config, BoardHost host)
    {
        var board = new MachineBuilder(config.Type, host.Clock, host.Accelerator.Ram ?? host.Ram, host.Log) { TakesTurns = host.Accelerator.SingleThread };
        var files = new FirmwareFiles(config.Firmware);
        board.Parts.Firmware = name => files.Find(name) is { } path ? File.ReadAllBytes(path) : null;
        host.AddBackends(board.Parts);

        var split = RamSplit.Of(config.Memory, config.Switches.MaxRamBelow4G);
        MemoryRegion ram = MemoryRegion.Ram(board.AddRam("pc.ram", config.Memory));
        board.SmmSystem.Add(0, MemoryRegion.Window("memory", board.System, 0, MemoryRegion.Everything));
        AddRoms(board, files);
        host.Accelerator.Attach(board.Memory, board.SmmMemory);

        var interrupts = new PcInterrupts(host.Accelerator.Platform);
        board.IsaIrq = irq => irq < interrupts.Global.Count ? interrupts.Global[irq] : null;
        PortCaller? caller = config.Switches is { VmPort: true, I8042: true } ? new PortCaller() : null;
        CoprocessorError coprocessor = board.Add("/machine/ferr", slot => new CoprocessorError(slot));
        IReadOnlyList<CpuidLeaf> cpu = AddProcessors(board, config, host, interrupts, caller, coprocessor);
        board.System.Add(ApicBus.MsiBase, MemoryRegion.Io(interrupts.MsiWindow), priority: 4096);
        board.Nmi = interrupts.Nmi;

        board.Add("/machine/kvmvapic", _ => new KvmVapic());
        IHostedPlatform? clockHost = host.Accelerator.Platform is { } platform && platform.Has(HostedChips.KvmClock) ? platform : null;
        board.Add("/machine/kvmclock", _ => new KvmClock(new KvmClockRegisters(), clockHost, () => board.Processors.Select(processor => processor.Registers),
            new GuestMemory(board.Memory), board.Clock));
        FwCfg fwCfg = board.Add("/machine/fw_cfg", slot => new FwCfg(slot, new GuestMemory(board.Memory)));
        PciBus pci = AddPci(board, ram, split);
        I8237 dma = AddSouthBridge(board, interrupts, pci);
        board.Parts.IsaDma = channel => channel is >= 0 and < 4 ? dma.Channels[channel] : null;
        if (config.Vga == "std") AddDevice(board, config, "VGA", ("addr", "2"));
        Rtc rtc = AddTimers(board, config, host.Accelerator.Platform, interrupts);
        host.Accelerator.GatherWrites(Rtc.IndexPort);
        AddPorts(board, config);
        I82078 floppies = AddFloppies(board, config);
        AddKeyboard(board, config);
        if (caller is not null) AddVmPort(board, config, caller, cpu.Any(leaf => leaf.Leaf == 1 && (leaf.Ecx & X2ApicFeature) != 0));
        AddPort92(board);
        Piix3Ide ide = board.Add("/machine/piix3/ide", pci, new PciAddress(SouthBridge, 1).Number, slot => new Piix3Ide(slot, board.Ports, board.IsaIrq));
        AddDrives(board, config);
        Piix4Pm? pm = config.Switches.Acpi ? AddPowerManagement(board, config, host, interrupts, pci, rtc) : null;
        foreach (DeviceConfig device in config.Devices) Spelled(device.Origin, () => DevicePlug.Add(board.Parts, device, config.Globals));
        FirmwareSetup.Install(board, config, fwCfg, rtc, Facts(board, config, host.Accelerator.Platform, split, cpu, ide, floppies, pm));
        Machine machine = board.Build();
        machine.Peculiarities = [.. Peculiarities(config, host.Accelerator.Platform)];
        return machine;
    }

    private static IEnumerable<string> Peculiarities(MachineConfig config, IHostedPlatform? platform)
    {
        if (config.Switches.Hpet && (platform?.Has(HostedChips.Hpet) ?? false))
            yield return "its HPET counts at this hypervisor's rate (with -machine hpet=off there is none)";
        if (Enumerable.Range(0, config.Smp.Cpus).Any(index => ApicId(config, platform, index) != new Topology(config.Smp, index).ApicId))
            yield return "its local APICs have this hypervisor's numbers (with -machine movable=on it has the same everywhere)";
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

    /// <summary>Returns what CPUID says on the first.</summary>
    private static IReadOnlyList<CpuidLeaf> AddProcessors(MachineBuilder board, MachineConfig config, BoardHost host, PcInterrupts interrupts, PortCaller? caller, CoprocessorError coprocessor)
    {
        IAccelerator accelerator = host.Accelerator;
        IReadOnlyList<CpuidLeaf>? first = null;
        for (var index = 0; index < config.Smp.Cpus; index++)
        {
            IReadOnlyList<CpuidLeaf> model = CpuModel.Build(config.Cpu, config.Smp, index, accelerator.Supported,
                first is null ? message => host.Log(LogLevel.Warning, $"warning: {message}") : null, accelerator.Offerer);
            first ??= model;
            CpuidLeaf features = model.First(leaf => leaf.Leaf == 1);
            string path = $"{Unattached}/device[{index}]";
            var registers = new LocalApicRegisters(index, (byte)ApicId(config, accelerator.Platform, index));
            LocalApic? apic = null;
            bool hosted = accelerator.Platform?.Has(HostedChips.LocalApic) ?? false;
            if (hosted) board.Add($"{path}/lapic", _ => new HostedChip(accelerator.Platform!, registers));
            else apic = board.Add($"{path}/lapic", slot => new LocalApic(slot, registers, interrupts.Apics, (features.Ecx & X2ApicFeature) != 0));

            var bus = new MachineBus(board.Loop, board.Ports, board.Memory, board.SmmMemory, apic, interrupts.Acknowledge)
            {
                Caller = caller,
                LevelEnded = hosted ? interrupts.EndOfInterrupt : null,
                FloatingPointError = index == 0 ? coprocessor.Report : null, // the others must have NE set
            };
            IVcpu vcpu = accelerator.CreateVcpu(index, model, bus);
            bus.Vcpu = vcpu;
            apic?.Vcpu = vcpu;
            if (hosted) interrupts.Join(vcpu);
            Processor processor = board.AddProcessor(path, new Processor(vcpu, index, features.Eax));
            if (index == 0) coprocessor.Processor = processor.Registers;
        }

        return first!;
    }

    /// <summary>The number of a processor's local APIC: by its place in sockets and cores, unless the hypervisor that keeps the APIC says otherwise.</summary>
    private static int ApicId(MachineConfig config, IHostedPlatform? platform, int index)
    {
        int natural = new Topology(config.Smp, index).ApicId;
        return platform?.Has(HostedChips.LocalApic) ?? false ? platform.ApicId(index, natural) : natural;
    }

    private static PciBus AddPci(MachineBuilder board, MemoryRegion ram, RamSplit split)
    {
        MemoryRegion memory = MemoryRegion.Frame("pci", MemoryRegion.Everything);
        board.System.Add(0, memory, priority: -1);
        var bus = new PciBus("pci.0", memory, board.Ports, board.Memory, (device, pin) => (device + pin - SouthBridge) & 3);
        board.Add("/machine/i440fx", slot => new PciHost(slot, bus));
        board.Add("/machine/i440fx/pci.0", _ => bus);
        board.Add(HostBridge, bus, 0, slot => new I440Fx(slot, ram, split.Below4G, board.System, board.SmmSystem));
        return bus;
    }

    /// <summary>What is inside the PIIX3, and the interrupt controllers around it.</summary>
    private static I8237 AddSouthBridge(MachineBuilder board, PcInterrupts interrupts, PciBus pci)
    {
        I8237 dma = board.Add("/machine/dma", slot => new I8237(slot, new GuestMemory(board.Memory), second: false));
        board.Add("/machine/dma2", slot => new I8237(slot, new GuestMemory(board.Memory), second: true));
        board.Add("/machine/piix3", pci, new PciAddress(SouthBridge).Number, slot => new Piix3(slot, interrupts.Isa));
        interrupts.AddPics(board);
        interrupts.AddIoApic(board);
        return dma;
    }

    private static Rtc AddTimers(MachineBuilder board, MachineConfig config, IHostedPlatform? platform, PcInterrupts interrupts)
    {
        DateTime start = config.Rtc.Start ?? (config.Rtc.LocalTime ? TimeProvider.System.GetLocalNow().DateTime : TimeProvider.System.GetUtcNow().UtcDateTime);
        Rtc rtc = board.Add("/machine/rtc", slot => new Rtc(slot, new Rtc.Options
        {
            Start = start,
            FollowsGuest = config.Rtc.FollowsGuest,
            Host = platform?.Has(HostedChips.Rtc) ?? false ? platform : null,
        }));
        I8254? pit = null;
        if (platform?.Has(HostedChips.Pit) ?? false) board.Add("/machine/pit", _ => new HostedChip(platform, new I8254Registers()));
        else pit = board.Add("/machine/pit", slot => new I8254(slot, new I8254Registers()));
        if (config.Switches.Hpet && (platform?.Has(HostedChips.Hpet) ?? false)) board.Add("/machine/hpet", _ => new HostedChip(platform, new HpetRegisters()));
        else if (config.Switches.Hpet)
            board.Add("/machine/hpet", slot => new Hpet(slot, new HpetRegisters(), interrupts.Global, pit is null ? platform!.DrivePitIrq : on => pit.DrivesIrq = on, rtc));
        board.Add("/machine/pcspk", slot => new PcSpeaker(slot, pit));
        return rtc;
    }

    private static void AddPorts(MachineBuilder board, MachineConfig config)
    {
        for (var index = 0; index < config.Serials.Count; index++)
            if (config.Serials[index] is { } chardev)
                AddDevice(board, config, "isa-serial", ("index", $"{index}"), ("chardev", chardev));
        for (var index = 0; index < config.Parallels.Count; index++)
            if (config.Parallels[index] is { } chardev)
                AddDevice(board, config, "isa-parallel", ("index", $"{index}"), ("chardev", chardev));
        if (config.DebugConsole is { } console) AddDevice(board, config, "isa-debugcon", ("chardev", console));
    }

    private static I82078 AddFloppies(MachineBuilder board, MachineConfig config)
    {
        var controller = (I82078)AddDevice(board, config, "isa-fdc");
        foreach (DriveConfig drive in config.Drives.Where(drive => drive.Interface == "floppy"))
            Spelled(drive.Origin, () => AddDevice(board, config, "floppy", ("drive", drive.Id), ("unit", $"{drive.Unit}")));
        return controller;
    }

    private static void AddKeyboard(MachineBuilder board, MachineConfig config)
    {
        if (!config.Switches.I8042) return;
        Ps2Keyboard keyboard = board.Add("/machine/i8042/keyboard", _ => new Ps2Keyboard());
        Ps2Mouse mouse = board.Add("/machine/i8042/mouse", _ => new Ps2Mouse());
        board.Add("/machine/i8042", slot => new I8042(slot, keyboard, mouse, open => SetA20(board, open), () => slot.RequestShutdown(new(ShutdownCause.Reset))));
    }

    private static void AddPort92(MachineBuilder board) =>
        board.Add("/machine/port92", slot => new Port92(slot, open => SetA20(board, open), () => slot.RequestShutdown(new(ShutdownCause.Reset))));

    private static void AddVmPort(MachineBuilder board, MachineConfig config, PortCaller caller, bool x2Apic)
    {
        VmMouse mouse = board.Add("/machine/vmmouse", slot => new VmMouse(slot));
        board.Add("/machine/vmport", slot => new VmPort(slot, caller, mouse, new VmPort.Options(config.Memory, config.Uuid ?? Guid.Empty, x2Apic)));
    }

    private static void AddDrives(MachineBuilder board, MachineConfig config)
    {
        foreach (DriveConfig drive in config.Drives.Where(drive => drive.Interface == "ide"))
            Spelled(drive.Origin, () => AddDevice(board, config, drive.Media == "cdrom" ? "ide-cd" : "ide-hd",
                ("drive", drive.Id), ("bus", $"ide.{drive.Bus}"), ("unit", $"{drive.Unit}")));
    }

    private static Piix4Pm AddPowerManagement(MachineBuilder board, MachineConfig config, BoardHost host, PcInterrupts interrupts, PciBus pci, Rtc rtc)
    {
        uint[] ids = [.. Enumerable.Range(0, config.Smp.MaxCpus).Select(index => (uint)ApicId(config, host.Accelerator.Platform, index))];
        var wiring = new Piix4Pm.Wiring(interrupts.Isa[SystemControlInterrupt],
            () => board.Processors[0].Vcpu.Signal(CpuSignal.Smi), ids, index => index < config.Smp.Cpus);
        Piix4Pm pm = board.Add("/machine/piix4_pm", pci, new PciAddress(SouthBridge, 3).Number,
            slot => new Piix4Pm(slot, wiring, new Piix4Pm.Options { Smm = config.Switches.Smm && host.Accelerator.HasSmm }));
        var bridge = (I440Fx)board.Parts.Devices[HostBridge].Device;
        board.PowerButton = pm.PressPowerButton;
        board.OnSuspend = sleeps =>
        {
            rtc.NoteSleep(sleeps);
            bridge.KeepShadow(sleeps);
        };
        board.OnWakeUp = pm.Wake;
        rtc.Alarmed = pm.Alarm;
        return pm;
    }

    private static FirmwareFacts Facts(MachineBuilder board, MachineConfig config, IHostedPlatform? platform, RamSplit split, IReadOnlyList<CpuidLeaf> cpu, Piix3Ide ide, I82078 floppies, Piix4Pm? pm)
    {
        CpuidLeaf vendor = cpu.First(leaf => leaf.Leaf == 0), identity = cpu.First(leaf => leaf.Leaf == 1);
        var order = new BootOrder();
        foreach (IdeDrive drive in board.Parts.Devices.Values.Select(node => node.Device).OfType<IdeDrive>())
            if (drive.BootIndex is { } index) order.Add(index, BootOrder.IdeDisk(drive.Channel, drive.Unit));
        for (var unit = 0; unit < floppies.BootIndexes.Count; unit++)
            if (floppies.BootIndexes[unit] is >= 0 and var index) order.Add(index, BootOrder.Floppy(unit));
        return new FirmwareFacts
        {
            Ram = split,
            Processors = [.. Enumerable.Range(0, config.Smp.MaxCpus)
                .Select(index => new AcpiProcessor((byte)ApicId(config, platform, index), index < config.Smp.Cpus))],
            BootOrder = order,
            AmdProcessor = vendor.Ebx == Amd,
            ProcessorId = identity.Eax | (ulong)(identity.Edx & ~Htt) << 32, // which says how many, not what kind
            Disks = [.. ide.Geometries.Select(disk => disk is { } shape ? new DiskGeometry((ushort)shape.Cylinders, (byte)shape.Heads, (byte)shape.SectorsPerTrack) : (DiskGeometry?)null)],
            PanicPort = board.Parts.Devices.Values.Select(node => node.Device).OfType<PvPanic>().FirstOrDefault()?.Port,
            ParallelPort = config.Parallels is [not null, ..],
            Floppies = (floppies.DriveTypes[0], floppies.DriveTypes[1]),
            SerialPorts = [.. Enumerable.Range(0, 4).Select(index => index < config.Serials.Count && config.Serials[index] is not null)],
            FixedPciSlots = config.Vga == "std" ? [0, SouthBridge, 2] : [0, SouthBridge],
            PowerManagementPorts = pm is null ? () => 0 : () => pm.Ports,
        };
    }

    /// <summary>A device that a PC has by default, made as if the user had named it, so that <c>-global</c> reaches it.</summary>
    private static Device AddDevice(MachineBuilder board, MachineConfig config, string driver, params (string Key, string Value)[] properties) =>
        DevicePlug.Add(board.Parts, new DeviceConfig(driver, [.. properties.Select(pair => new KeyValuePair<string, string>(pair.Key, pair.Value))]), config.Globals, Unattached);

    /// <summary>Puts the option as the user spelt it before what is wrong with it.</summary>
    private static void Spelled(string option, Action add)
    {
        try
        {
            add();
        }
        catch (ConfigException error) when (option.Length > 0)
        {
            throw new ConfigException($"{option}: {error.Message}", error);
        }
    }

    private static void SetA20(MachineBuilder board, bool open)
    {
        foreach (Processor processor in board.Processors) processor.Vcpu.SetA20(open);
    }
}
