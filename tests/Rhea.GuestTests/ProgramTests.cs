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

    /// <summary>"dd" and "mg" in smaps(5): left out of core dumps, and offered for merging.</summary>
    [Theory]
    [InlineData("pc", "", "dd")]
    [InlineData("pc,dump-guest-core=off,mem-merge=off", "dd", "mg")]
    public async Task Guest_memory_is_dumped_and_merged_as_the_user_wants(string machine, string has, string lacks)
    {
        const int megabytes = 300;
        using TemporaryFolder folder = Assets.Folder();
        await using Emulator rhea = Emulator.Rhea([.. Idle, "-M", machine, "-m", $"{megabytes}", "-pidfile", folder["pid"]]);
        await rhea.Until(() => File.Exists(folder["pid"]) && File.ReadAllText(folder["pid"]).EndsWith('\n'), "the pid file");

        string map = await File.ReadAllTextAsync($"/proc/{File.ReadAllText(folder["pid"]).Trim()}/smaps", TestContext.Current.CancellationToken);

        int ram = map.IndexOf($"Size:             {megabytes << 10} kB", StringComparison.Ordinal), flags = map.IndexOf("VmFlags:", ram, StringComparison.Ordinal);
        string[] words = map[flags..map.IndexOf('\n', flags)].Split(' ');
        Assert.DoesNotContain(lacks, words);
        if (has != "") Assert.Contains(has, words);
    }

    [Fact]
    public async Task The_version_is_one_that_tools_understand()
    {
        await using Emulator rhea = Emulator.Rhea("-version");

        Assert.Equal(0, await rhea.Exit());
        Assert.StartsWith("QEMU emulator version 7.2.22 (rhea ", rhea.Output, StringComparison.Ordinal);
    }
}
