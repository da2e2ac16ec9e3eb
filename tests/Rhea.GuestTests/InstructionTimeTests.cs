using Xunit;

namespace Rhea.GuestTests;

/// <summary><c>-icount</c>: time follows the instructions, and a run is the same each time; <c>thread=single</c>: processors take turns.</summary>
public class InstructionTimeTests
{
    private const string Work = "modprobe ata_piix; modprobe sd_mod; for i in 1 2 3; do dd if=/dev/sda of=/dev/null bs=64k iflag=direct & done; wait; md5sum /dev/sda; cat /proc/interrupts; dmesg | md5sum";

    /// <summary>With two processors that use the disk at once: each line of the kernel's has the same microsecond, each interrupt has come as often.</summary>
    [Theory]
    [InlineData("2,sleep=off")]
    [InlineData("3")]
    public async Task The_same_run_again_is_the_same(string icount)
    {
        using TemporaryFolder folder = Assets.Folder();
        var disk = new byte[2 << 20];
        for (var i = 0; i < disk.Length; i++) disk[i] = (byte)(i * 7 >> 3);
        await File.WriteAllBytesAsync(folder["disk"], disk, TestContext.Current.CancellationToken);

        string first = await Boot(folder["disk"], icount), second = await Boot(folder["disk"], icount);

        Assert.Contains("LOC:", first, StringComparison.Ordinal);
        Assert.Equal(first, second);
    }

    [Fact]
    public async Task Processors_take_turns_on_one_thread()
    {
        await using Emulator rhea = Emulator.Linux("cat /proc/cpuinfo", "-accel", "tcg,thread=single", "-smp", "2");

        await rhea.WaitFor("on x86_64, 2 processor(s)");

        Assert.Equal(0, await rhea.Exit());
    }

    [Fact]
    public async Task A_machine_whose_time_is_counted_stops_goes_on_and_starts_anew()
    {
        await using Emulator rhea = Emulator.Linux("while :; do echo tick; sleep 1; done", ["-smp", "2", "-icount", "auto", .. Emulator.WithMonitor]);
        await rhea.WaitFor("tick");
        await rhea.Monitor("stop");
        Assert.Contains("paused", await rhea.Monitor("info status"), StringComparison.Ordinal);
        int before = rhea.Output.Split("tick").Length;
        await rhea.Monitor("cont");
        await rhea.Until(() => rhea.Output.Split("tick").Length > before + 1, "the next second");

        await rhea.Monitor("system_reset");
        await rhea.Until(() => rhea.Output.Split("guest: userspace after").Length > 2, "a second boot");

        await rhea.Monitor("quit");
        Assert.Equal(0, await rhea.Exit());
    }

    private static async Task<string> Boot(string disk, string icount)
    {
        await using Emulator rhea = Emulator.Linux(Work, "-smp", "2", "-cpu", "max", "-drive", $"if=ide,format=raw,snapshot=on,file={disk}",
            "-icount", icount, "-rtc", "base=2026-01-02T03:04:05,clock=vm");
        Assert.Equal(0, await rhea.Exit());
        return rhea.Output;
    }
}
