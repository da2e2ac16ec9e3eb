using System.Buffers.Binary;
using System.Text;
using Rhea.Boards;
using Rhea.Boards.Firmware;
using Rhea.Boards.Firmware.Kernels;
using Rhea.Core;
using Rhea.Core.Config;
using Rhea.Core.Memory;
using Rhea.Devices.Chipset;
using Rhea.Tests.Devices;
using Xunit;

namespace Rhea.Tests.Boards.Firmware.Kernels;

public sealed class MultibootKernelTests : IDisposable
{
    private const uint Structure = 0x1_0020;

    private readonly string _directory = Directory.CreateTempSubdirectory("rhea-multiboot-").FullName;
    private readonly BootOrder _order = new();
    private readonly FwCfg _fwCfg;

    public MultibootKernelTests()
    {
        var pc = new PcBench();
        _fwCfg = new FwCfg(pc.IsaSlot(), new GuestMemory(pc.Memory));
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Segments_of_an_elf_file_lie_at_their_physical_addresses()
    {
        Install(Elf());

        Assert.Equal((0x10_0000u, 0x10_0004u), (Number(FwCfgKey.KernelAddress), Number(FwCfgKey.KernelEntry)));
        Assert.Equal("code", Encoding.ASCII.GetString(_fwCfg.Value(FwCfgKey.KernelData)[..4]));
        Assert.Equal("data\0\0\0\0", Encoding.ASCII.GetString(_fwCfg.Value(FwCfgKey.KernelData).Slice(0x1000, 8)));
        Assert.Equal(0x1010u, Number(FwCfgKey.KernelSize));
    }

    [Fact]
    public void Addresses_in_the_header_count_more_than_elf()
    {
        byte[] file = new byte[0x100];
        // Header at 40h; loaded from 20h of the file to 20_0000h; 40h bytes of file, 80h of memory.
        Put(file, 0x40, 0x1BAD_B002, 0x1_0000, 0xE451_4FFE, 0x20_0020, 0x20_0000, 0x20_0040, 0x20_0080, 0x20_0030);
        "code"u8.CopyTo(file.AsSpan(0x20));

        Install(file);

        Assert.Equal((0x20_0000u, 0x20_0030u, 0x80u), (Number(FwCfgKey.KernelAddress), Number(FwCfgKey.KernelEntry), Number(FwCfgKey.KernelSize)));
        Assert.Equal("code", Encoding.ASCII.GetString(_fwCfg.Value(FwCfgKey.KernelData)[..4]));
    }

    [Fact]
    public void The_information_has_a_command_line_a_memory_map_and_a_name()
    {
        Install(Elf(), commandLine: "verbose");

        Assert.Equal(0x24Fu, Info(0));
        Assert.Equal($"{_directory}/kernel verbose", TextAt(Info(16)));
        Assert.Equal("qemu", TextAt(Info(64)));
        Assert.Equal((0u, 0x2_0000u), (Info(20), Info(48)));
    }

    [Fact]
    public void Modules_lie_on_pages_after_the_kernel_and_have_command_lines()
    {
        string one = Write("one", "first"u8), two = Write("two", "second"u8);

        Install(Elf(), modules: $"{one} a,,b,{two}");

        Assert.Equal(2u, Info(20));
        uint table = Info(24);
        Assert.Equal((0x10_2000u, 0x10_2005u), (At(table), At(table + 4)));
        Assert.Equal($"{one} a,b", TextAt(At(table + 8)));
        Assert.Equal((0x10_3000u, 0x10_3006u), (At(table + 16), At(table + 20)));
        Assert.Equal("second", Encoding.ASCII.GetString(_fwCfg.Value(FwCfgKey.KernelData)[0x3000..]));
    }

    [Fact]
    public void The_rom_is_what_boots_first()
    {
        Install(Elf());

        Assert.StartsWith("/rom@genroms/multiboot_dma.bin", Encoding.ASCII.GetString(_order.Build(strict: false)), StringComparison.Ordinal);
        Assert.Equal([0x55, 0xAA], _fwCfg.File("genroms/multiboot_dma.bin")[..2].ToArray());
    }

    [Fact]
    public void A_64_bit_kernel_is_refused() => Refused(Elf(file => file[4] = 2), "Cannot load x86-64 image, give a 32bit one.");

    [Theory]
    [InlineData(28, 0xFFFF_FFF0u)]      // the segment table
    [InlineData(52 + 4, 0xFFFF_FFF0u)]  // a segment's offset in the file
    [InlineData(52 + 12, 0xFFFF_0000u)] // its address
    [InlineData(52 + 16, 0x7FFF_FFFFu)] // its length in the file
    [InlineData(52 + 20, 0xFFFF_FFFFu)] // its length in memory
    public void Headers_that_lie_are_refused(int at, uint value) => Refused(Elf(file => Put(file, at, value)), "parts that are not in the file, or more than 128 MiB of memory");

    [Fact]
    public void A_kernel_in_the_way_of_its_information_is_refused() => Refused(Elf(file => Put(file, 52 + 12, 0x1_8000)), "where its boot information is");

    [Fact]
    public void A_missing_module_is_named() =>
        Assert.StartsWith("could not load module '/nowhere': ", Assert.Throws<ConfigException>(() => Install(Elf(), modules: "/nowhere x")).Message, StringComparison.Ordinal);

    /// <summary>Two segments: "code" and the header at 1 MiB, "data" with zeros behind it a page later.</summary>
    private static byte[] Elf(Action<byte[]>? change = null)
    {
        var file = new byte[0x200];
        "\u007fELF"u8.CopyTo(file);
        (file[4], file[5], file[6]) = (1, 1, 1);
        Put(file, 24, 0x10_0004);
        Put(file, 28, 52);
        (file[42], file[44]) = (32, 2);
        Put(file, 52, 1, 0x100, 0xC010_0000, 0x10_0000, 0x20, 0x20, 5, 0x1000);
        Put(file, 84, 1, 0x180, 0xC010_1000, 0x10_1000, 4, 0x10, 6, 0x1000);
        "code"u8.CopyTo(file.AsSpan(0x100));
        Put(file, 0x108, 0x1BAD_B002, 3, 0xE452_4FFB);
        "data"u8.CopyTo(file.AsSpan(0x180));
        change?.Invoke(file);
        return file;
    }

    private void Install(ReadOnlySpan<byte> kernel, string? commandLine = null, string? modules = null) =>
        DirectBoot.Install(new KernelConfig(Write("kernel", kernel), modules, commandLine), RamSplit.Of(128 << 20), _fwCfg, _order);

    private void Refused(byte[] kernel, string why) =>
        Assert.Contains(why, Assert.Throws<ConfigException>(() => Install(kernel)).Message, StringComparison.Ordinal);

    private string Write(string name, ReadOnlySpan<byte> bytes)
    {
        string path = Path.Combine(_directory, name);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    private static void Put(byte[] file, int at, params ReadOnlySpan<uint> values)
    {
        for (var i = 0; i < values.Length; i++) BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(at + (i * 4)), values[i]);
    }

    private uint Number(FwCfgKey key) => BinaryPrimitives.ReadUInt32LittleEndian(_fwCfg.Value(key));

    private uint Info(uint field) => At(Structure + field);

    private uint At(uint address) => BinaryPrimitives.ReadUInt32LittleEndian(Low(address));

    private string TextAt(uint address)
    {
        ReadOnlySpan<byte> text = Low(address);
        return Encoding.ASCII.GetString(text[..text.IndexOf((byte)0)]);
    }

    private ReadOnlySpan<byte> Low(uint address) => _fwCfg.Value(FwCfgKey.InitrdData)[(int)(address - Number(FwCfgKey.InitrdAddress))..];
}
