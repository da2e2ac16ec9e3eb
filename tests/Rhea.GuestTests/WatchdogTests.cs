using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.GuestTests;

/// <summary>A guest that starts the IB700 watchdog and then hangs.</summary>
public class WatchdogTests
{
    [Theory]
    [InlineData("poweroff", 1)]
    [InlineData("reset", 2)]
    public async Task A_watchdog_that_waits_in_vain_does_what_the_user_wants(string action, int starts)
    {
        using TemporaryFolder folder = Assets.Folder();
        await File.WriteAllBytesAsync(folder["rom"], GuestCode.Rom(code =>
        {
            code.Print("started\n");
            code.mov(dx, 0x443);
            code.mov(al, 14); // two seconds
            code.@out(dx, al);
            code.hlt();
        }), TestContext.Current.CancellationToken);

        await using Emulator rhea = Emulator.Rhea("-bios", folder["rom"], "-nodefaults", "-display", "none", "-debugcon", "stdio",
            "-global", "isa-debugcon.iobase=0x402", "-device", "ib700", "-action", $"watchdog={action}", "-nic", "none");

        await rhea.Until(() => rhea.Output.Split("started").Length > starts, $"{starts} starts");
        if (action == "poweroff") Assert.Equal(0, await rhea.Exit());
    }
}
