using System.Globalization;
using System.Text.RegularExpressions;
using Iced.Intel;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.GuestTests;

/// <summary><c>-accel kvm</c> in a Linux that has /dev/kvm, with the interrupt controllers in the kernel, split, and here.</summary>
public sealed partial class KvmTests : IDisposable
{
    private const string Rhea = "./rhea -L . -display none -nic none";
    private const int Pages = 640 * 400 * 4 / 4096;

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

        Assert.Equal(0, await lab.Exit());
        Assert.Contains($"userspace after", lab.Output, StringComparison.Ordinal);
        Assert.Contains($"on x86_64, {cpus} processor(s)", lab.Output, StringComparison.Ordinal);
        Assert.Contains("Hypervisor detected: KVM", lab.Output, StringComparison.Ordinal);
        Assert.Contains("status 0", lab.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("rhea:", lab.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Grub_reaches_its_prompt_and_answers_the_keyboard()
    {
        _lab.Put("cd", Assets.GrubCd);
        await using Emulator lab = _lab.Run($"{Rhea} -accel kvm -cdrom cd -monitor stdio");

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
        Assert.Equal(0, await lab.Exit());
    }

    /// <summary>The display follows the frame buffer by KVM's log of written pages alone.</summary>
    [Fact]
    public async Task Every_written_page_of_the_frame_buffer_is_shown_and_a_stopped_guest_stands_still()
    {
        await File.WriteAllBytesAsync(_lab["kernel"], Painter(), TestContext.Current.CancellationToken);
        await using Emulator lab = _lab.Run($"mkdir out; {Rhea} -accel kvm -kernel kernel -monitor stdio");

        await lab.WaitFor("(qemu) ");
        for (var round = 1; round <= 3; round++)
        {
            while ((await Counter(lab)).Blue != $"0x{round * 16:x8}") await Task.Delay(100, TestContext.Current.CancellationToken);
            await lab.Type($"screendump out/{round}.ppm\n");
            await lab.Type("sendkey a\n");
        }

        await lab.Type("stop\n");
        (string Count, string)[] stopped = [await Counter(lab), await Counter(lab)];
        await lab.Type("cont\n");
        (string Count, string) running = stopped[1];
        for (var tries = 0; running == stopped[1] && tries < 100; tries++) running = await Counter(lab); // the first may come before the processor
        await lab.Type("quit\n");

        Assert.Equal(0, await lab.Exit());
        Assert.Equal(stopped[0], stopped[1]);
        Assert.NotEqual(stopped[1], running);
        for (var round = 1; round <= 3; round++)
            Assert.Equal(Enumerable.Repeat((byte)(round * 16), Pages), Blues(await File.ReadAllBytesAsync(_lab[$"out/{round}.ppm"], TestContext.Current.CancellationToken)));
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

    /// <summary>Writes a pixel in each page of a frame buffer of 640 by 400, then counts at 200000h until a key comes, and does it again in another blue.</summary>
    private static byte[] Painter() => GuestCode.MultibootKernel(code =>
    {
        Label round = code.CreateLabel(), page = code.CreateLabel(), count = code.CreateLabel();
        foreach ((int index, int value) in ((int, int)[])[(4, 0), (1, 640), (2, 400), (3, 32), (4, 0x41)])
        {
            code.mov(dx, 0x1CE);
            code.mov(ax, (ushort)index);
            code.@out(dx, ax);
            code.inc(dx);
            code.mov(ax, (ushort)value);
            code.@out(dx, ax);
        }

        code.mov(dx, 0xCF8);
        code.mov(eax, 0x8000_1010);
        code.@out(dx, eax);
        code.mov(dx, 0xCFC);
        code.@in(eax, dx);
        code.and(al, 0xF0);
        code.mov(ebp, eax);
        code.xor(ebx, ebx);
        code.Label(ref round);
        code.add(ebx, 16);
        code.mov(edi, ebp);
        code.mov(ecx, Pages);
        code.Label(ref page);
        code.mov(__dword_ptr[edi], ebx);
        code.add(edi, 4096);
        code.loop(page);
        code.mov(__dword_ptr[0x20_0004], ebx);
        code.Label(ref count);
        code.inc(__dword_ptr[0x20_0000]);
        code.@in(al, 0x64);
        code.test(al, 1);
        code.jz(count);
        code.@in(al, 0x60);
        code.test(al, 0x80);
        code.jz(count); // until the key is up again
        code.jmp(round);
    });

    /// <summary>The blue of the first pixel of each page, from a picture in PPM.</summary>
    private static IEnumerable<byte> Blues(byte[] ppm)
    {
        const string Header = "P6\n640 400\n255\n";
        Assert.Equal(Header, System.Text.Encoding.ASCII.GetString(ppm, 0, Header.Length));
        return Enumerable.Range(0, Pages).Select(page => ppm[Header.Length + (page * 1024 * 3) + 2]);
    }

    private static async Task<(string Count, string Blue)> Counter(Emulator lab)
    {
        int before = Values().Count(lab.Output);
        await lab.Type("xp /2wx 0x200000\n");
        await lab.Until(() => Values().Count(lab.Output) > before, "the counter");
        Match last = Values().Matches(lab.Output)[^1];
        return (last.Groups[1].Value, last.Groups[2].Value);
    }

    private static async Task WaitForScreen(Emulator lab, string text)
    {
        for (var tries = 0; tries < 200; tries++)
        {
            int from = lab.Output.Length;
            await lab.Type("xp /2000hx 0xb8000\n");
            await lab.Until(() => Cells().Count(lab.Output[from..]) == 2000, "the screen");
            string[] cells = [.. Cells().Matches(lab.Output[from..]).Select(match => match.Groups[1].Value)];
            var lines = cells.Select(cell => (char)byte.Parse(cell, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).Chunk(80)
                .Select(line => new string(line).Replace('\0', ' ').TrimEnd());
            if (string.Join('\n', lines).Contains(text, StringComparison.Ordinal)) return;
            await Task.Delay(500, TestContext.Current.CancellationToken);
        }

        Assert.Fail($"waited in vain for '{text}' on the screen\n{lab.Output}");
    }

    [GeneratedRegex("200000: (0x[0-9a-f]{8}) (0x[0-9a-f]{8})")]
    private static partial Regex Values();

    [GeneratedRegex("0x[0-9a-f]{2}([0-9a-f]{2})(?=[ \r\n])")]
    private static partial Regex Cells();
}
