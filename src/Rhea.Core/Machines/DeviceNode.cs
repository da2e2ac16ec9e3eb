namespace Rhea.Core.Machines;

/// <summary>A device's place in the machine: what <c>info qtree</c> shows and <c>device_del</c> takes.</summary>
/// <param name="Path">QOM-like and unique: "/machine/rtc", "/machine/peripheral/net0".</param>
/// <param name="Id">The user's name for it; null when the user gave none.</param>
/// <param name="Bus">Where it is plugged in: "isa.0", "pci.0".</param>
/// <param name="Device">The device itself.</param>
/// <param name="Slot">Its slot, through which it registered what leaves with it.</param>
public sealed record DeviceNode(string Path, string? Id, string Bus, Device Device, Slot Slot);
