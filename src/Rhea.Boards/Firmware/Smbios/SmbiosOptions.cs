using System.Text;
using Rhea.Core;

namespace Rhea.Boards.Firmware.Smbios;

/// <summary>What the user wants to see in SMBIOS: strings and numbers by structure type and field, and whole structures from files.</summary>
public sealed class SmbiosOptions
{
    private static readonly Dictionary<int, string[]> Fields = new()
    {
        [0] = ["vendor", "version", "date", "release", "uefi"],
        [1] = ["manufacturer", "product", "version", "serial", "uuid", "sku", "family"],
        [2] = ["manufacturer", "product", "version", "serial", "asset", "location"],
        [3] = ["manufacturer", "version", "serial", "asset", "sku"],
        [4] = ["sock_pfx", "manufacturer", "version", "serial", "asset", "part", "max-speed", "current-speed", "processor-id"],
        [11] = ["value", "path"],
        [17] = ["loc_pfx", "bank", "manufacturer", "serial", "asset", "part", "speed"],
    };

    private const int HeaderLength = 4;

    private readonly Dictionary<(int Type, string Field), string> _values = [];
    private readonly List<byte[]> _files = [];

    /// <param name="options">Each the text of one <c>-smbios</c>.</param>
    /// <exception cref="ConfigException">An unknown type or field, or a file that is no structure.</exception>
    public SmbiosOptions(IReadOnlyList<string> options)
    {
        foreach (string option in options) Add(option);
    }

    /// <summary>Structures from files, as they are.</summary>
    public IReadOnlyList<byte[]> Files => _files;

    /// <summary>Free text for structure 11.</summary>
    public List<string> OemStrings { get; } = [];

    /// <summary>The user has given this field.</summary>
    public string? this[int type, string field] => _values.GetValueOrDefault((type, field));

    /// <summary>The user has given a field of this structure.</summary>
    public bool Has(int type) => _values.Keys.Any(key => key.Type == type);

    /// <summary>The user has given this structure as a file.</summary>
    public bool HasFile(int type) => _files.Exists(file => file[0] == type);

    /// <exception cref="ConfigException">The user gave something else than a number of 16 bits.</exception>
    public ushort Number(int type, string field, ushort fallback) => this[type, field] switch
    {
        null => fallback,
        var text => ushort.TryParse(text, out ushort number) ? number : throw new ConfigException($"-smbios type={type}: '{field}' is a number up to 65535, not '{text}'"),
    };

    private void Add(string option)
    {
        List<(string Key, string Value)> pairs = [.. Split(option)];
        if (pairs.Find(pair => pair.Key == "file") is { Key: not null } file) AddFile(file.Value);
        else if (pairs.Find(pair => pair.Key == "type") is { Key: not null } type) AddFields(type.Value, pairs.Where(pair => pair.Key != "type"));
        else throw new ConfigException("-smbios: Must specify type= or file=");
    }

    private void AddFields(string type, IEnumerable<(string Key, string Value)> pairs)
    {
        if (!int.TryParse(type, out int number) || !Fields.TryGetValue(number, out string[]? known))
            throw new ConfigException($"-smbios: Don't know how to build fields for SMBIOS type {type}; types are {string.Join(", ", Fields.Keys)}");
        if (HasFile(number)) throw new ConfigException($"-smbios: Can't specify fields of type {number}: it is already loaded from a file");
        foreach ((string key, string value) in pairs)
        {
            if (!known.Contains(key)) throw new ConfigException($"-smbios type={number}: Invalid parameter '{key}'; it takes {string.Join(", ", known)}");
            if ((number, key) == (11, "value")) OemStrings.Add(value);
            else if ((number, key) == (11, "path")) OemStrings.Add(Encoding.UTF8.GetString(HostFile.Read(value, $"-smbios: can't read {value}")).TrimEnd('\0'));
            else _values[(number, key)] = value;
        }
    }

    private void AddFile(string path)
    {
        byte[] file = HostFile.Read(path, $"-smbios: Cannot read SMBIOS file {path}");
        if (file.Length < HeaderLength + 2 || file[1] < HeaderLength || file[1] + 2 > file.Length || !file.AsSpan(^2..).SequenceEqual("\0\0"u8))
            throw new ConfigException($"-smbios: {path} is no SMBIOS structure: a header, its fields, strings, and two zeros at the end");
        if (Has(file[0])) throw new ConfigException($"-smbios: Can't load type {file[0]} struct, fields already specified!");
        _files.Add(file);
    }

    /// <summary>A comma in a value is written twice.</summary>
    private static IEnumerable<(string Key, string Value)> Split(string option) =>
        from part in option.Replace(",,", "\0", StringComparison.Ordinal).Split(',', StringSplitOptions.RemoveEmptyEntries)
        let text = part.Replace('\0', ',')
        let sign = text.IndexOf('=')
        select sign < 0 ? (text, "on") : (text[..sign], text[(sign + 1)..]);
}
