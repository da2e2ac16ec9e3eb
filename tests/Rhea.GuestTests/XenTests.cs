using System.Text.RegularExpressions;
using Xunit;

namespace Rhea.GuestTests;

/// <summary>Xen's hypervisor as a guest, which looks at the whole machine before it starts Linux in its first domain.</summary>
public partial class XenTests
{
    private const string End = "*** Serial input to DOM0";

    /// <summary>Not compared: addresses that follow from the sizes of tables, counts of pages, clocks, and that QEMU's time stamp counter cannot be written.</summary>
    [Fact]
    public async Task Its_console_says_what_it_says_in_qemu()
    {
        string[] options = ["-M", "pc-i440fx-7.2", "-cpu", "qemu64,-svm", "-m", "512", "-display", "none", "-nic", "none", "-serial", "stdio", "-kernel", Assets.Xen,
            "-initrd", $"{Assets.CloudKernel} console=hvc0", "-append", "com1=115200 console=com1"];
        await using Emulator rhea = Emulator.Rhea(options), qemu = Emulator.Qemu(options);

        await rhea.WaitFor(End);
        await qemu.WaitFor(End);

        Assert.Equal(Lines(qemu), Lines(rhea));
    }

    private static string Lines(Emulator emulator) => string.Join('\n', emulator.Output[..emulator.Output.IndexOf(End, StringComparison.Ordinal)]
        .Split('\n', StringSplitOptions.TrimEntries)
        .Where(line => !line.Contains("TSC only partially writable", StringComparison.Ordinal))
        .Select(line => Varying().Replace(line, "#")));

    [GeneratedRegex(@"\d+\.\d+ MHz|\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|\(\d+ pages|Freed \d+kB|\b[0-9A-Fa-f]{4,16}\b")]
    private static partial Regex Varying();
}
