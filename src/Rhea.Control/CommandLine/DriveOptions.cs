using Rhea.Core;
using Rhea.Core.Config;

namespace Rhea.Control.CommandLines;

/// <summary>Disks and CDs.</summary>
internal static class DriveOptions
{
    private const int UnitsOfAnIdeBus = 2, IdeBuses = 2, FloppyUnits = 2;

    private const string KnownFormats =
        "blkdebug blkverify bochs cloop dmg file ftp http https iscsi luks nbd nfs null-aio null-co nvme parallels qcow qcow2 qed raw rbd ssh vdi vhdx vmdk vpc vvfat";

    public static IReadOnlyList<Option> All { get; } =
    [
        new("hda", "file", "use the image as hard disk 0 (-hdb: 1, -hdc: 2, -hdd: 3)", (draft, file) => AddImage(draft, file, 0, "disk")),
        new("hdb", "file", "", (draft, file) => AddImage(draft, file, 1, "disk")),
        new("hdc", "file", "", (draft, file) => AddImage(draft, file, 2, "disk")),
        new("hdd", "file", "", (draft, file) => AddImage(draft, file, 3, "disk")),
        new("cdrom", "file", "put the image into the CD-ROM drive", (draft, file) => AddImage(draft, file, 2, "cdrom")),
        new("fda", "file", "put the image into floppy drive 0 (-fdb: 1)", (draft, file) => AddFloppy(draft, file, 0)),
        new("fdb", "file", "", (draft, file) => AddFloppy(draft, file, 1)),
        new("drive", "[file=file][,if=type][,bus=n][,unit=m][,index=i][,media=d][,format=f][,id=name]",
            "[,readonly=on|off][,snapshot=on|off][,cache=writethrough|writeback|none|directsync|unsafe" + "]\n"
            + "[,aio=threads|native|io_uring][,discard=ignore|unmap][,detect-zeroes=on|off|unmap]\n"
            + "[,rerror=ignore|stop|report][,werror=ignore|stop|report|enospc]\n"
            + "add a drive with the image in it", (draft, text) => draft.Drives.Add(new(draft.Spelling, KeyValues.Parse(null, text)))),
        new("snapshot", null, "write to temporary files instead of the images", (draft, _) => draft.SnapshotAll = true),
    ];

    /// <summary>The drive of <c>-hda</c> and its like; the file's name is taken as it is, commas and all.</summary>
    public static void AddImage(Draft draft, string file, int index, string media) =>
        draft.Drives.Add(new(draft.Spelling, KeyValues.Of(null,
            [new("file", file), new("index", $"{index}"), new("media", media)])));

    private static void AddFloppy(Draft draft, string file, int unit) =>
        draft.Drives.Add(new(draft.Spelling, KeyValues.Of(null, [new("if", "floppy"), new("file", file), new("index", $"{unit}")])));

    /// <summary>Reads all that one drive was given, and finds it a place beside those that have one.</summary>
    public static DriveConfig Read(DriveRequest request, IReadOnlyList<DriveConfig> others, bool snapshotAll)
    {
        KeyValues keys = request.Keys;
        string? id = keys.Id();
        string type = Interface(keys), media = keys.String("media", "disk");
        if (media is not ("disk" or "cdrom")) throw new ConfigException($"'{media}' invalid media");
        (int bus, int unit) = Place(keys, type, others);
        id ??= $"{type}{(type == "ide" ? $"{bus}" : "")}{(type == "ide" ? media == "cdrom" ? "-cd" : "-hd" : "")}{unit}";
        if (others.Any(other => other.Id == id)) throw new ConfigException($"Duplicate ID '{id}' for drive");

        DriveConfig drive = Image(keys, new DriveConfig { Id = id, Interface = type, Bus = bus, Unit = unit, Media = media, Origin = request.Spelling });
        RejectLater(keys);
        if (keys.Left.Count > 0)
        {
            throw new ConfigException(drive.File is null
                ? "Must specify either driver or file"
                : $"Block format '{drive.Format ?? "raw"}' does not support the option '{keys.Left[0].Key}'");
        }

        return snapshotAll ? drive with { Snapshot = true } : drive;
    }

    private static string Interface(KeyValues keys) => keys.String("if", "ide") switch
    {
        "ide" => "ide",
        "none" => "none",
        "floppy" => "floppy",
        var type and ("scsi" or "virtio" or "pflash" or "mtd" or "sd" or "xen") => throw LaterOptions.NotYet($"if={type}"),
        var type => throw new ConfigException($"unsupported bus type '{type}'"),
    };

    /// <summary>An index counts through the buses; with neither index nor unit the first free place is taken.</summary>
    private static (int Bus, int Unit) Place(KeyValues keys, string type, IReadOnlyList<DriveConfig> others)
    {
        int? index = keys.Int32("index"), bus = keys.Int32("bus"), unit = keys.Int32("unit");
        if (index is not null && (bus ?? unit) is not null) throw new ConfigException("index cannot be used with bus and unit");
        int units = type == "ide" ? UnitsOfAnIdeBus : int.MaxValue;
        if (index is { } number) (bus, unit) = (number / units, number % units);
        (int Bus, int Unit) place = (bus ?? 0, unit ?? 0);
        if (unit is null)
        {
            while (Taken(place)) place = place.Unit + 1 < units ? (place.Bus, place.Unit + 1) : (place.Bus + 1, 0);
        }

        if (place.Unit >= units) throw new ConfigException($"unit {place.Unit} too big (max is {units - 1})");
        if (Taken(place))
            throw new ConfigException($"drive with bus={place.Bus}, unit={place.Unit} (index={(type == "ide" ? (place.Bus * units) + place.Unit : place.Unit)}) exists");
        if ((type == "ide" && place.Bus >= IdeBuses) || (type == "floppy" && (place.Bus > 0 || place.Unit >= FloppyUnits)))
            throw new ConfigException($"machine type does not support if={type},bus={place.Bus},unit={place.Unit}");
        return place;

        bool Taken((int Bus, int Unit) at) => others.Any(other => other.Interface == type && (other.Bus, other.Unit) == at);
    }

    private static DriveConfig Image(KeyValues keys, DriveConfig drive)
    {
        foreach (string key in drive.Interface == "floppy" ? (string[])["rerror", "werror"] : [])
            if (keys.Has(key)) throw new ConfigException($"{key} is not supported by this bus type");
        if (Word(keys, "aio", "threads", "invalid aio option", "threads", "native", "io_uring") is var aio and not "threads") throw LaterOptions.NotYet($"aio={aio}");
        if (Word(keys, "detect-zeroes", "off", null, "off", "on", "unmap") is var zeroes and not "off") throw LaterOptions.NotYet($"detect-zeroes={zeroes}");
        string? file = keys.Take("file") ?? keys.Take("file.filename"), format = keys.Take("format") ?? keys.Take("driver");
        return drive with
        {
            File = file is "" ? null : file,
            Format = Format(format),
            ReadOnly = keys.Bool("readonly") ?? keys.Bool("read-only"),
            Snapshot = keys.Bool("snapshot", false),
            Cache = Word(keys, "cache", "writeback", "invalid cache option", "writeback", "none", "off", "writethrough", "directsync", "unsafe")
                .Replace("off", "none", StringComparison.Ordinal),
            Discard = Word(keys, "discard", "ignore", "Invalid discard option", "ignore", "off", "unmap", "on") is "unmap" or "on",
            ReadError = Word(keys, "rerror", "report", "'{0}' invalid read error action", "ignore", "stop", "report"),
            WriteError = Word(keys, "werror", "enospc", "'{0}' invalid write error action", "ignore", "stop", "report", "enospc"),
            Locking = keys.Choice(keys.Has("file.locking") ? "file.locking" : "locking", "auto", "auto", "on", "off"),
        };
    }

    private static string? Format(string? format) => format switch
    {
        null or "raw" => format,
        _ when KnownFormats.Split(' ').Contains(format) => throw LaterOptions.NotYet($"image format {format}"),
        _ => throw new ConfigException($"Unknown driver '{format}'"),
    };

    private static string Word(KeyValues keys, string key, string fallback, string? error, params ReadOnlySpan<string> words)
    {
        string word = keys.String(key, fallback);
        if (words.Contains(word)) return word;
        throw new ConfigException((error ?? "invalid parameter value: {0}").Replace("{0}", word, StringComparison.Ordinal));
    }

    private static void RejectLater(KeyValues keys)
    {
        if (keys.Bool("copy-on-read", false)) throw LaterOptions.NotYet("copy-on-read=on");
        foreach ((string key, _) in keys.Left)
        {
            if (key.StartsWith("bps", StringComparison.Ordinal) || key.StartsWith("iops", StringComparison.Ordinal)
                || key.StartsWith("throttling.", StringComparison.Ordinal) || key.StartsWith("cache.", StringComparison.Ordinal))
                throw LaterOptions.NotYet($"{key}=");
        }
    }
}
