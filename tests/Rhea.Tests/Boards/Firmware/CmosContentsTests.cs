using Rhea.Boards;
using Rhea.Boards.Firmware;
using Rhea.Core;
using Rhea.Devices.Storage;
using Xunit;

namespace Rhea.Tests.Boards.Firmware;

/// <summary>Expected bytes are those of a QEMU 7.2.22 with the same memory and drives.</summary>
public class CmosContentsTests
{
    private readonly byte[] _ram = new byte[128];

    [Fact]
    public void Memory_is_told_in_four_places()
    {
        CmosContents.WriteMemory(_ram, RamSplit.Of(5UL << 30));

        Assert.Equal("8002ffff", Hex(0x15, 4));
        Assert.Equal("ffff", Hex(0x30, 2));
        Assert.Equal("00bf", Hex(0x34, 2));
        Assert.Equal("008000", Hex(0x5B, 3));
    }

    [Fact]
    public void Small_memory_ends_below_sixteen_megabytes()
    {
        CmosContents.WriteMemory(_ram, RamSplit.Of(16 << 20));

        Assert.Equal("8002003c", Hex(0x15, 4));
        Assert.Equal("003c", Hex(0x30, 2));
        Assert.Equal("0000", Hex(0x34, 2));
    }

    [Fact]
    public void More_processors_are_counted_without_the_first()
    {
        CmosContents.WriteCpus(_ram, 2);

        Assert.Equal("01", Hex(0x5F, 1));
    }

    [Theory]
    [InlineData(FloppyType.None, FloppyType.None, "00", "06")]
    [InlineData(FloppyType.Inch3M144, FloppyType.None, "40", "07")]
    [InlineData(FloppyType.Inch3M288, FloppyType.Inch3M144, "54", "47")]
    public void Floppies_are_drive_types_and_a_count(FloppyType first, FloppyType second, string types, string equipment)
    {
        CmosContents.WriteFloppies(_ram, first, second);

        Assert.Equal((types, equipment), (Hex(0x10, 1), Hex(0x14, 1)));
    }

    [Fact]
    public void Disks_of_the_first_channel_have_their_geometry()
    {
        CmosContents.WriteDisks(_ram, [new(16383, 16, 63), new(203, 16, 63), null, null]);

        Assert.Equal("ff", Hex(0x12, 1));
        Assert.Equal("2f2fff3f10ffffc8ff3f3fcb0010ffffc8cb003f", Hex(0x19, 20));
        Assert.Equal("01", Hex(0x39, 1));
    }

    [Fact]
    public void Disks_of_the_second_channel_have_their_translation_only()
    {
        CmosContents.WriteDisks(_ram, [new(203, 16, 63), null, null, new(16383, 16, 63)]);

        Assert.Equal("f0", Hex(0x12, 1));
        Assert.Equal("2f00", Hex(0x19, 2));
        Assert.Equal("40", Hex(0x39, 1));
    }

    [Theory]
    [InlineData("cad", "12", "30")]
    [InlineData("dc", "23", "00")]
    [InlineData("n", "04", "00")]
    public void Boot_order_is_three_nibbles(string order, string first, string third)
    {
        CmosContents.WriteBootOrder(_ram, order);

        Assert.Equal((first, third), (Hex(0x3D, 1), Hex(0x38, 1)));
    }

    [Theory]
    [InlineData("x")]
    [InlineData("cadn")]
    public void Impossible_boot_orders_are_refused(string order) =>
        Assert.Throws<ConfigException>(() => CmosContents.WriteBootOrder(_ram, order));

    private string Hex(int from, int length) => Convert.ToHexStringLower(_ram.AsSpan(from, length));
}
