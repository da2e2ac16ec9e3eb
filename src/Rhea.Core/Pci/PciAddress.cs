using System.Globalization;

namespace Rhea.Core.Pci;

/// <summary>A place on a PCI bus: one of 32 slots, and one of 8 functions of the card in it.</summary>
public readonly record struct PciAddress(int Slot, int Function = 0)
{
    /// <summary>As configuration cycles number it: the slot in bits 7-3, the function in bits 2-0.</summary>
    public int Number => (Slot << 3) | Function;

    public static PciAddress Of(int number) => new(number >> 3, number & 7);

    /// <summary>Reads <c>addr=</c>: "5" or "0x5" is a slot, "5.1" a slot and a function, both hexadecimal.</summary>
    /// <param name="driver">The device whose property it is.</param>
    /// <param name="text">What the user wrote.</param>
    /// <exception cref="ConfigException">There is no such place.</exception>
    public static PciAddress Parse(string driver, string text)
    {
        string[] parts = text.Split('.');
        if (parts.Length <= 2 && TryHex(parts[0], 32, out int slot) && TryHex(parts.Length == 2 ? parts[1] : "0", 8, out int function))
            return new PciAddress(slot, function);
        throw new ConfigException($"Property '{driver}.addr' doesn't take value '{text}'");
    }

    /// <summary>As the stream and the monitor write it: "02.0".</summary>
    public override string ToString() => $"{Slot:x2}.{Function:x}";

    private static bool TryHex(string text, int limit, out int number)
    {
        if (text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)) text = text[2..];
        return int.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out number) && number >= 0 && number < limit;
    }
}
