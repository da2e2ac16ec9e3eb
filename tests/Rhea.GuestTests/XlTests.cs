using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.GuestTests;

/// <summary>Debian's <c>xl</c> makes the domain, and rhea is the device model that its configuration names.</summary>
[Collection(nameof(Lab))]
public sealed class XlTests : IDisposable
{
    private readonly XenLab _lab = new();

    public void Dispose() => _lab.Dispose();

    /// <summary>The first guest resets: xl makes another domain, with another device model, whose guest powers off.</summary>
    [Fact]
    public async Task Xl_creates_a_guest_starts_it_anew_after_its_reset_and_destroys_it_after_its_end()
    {
        _lab.Put("xl", Assets.Xl);
        await File.WriteAllBytesAsync(_lab["disk1"], GuestCode.BootDisk(1, code =>
        {
            code.Print("the first guest\n");
            code.mov(dx, 0xCF9);
            code.mov(al, 6);
            code.@out(dx, al);
        }), TestContext.Current.CancellationToken);
        await File.WriteAllBytesAsync(_lab["disk2"], GuestCode.BootDisk(1, code =>
        {
            code.Print("the second guest\n");
            code.mov(dx, 0x604); // where SeaBIOS has put the PIIX4's PM1_CNT
            code.mov(ax, 0x2000);
            code.@out(dx, ax);
        }), TestContext.Current.CancellationToken);
        await using Emulator lab = _lab.Run("""
            xen=/usr/lib/xen-4.17
            mkdir -p /usr/lib /usr/share/seabios /run/xen /run/xenstored /var/lib/xen /var/lib/xenstored /var/log/xen /etc/xen out
            ln -s /run /var/run; ln -s $PWD/xl$xen $xen; cp bios-256k.bin /usr/share/seabios/; : >/etc/xen/xl.conf
            export LD_LIBRARY_PATH=$xen/lib PATH=$PATH:$xen/bin
            xenstored --pid-file /run/xenstored.pid; xen-init-dom0; xenconsoled --pid-file=/run/xenconsoled.pid
            cat >dm <<'END'
            #!/bin/sh
            n=$(($(ls /job/out | grep -c log) + 1))
            exec /job/rhea "$@" -L /job -debugcon file:/job/out/log$n -global isa-debugcon.iobase=0x402 -global isa-debugcon.readback=0 -drive file=/job/disk$n,format=raw 2>>/job/out/errors
            END
            chmod +x dm
            cat >cfg <<'END'
            type="hvm"
            name="guest"
            memory=64
            vnc=0
            vga="none"
            on_reboot="restart"
            on_poweroff="destroy"
            device_model_version="qemu-xen"
            device_model_override="/job/dm"
            END
            xl create cfg; echo "created: $?"; xl list
            for i in $(seq 100); do grep -qs second out/log2 && break; sleep 0.5; done
            for i in $(seq 100); do xl list guest >/dev/null 2>&1 || break; sleep 0.5; done
            xl list; grep -h guest out/log*; cat out/errors; ps | grep '[r]hea'; dmesg | grep -A2 WARNING; true
            """);

        await lab.Succeeds();
        Assert.Contains("created: 0\n", lab.Output, StringComparison.Ordinal);
        Assert.Matches(@"guest +1 +6\d +1 ", lab.Output);
        string end = lab.Output[lab.Output.LastIndexOf("Name  ", StringComparison.Ordinal)..];
        Assert.Matches(@"^Name [^\n]*\nDomain-0 [^\n]*\nthe first guest\nthe second guest\n$", end);
    }
}
