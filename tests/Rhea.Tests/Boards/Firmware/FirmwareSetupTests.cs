using Rhea.Boards;
using Rhea.Boards.Firmware;
using Rhea.Core.Config;
using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Devices.Chipset;
using Rhea.Host;
using Xunit;

namespace Rhea.Tests.Boards.Firmware;

public sealed class FirmwareSetupTests
{
    [Fact]
    public void A_boot_order_for_once_is_gone_after_the_first_reset()
    {
        using Machine machine = Build(new MachineConfig { Boot = new BootConfig { Once = "d" } });
        int first = Cmos(machine, 0x3D);

        machine.Reset();

        Assert.Equal((0x03, 0x12), (first, Cmos(machine, 0x3D)));
    }

    [Fact]
    public void Tables_are_made_when_firmware_asks_and_name_the_ports_of_that_moment()
    {
        ushort ports = 0x600;
        FwCfg? fwCfg = null;
        using Machine machine = Build(new MachineConfig(), () => ports, made => fwCfg = made);
        string empty = Fadt(fwCfg!);
        ports = 0xB000;

        machine.Ports.Write(0x510, 2, 0x0022); // etc/acpi/rsdp is the third file, after bios-geometry and bootorder

        Assert.Equal(("", "00b00000"), (empty, Fadt(fwCfg!)));
    }

    [Fact]
    public void A_loaded_machine_keeps_the_tables_it_was_saved_with()
    {
        FwCfg? fwCfg = null;
        using Machine saved = Build(new MachineConfig(), () => 0xB000), loaded = Build(new MachineConfig(), () => 0x600, made => fwCfg = made);
        saved.Ports.Write(0x510, 2, 0x0022);
        var stream = new MemoryStream();
        saved.Save(stream);
        stream.Position = 0;

        loaded.Load(stream);
        loaded.Ports.Write(0x510, 2, 0x0022);

        Assert.Equal("00b00000", Fadt(fwCfg!));
    }

    [Fact]
    public void Acpi_is_a_section_and_three_blocks_that_qemu_knows()
    {
        using Machine machine = Build(new MachineConfig());

        Assert.Equal(("acpi_build", 1), (machine.Sections[^2].Id, machine.Sections[^2].Type.Version));
        Assert.Equal(
            [("/rom@etc/acpi/tables", 0x2_0000UL), ("/rom@etc/table-loader", 0x1000UL), ("/rom@etc/acpi/rsdp", 0x1000UL)],
            machine.Parts.Blocks.Select(block => (block.Name, block.Length)));
    }

    [Fact]
    public void A_machine_without_acpi_has_none_of_it()
    {
        using Machine machine = Build(new MachineConfig { Switches = new MachineSwitches { Acpi = false } });

        Assert.Empty(machine.Parts.Blocks);
        Assert.DoesNotContain(machine.Sections, section => section.Id == "acpi_build");
    }

    private static Machine Build(MachineConfig config, Func<ushort>? ports = null, Action<FwCfg>? made = null)
    {
        var builder = new MachineBuilder("pc-i440fx-7.2", new HostClock(), new HostRam(), (_, _) => { });
        Rtc rtc = builder.Add("/machine/rtc", slot => new Rtc(slot, new()));
        FwCfg fwCfg = builder.Add("/machine/fw_cfg", slot => new FwCfg(slot, new GuestMemory(builder.Memory)));
        made?.Invoke(fwCfg);
        FirmwareSetup.Install(builder, config, fwCfg, rtc, new FirmwareFacts
        {
            Ram = RamSplit.Of(config.Memory),
            Processors = [new(0, true)],
            PowerManagementPorts = ports ?? (() => 0x600),
        });
        return builder.Build();
    }

    private static int Cmos(Machine machine, byte register)
    {
        machine.Ports.Write(0x70, 1, register);
        return (int)machine.Ports.Read(0x71, 1);
    }

    /// <summary>The PM1a event block of the FADT; empty before the tables are made.</summary>
    private static string Fadt(FwCfg fwCfg)
    {
        ReadOnlySpan<byte> tables = fwCfg.File("etc/acpi/tables");
        int at = tables.IndexOf("FACP"u8);
        return at < 0 ? "" : Convert.ToHexStringLower(tables.Slice(at + 56, 4));
    }
}
