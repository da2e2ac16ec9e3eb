using Rhea.Core.Backends;
using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.Pci;
using Rhea.Core.State;

namespace Rhea.Devices.Chipset;

/// <summary>The PC's power management: sleep and power off, the power button, the ACPI timer, SMBus, and hot plugging.</summary>
/// <remarks>
/// Data sheet: Intel 82371AB (PIIX4), 1997, function 3. General purpose events and hot plugging are QEMU's and have fixed
/// ports; ACPI and SMBus registers are where the firmware puts them.
/// </remarks>
public sealed class Piix4Pm : Device, IInputSink
{
    private const int PmBase = 0x40, SmiControl = 0x5B, PmEnable = 0x80, SmBusBase = 0x90, SmBusConfig = 0xD2;
    private const byte Enabled = 0x01;                          // PM and SMBus registers
    private const byte CommandSmi = 0x02;                       // SMI control: a command to port B2h interrupts
    private const ushort BaseMask = 0xFFC0;
    private const byte EnableAcpi = 0xF1, DisableAcpi = 0xF0;   // commands
    private const int PowerOffType = 0, SuspendType = 1;        // of sleep; hibernation is an option
    private const int PciEvent = 1, CpuEvent = 2;               // general purpose events
    private const byte FirstEeprom = 0x50, Eeproms = 8;

    private static readonly StructType ApmType = new("APM State", 1), MemoryType = new("memory hotplug state", 1);

    private readonly PciSlot _slot;
    private readonly Wiring _wiring;
    private readonly Options _options;
    private readonly PciFunction _pci;
    private readonly AcpiFixedHardware _acpi;
    private readonly SmBusHost _smBus = new();
    private readonly AcpiPciHotPlug _pciHotPlug;
    private readonly AcpiCpuHotPlug _cpuHotPlug;
    private readonly PortWindow _pmPorts, _smBusPorts;
    private byte _apmCommand, _apmStatus;
    private uint _memorySelector; // of memory modules, which cannot be plugged in yet

    public Piix4Pm(PciSlot slot, Wiring wiring, Options options)
    {
        (_slot, _wiring, _options) = (slot, wiring, options);
        _pci = slot.Plug(new PciIdentity(0x8086, 0x7113, Revision: 3, Class: 0x0680, SubsystemVendor: 0x1AF4, Subsystem: 0x1100, InterruptPin: 1) { Fixed = true });
        _pci.SetWord(0x06, 0x0280); // medium DEVSEL timing, fast back-to-back
        _pci.ConfigWritten += (_, _) => Settle();
        _acpi = new AcpiFixedHardware(slot, wiring.Sci, Sleep);
        _pciHotPlug = new AcpiPciHotPlug(slot.PciBus, () => _acpi.RaiseGpe(PciEvent));
        slot.PciBus.HotPlug = _pciHotPlug;
        _cpuHotPlug = new AcpiCpuHotPlug(wiring.ApicIds, wiring.IsProcessorPresent);

        _pmPorts = slot.CreatePortWindow(new IoRegion("piix4-pm", 0x40, new AccessSizes(1, 2),
            _acpi.Read, (offset, size, value) => _acpi.Write(offset, size, (ushort)value)));
        _smBusPorts = slot.CreatePortWindow(new IoRegion("pm-smbus", 0x40, AccessSizes.Byte,
            (offset, _) => _smBus.Read(offset), (offset, _, value) => _smBus.Write(offset, (byte)value)));
        slot.MapPorts(0xB2, new IoRegion("apm-io", 2, AccessSizes.Byte, (offset, _) => offset == 0 ? _apmCommand : _apmStatus, WriteApm));
        slot.MapPorts(0xAFE0, new IoRegion("acpi-gpe0", 4, AccessSizes.Byte,
            (offset, _) => _acpi.ReadGpe(offset), (offset, _, value) => _acpi.WriteGpe(offset, (byte)value)));
        slot.MapPorts(0xAE00, new IoRegion("acpi-pci-hotplug", AcpiPciHotPlug.Length, new AccessSizes(1, 4),
            _pciHotPlug.Read, (offset, size, value) => _pciHotPlug.Write(offset, size, (uint)value)));
        slot.MapPorts(0xAF00, new IoRegion("acpi-cpu-hotplug", AcpiCpuHotPlug.Length, new AccessSizes(1, 4),
            (offset, _) => _cpuHotPlug.Read(offset), (offset, _, value) => _cpuHotPlug.Write(offset, value)));
        slot.AddInput(this);
        slot.AddSection("i2c_bus", I2cBus.Section, new I2cBus());
        for (byte address = FirstEeprom; address < FirstEeprom + Eeproms; address++)
        {
            var eeprom = new SmBusEeprom(address);
            _smBus.Add(address, eeprom);
            slot.AddSection(SmBusEeprom.Section, SmBusEeprom.Type, eeprom);
        }
    }

    public override string Model => "PIIX4_PM";

    public override StructType Section { get; } = new("piix4_pm", 3);

    /// <summary>Where the firmware has put the ACPI registers; 0 before it has.</summary>
    public ushort Ports => (ushort)(_pci.Word(PmBase) & BaseMask);

    /// <summary>Values of the data sheet, and what the firmware of a real board would have set.</summary>
    public override void Reset()
    {
        _pci.Reset();
        for (var i = 0x40; i < 0x100; i++) _pci[i] = 0;
        (_pci[PmBase], _pci[0x5F], _pci[0x63], _pci[SmBusConfig]) = (1, (byte)(_slot.Answers(0x378) ? 0x90 : 0x10), 0x60, 0x09);
        _pci[0x67] = (byte)((_slot.Answers(0x3F8) ? 0x08 : 0) | (_slot.Answers(0x2F8) ? 0x90 : 0));
        _pci.SetDWord(SmBusBase, 0xB101);
        if (!_options.Smm) _pci[SmiControl] = CommandSmi; // the firmware takes it that somebody has set it up
        (_apmCommand, _apmStatus, _memorySelector) = (0, 0, 0);
        _acpi.Reset();
        _smBus.Reset();
        _pciHotPlug.Reset();
        _cpuHotPlug.Reset();
        Settle();
    }

    public override void Visit(StateVisitor state)
    {
        _pci.Visit("parent_obj", state);
        _acpi.VisitPm1(state);
        state.Struct("apm", ApmType, apm =>
        {
            apm.UInt8("apmc", ref _apmCommand);
            apm.UInt8("apms", ref _apmStatus);
        });
        _smBus.Visit("smb", state);
        _acpi.VisitTimerAndEvents(state);
        _pciHotPlug.Visit(state);
        state.Subsection("piix4_pm/memhp", 1, true,
            memory => memory.Struct("acpi_memory_hotplug", MemoryType, hotplug => hotplug.UInt32("selector", ref _memorySelector)));
        _cpuHotPlug.Visit(state);
    }

    public override void Loaded()
    {
        _pci.Loaded();
        Settle();
        _acpi.Loaded();
    }

    /// <summary>The clock's alarm, which ends the guest's sleep if it has asked for that.</summary>
    public void Alarm()
    {
        if (_acpi.AlarmWakes) _slot.RequestShutdown(new(ShutdownCause.WakeUpByAlarm));
    }

    /// <summary>Any key and any button end the guest's sleep.</summary>
    public void Key(string key, bool down)
    {
        if (down) _slot.RequestShutdown(new(ShutdownCause.WakeUpByUser));
    }

    public void Move(int dx, int dy, int wheel)
    {
    }

    public void Button(int button, bool down) => Key("", down);

    public void PressPowerButton() => _acpi.PressPowerButton();

    /// <summary>The machine leaves its sleep.</summary>
    /// <param name="byAlarm">The clock woke it; else the user did.</param>
    public void Wake(bool byAlarm) => _acpi.Wake(byAlarm);

    private void WriteApm(uint offset, int size, ulong value)
    {
        if (offset == 1)
        {
            _apmStatus = (byte)value;
            return;
        }

        _apmCommand = (byte)value;
        if (value is EnableAcpi or DisableAcpi) _acpi.AcpiMode = value == EnableAcpi;
        if (_options.Smm && (_pci[SmiControl] & CommandSmi) != 0) _wiring.Smi();
    }

    private void Sleep(int type)
    {
        if (type == PowerOffType || (type == _options.S4Type && !_options.DisableS4)) _slot.RequestShutdown(new(ShutdownCause.PowerOff));
        else if (type == SuspendType && !_options.DisableS3) _slot.RequestShutdown(new(ShutdownCause.Suspend));
    }

    private void Settle()
    {
        _pmPorts.Place((_pci[PmEnable] & Enabled) != 0 ? (ushort)(_pci.Word(PmBase) & BaseMask) : null);
        _smBusPorts.Place((_pci[SmBusConfig] & Enabled) != 0 ? (ushort)(_pci.Word(SmBusBase) & BaseMask) : null);
    }

    /// <summary>What the board connects.</summary>
    /// <param name="Sci">ISA interrupt 9.</param>
    /// <param name="Smi">Sends a system management interrupt to the boot processor.</param>
    /// <param name="ApicIds">Of all processors there may ever be.</param>
    /// <param name="IsProcessorPresent">By their order in <paramref name="ApicIds"/>.</param>
    public sealed record Wiring(IrqInput Sci, Action Smi, IReadOnlyList<uint> ApicIds, Func<int, bool> IsProcessorPresent);

    public sealed record Options
    {
        public bool Smm { get; init; } = true;

        public bool DisableS3 { get; init; }

        public bool DisableS4 { get; init; }

        /// <summary>The type of sleep that hibernation has.</summary>
        public int S4Type { get; init; } = 2;
    }

    /// <summary>QEMU's section of the bus below the SMBus controller: whom a transfer addresses, which is nobody between transfers.</summary>
    private sealed class I2cBus : IState
    {
        private byte _addressed = 0xFF;

        public static StructType Section { get; } = new("i2c_bus", 1);

        public void Visit(StateVisitor state) => state.UInt8("saved_address", ref _addressed);
    }
}
