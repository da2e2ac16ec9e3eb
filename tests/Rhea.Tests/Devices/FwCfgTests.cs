using System.Buffers.Binary;
using System.Text;
using Rhea.Core;
using Rhea.Core.Memory;
using Rhea.Core.State;
using Rhea.Devices.Chipset;
using Rhea.Host;
using Xunit;

namespace Rhea.Tests.Devices;

public sealed class FwCfgTests : IDisposable
{
    private const ulong Request = 0x1000, Buffer = 0x2000;

    private readonly PcBench _pc = new();
    private readonly RamBlock _ram = new("pc.ram", 0x10_0000, new HostRam());
    private readonly FwCfg _fwCfg;

    public FwCfgTests()
    {
        _pc.System.Add(0, MemoryRegion.Ram(_ram));
        _fwCfg = new FwCfg(_pc.IsaSlot(), new GuestMemory(_pc.Memory));
        _fwCfg.Reset();
    }

    public void Dispose() => _ram.Dispose();

    [Fact]
    public void Signature_is_read_byte_by_byte_and_ends_in_zeros()
    {
        Select(0);

        Assert.Equal("QEMU\0\0", Encoding.ASCII.GetString(Data(6)));
    }

    [Fact]
    public void Id_tells_of_both_interfaces()
    {
        Select(1);

        Assert.Equal([3, 0, 0, 0], Data(4));
    }

    [Fact]
    public void Dma_port_shows_its_own_signature()
    {
        Assert.Equal(0x554D_4551u, _pc.Ports.Read(0x514, 4));
        Assert.Equal(0x4746_4320u, _pc.Ports.Read(0x518, 4));
    }

    [Fact]
    public void Selecting_starts_again_from_the_first_byte()
    {
        Select(0);
        Data(2);

        Select(0);

        Assert.Equal((byte)'Q', Data(1)[0]);
    }

    [Fact]
    public void Directory_lists_files_by_name_with_keys_from_20h()
    {
        _fwCfg.AddFile("opt/b", [1, 2]);
        _fwCfg.AddFile("etc/a", [3]);
        Select(0x19);

        byte[] directory = Data(4 + 128);

        Assert.Equal("0000000200000001002000006574632f61", Convert.ToHexStringLower(directory[..17]));
        Assert.Equal("00000002002100006f70742f62", Convert.ToHexStringLower(directory[68..81]));
        Select(0x21);
        Assert.Equal([1, 2, 0], Data(3));
    }

    [Fact]
    public void Numbers_are_little_endian()
    {
        _fwCfg.AddNumber(FwCfgKey.RamSize, 0x1_4000_0000UL);
        Select(3);

        Assert.Equal([0, 0, 0, 0x40, 1, 0, 0, 0], Data(8));
    }

    [Fact]
    public void Local_items_have_keys_of_their_own()
    {
        _fwCfg.AddNumber(FwCfgKey.Irq0Override, 1u);
        Select(0x8002);

        Assert.Equal([1, 0, 0, 0], Data(4));
    }

    [Fact]
    public void Keys_that_do_not_exist_read_as_zeros()
    {
        Select(0x3FFF);

        Assert.Equal([0, 0], Data(2));
    }

    [Fact]
    public void Dma_selects_and_reads_in_one_request()
    {
        _ram.Span(Buffer, 8).Fill(0xEE);

        Assert.Equal(0u, Dma(0x0000_000A, 5, Buffer));

        Assert.Equal("QEMU\0", Encoding.ASCII.GetString(_ram.Span(Buffer, 5)));
        Assert.Equal(0xEE, _ram.Span(Buffer + 5, 1)[0]);
    }

    [Fact]
    public void Dma_goes_on_where_the_last_request_ended()
    {
        _fwCfg.AddFile("etc/a", [1, 2, 3, 4, 5, 6]);

        Dma(0x0020_000A, 2, Buffer); // select and read
        Dma(0x0000_0004, 1, 0);      // skip
        Dma(0x0000_0002, 2, Buffer);

        Assert.Equal([4, 5], _ram.Span(Buffer, 2).ToArray());
    }

    [Theory]
    [InlineData(0x10u)] // write
    [InlineData(0x18u)] // select, write
    public void Items_cannot_be_written(uint control) => Assert.Equal(1u, Dma(control, 4, Buffer));

    [Fact]
    public void Reading_into_a_hole_is_an_error() => Assert.Equal(1u, Dma(0xA, 4, 0xF000_0000));

    [Fact]
    public void A_request_for_four_gigabytes_ends_with_an_error() => Assert.Equal(1u, Dma(0xA, uint.MaxValue, 0));

    [Fact]
    public void A_file_in_ram_is_made_when_it_is_selected()
    {
        using var block = new RamBlock("/rom@etc/acpi/rsdp", 4096, new HostRam());
        _fwCfg.AddFile("etc/acpi/rsdp", block, 20, () => block.Span(0, 1)[0] = 0x52);
        Select(0x20);

        Assert.Equal(0x52, Data(1)[0]);
    }

    [Fact]
    public void A_file_name_is_used_once()
    {
        _fwCfg.AddFile("etc/a", []);

        Assert.Equal("duplicate fw_cfg file name: etc/a", Assert.Throws<ConfigException>(() => _fwCfg.AddFile("etc/a", [])).Message);
    }

    [Fact]
    public void A_thirty_third_file_is_refused()
    {
        for (var i = 0; i < 32; i++) _fwCfg.AddFile($"opt/{i}", []);

        Assert.Throws<ConfigException>(() => _fwCfg.AddFile("opt/32", []));
    }

    /// <summary>What QEMU 7.2.22 wrote after SeaBIOS had run, with the sizes of its ACPI files.</summary>
    [Fact]
    public void The_state_of_a_qemu_goes_through_unchanged()
    {
        const string Qemu = "000e00000002" + "050a66775f6366672f646d61000000000000000000000000"
            + "050e66775f6366672f616370695f6d7200000001000000000002000000000000000010000000000000000014";
        using RamBlock tables = Block("etc/acpi/tables", 0x20000), loader = Block("etc/table-loader", 0x1000), rsdp = Block("etc/acpi/rsdp", 20);

        new StateReader(new WireReader(new MemoryStream(Convert.FromHexString(Qemu)))).Read(_fwCfg, 2);
        var saved = new MemoryStream();
        var wire = new WireWriter(saved);
        new StateWriter(wire).Write(_fwCfg, 2);
        wire.Flush();

        Assert.Equal(Qemu, Convert.ToHexStringLower(saved.ToArray()));
    }

    [Fact]
    public void Acpi_files_of_another_size_are_refused()
    {
        const string Qemu = "000e00000002050e66775f6366672f616370695f6d7200000001000000000002000000000000000010000000000000000014";

        var error = Assert.Throws<StateException>(() =>
            new StateReader(new WireReader(new MemoryStream(Convert.FromHexString(Qemu)))).Read(_fwCfg, 2));

        Assert.Equal("etc/acpi/tables has 131072 bytes there and 0 here", error.Message);
    }

    private RamBlock Block(string file, int length)
    {
        var block = new RamBlock("/rom@" + file, 0x20000, new HostRam());
        _fwCfg.AddFile(file, block, length, () => { });
        return block;
    }

    private void Select(ushort key) => _pc.Ports.Write(0x510, 2, key);

    private byte[] Data(int length) => [.. Enumerable.Range(0, length).Select(_ => _pc.In(0x511))];

    /// <summary>Runs a request and returns its control word afterwards.</summary>
    private uint Dma(uint control, uint length, ulong address)
    {
        BinaryPrimitives.WriteUInt32BigEndian(_ram.Span(Request, 4), control);
        BinaryPrimitives.WriteUInt32BigEndian(_ram.Span(Request + 4, 4), length);
        BinaryPrimitives.WriteUInt64BigEndian(_ram.Span(Request + 8, 8), address);
        _pc.Ports.Write(0x514, 4, 0);
        _pc.Ports.Write(0x518, 4, BinaryPrimitives.ReverseEndianness((uint)Request));
        return BinaryPrimitives.ReadUInt32BigEndian(_ram.Span(Request, 4));
    }
}
