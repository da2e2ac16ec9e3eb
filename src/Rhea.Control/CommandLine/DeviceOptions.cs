using System.Text.Json;
using Rhea.Core;
using Rhea.Core.Config;
using Rhea.Core.Machines;

namespace Rhea.Control.CommandLines;

/// <summary>Devices the user adds, and defaults for devices.</summary>
internal static class DeviceOptions
{
    private const string PowerManagement = "PIIX4_PM"; // the board's own, and no -device

    public static IReadOnlyList<Option> All { get; } =
    [
        new("device", "driver[,prop[=value][,...]]", "add a device ('-device help' lists devices, '-device DRIVER,help' their properties)", Device),
        new("global", "driver.property=value", "give a property of a device another default", Global),
        new("nodefaults", null, "add only the devices that are asked for", (draft, _) => draft.Machine = draft.Machine with { NoDefaults = true }),
    ];

    private static void Device(Draft draft, string text)
    {
        if (text is "help" or "?")
        {
            draft.Answer = List(draft.Catalogue.Devices);
            return;
        }

        KeyValues keys = text.StartsWith('{') ? KeyValues.Of(null, FromJson(text)) : KeyValues.Parse(null, text, implied: "driver");
        string driver = keys.Take("driver") ?? throw new ConfigException("Parameter 'driver' is missing");
        DeviceType type = draft.Catalogue.Devices.FirstOrDefault(type => type.Name == driver) ?? throw NoSuchDevice(driver, draft.Catalogue);
        if (keys.Has("help") || keys.Has("?"))
        {
            draft.Answer = Describe(type);
            return;
        }

        IReadOnlyList<KeyValuePair<string, string>> properties = [.. keys.Left];
        string? id = keys.Id();
        if (id is not null && draft.Machine.Devices.Any(other => other.Id == id)) throw new ConfigException($"Duplicate ID '{id}' for device");
        var device = new DeviceConfig(driver, properties) { Id = id, Origin = draft.Spelling };
        draft.Machine = draft.Machine with { Devices = [.. draft.Machine.Devices, device] };
    }

    private static ConfigException NoSuchDevice(string driver, Catalogue catalogue) =>
        new($"'{driver}' is not a valid device model name"
            + (OptionTable.Nearest(driver, catalogue.Devices.Select(type => type.Name)) is { } nearest ? $"; did you mean {nearest}?" : ""));

    private static string List(IReadOnlyList<DeviceType> devices) =>
        string.Concat(devices.OrderBy(type => type.Name, StringComparer.Ordinal)
            .Select(type => $"name \"{type.Name}\", bus {type.Slot.Replace("Slot", "", StringComparison.Ordinal).ToUpperInvariant()}, desc \"{type.Summary}\"\n"));

    private static string Describe(DeviceType type) =>
        $"{type.Name} options:\n" + string.Concat(type.Options.OrderBy(option => option.Name, StringComparer.Ordinal)
            .Select(option => $"  {$"{option.Name}=<{TypeName(option.Type)}>",-22} - {option.Summary} (default: {option.Default})\n"));

    private static string TypeName(string type) => type switch
    {
        "Boolean" => "bool",
        "String" => "str",
        _ => type.ToLowerInvariant(),
    };

    /// <summary>The other spelling of <c>-device</c>: a JSON object without objects in it.</summary>
    private static List<KeyValuePair<string, string>> FromJson(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return [.. document.RootElement.EnumerateObject().Select(member => KeyValuePair.Create(member.Name, member.Value.ValueKind switch
            {
                JsonValueKind.String => member.Value.GetString()!,
                JsonValueKind.Number => member.Value.GetRawText(),
                JsonValueKind.True => "on",
                JsonValueKind.False => "off",
                _ => throw new ConfigException($"Invalid parameter type for '{member.Name}', expected: string"),
            }))];
        }
        catch (JsonException)
        {
            throw new ConfigException("JSON parse error");
        }
    }

    private static void Global(Draft draft, string text)
    {
        int dot = text.IndexOf('.', StringComparison.Ordinal), equals = text.IndexOf('=', StringComparison.Ordinal);
        GlobalProperty global;
        if (dot > 0 && equals > dot)
        {
            global = new GlobalProperty(text[..dot], text[(dot + 1)..equals], text[(equals + 1)..]);
        }
        else
        {
            KeyValues keys = KeyValues.Parse(null, text);
            (string? driver, string? property, string? value) = (keys.Take("driver"), keys.Take("property"), keys.Take("value"));
            keys.RejectUnknown();
            if (driver is null || property is null || value is null)
                throw new ConfigException("options 'driver', 'property', and 'value' are required");
            global = new GlobalProperty(driver, property, value);
        }

        if (global.Driver != PowerManagement && !draft.Catalogue.Devices.Any(type => type.Name == global.Driver))
            draft.Warnings.Add($"warning: global {global.Driver}.{global.Property} has invalid class name");
        draft.Machine = draft.Machine with { Globals = [.. draft.Machine.Globals, global] };
    }
}
