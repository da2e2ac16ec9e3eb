using Rhea.Core.Memory;
using Rhea.Devices.Chipset;
using Rhea.Host;
using Xunit;

namespace Rhea.Tests.Devices;

public sealed class I8237Tests : IDisposable
{
    private readonly PcBench _pc = new();
    private readonly RamBlock _ram = new("pc.ram", 0x10_0000, new HostRam());
    private readonly DmaChannel _floppy, _sound;

    public I8237Tests()
    {
        _pc.System.Add(0, MemoryRegion.Ram(_ram));
        I8237 first = new(_pc.IsaSlot(), new GuestMemory(_pc.Memory), second: false), second = new(_pc.IsaSlot(), new GuestMemory(_pc.Memory), second: true);
        first.Reset();
        second.Reset();
        (_floppy, _sound) = (first.Channels[2], second.Channels[1]);
    }

    public void Dispose() => _ram.Dispose();

    [Fact]
    public void Address_and_count_are_written_low_byte_first_and_read_back()
    {
        foreach (byte value in (byte[])[0x34, 0x12]) _pc.Out(0x04, value);
        foreach (byte value in (byte[])[0xFF, 0x01]) _pc.Out(0x05, value);
        _pc.Out(0x0C, 0);

        Assert.Equal((0x34, 0x12, 0xFF, 0x01), (_pc.In(0x04), _pc.In(0x04), _pc.In(0x05), _pc.In(0x05)));
    }

    [Fact]
    public void A_device_fills_memory_up_to_the_count_and_the_channel_closes()
    {
        Program(mode: 0x46, page: 0x01, address: 0x2000, count: 3);

        Assert.Equal(4, _floppy.WriteMemory([1, 2, 3, 4, 5, 6], out _));

        Assert.Equal(0x0000_0000_0403_0201ul, _pc.Memory.Read(0x1_2000, 8));
        Assert.Equal((0x04, 0x00, false), (_pc.In(0x08), _pc.In(0x08), _floppy.IsOpen));
        Assert.Equal(0, _floppy.WriteMemory([7], out _));
    }

    [Fact]
    public void A_transfer_goes_on_where_it_was()
    {
        Program(mode: 0x46, page: 0x00, address: 0x2000, count: 3);

        _floppy.WriteMemory([1, 2], out _);
        _floppy.WriteMemory([3], out _);

        Assert.Equal(0x0003_0201ul, _pc.Memory.Read(0x2000, 4));
        _pc.Out(0x0C, 0);
        Assert.Equal((0x03, 0x20, 0x00, 0x00), (_pc.In(0x04), _pc.In(0x04), _pc.In(0x05), _pc.In(0x05)));
    }

    [Fact]
    public void A_device_takes_bytes_from_memory()
    {
        _pc.Memory.Write(0x3000, 4, 0x4433_2211);
        Program(mode: 0x4A, page: 0x00, address: 0x3000, count: 1);
        byte[] bytes = new byte[4];

        Assert.Equal(2, _floppy.ReadMemory(bytes, out _));
        Assert.Equal([0x11, 0x22, 0, 0], bytes);
    }

    [Fact]
    public void A_masked_channel_or_the_wrong_direction_moves_nothing_until_the_guest_is_ready()
    {
        var opened = 0;
        _floppy.Opened = () => opened++;
        Assert.Equal(0, _floppy.WriteMemory([1], out _));

        Program(mode: 0x4A, page: 0, address: 0, count: 9);
        Assert.Equal((1, 0), (opened, _floppy.WriteMemory([1], out _)));

        _pc.Out(0x08, 0x04); // controller off
        Assert.Equal(0, _floppy.ReadMemory(new byte[1], out _));
    }

    [Fact]
    public void The_address_wraps_inside_its_page()
    {
        Program(mode: 0x46, page: 0x02, address: 0xFFFF, count: 1);

        _floppy.WriteMemory([0xAA, 0xBB], out _);

        Assert.Equal((0xAAul, 0xBBul), (_pc.Memory.Read(0x2_FFFF, 1), _pc.Memory.Read(0x2_0000, 1)));
    }

    [Fact]
    public void It_can_count_down()
    {
        Program(mode: 0x66, page: 0x00, address: 0x4001, count: 1);

        _floppy.WriteMemory([0xAA, 0xBB], out _);

        Assert.Equal(0xAABBul, _pc.Memory.Read(0x4000, 2));
    }

    [Fact]
    public void Auto_initialization_starts_over()
    {
        Program(mode: 0x56, page: 0x00, address: 0x5000, count: 1);

        _floppy.WriteMemory([1, 2], out _);
        _floppy.WriteMemory([3], out _);

        Assert.Equal(0x0203ul, _pc.Memory.Read(0x5000, 2));
    }

    [Fact]
    public void Verify_counts_without_touching_memory()
    {
        Program(mode: 0x42, page: 0x00, address: 0x5000, count: 1);

        Assert.Equal(2, _floppy.WriteMemory([1, 2], out _));

        Assert.Equal(0ul, _pc.Memory.Read(0x5000, 2));
    }

    [Fact]
    public void The_second_controller_counts_words()
    {
        foreach ((ushort port, byte value) in ((ushort, byte)[])
            [(0xD6, 0x45), (0x8B, 0x03), (0xD8, 0), (0xC4, 0x00), (0xC4, 0x10), (0xC6, 0x01), (0xC6, 0x00), (0xD4, 0x01)])
            _pc.Out(port, value);

        Assert.Equal(4, _sound.WriteMemory([1, 2, 3, 4, 5, 6], out _));

        Assert.Equal(0x0403_0201ul, _pc.Memory.Read(0x2_2000, 4)); // bit 0 of the page does not count
    }

    [Fact]
    public void Master_clear_masks_all()
    {
        _pc.Out(0x0F, 0x00);
        _pc.Out(0x0D, 0x00);

        Assert.Equal(0xFF, _pc.In(0x09));
    }

    private void Program(byte mode, byte page, ushort address, ushort count)
    {
        foreach ((ushort port, byte value) in ((ushort, byte)[])
            [(0x0B, mode), (0x81, page), (0x0C, 0), (0x04, (byte)address), (0x04, (byte)(address >> 8)), (0x05, (byte)count), (0x05, (byte)(count >> 8)), (0x0A, 0x02)])
            _pc.Out(port, value);
    }
}
