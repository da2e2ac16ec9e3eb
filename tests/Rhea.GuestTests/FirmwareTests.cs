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

    /// <summary>64 KiB that write a text to port 402h, then 11h to port F4h, from the reset vector on.</summary>
    private static byte[] HelloRom(string text)
    {
        var code = new Iced.Intel.Assembler(16);
        foreach (char letter in text)
        {
            code.mov(dx, 0x402);
            code.mov(al, (byte)letter);
            code.@out(dx, al);
        }

        code.mov(al, 0x11);
        code.@out(0xF4, al);
        code.hlt();
        var bytes = new MemoryStream();
        code.Assemble(new Iced.Intel.StreamCodeWriter(bytes), 0);
        var rom = new byte[0x1_0000];
        bytes.ToArray().CopyTo(rom, 0);
        ((byte[])[0xEA, 0x00, 0x00, 0x00, 0xF0]).CopyTo(rom, 0xFFF0); // jmp F000:0000
        return rom;
    }
}
