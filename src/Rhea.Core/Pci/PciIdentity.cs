namespace Rhea.Core.Pci;

/// <summary>What the first 64 bytes of configuration space say for ever. An <paramref name="InterruptPin"/> of 0 is none.</summary>
public sealed record PciIdentity(
    ushort Vendor, ushort Device, byte Revision, ushort Class, ushort SubsystemVendor, ushort Subsystem, byte InterruptPin = 0)
{
    public byte ProgrammingInterface { get; init; }

    /// <summary>The card has more functions than this one.</summary>
    public bool MultiFunction { get; init; }

    /// <summary>Part of the board: never taken out while the machine runs.</summary>
    public bool Fixed { get; init; }
}
