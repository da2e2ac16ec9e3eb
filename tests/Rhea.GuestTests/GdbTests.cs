using System.Diagnostics;
using System.Text.RegularExpressions;
using Xunit;

namespace Rhea.GuestTests;

/// <summary>Debian's gdb at the other end of <c>-gdb</c>.</summary>
public partial class GdbTests
{
    private static readonly string[] WithGdb = ["-gdb", "unix:$DIR/gdb,server=on,wait=off"];

    [Fact]
    public async Task It_follows_the_firmware_from_the_first_instruction_to_the_boot_sector()
    {
        using TemporaryFolder folder = Assets.Folder();
        await File.WriteAllBytesAsync(folder["disk"], GuestCode.BootDisk(64, code => code.Teletype("booted")), TestContext.Current.CancellationToken);
        await using Emulator rhea = Emulator.Rhea([.. WithGdb, .. Emulator.WithMonitor, "-S", "-display", "none", "-nic", "none", "-drive", $"file={folder["disk"]},format=raw"]);

        string said = await Gdb(rhea, "p/x $rip", "stepi", "p/x $rip", "p/x $cs_base", "watch *(short*)0x413", "continue", "delete", "break *0x7c00", "continue", "p/x $rip", "p/x $cr0", "x/i $rip", "detach");

        Assert.Contains("$1 = 0xfff0\n", said, StringComparison.Ordinal);
        Assert.Contains("$2 = 0xe05b\n$3 = 0xf0000\n", said, StringComparison.Ordinal); // SeaBIOS's entry, where a PC's BIOS has always had it
        Assert.Contains("Old value = 0\nNew value = 639\n", said, StringComparison.Ordinal); // KiB of memory, set in protected mode
        Assert.Contains("$4 = 0x7c00\n", said, StringComparison.Ordinal);
        Assert.Contains("xor    %eax,%eax", said, StringComparison.Ordinal);
        await rhea.WaitForScreen("booted");
    }

    [Fact]
    public async Task It_follows_a_guest_from_its_first_instruction_through_all_modes()
    {
        using TemporaryFolder folder = Assets.Folder();
        await File.WriteAllBytesAsync(folder["rom"], GuestCode.RomThroughModes(), TestContext.Current.CancellationToken);
        await using Emulator rhea = Emulator.Rhea([.. WithGdb, "-S", "-nodefaults", "-display", "none", "-bios", folder["rom"]]);

        string said = await Gdb(rhea,
            "p/x $rip", "stepi", "p/x $rip", "p/x $cs_base", "p/x $cr0 & 1",               // $1 to $4: real mode
            "break *0xf0100", "continue", "p/x $rip", "p/x $cs", "p/x $cs_base", "p/x $cr0 & 1", "stepi", "p/x $rip", "p/x $rax", // $5 to $10: protected mode
            "hbreak *0xf0200", "continue", "p/x $rip", "p/x $cs", "p/x $efer", "stepi", "p/x $rip", "p/x $rax",                  // $11 to $15: long mode
            "watch *(unsigned long*)0x5000", "continue", "p/x $rip", "p/x *(unsigned long*)0x5000", "delete",                    // $16, $17
            "set $rbx = 0x8877665544332211", "p/x $rbx", "detach");

        string[] values = [.. Value().Matches(said).Select(match => match.Groups[1].Value)];
        Assert.Equal(
            ["0xfff0", "0x0", "0xf0000", "0x0", "0xf0100", "0x8", "0x0", "0x1", "0xf0105", "0x10", "0xf0200", "0x18", "0x500", "0xf020a",
            "0x123456789abcdef0", "0xf0214", "0x123456789abcdef0", "0x8877665544332211"], values);
        Assert.Contains("Old value = 0\nNew value = 1311768467463790320\n", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_debugs_a_linux_kernel_at_a_function()
    {
        await using Emulator rhea = Emulator.Linux(
            "grep __x64_sys_sethostname$ /proc/kallsyms; echo all-set; read go; hostname renamed; hostname", [.. WithGdb, "-no-reboot"]);
        await rhea.WaitFor("all-set");
        string function = Symbol().Match(rhea.Output).Groups[1].Value;
        Assert.True(function.Length == 16, rhea.Output);

        Task<string> session = Gdb(rhea, $"hbreak *0x{function}", "shell touch $DIR/set", "continue", "info registers", "monitor info registers", "x/2i $rip", "stepi", "p/x $rip", "delete", "detach");
        await rhea.Until(() => File.Exists(rhea.InFolder("set")), "the breakpoint");
        await rhea.Type("\n");
        string said = await session;

        foreach (string name in (string[])["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r15", "rip"])
        {
            Match inGdb = Regex.Match(said, $@"^{name}\s+0x([0-9a-f]+)", RegexOptions.Multiline), inMonitor = Regex.Match(said, $@"\b{name.ToUpperInvariant(),-3}=([0-9a-f]{{16}})");
            Assert.True(inGdb.Success && inMonitor.Success, said);
            Assert.Equal(inMonitor.Groups[1].Value, inGdb.Groups[1].Value.PadLeft(16, '0'));
        }

        Assert.Matches($"rip +0x{function}", said);
        Assert.DoesNotContain($"$1 = 0x{function}\n", said, StringComparison.Ordinal);
        await rhea.WaitFor("renamed");
        Assert.Equal(0, await rhea.Exit());
    }

    /// <summary>All that a session of these commands prints.</summary>
    private static async Task<string> Gdb(Emulator rhea, params string[] commands)
    {
        string socket = rhea.InFolder("gdb");
        await rhea.Until(() => File.Exists(socket), "the debugger's socket");
        var start = new ProcessStartInfo(Assets.Installed("/usr/bin/gdb", "gdb")) { RedirectStandardOutput = true, RedirectStandardError = true };
        string[] all = ["set pagination off", "set confirm off", "set architecture i386:x86-64", $"target remote {socket}", .. commands];
        foreach (string argument in (string[])["-nx", "-batch", .. all.SelectMany(command => (string[])["-ex", command.Replace("$DIR", rhea.InFolder(""), StringComparison.Ordinal)])])
            start.ArgumentList.Add(argument);
        using Process gdb = Process.Start(start)!;
        Task<string> errors = gdb.StandardError.ReadToEndAsync();
        string said = await gdb.StandardOutput.ReadToEndAsync();
        await gdb.WaitForExitAsync(TestContext.Current.CancellationToken);
        said += await errors; // where it shows what the monitor says
        Assert.True(gdb.ExitCode == 0, said);
        return said;
    }

    [GeneratedRegex(@"^\$\d+ = (0x[0-9a-f]+)$", RegexOptions.Multiline)]
    private static partial Regex Value();

    [GeneratedRegex("([0-9a-f]{16}) . __x64_sys_sethostname")]
    private static partial Regex Symbol();
}
