using System.Text;
using System.Text.Json.Nodes;
using Rhea.Core.Machines;
using Rhea.Core.State;
using Xunit;

namespace Rhea.Tests.State;

/// <summary>The description at the end of a stream of QEMU 7.2.22 (pc-i440fx-7.2 with its default devices): what every section is held to.</summary>
internal static class QemuSections
{
    /// <summary>A device's section has QEMU's fields: names, types, sizes, order, versions, subsections.</summary>
    /// <param name="id">"0000:00:00.0/I440FX".</param>
    /// <param name="device">Fresh, or in the state in which QEMU described the section.</param>
    public static void AssertDescribes(string id, Device device, int instance = 0)
    {
        string ours = Flat(JsonNode.Parse(Describe(id, device, instance))!), theirs = Flat(Find(id, instance));

        Assert.Equal(theirs, ours);
    }

    public static string Describe(string id, Device device, int instance = 0)
    {
        using var description = new StateDescription();
        device.Saving();
        MachineStream.Save(new WireWriter(new MemoryStream()), description, new Section(id, instance, device.Section!, device), 1);
        string text = Encoding.UTF8.GetString(description.Close());
        return text["{\"page_size\":4096,\"devices\":[".Length..^2];
    }

    private static JsonNode Find(string id, int instance)
    {
        using FileStream file = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "State/qemu-7.2-sections.json"));
        return JsonNode.Parse(file)!.AsArray().Single(section => (string)section!["name"]! == id && (int)section["instance_id"]! == instance)!;
    }

    /// <summary>One line a field, so that a difference is seen.</summary>
    private static string Flat(JsonNode node) => node.ToJsonString().Replace("},{", "},\n{", StringComparison.Ordinal);
}
