using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.GuestTests;

/// <summary>Floppy disks under SeaBIOS.</summary>
public class FloppyTests
{
    [Theory]
    [InlineData(2880)]
    [InlineData(1440)]
    [InlineData(5760)]
    public async Task A_floppy_boots_and_reads_and_writes_its_sectors(int sectors)
    {
        using TemporaryFolder folder = Assets.Folder();
        int track = sectors / 80;
        byte[] disk = GuestCode.BootDisk(sectors, code =>
        {
            foreach (ushort operation in (ushort[])[0x0201, 0x0301]) // reads a sector of cylinder 3, writes it to cylinder 4
            {
                code.mov(ax, operation);
                code.mov(bx, 0x8000);
                code.mov(cx, (ushort)(operation == 0x0201 ? 0x0301 : 0x0401));
                code.mov(dx, 0);
                code.@int(0x13);
            }

            code.Print("from the floppy\n");
            code.mov(al, 0x11);
            code.@out(0xF4, al);
        });
        "a sector"u8.CopyTo(disk.AsSpan(3 * track * 512));
        await File.WriteAllBytesAsync(folder["disk"], disk, TestContext.Current.CancellationToken);

        await using Emulator rhea = Emulator.Rhea("-display", "none", "-nic", "none", "-debugcon", "stdio", "-global", "isa-debugcon.iobase=0x402",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-drive", $"if=floppy,format=raw,file={folder["disk"]}");

        await rhea.WaitFor("from the floppy");
        Assert.Equal(0x11 << 1 | 1, await rhea.Exit());
        byte[] after = await File.ReadAllBytesAsync(folder["disk"], TestContext.Current.CancellationToken);
        Assert.Equal("a sector"u8, after.AsSpan(4 * track * 512, 8));
    }

    [Theory]
    [InlineData("isa-fdc.bootindexA=0", "from floppy A")]
    [InlineData("isa-fdc.bootindexB=0", "from floppy B")]
    [InlineData("isa-fdc.bootindexA=3", "from the disk")]
    public async Task The_user_says_which_drive_is_booted_from(string global, string expected)
    {
        using TemporaryFolder folder = Assets.Folder();
        foreach (string name in (string[])["floppy A", "floppy B", "the disk"])
            await File.WriteAllBytesAsync(folder[name], GuestCode.BootDisk(2880, code => code.Print($"from {name}\n")), TestContext.Current.CancellationToken);

        await using Emulator rhea = Emulator.Rhea("-display", "none", "-nic", "none", "-debugcon", "stdio", "-global", "isa-debugcon.iobase=0x402", "-global", global,
            "-drive", $"if=floppy,format=raw,file={folder["floppy A"]}", "-drive", $"if=floppy,index=1,format=raw,file={folder["floppy B"]}",
            "-drive", $"if=none,id=disk,format=raw,file={folder["the disk"]}", "-device", "ide-hd,drive=disk,bootindex=2");

        await rhea.WaitFor("from ");
        await rhea.WaitFor(expected, TimeSpan.FromSeconds(1));
    }
}
