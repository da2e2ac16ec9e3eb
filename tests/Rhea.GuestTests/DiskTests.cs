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
        HostProgram.Run(Assets.Installed("/usr/sbin/mkfs.ext4", "e2fsprogs"), "-q", "-d", folder["root"], folder["disk"], "32M");

        await using Emulator rhea = Linux("mount -t ext4 /dev/sda /mnt && md5sum /mnt/data && cp /mnt/data /mnt/copy && umount /mnt && echo unmounted",
            "-drive", $"file={folder["disk"]},format=raw");
        await rhea.WaitFor(Md5(data));
        await rhea.WaitFor("unmounted");
        Assert.Equal(0, await rhea.Exit());

        HostProgram.Run(Assets.Installed("/usr/sbin/debugfs", "e2fsprogs"), "-R", $"dump copy {folder["copy"]}", folder["disk"]);
        Assert.Equal(Md5(data), Md5(await File.ReadAllBytesAsync(folder["copy"], TestContext.Current.CancellationToken)));
        HostProgram.Run(Assets.Installed("/usr/sbin/e2fsck", "e2fsprogs"), "-fn", folder["disk"]);
    }

    [Fact]
    public async Task What_linux_reads_from_a_cd_is_what_the_host_put_there()
    {
        using TemporaryFolder folder = Assets.Folder();
        byte[] data = Data(3 << 20);
        Directory.CreateDirectory(folder["root"]);
        await File.WriteAllBytesAsync(folder["root/data"], data, TestContext.Current.CancellationToken);
        HostProgram.Run(Assets.Installed("/usr/bin/xorriso", "xorriso"), "-as", "mkisofs", "-quiet", "-r", "-o", folder["iso"], folder["root"]);

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

    [Fact]
    public async Task When_the_hosts_disk_is_full_the_machine_waits_until_there_is_room()
    {
        using var small = new SmallDisk(megabytes: 8);
        await using (FileStream file = File.Create(small["disk"])) file.SetLength(16 << 20);
        string ballast = small["ballast"];
        await File.WriteAllBytesAsync(ballast, new byte[4 << 20], TestContext.Current.CancellationToken);

        await using Emulator rhea = Linux("yes | head -c 5242880 | dd of=/dev/sda bs=64k iflag=fullblock conv=fsync && head -c 5242880 /dev/sda | md5sum",
            [.. Emulator.WithMonitor, "-drive", $"file={small["disk"]},format=raw"]);
        await rhea.WaitFor("userspace");
        while (!(await rhea.Monitor("info status")).Contains("io-error", StringComparison.Ordinal)) await Task.Delay(200, TestContext.Current.CancellationToken);
        File.Delete(ballast);
        await rhea.Monitor("cont");

        await rhea.WaitFor(Md5([.. Enumerable.Range(0, 5 << 20).Select(at => (byte)(at % 2 == 0 ? 'y' : '\n'))]));
        Assert.Equal(0, await rhea.Exit());
    }

    [Fact]
    public async Task A_host_error_reaches_the_guest_when_the_user_wants_that()
    {
        using var small = new SmallDisk(megabytes: 4);
        await using (FileStream file = File.Create(small["disk"])) file.SetLength(16 << 20);

        await using Emulator rhea = Linux("yes | head -c 5242880 | dd of=/dev/sda bs=64k iflag=fullblock conv=fsync || echo refused",
            "-drive", $"file={small["disk"]},format=raw,werror=report");

        await rhea.WaitFor("I/O error");
        await rhea.WaitFor("refused");
        Assert.Equal(0, await rhea.Exit());
    }

    [Fact]
    public async Task When_the_hosts_disk_is_pulled_the_guest_gets_errors_and_goes_on()
    {
        using var disk = new PulledDisk(megabytes: 16);
        await disk.Mounted();

        await using Emulator rhea = Linux("dd if=/dev/sda of=/dev/null bs=64k count=4;echo piece-read;read pulled;" // a kernel takes 32 words
            + "dd if=/dev/sda of=/dev/null bs=64k skip=64||echo no-more;dd if=/dev/zero of=/dev/sda bs=64k count=1 conv=fsync||echo not-written",
            "-drive", $"file={disk["disk"]},format=raw,cache=none");
        await rhea.WaitFor("piece-read");
        disk.Pull();
        await rhea.Type("\n");

        await rhea.WaitFor("I/O error");
        await rhea.WaitFor("no-more");
        await rhea.WaitFor("not-written");
        Assert.Equal(0, await rhea.Exit());
    }

    private static Emulator Linux(string script, params string[] options) =>
        Emulator.Linux($"for m in ata_piix sd_mod sr_mod; do modprobe $m; done; sleep 1; {script}", ["-no-reboot", .. options]);

    /// <summary>Bytes that no accident makes: a counter, hashed.</summary>
    private static byte[] Data(int length) =>
        [.. Enumerable.Range(0, length / 32).SelectMany(number => SHA256.HashData(BitConverter.GetBytes(number)))];

#pragma warning disable CA5351 // a checksum that busybox has too, not a secret
    private static string Md5(byte[] data) => Convert.ToHexStringLower(MD5.HashData(data));
#pragma warning restore CA5351
}

/// <summary>A file system of a few megabytes; mounting it needs root.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public SmallDisk(int megabytes)
    {
        Directory.CreateDirectory(this[""]);
        using Process mount = Process.Start(new ProcessStartInfo("mount", ["-t", "tmpfs", "-o", $"size={megabytes}m", "rhea-test", this[""]]) { RedirectStandardError = true })!;
        mount.WaitForExit();
        Assert.SkipUnless(mount.ExitCode == 0, "a small file system can only be mounted by root");
    }

    public string this[string name] => Path.Combine(_folder["mounted"], name);

    public void Dispose()
    {
        using Process unmount = Process.Start("umount", ["-l", this[""]]);
        unmount.WaitForExit();
        _folder.Dispose();
    }
}

/// <summary>A file system with one image, "disk", whose server can be killed: all that is open there fails from then on.</summary>
internal sealed class PulledDisk : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Process _server;

    public PulledDisk(int megabytes)
    {
        Assert.SkipUnless(File.Exists("/dev/fuse") && Environment.UserName == "root", "a file system of its own needs /dev/fuse and root");
        Directory.CreateDirectory(_folder["root"]);
        Directory.CreateDirectory(this[""]);
        using (FileStream image = File.Create(_folder["root/disk"])) image.SetLength(megabytes << 20);
        HostProgram.Run(Assets.Installed("/usr/sbin/mkfs.ext4", "e2fsprogs"), "-q", "-d", _folder["root"], _folder["image"], $"{megabytes + 16}M");
        _server = HostProgram.Start(Assets.Installed("/usr/bin/fuse2fs", "fuse2fs"), "-f", _folder["image"], this[""]);
    }

    public string this[string name] => Path.Combine(_folder["mounted"], name);

    public async Task Mounted()
    {
        while (!File.Exists(this["disk"]) && !_server.HasExited) await Task.Delay(50, TestContext.Current.CancellationToken);
        Assert.SkipUnless(File.Exists(this["disk"]), "fuse2fs could not mount its file system here");
    }

    public void Pull()
    {
        _server.Kill();
        _server.WaitForExit();
    }

    public void Dispose()
    {
        Pull();
        using (Process unmount = Process.Start("umount", ["-l", this[""]])) unmount.WaitForExit();
        _server.Dispose();
        _folder.Dispose();
    }
}
