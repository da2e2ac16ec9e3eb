using Xunit;

namespace Rhea.GuestTests;

/// <summary>A Debian on a disk of its own.</summary>
public class DebianTests
{
    [Fact]
    public async Task It_boots_through_grub_to_its_login_and_shuts_down()
    {
        await using Emulator rhea = Emulator.Rhea("-m", "512", "-display", "none", "-nic", "none", "-serial", "stdio", "-no-reboot",
            "-drive", $"file={Assets.DebianDisk},format=raw,snapshot=on");

        await rhea.WaitFor("rhea login:");
        await rhea.Type("root\n");
        await rhea.WaitFor("root@rhea");
        await rhea.Type("systemctl --failed --no-legend | wc -l | sed 's/^/failed units: /'; poweroff\n");

        await rhea.WaitFor("failed units: 0");
        Assert.Equal(0, await rhea.Exit());
        Assert.Contains("All filesystems, swaps, loop devices, MD devices and DM devices detached.", rhea.Output, StringComparison.Ordinal);
    }
}
