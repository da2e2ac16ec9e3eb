using Rhea.Core.State;
using Rhea.Tests.Block;
using Xunit;
using static Rhea.Tests.Devices.IdeBench;

namespace Rhea.Tests.Devices;

/// <summary>The controller as firmware finds it, and its section as QEMU 7.2.22 writes it (pc-i440fx-7.2).</summary>
public class Piix3IdeTests
{
    private static readonly string Function = "000000028680107000008002" + "00800101" + Zeros(20) + "01" + Zeros(11) + "f41a0011" + Zeros(208 + 16);
    private static readonly string Empty = Place("00000000", "0000000101ffff");

    [Fact]
    public void Is_the_piix3s_second_function()
    {
        var ide = new IdeBench();

        Assert.Equal((0x7010_8086u, 0x0101_8000u, 0x1100_1AF4u), (ide.Pc.ReadConfig(0, 4), ide.Pc.ReadConfig(8, 4), ide.Pc.ReadConfig(0x2C, 4)));
        ide.Pc.WriteConfig(0x20, 4, 0xFFFF_FFFF);
        Assert.Equal(0xFFFF_FFF1u, ide.Pc.ReadConfig(0x20, 4));
    }

    [Fact]
    public void Bus_master_registers_answer_at_their_widths_only()
    {
        var ide = new IdeBench();

        ide.Pc.Ports.Write(Master + 4, 4, 0xFFFF_FFFF);
        ide.Pc.Ports.Write(Master + 4, 2, 0x1230);
        ide.Pc.Out(Master + 5, 0x77);
        ide.Pc.Out(Master + 2, 0xFF);
        ide.Pc.Out(Master, 0xFF);

        Assert.Equal((0xFFFF_7730u, 0x09, 0x61), (ide.Pc.Ports.Read(Master + 4, 4), ide.Pc.In(Master), ide.MasterStatus));
        Assert.Equal((0xFFu, 0xFFFFu), (ide.Pc.Ports.Read(Master + 1, 1), ide.Pc.Ports.Read(Master, 2)));
    }

    [Fact]
    public void The_second_channel_is_a_channel_of_its_own()
    {
        var ide = new IdeBench();
        ide.AddDisk(TestDisks.Of(TestDisks.Numbered(8)), channel: 1);

        ide.Command(0x20, lba: 5, count: 1, at: Secondary);

        Assert.Equal(5, ide.ReadData(512, Secondary)[0]);
        Assert.Equal([15], ide.Pc.Edges);
        Assert.Equal((0, 4), (ide.MasterStatus, ide.Pc.In(Master + 8 + 2)));
    }

    [Fact]
    public void At_reset_its_section_is_qemus()
    {
        Assert.Equal(Function + Zeros((2 * 19) + (2 * 2)) + Empty + Empty + Empty + Empty, Save(Fresh()));

        IdeBench drives = Fresh();
        drives.AddDisk(TestDisks.Blank(1 << 20), channel: 0);
        drives.AddCd(TestDisks.Blank(1 << 20), channel: 1);
        drives.Ide.Reset();
        Assert.Equal(Function + Zeros((2 * 19) + (2 * 2)) + Place("00000000", "00000001010000") + Empty + Place("00000000", "000000010114eb") + Empty, Save(drives));
    }

    /// <summary>Two sectors are to be written, and the guest has sent six bytes.</summary>
    [Fact]
    public void Qemus_half_written_sector_goes_through_unchanged_and_is_finished_here()
    {
        string section = Function + Zeros(14) + "00000002" + "00" + Zeros(19 + 4)
            + Place("00000000", "00000002010000", "a058") + Pio("341234123412" + Zeros(131070), "00000001", "00000006000001fa01") + Place("00000000", "0000000201" + "ffff")
            + Place("00000000", "000000010114eb") + Empty;
        IdeBench ide = WithDrives();

        Load(ide, section);

        Assert.Equal(section, Save(ide));
        ide.WriteData(new byte[506]);
        Assert.Equal(Ready | Seek | DataRequest, ide.Status());
        ide.WriteData(new byte[512]);
        Assert.Equal(Ready | Seek, ide.Status());
        ide.Command(0x20, lba: 0, count: 1);
        Assert.Equal([0x34, 0x12, 0x34, 0x12, 0x34, 0x12], ide.ReadData(6));
    }

    /// <summary>READ DMA of one sector has been given, and the bus master not started.</summary>
    [Fact]
    public void Qemus_waiting_dma_goes_through_unchanged_and_starts_here()
    {
        string section = "000000028680107005008002" + "00800101" + Zeros(20) + "01c0" + Zeros(10) + "f41a0011" + Zeros(208 + 16)
            + "0028" + Zeros(4 + 8) + "00000001" + "00" + "0510" + Hex("ide bmdma/status") + "00000001" + "60" + Zeros(19)
            + "0000" + "050d" + Hex("ide_bus/error") + "00000002" + "00000028" + Zeros(8) + "00000001" + "00" + "0000"
            + Place("00000000", "00000001010000", "a058") + Pio("ffffffff" + Zeros(131072), "00000000", "000000000000000005") + Place("00000000", "0000000101ffff")
            + Place("00000000", "000000010114eb") + Empty;
        IdeBench ide = WithDrives();

        Load(ide, section);
        Assert.Equal(section, Save(ide));
        ide.SetTable((0x8000, 512));
        ide.Ide.Resumed();
        ide.StartMaster(toMemory: true);

        Assert.Equal((Ready | Seek, 0x64), (ide.Status(), ide.MasterStatus));
        Assert.Equal([14], ide.Pc.Edges);
    }

    /// <summary>Of two sectors of a CD the first is going out. QEMU does not tell which sector comes next.</summary>
    [Fact]
    public void Qemus_cd_in_the_middle_of_an_answer_ends_in_an_error_that_the_guest_can_repeat()
    {
        string section = Function + Zeros((2 * 19) + (2 * 2)) + Place("00000000", "00000001010000") + Empty
            + Place("00000000", "00000002000008", "a058", more: "050000") + Pio(Zeros(131076), "00000000", "0000000a000007f603", left: "00000800") + Empty;
        IdeBench ide = WithDrives();

        Load(ide, section);
        ide.Pc.Out(0x176, 0xA0);
        ide.ReadData(2038, Secondary);

        Assert.Equal((Ready | Failed, 0x40), (ide.Status(Secondary), ide.Register(1, Secondary)));
        Assert.Equal(2048, ide.Packet([0x28, 0, 0, 0, 0, 1, 0, 0, 1], at: Secondary).Length);
    }

    private static IdeBench Fresh()
    {
        var ide = new IdeBench();
        ide.Ide.Reset();
        return ide;
    }

    private static IdeBench WithDrives()
    {
        var ide = new IdeBench();
        ide.AddDisk(TestDisks.Of(TestDisks.Numbered(64)));
        ide.AddCd(TestDisks.Blank(1 << 20), channel: 1);
        return ide;
    }

    /// <summary>One drive's registers: of the file the count to the cylinders, the previous contents, then device and status.</summary>
    private static string Place(string identify, string file, string device = "a050", string more = "000000") =>
        "00000010" + identify + "0000" + file + Zeros(5) + device + "00" + more;

    private static string Pio(string buffer, string sectors, string block, string left = "00000000") =>
        "0513" + Hex("ide_drive/pio_state") + "00000001" + sectors + buffer + block + "00000000" + left;

    private static string Hex(string text) => Convert.ToHexStringLower(System.Text.Encoding.ASCII.GetBytes(text));

    private static string Zeros(int bytes) => new('0', bytes * 2);

    private static string Save(IdeBench ide)
    {
        var stream = new MemoryStream();
        var wire = new WireWriter(stream);
        new StateWriter(wire).Write(ide.Ide, 3);
        wire.Flush();
        return Convert.ToHexStringLower(stream.ToArray());
    }

    private static void Load(IdeBench ide, string hex)
    {
        new StateReader(new WireReader(new MemoryStream(Convert.FromHexString(hex)))).Read(ide.Ide, 3);
        ide.Ide.Loaded();
    }
}
