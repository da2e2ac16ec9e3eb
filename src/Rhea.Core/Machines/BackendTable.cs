namespace Rhea.Core.Machines;

/// <summary>The host's ends of one kind (chardevs, drives) by the user's names for them. Each serves one device at a time.</summary>
/// <param name="property">The property by which a device names one: "chardev", "drive".</param>
public sealed class BackendTable<T>(string property) where T : class
{
    private readonly Dictionary<string, T> _all = [];
    private readonly Dictionary<string, string> _owners = [];

    public IReadOnlyDictionary<string, T> All => _all;

    /// <summary>The path of the device that uses it; null when none does.</summary>
    public string? OwnerOf(string name) => _owners.GetValueOrDefault(name);

    /// <exception cref="ConfigException">The name is not free.</exception>
    public void Add(string name, T backend)
    {
        if (!_all.TryAdd(name, backend)) throw new ConfigException($"Duplicate ID '{name}' for {property}");
    }

    /// <exception cref="ConfigException">It is in use.</exception>
    public void Remove(string name)
    {
        if (_owners.ContainsKey(name)) throw new ConfigException($"{property} '{name}' is in use");
        _all.Remove(name);
    }

    /// <exception cref="ConfigException">There is none of that name, or it serves another device.</exception>
    internal T Take(string name, string owner)
    {
        if (!_all.TryGetValue(name, out T? backend)) throw new ConfigException($"Property '{property}' can't find value '{name}'");
        if (!_owners.TryAdd(name, owner)) throw new ConfigException($"Property '{property}' can't take value '{name}', it's in use");
        return backend;
    }

    internal void Release(string name) => _owners.Remove(name);
}
