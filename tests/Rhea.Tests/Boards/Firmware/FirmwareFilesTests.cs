using Rhea.Boards.Firmware;
using Rhea.Core;
using Rhea.Core.Config;
using Xunit;

namespace Rhea.Tests.Boards.Firmware;

public sealed class FirmwareFilesTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("rhea-firmware-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void The_users_directory_comes_before_the_usual_ones()
    {
        Write("bios-256k.bin", 64 << 10);

        Assert.Equal(64 << 10, Files().LoadBios().Length);
    }

    [Fact]
    public void A_path_is_taken_as_it_is()
    {
        string path = Write("my.rom", 128 << 10);

        Assert.Equal(128 << 10, new FirmwareFiles(new FirmwareConfig { Bios = path }).LoadBios().Length);
    }

    [Fact]
    public void A_bios_of_odd_size_is_refused()
    {
        string path = Write("my.rom", 1000);

        Assert.Equal($"could not load PC BIOS '{path}': it has 1000 bytes, and not a multiple of 64 KiB up to 16 MiB",
            Assert.Throws<ConfigException>(() => new FirmwareFiles(new FirmwareConfig { Bios = path }).LoadBios()).Message);
    }

    [Fact]
    public void A_missing_rom_is_named_with_a_remedy()
    {
        var error = Assert.Throws<ConfigException>(() => Files().LoadRom("nosuch.rom"));

        Assert.StartsWith("failed to find romfile \"nosuch.rom\"", error.Message, StringComparison.Ordinal);
        Assert.Contains("-L", error.Message, StringComparison.Ordinal);
    }

    private FirmwareFiles Files() => new(new FirmwareConfig { SearchPaths = [_directory] });

    private string Write(string name, int length)
    {
        string path = Path.Combine(_directory, name);
        File.WriteAllBytes(path, new byte[length]);
        return path;
    }
}
