using Xunit;

namespace Rhea.GuestTests;

/// <summary>Debian's installer, whose initramfs is a whole small system.</summary>
public class InstallerTests
{
    [Theory]
    [InlineData("amd64")]
    [InlineData("i386")]
    public async Task It_asks_for_the_language_on_the_screen(string architecture)
    {
        string folder = $"/usr/lib/debian-installer/images/12/{architecture}/text/debian-installer/{architecture}/", package = $"debian-installer-12-netboot-{architecture}";

        await using Emulator rhea = Emulator.Rhea([.. Emulator.WithMonitor, "-display", "none", "-nic", "none", "-m", "1024",
            "-kernel", Assets.Installed(folder + "linux", package), "-initrd", Assets.Installed(folder + "initrd.gz", package),
            "-append", "vga=normal nomodeset no-scroll"]);

        await rhea.WaitForScreen("Select a language");
    }
}
