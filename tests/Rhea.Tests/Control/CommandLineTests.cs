using Rhea.Control.CommandLines;
using Rhea.Core;
using Rhea.Core.Config;
using Rhea.Devices;
using Xunit;

namespace Rhea.Tests.Control;

public class CommandLineTests
{
    private static readonly Catalogue Catalogue = new(
        [new("pc-i440fx-7.2", "Standard PC (i440FX + PIIX, 1996)", "pc")],
        [new("qemu64", "QEMU Virtual CPU version 2.5+"), new("max", "Enables all features supported by the accelerator")],
        DeviceCatalog.All);

    /// <summary>What QEMU 7.2 takes and so do we. The fuzz test starts from these too.</summary>
    public static readonly string[] Good =
    [
        "", "-M pc", "--machine pc-i440fx-7.2,acpi=off,hpet=off,smm=auto,vmport=off", "-machine accel=kvm:tcg", "-accel tcg,thread=multi,tb-size=64", "-accel tcg,thread=single,tb-size=0", "-enable-kvm", "-accel kvm,kernel-irqchip=split -accel tcg",
        "-accel soft", "-m 512", "-m 1G", "-m size=2097152k", "-m 1.5G", "-smp 2", "-smp 4,sockets=1,cores=2,threads=2", "-smp cpus=2,maxcpus=4",
        "-smp 2 -smp cores=2", "-cpu qemu64,+sse3,-nx,family=6,vendor=GenuineIntel,nx=on", "-cpu max", "-drive file=a.img,format=raw,if=ide,index=1",
        "-drive file=a,,b.img,id=x,if=none,cache=unsafe,aio=threads,discard=unmap,detect-zeroes=off,rerror=stop,werror=ignore,readonly=on",
        "-hda a -hdb b -hdd d -cdrom c", "-hda a -snapshot", "a.img", "-device isa-debug-exit,iobase=0xf4,id=x",
        "-device {\"driver\":\"isa-debug-exit\",\"iobase\":244}", "-global PIIX4_PM.disable_s3=1", "-global driver=a,property=b,value=c",
        "-nodefaults -no-user-config", "-serial stdio", "-serial null -serial none -serial file:x,y", "-serial unix:/tmp/x,server,nowait",
        "-serial unix:/tmp/x,server=on,wait=off", "-serial tcp:localhost:4321,server=on,wait=off", "-serial telnet::4321,server", "-serial mon:stdio",
        "-chardev socket,id=a,path=/tmp/x,server=on,wait=off -mon a,mode=control,pretty=on", "-chardev stdio,id=c,mux=on -serial chardev:c -mon c",
        "-qmp unix:/tmp/x,server=on,wait=off -monitor none", "-qmp-pretty null", "-debugcon file:x", "-parallel none", "-nographic", "-display none",
        "-vga none", "-nic none", "-net none", "-boot d", "-boot order=cd,once=n,menu=on,splash=a,splash-time=5,reboot-timeout=-1,strict=on",
        "-bios x", "-L a -L b", "-kernel k -initrd i -append a=b,c", "-fw_cfg name=opt/a,string=b", "-fw_cfg opt/a,file=b", "-smbios type=1,serial=7",
        "-rtc base=localtime,clock=host,driftfix=none", "-rtc base=2006-06-17T16:01:21", "-name guest=a,debug-threads=on", "-no-acpi -no-hpet -no-fd-bootchk",
        "-uuid 01234567-89ab-cdef-0123-456789abcdef", "-S -no-reboot -no-shutdown", "-action reboot=shutdown,shutdown=pause,panic=none",
        "-xen-domid 7 -no-shutdown -nodefaults -no-user-config -name x -vnc none -display none -serial file:y -boot order=cda -net none -machine xenfv,suppress-vmdesc=on -m 256",
        "-d guest_errors,trace:rtc -D log", "-msg timestamp=on", "-msg timestamp", "-pidfile x",
    ];

    /// <summary>Command lines and what is wrong with them, in QEMU 7.2's words where it has words.</summary>
    public static readonly TheoryData<string, string> Bad = new()
    {
        { "-foo", "-foo: invalid option" },
        { "-nographics", "-nographics: invalid option; did you mean -nographic?" },
        { "--nodefault", "--nodefault: invalid option; did you mean -nodefaults?" },
        { "---m 1", "---m: invalid option; did you mean -m?" },
        { "-", "-: invalid option" },
        { "-m", "-m: requires an argument" },
        { "-m 512,foo=1", "-m 512,foo=1: Invalid parameter 'foo'" },
        { "-m abc", "-m abc: Parameter 'size' expects a non-negative number below 2^64\nOptional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\nand exabytes, respectively." },
        { "-m 1G,slots=2,maxmem=4G", "-m 1G,slots=2,maxmem=4G: memory hot-plug (slots=, maxmem=) is not available in this version of rhea" },
        { "-M foo", "-M foo: unsupported machine type\nUse -machine help to list supported machines" },
        { "-M pc,foo=1", "-M pc,foo=1: Property 'pc-i440fx-7.2-machine.foo' not found" },
        { "-M pc,acpi=maybe", "-M pc,acpi=maybe: Parameter 'acpi' does not accept value 'maybe'" },
        { "-M usb=on", "-M usb=on: usb=on is not available in this version of rhea" },
        { "-accel foo", "-accel foo: invalid accelerator foo" },
        { "-accel tcg,foo=1", "-accel tcg,foo=1: Property 'tcg-accel.foo' not found" },
        { "-accel tcg,thread=foo", "-accel tcg,thread=foo: Invalid 'thread' setting foo" },
        { "-accel kvm,kernel-irqchip=maybe", "-accel kvm,kernel-irqchip=maybe: Parameter 'kernel-irqchip' does not accept value 'maybe'" },
        { "-accel kvm,jit=off", "-accel kvm,jit=off: Property 'kvm-accel.jit' not found" },
        { "-accel xen,jit=off", "-accel xen,jit=off: Property 'xen-accel.jit' not found" },
        { "-accel tcg,tb-size=-1", "-accel tcg,tb-size=-1: Parameter 'tb-size' expects uint32_t" },
        { "-cpu foo", "-cpu foo: unable to find CPU model 'foo'" },
        { "-smp 300", "-smp 300: Invalid SMP CPUs 300. The max CPUs supported by machine 'pc-i440fx-7.2' is 255" },
        { "-smp 2,sockets=2,cores=2", "-smp 2,sockets=2,cores=2: Invalid CPU topology: product of the hierarchy must match maxcpus: sockets (2) * dies (1) * cores (2) * threads (0) != maxcpus (2)" },
        { "-smp 4,maxcpus=2", "-smp 4,maxcpus=2: Invalid CPU topology: maxcpus must be equal to or greater than smp: sockets (1) * dies (1) * cores (2) * threads (1) == maxcpus (2) < smp_cpus (4)" },
        { "-smp 0", "-smp 0: Invalid CPU topology: CPU topology parameters must be greater than zero" },
        { "-smp 2,clusters=2", "-smp 2,clusters=2: clusters not supported by this machine's CPU topology" },
        { "-drive file=a.img,foo=1", "-drive file=a.img,foo=1: Block format 'raw' does not support the option 'foo'" },
        { "-drive foo", "-drive foo: Must specify either driver or file" },
        { "-drive file=a.img,if=foo", "-drive file=a.img,if=foo: unsupported bus type 'foo'" },
        { "-drive file=a.img,if=virtio", "-drive file=a.img,if=virtio: if=virtio is not available in this version of rhea" },
        { "-drive file=a.img,index=0,unit=1", "-drive file=a.img,index=0,unit=1: index cannot be used with bus and unit" },
        { "-drive file=a.img,media=foo", "-drive file=a.img,media=foo: 'foo' invalid media" },
        { "-drive file=a.img,format=foo", "-drive file=a.img,format=foo: Unknown driver 'foo'" },
        { "-drive file=a.img,index=0 -hda a.img", "-hda a.img: drive with bus=0, unit=0 (index=0) exists" },
        { "-drive file=a.img,cache=foo", "-drive file=a.img,cache=foo: invalid cache option" },
        { "-drive file=a.img,werror=foo", "-drive file=a.img,werror=foo: 'foo' invalid write error action" },
        { "-drive file=a.img,rerror=enospc", "-drive file=a.img,rerror=enospc: 'enospc' invalid read error action" },
        { "-drive file=a.img,bus=2", "-drive file=a.img,bus=2: machine type does not support if=ide,bus=2,unit=0" },
        { "-drive file=a.img,unit=2", "-drive file=a.img,unit=2: unit 2 too big (max is 1)" },
        { "-drive if=none,id=a -drive if=none,id=a", "-drive if=none,id=a: Duplicate ID 'a' for drive" },
        { "-drive file=a.img,index=x", "-drive file=a.img,index=x: Parameter 'index' expects a number" },
        { "-drive id=1a", "-drive id=1a: Parameter 'id' expects an identifier\nIdentifiers consist of letters, digits, '-', '.', '_', starting with a letter." },
        { "-device foo", "-device foo: 'foo' is not a valid device model name" },
        { "-device isa-debug-exti", "-device isa-debug-exti: 'isa-debug-exti' is not a valid device model name; did you mean isa-debug-exit?" },
        { "-device foo=bar", "-device foo=bar: Parameter 'driver' is missing" },
        { "-device isa-debug-exit,id=a -device isa-debug-exit,id=a", "-device isa-debug-exit,id=a: Duplicate ID 'a' for device" },
        { "-global driver=a,property=b", "-global driver=a,property=b: options 'driver', 'property', and 'value' are required" },
        { "-serial foo", "-serial foo: 'foo' is not a valid char driver" },
        { "-serial chardev:nope", "-serial chardev:nope: Chardev 'nope' not found" },
        { "-serial stdio -monitor stdio", "-monitor stdio: cannot use stdio by multiple character devices" },
        { "-chardev null", "-chardev null: chardev: no id specified" },
        { "-chardev foo,id=a", "-chardev foo,id=a: 'foo' is not a valid char driver name" },
        { "-chardev null,id=a,foo=1", "-chardev null,id=a,foo=1: Invalid parameter 'foo'" },
        { "-chardev file,id=a", "-chardev file,id=a: chardev: file: no filename given" },
        { "-chardev socket,id=a,path=/tmp/x,wait=on", "-chardev socket,id=a,path=/tmp/x,wait=on: 'wait' option is incompatible with socket in client connect mode" },
        { "-chardev null,id=a -chardev null,id=a", "-chardev null,id=a: Duplicate ID 'a' for chardev" },
        { "-mon nope", "-mon nope: chardev \"nope\" not found" },
        { "-chardev null,id=a -mon a,mode=foo", "-mon a,mode=foo: Parameter 'mode' does not accept value 'foo'" },
        { "-chardev null,id=a -mon a,pretty=on", "-mon a,pretty=on: 'pretty' is not compatible with HMP monitors" },
        { "-boot foo", "-boot foo: Boot device 'o' was given twice" },
        { "-boot order=x", "-boot order=x: Invalid boot device 'x'" },
        { "-boot foo=1", "-boot foo=1: Invalid parameter 'foo'" },
        { "-boot splash-time=70000", "-boot splash-time=70000: splash-time is invalid,it should be a value between 0 and 65535" },
        { "-initrd a.img", "-initrd only allowed with -kernel option" },
        { "-append x", "-append only allowed with -kernel option" },
        { "-fw_cfg name=opt/a", "-fw_cfg name=opt/a: name, plus exactly one of file, string and gen_id, are needed" },
        { "-smbios foo", "-smbios foo: Must specify type= or file=" },
        { "-rtc base=foo", "-rtc base=foo: invalid datetime format\nvalid formats: '2006-06-17T16:01:21' or '2006-06-17'" },
        { "-rtc driftfix=slew", "-rtc driftfix=slew: driftfix=slew is not available in this version of rhea" },
        { "-rtc clock=rt", "-rtc clock=rt: clock=rt is not available in this version of rhea" },
        { "-drive file=a.img,aio=io_uring", "-drive file=a.img,aio=io_uring: aio=io_uring is not available in this version of rhea" },
        { "-drive file=a.img,detect-zeroes=on", "-drive file=a.img,detect-zeroes=on: detect-zeroes=on is not available in this version of rhea" },
        { "-rtc clock=foo", "-rtc clock=foo: invalid option value 'foo'" },
        { "-uuid x", "-uuid x: failed to parse UUID string: wrong format" },
        { "-action reboot=foo", "-action reboot=foo: Parameter 'reboot' does not accept value 'foo'" },
        { "-vga foo", "-vga foo: unknown vga type: foo" },
        { "-vga cirrus", "-vga cirrus: display adapter cirrus is not available in this version of rhea" },
        { "-display foo", "-display foo: Parameter 'type' does not accept value 'foo'" },
        { "-nic user", "-nic user: network 'user' is not available in this version of rhea" },
        { "-d op", "-d op: log item 'op' is not available in this version of rhea" },
        { "-readconfig /nope", "-readconfig /nope: Could not open '/nope': No such file or directory" },
        { "-sandbox on", "-sandbox on: -sandbox is not available in this version of rhea" },
    };

    public static TheoryData<string> GoodLines => [.. Good];

    [Theory, MemberData(nameof(GoodLines))]
    public void Takes(string line) => Assert.Null(Parse(line).Answer);

    [Theory, MemberData(nameof(Bad))]
    public void Refuses(string line, string message) => Assert.Equal(message, Assert.Throws<ConfigException>(() => Parse(line)).Message);

    [Theory]
    [InlineData("-h", "Standard options:\n")]
    [InlineData("--version", "QEMU emulator version 7.2.22 (rhea 0.1)\nCopyright")]
    [InlineData("-M help", "Supported machines are:\npc                   Standard PC (i440FX + PIIX, 1996) (alias of pc-i440fx-7.2)\n")]
    [InlineData("-M pc,help", "pc-i440fx-7.2-machine options:\n")]
    [InlineData("-cpu help", "Available CPUs:\nx86 qemu64 ")]
    [InlineData("-accel help", "tcg\n")]
    [InlineData("-device help", "name \"pvpanic-pci\", bus PCI, desc \"")]
    [InlineData("-device isa-debug-exit,help", "isa-debug-exit options:\n  iobase=<uint16>        - First port (default: 1281)\n")]
    [InlineData("-chardev help", "  socket\n")]
    [InlineData("-d help", "guest_errors")]
    public void Answers(string line, string part) => Assert.Contains(part, Parse(line).Answer, StringComparison.Ordinal);

    [Fact]
    public void A_plain_pc_has_a_display_a_port_of_each_kind_a_cd_rom_and_a_floppy_drive()
    {
        MachineConfig machine = Parse("").Machine;

        Assert.Equal(("std", 128UL << 20, 1), (machine.Vga, machine.Memory, machine.Smp.Cpus));
        Assert.Equal(["vc", "vc"], machine.Chardevs.Select(chardev => chardev.Backend));
        Assert.Equal("serial0 parallel0", string.Join(' ', machine.Serials.Concat(machine.Parallels)));
        Assert.Equal([("ide1-cd0", "ide", "cdrom", 1, 0, null), ("floppy0", "floppy", "disk", 0, 0, null)],
            machine.Drives.Select(drive => (drive.Id, drive.Interface, drive.Media, drive.Bus, drive.Unit, drive.File)));
    }

    [Fact]
    public void Without_defaults_it_has_nothing()
    {
        MachineConfig machine = Parse("-nodefaults").Machine;

        Assert.Equal("none", machine.Vga);
        Assert.Empty(machine.Chardevs);
        Assert.Empty(machine.Serials);
        Assert.Empty(machine.Drives);
    }

    [Fact]
    public void Without_a_display_serial_port_and_monitor_share_the_terminal()
    {
        MachineConfig machine = Parse("-nographic").Machine;

        Assert.Equal([("serial0", "stdio", true), ("parallel0", "null", false)],
            machine.Chardevs.Select(chardev => (chardev.Id, chardev.Backend, chardev.Mux)));
        Assert.Equal("serial0", Assert.Single(machine.Monitors).Chardev);
        Assert.False(machine.Switches.Graphics);
    }

    [Fact]
    public void Drives_find_their_places()
    {
        MachineConfig machine = Parse("-drive file=a -drive file=b,media=cdrom -drive file=c,index=3 -drive if=none,file=d -fdb e").Machine;

        Assert.Equal(["ide0-hd0", "ide0-cd1", "ide1-hd1", "none0", "floppy1", "ide1-cd0"], machine.Drives.Select(drive => drive.Id));
    }

    [Fact]
    public void A_machine_that_moves_has_no_hpet_and_even_apic_ids()
    {
        MachineConfig moves = Parse("-smp 2 -machine movable=on").Machine, stays = Parse("-smp 2 -machine movable=off").Machine;

        Assert.Equal((false, true), (moves.Switches.Hpet, moves.Smp.EvenApicIds));
        Assert.Equal((true, false), (stays.Switches.Hpet, stays.Smp.EvenApicIds));
    }

    /// <summary>The machine is the default one, but for where xl has put its memory.</summary>
    [Fact]
    public void What_xl_writes_joins_its_domain()
    {
        MachineConfig config = Parse("-xen-domid 7 -machine xenfv,suppress-vmdesc=on -vnc none").Machine;

        Assert.Equal(("pc-i440fx-7.2", 0xF000_0000UL, false), (config.Type, config.Switches.MaxRamBelow4G, config.Switches.VmPort));
        Assert.Equal(("xen", 7), (Assert.Single(config.Accelerators).Name, config.Accelerators[0].Domain));
        Assert.Equal("-xen-domid -1: Parameter 'xen-domid' does not accept value '-1'", Assert.Throws<ConfigException>(() => Parse("-xen-domid -1")).Message);
        Assert.Equal("-vnc :0: -vnc is not available in this version of rhea", Assert.Throws<ConfigException>(() => Parse("-vnc :0")).Message);
    }

    [Fact]
    public void A_comma_in_a_value_is_written_twice()
    {
        Assert.Equal("a,b", Parse("-drive file=a,,b").Machine.Drives[0].File);
        Assert.Equal("a,b", Parse("-hda a,b").Machine.Drives[0].File);
    }

    [Fact]
    public void Missing_topology_is_made_of_cores()
    {
        Assert.Equal(new SmpConfig { Cpus = 6, MaxCpus = 6, Sockets = 1, Cores = 6 }, Parse("-smp 6").Machine.Smp);
        Assert.Equal(new SmpConfig { Cpus = 8, MaxCpus = 8, Sockets = 2, Cores = 4 }, Parse("-smp 8,cores=4").Machine.Smp);
        Assert.Equal(new SmpConfig { Cpus = 4, MaxCpus = 4, Sockets = 2, Cores = 1, Threads = 2 }, Parse("-smp sockets=2,threads=2").Machine.Smp);
    }

    [Fact]
    public void A_file_of_options_is_a_command_line()
    {
        string path = Path.GetTempFileName();
        File.WriteAllText(path, "# a machine\n[machine]\n  type = \"pc\"\n  acpi = \"off\"\n[memory]\n  size = \"64M\"\n[drive \"d0\"]\n  file = \"a,b\"\n  if = \"none\"\n[device \"x\"]\n  driver = \"isa-debug-exit\"\n");

        MachineConfig machine = Parse($"-readconfig {path}").Machine;

        File.Delete(path);
        Assert.False(machine.Switches.Acpi);
        Assert.Equal(64UL << 20, machine.Memory);
        Assert.Equal(("d0", "a,b"), (machine.Drives[0].Id, machine.Drives[0].File));
        Assert.Equal("x", Assert.Single(machine.Devices).Id);
    }

    /// <summary>Half of real options, half of their letters shuffled: every line is taken or refused in a sentence.</summary>
    [Fact]
    public void Nonsense_is_refused_in_a_sentence()
    {
        uint seed = 11;
        string[] words = [.. Good.SelectMany(line => line.Split(' ')).Where(word => !word.StartsWith('/'))];
        for (var i = 0; i < 20_000; i++)
        {
            string[] line = [.. Enumerable.Range(0, (int)(Next() % 4) + 1).Select(_ => Mutate(words[Next() % words.Length]))];
            Exception? error = Record.Exception(() => CommandLine.Parse(line, Catalogue));
            Assert.True(error is null or ConfigException, $"{string.Join(' ', line)}: {error}");
        }

        uint Next() => seed = (seed * 1664525) + 1013904223 >> 1;

        string Mutate(string word)
        {
            if (Next() % 3 == 0 || word.Length == 0) return word;
            int at = (int)(Next() % word.Length);
            return (Next() % 4) switch
            {
                0 => word.Remove(at, 1),
                1 => word.Insert(at, ",=:+-{\"\0é9"[(int)(Next() % 10)].ToString()),
                2 => word[..at] + words[Next() % words.Length],
                _ => word[..at],
            };
        }
    }

    private static CommandLine Parse(string line) => CommandLine.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries), Catalogue);
}
