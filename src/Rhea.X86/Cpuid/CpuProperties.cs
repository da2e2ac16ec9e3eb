using System.Globalization;
using Rhea.Core;

namespace Rhea.X86.Cpuid;

/// <summary>What <c>-cpu model,name=value</c> changes of a model beside its features.</summary>
internal static class CpuProperties
{
    private const int VendorLength = 12, BrandLength = 48;

    /// <exception cref="ConfigException">There is no such property, or it does not take the value.</exception>
    public static CpuDefinition Change(CpuDefinition definition, string model, IEnumerable<KeyValuePair<string, string>> properties)
    {
        foreach ((string name, string value) in properties)
        {
            definition = name switch
            {
                "family" => definition with { Family = Number(name, value, 270) },
                "model" => definition with { Model = Number(name, value, 255) },
                "stepping" => definition with { Stepping = Number(name, value, 15) },
                "level" => definition with { Level = Number(name, value, uint.MaxValue) },
                "xlevel" => definition with { ExtendedLevel = Number(name, value, uint.MaxValue) },
                "vendor" when value.Length == VendorLength && value.All(char.IsAscii) => definition with { Vendor = value },
                "vendor" => throw new ConfigException($"Property '.vendor' doesn't take value '{value}'"),
                "model-id" when value.Length <= BrandLength && value.All(char.IsAscii) => definition with { Brand = value },
                "model-id" => throw new ConfigException($"Property '.model-id' doesn't take value '{value}'"),
                "phys-bits" when value == "40" => definition,
                "phys-bits" => throw new ConfigException("TCG only supports phys-bits=40"),
                _ => throw new ConfigException($"Property '{model}-x86_64-cpu.{name}' not found"),
            };
        }

        return definition;
    }

    private static uint Number(string name, string value, uint most)
    {
        bool hexadecimal = value.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        bool valid = ulong.TryParse(hexadecimal ? value[2..] : value, hexadecimal ? NumberStyles.AllowHexSpecifier : NumberStyles.None, CultureInfo.InvariantCulture, out ulong number);
        if (!valid) throw new ConfigException($"Parameter '{name}' expects uint64");
        return number <= most ? (uint)number : throw new ConfigException($"Property .{name} doesn't take value {value} (minimum: 0, maximum: {most})");
    }
}
