using System.Buffers.Binary;
using System.Text;
using Rhea.Block;
using Rhea.Tests.Block;
using Xunit;
using static Rhea.Tests.Devices.IdeBench;

namespace Rhea.Tests.Devices;

/// <summary>The expected bytes are the answers of QEMU 7.2's drive.</summary>
public class AtapiDriveTests
{
    private const int Sectors = 200, SectorLength = 2048;

    private readonly IdeBench _ide = new();
    private readonly Rhea.Block.BlockBackend _drive = TestDisks.Of(TestDisks.Numbered(Sectors, SectorLength), media: "cdrom");

    public AtapiDriveTests() => _ide.AddCd(_drive);

    [Fact]
    public void Is_told_from_a_disk_by_its_signature()
    {
        Assert.Equal((0x01, 0x01, 0x14, 0xEB, Ready | Seek), (_ide.Register(2), _ide.Register(3), _ide.Register(4), _ide.Register(5), _ide.Status()));

        Assert.Equal(Ready | Failed, _ide.Command(0xEC, drive: 0xA0));
        Assert.Equal((0x14, 0xEB, 4), (_ide.Register(4), _ide.Register(5), _ide.Register(1)));
    }

    [Fact]
    public void Identify_packet_device_names_the_drive()
    {
        _ide.Command(0xA1, drive: 0xA0);
        byte[] words = _ide.ReadData(512);

        Assert.Equal(0x85C0, BinaryPrimitives.ReadUInt16LittleEndian(words));
        Assert.Equal("EQUMD DVR-MO", Encoding.ASCII.GetString(words, 54, 12));
    }

    [Theory]
    [InlineData("120000002400", "058000211F00000051454D552020202051454D55204456442D524F4D20202020322E352B")] // INQUIRY
    [InlineData("120100006000", "050000020083")]                                                              // vital product data
    [InlineData("25", "000000C700000800")]                                                                    // READ CAPACITY
    [InlineData("4300000000000003FF", "0012010100140100000000000016AA00000000C8")]                            // READ TOC
    [InlineData("4302000000000003FF", "0012010100140100000002000016AA0000000432")]                            // in minutes, seconds, frames
    [InlineData("430000000000AA03FF", "000A01010016AA00000000C8")]
    [InlineData("43000000000000000C80", "002E0101011400A000000000")]                                          // all of it, cut to 12
    [InlineData("460000000000000060", "0000001000000008000003080010000000080100")]                            // GET CONFIGURATION
    [InlineData("4A0100001000000008", "0004041000020000")]                                                    // GET EVENT STATUS
    [InlineData("4A0100004000000008", "00008010")]
    [InlineData("5A002A000000000060", "001C7000000000002A143B007160290002C00002020002C0000000000000")]        // MODE SENSE
    [InlineData("5A0001000000000060", "000E7000000000000106000500000000")]
    [InlineData("BD000000000000000008", "0000000000010000")]                                                  // MECHANISM STATUS
    [InlineData("51000000000000000A", "00200E01010101200000")]                                                // READ DISC INFORMATION
    [InlineData("AD00000000000000FF04", "")]                                                                  // DVD structure of a CD
    public void Answers_as_qemus_drive(string packet, string answer) =>
        Assert.Equal(answer, Convert.ToHexString(_ide.Packet(Convert.FromHexString(packet))));

    [Theory]
    [InlineData("43000000000002000800", 0x24)] // READ TOC of a second track
    [InlineData("5A003F00000000006000", 0x24)]
    [InlineData("5A00EA00000000006000", 0x39)] // saved pages
    [InlineData("AD0000000000000000FF", 0x30)] // DVD structure of a CD
    [InlineData("2800000000C800000100", 0x21)] // READ past the end
    [InlineData("E3", 0x20)]
    public void Refuses_with_a_reason(string packet, byte reason)
    {
        Assert.Empty(_ide.Packet(Convert.FromHexString(packet)));

        Assert.Equal((Ready | Failed, 0x50, 3), (_ide.Status(), _ide.Register(1), _ide.Register(2)));
        byte[] sense = _ide.Packet([0x03, 0, 0, 0, 18]);
        Assert.Equal((0x70 | 0x80, 5, reason), (sense[0], sense[2], sense[12]));
    }

    [Fact]
    public void A_packet_is_asked_for_without_an_interrupt_and_answered_with_one_a_block()
    {
        Assert.Equal(Ready | Seek | DataRequest, _ide.Command(0xA0, 36 << 8, drive: 0xA0));
        Assert.Equal(1, _ide.Register(2)); // the packet
        Assert.Empty(_ide.Pc.Edges);

        _ide.WriteData([0x12, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0]);
        Assert.Equal((Ready | Seek | DataRequest, 2), (_ide.Status(), _ide.Register(2))); // data to the host

        _ide.ReadData(36);
        Assert.Equal((Ready | Seek, 3), (_ide.Status(), _ide.Register(2))); // done
        Assert.Equal([14, 14], _ide.Pc.Edges);
    }

    [Theory]
    [InlineData(0xFFFE)]
    [InlineData(2048)]
    [InlineData(2047)] // odd sizes are made even
    [InlineData(1000)] // blocks that end inside a sector
    public void Sectors_come_in_blocks_of_any_size(int limit)
    {
        byte[] answer = _ide.Packet([0x28, 0, 0, 0, 0, 100, 0, 0, 70], limit);

        Assert.Equal(TestDisks.Numbered(Sectors, SectorLength)[(100 * SectorLength)..(170 * SectorLength)], answer);
        Assert.Equal(Ready | Seek, _ide.Status());
    }

    [Fact]
    public void A_block_of_no_bytes_is_refused()
    {
        Assert.Empty(_ide.Packet([0x12, 0, 0, 0, 36], limit: 0));

        Assert.Equal((Ready | Failed, 4), (_ide.Status(), _ide.Register(1)));
    }

    [Fact]
    public void An_answer_of_odd_length_ends()
    {
        Assert.Equal("0580002100", Convert.ToHexString([.. _ide.Packet([0x12, 0, 0, 0, 5])[..4], 0]));

        Assert.Equal(Ready | Seek, _ide.Status());
    }

    [Fact]
    public void Whole_sectors_have_a_header()
    {
        byte[] sector = _ide.Packet([0xBE, 0, 0, 0, 0, 1, 0, 0, 1, 0xF8]);

        Assert.Equal(2352, sector.Length);
        Assert.Equal("00FFFFFFFFFFFFFFFFFFFF000002010101000000", Convert.ToHexString(sector[..20])); // sync, 00:02:01, mode 1, the data
    }

    [Fact]
    public void Dma_fills_the_guests_memory()
    {
        _ide.SetTable((0x8000, 4096));

        _ide.SendPacket([0xA8, 0, 0, 0, 0, 50, 0, 0, 0, 2], feature: 1);
        Assert.Equal(Busy, _ide.Status() & Busy);
        _ide.StartMaster(toMemory: true);

        Assert.Equal((Ready | Seek, 3, 0x04), (_ide.Status(), _ide.Register(2), _ide.MasterStatus));
        Assert.Equal((50u, 51u), (_ide.Pc.Memory.Read(0x8000, 4), _ide.Pc.Memory.Read(0x8800, 4)));
        Assert.Equal([14], _ide.Pc.Edges);
    }

    [Fact]
    public void Short_answers_go_by_dma_too_and_commands_without_one_need_no_bus_master()
    {
        _ide.SetTable((0x8000, 64));
        _ide.SendPacket([0x12, 0, 0, 0, 36], feature: 1);
        _ide.StartMaster(toMemory: true);
        Assert.Equal(0x2100_8005u, _ide.Pc.Memory.Read(0x8000, 4));

        _ide.Pc.Out(Master, 0);
        _ide.SendPacket([0x00], feature: 1);

        Assert.Equal(Ready | Seek, _ide.Status());
    }

    [Fact]
    public void The_guest_is_told_of_a_new_medium_in_two_steps()
    {
        _drive.Change(_drive.Root);

        Assert.Equal((2, 0x3A), Sense([0x00])); // no medium
        Assert.Equal((6, 0x28), Sense([0x00])); // another medium
        Assert.Empty(_ide.Packet([0x00]));
        Assert.Equal(Ready | Seek, _ide.Status());
        Assert.Equal("0004041002020000", Convert.ToHexString(_ide.Packet([0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8])));
        Assert.Equal("0004041000020000", Convert.ToHexString(_ide.Packet([0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8])));
    }

    [Fact]
    public void A_locked_tray_stays_shut_for_guest_and_user_alike()
    {
        _ide.Packet([0x1E, 0, 0, 0, 1]);

        Assert.Equal((2, 0x53), Sense([0x1B, 0, 0, 0, 2]));
        Assert.Throws<Core.ConfigException>(() => _drive.OpenTray(force: false));
        Assert.Equal(1, _ide.Packet([0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8])[4]); // the user has asked

        _ide.Packet([0x1E, 0, 0, 0, 0]);
        _ide.Packet([0x1B, 0, 0, 0, 2]);
        Assert.True(_drive.TrayOpen);
        Assert.Equal((2, 0x3A), Sense([0x25]));
    }

    [Fact]
    public void A_disc_that_the_user_changes_is_gone_with_the_open_tray_and_another_with_the_shut_one()
    {
        BlockNode disc = _drive.Root!;
        _drive.OpenTray(force: false);
        Assert.Throws<Core.ConfigException>(() => _drive.InsertMedium(disc));
        Assert.Same(disc, _drive.RemoveMedium());
        Assert.Equal((2, 0x3A), Sense([0x00]));
        Assert.True(_drive.TrayOpen);

        _drive.InsertMedium(disc);
        _drive.CloseTray();

        Assert.Equal((2, 0x3A), Sense([0x00]));
        Assert.Equal((6, 0x28), Sense([0x00]));
        Assert.Empty(_ide.Packet([0x00]));
        Assert.Throws<Core.ConfigException>(() => _drive.RemoveMedium());
    }

    [Fact]
    public void Forced_the_tray_opens_though_the_guest_has_locked_it()
    {
        _ide.Packet([0x1E, 0, 0, 0, 1]);

        _drive.OpenTray(force: true);

        Assert.True(_drive.TrayOpen);
    }

    [Fact]
    public void An_empty_drive_has_no_medium()
    {
        var ide = new IdeBench();
        ide.AddCd(null);

        Assert.Empty(ide.Packet([0x25]));
        Assert.Equal(0x20, ide.Register(1));
        Assert.Equal(36, ide.Packet([0x12, 0, 0, 0, 36]).Length);
    }

    private (int Key, int Reason) Sense(byte[] packet)
    {
        Assert.Empty(_ide.Packet(packet));
        byte[] sense = _ide.Packet([0x03, 0, 0, 0, 18]);
        return (sense[2], sense[12]);
    }
}
