using Xunit;

namespace Rhea.GuestTests;

/// <summary>Devices that come and go while Linux runs.</summary>
public class HotPlugTests
{
    private const string Script = "cd /sys/bus/pci/devices; until test -e 0000:00:06.0; do usleep 50000; done; cat 0000:00:06.0/device; "
        + "while test -e 0000:00:06.0; do usleep 50000; done; echo it has gone; read key";

    [Fact]
    public async Task Linux_sees_a_card_come_and_lets_it_go()
    {
        await using Emulator rhea = Emulator.Linux(Script, [.. Emulator.WithMonitor, "-no-reboot"]);
        await rhea.WaitFor("userspace");

        Assert.Equal("", await rhea.Monitor("device_add pvpanic-pci,id=card,addr=6"));
        await rhea.WaitFor("0x0011");
        Assert.Contains("id \"card\"", await rhea.Monitor("info qtree"), StringComparison.Ordinal);
        Assert.Equal("", await rhea.Monitor("device_del card"));
        await rhea.WaitFor("it has gone");

        Assert.DoesNotContain("id \"card\"", await rhea.Monitor("info qtree"), StringComparison.Ordinal);
        await rhea.Type("\n");
        Assert.Equal(0, await rhea.Exit());
    }
}
