using Rhea.Core;
using Rhea.Core.Config;

namespace Rhea.Boards.Firmware;

/// <summary>Finds the BIOS and option ROMs among the host's files: where the user says (<c>-L</c>), then where distributions put them.</summary>
public sealed class FirmwareFiles(FirmwareConfig config)
{
    private const string DefaultBios = "bios-256k.bin";
    private const int BiosUnit = 64 << 10, MaxBios = 16 << 20;

    private static readonly string[] UsualPlaces =
        ["/usr/share/seabios", "/usr/share/qemu", "/usr/local/share/qemu", "/usr/lib/ipxe/qemu", "/usr/share/qemu-firmware"];

    /// <summary>Where a file is; null when it is nowhere. A name that is a readable path is taken as it is.</summary>
    public string? Find(string name) =>
        config.SearchPaths.Concat(UsualPlaces).Select(place => Path.Combine(place, name)).Prepend(name).FirstOrDefault(File.Exists);

    /// <summary>The BIOS: <c>-bios</c>, or SeaBIOS.</summary>
    /// <exception cref="ConfigException">It is missing, or not whole 64 KiB units.</exception>
    public byte[] LoadBios()
    {
        string name = config.Bios ?? DefaultBios;
        byte[] bios = Load(name, $"could not load PC BIOS '{name}'");
        if (bios.Length is > 0 and <= MaxBios && bios.Length % BiosUnit == 0) return bios;
        throw new ConfigException($"could not load PC BIOS '{name}': it has {bios.Length} bytes, and not a multiple of 64 KiB up to 16 MiB");
    }

    /// <summary>A ROM on a card, such as "vgabios-stdvga.bin".</summary>
    /// <exception cref="ConfigException">It is missing.</exception>
    public byte[] LoadRom(string name) => Load(name, $"failed to find romfile \"{name}\"");

    private byte[] Load(string name, string failed)
    {
        if (Find(name) is { } path) return HostFile.Read(path, failed);
        throw new ConfigException($"{failed}: it is in none of the firmware directories; install the package 'seabios' or name its directory with -L");
    }
}
