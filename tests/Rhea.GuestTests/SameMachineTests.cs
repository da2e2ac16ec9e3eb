using System.Text.RegularExpressions;
using Xunit;

namespace Rhea.GuestTests;

/// <summary>One command line makes the same machine whatever runs it: a Linux lists what it sees of it.</summary>
[Collection(nameof(Lab))]
public sealed partial class SameMachineTests
{
    private const string List = "modprobe ata_piix;modprobe sd_mod;until [ -b /dev/sda ];do sleep 0.1;done;("
        + "for d in /sys/bus/pci/devices/*;do echo pci $d;hexdump -vC $d/config;done;cat /proc/ioports;grep -v Kernel /proc/iomem;"
        + "for t in /sys/firmware/acpi/tables/[A-Z]*;do md5sum $t;done;for m in /sys/firmware/memmap/*;do echo e820 $(cat $m/start $m/end $m/type);done;"
        + "grep -E \"bugs|flags|model|size|stepping\" /proc/cpuinfo;cat /proc/interrupts)>/list;dd if=/list of=/dev/sda bs=1k conv=sync;sync";

    private const string Machine = "-display none -nic none -m 192 -cpu qemu64 -serial stdio -device pvpanic-pci -device i6300esb";

    /// <summary>The guest's disk takes what the list is of.</summary>
    private static string Append => $"console=ttyS0 quiet panic=-1 nopv -- {Emulator.InFewWords(List)}";

    [Fact]
    public async Task Linux_sees_the_same_in_software_and_under_kvm()
    {
        using var lab = new KvmLab();
        await Compare("kvm", lab, "-smp 2");
    }

    /// <summary>
    /// With one processor, for Xen's second local APIC is number 2, and without system management mode, which Xen has not. With an HPET: else Linux
    /// takes the time from the PM timer, and in the lab a read of that may take longer than a tick.
    /// </summary>
    [Fact]
    public async Task Linux_sees_the_same_in_software_and_under_xen()
    {
        using var lab = new XenLab();
        await Compare("xen", lab, "-smp 1 -machine smm=off");
    }

    private static async Task Compare(string accelerator, HypervisorLab lab, string processors)
    {
        using TemporaryFolder folder = Assets.Folder();
        await File.WriteAllBytesAsync(folder["disk"], new byte[64 << 10], TestContext.Current.CancellationToken);
        lab.Put("blank", folder["disk"]);
        await using (Emulator there = lab.Run($"mkdir out; cp blank out/disk; ./rhea -L . -accel {accelerator} {Machine} {processors} -drive file=out/disk,format=raw"
            + $" -append '{Append}' -kernel vmlinuz -initrd initrd.gz"))
            Assert.Equal(0, await there.Exit());
        await using (Emulator software = Emulator.Rhea([.. Machine.Split(' '), .. processors.Split(' '), "-drive", $"file={folder["disk"]},format=raw",
            "-append", Append, "-kernel", Assets.CloudKernel, "-initrd", Assets.CloudInitrd]))
            Assert.Equal(0, await software.Exit());

        Assert.Equal(Seen(folder["disk"]), Seen(lab["out/disk"]));
    }

    /// <summary>
    /// The lines of the list, without how often an interrupt came and what Linux says of a hypervisor and of the time stamp counter's rate. And without
    /// what SeaBIOS marks as a ROM at the end of its data: Linux lists it when the sum of what was left there happens to be 0, once in 256 boots.
    /// </summary>
    private static string[] Seen(string disk)
    {
        string[] lines = [.. File.ReadAllText(disk).TrimEnd('\0').Split('\n').Where(line => !IpiLine().IsMatch(line) && !line.Contains("000e8000-000effff : Adapter ROM", StringComparison.Ordinal))];
        Assert.InRange(lines.Length, 200, int.MaxValue);
        return [.. lines.Select(line => Counts().Replace(Synthetic().Replace(line, ""), " ").TrimEnd())];
    }

    [GeneratedRegex(@"^ *(NMI|LOC|SPU|PMI|IWI|RTR|RES|CAL|TLB|TRM|THR|DFR|MCE|MCP|HYP|HRE|HVS|ERR|MIS|PIN|NPI|PIW):")]
    private static partial Regex IpiLine();

    [GeneratedRegex(@"(?<=^ *\d+:)( +\d+)+ ")]
    private static partial Regex Counts();

    [GeneratedRegex(" (tsc_known_freq|constant_tsc|nonstop_tsc|tsc_reliable|x2apic)")]
    private static partial Regex Synthetic();
}
