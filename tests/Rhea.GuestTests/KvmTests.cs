using System.Globalization;
using System.Text.RegularExpressions;
using Iced.Intel;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.GuestTests;

/// <summary><c>-accel kvm</c> in a Linux that has /dev/kvm, with the interrupt controllers in the kernel, split, and here.</summary>
[Collection(nameof(Lab))]
public sealed partial class KvmTests : IDisposable
{
    private const string Rhea = "./rhea -L . -display none -nic none";

    private readonly KvmLab _lab = new();

    public void Dispose() => _lab.Dispose();

    [Theory]
    [InlineData("on", 1)]
    [InlineData("split", 1)]
    [InlineData("off", 1)]
    [InlineData("on", 2)]
    [InlineData("split", 2)]
    public async Task The_cloud_kernel_reaches_userspace_and_powers_off(string irqChip, int cpus)
    {
        await using Emulator lab = _lab.Run($"{Rhea} -accel kvm,kernel-irqchip={irqChip} -smp {cpus} -m 256 -serial stdio -kernel vmlinuz -initrd initrd.gz"
            + " -append 'console=ttyS0 quiet panic=-1 -- dmesg | grep -i hypervisor'; echo status $?");

        await lab.Succeeds();
        Assert.Contains($"userspace after", lab.Output, StringComparison.Ordinal);
        Assert.Contains($"on x86_64, {cpus} processor(s)", lab.Output, StringComparison.Ordinal);
        Assert.Contains("Hypervisor detected: KVM", lab.Output, StringComparison.Ordinal);
        Assert.Contains("status 0", lab.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("rhea:", lab.Output, StringComparison.Ordinal);
    }

    /// <summary>Without nested paging: with it the lab's processor destroys this guest now and then (docs/KVM.md), whoever runs it.</summary>
    [Fact]
    public async Task Grub_reaches_its_prompt_and_answers_the_keyboard()
    {
        _lab.Put("cd", Assets.GrubCd);
        await using Emulator lab = _lab.Run($"{Rhea} -accel kvm -cdrom cd -monitor stdio", "LAB_CPU=-npt");

        await lab.WaitFor("(qemu) ");
        await WaitForScreen(lab, "GNU GRUB");
        await lab.Type("sendkey c\n");
        await WaitForScreen(lab, "grub>");
        foreach (char letter in "echo five") await lab.Type($"sendkey {(letter == ' ' ? "spc" : letter)}\n");
        await lab.Type("sendkey ret\n");
        await WaitForScreen(lab, "\nfive\n");

        await lab.Type("info kvm\n");
        await lab.WaitFor("kvm support: enabled");
        await lab.Type("quit\n");
        await lab.Succeeds();
    }

    /// <summary>The display follows the frame buffer by KVM's log of written pages alone.</summary>
    [Fact]
    public async Task Every_written_page_of_the_frame_buffer_is_shown_and_a_stopped_guest_stands_still()
    {
        await File.WriteAllBytesAsync(_lab["kernel"], PaintingGuest.Kernel(), TestContext.Current.CancellationToken);
        await using Emulator lab = _lab.Run($"mkdir out; {Rhea} -accel kvm -kernel kernel -monitor stdio");

        await PaintingGuest.Watch(lab, name => _lab[name]);
    }

    /// <summary>KVM gives up where the guest runs what is not in memory: the machine stands still and can be looked at, and a reset makes it run again.</summary>
    [Fact]
    public async Task A_processor_that_kvm_cannot_run_stops_the_machine_and_says_where()
    {
        await File.WriteAllBytesAsync(_lab["kernel"], GuestCode.MultibootKernel(code =>
        {
            code.mov(eax, 0xE000_0000);
            code.jmp(eax);
        }), TestContext.Current.CancellationToken);
        await using Emulator lab = _lab.Run($"{Rhea} -accel kvm -vga none -kernel kernel -monitor stdio; echo status $?");

        await lab.WaitFor("KVM: processor 0 at 0008:e0000000: internal error 1");
        await lab.Type("info status\n");
        await lab.WaitFor("VM status: paused (internal-error)");
        await lab.Type("info registers\n");
        await lab.WaitFor("EIP=e0000000");
        await lab.Type("system_reset\n");
        await lab.Type("quit\n");

        await lab.Succeeds();
        Assert.Contains("status 0", lab.Output, StringComparison.Ordinal);
    }

    /// <summary>
    /// The system calls of the processor's thread are counted: two thousand port accesses, and what it does before and after. Without those that read
    /// the clock: with the lab's they are calls, with a host's they are none (its page vdso tells the time).
    /// </summary>
    [Fact]
    public async Task A_port_access_costs_no_more_system_calls_than_in_qemu()
    {
        const ushort Accesses = 2000;
        _lab.Put("qemu", Assets.Installed("/usr/bin/qemu-system-x86_64", "qemu-system-x86"));
        _lab.Put("kvmvapic.bin", Assets.Installed("/usr/share/qemu/kvmvapic.bin", "qemu-system-data"));
        _lab.Put("strace", Assets.Installed("/usr/bin/strace", "strace"));
        await File.WriteAllBytesAsync(_lab["rom"], GuestCode.Rom(code =>
        {
            Label again = code.CreateLabel(), index = code.CreateLabel();
            code.mov(al, 0x30); // the 8254 waits for a count, and so does not tick
            code.@out(0x43, al);
            code.mov(cx, Accesses);
            code.mov(al, 0x0F);
            code.Label(ref again);
            code.@out(0x80, al);
            code.loop(again);
            code.mov(cx, Accesses);
            code.Label(ref index);
            code.@out(0x70, al); // the kernel may gather these
            code.loop(index);
            code.mov(dx, 0x501);
            code.@out(dx, al);
            code.hlt();
        }), TestContext.Current.CancellationToken);
        const string Machine = "-L . -accel kvm -display none -nodefaults -vga none -bios rom -device isa-debug-exit,iobase=0x501,iosize=1";
        await using Emulator lab = _lab.Run($$"""
            mkdir traces
            trace() { name=$1; shift; ./strace -ff -o traces/$name "$@"; echo "$name ended with $?"
              for f in traces/$name.*; do echo "$(grep -c KVM_RUN $f) of $(grep -vc clock_gettime $f) calls by $name"; done | sort -n | tail -n 1; }
            trace rhea ./rhea {{Machine}}
            trace qemu ./qemu -M pc-i440fx-7.2 {{Machine}}
            """);

        await lab.Succeeds();
        int[] rhea = Counted(lab.Output, "rhea"), qemu = Counted(lab.Output, "qemu");
        Assert.Contains("rhea ended with 31", lab.Output, StringComparison.Ordinal); // twice the byte, and 1
        Assert.InRange(rhea[0], Accesses, Accesses + 100);
        Assert.InRange(rhea[1], Accesses, qemu[1]);
    }

    /// <summary>Another device has its name: what it cannot do, the software processor does, and nobody has to ask for it.</summary>
    [Fact]
    public async Task A_kvm_that_makes_no_machine_is_passed_over_with_one_warning()
    {
        await using Emulator lab = _lab.Run($"rm /dev/kvm; mknod /dev/kvm c 1 3; {Rhea} -S -monitor stdio; echo status $?");

        await lab.WaitFor("(qemu) ");
        await lab.Type("info kvm\nquit\n");

        await lab.Succeeds();
        Assert.Equal(["-accel kvm: KVM could not make a machine: Inappropriate ioctl for device; falling back to tcg"],
            lab.Output.Split("rhea: ").Skip(1).Select(line => line.Split('\r', '\n')[0]));
        Assert.Contains("kvm support: disabled", lab.Output, StringComparison.Ordinal);
        Assert.Contains("status 0", lab.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_without_kvm_says_so_and_the_next_accelerator_is_tried()
    {
        Assert.SkipWhen(File.Exists("/dev/kvm"), "this host has /dev/kvm");
        await using Emulator alone = Emulator.Rhea("-accel", "kvm", "-display", "none"),
            both = Emulator.Rhea("-machine", "accel=kvm:tcg", "-display", "none", "-nic", "none", "-S", "-monitor", "stdio");

        Assert.Equal(1, await alone.Exit());
        Assert.Matches("^rhea: -accel kvm: there is no /dev/kvm[^\n]*\n$", alone.Errors);
        await both.Type("info kvm\nquit\n");
        Assert.Equal(0, await both.Exit());
        Assert.Matches("^rhea: -accel kvm: there is no /dev/kvm[^\n]*; falling back to tcg\n$", both.Errors);
        Assert.Contains("kvm support: disabled", both.Output, StringComparison.Ordinal);
    }

    /// <summary>As one in a virtual machine has, which does with page tables what the processor cannot: it may not run every guest.</summary>
    [Fact]
    public async Task A_kvm_without_hardware_for_it_is_used_only_when_it_is_asked_for()
    {
        string flags = File.ReadLines("/proc/cpuinfo").First(line => line.StartsWith("flags", StringComparison.Ordinal));
        Assert.SkipWhen(flags.Split(' ').Intersect(["svm", "vmx"]).Any(), "this host has the hardware");
        await using Emulator rhea = Emulator.Bare("-display", "none", "-nic", "none", "-S", "-monitor", "stdio");

        await rhea.Type("info kvm\nquit\n");
        Assert.Equal(0, await rhea.Exit());
        Assert.Contains("kvm support: disabled", rhea.Output, StringComparison.Ordinal);
        Assert.Equal("", rhea.Errors);
    }

    /// <summary>Calls of KVM_RUN, and all calls, of the thread that made the most of them.</summary>
    private static int[] Counted(string output, string name)
    {
        Match match = Regex.Match(output, $@"(\d+) of (\d+) calls by {name}");
        Assert.True(match.Success, output);
        return [int.Parse(match.Groups[1].Value, null), int.Parse(match.Groups[2].Value, null)];
    }

    private static async Task WaitForScreen(Emulator lab, string text)
    {
        var shown = "";
        for (var tries = 0; tries < 200; tries++)
        {
            int from = lab.Output.Length;
            await lab.Type("xp /2000hx 0xb8000\n");
            await lab.Until(() => Cells().Count(lab.Output[from..]) == 2000, "the screen");
            string[] cells = [.. Cells().Matches(lab.Output[from..]).Select(match => match.Groups[1].Value)];
            var lines = cells.Select(cell => (char)byte.Parse(cell, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).Chunk(80)
                .Select(line => new string(line).Replace('\0', ' ').TrimEnd());
            shown = string.Join('\n', lines);
            if (shown.Contains(text, StringComparison.Ordinal)) return;
            await Task.Delay(500, TestContext.Current.CancellationToken);
        }

        int screen = lab.Output.Length;
        for (var look = 0; look < 3; look++) await lab.Type("info registers\ninfo pic\ninfo lapic\n");
        await lab.Type("xp /36xb 0x41a\nprint 1234567\n"); // the firmware's keys
        await lab.Until(() => lab.Output.IndexOf("0x12d687", screen, StringComparison.Ordinal) > 0, "where the guest is");
        Assert.Fail($"waited in vain for '{text}' on the screen\n{shown}\n{lab.Output[screen..]}");
    }

    [GeneratedRegex("0x[0-9a-f]{2}([0-9a-f]{2})(?=[ \r\n])")]
    private static partial Regex Cells();
}
