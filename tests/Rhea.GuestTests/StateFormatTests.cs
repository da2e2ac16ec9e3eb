using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Xunit;

namespace Rhea.GuestTests;

/// <summary>The description at the end of a saved machine's stream against the one that Debian's QEMU writes for the same options.</summary>
public class StateFormatTests
{
    private static readonly string[] Options = ["-nodefaults", "-vga", "std", "-m", "64", "-smp", "2", "-nic", "none", "-serial", "null", "-display", "none", "-S"];

    [Fact]
    public void Every_section_has_the_name_version_and_fields_of_qemus()
    {
        Dictionary<string, JsonNode> ours = Sections(SavedHere()), theirs = Sections(SavedByQemu());

        Assert.Equal(theirs.Keys.Order(StringComparer.Ordinal), ours.Keys.Order(StringComparer.Ordinal));
        foreach ((string key, JsonNode section) in ours)
        {
            Assert.Equal($"{key}: {theirs[key]["vmsd_name"]} {theirs[key]["version"]}", $"{key}: {section["vmsd_name"]} {section["version"]}");
            Assert.Equal(Fields(key, theirs[key]), Fields(key, section));
        }
    }

    private static byte[] SavedHere()
    {
        using VirtualMachine machine = VirtualMachine.Create(["-accel", "tcg", .. Options]);
        var stream = new MemoryStream();
        machine.Machine.Save(stream);
        return stream.ToArray();
    }

    private static byte[] SavedByQemu()
    {
        using TemporaryFolder folder = Assets.Folder();
        string program = Assets.Installed("/usr/bin/qemu-system-x86_64", "qemu-system-x86");
        var start = new ProcessStartInfo(program, ["-M", "pc-i440fx-7.2", .. Options, "-monitor", "stdio"]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        using Process qemu = Process.Start(start)!;
        qemu.StandardInput.Write($"migrate \"exec:cat > {folder["stream"]}\"\nquit\n");
        qemu.StandardInput.Close();
        qemu.StandardOutput.ReadToEnd();
        qemu.WaitForExit();
        return File.ReadAllBytes(folder["stream"]);
    }

    private static Dictionary<string, JsonNode> Sections(byte[] stream)
    {
        int start = stream.AsSpan().LastIndexOf("{\"page_size\""u8);
        JsonNode description = JsonNode.Parse(Encoding.UTF8.GetString(stream.AsSpan(start)).TrimEnd('\0'))!;
        return description["devices"]!.AsArray().ToDictionary(device => $"{device!["name"]}#{device["instance_id"]}", device => device!);
    }

    /// <summary>A section's fields as lines. Subsections come and go with their values and have tests of their own.</summary>
    private static List<string> Fields(string path, JsonNode section)
    {
        var lines = new List<string>();
        foreach (JsonNode? field in section["fields"]!.AsArray())
        {
            string name = $"{path}.{field!["name"]}";
            lines.Add($"{name} {field["type"]} {field["size"]} {field["array_len"]} {field["index"]}");
            if (field["struct"] is { } inner) lines.AddRange(Fields(name, inner));
        }

        return lines;
    }
}
