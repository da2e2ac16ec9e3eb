using Xunit;

namespace Rhea.GuestTests;

/// <summary>Debian's kernels to userspace and out again, by every way out.</summary>
public class LinuxTests
{
    private const string Userspace = "guest: userspace after";

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task The_cloud_kernel_reaches_userspace_and_powers_off(int processors)
    {
        await using Emulator rhea = Cloud("-- true", "-smp", $"{processors}");

        await rhea.WaitFor(Userspace);
        await rhea.WaitFor($"on x86_64, {processors} processor(s)");

        Assert.Equal(0, await rhea.Exit());
        Assert.DoesNotContain("ACPI Error", rhea.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("ACPI BIOS Error", rhea.Output, StringComparison.Ordinal);
    }

    /// <summary>With all that the processor offers the kernel uses PCIDs, five levels of page tables, SMAP, XSAVE and AVX, and patches itself for them.</summary>
    [Theory]
    [InlineData("max", "avx2", "la57", "pcid")]
    [InlineData("EPYC", "sha_ni", "xsavec", "topoext")]
    [InlineData("Haswell", "fma", "invpcid", "movbe")]
    public async Task The_cloud_kernel_uses_what_the_processor_offers(string cpu, params string[] features)
    {
        Assert.SkipWhen(Quick && cpu != "max", "not in a quick run");
        await using Emulator rhea = Cloud("-- grep -m1 flags /proc/cpuinfo; dmesg | grep -c -e 'Oop[s]:' -e 'BU[G]:' -e 'WARNIN[G]: CPU' | sed 's/^/complaints: /'", "-cpu", cpu, "-smp", "2");

        await rhea.WaitFor("complaints: 0");

        Assert.Equal(0, await rhea.Exit());
        string flags = rhea.Output.Split('\n').Single(line => line.StartsWith("flags", StringComparison.Ordinal));
        string[] words = flags.Split(' ', '\r');
        Assert.All(features, feature => Assert.Contains(feature, words));
    }

    [Fact]
    public async Task The_pae_kernel_reaches_userspace_and_powers_off()
    {
        Assert.SkipWhen(Quick, "not in a quick run");
        await using Emulator rhea = Linux(Assets.PaeKernel, Assets.PaeInitrd, "-- true");

        await rhea.WaitFor("on i686, 1 processor(s)");

        Assert.Equal(0, await rhea.Exit());
    }

    /// <summary>With neither ACPI tables nor some or all of the APICs: the PC of 1996.</summary>
    [Theory]
    [InlineData("acpi=off noapic", "XT-PIC")]
    [InlineData("nolapic", "XT-PIC")]
    [InlineData("acpi=off", "timer")]
    public async Task The_pae_kernel_runs_on_the_old_interrupt_controllers(string options, string controller)
    {
        Assert.SkipWhen(Quick, "not in a quick run");
        await using Emulator rhea = Linux(Assets.PaeKernel, Assets.PaeInitrd, $"{options} -- cat /proc/interrupts");

        await rhea.WaitFor("on i686, 1 processor(s)");
        await rhea.WaitFor("guest: status 0"); // which is as far as it gets without ACPI: it cannot power off

        Assert.Contains(controller, rhea.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reboot_starts_the_firmware_again()
    {
        Assert.SkipWhen(Quick, "not in a quick run");
        await using Emulator rhea = Emulator.Linux("/bin/reboot -f");

        await rhea.WaitFor(Userspace);
        await rhea.Until(() => rhea.Output.Split(Userspace).Length > 2, "a second boot");
    }

    [Fact]
    public async Task A_reboot_ends_the_machine_when_the_user_wants_none()
    {
        Assert.SkipWhen(Quick, "not in a quick run");
        await using Emulator rhea = Cloud("-- /bin/reboot -f");

        await rhea.WaitFor(Userspace);

        Assert.Equal(0, await rhea.Exit());
    }

    [Fact]
    public async Task The_power_button_reaches_the_guest()
    {
        Assert.SkipWhen(Quick, "not in a quick run");
        await using Emulator rhea = Cloud("-- for e in /sys/class/input/event*; do grep -q Power $e/device/name && exec 3</dev/input/${e##*/} && echo ready && head -c 24 <&3 >/dev/null && echo pressed; done", Emulator.WithMonitor);

        await rhea.WaitFor("ready");
        await rhea.Monitor("system_powerdown");

        await rhea.WaitFor("pressed");
        Assert.Equal(0, await rhea.Exit());
    }

    private static bool Quick => Environment.GetEnvironmentVariable("RHEA_TEST_QUICK") == "1";

    private static Emulator Cloud(string append, params string[] options) => Linux(Assets.CloudKernel, Assets.CloudInitrd, append, options);

    private static Emulator Linux(string kernel, string initrd, string append, params string[] options) => Emulator.Rhea(
        ["-m", "256", "-display", "none", "-serial", "stdio", "-nic", "none", "-no-reboot", "-kernel", kernel, "-initrd", initrd,
        "-append", $"console=ttyS0 quiet panic=-1 {append}", .. options]);
}
