using Rhea.Control.CommandLines;
using Rhea.Control.Import;
using Rhea.Core;
using Xunit;

namespace Rhea.Tests.Control;

public class XlImportTests
{
    /// <summary>The options of Xen's own example of an HVM guest, those that it leaves out by default too.</summary>
    private const string Example = """
        # a machine
        type = "hvm"
        name = "example.hvm"
        uuid = "11111111-2222-3333-4444-555555555555"
        memory = 128
        maxmem = 512
        vcpus = 2
        vif = [ '' ]
        disk = [ '/dev/vg/guest-volume,raw,xvda,rw' ]
        sdl = 1
        vnc = 1
        """;

    [Fact]
    public void Every_line_of_the_example_has_its_place_or_a_sentence()
    {
        XlImport import = XlImport.Read(Example);

        Assert.Equal(
            "-accel xen -name example.hvm -uuid 11111111-2222-3333-4444-555555555555 -m 128 -smp 2 -display none"
            + " -drive if=ide,index=0,file=/dev/vg/guest-volume,format=raw -nic none",
            string.Join(' ', import.Options));
        Assert.Equal(["maxmem", "sdl", "vif", "vnc"], import.Notes.Select(note => note[..note.IndexOf(':', StringComparison.Ordinal)]).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("vcpus=2;maxvcpus=4", "-smp 2,maxcpus=4")]
    [InlineData("acpi=0\nhpet = 0", "-machine acpi=off,hpet=off")]
    [InlineData("acpi_s3=0", "-global PIIX4_PM.disable_s3=1")]
    [InlineData("vga='none'", "-vga none")]
    [InlineData("vga='stdvga'\nvideoram=32", "-global VGA.vgamem_mb=32")]
    [InlineData("bios=\"ovmf\"", "-bios OVMF.fd")]
    [InlineData("firmware_override='/b.bin'", "-bios /b.bin")]
    [InlineData("kernel='/k'\nramdisk='/r'\nroot='/dev/hda1'\nextra='quiet'", "-kernel /k -initrd /r -append root=/dev/hda1 quiet")]
    [InlineData("boot='dc'", "-boot order=dc")]
    [InlineData("on_poweroff='preserve'", "-no-shutdown")]
    [InlineData("on_reboot='destroy'", "-action reboot=shutdown")]
    [InlineData("on_crash='preserve'", "-action panic=pause")]
    [InlineData("localtime=1", "-rtc base=localtime")]
    [InlineData("serial=['file:/a','null']", "-serial file:/a -serial null")]
    [InlineData("nographic=1", "-nographic")]
    [InlineData("disk=[ ]\ndisk+=['/a,,hdc,ro']", "-drive if=ide,index=2,file=/a,format=raw,readonly=on")]
    public void An_option_is_said_in_other_words(string line, string words) =>
        Assert.Contains($" {words} ", $" {string.Join(' ', XlImport.Read($"type='hvm'\n{line}\n").Options)} ", StringComparison.Ordinal);

    [Theory]
    [InlineData("/a.img,raw,hda,rw", "if=ide,index=0,file=/a.img,format=raw")]
    [InlineData("/a.img,qcow2,xvdb,w", "if=ide,index=1,file=/a.img,format=qcow2")]
    [InlineData("format=raw,vdev=hdc,access=ro,devtype=cdrom,target=/a,b.iso", "if=ide,index=2,media=cdrom,file=/a,,b.iso,format=raw")]
    [InlineData("file:/a.iso,hdc:cdrom,r", "if=ide,index=2,media=cdrom,file=/a.iso,format=raw")]
    [InlineData("phy:/dev/sdb,hdb,w", "if=ide,index=1,file=/dev/sdb,format=raw")]
    [InlineData("tap:qcow2:/a,hda,r", "if=ide,index=0,file=/a,format=qcow2,readonly=on")]
    [InlineData(",raw,hdd,ro,cdrom", "if=ide,index=3,media=cdrom")]
    [InlineData("vdev=hdd,cdrom,target=", "if=ide,index=3,media=cdrom")]
    public void A_disk_is_a_drive(string disk, string drive) =>
        Assert.Equal(drive, XlImport.Read($"type='hvm'\ndisk=['{disk}']").Options.SkipWhile(word => word != "-drive").ElementAt(1));

    [Theory]
    [InlineData("type='pvh'", "is a pvh guest: rhea runs HVM guests only (type = \"hvm\")")]
    [InlineData("name='x'", "is a pv guest: rhea runs HVM guests only (type = \"hvm\")")]
    [InlineData("type='hvm'\nmemory", "line 2: ends too early")]
    [InlineData("type='hvm'\nmemory 5", "line 2: unexpected '5'")]
    [InlineData("type='hvm'\nname='x\n'", "line 2: unexpected 'end of line'")]
    [InlineData("type='hvm'\ndisk=['a' \"b\"]", "line 2: unexpected '\"'")]
    [InlineData("type='hvm'\ndisk=['/a,raw']", "disk: '/a,raw' does not say where (vdev)")]
    [InlineData("type='hvm'\ndisk=['/a,raw,hda,rw,x,y']", "disk: 'x' is one field too many")]
    [InlineData("type='hvm'\nacpi='yes'", "acpi: a number is expected, not 'yes'")]
    public void What_cannot_be_read_is_refused_with_its_place(string file, string reason) =>
        Assert.Equal(reason, Assert.Throws<ConfigException>(() => XlImport.Read(file)).Message);

    [Theory]
    [InlineData("vif=['mac=00:16:3e:00:00:01,bridge=xenbr0']", "vif: rhea has no network cards yet")]
    [InlineData("disk=['/a,raw,sda,rw']", "disk: sda has no place: there are four, hda to hdd")]
    [InlineData("vga='cirrus'", "vga: there is no cirrus adapter yet: the guest finds a standard VGA")]
    [InlineData("viridian=1", "viridian: rhea offers no Hyper-V interfaces yet")]
    [InlineData("nosuchoption=1", "nosuchoption: is no option that xl.cfg(5) has")]
    public void What_has_no_place_is_named(string line, string note) => Assert.Equal([note], XlImport.Read($"type='hvm'\n{line}").Notes);

    [Fact]
    public void Its_words_are_options_of_rhea()
    {
        CommandLine line = CommandLine.Parse(XlImport.Read(Example).Options, VirtualMachine.Catalogue);

        Assert.Equal(128UL << 20, line.Machine.Memory);
        Assert.Equal("/dev/vg/guest-volume", line.Machine.Drives[0].File);
    }
}
