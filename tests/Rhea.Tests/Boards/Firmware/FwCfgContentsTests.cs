using System.Text;
using Rhea.Boards;
using Rhea.Boards.Firmware;
using Rhea.Core;
using Rhea.Core.Config;
using Rhea.Core.Memory;
using Rhea.Devices.Chipset;
using Rhea.Tests.Devices;
using Xunit;

namespace Rhea.Tests.Boards.Firmware;

/// <summary>Expected bytes are what a QEMU 7.2.22 with the same options has in fw_cfg.</summary>
public class FwCfgContentsTests
{
    private readonly FwCfg _fwCfg;

    public FwCfgContentsTests()
    {
        var pc = new PcBench();
        _fwCfg = new FwCfg(pc.IsaSlot(), new GuestMemory(pc.Memory));
    }

    [Fact]
    public void Numbers_follow_the_configuration()
    {
        var config = new MachineConfig
        {
            Memory = 5UL << 30,
            Smp = new SmpConfig { Cpus = 2, MaxCpus = 4 },
            Uuid = Guid.Parse("12345678-1234-5678-1234-567812345678"),
            Boot = new BootConfig { Menu = true },
            Switches = new MachineSwitches { Graphics = false },
        };

        FwCfgContents.AddNumbers(_fwCfg, config, apicIds: 4);

        Assert.Equal("12345678123456781234567812345678", Hex(FwCfgKey.Uuid));
        Assert.Equal("0000004001000000", Hex(FwCfgKey.RamSize));
        Assert.Equal("0100", Hex(FwCfgKey.NoGraphic));
        Assert.Equal("0200", Hex(FwCfgKey.Cpus));
        Assert.Equal("0400", Hex(FwCfgKey.MaxCpus));
        Assert.Equal("0100", Hex(FwCfgKey.BootMenu));
        Assert.Equal("01000000", Hex(FwCfgKey.Irq0Override));
        Assert.StartsWith("0101a286800000d0fe00000000000000", Hex(FwCfgKey.Hpet), StringComparison.Ordinal);
        Assert.Equal(121, _fwCfg.Value(FwCfgKey.Hpet).Length);
    }

    [Fact]
    public void A_machine_without_hpet_tells_of_none()
    {
        FwCfgContents.AddNumbers(_fwCfg, new MachineConfig { Switches = new MachineSwitches { Hpet = false } }, apicIds: 1);

        Assert.Equal("", Hex(FwCfgKey.Hpet));
    }

    [Fact]
    public void Boot_options_are_files()
    {
        FwCfgContents.AddBootOptions(_fwCfg, new BootConfig { SplashTime = 5000, RebootTimeout = 3000 }, new BootOrder());

        Assert.Equal("b80b0000", Hex("etc/boot-fail-wait"));
        Assert.Equal("8813", Hex("etc/boot-menu-wait"));
        Assert.Equal("", Hex("bootorder"));
    }

    [Fact]
    public void Without_options_a_failed_boot_stays_failed()
    {
        FwCfgContents.AddBootOptions(_fwCfg, new BootConfig(), new BootOrder());

        Assert.Equal("ffffffff", Hex("etc/boot-fail-wait"));
        Assert.DoesNotContain("etc/boot-menu-wait", _fwCfg.Files);
    }

    [Theory]
    [InlineData(70000, null, "splash-time is invalid, it should be a value between 0 and 65535")]
    [InlineData(null, -2, "reboot-timeout is invalid, it should be a value between -1 and 65535")]
    public void Times_out_of_range_are_refused(int? splash, int? reboot, string message)
    {
        var boot = new BootConfig { SplashTime = splash, RebootTimeout = reboot };

        Assert.Equal(message, Assert.Throws<ConfigException>(() => FwCfgContents.AddBootOptions(_fwCfg, boot, new BootOrder())).Message);
    }

    [Theory]
    [InlineData(true, true, "800000818280")]
    [InlineData(false, false, "800000010280")]
    public void Sleep_states_are_numbered_as_the_controller_does(bool s3, bool s4, string expected)
    {
        FwCfgContents.AddSystemStates(_fwCfg, s3, s4);

        Assert.Equal(expected, Hex("etc/system-states"));
    }

    [Fact]
    public void The_users_own_files_are_there()
    {
        FwCfgContents.AddUserFiles(_fwCfg, [new FwCfgEntry("opt/org.example/a", null, "hello")]);

        Assert.Equal("hello", Encoding.ASCII.GetString(_fwCfg.File("opt/org.example/a")));
    }

    [Fact]
    public void A_users_file_that_is_missing_is_named()
    {
        var error = Assert.Throws<ConfigException>(() => FwCfgContents.AddUserFiles(_fwCfg, [new FwCfgEntry("opt/a", "/nowhere/x", null)]));

        Assert.StartsWith("can't load /nowhere/x: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Memory_map_leaves_out_the_hole_and_amds_own_range()
    {
        Assert.Equal("0000000000000000" + "0000000100000000" + "01000000", Convert.ToHexStringLower(E820.Build(RamSplit.Of(16 << 20), amd: false)));
        Assert.Equal("00000000fd0000000000000003000000020000000000000000000000000000c0000000000100000000000000010000000000008000000000"
            + "01000000", Convert.ToHexStringLower(E820.Build(RamSplit.Of(5UL << 30), amd: true)));
    }

    [Fact]
    public void Boot_order_is_a_path_a_line()
    {
        var order = new BootOrder();
        order.Add(7, BootOrder.Pci("ethernet", 2, 0) + "/ethernet-phy@0");
        order.Add(1, BootOrder.Floppy(0));
        order.Add(3, BootOrder.IdeDisk(1, 1));

        Assert.Equal(
            "/pci@i0cf8/isa@1/fdc@03f0/floppy@0\n/pci@i0cf8/ide@1,1/drive@1/disk@1\n/pci@i0cf8/ethernet@2/ethernet-phy@0\0",
            Encoding.ASCII.GetString(order.Build(strict: false)));
        Assert.Throws<ConfigException>(() => order.Add(3, BootOrder.IdeDisk(0, 0)));
    }

    private string Hex(FwCfgKey key) => Convert.ToHexStringLower(_fwCfg.Value(key));

    private string Hex(string file) => Convert.ToHexStringLower(_fwCfg.File(file));
}
