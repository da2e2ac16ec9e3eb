using Rhea.Core.Memory;

namespace Rhea.Core.Pci;

/// <summary>The part of a PCI-to-PCI bridge that all bridges have: a bus behind a function, and the windows through which it is seen.</summary>
/// <remarks>PCI-to-PCI Bridge Architecture 1.2, 3.2. Its state is in the function's configuration space.</remarks>
public sealed class PciBridge
{
    internal const int SecondaryBus = 0x19, SubordinateBus = 0x1A;
    private const int PrimaryBus = 0x18, HeaderType = 0x0E;
    private const int IoBase = 0x1C, IoLimit = 0x1D;
    private const int MemoryBase = 0x20, MemoryLimit = 0x22;
    private const int PrefetchBase = 0x24, PrefetchLimit = 0x26, PrefetchBaseUpper = 0x28, PrefetchLimitUpper = 0x2C;
    private const int Control = 0x3E;
    private const byte BridgeHeader = 0x01, Prefetch64 = 0x01;

    private readonly PciFunction _function;
    private readonly MemoryRegion _memory = MemoryRegion.Frame("pci_bridge_pci", MemoryRegion.Everything);
    private MemoryRegion? _window, _prefetchWindow;
    private (ulong Base, ulong Last)? _range, _prefetchRange;

    /// <param name="function">The function that the bridge is on the bus above.</param>
    /// <param name="name">The name of the bus behind it: the device's id, as in QEMU.</param>
    public PciBridge(PciFunction function, string name)
    {
        _function = function;
        function[HeaderType] |= BridgeHeader;
        function.SetWord(0x2C, 0); // there is no subsystem in this header
        function.SetWord(0x2E, 0);
        function[PrefetchBase] = function[PrefetchLimit] = Prefetch64;
        function.SetWritable(PrimaryBus, 0xFF, 0xFF, 0xFF, 0xFF);
        function.SetWritable(IoBase, 0xF0, 0xF0);
        function.SetWritable(MemoryBase, 0xF0, 0xFF, 0xF0, 0xFF, 0xF0, 0xFF, 0xF0, 0xFF);
        function.SetWritable(PrefetchBaseUpper, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF);
        function.SetWritable(Control, 0xFF, 0x0B);
        Bus = new PciBus(name, function, _memory);
        function.Behind = Bus;
        function.ConfigWritten += (_, _) => Settle();
    }

    public PciBus Bus { get; }

    /// <summary>Opens the windows the registers describe. After reset and loading; a write of the guest does it by itself.</summary>
    public void Settle()
    {
        ulong low = (ulong)(_function.Word(MemoryBase) & 0xFFF0) << 16, high = ((ulong)_function.Word(MemoryLimit) << 16) | 0xF_FFFF;
        Open(ref _window, ref _range, "pci_bridge_mem", low, high);
        low = ((ulong)_function.DWord(PrefetchBaseUpper) << 32) | ((ulong)(_function.Word(PrefetchBase) & 0xFFF0) << 16);
        high = ((ulong)_function.DWord(PrefetchLimitUpper) << 32) | ((ulong)_function.Word(PrefetchLimit) << 16) | 0xF_FFFF;
        Open(ref _prefetchWindow, ref _prefetchRange, "pci_bridge_pref_mem", low, high);
    }

    /// <summary>Closes the windows: the bridge is being unplugged.</summary>
    public void Close()
    {
        Open(ref _window, ref _range, "", 1, 0);
        Open(ref _prefetchWindow, ref _prefetchRange, "", 1, 0);
    }

    internal static bool PassesPorts(PciFunction bridge, ushort first, ushort last)
    {
        int low = (bridge[IoBase] & 0xF0) << 8, high = ((bridge[IoLimit] & 0xF0) << 8) | 0xFFF;
        return bridge.DecodesPorts && first >= low && last <= high;
    }

    /// <summary>A base above the limit closes a window; so does the command register.</summary>
    private void Open(ref MemoryRegion? window, ref (ulong Base, ulong Last)? now, string name, ulong low, ulong high)
    {
        (ulong, ulong)? wanted = _function.DecodesMemory && low <= high && high < MemoryRegion.Everything ? (low, high) : null;
        if (wanted == now) return;
        if (window is not null) _function.Bus.Memory.Remove(window);
        now = wanted;
        window = wanted is null ? null : MemoryRegion.Window(name, _memory, low, high - low + 1);
        if (window is not null) _function.Bus.Memory.Add(low, window, priority: 1);
    }
}
