using System.Text.Json;

namespace Rhea.Core.State;

/// <summary>A device in a saved machine: its bytes, and what the stream says that they are.</summary>
public sealed class SavedSection
{
    private const int SubsectionHead = 1 + 1 + 4; // a mark, the name's length, a version

    private readonly JsonElement _description;
    private readonly byte[] _bytes;

    internal SavedSection(string name, uint instance, uint version, JsonElement description, byte[] bytes) =>
        (Name, Instance, Version, _description, _bytes) = (name, instance, version, description, bytes);

    /// <summary>"0000:00:01.1/ide".</summary>
    public string Name { get; }

    /// <summary>Which of that name.</summary>
    public uint Instance { get; }

    public uint Version { get; }

    /// <summary>In bytes.</summary>
    public int Length => _bytes.Length;

    /// <summary>Every field by its path, with its type and its bytes as on the wire.</summary>
    /// <exception cref="StateException">What the stream says of them cannot be read.</exception>
    public IReadOnlyList<StateValue> Fields
    {
        get
        {
            var fields = new List<StateValue>();
            try
            {
                Add(fields, _description, 0, "");
            }
            catch (Exception error) when (SavedStream.IsMalformed(error))
            {
                throw new StateException($"{Name}: its description cannot be read", error);
            }

            return fields;
        }
    }

    /// <summary>How many bytes a section, a struct or a subsection has.</summary>
    internal static long LengthOf(JsonElement description)
    {
        long length = 0;
        foreach (JsonElement field in Members(description, "fields"))
        {
            uint size = field.GetProperty("size").GetUInt32();
            if (field.TryGetProperty("struct", out JsonElement inner) && LengthOf(inner) != size)
                throw new StateException($"{field.GetProperty("name").GetString()} is said to have {size} bytes, its fields have {LengthOf(inner)}");
            length = checked(length + ((long)size * Count(field)));
        }

        foreach (JsonElement part in Members(description, "subsections")) length = checked(length + HeadOf(part) + LengthOf(part));
        return length;
    }

    private int Add(List<StateValue> fields, JsonElement description, int at, string path)
    {
        foreach (JsonElement field in Members(description, "fields"))
        {
            int size = field.GetProperty("size").GetInt32(), count = (int)Count(field);
            string name = path + field.GetProperty("name").GetString();
            for (var i = 0; i < count && size > 0; i++, at += size)
            {
                string place = field.TryGetProperty("index", out JsonElement index) ? $"{name}[{index}]" : count > 1 ? $"{name}[{i}]" : name;
                if (field.TryGetProperty("struct", out JsonElement inner)) Add(fields, inner, at, place + ".");
                else fields.Add(new StateValue(place, field.GetProperty("type").GetString() ?? "", Convert.ToHexStringLower(_bytes.AsSpan(at, size))));
            }
        }

        foreach (JsonElement part in Members(description, "subsections"))
            at = Add(fields, part, at + HeadOf(part), $"{path}{part.GetProperty("vmsd_name").GetString()}.");
        return at;
    }

    private static JsonElement.ArrayEnumerator Members(JsonElement description, string name) =>
        description.TryGetProperty(name, out JsonElement list) ? list.EnumerateArray() : default;

    private static uint Count(JsonElement field) => field.TryGetProperty("array_len", out JsonElement count) ? count.GetUInt32() : 1;

    private static int HeadOf(JsonElement part) => SubsectionHead + (part.GetProperty("vmsd_name").GetString() ?? "").Length;
}
