using Rhea.Core;

namespace Rhea.Control.Import;

/// <summary>One entry of xl's <c>disk</c> (xl-disk-configuration(5)).</summary>
/// <param name="Target">The image; null is an empty drive.</param>
/// <param name="Format">"raw", "qcow2", …</param>
/// <param name="Place">"hda", "xvdb", "sda".</param>
/// <param name="IsCd">A CD-ROM drive.</param>
/// <param name="IsReadOnly">The guest may not write to it.</param>
internal sealed record XlDisk(string? Target, string Format, string Place, bool IsCd, bool IsReadOnly)
{
    private static readonly string[] Formats = ["raw", "qcow", "qcow2", "vhd", "qed"], ReadOnlyWords = ["r", "ro"], WritableWords = ["w", "rw"],
        Prefixes = ["raw:", "qcow:", "qcow2:", "vhd:", "file:", "phy:", "tap:", "tap2:", "aio:", "vmdk:"];

    /// <summary>Fields by place (target, format, vdev, access) and by name; <c>target=</c> is the last and takes all that follows.</summary>
    /// <exception cref="ConfigException">A field that xl has not.</exception>
    public static XlDisk Parse(string text)
    {
        var disk = new XlDisk(null, "raw", "", IsCd: false, IsReadOnly: false);
        int position = 0;
        for (string rest = text; rest.Length > 0 || position == 0;)
        {
            rest = rest.TrimStart();
            if (rest.StartsWith("target=", StringComparison.Ordinal)) return Check(disk with { Target = Named(rest["target=".Length..]) }, text);
            int comma = rest.IndexOf(',', StringComparison.Ordinal);
            string field = (comma < 0 ? rest : rest[..comma]).Trim();
            rest = comma < 0 ? "" : rest[(comma + 1)..];
            disk = field.IndexOf('=', StringComparison.Ordinal) is > 0 and var equals
                ? disk.With(field[..equals], field[(equals + 1)..])
                : Flag(disk, field) ?? disk.At(position++, field);
            if (comma < 0) break;
        }

        return Check(disk, text);
    }

    private static XlDisk? Flag(XlDisk disk, string word) => word switch
    {
        "cdrom" => disk with { IsCd = true, IsReadOnly = true },
        "discard" or "no-discard" or "direct-io-safe" or "colo" or "no-colo" => disk,
        _ => null,
    };

    private XlDisk At(int position, string value) => position switch
    {
        0 => Prefixed(value),
        1 when value.Length == 0 || Formats.Contains(value) => value.Length == 0 ? this : With("format", value),
        1 => With("vdev", value).At(2, ""), // the old order: target, vdev, access
        2 when Place.Length == 0 => With("vdev", value),
        2 or 3 => value.Length == 0 ? this : With("access", value),
        _ => throw new ConfigException($"'{value}' is one field too many"),
    };

    private XlDisk With(string name, string value) => name switch
    {
        "format" when Formats.Contains(value) => this with { Format = value == "vhd" ? "vpc" : value },
        "vdev" => value.EndsWith(":cdrom", StringComparison.Ordinal)
            ? this with { Place = value[..^":cdrom".Length], IsCd = true, IsReadOnly = true }
            : this with { Place = value },
        "access" when ReadOnlyWords.Contains(value) => this with { IsReadOnly = true },
        "access" when WritableWords.Contains(value) => this,
        "devtype" => this with { IsCd = value == "cdrom", IsReadOnly = IsReadOnly || value == "cdrom" },
        "backendtype" or "specification" => this,
        _ => throw new ConfigException($"'{name}={value}' is not understood"),
    };

    private XlDisk Prefixed(string target)
    {
        XlDisk disk = this;
        while (Prefixes.FirstOrDefault(prefix => target.StartsWith(prefix, StringComparison.Ordinal)) is { } found)
        {
            target = target[found.Length..];
            string format = found.TrimEnd(':');
            if (Formats.Contains(format)) disk = disk.With("format", format);
        }

        return disk with { Target = Named(target) };
    }

    private static string? Named(string target) => target.Length > 0 ? target : null;

    private static XlDisk Check(XlDisk disk, string text) => disk.Place.Length > 0 ? disk : throw new ConfigException($"'{text}' does not say where (vdev)");
}
