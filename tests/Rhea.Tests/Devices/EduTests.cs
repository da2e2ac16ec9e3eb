using Rhea.Core.Memory;
using Rhea.Devices.Debug;
using Rhea.Host;
using Xunit;

namespace Rhea.Tests.Devices;

public sealed class EduTests : IDisposable
{
    private const uint Registers = 0xFE00_0000;

    private readonly PcBench _pc = new();
    private readonly RamBlock _ram = new("pc.ram", 0x1_0000, new HostRam());

    public EduTests()
    {
        _pc.System.Add(0, MemoryRegion.Ram(_ram));
        new Edu(_pc.PciSlot(), new()).Reset();
        _pc.WriteConfig(0x10, 4, Registers);
        _pc.WriteConfig(0x04, 2, 6);
    }

    public void Dispose() => _ram.Dispose();

    [Fact]
    public void It_says_what_it_is_and_that_it_lives()
    {
        Write(0x04, 0x1234_5678);

        Assert.Equal((0x0100_00EDu, 0xEDCB_A987u, 0xFFFF_FFFFu), (Read(0x00), Read(0x04), Read(0x60)));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(5, 120)]
    [InlineData(33, 0x8000_0000)]
    [InlineData(0xFFFF_FFFF, 0)]
    public void It_computes_factorials(uint number, uint product)
    {
        Write(0x08, number);
        Assert.Equal(1u, Read(0x20));

        _pc.Clock.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal((0u, product), (Read(0x20), Read(0x08)));
    }

    [Fact]
    public void It_interrupts_when_done_until_acknowledged()
    {
        Write(0x20, 0x80);
        Write(0x08, 4);
        _pc.Clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal((1u, true), (Read(0x24), _pc.Pins[^1].Level));

        Write(0x64, 1);

        Assert.Equal((0u, false), (Read(0x24), _pc.Pins[^1].Level));
    }

    [Fact]
    public void It_moves_memory_to_its_buffer_and_back()
    {
        "some text"u8.CopyTo(_ram.Span(0x1000, 16));
        Move(0x1000, 0x4_0000, 9, 1);
        Move(0x4_0000, 0x2000, 9, 3);

        Assert.Equal("some text"u8, _ram.Span(0x2000, 9));
    }

    [Theory]
    [InlineData(0x4_0FF8, 9)]
    [InlineData(0x0, 16)]
    [InlineData(0xFFFF_FFFF, 0xFFFF_FFFF)]
    public void A_transfer_that_leaves_the_buffer_moves_nothing(uint destination, uint count)
    {
        Move(0x1000, destination, count, 5);

        Assert.Equal((4u, 0x100u), (Read(0x98), Read(0x24)));
    }

    private void Move(uint from, uint to, uint count, uint command)
    {
        foreach ((uint register, uint value) in ((uint, uint)[])[(0x80, from), (0x88, to), (0x90, count), (0x98, command)]) Write(register, value);
        _pc.Clock.Advance(TimeSpan.FromMilliseconds(100));
    }

    private uint Read(uint register) => (uint)_pc.Memory.Read(Registers + register, 4);

    private void Write(uint register, uint value) => _pc.Memory.Write(Registers + register, 4, value);
}
