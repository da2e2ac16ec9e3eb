using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.GuestTests;

/// <summary><c>-nographic</c> on a terminal, which util-linux's <c>script</c> provides.</summary>
public class TerminalTests
{
    [Fact]
    public async Task It_is_left_as_it_was_found()
    {
        await using Emulator rhea = Emulator.OnTerminal("-nographic", "-nic", "none");
        await rhea.WaitFor("No bootable device");

        await rhea.Type("\u0001x");
        await rhea.Exit();

        Assert.Contains("status 0", rhea.Output, StringComparison.Ordinal);
        Assert.Contains("same settings", rhea.Output, StringComparison.Ordinal);
        foreach (string clearing in (string[])["\ec", "\e[2J", "\e[3J", "\e[?7l"]) Assert.DoesNotContain(clearing, rhea.Output, StringComparison.Ordinal);
        Assert.EndsWith("\e[?7h", rhea.Output[..rhea.Output.IndexOf("status 0", StringComparison.Ordinal)], StringComparison.Ordinal);
        Assert.Equal(2, rhea.Output.Split("Ctrl-A x ends the emulator").Length);
    }

    [Fact]
    public async Task Ctrl_A_has_help_and_the_monitor_behind_it()
    {
        await using Emulator rhea = Emulator.OnTerminal("-nographic", "-nic", "none", "-S");
        await rhea.WaitFor("Ctrl-A x");

        await rhea.Type("\u0001h");
        await rhea.WaitFor("C-a x    end the emulator");
        await rhea.Type("\u0001c");
        await rhea.WaitFor("(qemu) ");
        await rhea.Type("info status\r");
        await rhea.WaitFor("VM status: paused (prelaunch)");
        await rhea.Type("quit\r");
        await rhea.Exit();

        Assert.Contains("status 0", rhea.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_signal_leaves_it_as_it_was_found_too()
    {
        await using Emulator rhea = Emulator.OnTerminal("-nographic", "-nic", "none", "-pidfile", "$DIR/pid");
        await rhea.WaitFor("No bootable device");

        await rhea.Signal("-TERM");
        await rhea.Exit();

        Assert.Contains("same settings", rhea.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ctrl_A_s_keeps_what_a_temporary_disk_has()
    {
        using TemporaryFolder folder = Assets.Folder();
        byte[] image = GuestCode.BootDisk(sectors: 2048, code =>
        {
            code.mov(__dword_ptr[0x8000], BitConverter.ToUInt32("kept"u8));
            code.mov(ax, 0x0301); // write one sector
            code.mov(bx, 0x8000);
            code.mov(cx, 0x0002); // the second of the disk
            code.mov(dx, 0x0080);
            code.@int(0x13);
            code.Teletype("written");
        });
        File.WriteAllBytes(folder["disk"], image);
        await using Emulator rhea = Emulator.OnTerminal("-nographic", "-nic", "none", "-snapshot", "-drive", $"file={folder["disk"]},format=raw");
        await rhea.WaitFor("written");
        Assert.Equal(image, File.ReadAllBytes(folder["disk"]));
        await rhea.Type("\u0001s");
        await rhea.Until(() => File.ReadAllBytes(folder["disk"])[512] == (byte)'k', "the sector on the host's disk");

        Assert.Equal("kept"u8, File.ReadAllBytes(folder["disk"]).AsSpan(512, 4));
    }
}
