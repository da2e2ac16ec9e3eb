using System.Globalization;
using System.Text.RegularExpressions;
using Xunit;

namespace Rhea.GuestTests;

/// <summary>Linux in S3, and all that ends such a sleep.</summary>
public partial class SleepTests
{
    [Fact]
    public async Task The_clocks_alarm_wakes_a_sleeping_guest()
    {
        await using Emulator rhea = Linux("date +%s; echo +5 > /sys/class/rtc/rtc0/wakealarm; echo mem > /sys/power/state; date +%s; echo awake again");

        await rhea.WaitFor("awake again");
        long[] times = [.. Seconds().Matches(rhea.Output).Select(match => long.Parse(match.Value, CultureInfo.InvariantCulture))];
        Assert.InRange(times[1] - times[0], 2, 30);
        Assert.InRange(Math.Abs(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - times[1]), 0, 60);
        Assert.Equal(0, await rhea.Exit());
    }

    [Theory]
    [InlineData("sendkey a")]
    [InlineData("system_wakeup")]
    [InlineData("system_powerdown")] // the button, which QEMU's guests sleep through
    public async Task The_user_wakes_a_sleeping_guest(string command)
    {
        await using Emulator rhea = Linux("echo mem > /sys/power/state; echo awake again");
        await WaitUntilAsleep(rhea);

        await rhea.Monitor(command);

        await rhea.WaitFor("awake again");
    }

    [Fact]
    public async Task A_reset_ends_the_sleep_and_the_guest_starts_anew()
    {
        await using Emulator rhea = Linux("echo started; echo mem > /sys/power/state; echo awake again");
        await WaitUntilAsleep(rhea);

        await rhea.Monitor("system_reset");

        await rhea.Until(() => Regex.Count(rhea.Output, "started") == 2, "the second start");
        await WaitUntilAsleep(rhea);
        Assert.DoesNotContain("awake again", rhea.Output, StringComparison.Ordinal);
        await rhea.Monitor("system_wakeup");
        await rhea.WaitFor("awake again");
    }

    private static async Task WaitUntilAsleep(Emulator rhea)
    {
        await rhea.WaitFor("userspace after");
        while (!(await rhea.Monitor("info status")).Contains("suspended", StringComparison.Ordinal)) await Task.Delay(200, TestContext.Current.CancellationToken);
    }

    private static Emulator Linux(string script) => Emulator.Linux(script, Emulator.WithMonitor);

    [GeneratedRegex(@"^1\d{9}", RegexOptions.Multiline)]
    private static partial Regex Seconds();
}
