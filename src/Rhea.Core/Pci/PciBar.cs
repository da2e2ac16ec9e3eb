using Rhea.Core.Io;
using Rhea.Core.Memory;

namespace Rhea.Core.Pci;

/// <summary>A base address register: how large a range it asks for, of what kind, and where the guest has put it.</summary>
/// <remarks>PCI Local Bus 3.0, 6.2.5.</remarks>
public sealed class PciBar
{
    /// <summary>The register of the expansion ROM, which comes after the six of the functions.</summary>
    public const int Rom = 6;

    private readonly MemoryRegion? _memory;
    private readonly PortWindow? _ports;

    internal PciBar(int index, ulong size, MemoryRegion memory, PciBarKind kind) => (Index, Size, _memory, Kind) = (index, size, memory, kind);

    internal PciBar(int index, PortWindow ports) => (Index, Size, _ports, Kind) = (index, ports.Registers.Length, ports, PciBarKind.Ports);

    public int Index { get; }

    /// <summary>In bytes, a power of two.</summary>
    public ulong Size { get; }

    public PciBarKind Kind { get; }

    public bool IsPorts => (Kind & PciBarKind.Ports) != 0;

    public bool IsWide => (Kind & PciBarKind.Wide) != 0;

    /// <summary>First address that is decoded; null while none is.</summary>
    public ulong? Address { get; private set; }

    /// <summary>The bits of the register, or of the pair of them, that the guest may set.</summary>
    internal ulong AddressMask => ~(Size - 1);

    /// <summary>The highest address the last byte of the range may have: what all ones mean is never decoded.</summary>
    internal ulong Limit => IsPorts ? 0xFFFE : IsWide ? MemoryRegion.Everything - 1 : 0xFFFF_FFFE;

    internal void Place(ulong? at, MemoryRegion memory)
    {
        _ports?.Place((ushort?)at);
        if (_memory is not null && at != Address)
        {
            if (Address is not null) memory.Remove(_memory);
            if (at is { } address) memory.Add(address, _memory, priority: 1);
        }

        Address = _ports is null ? at : _ports.At;
    }
}

/// <summary>The low bits of the register; memory of 32 bits is 0.</summary>
[Flags]
public enum PciBarKind
{
    Memory = 0,
    Ports = 1,

    /// <summary>An address of 64 bits, in this register and the next.</summary>
    Wide = 4,
    Prefetchable = 8,
}
