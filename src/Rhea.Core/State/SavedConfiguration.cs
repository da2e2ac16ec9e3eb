using System.Text.Json;

namespace Rhea.Core.State;

/// <summary>What a saved machine says of how to build it again: it stands in the description at the stream's end, where QEMU overlooks it.</summary>
/// <param name="Directory">Where relative file names count from.</param>
/// <param name="Options">A command line.</param>
/// <param name="Media">What is in each drive with removable media, by the drive's name; null in an empty one.</param>
public sealed record SavedConfiguration(string Directory, IReadOnlyList<string> Options, IReadOnlyDictionary<string, string?> Media)
{
    /// <summary>The member of the description that holds it.</summary>
    private const string Member = "rhea";

    /// <exception cref="StateException">The description has something else there.</exception>
    public static SavedConfiguration? Of(JsonElement description)
    {
        if (!description.TryGetProperty(Member, out JsonElement saved)) return null;
        try
        {
            return new SavedConfiguration(
                saved.GetProperty("directory").GetString() ?? "",
                [.. saved.GetProperty("options").EnumerateArray().Select(word => word.GetString() ?? "")],
                saved.GetProperty("media").EnumerateObject().ToDictionary(medium => medium.Name, medium => medium.Value.GetString()));
        }
        catch (Exception error) when (error is KeyNotFoundException or InvalidOperationException)
        {
            throw new StateException("the configuration in it cannot be read", error);
        }
    }

    internal void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject(Member);
        json.WriteString("directory", Directory);
        json.WriteStartArray("options");
        foreach (string word in Options) json.WriteStringValue(word);
        json.WriteEndArray();
        json.WriteStartObject("media");
        foreach ((string drive, string? file) in Media) json.WriteString(drive, file);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
