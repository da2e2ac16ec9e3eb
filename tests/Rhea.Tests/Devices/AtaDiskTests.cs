using System.Buffers.Binary;
using System.Text;
using Rhea.Core;
using Rhea.Core.Memory;
using Rhea.Tests.Block;
using Xunit;
using static Rhea.Tests.Devices.IdeBench;

namespace Rhea.Tests.Devices;

public class AtaDiskTests
{
    private const int Sectors = 2048;

    private readonly IdeBench _ide = new();
    private readonly Rhea.Block.BlockBackend _drive = TestDisks.Of(TestDisks.Numbered(Sectors));

    public AtaDiskTests() => _ide.AddDisk(_drive);

    [Fact]
    public void Identify_names_the_disk_and_its_size()
    {
        Assert.Equal(Ready | Seek | DataRequest, _ide.Command(0xEC));
        byte[] words = _ide.ReadData(512);

        Assert.Equal("EQUMH RADDSI K", Encoding.ASCII.GetString(words, 54, 14));
        Assert.Equal("MQ0000 1", Encoding.ASCII.GetString(words, 20, 8));
        Assert.Equal((2, 16, 63), (Word(words, 1), Word(words, 3), Word(words, 6)));
        Assert.Equal(Sectors, BinaryPrimitives.ReadInt32LittleEndian(words.AsSpan(120)));
        Assert.Equal(Sectors, BinaryPrimitives.ReadInt32LittleEndian(words.AsSpan(200)));
        Assert.Equal(Ready | Seek, _ide.Status());
        Assert.Equal([14], _ide.Pc.Edges);
    }

    /// <summary>What QEMU 7.2 answers for a raw image of 100 MiB that is the first drive.</summary>
    [Fact]
    public void Identify_is_qemus_word_for_word()
    {
        var ide = new IdeBench();
        ide.AddDisk(TestDisks.Blank(100 << 20));
        Dictionary<int, int> words = new()
        {
            [0] = 0x40,
            [1] = 0xCB,
            [3] = 0x10,
            [4] = 0x7E00,
            [5] = 0x200,
            [6] = 0x3F,
            [20] = 3,
            [21] = 0x200,
            [22] = 4,
            [47] = 0x8010,
            [48] = 1,
            [49] = 0xB00,
            [51] = 0x200,
            [52] = 0x200,
            [53] = 7,
            [54] = 0xCB,
            [55] = 0x10,
            [56] = 0x3F,
            [57] = 0x1F50,
            [58] = 3,
            [59] = 0x110,
            [60] = 0x2000,
            [61] = 3,
            [62] = 7,
            [63] = 7,
            [64] = 3,
            [65] = 0x78,
            [66] = 0x78,
            [67] = 0x78,
            [68] = 0x78,
            [69] = 0x4000,
            [80] = 0xF0,
            [81] = 0x16,
            [82] = 0x4021,
            [83] = 0x7400,
            [84] = 0x4000,
            [85] = 0x4021,
            [86] = 0x3400,
            [87] = 0x4000,
            [88] = 0x203F,
            [93] = 0x6001,
            [100] = 0x2000,
            [101] = 3,
            [106] = 0x6000,
            [169] = 1,
        };

        ide.Command(0xEC);
        byte[] answer = ide.ReadData(512);

        Assert.All(Enumerable.Range(0, 256).Where(word => word is < 10 or (> 19 and < 23) or > 46),
            word => Assert.Equal((word, words.GetValueOrDefault(word)), (word, Word(answer, word))));
    }

    [Fact]
    public void Sectors_are_read_one_block_and_one_interrupt_at_a_time()
    {
        Assert.Equal(Ready | Seek | DataRequest, _ide.Command(0x20, lba: 700, count: 3));

        for (var i = 0; i < 3; i++)
        {
            Assert.Equal((700 + i + 1, 2 - i), (Lba(), _ide.Register(2)));
            Assert.Equal(700 + i, BinaryPrimitives.ReadInt32LittleEndian(_ide.ReadData(512)));
            Assert.Equal(i + (i == 2 ? 1 : 2), _ide.Pc.Edges.Count);
            Assert.Equal(i == 2 ? Ready | Seek : Ready | Seek | DataRequest, _ide.Status());
        }
    }

    [Fact]
    public void Multiple_mode_moves_several_sectors_a_block()
    {
        _ide.Command(0xC6, count: 8);
        _ide.Status();

        _ide.Command(0xC4, lba: 16, count: 20);
        byte[] all = [.. Block(8), .. Block(8), .. Block(4)];

        Assert.Equal(TestDisks.Numbered(Sectors)[(16 * 512)..(36 * 512)], all);
        Assert.Equal(Ready | Seek, _ide.Status());
        Assert.Equal(4, _ide.Pc.Edges.Count);

        byte[] Block(int sectors)
        {
            _ide.Status();
            return _ide.ReadData(sectors * 512);
        }
    }

    [Fact]
    public void Written_sectors_are_on_the_disk()
    {
        byte[] data = [.. Enumerable.Range(0, 1024).Select(i => (byte)(i * 7))];

        Assert.Equal(Ready | Seek | DataRequest, _ide.Command(0x30, lba: 5, count: 2));
        Assert.Empty(_ide.Pc.Edges); // the first block is wanted without one
        _ide.WriteData(data.AsSpan(0, 512));
        Assert.Equal(Ready | Seek | DataRequest, _ide.Status());
        _ide.WriteData(data.AsSpan(512));

        Assert.Equal((Ready | Seek, 0, 7), (_ide.Status(), _ide.Register(2), Lba()));
        Assert.Equal([14, 14], _ide.Pc.Edges);
        Assert.Equal(data, Contents(5, 2));
    }

    [Fact]
    public void Cylinders_heads_and_sectors_find_the_same_data()
    {
        _ide.Command(0x20, lba: (1L << 8) | 3, count: 1, drive: 0xA2); // cylinder 1, head 2, sector 3

        Assert.Equal((((1 * 16) + 2) * 63) + 2, BinaryPrimitives.ReadInt32LittleEndian(_ide.ReadData(512)));
    }

    [Fact]
    public void A_translation_that_the_guest_sets_counts_from_then_on()
    {
        _ide.Command(0x91, count: 32, drive: 0xA7); // 8 heads, 32 sectors a track

        _ide.Command(0x20, lba: (1L << 8) | 1, count: 1, drive: 0xA0);

        Assert.Equal(256, BinaryPrimitives.ReadInt32LittleEndian(_ide.ReadData(512)));
    }

    [Theory]
    [InlineData(0x20)] // READ SECTORS
    [InlineData(0x24)] // READ SECTORS EXT
    [InlineData(0xC8)] // READ DMA
    public void Past_the_end_the_command_is_aborted(byte command)
    {
        _ide.SetTable((0x2000, 512));
        _ide.StartMaster(toMemory: true);

        Assert.Equal(Ready | Failed, _ide.Command(command, lba: Sectors, count: 1, wide: command == 0x24));

        Assert.Equal(4, _ide.Register(1));
    }

    [Fact]
    public void Lba48_reaches_all_of_the_disk_and_reads_back_its_high_halves()
    {
        _ide.Command(0x27, wide: true); // READ NATIVE MAX EXT
        Assert.Equal(Sectors - 1, Lba());

        _ide.Command(0x24, lba: Sectors - 1, count: 1, wide: true);
        Assert.Equal(Sectors - 1, BinaryPrimitives.ReadInt32LittleEndian(_ide.ReadData(512)));

        _ide.Pc.Out(0x1F3, 0x12);
        _ide.Pc.Out(0x1F3, 0x34);
        _ide.Pc.Out(0x3F6, 0x80);
        Assert.Equal(0x12, _ide.Register(3));
        _ide.Pc.Out(0x3F6, 0);
        Assert.Equal(0x34, _ide.Register(3));
    }

    [Fact]
    public void Dma_scatters_over_the_guests_memory()
    {
        _ide.SetTable((0x8000, 512), (0x3000, 1024));

        Assert.Equal(Ready | Seek | DataRequest, _ide.Command(0xC8, lba: 40, count: 3));
        _ide.StartMaster(toMemory: true);

        Assert.Equal((Ready | Seek, 0x04), (_ide.Status(), _ide.MasterStatus));
        Assert.Equal((40u, 41u, 42u), (_ide.Pc.Memory.Read(0x8000, 4), _ide.Pc.Memory.Read(0x3000, 4), _ide.Pc.Memory.Read(0x3200, 4)));
        Assert.Equal([14], _ide.Pc.Edges);
        Assert.Equal((0, 43), (_ide.Register(2), Lba()));
    }

    [Fact]
    public void Dma_may_be_started_before_the_command()
    {
        _ide.SetTable((0x8000, 512));
        _ide.StartMaster(toMemory: true);
        Assert.Equal(0x01, _ide.MasterStatus);

        Assert.Equal(Ready | Seek, _ide.Command(0xC8, lba: 9, count: 1));

        Assert.Equal(9u, _ide.Pc.Memory.Read(0x8000, 4));
    }

    [Fact]
    public void Dma_writes_from_the_guests_memory()
    {
        for (uint i = 0; i < 1024; i++) _ide.Pc.Memory.Write(0x9000 + i, 1, (byte)(i * 3));
        _ide.SetTable((0x9000, 1024));

        _ide.Command(0x35, lba: 77, count: 2, wide: true);
        _ide.StartMaster(toMemory: false);

        Assert.Equal((Ready | Seek, 0x04), (_ide.Status(), _ide.MasterStatus));
        Assert.Equal([.. Enumerable.Range(0, 1024).Select(i => (byte)(i * 3))], Contents(77, 2));
    }

    [Fact]
    public void A_table_that_is_longer_leaves_the_bus_master_active()
    {
        _ide.SetTable((0x8000, 4096));

        _ide.Command(0xC8, lba: 1, count: 1);
        _ide.StartMaster(toMemory: true);

        Assert.Equal(0x05, _ide.MasterStatus);
        _ide.Pc.Out(Master, 8);
        Assert.Equal(0x04, _ide.MasterStatus);
    }

    [Fact]
    public void A_table_that_is_too_short_moves_nothing_and_interrupts_nobody()
    {
        _ide.SetTable((0x8000, 512));

        _ide.Command(0xC8, lba: 1, count: 2);
        _ide.StartMaster(toMemory: true);

        Assert.Equal((Ready | Seek, 0x00), (_ide.Status(), _ide.MasterStatus));
        Assert.Equal(0u, _ide.Pc.Memory.Read(0x8000, 4));
        Assert.Empty(_ide.Pc.Edges);
    }

    [Fact]
    public void A_table_that_points_past_ram_is_an_error_of_the_bus_master()
    {
        _ide.SetTable((0xF000_0000, 512));

        _ide.Command(0xC8, lba: 1, count: 1);
        _ide.StartMaster(toMemory: true);

        Assert.Equal((Ready | Failed, 0x06), (_ide.Status(), _ide.MasterStatus));
        _ide.Pc.Out(Master + 2, 0x06);
        Assert.Equal(0x00, _ide.MasterStatus);
    }

    [Fact]
    public void Trim_with_a_range_past_the_end_is_aborted()
    {
        _ide.Pc.Memory.Write(0x9000, 8, ((ulong)8 << 48) | (Sectors - 4));
        _ide.SetTable((0x9000, 512));

        _ide.Command(0x06, count: 1, feature: 1, wide: true);
        _ide.StartMaster(toMemory: false);

        Assert.Equal(Ready | Failed, _ide.Status());
    }

    [Theory]
    [InlineData(0x00, 0x41)] // NOP is aborted: that is what it is for
    [InlineData(0x08, 0x41)] // DEVICE RESET is for packet devices
    [InlineData(0x10, 0x50)] // RECALIBRATE
    [InlineData(0x40, 0x50)] // VERIFY
    [InlineData(0x70, 0x50)] // SEEK
    [InlineData(0xA0, 0x41)] // PACKET
    [InlineData(0xA1, 0x41)] // IDENTIFY PACKET DEVICE
    [InlineData(0xE0, 0x40)] // STANDBY IMMEDIATE
    [InlineData(0xE5, 0x50)] // CHECK POWER MODE
    [InlineData(0xE7, 0x50)] // FLUSH CACHE
    [InlineData(0xEA, 0x50)] // FLUSH CACHE EXT
    [InlineData(0xF5, 0x50)] // SECURITY FREEZE LOCK
    [InlineData(0xC0, 0x41)] // CFA ERASE SECTORS
    public void Simple_commands_end_with_their_status_and_an_interrupt(byte command, byte status)
    {
        Assert.Equal(status, _ide.Command(command));
        Assert.Equal([14], _ide.Pc.Edges);
        Assert.Equal(status == 0x41 ? 4 : 0, _ide.Register(1));
    }

    [Theory]
    [InlineData(0x03, 0x0C, 0x50)] // PIO 4
    [InlineData(0x03, 0x45, 0x50)] // UDMA 5
    [InlineData(0x03, 0x80, 0x41)]
    [InlineData(0x82, 0x00, 0x50)] // write cache off
    [InlineData(0xAA, 0x00, 0x50)]
    [InlineData(0x10, 0x00, 0x41)]
    public void Set_features_knows_what_qemus_disk_knows(byte feature, byte count, byte status) =>
        Assert.Equal(status, _ide.Command(0xEF, count: count, feature: feature));

    [Fact]
    public void Without_its_write_cache_the_disk_says_so()
    {
        _ide.Command(0xEF, feature: 0x82);
        Assert.False(_drive.WriteCache);

        _ide.Command(0xEC);
        Assert.Equal(0x4001, Word(_ide.ReadData(512), 85));
    }

    [Fact]
    public void Smart_needs_its_key_and_reports_health()
    {
        Assert.Equal(Ready | Failed, _ide.Command(0xB0, feature: 0xDA, drive: 0xA0));

        Assert.Equal(Ready | Seek, _ide.Command(0xB0, lba: 0xC24F00, feature: 0xDA, drive: 0xA0));
        Assert.Equal((0x4F, 0xC2), (_ide.Register(4), _ide.Register(5)));

        _ide.Command(0xB0, lba: 0xC24F00, count: 1, feature: 0xD0, drive: 0xA0);
        byte[] data = _ide.ReadData(512);
        Assert.Equal((0x82, 0x06), (data[362], data[511])); // as QEMU's
        Assert.Equal(0, data.Sum(value => value) & 0xFF);
    }

    [Fact]
    public void A_second_disk_is_told_by_its_contents()
    {
        byte[] other = new byte[512 * 4];
        other[0] = 0xEE;
        _ide.AddDisk(TestDisks.Of(other), unit: 1);

        _ide.Command(0x20, count: 1, drive: 0xF0);
        byte second = _ide.ReadData(512)[0];
        _ide.Command(0x20, count: 1, drive: 0xE0);

        Assert.Equal((0xEE, 0x00), (second, _ide.ReadData(512)[0]));
    }

    [Fact]
    public void A_drive_that_is_not_there_is_silent()
    {
        _ide.Pc.Out(0x1F6, 0xB0);
        _ide.Pc.Out(0x1F7, 0xEC);

        Assert.Equal((0x00, 0x01), (_ide.Status(), _ide.Register(2)));
        Assert.Equal((0x00, 0x00), (_ide.Status(Secondary), _ide.Register(3, Secondary)));
        Assert.Empty(_ide.Pc.Edges);
    }

    [Fact]
    public void An_empty_drive_is_no_hard_disk()
    {
        var empty = new Rhea.Block.BlockGraph(new Rhea.Host.HostIoHere(), _ => { }).Open(new() { Id = "empty" });

        var error = Assert.Throws<ConfigException>(() => _ide.AddDisk(empty, channel: 1));

        Assert.Equal("Device needs media, but drive is empty", error.Message);
    }

    private static int Word(byte[] bytes, int word) => BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(word * 2));

    private int Lba() => _ide.Register(3) | (_ide.Register(4) << 8) | (_ide.Register(5) << 16) | ((_ide.Register(6) & 0x0F) << 24);

    private byte[] Contents(long sector, int count)
    {
        var bytes = new byte[count * 512];
        ValueTask done = _drive.ReadAsync(sector * 512, ScatterList.Of(bytes));
        Assert.True(done.IsCompletedSuccessfully);
        return bytes;
    }
}
