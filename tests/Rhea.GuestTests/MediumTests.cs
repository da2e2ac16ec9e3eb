using Xunit;

namespace Rhea.GuestTests;

/// <summary>The user changes the disc of a running Linux.</summary>
public class MediumTests
{
    [Fact]
    public async Task Linux_sees_the_disc_that_the_user_puts_in()
    {
        using TemporaryFolder folder = Assets.Folder();
        foreach (string name in (string[])["one", "two"])
        {
            var disc = new byte[1 << 20];
            System.Text.Encoding.ASCII.GetBytes($"this is disc {name}\n").CopyTo(disc, 0);
            await File.WriteAllBytesAsync(folder[name], disc, TestContext.Current.CancellationToken);
        }

        await using Emulator rhea = Emulator.Linux(
            "for m in ata_piix sr_mod; do modprobe $m; done; sleep 1; while true; do head -n1 /dev/sr0; sleep 1; done",
            [.. Emulator.WithMonitor, "-no-reboot", "-cdrom", folder["one"]]);
        await rhea.WaitFor("this is disc one");

        string answer = await rhea.Monitor("eject ide1-cd0");
        for (var tries = 0; tries < 100 && answer.Contains("is locked", StringComparison.Ordinal); tries++) // somebody still has it open
        {
            await Task.Delay(100, TestContext.Current.CancellationToken);
            answer = await rhea.Monitor("eject ide1-cd0");
        }

        Assert.Equal("", answer);
        await rhea.WaitFor("No medium found");
        Assert.Equal("", await rhea.Monitor($"change ide1-cd0 {folder["two"]} raw"));
        await rhea.WaitFor("this is disc two");
        Assert.Contains("Device 'floppy1' not found", await rhea.Monitor("eject floppy1"), StringComparison.Ordinal);
    }
}
