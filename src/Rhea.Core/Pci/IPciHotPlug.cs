namespace Rhea.Core.Pci;

/// <summary>How the guest learns that cards come, and lets them go: registers of ACPI's.</summary>
public interface IPciHotPlug
{
    /// <summary>A card has come into a slot.</summary>
    void Plugged(int slot);

    /// <summary>The user wants the card back. When the guest lets go of it, it is <see cref="PciFunction.Eject">ejected</see>.</summary>
    void RequestEject(int slot);
}
