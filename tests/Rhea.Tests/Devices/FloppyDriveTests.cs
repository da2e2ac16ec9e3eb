using Rhea.Block;
using Rhea.Core;
using Rhea.Devices.Storage;
using Rhea.Tests.Block;
using Xunit;

namespace Rhea.Tests.Devices;

public class FloppyDriveTests
{
    private readonly PcBench _pc = new();

    [Theory]
    [InlineData(1440, FloppyType.Inch3M144, 18)]
    [InlineData(2880, FloppyType.Inch3M288, 36)]
    [InlineData(720, FloppyType.Inch3M144, 9)]
    [InlineData(1200, FloppyType.Inch5M12, 15)]
    [InlineData(100, FloppyType.Inch3M288, 36)] // no format has this size
    public void The_size_of_the_disk_decides_on_drive_and_format(int kilobytes, FloppyType type, byte sectors)
    {
        FloppyDrive drive = Plug(TestDisks.Blank(kilobytes << 10), new() { Drive = "disk" });

        Assert.Equal((type, sectors), (drive.Type, drive.Format!.Value.Sectors));
    }

    [Fact]
    public void An_empty_drive_is_what_the_user_says_or_the_largest()
    {
        Assert.Equal(FloppyType.Inch3M288, Plug(null, new()).Type);
        Assert.Equal(FloppyType.Inch3M144, Plug(null, new() { Type = "144" }).Type);
    }

    [Fact]
    public void Sectors_are_numbered_along_a_track_then_over_the_sides()
    {
        var format = FloppyFormat.Of(1440 << 10, null, FloppyType.Inch3M288);

        Assert.Equal((0, 9216, 18432, 1474048), (format.Offset(0, 0, 1), format.Offset(0, 1, 1), format.Offset(1, 0, 1), format.Offset(79, 1, 18)));
    }

    [Fact]
    public void A_cable_has_two_places()
    {
        var controller = new I82078(_pc.IsaSlot(), new());
        FloppyDrive Add(int unit) => new(new FloppySlot(_pc.Services, controller), new() { Unit = unit });

        Assert.Equal((0, 1), (Add(-1).Unit, Add(-1).Unit));
        Assert.Equal("Can't create floppy unit 2, bus supports only 2 units", Assert.Throws<ConfigException>(() => Add(-1)).Message);
        Assert.Equal("Floppy unit 1 is in use", Assert.Throws<ConfigException>(() => Add(1)).Message);
    }

    private FloppyDrive Plug(BlockBackend? disk, FloppyDrive.Options options)
    {
        if (disk is not null) _pc.Drives.Add("disk", disk);
        return new FloppyDrive(new FloppySlot(_pc.Services, new I82078(new PcBench().IsaSlot(), new())), options);
    }
}
