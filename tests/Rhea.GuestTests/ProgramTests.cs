using System.Diagnostics;
using Xunit;

namespace Rhea.GuestTests;

/// <summary>The program as a process: signals, its number in a file, its log.</summary>
public class ProgramTests
{
    private static readonly string[] Idle = ["-nodefaults", "-display", "none", "-nic", "none", "-S"];

    [Fact]
    public async Task A_signal_ends_it_cleanly_and_takes_the_pid_file_away()
    {
        using TemporaryFolder folder = Assets.Folder();
        await using Emulator rhea = Emulator.Rhea([.. Idle, "-pidfile", folder["pid"]]);
        await rhea.Until(() => File.Exists(folder["pid"]) && File.ReadAllText(folder["pid"]).EndsWith('\n'), "the pid file");
        string pid = File.ReadAllText(folder["pid"]).Trim();

        using (Process kill = Process.Start("kill", ["-TERM", pid])) await kill.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(0, await rhea.Exit());
        Assert.False(File.Exists(folder["pid"]));
        Assert.Equal("", rhea.Errors);
    }

    [Fact]
    public async Task The_log_of_one_device_goes_where_the_user_wants_it()
    {
        using TemporaryFolder folder = Assets.Folder();
        await using Emulator rhea = Emulator.Rhea("-display", "none", "-nic", "none", "-d", "guest_errors,trace:rtc", "-D", folder["log"], "-debugcon", "stdio", "-global", "isa-debugcon.iobase=0x402");

        await rhea.WaitFor("No bootable device");

        Assert.True(File.Exists(folder["log"]));
        Assert.DoesNotContain("rhea:", rhea.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_version_is_one_that_tools_understand()
    {
        await using Emulator rhea = Emulator.Rhea("-version");

        Assert.Equal(0, await rhea.Exit());
        Assert.StartsWith("QEMU emulator version 7.2.22 (rhea ", rhea.Output, StringComparison.Ordinal);
    }
}
