using System.Diagnostics;
using System.Security.Cryptography;
using Xunit;

namespace Rhea.GuestTests;

/// <summary>Disks and CDs read and written by Linux, compared with what the host sees.</summary>
public class DiskTests
{
    [Fact]
    public async Task What_linux_reads_from_an_ext4_disk_is_what_the_host_put_there_and_back()
    {
        using TemporaryFolder folder = Assets.Folder();
        byte[] data = Data(8 << 20);
        Directory.CreateDirectory(folder["root"]);
        await File.WriteAllBytesAsync(folder["root/data"], data, TestContext.Current.CancellationToken);
        Run(Assets.Installed("/usr/sbin/mkfs.ext4", "e2fsprogs"), "-q", "-d", folder["root"], folder["disk"], "32M");

        await using Emulator rhea = Linux("mount -t ext4 /dev/sda /mnt && md5sum /mnt/data && cp /mnt/data /mnt/copy && umount /mnt && echo unmounted",
            "-drive", $"file={folder["disk"]},format=raw");
        await rhea.WaitFor(Md5(data));
        await rhea.WaitFor("unmounted");
        Assert.Equal(0, await rhea.Exit());

        Run(Assets.Installed("/usr/sbin/debugfs", "e2fsprogs"), "-R", $"dump copy {folder["copy"]}", folder["disk"]);
        Assert.Equal(Md5(data), Md5(await File.ReadAllBytesAsync(folder["copy"], TestContext.Current.CancellationToken)));
        Run(Assets.Installed("/usr/sbin/e2fsck", "e2fsprogs"), "-fn", folder["disk"]);
    }

    [Fact]
    public async Task What_linux_reads_from_a_cd_is_what_the_host_put_there()
    {
        using TemporaryFolder folder = Assets.Folder();
        byte[] data = Data(3 << 20);
        Directory.CreateDirectory(folder["root"]);
        await File.WriteAllBytesAsync(folder["root/data"], data, TestContext.Current.CancellationToken);
        Run(Assets.Installed("/usr/bin/xorriso", "xorriso"), "-as", "mkisofs", "-quiet", "-r", "-o", folder["iso"], folder["root"]);

        await using Emulator rhea = Linux("modprobe isofs; mount -t iso9660 /dev/sr0 /mnt && md5sum /mnt/data", "-cdrom", folder["iso"]);

        await rhea.WaitFor(Md5(data));
        Assert.Equal(0, await rhea.Exit());
    }

    [Fact]
    public async Task A_snapshot_leaves_the_image_as_it_was()
    {
        using TemporaryFolder folder = Assets.Folder();
        byte[] data = Data(1 << 20);
        await File.WriteAllBytesAsync(folder["disk"], data, TestContext.Current.CancellationToken);

        await using Emulator rhea = Linux("dd if=/dev/zero of=/dev/sda bs=64k count=16 conv=fsync && md5sum /dev/sda", "-drive", $"file={folder["disk"]},format=raw,snapshot=on");

        await rhea.WaitFor(Md5(new byte[1 << 20]));
        Assert.Equal(0, await rhea.Exit());
        Assert.Equal(Md5(data), Md5(await File.ReadAllBytesAsync(folder["disk"], TestContext.Current.CancellationToken)));
    }

    private static Emulator Linux(string script, params string[] options) => Emulator.Rhea(
        ["-m", "256", "-display", "none", "-serial", "stdio", "-nic", "none", "-no-reboot", "-kernel", Assets.CloudKernel, "-initrd", Assets.CloudInitrd,
        "-append", $"console=ttyS0 quiet panic=-1 -- for m in ata_piix sd_mod sr_mod; do modprobe $m; done; sleep 1; {script}", .. options]);

    /// <summary>Bytes that no accident makes: a counter, hashed.</summary>
    private static byte[] Data(int length) =>
        [.. Enumerable.Range(0, length / 32).SelectMany(number => SHA256.HashData(BitConverter.GetBytes(number)))];

#pragma warning disable CA5351 // a checksum that busybox has too, not a secret
    private static string Md5(byte[] data) => Convert.ToHexStringLower(MD5.HashData(data));
#pragma warning restore CA5351

    private static void Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        string errors = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {errors}");
    }
}
