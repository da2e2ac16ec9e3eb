using Iced.Intel;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.GuestTests;

/// <summary><c>-accel xen</c> in Dom0 of a real Xen: rhea alone makes the domain by hypercalls and is all that it has.</summary>
[Collection(nameof(Lab))]
public sealed class XenDomainTests : IDisposable
{
    private const string Rhea = "./rhea -L . -accel xen -display none -nodefaults";

    /// <summary>For the guest's prints. The firmware finds nothing that reads as a debug console, and keeps its log to itself: each of its letters would cost a millisecond.</summary>
    private const string Console = "-global isa-debugcon.iobase=0x402 -global isa-debugcon.readback=0 -debugcon";

    private readonly XenLab _lab = new();

    public void Dispose() => _lab.Dispose();

    /// <summary>Its first start ends with a reset through port CF9h, its second with a triple fault, its third with power off. Each starts the second processor.</summary>
    [Fact]
    public async Task Seabios_boots_two_processors_from_a_disk_that_resets_crashes_and_powers_off()
    {
        await File.WriteAllBytesAsync(_lab["disk"], BootedThrice(), TestContext.Current.CancellationToken);
        await using Emulator lab = _lab.Run($"{Rhea} -vga std -m 64 -smp 2 {Console} stdio -drive file=disk,format=raw; echo status $?");

        await lab.Succeeds();
        for (var boot = 1; boot <= 3; boot++) Assert.Equal(1, Count(lab.Output, $"boot {boot} of two processors\n"));
        Assert.Contains("status 0", lab.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("rhea:", lab.Output, StringComparison.Ordinal);
    }

    /// <summary>The host's disk threads reach the guest's pages, four of 192 MiB at a time.</summary>
    [Fact]
    public async Task The_cloud_kernel_reads_by_dma_through_a_small_map_cache_what_the_host_put_there_and_powers_off()
    {
        var data = new byte[12 << 20];
        for (var i = 0; i < data.Length; i += 4) BitConverter.TryWriteBytes(data.AsSpan(i), (uint)i * 0x9E37_79B9);
        await File.WriteAllBytesAsync(_lab["disk"], data, TestContext.Current.CancellationToken);
        await using Emulator lab = _lab.Run(Rhea.Replace("xen", "xen,map-cache=4M", StringComparison.Ordinal) + " -vga none -m 192 -smp 2 -serial stdio -kernel vmlinuz -initrd initrd.gz"
            + " -drive file=disk,format=raw -append 'console=ttyS0 quiet panic=-1 nopv -- modprobe ata_piix; modprobe sd_mod; until [ -b /dev/sda ]; do sleep 0.1; done; sha256sum /dev/sda'; echo status $?");

        await lab.Succeeds();
        Assert.Contains("userspace after", lab.Output, StringComparison.Ordinal);
        Assert.Contains("on x86_64, 2 processor(s)", lab.Output, StringComparison.Ordinal);
        Assert.Contains(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(data)), lab.Output, StringComparison.Ordinal);
        Assert.Contains("status 0", lab.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("rhea:", lab.Output, StringComparison.Ordinal);
    }

    /// <summary>The display follows the frame buffer by Xen's log of written pages alone.</summary>
    [Fact]
    public async Task Every_written_page_of_the_frame_buffer_is_shown_and_a_stopped_guest_stands_still()
    {
        await File.WriteAllBytesAsync(_lab["kernel"], PaintingGuest.Kernel(), TestContext.Current.CancellationToken);
        await using Emulator lab = _lab.Run($"mkdir out; {Rhea} -vga std -m 64 -kernel kernel -monitor stdio");

        await PaintingGuest.Watch(lab, name => _lab[name]);
    }

    /// <summary>Xen takes it for the end when all processors do so; a PC waits for its reset.</summary>
    [Fact]
    public async Task A_guest_that_halts_with_interrupts_off_stays_until_it_is_reset()
    {
        byte[] kernel = GuestCode.MultibootKernel(code =>
        {
            Label sleep = code.CreateLabel();
            code.Print("it sleeps\n");
            code.cli();
            code.Label(ref sleep);
            code.hlt();
            code.jmp(sleep);
        });
        await File.WriteAllBytesAsync(_lab["kernel"], kernel, TestContext.Current.CancellationToken);
        await using Emulator lab = _lab.Run($"touch log; tail -f log & {Rhea} -vga none -m 64 -kernel kernel {Console} file:log -monitor stdio; kill $!");

        await lab.WaitFor("it sleeps\n");
        await lab.Type("info status\n");
        await lab.WaitFor("VM status: running");
        await lab.Type("system_reset\n");
        await lab.Until(() => Count(lab.Output, "it sleeps\n") == 2, "its second start");
        await lab.Type("quit\n");

        await lab.Succeeds();
        Assert.DoesNotContain("rhea:", lab.Output, StringComparison.Ordinal);
    }

    /// <summary>
    /// The first comes while it sleeps, with no other interrupt to wake it, the second while it spins. At the end it is sent away, and is told what
    /// of it is Xen's alone.
    /// </summary>
    [Fact]
    public async Task An_nmi_of_the_monitor_reaches_the_guest()
    {
        byte[] kernel = GuestCode.MultibootKernel(code =>
        {
            Label start = code.CreateLabel(), sleep = code.CreateLabel(), spin = code.CreateLabel();
            code.mov(__dword_ptr[0x9108], 0);
            code.call(start); // which leaves the handler's address on the stack
            code.Print("it came\n");
            code.inc(__dword_ptr[0x9108]);
            code.iretd();

            code.Label(ref start);
            code.pop(eax);
            code.mov(edi, 0x1_0000); // a gate for vector 2, and the table's pointer
            code.mov(__word_ptr[edi + 16], ax);
            code.mov(ecx, cs);
            code.mov(__word_ptr[edi + 18], cx);
            code.mov(__word_ptr[edi + 20], 0x8E00);
            code.shr(eax, 16);
            code.mov(__word_ptr[edi + 22], ax);
            code.mov(__word_ptr[0x9100], 0x7FF);
            code.mov(__dword_ptr[0x9102], edi);
            code.lidt(__[0x9100]);
            code.mov(al, 0xFF);
            code.@out(0x21, al);
            code.Print("it sleeps\n");
            code.sti();
            code.Label(ref sleep);
            code.hlt(); // Xen lets a timer end it whose interrupt the guest has masked
            code.cmp(__dword_ptr[0x9108], 0);
            code.je(sleep);
            code.cli();
            code.Print("it spins\n");
            code.Label(ref spin);
            code.jmp(spin);
        });
        await File.WriteAllBytesAsync(_lab["kernel"], kernel, TestContext.Current.CancellationToken);
        await using Emulator lab = _lab.Run($$"""
            await() { until [ "$(grep -c "$1" log)" = $2 ]; do sleep 0.2; done; echo "$1 $2"; }
            (touch log; await sleeps 1; await spins 1; await came 2) &
            {{Rhea}} -vga none -m 64 -kernel kernel {{Console}} file:log -monitor stdio; cat log
            """);

        await lab.WaitFor("sleeps 1\n");
        await lab.Type("nmi\n");
        await lab.WaitFor("spins 1\n");
        await lab.Type("nmi\n");
        await lab.WaitFor("came 2\n");
        await lab.Type("migrate file:sent\nquit\n");

        await lab.Succeeds();
        Assert.Matches("it sleeps\nit came\nit spins\nit came\n$", lab.Output);
        Assert.Equal(["this machine may not go on under another accelerator: its HPET counts at this hypervisor's rate (with -machine hpet=off there is none)"],
            lab.Output.Split("rhea: ").Skip(1).Select(line => line.Split('\r', '\n')[0]));
    }

    /// <summary>What a guest that has taken over the process that serves it would find there; the process is nobody's, so it cannot open anything of Xen's either.</summary>
    [Fact]
    public async Task The_process_that_serves_the_guest_has_no_way_into_xen_but_to_its_own_domain()
    {
        await File.WriteAllBytesAsync(_lab["probe"], PrivcmdProbe.Program(), TestContext.Current.CancellationToken);
        await using Emulator lab = _lab.Run($$"""
            chmod +x probe; {{Rhea}} -m 32 -runas 65534:65534 & pid=$!; until ./rhea xen list | grep -q "$pid .*running"; do sleep 0.3; done
            grep Uid /proc/$pid/status; for p in /proc/[0-9]*; do grep -q keep $p/cmdline 2>/dev/null && keeper=${p#/proc/}; done
            echo "server $(./probe $pid), keeper $(./probe $keeper)"; kill $pid; wait $pid; echo status $?
            """);

        await lab.Succeeds();
        Assert.Matches("Uid:\t65534\t65534\t65534\t65534\r?\n", lab.Output);
        Assert.Contains("server allowed 0, refused 2, keeper allowed 2, refused 0", lab.Output, StringComparison.Ordinal);
        Assert.Contains("status 0", lab.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("rhea:", lab.Output, StringComparison.Ordinal);
    }

    /// <summary>Killed by a signal that nothing can catch; then ended after its keeper was killed, which stops the guest and leaves the domain over; then with more memory wanted than there is.</summary>
    [Fact]
    public async Task No_domain_is_left_behind()
    {
        await using Emulator lab = _lab.Run($$"""
            start() { {{Rhea}} -m 32 & pid=$!; until ./rhea xen list | grep -q "$pid .*running"; do sleep 0.3; done; }
            gone() { for i in $(seq 50); do [ "$(./rhea xen list | wc -l)" = 1 ] && { echo "$1: gone"; return; }; sleep 0.2; done; ./rhea xen list; }
            start; kill -9 $pid; gone killed
            start; for p in /proc/[0-9]*; do grep -q keep $p/cmdline 2>/dev/null && kill -9 ${p#/proc/}; done; sleep 2; kill $pid; wait $pid; echo "keeperless: $?"
            ./rhea xen list | grep 'left over'; ./rhea xen destroy; gone destroyed
            start; kill $pid; wait $pid; echo status $?; gone ended
            {{Rhea}} -m 8192; echo status $?; gone refused
            """);

        await lab.Succeeds();
        foreach (string what in (string[])["killed", "destroyed", "ended", "refused"]) Assert.Contains($"{what}: gone", lab.Output, StringComparison.Ordinal);
        Assert.Matches(@"rhea: the second process, which keeps the domain, has ended\r?\nrhea: Xen: Broken pipe\r?\nkeeperless: 0\r?\n\d+ +\d+ +\d+ +\d+ +left over", lab.Output);
        Assert.Matches(@"domain \d+ destroyed", lab.Output);
        Assert.Matches(@"rhea: Xen has not enough free memory for the guest \(\d+ MiB are left\)[^\n]*\r?\nstatus 1", lab.Output);
    }

    [Fact]
    public async Task A_host_without_xen_says_so_and_the_next_accelerator_is_tried()
    {
        Assert.SkipWhen(File.Exists("/dev/xen/privcmd"), "this host is a Dom0");
        await using Emulator alone = Emulator.Rhea("-accel", "xen", "-display", "none"),
            both = Emulator.Rhea("-machine", "accel=xen:tcg", "-display", "none", "-nic", "none", "-S", "-monitor", "stdio");

        Assert.Equal(1, await alone.Exit());
        Assert.Matches("^rhea: -accel xen: there is no /dev/xen/privcmd: this is not Dom0[^\n]*\n$", alone.Errors);
        await both.Type("quit\n");
        Assert.Equal(0, await both.Exit());
        Assert.Matches("^rhea: -accel xen: there is no /dev/xen/privcmd[^\n]*; falling back to tcg\n$", both.Errors);
    }

    /// <summary>
    /// Reads its second sector through the BIOS, whose code starts the other processor at its own beginning by INIT and SIPI, and when both have been
    /// there says which boot it is, counted in a byte of CMOS that a reset leaves alone.
    /// </summary>
    private static byte[] BootedThrice()
    {
        const int Boots = 0x60, Second = 0x8000, Arrived = 0x8900, Table = 0x8910;
        byte[] second = GuestCode.BootDisk(1, code =>
        {
            Label first = code.CreateLabel(), sleep = code.CreateLabel(), wait = code.CreateLabel(), crash = code.CreateLabel(), off = code.CreateLabel();
            code.cli();
            code.mov(al, 1);
            code.@lock.xadd(__byte_ptr[Arrived], al);
            code.cmp(al, 0);
            code.je(first);
            code.Label(ref sleep);
            code.hlt();
            code.jmp(sleep);

            code.Label(ref first); // a data segment of 4 GiB, for the local APIC
            code.mov(__word_ptr[Table], 15);
            code.mov(__dword_ptr[Table + 2], Table + 8);
            code.mov(__dword_ptr[Table + 16], 0x0000_FFFF);
            code.mov(__dword_ptr[Table + 20], 0x008F_9200);
            code.lgdt(__[Table]);
            code.mov(eax, cr0);
            code.or(al, 1);
            code.mov(cr0, eax);
            code.mov(dx, 8);
            code.mov(es, edx);
            code.and(al, 0xFE);
            code.mov(cr0, eax);
            code.mov(ebx, unchecked((int)0xFEE0_0300)); // the interrupt command register; to all but itself
            code.mov(__dword_ptr.es[ebx], 0xC_4500);
            code.mov(__dword_ptr.es[ebx], 0xC_4600 | Second >> 12);
            code.Label(ref wait);
            code.cmp(__byte_ptr[Arrived], 2);
            code.jne(wait);

            code.mov(al, Boots);
            code.@out(0x70, al);
            code.@in(al, 0x71);
            code.inc(al);
            code.mov(cl, al);
            code.@out(0x71, al);
            code.Print("boot ");
            code.mov(al, cl);
            code.and(al, 15);
            code.add(al, (sbyte)'0');
            code.@out(dx, al);
            code.Print(" of two processors\n");
            code.cmp(cl, 2);
            code.je(crash);
            code.ja(off);
            code.mov(dx, 0xCF9);
            code.mov(al, 6);
            code.@out(dx, al);
            code.hlt();
            code.Label(ref crash);
            code.mov(__dword_ptr[Table], 0);
            code.mov(__dword_ptr[Table + 4], 0);
            code.lidt(__[Table]);
            code.int3();
            code.Label(ref off);
            code.mov(dx, 0x604); // where SeaBIOS has put the PIIX4's PM1_CNT
            code.mov(ax, 0x2000);
            code.@out(dx, ax);
        });
        byte[] first = GuestCode.BootDisk(2, code =>
        {
            code.mov(__byte_ptr[Arrived], 0);
            code.mov(bx, Second);
            code.mov(ax, 0x0201);
            code.mov(cx, 2);
            code.xor(dh, dh);
            code.@int(0x13);
            code.jmp((ulong)Second);
        });
        second.AsSpan(0, 510).CopyTo(first.AsSpan(512));
        return first;
    }

    private static int Count(string text, string part) => text.Split(part).Length - 1;
}
