using Xunit;

namespace Rhea.GuestTests;

/// <summary>Boot loaders from CDs and disks to their prompts.</summary>
public class BootLoaderTests
{
    private static readonly string[] Screen = [.. Emulator.WithMonitor, "-display", "none", "-nic", "none"];

    [Fact]
    public async Task Grub_from_a_cd_reaches_its_prompt()
    {
        await using Emulator rhea = Emulator.Rhea([.. Screen, "-cdrom", Assets.GrubCd, "-boot", "d"]);

        await rhea.WaitForScreen("GNU GRUB");
        await rhea.Monitor("sendkey c");
        await rhea.WaitForScreen("grub>");
    }

    /// <summary>GRUB's tests of itself: arithmetic, cryptography, and the checksum of what each video mode shows. Some fail in QEMU too.</summary>
    [Fact]
    public async Task Grubs_own_tests_end_as_in_qemu()
    {
        using TemporaryFolder folder = Assets.Folder();
        Directory.CreateDirectory(folder["cd/boot/grub"]);
        await File.WriteAllTextAsync(folder["cd/boot/grub/grub.cfg"], """
            serial --unit=0 --speed=115200
            terminal_output serial
            for m in functional_test exfctest bswap_test cmdline_cat_test cmp_test ctz_test div_test legacy_password_test mul_test pbkdf2_test \
                setjmp_test shift_test signature_test sleep_test strtoull_test videotest_checksum xnu_uuid_test; do insmod $m; done
            functional_test
            echo the-end
            """, TestContext.Current.CancellationToken);
        HostProgram.Run(Assets.Installed("/usr/bin/grub-mkrescue", "grub-common"), "-o", folder["iso"], folder["cd"]);
        string[] options = ["-display", "none", "-nic", "none", "-serial", "stdio", "-cdrom", folder["iso"], "-boot", "d"];

        await using Emulator rhea = Emulator.Rhea(options), qemu = Emulator.Qemu(options);
        await rhea.WaitFor("the-end");
        await qemu.WaitFor("the-end");

        Assert.Contains("videotest_checksum: PASS", rhea.Output, StringComparison.Ordinal);
        Assert.Equal(Results(qemu), Results(rhea));

        static string Results(Emulator emulator) => emulator.Output[..emulator.Output.IndexOf("the-end", StringComparison.Ordinal)];
    }

    [Fact]
    public async Task Grub_from_a_disk_shows_its_menu()
    {
        using TemporaryFolder folder = Assets.Folder();
        string image = Assets.Installed("/usr/bin/grub-mkimage", "grub-common");
        await File.WriteAllTextAsync(folder["grub.cfg"], "set timeout=-1\nmenuentry 'First of two' { true }\nmenuentry 'Second of two' { true }\n", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(folder["early.cfg"], "configfile (memdisk)/grub.cfg\n", TestContext.Current.CancellationToken);
        HostProgram.Run(image, "-O", "i386-pc", "-o", folder["core.img"], "-p", "/", "-c", folder["early.cfg"],
            "-m", Memdisk(folder), "biosdisk", "memdisk", "tar", "configfile", "normal", "test", "echo");
        byte[] boot = File.ReadAllBytes(Assets.Installed("/usr/lib/grub/i386-pc/boot.img", "grub-pc-bin")), core = File.ReadAllBytes(folder["core.img"]);
        var disk = new byte[4 << 20];
        boot.CopyTo(disk, 0);
        core.CopyTo(disk, 512);
        await File.WriteAllBytesAsync(folder["disk"], disk, TestContext.Current.CancellationToken);

        await using Emulator rhea = Emulator.Rhea([.. Screen, "-drive", $"file={folder["disk"]},format=raw"]);

        await rhea.WaitForScreen("Second of two");
    }

    [Fact]
    public async Task Ipxe_reaches_its_prompt()
    {
        await using Emulator rhea = Emulator.Rhea([.. Screen, "-kernel", Assets.Installed("/boot/ipxe.lkrn", "ipxe")]);

        await rhea.WaitForScreen("Press Ctrl-B");
        await rhea.Monitor("sendkey ctrl-b");

        await rhea.WaitForScreen("iPXE>");
    }

    [Theory]
    [InlineData("-1", "second")]
    [InlineData("1", "first")]
    public async Task The_disk_with_the_lowest_index_boots(string index, string booted)
    {
        using TemporaryFolder folder = Assets.Folder();
        foreach (string name in (string[])["first", "second"])
            await File.WriteAllBytesAsync(folder[name], GuestCode.BootDisk(64, code => code.Teletype($"this is the {name} disk")), TestContext.Current.CancellationToken);

        await using Emulator rhea = Emulator.Rhea([.. Screen,
            "-drive", $"if=none,id=a,format=raw,file={folder["first"]}", "-device", $"ide-hd,drive=a,bus=ide.1,bootindex={index}",
            "-drive", $"if=none,id=b,format=raw,file={folder["second"]}", "-device", "ide-hd,drive=b,bus=ide.0,bootindex=2"]);

        await rhea.WaitForScreen($"this is the {booted} disk");
    }

    [Fact]
    public async Task Isolinux_reaches_its_prompt()
    {
        using TemporaryFolder folder = Assets.Folder();
        Directory.CreateDirectory(folder["cd"]);
        File.Copy(Assets.Installed("/usr/lib/ISOLINUX/isolinux.bin", "isolinux"), folder["cd/isolinux.bin"]);
        File.Copy(Assets.Installed("/usr/lib/syslinux/modules/bios/ldlinux.c32", "syslinux-common"), folder["cd/ldlinux.c32"]);
        await File.WriteAllTextAsync(folder["cd/isolinux.cfg"], "PROMPT 1\nSAY Booted by isolinux\n", TestContext.Current.CancellationToken);
        HostProgram.Run(Assets.Installed("/usr/bin/xorriso", "xorriso"), "-as", "mkisofs", "-quiet", "-o", folder["iso"], "-b", "isolinux.bin", "-c", "boot.cat",
            "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", folder["cd"]);

        await using Emulator rhea = Emulator.Rhea([.. Screen, "-cdrom", folder["iso"], "-boot", "d"]);

        await rhea.WaitForScreen("Booted by isolinux");
        await rhea.WaitForScreen("boot:");
    }

    [Fact]
    public async Task Syslinux_from_a_disk_reaches_its_prompt()
    {
        using TemporaryFolder folder = Assets.Folder();
        await using (FileStream file = File.Create(folder["disk"])) file.SetLength(16 << 20);
        HostProgram.Run(Assets.Installed("/usr/sbin/mkfs.fat", "dosfstools"), "-F", "16", folder["disk"]);
        HostProgram.Run(Assets.Installed("/usr/bin/syslinux", "syslinux"), "--install", folder["disk"]);
        await File.WriteAllTextAsync(folder["syslinux.cfg"], "PROMPT 1\nSAY Booted by syslinux\n", TestContext.Current.CancellationToken);
        HostProgram.Run(Assets.Installed("/usr/bin/mcopy", "mtools"), "-i", folder["disk"], folder["syslinux.cfg"], "::syslinux.cfg");

        await using Emulator rhea = Emulator.Rhea([.. Screen, "-drive", $"file={folder["disk"]},format=raw"]);

        await rhea.WaitForScreen("Booted by syslinux");
        await rhea.WaitForScreen("boot:");
    }

    private static string Memdisk(TemporaryFolder folder)
    {
        HostProgram.Run("/bin/tar", "-C", folder[""], "-cf", folder["memdisk.tar"], "grub.cfg");
        return folder["memdisk.tar"];
    }
}
