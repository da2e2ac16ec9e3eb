using Rhea.Core;
using Rhea.Core.Memory;
using Rhea.Hypervisors.Xen;
using Xunit;

namespace Rhea.Tests.Hypervisors;

/// <summary>Blocks of memory follow the map among a domain's frames, each page at one place.</summary>
public sealed class XenMemoryTests : IDisposable
{
    private const ulong Page = RamBlock.PageSize;

    private readonly FakeXenFrames _frames = new();
    private readonly XenMemory _memory;
    private readonly MemoryRegion _system = MemoryRegion.Frame("system", MemoryRegion.Everything);
    private readonly AddressSpace _space;
    private readonly List<RamBlock> _blocks = [];

    public XenMemoryTests()
    {
        _memory = new XenMemory(_frames);
        _space = new AddressSpace(_system);
        _space.Follow(_memory);
    }

    public void Dispose()
    {
        foreach (RamBlock block in _blocks) block.Dispose();
        _frames.Dispose();
    }

    [Fact]
    public void What_the_host_writes_before_a_block_is_on_the_map_the_guest_reads_there()
    {
        RamBlock rom = Block("rom", 2);
        rom.Span(Page + 5, 1)[0] = 0x77;

        _system.Add(0xFFFE_0000, MemoryRegion.Rom(rom));

        Assert.Equal(0x77, _frames.Read(0xFFFE_1005));
        Assert.True(_frames.IsReadOnly(0xFFFE1));
    }

    [Fact]
    public void Ram_is_given_where_the_map_has_it_and_the_host_sees_the_same()
    {
        RamBlock ram = Block("ram", 4);
        _system.Add(0x10_0000, MemoryRegion.Ram(ram));

        ram.Span(0x2003, 1)[0] = 0x42;

        Assert.Equal("populate 100+4", Assert.Single(_frames.Calls));
        Assert.Equal(0x42, _frames.Read(0x10_2003));
    }

    /// <summary>xl gives all of it but the VGA's window; where the firmware is to be, RAM makes room.</summary>
    [Fact]
    public void What_a_toolstack_has_laid_stays_where_it_is()
    {
        _frames.Populate(0, 0xA0);
        _frames.Populate(0xC0, 0x140);
        _frames.Calls.Clear();
        var memory = new XenMemory(_frames, populated: 2 << 20);
        var block = new RamBlock("pc.ram", 2 << 20, memory);
        _blocks.Add(block);
        var system = MemoryRegion.Frame("system", MemoryRegion.Everything);
        new AddressSpace(system).Follow(memory);
        MemoryRegion ram = MemoryRegion.Ram(block);
        system.Add(0, MemoryRegion.Window("low", ram, 0, 0xA_0000));
        system.Add(0x10_0000, MemoryRegion.Window("high", ram, 0x10_0000, 0x10_0000));

        Assert.Equal("move c0->f0000c0+40", Assert.Single(_frames.Calls));
        Assert.Equal(0x20UL, _frames.Allowed); // what lies behind the VGA's window is still to come
        block.Span(0x10_0003, 1)[0] = 0x42;
        Assert.Equal(0x42, _frames.Read(0x10_0003));
    }

    [Fact]
    public void A_block_that_moves_keeps_its_contents_and_its_mapping()
    {
        RamBlock video = Block("video", 2);
        MemoryRegion bar = MemoryRegion.Ram(video);
        video.Span(7, 1)[0] = 1;

        _system.Add(0xE000_0000, bar);
        _system.Remove(bar);
        _system.Add(0xF000_0000, bar);
        video.Span(7, 1)[0]++;

        Assert.Equal(-1, _frames.Read(0xE000_0007));
        Assert.Equal(2, _frames.Read(0xF000_0007));
    }

    [Fact]
    public void Ram_takes_the_place_of_rom_and_gives_it_back()
    {
        RamBlock ram = Block("ram", 1), rom = Block("rom", 1);
        (ram.Span(0, 1)[0], rom.Span(0, 1)[0]) = (1, 2);
        MemoryRegion shadow = MemoryRegion.Window("shadow", MemoryRegion.Ram(ram), 0, Page);
        shadow.Enabled = false;
        _system.Add(0xF_0000, MemoryRegion.Rom(rom));
        _system.Add(0xF_0000, shadow, priority: 1);

        Assert.Equal(2, _frames.Read(0xF_0000));
        shadow.Enabled = true;
        Assert.Equal(1, _frames.Read(0xF_0000));
        Assert.False(_frames.IsReadOnly(0xF0));
        shadow.ReadOnly = true;
        Assert.Equal(1, _frames.Read(0xF_0000));
        Assert.True(_frames.IsReadOnly(0xF0));
        shadow.Enabled = false;
        Assert.Equal(2, _frames.Read(0xF_0000));
    }

    /// <summary>Write protection changes its kind only, which nobody else on the machine can notice.</summary>
    [Fact]
    public void A_page_that_stays_where_it_is_is_not_moved()
    {
        RamBlock ram = Block("ram", 8);
        MemoryRegion whole = MemoryRegion.Ram(ram);
        _system.Add(0x10_0000, whole);
        int calls = _frames.Calls.Count;

        whole.ReadOnly = true;
        _system.Add(0x10_2000, MemoryRegion.Io(new Rhea.Core.Io.IoRegion("io", 0x1000, Rhea.Core.Io.AccessSizes.Byte, (_, _) => 0, (_, _, _) => { })), priority: 1);

        Assert.Equal($"move 102->{0x0F00_0002:x}+1", Assert.Single(_frames.Calls.Skip(calls)));
    }

    [Fact]
    public void A_second_window_on_rom_shows_a_copy_which_is_as_the_rom_is_when_the_guest_runs()
    {
        RamBlock rom = Block("rom", 2);
        MemoryRegion image = MemoryRegion.Rom(rom), below = MemoryRegion.Window("below", image, Page, Page);
        rom.Span(Page, 1)[0] = 1;
        _system.Add(0xFFFF_E000, image);
        _system.Add(0xF_F000, below);

        Assert.Equal(1, _frames.Read(0xF_F000));
        Assert.Equal(1, _frames.Read(0xFFFF_F000));
        rom.Span(Page, 1)[0] = 2; // as loading a saved machine does
        _memory.Complete();
        Assert.Equal((2, 2), (_frames.Read(0xF_F000), _frames.Read(0xFFFF_F000)));
        int populated = _frames.Populated;
        below.Enabled = false;
        Assert.Equal(-1, _frames.Read(0xF_F000));
        Assert.Equal(populated - 1, _frames.Populated);
    }

    /// <summary>Accesses there come out of Xen, and the bus reaches the block.</summary>
    [Fact]
    public void A_second_window_on_ram_is_no_memory()
    {
        RamBlock video = Block("video", 2);
        MemoryRegion ram = MemoryRegion.Ram(video);
        _system.Add(0xE000_0000, ram);
        _system.Add(0xA_0000, MemoryRegion.Window("bank", ram, 0, Page));

        Assert.Equal(-1, _frames.Read(0xA_0000));
        Assert.Equal(0, _frames.Read(0xE000_0000));
    }

    [Fact]
    public void What_the_guest_writes_is_collected_from_xens_log()
    {
        RamBlock video = Block("video", 16);
        _system.Add(0xE000_0000, MemoryRegion.Ram(video));
        DirtyBitmap dirty = video.Track(DirtyReader.Display);
        _frames.Dirty.Add(0xE0009);
        var pages = new List<ulong>();

        dirty.Take(pages.Add);
        dirty.Take(pages.Add);

        Assert.Equal([9], pages);
    }

    [Fact]
    public void Of_a_block_in_pieces_any_page_may_have_been_written()
    {
        RamBlock ram = Block("ram", 4);
        MemoryRegion region = MemoryRegion.Ram(ram);
        _system.Add(0, MemoryRegion.Window("low", region, 0, 2 * Page));
        _system.Add(0x10_0000, MemoryRegion.Window("high", region, 2 * Page, 2 * Page));
        var pages = new List<ulong>();

        ram.Track(DirtyReader.Migration).Take(pages.Add);

        Assert.Equal([0, 1, 2, 3], pages);
    }

    [Fact]
    public void A_page_that_has_gone_reads_as_ones_and_takes_writes_nowhere()
    {
        RamBlock ram = Block("ram", 2);
        _system.Add(0x10_0000, MemoryRegion.Ram(ram));
        _frames.Release(0x101, 1); // as a guest's balloon does

        ram.Span(0, 1)[0] = 1;
        Assert.Equal(0xFF, ram.Span(Page, 1)[0]);
        ram.Span(Page, 1)[0] = 2;
        Assert.Equal((1, -1), (_frames.Read(0x10_0000), _frames.Read(0x10_1000)));
    }

    [Fact]
    public void Before_the_guest_runs_all_memory_is_there()
    {
        _ = Block("ram", 3);
        _memory.Complete();

        Assert.Equal(3, _frames.Populated);
        Assert.Equal(3UL, _frames.Allowed);
    }

    [Fact]
    public void No_more_is_mapped_than_the_bound_once_it_has_been_trimmed_and_what_was_written_stays()
    {
        const int Chunks = 8, Most = 2;
        var crowded = 0;
        XenMemory memory = new(_frames, Most) { Crowded = () => crowded++ };
        using var ram = new RamBlock("ram", Chunks << RamBlock.ChunkBits, memory);

        for (ulong chunk = 0; chunk < Chunks; chunk++) ram.Span(chunk << RamBlock.ChunkBits, 1)[0] = (byte)(chunk + 1);
        Assert.Equal((Chunks, Chunks - Most), (memory.MappedChunks, crowded));
        memory.Trim();
        Assert.Equal(Most, memory.MappedChunks);
        for (ulong chunk = 0; chunk < Chunks; chunk++) Assert.Equal(chunk + 1, ram.Span(chunk << RamBlock.ChunkBits, 1)[0]);
    }

    [Fact]
    public void What_a_transfer_holds_stays_mapped_and_what_is_used_goes_last()
    {
        XenMemory memory = new(_frames, 2);
        using var ram = new RamBlock("ram", 4 << RamBlock.ChunkBits, memory);
        var transfer = new ScatterList();
        transfer.Add(ram, 0, 16);
        ScatterList.Held held = transfer.Hold(0);

        for (ulong chunk = 1; chunk < 4; chunk++) _ = ram.Span(chunk << RamBlock.ChunkBits, 1);
        memory.Trim();
        held.Bytes.Fill(7); // would be a fault of ours if it had gone
        held.Dispose();

        Assert.Equal(2, memory.MappedChunks);
        Assert.Equal(7, ram.Span(0, 1)[0]);
    }

    [Fact]
    public void After_an_invalidation_pages_are_mapped_anew()
    {
        RamBlock ram = Block("ram", 2);
        _system.Add(0x10_0000, MemoryRegion.Ram(ram));
        ram.Span(0, 1)[0] = 5;
        _frames.Release(0x100, 1);
        _frames.Populate(0x100, 1);

        _memory.Invalidate();
        _memory.Trim();

        Assert.Equal(0, _memory.MappedChunks);
        Assert.Equal(0, ram.Span(0, 1)[0]);
    }

    [Fact]
    public void Memory_that_is_not_to_be_had_is_an_error()
    {
        _frames.Free = 2;
        RamBlock ram = Block("ram", 4);

        Assert.Throws<ConfigException>(() => _system.Add(0, MemoryRegion.Ram(ram)));
    }

    private RamBlock Block(string name, ulong pages)
    {
        var block = new RamBlock(name, pages * Page, _memory);
        _blocks.Add(block);
        return block;
    }
}
