using System.Text;
using Rhea.Boards;
using Rhea.Boards.Firmware.Smbios;
using Rhea.Core;
using Rhea.Core.Config;
using Xunit;

namespace Rhea.Tests.Boards.Firmware.Smbios;

/// <summary>Expected structures are those of a QEMU 7.2.22 with the same options.</summary>
public sealed class SmbiosTablesTests : IDisposable
{
    private const ulong Qemu64 = 0x078B_FBFD_0006_0FB1;

    private readonly string _directory = Directory.CreateTempSubdirectory("rhea-smbios-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void A_small_machine_is_that_of_qemu()
    {
        SmbiosTables tables = Build(new MachineConfig());

        Assert.Equal(
            "011b000101020300" + "00000000000000000000000000000000" + "060000" + Text("QEMU", "Standard PC (i440FX + PIIX, 1996)", "pc-i440fx-7.2")
            + "03160003010102000003030302000000000000000000" + Text("QEMU", "pc-i440fx-7.2")
            + "042a000401030102b10f0600fdfb8b0703000000d007d0074101ffffffffffff00000001010102000100" + Text("CPU 0", "QEMU", "pc-i440fx-7.2")
            + "1017001001030600000200feff01000000000000000000" + "0000"
            + "112800110010feffffffffff80000900010007020000000200000000000000000000000000000000" + Text("DIMM 0", "QEMU")
            + "131f001300000000ffff010000100100000000000000000000000000000000" + "0000"
            + "200b002000000000000000" + "0000" + "7f04007f" + "0000",
            Convert.ToHexStringLower(tables.Structures));
        Assert.Equal("5f534d5f001f020851000000000000005f444d495f00410100000000080028", Convert.ToHexStringLower(tables.Anchor));
    }

    [Fact]
    public void A_machine_with_everything_given_is_that_of_qemu()
    {
        SmbiosTables tables = Build(new MachineConfig
        {
            Memory = 18UL << 30,
            Smp = new SmpConfig { Cpus = 8, MaxCpus = 8, Sockets = 2, Cores = 2, Threads = 2 },
            Smbios =
            [
                "type=0,vendor=V,version=1.2,date=01/02/2003,release=3.4,uefi=on",
                "type=1,manufacturer=M,product=P,version=V,serial=S,uuid=12345678-1234-5678-1234-567812345679,sku=K,family=F",
                "type=2,manufacturer=BM,product=BP,version=BV,serial=BS,asset=BA,location=BL",
                "type=3,manufacturer=CM,version=CV,serial=CS,asset=CA,sku=CK",
                "type=4,sock_pfx=PP,manufacturer=PM,version=PV,serial=PS,asset=PA,part=PN,max-speed=3000,current-speed=2500",
                "type=11,value=one,value=two",
                "type=17,loc_pfx=LL,bank=BB,manufacturer=MM,serial=SS,asset=AA,part=NN,speed=1600",
            ],
        });

        Assert.Equal(
            "00180000010200e803000800000000000000001c0304ffff" + Text("V", "1.2", "01/02/2003")
            + "011b00010102030478563412341278561234567812345679060506" + Text("M", "P", "V", "S", "K", "F")
            + "020f00020102030405010600030a00" + Text("BM", "BP", "BV", "BS", "BA", "BL")
            + "03160003010102030403030302000000000000000005" + Text("CM", "CV", "CS", "CA", "CK")
            + "042a000401030102b10f0600fdfb8b0703000000b80bc4094101ffffffffffff04050602020402000100" + Text("PP 0", "PM", "PV", "PS", "PA", "PN")
            + "042a010401030102b10f0600fdfb8b0703000000b80bc4094101ffffffffffff04050602020402000100" + Text("PP 1", "PM", "PV", "PS", "PA", "PN")
            + "0b05000e02" + Text("one", "two")
            + "1017001001030600002001feff02000000000000000000" + "0000"
            + "112800110010feffffffffff00400900010207020040060304050600000000004006000000000000" + Text("LL 0", "BB", "MM", "SS", "AA", "NN")
            + "112801110010feffffffffff00080900010207020040060304050600000000004006000000000000" + Text("LL 1", "BB", "MM", "SS", "AA", "NN")
            + "131f001300000000ffff2f0000100100000000000000000000000000000000" + "0000"
            + "131f011300004000ffff2f0100100100000000000000000000000000000000" + "0000"
            + "200b002000000000000000" + "0000" + "7f04007f" + "0000",
            Convert.ToHexStringLower(tables.Structures));
        Assert.Equal("5f534d5f001f02083f000000000000005f444d495f000e02000000000e0028", Convert.ToHexStringLower(tables.Anchor));
    }

    [Fact]
    public void The_machines_uuid_has_its_first_numbers_little_endian()
    {
        SmbiosTables tables = Build(new MachineConfig { Uuid = Guid.Parse("00112233-4455-6677-8899-aabbccddeeff") });

        Assert.Contains("33221100554477668899aabbccddeeff", Convert.ToHexStringLower(tables.Structures), StringComparison.Ordinal);
    }

    [Fact]
    public void A_structure_from_a_file_takes_the_place_of_the_usual_one()
    {
        string path = Write([3, 5, 0, 7, 1, (byte)'X', 0, 0]);

        byte[] structures = Build(new MachineConfig { Smbios = [$"file={path}"] }).Structures;

        Assert.Equal([3, 5, 0, 7, 1, (byte)'X', 0, 0, 1], structures[..9]);
        Assert.DoesNotContain("03160003", Convert.ToHexStringLower(structures), StringComparison.Ordinal);
    }

    [Fact]
    public void Two_commas_are_one() => Assert.Contains("a,b\0", Encoding.ASCII.GetString(Build(new MachineConfig { Smbios = ["type=1,serial=a,,b"] }).Structures), StringComparison.Ordinal);

    [Theory]
    [InlineData("vendor=x", "Must specify type= or file=")]
    [InlineData("type=5", "Don't know how to build fields for SMBIOS type 5")]
    [InlineData("type=1,colour=red", "Invalid parameter 'colour'")]
    [InlineData("type=1,uuid=x", "Invalid UUID 'x'")]
    [InlineData("type=0,release=1", "Invalid release '1'")]
    [InlineData("type=4,max-speed=fast", "'max-speed' is a number up to 65535, not 'fast'")]
    [InlineData("file=/nowhere", "Cannot read SMBIOS file /nowhere")]
    public void Wrong_options_are_refused(string option, string message) =>
        Assert.Contains(message, Assert.Throws<ConfigException>(() => Build(new MachineConfig { Smbios = [option] })).Message, StringComparison.Ordinal);

    [Fact]
    public void A_file_that_is_no_structure_is_refused()
    {
        string path = Write([3, 200, 0, 7, 1, 0, 0]);

        Assert.Contains("is no SMBIOS structure", Assert.Throws<ConfigException>(() => Build(new MachineConfig { Smbios = [$"file={path}"] })).Message, StringComparison.Ordinal);
    }

    private static SmbiosTables Build(MachineConfig config) => new(config, RamSplit.Of(config.Memory), Qemu64);

    private static string Text(params string[] strings) => Convert.ToHexStringLower(Encoding.ASCII.GetBytes(string.Join('\0', strings) + "\0\0"));

    private string Write(byte[] bytes)
    {
        string path = Path.Combine(_directory, "structure");
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
