using Rhea.Control.Monitor.Commands;
using Rhea.Core.Machines;
using Rhea.Core.Monitor;
using Xunit;

namespace Rhea.GuestTests;

/// <summary>A machine that Debian's QEMU saved in the middle of its work is all there when it is loaded here.</summary>
public class QemuStreamTests
{
    /// <summary>What the machine as a whole is doing, which is another thing here than there.</summary>
    private const string RunState = "globalstate#0 v1";

    /// <summary>Devices that QEMU does not save at all.</summary>
    private static readonly string[] Forgotten = ["0000:00:06.0/edu#0 v1", "0000:00:07.0/pci-testdev#0 v1", "pc-testdev#0 v1"];

    /// <summary>
    /// What need not change alike: a copy of a disk request that is not there, and when the clock's next second begins, which
    /// QEMU misses by some nanoseconds while it runs.
    /// </summary>
    private static readonly string[] NotOfTheGuest = ["migration_retry_", "update_timer", "next_alarm_time"];

    private const string Script = "for m in floppy parport_pc lp i6300esb ib700wdt i2c-piix4 i2c-dev ata_piix sd_mod sr_mod;do modprobe $m;done;"
        + "i2cget -y 0 0x50 2;echo w >/dev/watchdog;"
        + "for d in sda sr0 fd0;do while :;do dd if=/dev/$d of=/dev/null bs=4k count=40 iflag=direct;done 2>/dev/null & done;"
        + "while :;do echo paper;done >/dev/lp0 & echo all-busy;while :;do echo on the line;done";

    private static readonly string[] Options =
    [
        "-nodefaults", "-vga", "std", "-m", "128", "-smp", "2", "-nic", "none", "-display", "none", "-rtc", "base=2026-01-02T03:04:05,clock=vm",
        "-chardev", "null,id=card", "-chardev", "null,id=console", "-device", "isa-debugcon,iobase=0x402,chardev=console", "-parallel", "null",
        "-device", "pvpanic", "-device", "pvpanic-pci,addr=4", "-device", "i6300esb,addr=5", "-device", "ib700", "-device", "edu,addr=6",
        "-device", "pc-testdev", "-device", "pci-testdev,addr=7", "-device", "pci-serial,addr=8,chardev=card", "-device", "pci-bridge,chassis_nr=1,shpc=off,addr=9",
    ];

    public static TheoryData<string> Moments => ["firmware", "kernel", "drivers"];

    [Theory, MemberData(nameof(Moments))]
    public async Task Every_section_goes_through_unchanged_and_every_register_reads_as_qemus(string moment)
    {
        using TemporaryFolder folder = Assets.Folder();
        string[] machine = [.. Options, .. Drives(folder), "-serial"];
        await using Emulator qemu = Qemu(machine);
        if (moment == "firmware") await qemu.WaitForScreen("SeaBIOS"); // it has its tables: QEMU makes them anew until they are first read, and here they are other ones
        if (moment == "kernel") await qemu.WaitFor("PCI: Using configuration type 1");
        if (moment == "drivers") await qemu.WaitFor("all-busy");
        await Compare(qemu, machine, folder);
    }

    /// <summary>One guest, saved again and again between two of its interrupts.</summary>
    [Fact]
    public async Task A_hundred_moments_of_a_busy_guest()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("RHEA_TEST_ALL") == "1", "takes minutes (./test all)");
        using TemporaryFolder folder = Assets.Folder();
        string[] machine = [.. Options, .. Drives(folder), "-watchdog-action", "none", "-serial"];
        await using Emulator qemu = Qemu(machine);
        await qemu.WaitFor("all-busy");
        for (var i = 0; i < 100; i++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50 + (i * 37 % 200)), TestContext.Current.CancellationToken);
            await Compare(qemu, machine, folder);
            await qemu.Monitor("cont");
        }
    }

    /// <summary>Saves the guest, loads it here and in another QEMU, reads all registers of both, and saves both once more.</summary>
    private static async Task Compare(Emulator saved, string[] machine, TemporaryFolder folder)
    {
        await saved.Monitor($"migrate \"exec:cat > {folder["stream"]}\"");
        byte[] stream = await File.ReadAllBytesAsync(folder["stream"], TestContext.Current.CancellationToken);

        using VirtualMachine pc = VirtualMachine.Create(["-accel", "tcg", .. machine, "null"]);
        pc.Machine.Load(new MemoryStream(stream));
        AssertSame(new QemuStream(stream), Saved(pc.Machine));

        await using Emulator qemu = Emulator.Qemu([.. machine.Select(Unlocked), "null", "-S", "-incoming", $"exec:cat {folder["stream"]}", .. Qtest.Options, .. Emulator.WithMonitor]);
        var status = "inmigrate";
        for (var i = 0; i < 600 && status.Contains("inmigrate", StringComparison.Ordinal); i++)
        {
            await Task.Delay(50, TestContext.Current.CancellationToken);
            status = await qemu.Monitor("info status");
        }

        Assert.DoesNotContain("inmigrate", status, StringComparison.Ordinal);
        Assert.Equal(await LocalApics(qemu), LocalApics(pc));
        using var qtest = new Qtest(qemu.InFolder("qtest"));
        RegisterProbe here = new(new OwnBus(pc.Machine)), there = new(qtest);
        here.ReadAll(pc.Machine);
        there.ReadAll(pc.Machine);
        AssertSame(there.Seen, here.Seen);

        await qemu.Monitor($"migrate \"exec:cat > {folder["after"]}\""); // what the reads have changed
        AssertSame(new QemuStream(await File.ReadAllBytesAsync(folder["after"], TestContext.Current.CancellationToken)), Saved(pc.Machine), NotOfTheGuest);
    }

    private static Emulator Qemu(string[] machine) => Emulator.Qemu([.. machine, "stdio", .. Emulator.WithMonitor,
        "-kernel", Assets.PaeKernel, "-initrd", Assets.PaeInitrd, "-fw_cfg", $"name=opt/script,string={Script.Replace(",", ",,", StringComparison.Ordinal)}",
        "-append", "console=ttyS0 panic=-1 -- modprobe qemu_fw_cfg;. /sys/firmware/qemu_fw_cfg/by_name/opt/script/raw"]);

    private static string[] Drives(TemporaryFolder folder)
    {
        foreach ((string name, int length) in (ReadOnlySpan<(string, int)>)[("floppy", 1440 << 10), ("disk", 4 << 20), ("cd", 2 << 20)])
        {
            var data = new byte[length];
            for (var i = 0; i < length; i += 4) BitConverter.TryWriteBytes(data.AsSpan(i), (i + length) * 0x9E3779B1);
            File.WriteAllBytes(folder[name], data);
        }

        return ["-drive", $"if=floppy,format=raw,file={folder["floppy"]}", "-drive", $"if=ide,format=raw,file={folder["disk"]}", "-drive", $"if=ide,index=2,media=cdrom,format=raw,file={folder["cd"]}"];
    }

    /// <summary>Both have the same disks, which neither writes to.</summary>
    private static string Unlocked(string option) => option.Replace("format=raw", "format=raw,file.locking=off", StringComparison.Ordinal);

    private static async Task<string> LocalApics(Emulator qemu) => (await qemu.Monitor("info lapic 0")) + await qemu.Monitor("info lapic 1");

    private static string LocalApics(VirtualMachine pc)
    {
        var session = new MonitorSession(new Monitored(pc.Machine, pc.Configuration, [], []));
        return LocalApicCommand.Show(session, 0) + LocalApicCommand.Show(session, 1);
    }

    private static QemuStream Saved(Machine machine)
    {
        var stream = new MemoryStream();
        machine.Save(stream);
        return new QemuStream(stream.ToArray());
    }

    private static void AssertSame(QemuStream theirs, QemuStream ours, params string[] free)
    {
        Assert.Equal(theirs.Machine, ours.Machine);
        Assert.Equal(theirs.Sections.Keys.Order(StringComparer.Ordinal), ours.Sections.Keys.Except(Forgotten).Order(StringComparer.Ordinal));
        foreach (string key in theirs.Sections.Keys.Where(key => key != RunState))
        {
            string[] there = theirs.Explain(key), here = ours.Explain(key);
            bool asks = IsAsking(key, there);
            if (free.Length == 0 && !asks && theirs.Sections[key] != ours.Sections[key]) Assert.Fail(Difference(key, there, here));
            Assert.Equal(there.Length, here.Length);
            for (var i = 0; i < there.Length; i++)
                if (there[i] != here[i] && !asks && !free.Any(name => there[i].Contains(name, StringComparison.Ordinal)) && !IsRaisedAgain(theirs, key, there[i], here[i])) Assert.Fail(Difference(key, there, here)); // of many lines, and only then
        }

        Assert.Equal(theirs.Ram.Keys.Order(StringComparer.Ordinal), ours.Ram.Keys.Order(StringComparer.Ordinal));
        foreach (string block in theirs.Ram.Keys) Assert.True(theirs.Ram[block].AsSpan().SequenceEqual(ours.Ram[block]), block);
    }

    /// <summary>QEMU's processor has still to ask its APIC whether there is an interrupt (POLL, 10h); here it knows.</summary>
    private static bool IsAsking(string key, string[] fields) =>
        key.StartsWith("cpu_common", StringComparison.Ordinal) && fields.Any(field => field.StartsWith("interrupt_request", StringComparison.Ordinal) && field[^2] == '1');

    /// <summary>
    /// QEMU's I/O APIC takes each word of a device that its line is up for another edge, so that after a read of the device the vector
    /// waits again. Here, and in the 82093AA, a line has to go down first.
    /// </summary>
    private static bool IsRaisedAgain(QemuStream qemu, string key, string theirs, string ours)
    {
        const uint Levels = 0x8000, Masked = 0x1_0000;
        if (!key.StartsWith("apic", StringComparison.Ordinal) || !theirs.StartsWith("irr[", StringComparison.Ordinal)) return false;
        int word = theirs["irr[".Length] - '0';
        uint there = Convert.ToUInt32(theirs[^8..], 16), here = Convert.ToUInt32(ours[^8..], 16), edges = 0;
        foreach (string pin in qemu.Explain("ioapic#0 v3").Where(field => field.StartsWith("ioredtbl", StringComparison.Ordinal)))
        {
            var entry = Convert.ToUInt32(pin[^8..], 16);
            if ((entry & (Levels | Masked)) == 0 && (entry & 0xFF) >> 5 == word) edges |= 1u << (int)(entry & 0x1F);
        }

        return (here & ~there) == 0 && (there & ~here & ~edges) == 0;
    }

    private static string Difference(string key, string[] theirs, string[] ours) =>
        $"{key}\n{string.Join('\n', theirs.Except(ours).Select(line => $"in QEMU {line}").Concat(ours.Except(theirs).Select(line => $"here    {line}")))}";

    private static void AssertSame(List<string> theirs, List<string> ours)
    {
        Assert.InRange(ours.Count, 10_000, int.MaxValue);
        string[] different = [.. ours.Zip(theirs).Where(pair => pair.First != pair.Second).Select(pair => $"{pair.First}, in QEMU {pair.Second[(pair.Second.LastIndexOf(' ') + 1)..]}")];
        Assert.True(different.Length == 0, $"{different.Length} differ:\n{string.Join('\n', different.Take(100))}");
    }

    /// <summary>The bus of a machine here on which no processor runs.</summary>
    private sealed class OwnBus(Machine machine) : IGuestBus
    {
        public uint In(int port, int size)
        {
            using MachineLoop.Held held = machine.Loop.Enter();
            return machine.Ports.Read((ushort)port, size);
        }

        public void Out(int port, uint value, int size)
        {
            using MachineLoop.Held held = machine.Loop.Enter();
            machine.Ports.Write((ushort)port, size, value);
        }

        public ulong Read(ulong address, int size)
        {
            using MachineLoop.Held held = machine.Loop.Enter();
            return machine.Memory.Read(address, size);
        }

        public void Write(ulong address, ulong value, int size)
        {
            using MachineLoop.Held held = machine.Loop.Enter();
            machine.Memory.Write(address, size, value);
        }
    }
}
