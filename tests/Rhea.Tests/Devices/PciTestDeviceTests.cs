using System.Text;
using Rhea.Devices.Debug;
using Xunit;

namespace Rhea.Tests.Devices;

public class PciTestDeviceTests
{
    private const uint Registers = 0xFD00_0000;

    private readonly PcBench _pc = new();

    public PciTestDeviceTests()
    {
        new PciTestDevice(_pc.PciSlot(), new()).Reset();
        _pc.WriteConfig(0x10, 4, Registers);
        _pc.WriteConfig(0x14, 4, 0xC000);
        _pc.WriteConfig(0x04, 2, 3);
    }

    [Theory]
    [InlineData(0, "0001000000080000fa00000000000000", "mmio-no-eventfd")]
    [InlineData(1, "0101000001080000ce00000000000000", "mmio-wildcard-eventfd")]
    [InlineData(2, "0201000002080000fa00000000000000", "mmio-datamatch-eventfd")]
    [InlineData(3, "00000000000000000000000000000000", "")]
    public void A_test_tells_where_to_write_what(byte test, string header, string name)
    {
        _pc.Memory.Write(Registers, 1, test);

        byte[] bytes = [.. Enumerable.Range(0, 48).Select(offset => (byte)_pc.Memory.Read(Registers + (uint)offset, 1))];

        Assert.Equal((header, name), (Convert.ToHexStringLower(bytes[..16]), Encoding.ASCII.GetString(bytes[16..]).TrimEnd('\0')));
    }

    [Fact]
    public void It_counts_each_byte_that_arrives_there()
    {
        _pc.Out(0xC000, 0); // portio-no-eventfd
        foreach (byte value in (byte[])[0xFA, 0xFA, 0xCE]) _pc.Out(0xC083, value);
        _pc.Ports.Write(0xC083, 2, 0xFAFA);
        _pc.Ports.Write(0xC083, 2, 0xCEFA);
        _pc.Ports.Write(0xC080, 4, 0xFA00_0000);
        Assert.Equal((3, 5u), (_pc.In(0xC000), _pc.Ports.Read(0xC00C, 4)));

        _pc.Out(0xC000, 2); // portio-datamatch-eventfd
        _pc.Out(0xC085, 0xFA);
        Assert.Equal((5, 0u), (_pc.In(0xC000), _pc.Ports.Read(0xC00C, 4)));
    }
}
