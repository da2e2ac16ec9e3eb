using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Iced.Intel;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.GuestTests;

/// <summary>The program as a process: signals, its number in a file, its log.</summary>
public class ProgramTests
{
    private static readonly string[] Idle = ["-nodefaults", "-display", "none", "-nic", "none", "-S"];

    [Fact]
    public async Task A_signal_ends_it_cleanly_and_takes_the_pid_file_away()
    {
        using TemporaryFolder folder = Assets.Folder();
        await using Emulator rhea = Emulator.Rhea([.. Idle, "-pidfile", folder["pid"]]);
        await rhea.Until(() => File.Exists(folder["pid"]) && File.ReadAllText(folder["pid"]).EndsWith('\n'), "the pid file");
        string pid = File.ReadAllText(folder["pid"]).Trim();

        using (Process kill = Process.Start("kill", ["-TERM", pid])) await kill.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(0, await rhea.Exit());
        Assert.False(File.Exists(folder["pid"]));
        Assert.Equal("", rhea.Errors);
    }

    /// <summary>It keeps what it has opened, and ends cleanly although it may no longer take its files away. All of its threads are that user's.</summary>
    [Fact]
    public async Task It_becomes_another_user_before_the_machine_starts()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root may become another user");
        using TemporaryFolder folder = Assets.Folder();
        await using Emulator rhea = Emulator.Rhea([.. Idle[..^1], "-m", "64", "-runas", "nobody", "-pidfile", folder["pid"], "-serial", $"unix:{folder["serial"]},server=on,wait=off", "-monitor", "stdio"]);
        await rhea.Type("info status\n");
        await rhea.WaitFor("VM status: running");

        string[] threads = Directory.GetDirectories($"/proc/{File.ReadAllText(folder["pid"]).Trim()}/task");
        Assert.NotEmpty(threads);
        foreach (string thread in threads)
        {
            string status = await File.ReadAllTextAsync(Path.Combine(thread, "status"), TestContext.Current.CancellationToken);
            Assert.Matches("\nUid:\t65534\t65534\t65534\t65534\nGid:\t65534\t65534\t65534\t65534\n", status);
            Assert.Matches("\nGroups:\t65534 ?\n", status);
        }

        await rhea.Type("quit\n");
        Assert.Equal(0, await rhea.Exit());
        Assert.Equal("", rhea.Errors);
    }

    [Fact]
    public async Task A_command_that_waits_already_finds_the_machine_running()
    {
        await using Emulator rhea = Emulator.Rhea([.. Idle[..^1], "-monitor", "stdio"]);

        await rhea.Type("info status\nquit\n");

        Assert.Equal(0, await rhea.Exit());
        Assert.Contains("VM status: running", rhea.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_doctor_tells_what_the_host_has_and_lacks()
    {
        await using Emulator rhea = Emulator.Bare("doctor");

        Assert.Equal(0, await rhea.Exit());
        Assert.Contains("\n  tcg                  works\n", rhea.Output, StringComparison.Ordinal);
        Assert.Matches("\n  kvm                  (works[^\n]*|there is no /dev/kvm[^\n]*|/dev/kvm [^\n]*)\n", rhea.Output);
        Assert.Matches("\n  bios-256k.bin        (/[^\n]*/bios-256k.bin|missing: install the package seabios)\n", rhea.Output);
    }

    [Fact]
    public async Task The_log_of_one_device_goes_where_the_user_wants_it()
    {
        using TemporaryFolder folder = Assets.Folder();
        await using Emulator rhea = Emulator.Rhea("-display", "none", "-nic", "none", "-d", "guest_errors,trace:rtc", "-D", folder["log"], "-debugcon", "stdio", "-global", "isa-debugcon.iobase=0x402");

        await rhea.WaitFor("No bootable device");

        Assert.True(File.Exists(folder["log"]));
        Assert.DoesNotContain("rhea:", rhea.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_log_shows_the_code_that_runs_and_every_time_it_does()
    {
        using TemporaryFolder folder = Assets.Folder();
        await File.WriteAllBytesAsync(folder["rom"], GuestCode.Rom(code =>
        {
            code.mov(cx, 50);
            Label again = code.CreateLabel();
            code.Label(ref again);
            code.@out(0x80, al);
            code.loop(again);
            code.@out(0xF4, al);
        }), TestContext.Current.CancellationToken);

        await using Emulator rhea = Emulator.Rhea("-nodefaults", "-display", "none", "-bios", folder["rom"], "-device", "isa-debug-exit,iobase=0xf4",
            "-d", "in_asm,exec,nochain,cpu_reset", "-D", folder["log"]);

        Assert.Equal(1, await rhea.Exit());
        string log = await File.ReadAllTextAsync(folder["log"], TestContext.Current.CancellationToken);
        Assert.Contains("----------------\nIN: \n0xfffffff0:  ea 00 00 00 f0 ", log, StringComparison.Ordinal);
        Assert.Contains("0x000f0000:  b9 32 00                 movw     $0x32, %cx\n0x000f0003:  e6 80                    outb     %al, $0x80\n", log, StringComparison.Ordinal);
        Assert.Equal(49, Regex.Count(log, @"^Trace 0: 0x[0-9a-f]+ \[00000000000f0000/00000000000f0003/", RegexOptions.Multiline));
        Assert.StartsWith("CPU Reset (CPU 0)\nEAX=00000000 ", log, StringComparison.Ordinal);
    }

    /// <summary>"dd" and "mg" in smaps(5): left out of core dumps, and offered for merging.</summary>
    [Theory]
    [InlineData("pc", "", "dd")]
    [InlineData("pc,dump-guest-core=off,mem-merge=off", "dd", "mg")]
    public async Task Guest_memory_is_dumped_and_merged_as_the_user_wants(string machine, string has, string lacks)
    {
        const int megabytes = 300;
        using TemporaryFolder folder = Assets.Folder();
        await using Emulator rhea = Emulator.Rhea([.. Idle, "-M", machine, "-m", $"{megabytes}", "-pidfile", folder["pid"]]);
        await rhea.Until(() => File.Exists(folder["pid"]) && File.ReadAllText(folder["pid"]).EndsWith('\n'), "the pid file");

        string map = await File.ReadAllTextAsync($"/proc/{File.ReadAllText(folder["pid"]).Trim()}/smaps", TestContext.Current.CancellationToken);

        // The kernel shows guest memory and the firmware's as one mapping where they happen to lie side by side.
        string[] words = Regex.Matches(map, @"^Size: +(\d+) kB$.*?^VmFlags: (.*?) ?$", RegexOptions.Multiline | RegexOptions.Singleline)
            .Where(mapping => int.Parse(mapping.Groups[1].Value, CultureInfo.InvariantCulture) >= megabytes << 10)
            .Select(mapping => mapping.Groups[2].Value.Split(' '))
            .Single(flags => flags.Contains("wr"));
        Assert.DoesNotContain(lacks, words);
        if (has != "") Assert.Contains(has, words);
    }

    /// <summary>Each way to end has a number of its own: a value of the guest's, its panic, its collapse, and the user's patience.</summary>
    [Theory]
    [InlineData("debug exit with 3", 7)]
    [InlineData("panic", 4)]
    [InlineData("triple fault", 6)]
    [InlineData("nothing", 124)]
    public async Task The_exit_status_tells_how_it_ended(string what, int status)
    {
        using TemporaryFolder folder = Assets.Folder();
        (ushort port, byte value) = what switch { "debug exit with 3" => ((ushort)0x501, (byte)3), "panic" => ((ushort)0x505, (byte)1), _ => ((ushort)0x80, (byte)0) };
        await File.WriteAllBytesAsync(folder["rom"], GuestCode.Rom(code =>
        {
            code.mov(dx, port);
            code.mov(al, value);
            code.@out(dx, al);
            if (what == "triple fault")
            {
                code.mov(bx, 0);
                code.lidt(__[bx + 0x20]);
                code.db(0x0F, 0xFF); // UD0
            }

            Label here = code.CreateLabel();
            code.Label(ref here);
            code.hlt();
            code.jmp(here);
        }), TestContext.Current.CancellationToken);
        string[] options = ["-bios", folder["rom"], "-nodefaults", "-display", "none", "-no-reboot", "-device", "isa-debug-exit", "-device", "pvpanic"];
        await using Emulator rhea = Emulator.Rhea([.. options, .. (string[])(what == "nothing" ? ["-timeout", "0.5"] : [])]);

        Assert.Equal(status, await rhea.Exit());
    }

    [Fact]
    public async Task A_triple_fault_by_a_missing_instruction_is_told_which_processor_has_it()
    {
        using TemporaryFolder folder = Assets.Folder();
        await File.WriteAllBytesAsync(folder["rom"], GuestCode.Rom(code =>
        {
            code.mov(bx, 0);
            code.lidt(__[bx + 0x20]); // six zero bytes of RAM: a table of one byte
            code.rdrand(eax);
        }), TestContext.Current.CancellationToken);
        await using Emulator rhea = Emulator.Rhea("-bios", folder["rom"], "-nodefaults", "-display", "none", "-no-reboot");

        Assert.Equal(6, await rhea.Exit());
        Assert.Matches(@"rhea: triple fault, begun by #UD \(invalid opcode\) at f000:[0-9a-f]{8} \(660fc7f0 RDRAND\); .*: RDRAND is not in -cpu qemu64: try -cpu max", rhea.Errors);
    }

    [Fact]
    public async Task The_version_is_one_that_tools_understand()
    {
        await using Emulator rhea = Emulator.Rhea("-version");

        Assert.Equal(0, await rhea.Exit());
        Assert.StartsWith("QEMU emulator version 7.2.22 (rhea ", rhea.Output, StringComparison.Ordinal);
    }
}
