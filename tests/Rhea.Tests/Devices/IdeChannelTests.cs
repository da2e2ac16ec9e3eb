using Rhea.Block;
using Rhea.Core.Backends;
using Rhea.Core.State;
using Rhea.Tests.Block;
using Xunit;
using static Rhea.Tests.Devices.IdeBench;

namespace Rhea.Tests.Devices;

/// <summary>What takes time: busy drives, resets in the middle, host errors, and machines saved half-way.</summary>
public class IdeChannelTests
{
    private const int Sectors = 256;

    private readonly IdeBench _ide = new();
    private readonly HeldNode _host;
    private BlockErrorPolicy _policy;

    public IdeChannelTests() => (_, _host) = AddDisk(_ide, "enospc");

    [Fact]
    public void While_the_host_works_the_drive_is_busy_and_the_guest_goes_on()
    {
        _host.Holds = true;
        _ide.SetTable((0x8000, 512));
        _ide.Command(0xC8, lba: 3, count: 1);
        _ide.StartMaster(toMemory: true);

        Assert.Equal((0x80, 0x01), (_ide.Status() & Busy, (int)_ide.MasterStatus));
        Assert.Equal(Busy, _ide.Command(0xEC) & Busy); // no command is taken now
        Assert.Empty(_ide.Pc.Edges);

        _host.Release();
        Assert.Equal((Ready | Seek, 0x04), (_ide.Status(), _ide.MasterStatus));
        Assert.Equal(3u, _ide.Pc.Memory.Read(0x8000, 4));
    }

    [Fact]
    public void A_soft_reset_waits_until_the_host_lets_go_of_the_guests_memory()
    {
        _host.Holds = true;
        _ide.SetTable((0x8000, 512));
        _ide.Command(0xC8, lba: 3, count: 1);
        _ide.StartMaster(toMemory: true);

        _ide.Pc.Out(0x3F6, 4);
        _ide.Pc.Out(0x3F6, 0);
        Assert.Equal(Busy, _ide.Status());

        _host.Release();
        Assert.Equal((Ready | Seek, 1, 1, 1, 0), (_ide.Status(), _ide.Register(1), _ide.Register(2), _ide.Register(3), _ide.Register(4)));
        Assert.Empty(_ide.Pc.Edges);
        Assert.Equal(0, _ide.MasterStatus & 1);
    }

    [Fact]
    public void After_a_reset_of_the_machine_an_old_request_changes_nothing()
    {
        _host.Holds = true;
        _ide.Command(0x20, lba: 3, count: 1);

        _ide.Ide.Reset();
        _host.Release();

        Assert.Equal((Ready | Seek, 1), (_ide.Status(), _ide.Register(2)));
        Assert.Empty(_ide.Pc.Edges);
        _host.Holds = false;
        _ide.Command(0x20, lba: 5, count: 1);
        Assert.Equal(5, _ide.ReadData(2)[0]);
    }

    [Fact]
    public void A_bus_master_that_is_stopped_stays_active_until_the_transfer_ends()
    {
        _host.Holds = true;
        _ide.SetTable((0x8000, 512));
        _ide.Command(0xC8, lba: 3, count: 1);
        _ide.StartMaster(toMemory: true);

        _ide.Pc.Out(Master, 0);
        Assert.Equal(1, _ide.MasterStatus & 1);
        _host.Release();

        Assert.Equal(0, _ide.MasterStatus & 1);
    }

    [Theory]
    [InlineData(0x20, false)] // READ SECTORS
    [InlineData(0xC8, true)]  // READ DMA
    [InlineData(0xCA, true)]  // WRITE DMA
    [InlineData(0xE7, false)] // FLUSH CACHE
    public void A_host_error_is_told_to_the_guest(byte command, bool dma)
    {
        _host.Fails = BlockError.Io;
        _ide.SetTable((0x8000, 512));

        _ide.Command(command, lba: 1, count: 1);
        if (dma) _ide.StartMaster(toMemory: command == 0xC8);

        Assert.Equal((Ready | Failed, 4), (_ide.Status(), _ide.Register(1)));
        Assert.Equal([14], _ide.Pc.Edges);
        Assert.Equal(BlockErrorPolicy.Report, _policy);
    }

    [Fact]
    public void A_bad_sector_behind_those_that_were_asked_for_hurts_nobody_early()
    {
        _ide.Command(0x20, lba: 1, count: 2);
        _ide.ReadData(512); // the second is in the buffer already
        _host.Fails = BlockError.Io;

        Assert.Equal(2, _ide.ReadData(512)[0]);
    }

    [Theory]
    [InlineData(0xCA, true)]  // WRITE DMA
    [InlineData(0x30, false)] // WRITE SECTORS
    [InlineData(0xE7, false)] // FLUSH CACHE
    public void A_full_host_disk_stops_the_machine_and_is_tried_again_when_it_goes_on(byte command, bool dma)
    {
        _host.Fails = BlockError.NoSpace;
        _ide.Pc.Memory.Write(0x8000, 4, 0x1234_5678);
        _ide.SetTable((0x8000, 512));

        _ide.Command(command, lba: 9, count: 1);
        if (dma) _ide.StartMaster(toMemory: false);
        if (command == 0x30) _ide.WriteData([0x78, 0x56, 0x34, 0x12, .. new byte[508]]);

        Assert.Equal((BlockErrorPolicy.Stop, Busy), (_policy, _ide.Status() & Busy));
        Assert.Empty(_ide.Pc.Edges);

        _host.Fails = null;
        _ide.Ide.Resumed();
        Assert.Equal(Ready | Seek, _ide.Status());
        Assert.Equal([14], _ide.Pc.Edges);
        _ide.Command(0x20, lba: 9, count: 1);
        Assert.Equal(command == 0xE7 ? 9u : 0x1234_5678u, BitConverter.ToUInt32(_ide.ReadData(512)));
    }

    [Fact]
    public void A_request_that_waits_for_room_moves_with_the_machine()
    {
        _host.Fails = BlockError.NoSpace;
        _ide.Command(0x30, lba: 9, count: 1);
        _ide.WriteData([0xAB, .. new byte[511]]);
        var other = new IdeBench();
        (_, HeldNode disk) = AddDisk(other, "enospc");

        Move(_ide, other);
        other.Ide.Resumed();

        Assert.Equal(Ready | Seek, other.Status());
        Assert.Equal([14], other.Pc.Edges);
        other.Command(0x20, lba: 9, count: 1);
        Assert.Equal(0xAB, other.ReadData(2)[0]);
        Assert.Equal(0, disk.Waiting);
    }

    [Fact]
    public void A_command_that_waits_for_the_bus_master_moves_with_the_machine()
    {
        _ide.Command(0xC8, lba: 77, count: 1);
        var other = new IdeBench();
        AddDisk(other, "enospc");
        other.SetTable((0x8000, 512));

        Move(_ide, other);
        other.SetTable((0x8000, 512));
        other.Ide.Resumed();
        Assert.Equal(Ready | Seek | DataRequest, other.Status());
        other.StartMaster(toMemory: true);

        Assert.Equal((Ready | Seek, 77UL), (other.Status(), other.Pc.Memory.Read(0x8000, 4)));
    }

    [Fact]
    public void A_guest_reads_on_after_a_move()
    {
        _ide.Command(0x20, lba: 30, count: 3);
        _ide.ReadData(512 + 2);
        var other = new IdeBench();
        AddDisk(other, "enospc");

        Move(_ide, other);

        other.ReadData(510);
        Assert.Equal(Ready | Seek | DataRequest, other.Status());
        Assert.Equal(32, other.ReadData(512)[0]);
        Assert.Equal(Ready | Seek, other.Status());
    }

    [Fact]
    public void A_guest_reads_on_from_a_cd_after_a_move_at_any_place()
    {
        byte[] disc = TestDisks.Numbered(40, 2048);
        IdeBench here = new(), there = new();
        here.AddCd(TestDisks.Of(disc, "cdrom"));
        there.AddCd(TestDisks.Of(disc, "cdrom"));
        here.SendPacket([0x28, 0, 0, 0, 0, 5, 0, 0, 20], limit: 3000);
        List<byte> answer = [.. here.ReadData(3000), .. here.ReadData(1000)];

        Move(here, there);
        answer.AddRange(there.ReadData(2000));
        while ((there.Status() & DataRequest) != 0) answer.AddRange(there.ReadData(there.Register(4) | (there.Register(5) << 8)));

        Assert.Equal(disc[(5 * 2048)..(25 * 2048)], answer);
    }

    [Fact]
    public void What_a_guest_has_set_moves_with_the_machine()
    {
        _ide.Pc.Out(Master + 2, 0x60);
        _ide.Command(0xC6, count: 4);
        _ide.Command(0xEF, count: 0x42, feature: 3); // UDMA 2
        _ide.Pc.Out(0x3F6, 2);
        var other = new IdeBench();
        AddDisk(other, "enospc");

        Move(_ide, other);

        Assert.Equal(0x64, other.MasterStatus);
        other.Command(0xEC);
        byte[] words = other.ReadData(512);
        Assert.Equal((0x04, 0x01, 0x3F, 0x04), (words[118], words[119], words[176], words[177]));
        Assert.Empty(other.Pc.Edges); // interrupts are still off
    }

    [Theory]
    [InlineData(0x35)]
    [InlineData(0x36)]
    public void Hostile_numbers_in_a_stream_are_refused_or_harmless(byte seed)
    {
        _ide.Command(0x20, lba: 30, count: 3);
        byte[] whole = Save(_ide);
        uint next = seed;

        for (var i = 0; i < 300; i++)
        {
            var other = new IdeBench();
            AddDisk(other, "enospc");
            byte[] mutant = [.. whole];
            for (var flips = 0; flips < 4; flips++) mutant[276 + (Next() % 240)] = (byte)Next();
            if (Record.Exception(() => Load(mutant, other)) is { } error)
            {
                Assert.IsType<StateException>(error);
                other.Ide.Reset(); // as a machine that was refused must be before it runs
            }
            else
            {
                other.Ide.Loaded();
                other.Ide.Resumed();
            }

            other.ReadData(512);
            other.Command(0x20, lba: 1, count: 1);
            Assert.Empty(other.Pc.Faults);
        }

        uint Next() => next = (next * 1664525) + 1013904223 >> 1;
    }

    private (BlockBackend Drive, HeldNode Host) AddDisk(IdeBench ide, string werror)
    {
        var graph = new BlockGraph(new Rhea.Host.HostIoHere(), _ => { });
        graph.Failed += failure => _policy = failure.Action;
        string path = TestDisks.File(TestDisks.Numbered(Sectors));
        BlockBackend drive = graph.Open(TestDisks.Config(path) with { WriteError = werror });
        File.Delete(path);
        var held = new HeldNode(drive.Root!);
        drive.Change(held);
        ide.AddDisk(drive);
        return (drive, held);
    }

    private static void Move(IdeBench from, IdeBench to)
    {
        Load(Save(from), to);
        to.Ide.Loaded();
    }

    private static byte[] Save(IdeBench from)
    {
        var stream = new MemoryStream();
        var wire = new WireWriter(stream);
        new StateWriter(wire).Write(from.Ide, 3);
        wire.Flush();
        return stream.ToArray();
    }

    private static void Load(byte[] bytes, IdeBench to) => new StateReader(new WireReader(new MemoryStream(bytes))).Read(to.Ide, 3);
}
