using System.Globalization;
using System.Text.RegularExpressions;
using Xunit;

namespace Rhea.GuestTests;

/// <summary>The PC's old hardware as Linux's drivers find and use it.</summary>
public partial class HardwareTests
{
    [Fact]
    public async Task A_floppy_is_read_and_written()
    {
        using TemporaryFolder folder = Assets.Folder();
        var disk = new byte[1440 << 10];
        for (var i = 0; i < disk.Length; i++) disk[i] = (byte)((i >> 9) * 7 + i);
        await File.WriteAllBytesAsync(folder["disk"], disk, TestContext.Current.CancellationToken);

        await using Emulator rhea = Linux("modprobe floppy;md5sum /dev/fd0;dd if=/dev/fd0 of=/dev/fd0 bs=18k count=4 seek=40 conv=fsync,notrunc",
            "-drive", $"if=floppy,format=raw,file={folder["disk"]}");

        await rhea.WaitFor(Convert.ToHexStringLower(Md5(disk)));
        Assert.Equal(0, await rhea.Exit());
        byte[] after = await File.ReadAllBytesAsync(folder["disk"], TestContext.Current.CancellationToken);
        Assert.Equal(disk.AsSpan(0, 72 << 10), after.AsSpan(720 << 10, 72 << 10));
    }

    [Fact]
    public async Task What_is_printed_on_the_parallel_port_arrives()
    {
        using TemporaryFolder folder = Assets.Folder();
        await using Emulator rhea = Linux("modprobe parport_pc;modprobe lp;echo on paper >/dev/lp0", "-parallel", $"file:{folder["paper"]}");

        Assert.Equal(0, await rhea.Exit());
        Assert.Equal("on paper\n", await File.ReadAllTextAsync(folder["paper"], TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task The_management_bus_has_the_eeproms_of_the_memory()
    {
        await using Emulator rhea = Linux("modprobe i2c-piix4;modprobe i2c-dev;i2cdetect -y 0;echo type $(i2cget -y 0 0x50 2)");

        Assert.Equal(0, await rhea.Exit());
        Assert.Contains("50: 50 51 52 53 54 55 56 57", rhea.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("i6300esb", "modprobe i6300esb heartbeat=2;echo started >/dev/watchdog;cat")]
    [InlineData("ib700", "modprobe ib700wdt timeout=2;echo started >/dev/watchdog;cat")]
    public async Task A_watchdog_that_is_not_fed_ends_the_machine(string device, string script)
    {
        await using Emulator rhea = Linux(script, "-device", device, "-action", "watchdog=poweroff");

        await rhea.WaitFor("userspace");
        Assert.Equal(0, await rhea.Exit());
        Assert.DoesNotContain("guest: status", rhea.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_pci_bus_lists_the_chips_and_their_drivers()
    {
        await using Emulator rhea = Linux("modprobe ata_piix;modprobe i2c-piix4;for d in /sys/bus/pci/devices/*;do echo $(cat $d/uevent);done");

        Assert.Equal(0, await rhea.Exit());
        foreach (string chip in (string[])[
            "PCI_CLASS=60000 PCI_ID=8086:1237 PCI_SUBSYS_ID=1AF4:1100 PCI_SLOT_NAME=0000:00:00.0",
            "PCI_CLASS=60100 PCI_ID=8086:7000 PCI_SUBSYS_ID=1AF4:1100 PCI_SLOT_NAME=0000:00:01.0",
            "DRIVER=ata_piix PCI_CLASS=10180 PCI_ID=8086:7010 PCI_SUBSYS_ID=1AF4:1100 PCI_SLOT_NAME=0000:00:01.1",
            "DRIVER=piix4_smbus PCI_CLASS=68000 PCI_ID=8086:7113 PCI_SUBSYS_ID=1AF4:1100 PCI_SLOT_NAME=0000:00:01.3",
            "PCI_CLASS=30000 PCI_ID=1234:1111 PCI_SUBSYS_ID=1AF4:1100 PCI_SLOT_NAME=0000:00:02.0"])
            Assert.Contains(chip, rhea.Output, StringComparison.Ordinal);
    }

    /// <summary>Ten seconds of the real-time clock on each clock source, while the serial port is busy.</summary>
    [Fact]
    public async Task All_clocks_go_at_one_rate()
    {
        const string edge = "edge(){ a=$(grep time /proc/driver/rtc);while [ \"$a\" = \"$(grep time /proc/driver/rtc)\" ];do :;done;read u x </proc/uptime;echo $u;}";
        await using Emulator rhea = Linux($"{edge};cd /sys/devices/system/clocksource/clocksource0;for c in $(cat available_clocksource);do echo $c >current_clocksource;"
            + "f=$(edge);i=0;while [ $i -lt 9 ];do edge;i=$((i+1));done >/dev/ttyS0;echo clock $c $f $(edge);done");

        Assert.Equal(0, await rhea.Exit());
        Match[] clocks = [.. Clock().Matches(rhea.Output).Cast<Match>()];
        Assert.Subset(clocks.Select(clock => clock.Groups["name"].Value).ToHashSet(), new HashSet<string> { "tsc", "hpet", "acpi_pm" });
        foreach (Match clock in clocks)
            Assert.InRange(double.Parse(clock.Groups["to"].Value, CultureInfo.InvariantCulture) - double.Parse(clock.Groups["from"].Value, CultureInfo.InvariantCulture), 9.9, 10.1);
    }

    /// <summary>The script is a file of fw_cfg, because a kernel's command line is short and has quotes of its own.</summary>
    private static Emulator Linux(string script, params string[] options) => Emulator.Rhea(
        ["-m", "256", "-display", "none", "-serial", "stdio", "-nic", "none", "-no-reboot", "-kernel", Assets.PaeKernel, "-initrd", Assets.PaeInitrd,
        "-append", "console=ttyS0 quiet panic=-1 -- modprobe qemu_fw_cfg;. /sys/firmware/qemu_fw_cfg/by_name/opt/script/raw",
        "-fw_cfg", $"name=opt/script,string={script.Replace(",", ",,", StringComparison.Ordinal)}", .. options]);

#pragma warning disable CA5351 // a checksum that busybox has too, not a secret
    private static byte[] Md5(byte[] data) => System.Security.Cryptography.MD5.HashData(data);
#pragma warning restore CA5351

    [GeneratedRegex(@"clock (?<name>\S+) (?<from>[\d.]+) (?<to>[\d.]+)")]
    private static partial Regex Clock();
}
