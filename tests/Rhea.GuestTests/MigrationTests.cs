using System.Text.RegularExpressions;
using Iced.Intel;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.GuestTests;

/// <summary>A running machine goes into a stream and on elsewhere: here, in Debian's QEMU, under KVM.</summary>
[Collection(nameof(Lab))]
public sealed partial class MigrationTests
{
    private const string Counting = "i=0;while :;do i=$((i+1));echo count $i;usleep 2000;done";

    private static readonly string[] Linux = ["-display", "none", "-nic", "none", "-m", "128", "-cpu", "qemu64", "-serial", "stdio"];

    private static string[] Kernel =>
        ["-kernel", Assets.CloudKernel, "-initrd", Assets.CloudInitrd, "-append", $"console=ttyS0 quiet panic=-1 no-kvmclock -- {Counting}"];

    /// <summary>A Linux that counts on its console goes on with the next number.</summary>
    [Theory]
    [InlineData("rhea", "rhea")]
    [InlineData("qemu", "rhea")]
    [InlineData("rhea", "qemu")]
    public async Task A_linux_goes_on_where_it_was(string from, string to)
    {
        using TemporaryFolder folder = Assets.Folder();
        string text;
        await using (Emulator source = Start(from, [.. Linux, .. Kernel, .. Emulator.WithMonitor]))
        {
            await source.WaitFor("count 100\r\n");
            Assert.Equal("", await source.Monitor($"migrate \"exec:cat > {folder["stream"]}\""));
            Assert.Contains("VM status: paused (postmigrate)", await source.Monitor("info status"), StringComparison.Ordinal);
            Assert.Contains("Migration status: completed", await source.Monitor("info migrate"), StringComparison.Ordinal);
            await source.Monitor("quit");
            Assert.Equal(0, await source.Exit());
            text = source.Output;
        }

        await using Emulator destination = Start(to, [.. Linux, .. Kernel, "-incoming", $"exec:cat {folder["stream"]}", .. Emulator.WithMonitor]);
        await destination.Until(() => Numbers().Count(destination.Output) > 100, "another hundred numbers");
        Assert.Contains("VM status: running", await destination.Monitor("info status"), StringComparison.Ordinal);
        AssertNoGap(text + destination.Output);
    }

    /// <summary>
    /// One state, three places: interrupts of the timer drive a running sum, of which every value is printed, and the clock's time with it.
    /// RHEA_TEST_ALL=1 goes round ten times.
    /// </summary>
    [Fact]
    public async Task A_running_sum_goes_from_software_to_kvm_to_xen_and_back_without_a_gap()
    {
        const string Options = "-machine movable=on -display none -nic none -m 64 -cpu qemu64 -rtc base=2001-02-03T04:05:06 -global isa-debugcon.iobase=0x5e9";
        int rounds = Environment.GetEnvironmentVariable("RHEA_TEST_ALL") == "1" ? 10 : 1;
        using TemporaryFolder folder = Assets.Folder();
        await File.WriteAllBytesAsync(folder["kernel"], Summer(), TestContext.Current.CancellationToken);
        string[] machine = [.. Options.Split(' '), "-kernel", folder["kernel"], "-debugcon", "stdio"];
        string output = await InSoftware([.. machine, .. Emulator.WithMonitor], folder["stream"]);
        for (var round = 0; round < rounds; round++)
        {
            using (var kvm = new KvmLab()) output += await InLab("kvm", kvm, Options, folder);
            using (var xen = new XenLab()) output += await InLab("xen", xen, Options, folder);
            output += await InSoftware([.. machine, "-incoming", $"file:{folder["stream"]}", .. Emulator.WithMonitor], folder["next"]);
            File.Move(folder["next"], folder["stream"], overwrite: true);
        }

        AssertSums(output);
        AssertTimes(output, 1 + (3 * rounds));
    }

    private static async Task<string> InSoftware(string[] options, string stream)
    {
        await using Emulator software = Emulator.Rhea(options);
        await software.Until(() => Sums().Count(software.Output) > 100 && Times().Count(software.Output) > 1, "a hundred sums and two seconds");
        Assert.Equal("", await software.Monitor($"migrate file:{stream}"));
        await software.Monitor("quit");
        Assert.Equal(0, await software.Exit());
        Assert.Equal("", software.Errors);
        return software.Output;
    }

    private static async Task<string> InLab(string accelerator, HypervisorLab lab, string options, TemporaryFolder folder)
    {
        foreach (string name in (string[])["stream", "kernel"]) lab.Put(name, folder[name]);
        await using Emulator there = lab.Run("mkdir out; touch out/sums; (until [ $(wc -l <out/sums) -ge 20 ] && grep -q '\\.' out/sums; do sleep 0.3; done; echo enough) & "
            + $"./rhea -L . -accel {accelerator} {options} -kernel kernel -debugcon file:out/sums -incoming file:stream -monitor stdio");
        await there.WaitFor("enough");
        await there.Type("migrate file:out/stream\ninfo status\n");
        await there.WaitFor("postmigrate");
        await there.Type("quit\n");
        Assert.Equal(0, await there.Exit());
        Assert.DoesNotContain("rhea:", there.Output, StringComparison.Ordinal); // nor did it fall back to another accelerator
        string sums = await File.ReadAllTextAsync(lab["out/sums"], TestContext.Current.CancellationToken);
        Assert.InRange(Sums().Count(sums), 10, int.MaxValue);
        Assert.InRange(Times().Count(sums), 1, int.MaxValue);
        File.Delete(folder["stream"]);
        File.Copy(lab["out/stream"], folder["stream"]);
        return sums;
    }

    /// <summary>A guest that has found KVM's clock keeps it on the software processor; QEMU's own could not load it.</summary>
    [Fact]
    public async Task A_linux_that_qemu_ran_under_kvm_goes_on_in_software_with_its_clock()
    {
        const string script = "i=0;while :;do i=$((i+1));echo count $i;echo at $(cut -d. -f1 /proc/uptime);usleep 2000;done";
        using var lab = new KvmLab();
        lab.Put("qemu", Assets.Installed("/usr/bin/qemu-system-x86_64", "qemu-system-x86"));
        lab.Put("kvmvapic.bin", Assets.Installed("/usr/share/qemu/kvmvapic.bin", "qemu-system-data"));
        await using (Emulator kvm = lab.Run("mkdir out; touch out/serial; (until grep -q 'count 50' out/serial; do sleep 1; done; echo ready) &"
            + " ./qemu -M pc-i440fx-7.2 -L . -accel kvm -display none -nic none -m 128 -cpu qemu64 -serial file:out/serial"
            + $" -kernel vmlinuz -initrd initrd.gz -append 'console=ttyS0 quiet panic=-1 -- {script}' -monitor stdio"))
        {
            await kvm.WaitFor("ready");
            await kvm.Type("migrate \"exec:cat > out/stream\"\nquit\n");
            Assert.Equal(0, await kvm.Exit());
        }

        string before = await File.ReadAllTextAsync(lab["out/serial"], TestContext.Current.CancellationToken);
        await using Emulator software = Emulator.Rhea([.. Linux, .. Kernel, "-incoming", $"file:{lab["out/stream"]}"]);
        await software.Until(() => Numbers().Count(software.Output) > 50, "fifty numbers more");
        AssertNoGap(before + software.Output);
        int[] seconds = [.. Seconds().Matches(before + software.Output).Select(match => int.Parse(match.Groups[1].Value, null))];
        for (var i = 1; i < seconds.Length; i++) Assert.InRange(seconds[i], seconds[i - 1], seconds[i - 1] + 5);
    }

    [Theory]
    [InlineData("file:/nope", "Could not open '/nope': No such file or directory")]
    [InlineData("exec:exit 3", "the command ended|this is no saved machine|the stream ends")]
    [InlineData("tcp:0:1", "unknown migration protocol: tcp:0:1")]
    public async Task What_cannot_be_loaded_ends_the_program_with_a_reason(string address, string reason)
    {
        await using Emulator rhea = Emulator.Rhea([.. Linux, "-incoming", address]);

        Assert.Equal(1, await rhea.Exit());
        Assert.Matches($"^rhea: -incoming {Regex.Escape(address)}: .*({reason})", rhea.Errors);
    }

    [Fact]
    public async Task A_machine_that_cannot_be_sent_goes_on()
    {
        await using Emulator rhea = Emulator.Rhea([.. Linux, .. Emulator.WithMonitor]);

        Assert.Contains("Error: ", await rhea.Monitor("migrate \"exec:exit 3\""), StringComparison.Ordinal);
        Assert.Contains("VM status: running", await rhea.Monitor("info status"), StringComparison.Ordinal);
        Assert.Contains("Migration status: failed", await rhea.Monitor("info migrate"), StringComparison.Ordinal);
    }

    private static Emulator Start(string program, string[] arguments) => program == "qemu" ? Emulator.Qemu(arguments) : Emulator.Rhea(arguments);

    private static void AssertNoGap(string output)
    {
        int[] numbers = [.. Numbers().Matches(output.Replace("\r", "", StringComparison.Ordinal)).Select(match => int.Parse(match.Groups[1].Value, null))];
        for (var i = 1; i < numbers.Length; i++) Assert.True(numbers[i] == numbers[i - 1] + 1, $"{numbers[i]} after {numbers[i - 1]}");
    }

    private static void AssertSums(string output)
    {
        uint[] sums = [.. Sums().Matches(output).Select(match => Convert.ToUInt32(match.Groups[1].Value, 16))];
        for (var i = 1; i < sums.Length; i++) Assert.True(sums[i] == Next(sums[i - 1]), $"{sums[i]:x8} after {sums[i - 1]:x8}, number {i} of {sums.Length}");
    }

    /// <summary>The clock was set to another date than the hosts', goes on at their pace, and keeps its alarm, which is every second: at each place but perhaps in the first.</summary>
    private static void AssertTimes(string output, int places)
    {
        Match[] matches = [.. Times().Matches(output).Cast<Match>()];
        DateTime before = new(2001, 2, 3, 4, 5, 6);
        foreach (Match match in matches)
        {
            DateTime time = DateTime.ParseExact(match.Groups[1].Value, "yyMMddHHmmss", null);
            Assert.InRange(time, before.AddSeconds(-2), before.AddMinutes(4));
            Assert.Equal("c022", match.Groups[2].Value);
            before = time;
        }

        Assert.InRange(matches.Count(match => (Convert.ToByte(match.Groups[3].Value, 16) & 0x20) == 0), 0, places); // in register C
    }

    private static uint Next(uint sum) => System.Numerics.BitOperations.RotateLeft(sum, 5) + 0x9E37_79B9;

    /// <summary>
    /// At each tick of the PIT, through the 8259: the next sum, in hexadecimal and a line of its own; and with each second of the clock a line of its
    /// registers: year to second, the alarm's second, B and C.
    /// </summary>
    private static byte[] Summer() => GuestCode.MultibootKernel(code =>
    {
        Label start = code.CreateLabel(), idle = code.CreateLabel(), done = code.CreateLabel(), print = code.CreateLabel(), clock = code.CreateLabel();
        code.call(start); // which leaves the handler's address on the stack
        code.rol(ebx, 5);
        code.add(ebx, unchecked((int)0x9E37_79B9));
        code.mov(edi, ebx);
        code.mov(ecx, 8);
        code.call(print);
        code.mov(al, (byte)'\n');
        code.@out(dx, al);
        code.mov(ah, 0);
        code.call(clock);
        code.cmp(al, __byte_ptr[0x9200]);
        code.je(done);
        code.mov(__byte_ptr[0x9200], al);
        foreach (byte register in (byte[])[9, 8, 7, 4, 2, 0, 1, 0xB, 0xC])
        {
            code.mov(ah, register);
            code.call(clock);
            code.mov(edi, eax);
            code.shl(edi, 24);
            code.mov(ecx, 2);
            code.call(print);
        }

        code.mov(al, (byte)'.');
        code.@out(dx, al);
        code.mov(al, (byte)'\n');
        code.@out(dx, al);
        code.Label(ref done);
        code.mov(al, 0x20);
        code.@out(0x20, al);
        code.iretd();

        code.Label(ref clock); // AL becomes register AH of the clock
        code.mov(al, ah);
        code.@out(0x70, al);
        code.@in(al, 0x71);
        code.ret();

        Label digit = code.CreateLabel(), next = code.CreateLabel();
        code.Label(ref print); // the upper ECX digits of EDI
        code.mov(dx, 0x5E9);
        code.Label(ref next);
        code.rol(edi, 4);
        code.mov(eax, edi);
        code.and(al, 15);
        code.add(al, (sbyte)'0');
        code.cmp(al, (sbyte)'9');
        code.jbe(digit);
        code.add(al, 'a' - '9' - 1);
        code.Label(ref digit);
        code.@out(dx, al);
        code.loop(next);
        code.ret();

        code.Label(ref start);
        code.pop(eax);
        code.mov(edi, 0x1_0000); // a gate for vector 20h, and the table's pointer
        code.mov(__word_ptr[edi + (0x20 * 8)], ax);
        code.mov(ecx, cs);
        code.mov(__word_ptr[edi + (0x20 * 8) + 2], cx);
        code.mov(__word_ptr[edi + (0x20 * 8) + 4], 0x8E00);
        code.shr(eax, 16);
        code.mov(__word_ptr[edi + (0x20 * 8) + 6], ax);
        code.mov(__word_ptr[0x9100], 0x7FF);
        code.mov(__dword_ptr[0x9102], edi);
        code.lidt(__[0x9100]);
        foreach ((byte port, byte value) in ((byte, byte)[])[(0x20, 0x11), (0x21, 0x20), (0x21, 4), (0x21, 1), (0x21, 0xFE), (0xA1, 0xFF), (0x43, 0x34), (0x40, 0x00), (0x40, 0x10)])
        {
            code.mov(al, value);
            code.@out(port, al);
        }

        foreach ((byte register, byte value) in ((byte, byte)[])[(1, 0xC0), (3, 0xC0), (5, 0xC0), (0xB, 0x22)]) // an alarm every second, without an interrupt of the 8259
        {
            code.mov(al, register);
            code.@out(0x70, al);
            code.mov(al, value);
            code.@out(0x71, al);
        }

        code.xor(ebx, ebx);
        code.sti();
        code.Label(ref idle);
        code.hlt();
        code.jmp(idle);
    });

    [GeneratedRegex(@"count (\d+)\r?\n")]
    private static partial Regex Numbers();

    [GeneratedRegex(@"at (\d+)\r?\n")]
    private static partial Regex Seconds();

    [GeneratedRegex("([0-9]{12})([0-9a-f]{4})([0-9a-f]{2})\\.\n")]
    private static partial Regex Times();

    [GeneratedRegex("([0-9a-f]{8})\n")]
    private static partial Regex Sums();
}
