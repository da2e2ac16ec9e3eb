using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.GuestTests;

public class FirmwareTests
{
    [Fact]
    public async Task A_rom_of_the_users_own_runs_from_the_reset_vector()
    {
        using TemporaryFolder folder = Assets.Folder();
        await File.WriteAllBytesAsync(folder["rom"], HelloRom("hello, world\n"), TestContext.Current.CancellationToken);

        await using Emulator rhea = Emulator.Rhea("-bios", folder["rom"], "-nodefaults", "-display", "none", "-debugcon", "stdio",
            "-global", "isa-debugcon.iobase=0x402", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-nic", "none");

        Assert.Equal(0x11 << 1 | 1, await rhea.Exit());
        Assert.Equal("hello, world\n", rhea.Output);
    }

    [Fact]
    public async Task Seabios_tells_its_version_and_finds_nothing_to_boot()
    {
        await using Emulator rhea = Emulator.Rhea([.. Emulator.WithMonitor, "-display", "none", "-debugcon", "stdio", "-global", "isa-debugcon.iobase=0x402", "-nic", "none"]);

        await rhea.WaitFor("SeaBIOS (version ");
        await rhea.WaitFor("No bootable device");
        await rhea.WaitForScreen("No bootable device");
    }

    [Fact]
    public async Task Seabios_shows_its_boot_menu_on_the_screen()
    {
        await using Emulator rhea = Emulator.Rhea([.. Emulator.WithMonitor, "-display", "none", "-boot", "menu=on,splash-time=20000", "-cdrom", Assets.GrubCd, "-nic", "none"]);

        await rhea.WaitForScreen("Press ESC for boot menu");
        await rhea.Monitor("sendkey esc");

        await rhea.WaitForScreen("Select boot device:");
        await rhea.WaitForScreen("DVD/CD [");
    }

    [Fact]
    public async Task A_triple_fault_resets_the_machine_or_ends_it()
    {
        using TemporaryFolder folder = Assets.Folder();
        await File.WriteAllBytesAsync(folder["rom"], GuestCode.Rom(code =>
        {
            code.Print("up\n");
            code.mov(bx, 0);
            code.lidt(__[bx + 0x20]); // six zero bytes of RAM: a table of one byte
            code.int3();
        }), TestContext.Current.CancellationToken);
        string[] options = ["-bios", folder["rom"], "-nodefaults", "-display", "none", "-debugcon", "stdio", "-global", "isa-debugcon.iobase=0x402", "-nic", "none"];

        await using Emulator once = Emulator.Rhea([.. options, "-no-reboot"]);
        Assert.Equal(6, await once.Exit());
        Assert.Equal("up\n", once.Output);
        Assert.Contains("triple fault, begun by #GP", once.Errors, StringComparison.Ordinal);

        await using Emulator again = Emulator.Rhea(options);
        await again.WaitFor("up\nup\nup\n");
    }

    /// <summary>As on a PCI bus, where nobody answers; QEMU reads such memory as zeros.</summary>
    [Fact]
    public async Task Memory_and_ports_where_nothing_is_read_as_ones()
    {
        using TemporaryFolder folder = Assets.Folder();
        await File.WriteAllBytesAsync(folder["rom"], GuestCode.Rom(code =>
        {
            code.mov(ax, 0xA000);
            code.mov(ds, ax);
            code.mov(dx, 0x1234);
            code.@in(ax, dx);
            code.and(ax, __word_ptr[0]); // the VGA's window without a VGA
            code.cmp(ax, 0xFFFF);
            code.mov(al, 0x22);
            code.sete(bl);
            code.add(al, bl);
            code.@out(0xF4, al);
            code.hlt();
        }), TestContext.Current.CancellationToken);

        await using Emulator rhea = Emulator.Rhea("-bios", folder["rom"], "-nodefaults", "-display", "none", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-nic", "none");

        Assert.Equal(0x23 << 1 | 1, await rhea.Exit());
    }

    /// <summary>64 KiB that write a text to port 402h, then 11h to port F4h, from the reset vector on.</summary>
    private static byte[] HelloRom(string text) => GuestCode.Rom(code =>
    {
        code.Print(text);
        code.mov(al, 0x11);
        code.@out(0xF4, al);
        code.hlt();
    });
}
