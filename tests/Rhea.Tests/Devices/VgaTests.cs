using Rhea.Core.Backends;
using Rhea.Core.Memory;
using Rhea.Devices.Display;
using Rhea.Tests.State;
using Xunit;

namespace Rhea.Tests.Devices;

/// <summary>The registers and the memory; what is seen of them is in <see cref="VgaPictureTests"/>.</summary>
public class VgaTests
{
    private readonly PcBench _pc = new();
    private readonly Vga _vga;
    private readonly RamBlock _ram;

    public VgaTests()
    {
        _vga = new Vga(_pc.PciSlot(), new());
        _vga.Reset();
        _ram = _pc.Blocks[0];
        _pc.Out(0x3C2, 0x67); // colour ports
    }

    [Fact]
    public void Is_the_card_of_qemu()
    {
        Assert.Equal(0x1111_1234u, _pc.ReadConfig(0x00, 4));
        Assert.Equal((0x0300_0002u, 0x1100_1AF4u), (_pc.ReadConfig(0x08, 4), _pc.ReadConfig(0x2C, 4)));
        foreach (int bar in new[] { 0x10, 0x18, 0x30 }) _pc.WriteConfig(bar, 4, 0xFFFF_FFFF);
        Assert.Equal((0xFF00_0008u, 0xFFFF_F000u, 0xFFFF_F001u), (_pc.ReadConfig(0x10, 4), _pc.ReadConfig(0x18, 4), _pc.ReadConfig(0x30, 4)));
        Assert.Equal(["0000:00:02.0/vga.vram", "0000:00:02.0/vga.rom"], _pc.Blocks.Select(block => block.Name));
    }

    [Fact]
    public void Its_section_is_qemus() => QemuSections.AssertDescribes("0000:00:02.0/vga", _vga);

    [Fact]
    public void Registers_keep_the_bits_they_have()
    {
        byte[] sequencer = [0x03, 0x3D, 0x0F, 0x3F, 0x0E], graphics = [0x0F, 0x0F, 0x0F, 0x1F, 0x03, 0x7B, 0x0F, 0x0F, 0xFF];
        for (byte i = 0; i < sequencer.Length; i++) Assert.Equal(sequencer[i], Indexed(0x3C4, i, 0xFF));
        for (byte i = 0; i < graphics.Length; i++) Assert.Equal(graphics[i], Indexed(0x3CE, i, 0xFF));
        Assert.Equal(0x67, _pc.In(0x3CC));
    }

    [Fact]
    public void The_crtc_is_where_the_misc_register_says()
    {
        Indexed(0x3D4, 0x0E, 0x12);
        Assert.Equal(0xFF, _pc.In(0x3B5));

        _pc.Out(0x3C2, 0x66);

        Assert.Equal((0x12, 0xFF), (_pc.In(0x3B5), _pc.In(0x3D5)));
    }

    [Fact]
    public void Locked_timing_registers_take_only_bit_8_of_the_split()
    {
        Indexed(0x3D4, 0x00, 0x5F);
        Indexed(0x3D4, 0x11, 0x80);

        Assert.Equal(0x5F, Indexed(0x3D4, 0x00, 0xAA));
        Assert.Equal(0x10, Indexed(0x3D4, 0x07, 0xFF));
    }

    [Fact]
    public void Attribute_index_and_data_take_turns_until_the_status_is_read()
    {
        _pc.In(0x3DA);
        _pc.Out(0x3C0, 0x10);
        _pc.Out(0x3C0, 0x0C);
        _pc.Out(0x3C0, 0x31); // index again
        _pc.In(0x3DA);
        _pc.Out(0x3C0, 0x10); // and again

        Assert.Equal((0x10, 0x0C), (ReadAttributeIndex(), _pc.In(0x3C1)));

        byte ReadAttributeIndex()
        {
            _pc.In(0x3DA);
            return _pc.In(0x3C0);
        }
    }

    [Fact]
    public void The_retrace_bits_change_with_every_read()
    {
        byte first = _pc.In(0x3DA);

        Assert.Equal(first ^ 0x09, _pc.In(0x3DA));
        Assert.Equal(first, _pc.In(0x3DA));
    }

    [Fact]
    public void The_palette_counts_through_its_components()
    {
        _pc.Out(0x3C8, 5);
        foreach (byte component in new byte[] { 0x3F, 0x20, 0x01, 0x02 }) _pc.Out(0x3C9, component);
        Assert.Equal((6, 0), (_pc.In(0x3C8), _pc.In(0x3C7)));

        _pc.Out(0x3C7, 5);

        Assert.Equal((0x3F, 0x20, 0x01, 3), (_pc.In(0x3C9), _pc.In(0x3C9), _pc.In(0x3C9), _pc.In(0x3C7)));
    }

    [Theory]
    [InlineData(0x00, 0xA_0000, 0xB_FFFF)]
    [InlineData(0x04, 0xA_0000, 0xA_FFFF)]
    [InlineData(0x08, 0xB_0000, 0xB_7FFF)]
    [InlineData(0x0C, 0xB_8000, 0xB_FFFF)]
    public void The_window_is_where_the_graphics_register_says(byte map, ulong first, ulong last)
    {
        Indexed(0x3CE, 6, map);

        Assert.Equal((0u, 0u), (_pc.Memory.Read(first, 1), _pc.Memory.Read(last, 1)));
        if (first > 0xA_0000) Assert.Equal(0xFFu, _pc.Memory.Read(first - 1, 1));
        if (last < 0xB_FFFF) Assert.Equal(0xFFu, _pc.Memory.Read(last + 1, 1));
    }

    [Fact]
    public void Odd_and_even_addresses_are_planes_1_and_0()
    {
        Planar(planes: 3);
        Indexed(0x3CE, 5, 0x10);
        Indexed(0x3CE, 6, 0x0E);

        _pc.Memory.Write(0xB_8002, 2, 0x0741);

        Assert.Equal([0x41, 0x07, 0, 0], _ram.Span(4, 4).ToArray());
        Assert.Equal(0x0741u, _pc.Memory.Read(0xB_8002, 2));
    }

    [Fact]
    public void A_read_fills_the_latches_and_gives_the_selected_plane()
    {
        Planar();
        Fill(0x11, 0x22, 0x33, 0x44);
        Indexed(0x3CE, 4, 2);

        Assert.Equal(0x33u, _pc.Memory.Read(0xA_0000, 1));
        Indexed(0x3CE, 5, 1); // write mode 1 copies them
        _pc.Memory.Write(0xA_0001, 1, 0);

        Assert.Equal([0x11, 0x22, 0x33, 0x44], _ram.Span(4, 4).ToArray());
    }

    [Fact]
    public void Read_mode_1_compares_colours()
    {
        Planar();
        Fill(0b1100_0000, 0b1010_0000, 0, 0); // pixels of colour 3, 1, 2, 0, …
        Indexed(0x3CE, 5, 0x08);
        Indexed(0x3CE, 2, 1);
        Indexed(0x3CE, 7, 0xF);
        Assert.Equal(0b0100_0000u, _pc.Memory.Read(0xA_0000, 1));

        Indexed(0x3CE, 7, 0x1); // only plane 0 counts

        Assert.Equal(0b1100_0000u, _pc.Memory.Read(0xA_0000, 1));
    }

    [Theory]
    [InlineData(0x00, 0x81, new byte[] { 0x18, 0x18, 0x18, 0x18 })] // moved: rotated by 4
    [InlineData(0x08, 0x81, new byte[] { 0x10, 0x00, 0x18, 0x08 })] // and
    [InlineData(0x10, 0x81, new byte[] { 0x7C, 0x1A, 0xFF, 0x9D })] // or
    [InlineData(0x18, 0x81, new byte[] { 0x6C, 0x1A, 0xE7, 0x95 })] // exclusive or
    public void Write_mode_0_rotates_and_combines(byte function, byte value, byte[] planes)
    {
        Planar();
        Fill(0x74, 0x02, 0xFF, 0x8D);
        Indexed(0x3CE, 3, (byte)(function | 4));
        _pc.Memory.Read(0xA_0000, 1);

        _pc.Memory.Write(0xA_0000, 1, value);

        Assert.Equal(planes, _ram.Span(0, 4).ToArray());
    }

    [Fact]
    public void Write_mode_0_sets_and_resets_planes_under_the_bit_mask()
    {
        Planar(planes: 0x7);
        Fill(0xFF, 0x00, 0xFF, 0x55);
        Indexed(0x3CE, 0, 0x2); // plane 0 to 0, plane 1 to 1
        Indexed(0x3CE, 1, 0x3);
        Indexed(0x3CE, 8, 0x0F);
        _pc.Memory.Read(0xA_0000, 1);

        _pc.Memory.Write(0xA_0000, 1, 0x00);

        Assert.Equal([0xF0, 0x0F, 0xF0, 0x55], _ram.Span(0, 4).ToArray()); // plane 3 is not written at all
    }

    [Fact]
    public void Write_mode_2_writes_a_colour()
    {
        Planar();
        Indexed(0x3CE, 5, 2);
        Indexed(0x3CE, 8, 0x80);
        _pc.Memory.Read(0xA_0000, 1);

        _pc.Memory.Write(0xA_0000, 1, 0x0A);

        Assert.Equal([0x00, 0x80, 0x00, 0x80], _ram.Span(0, 4).ToArray());
    }

    [Fact]
    public void Write_mode_3_takes_the_value_as_a_mask()
    {
        Planar();
        Fill(0x00, 0xFF, 0x00, 0x00);
        Indexed(0x3CE, 0, 0x9);
        Indexed(0x3CE, 5, 3);
        Indexed(0x3CE, 8, 0xFE);
        _pc.Memory.Read(0xA_0000, 1);

        _pc.Memory.Write(0xA_0000, 1, 0x03);

        Assert.Equal([0x02, 0xFD, 0x00, 0x02], _ram.Span(0, 4).ToArray());
    }

    [Fact]
    public void Chained_planes_are_plain_memory()
    {
        Planar();
        Indexed(0x3C4, 4, 0x0E);

        _pc.Memory.Write(0xA_1234, 4, 0x4433_2211);

        Assert.Equal([0x11, 0x22, 0x33, 0x44], _ram.Span(0x1234, 4).ToArray());
        Assert.Same(_ram, _pc.Memory.Map.Find(0xA_1234).Ram);
    }

    [Fact]
    public void A_masked_plane_is_not_written_when_chained()
    {
        Planar(planes: 0xD);
        Indexed(0x3C4, 4, 0x0E);

        _pc.Memory.Write(0xA_0000, 4, 0x4433_2211);

        Assert.Equal([0x11, 0, 0x33, 0x44], _ram.Span(0, 4).ToArray());
    }

    [Fact]
    public void A_vbe_bank_moves_the_window()
    {
        SetVbeMode(1024, 768, 8);

        WriteVbe(5, 3);
        _pc.Memory.Write(0xA_0010, 1, 0x77);

        Assert.Equal(0x77, _ram.Span(0x3_0010, 1)[0]);
    }

    [Fact]
    public void Vbe_knows_its_versions_and_its_memory()
    {
        WriteVbe(0, 0xB0C2);
        Assert.Equal(0xB0C2, ReadVbe(0));
        WriteVbe(0, 0xB0C6);
        Assert.Equal(0xB0C2, ReadVbe(0));

        Assert.Equal((0x100, 0), (ReadVbe(10), ReadVbe(11)));
    }

    [Theory] // what QEMU's registers say after the same writes: width, height, depth, virtual width, virtual height
    [InlineData(1024, 768, 32, new[] { 1024, 768, 32, 1024, 4096 })]
    [InlineData(0, 0, 32, new[] { 8, 1, 32, 8, 0 })]
    [InlineData(0xFFFF, 0xFFFF, 32, new[] { 16000, 262, 32, 16000, 262 })]
    [InlineData(1025, 7, 24, new[] { 1024, 7, 24, 1024, 5461 })]
    [InlineData(1024, 768, 7, new[] { 1024, 768, 8, 1024, 16384 })]
    [InlineData(1024, 768, 15, new[] { 1024, 768, 15, 1024, 8192 })]
    [InlineData(640, 480, 4, new[] { 640, 480, 4, 640, 52428 })]
    [InlineData(3000, 3000, 32, new[] { 3000, 1398, 32, 3000, 1398 })]
    public void A_vbe_mode_is_made_to_fit(ushort width, ushort height, ushort depth, int[] registers)
    {
        SetVbeMode(width, height, depth);

        Assert.Equal(registers, new[] { 1, 2, 3, 6, 7 }.Select(index => ReadVbe(index)));
    }

    [Fact]
    public void A_vbe_start_beyond_the_memory_is_taken_back()
    {
        SetVbeMode(1024, 768, 32);
        WriteVbe(6, 2048);
        Assert.Equal((2048, 2048), (ReadVbe(6), ReadVbe(7)));

        WriteVbe(8, 10);
        WriteVbe(9, 20);
        Assert.Equal((10, 20), (ReadVbe(8), ReadVbe(9)));

        WriteVbe(9, 0xFFFF);
        Assert.Equal((10, 0), (ReadVbe(8), ReadVbe(9)));
    }

    [Fact]
    public void Vbe_tells_what_it_can_do()
    {
        WriteVbe(4, 2);

        Assert.Equal((16000, 12000, 32), (ReadVbe(1), ReadVbe(2), ReadVbe(3)));
    }

    [Fact]
    public void A_vbe_mode_clears_the_memory_unless_asked_not_to()
    {
        _ram.Span(0, 1)[0] = 0x55;
        SetVbeMode(640, 480, 8, 0x81);
        Assert.Equal(0x55, _ram.Span(0, 1)[0]);

        SetVbeMode(640, 480, 8);
        Assert.Equal(0, _ram.Span(0, 1)[0]);
    }

    [Fact]
    public void The_register_bar_has_edid_ports_vbe_and_byte_order()
    {
        _pc.WriteConfig(0x18, 4, 0xFEBF_0000);
        _pc.WriteConfig(0x04, 2, 2);
        byte[] edid = [.. Enumerable.Range(0, 256).Select(i => (byte)_pc.Memory.Read(0xFEBF_0000 + (ulong)i, 1))];
        Assert.Equal([0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00], edid[..8]);
        Assert.Equal((0, 0), (edid[..128].Sum(value => value) & 0xFF, edid[128..].Sum(value => value) & 0xFF));

        _pc.Memory.Write(0xFEBF_0408, 1, 9);
        Assert.Equal(9, _pc.In(0x3C8));

        _pc.Memory.Write(0xFEBF_0502, 2, 800);
        Assert.Equal((800, 0xB0C5ul), (ReadVbe(1), _pc.Memory.Read(0xFEBF_0500, 2)));

        Assert.Equal((8ul, 0x1E1E_1E1Eul), (_pc.Memory.Read(0xFEBF_0600, 4), _pc.Memory.Read(0xFEBF_0604, 4)));
        _pc.Memory.Write(0xFEBF_0604, 4, 0xBEBE_BEBE);
        Assert.Equal(0xBEBE_BEBEul, _pc.Memory.Read(0xFEBF_0604, 4));
    }

    [Fact]
    public void The_rom_is_the_file_it_was_given()
    {
        _pc.WriteConfig(0x30, 4, 0xFEB0_0001);
        _pc.WriteConfig(0x04, 2, 2);

        Assert.Equal(0xCB02_AA55ul, _pc.Memory.Read(0xFEB0_0000, 4));
    }

    [Fact]
    public void Reset_leaves_the_memory_and_nothing_else()
    {
        SetVbeMode(640, 480, 8);
        _ram.Span(0, 1)[0] = 0x55;

        _vga.Reset();

        Assert.Equal((0x55, 0, 0, 0xB0C5), (_ram.Span(0, 1)[0], _pc.In(0x3CC), ReadVbe(4), ReadVbe(0)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Draws_whatever_a_guest_programs(int seed)
    {
        var random = (uint)seed;
        IConsole screen = _pc.Consoles[0];
        ushort[] ports = [0x1CE, 0x1D0, 0x3C0, 0x3C4, 0x3C5, 0x3C8, 0x3C9, 0x3CE, 0x3CF, 0x3D4, 0x3D5, 0x3D5, 0x3DA];
        for (var i = 0; i < 300; i++)
        {
            for (var j = 0; j < 60; j++)
            {
                uint what = Next(), value = Next();
                if (what % 4 == 0) _pc.Memory.Write(0xA_0000 + (what >> 4 & 0x1_FFFF), 4, value);
                else if (ports[what % ports.Length] < 0x1D1) _pc.Ports.Write(ports[what % ports.Length], 2, value & (value >> 8 & 0xFFF));
                else _pc.Out(ports[what % ports.Length], (byte)value);
                if (j == 30) _pc.In(0x3DA);
            }

            if (Next() % 2 == 0)
            {
                _pc.In(0x3DA);
                _pc.Out(0x3C0, 0x20); // unblank
            }

            screen.Refresh();
            _ = screen.Text;
            Assert.InRange((long)screen.Surface.Width * screen.Surface.Height, 1, 16000L * 4200);
        }

        uint Next() => random = (random * 1664525) + 1013904223 >> 1;
    }

    private void Planar(byte planes = 0xF)
    {
        Indexed(0x3C4, 2, planes);
        Indexed(0x3C4, 4, 0x06);
        Indexed(0x3CE, 6, 0x05);
        Indexed(0x3CE, 8, 0xFF);
    }

    private void Fill(params byte[] planes) => planes.CopyTo(_ram.Span(0, 4));

    private byte Indexed(ushort port, byte index, byte value)
    {
        _pc.Out(port, index);
        _pc.Out((ushort)(port + 1), value);
        return _pc.In((ushort)(port + 1));
    }

    private void SetVbeMode(ushort width, ushort height, ushort depth, ushort enable = 1)
    {
        WriteVbe(4, 0);
        WriteVbe(1, width);
        WriteVbe(2, height);
        WriteVbe(3, depth);
        WriteVbe(4, enable);
    }

    private void WriteVbe(ushort index, ushort value)
    {
        _pc.Ports.Write(0x1CE, 2, index);
        _pc.Ports.Write(0x1CF, 2, value);
    }

    private int ReadVbe(int index)
    {
        _pc.Ports.Write(0x1CE, 2, (uint)index);
        return (int)_pc.Ports.Read(0x1D0, 2);
    }
}
