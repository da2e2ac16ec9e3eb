using Xunit;

namespace Rhea.GuestTests;

/// <summary>memtest86+, which is hard on memory, caches and timers, and writes straight to the screen.</summary>
public class MemtestTests
{
    [Theory]
    [InlineData("/boot/memtest86+x64.bin")]
    [InlineData("/boot/memtest86+ia32.bin")]
    public async Task All_tests_but_the_last_find_no_error(string program)
    {
        await using Emulator rhea = Emulator.Rhea([.. Emulator.WithMonitor, "-display", "none", "-nic", "none", "-m", "8",
            "-kernel", Assets.Installed(program, "memtest86+")]);

        await rhea.WaitForScreen("[Bit fade test"); // which would take minutes

        Assert.Contains("Errors: 0", await rhea.Screen(), StringComparison.Ordinal);
    }
}
