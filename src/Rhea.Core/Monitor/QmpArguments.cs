using System.Text.Json;

namespace Rhea.Core.Monitor;

/// <summary>The arguments of a QMP command. Reading takes one; one that nobody took is an error.</summary>
public sealed class QmpArguments
{
    private readonly Dictionary<string, JsonElement> _left = [];

    /// <param name="arguments">A JSON object, or nothing.</param>
    public QmpArguments(JsonElement arguments)
    {
        if (arguments.ValueKind != JsonValueKind.Object) return;
        foreach (JsonProperty member in arguments.EnumerateObject()) _left[member.Name] = member.Value;
    }

    public string String(string name) => Optional(name, JsonValueKind.String, "string")?.GetString() ?? throw Missing(name);

    public string? String(string name, string? fallback) => Optional(name, JsonValueKind.String, "string")?.GetString() ?? fallback;

    public long Int64(string name) => _left.ContainsKey(name) ? Int64(name, 0) : throw Missing(name);

    public long Int64(string name, long fallback)
    {
        if (Optional(name, JsonValueKind.Number, "integer") is not { } value) return fallback;
        return value.TryGetInt64(out long number) ? number : throw WrongType(name, "integer");
    }

    public bool Boolean(string name, bool fallback)
    {
        if (!_left.Remove(name, out JsonElement value)) return fallback;
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw WrongType(name, "boolean");
    }

    /// <summary>A list, whatever is in it.</summary>
    public JsonElement List(string name) => Optional(name, JsonValueKind.Array, "array") ?? throw Missing(name);

    /// <summary>All that is left, for a command whose arguments depend on one of them.</summary>
    public IReadOnlyList<KeyValuePair<string, JsonElement>> TakeRest()
    {
        KeyValuePair<string, JsonElement>[] rest = [.. _left];
        _left.Clear();
        return rest;
    }

    public void RejectUnknown()
    {
        if (_left.Count > 0) throw new ConfigException($"Parameter '{_left.Keys.First()}' is unexpected");
    }

    private JsonElement? Optional(string name, JsonValueKind kind, string type)
    {
        if (!_left.Remove(name, out JsonElement value)) return null;
        return value.ValueKind == kind ? value : throw WrongType(name, type);
    }

    private static ConfigException Missing(string name) => new($"Parameter '{name}' is missing");

    private static ConfigException WrongType(string name, string type) => new($"Invalid parameter type for '{name}', expected: {type}");
}
