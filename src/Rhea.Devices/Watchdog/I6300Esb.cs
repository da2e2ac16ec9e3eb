using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Core.Pci;
using Rhea.Core.State;
using Rhea.Core.Time;

namespace Rhea.Devices.Watchdog;

/// <summary>The watchdog of Intel's 6300ESB: two timers, one after the other; the guest must reload them, or what the user chose happens.</summary>
/// <remarks>
/// Data sheet: Intel 6300ESB I/O Controller Hub, 2004, chapter 16. Its interrupt at the end of the first timer is not wired, as
/// in QEMU. A register is written after 80h and 86h have gone to the reload register.
/// </remarks>
[Device("i6300esb", "Watchdog of Intel's 6300ESB")]
public sealed class I6300Esb : Device
{
    private const int Configuration = 0x60, Lock = 0x68;                            // in configuration space
    private const ushort NoReboot = 0x20, Fast = 0x04, InterruptBits = 0x11;        // configuration; the bits that QEMU keeps
    private const byte FreeRunning = 0x04, Enabled = 0x02, Locked = 0x01;           // lock
    private const int Preload1 = 0x00, Preload2 = 0x04, Reload = 0x0C;              // in memory
    private const ushort Restart = 0x0100, TimedOut = 0x0200;                       // reload
    private const uint PreloadBits = 0xF_FFFF;
    private const byte FirstKey = 0x80, SecondKey = 0x86;
    private const int Crystal = 33_000_000, SlowShift = 15, FastShift = 5;          // Hz; ticks of the two prescalers

    private readonly PciSlot _slot;
    private readonly PciFunction _pci;
    private readonly VmTimer _timer;
    private int _reboots, _fast, _interrupt, _freeRuns, _locked, _enabled;
    private uint _preload1, _preload2;
    private int _stage, _unlocking, _timedOut;

    public I6300Esb(PciSlot slot, Options options)
    {
        _ = options;
        _slot = slot;
        _timer = slot.CreateTimer(OnExpired);
        _pci = slot.Plug(new PciIdentity(0x8086, 0x25AB, Revision: 0, Class: 0x0880, SubsystemVendor: 0x1AF4, Subsystem: 0x1100));
        _pci.SetWritable(Configuration, 0xFF, 0xFF);
        _pci.SetWritable(Lock, 0xFF);
        _pci.AddMemoryBar(0, 16, MemoryRegion.Io(new IoRegion("i6300esb", 16, new AccessSizes(1, 4), Read, Write)));
        _pci.ConfigWritten += OnConfigWritten;
    }

    public override string Model => "i6300esb";

    public override StructType Section { get; } = new("i6300esb_wdt", 10000);

    /// <summary>Whether it has bitten is remembered, so that the next start can tell.</summary>
    public override void Reset()
    {
        _pci.Reset();
        Stop();
    }

    public override void Visit(StateVisitor state)
    {
        _pci.SetWord(Configuration, 0); // the fields below hold what it shows there
        _pci[Lock] = 0;
        _pci.Visit("dev", state);
        state.Int32("reboot_enabled", ref _reboots);
        state.Int32("clock_scale", ref _fast);
        state.Int32("int_type", ref _interrupt);
        state.Int32("free_run", ref _freeRuns);
        state.Int32("locked", ref _locked);
        state.Int32("enabled", ref _enabled);
        state.Timer("timer", _timer);
        state.UInt32("timer1_preload", ref _preload1);
        state.UInt32("timer2_preload", ref _preload2);
        state.Int32("stage", ref _stage);
        state.Int32("unlock_state", ref _unlocking);
        state.Int32("previous_reboot_flag", ref _timedOut);
        ShowConfiguration();
    }

    public override void Loaded() => _pci.Loaded();

    private void Stop()
    {
        _timer.Cancel();
        (_reboots, _fast, _interrupt, _freeRuns, _locked, _enabled) = (1, 0, 0, 0, 0, 0);
        (_preload1, _preload2, _stage, _unlocking) = (PreloadBits, PreloadBits, 1, 0);
        ShowConfiguration();
    }

    private void ShowConfiguration()
    {
        _pci.SetWord(Configuration, (ushort)((_reboots != 0 ? 0 : NoReboot) | (_fast != 0 ? Fast : 0) | _interrupt));
        _pci[Lock] = (byte)((_freeRuns != 0 ? FreeRunning : 0) | (_locked != 0 ? Locked : 0) | (_enabled != 0 ? Enabled : 0));
    }

    private void OnConfigWritten(int offset, int size)
    {
        if (offset == Configuration && size == 2)
        {
            ushort value = _pci.Word(Configuration);
            (_reboots, _fast, _interrupt) = ((value & NoReboot) == 0 ? 1 : 0, (value & Fast) != 0 ? 1 : 0, value & InterruptBits);
        }
        else if (offset == Lock && size == 1 && _locked == 0)
        {
            byte value = _pci[Lock];
            bool ran = _enabled != 0, runs = (value & Enabled) != 0;
            (_locked, _freeRuns, _enabled) = (value & Locked, (value & FreeRunning) != 0 ? 1 : 0, runs ? 1 : 0);
            if (!runs) _timer.Cancel();
            else if (!ran) StartStage(1);
        }

        ShowConfiguration();
    }

    private ulong Read(uint offset, int size) => offset == Reload && size == 2 && _timedOut != 0 ? TimedOut : 0u;

    private void Write(uint offset, int size, ulong value)
    {
        if (offset == Reload && value is FirstKey or SecondKey)
        {
            _unlocking = value == FirstKey ? 1 : _unlocking == 1 ? 2 : _unlocking;
            return;
        }

        if (_unlocking != 2) return;
        if (offset == Reload)
        {
            if ((value & Restart) != 0) StartStage(1);
            if ((value & TimedOut) != 0) _timedOut = 0;
        }
        else if (size == 4 && offset == Preload1)
        {
            _preload1 = (uint)value & PreloadBits;
        }
        else if (size == 4 && offset == Preload2)
        {
            _preload2 = (uint)value & PreloadBits;
        }

        _unlocking = 0;
    }

    private void StartStage(int stage)
    {
        if (_enabled == 0) return;
        _stage = stage;
        ulong ticks = (ulong)(stage == 1 ? _preload1 : _preload2) << (_fast != 0 ? FastShift : SlowShift);
        _timer.Arm(_slot.Clock.Now + Math.Max((long)(ticks * VmClock.Second / Crystal), 1));
    }

    private void OnExpired()
    {
        if (_stage == 1)
        {
            StartStage(2);
            return;
        }

        bool again = _freeRuns != 0;
        if (_reboots != 0)
        {
            _timedOut = 1;
            _slot.RequestShutdown(new(ShutdownCause.Watchdog));
            Stop();
        }

        if (again) StartStage(1);
    }

    /// <summary>It has none but its slot.</summary>
    public sealed record Options;
}
