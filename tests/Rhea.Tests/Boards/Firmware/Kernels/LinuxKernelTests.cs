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

/// <summary>A made-up bzImage of protocol 2.15; offsets are those of the boot protocol's header table.</summary>
public sealed class LinuxKernelTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("rhea-linux-").FullName;
    private readonly BootOrder _order = new();
    private readonly FwCfg _fwCfg;

    public LinuxKernelTests()
    {
        var pc = new PcBench();
        _fwCfg = new FwCfg(pc.IsaSlot(), new GuestMemory(pc.Memory));
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Setup_and_kernel_are_told_apart()
    {
        Install(Image());

        Assert.Equal(3 * 512, _fwCfg.Value(FwCfgKey.SetupData).Length);
        Assert.Equal("kernel", Encoding.ASCII.GetString(_fwCfg.Value(FwCfgKey.KernelData)));
        Assert.Equal((0x1_0000u, 0x10_0000u, 0x2_0000u), (Number(FwCfgKey.SetupAddress), Number(FwCfgKey.KernelAddress), Number(FwCfgKey.CommandLineAddress)));
        Assert.Equal((1536u, 6u), (Number(FwCfgKey.SetupSize), Number(FwCfgKey.KernelSize)));
    }

    [Fact]
    public void Header_tells_the_kernel_who_loaded_it_and_where_its_command_line_is()
    {
        Install(Image(), "console=ttyS0");

        Assert.Equal(0xB0, Setup[0x210]);                                  // type_of_loader
        Assert.Equal(0x81, Setup[0x211]);                                  // LOADED_HIGH, CAN_USE_HEAP
        Assert.Equal(0xFE00, Word(0x224));                                 // heap_end_ptr
        Assert.Equal(0x2_0000u, DWord(0x228));                             // cmd_line_ptr
        Assert.Equal("console=ttyS0\0", Encoding.ASCII.GetString(_fwCfg.Value(FwCfgKey.CommandLineData)));
    }

    [Fact]
    public void Initrd_lies_as_high_as_memory_goes()
    {
        Install(Image(), initrd: Write("initrd", new byte[5000]));

        Assert.Equal(0x07FD_6000u, DWord(0x218)); // 128 MiB less 160 KiB for tables, less 5000 bytes, whole pages
        Assert.Equal(5000u, DWord(0x21C));
        Assert.Equal(0x07FD_6000u, Number(FwCfgKey.InitrdAddress));
    }

    [Fact]
    public void Initrd_heeds_the_kernels_limit()
    {
        Install(Image(image => BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(0x22C), 0x037F_FFFF)), initrd: Write("initrd", new byte[4096]));

        Assert.Equal(0x037F_E000u, DWord(0x218));
    }

    [Fact]
    public void Initrd_may_lie_anywhere_for_a_kernel_that_says_so()
    {
        Install(Image(image =>
        {
            image[0x236] = 2; // XLF_CAN_BE_LOADED_ABOVE_4G
            BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(0x22C), 0x037F_FFFF);
        }), initrd: Write("initrd", new byte[4096]));

        Assert.Equal(0x07FD_6000u, DWord(0x218));
    }

    [Theory]
    [InlineData("vga=791 quiet", 791)]
    [InlineData("vga=0x317", 0x317)]
    [InlineData("vga=ask", 0xFFFD)]
    [InlineData("quiet", 0)]
    public void Video_mode_is_the_boot_loaders_business(string commandLine, int mode)
    {
        Install(Image(), commandLine);

        Assert.Equal(mode, Word(0x1FA));
    }

    [Fact]
    public void The_rom_is_what_boots_first()
    {
        _order.Add(0, BootOrder.IdeDisk(0, 0));

        Install(Image());

        Assert.StartsWith("/rom@genroms/linuxboot_dma.bin\n", Encoding.ASCII.GetString(_order.Build(strict: false)), StringComparison.Ordinal);
        Assert.Contains("genroms/linuxboot_dma.bin", _fwCfg.Files);
    }

    [Fact]
    public void The_rom_has_a_bootstrap_entry_and_sums_to_zero()
    {
        Install(Image());

        ReadOnlySpan<byte> rom = _fwCfg.File("genroms/linuxboot_dma.bin");
        Assert.Equal([0x55, 0xAA, (byte)(rom.Length / 512)], rom[..3].ToArray());
        ReadOnlySpan<byte> expansion = rom[rom[0x1A]..];
        Assert.Equal("$PnP", Encoding.ASCII.GetString(expansion[..4]));
        Assert.Equal("Linux loader", Encoding.ASCII.GetString(rom.Slice(expansion[16], 12)));
        Assert.Equal([0xFA, 0xFC], rom.Slice(expansion[26], 2).ToArray()); // cli, cld
        Assert.Equal((0, 0), (Sum(rom), Sum(expansion[..32])));
    }

    [Fact]
    public void Old_kernels_are_refused() => Refused(Image(image => image[0x206] = 1), "boot protocol 2.01 is too old");

    [Fact]
    public void A_kernel_cut_short_is_refused() => Refused(Image()[..1000], "the file ends inside the kernel's setup");

    [Fact]
    public void A_file_that_is_no_kernel_is_refused() => Refused(new byte[4096], "it is neither a Linux bzImage nor a multiboot kernel");

    [Fact]
    public void An_empty_file_is_refused() => Refused([], "it is neither a Linux bzImage nor a multiboot kernel");

    [Fact]
    public void An_elf_vmlinux_is_refused_with_a_remedy() => Refused([0x7F, (byte)'E', (byte)'L', (byte)'F', .. new byte[9000]], "take the bzImage");

    [Fact]
    public void A_missing_kernel_is_named()
    {
        var error = Assert.Throws<ConfigException>(() => DirectBoot.Install(new KernelConfig("/nowhere", null, null), Ram, _fwCfg, _order));

        Assert.StartsWith("could not open kernel file '/nowhere': No such file or directory", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_initrd_that_does_not_fit_is_refused()
    {
        string initrd = Write("initrd", new byte[3 << 20]);

        var error = Assert.Throws<ConfigException>(() =>
            DirectBoot.Install(new KernelConfig(Write("kernel", Image()), initrd, null), RamSplit.Of(4 << 20), _fwCfg, _order));

        Assert.Contains("is too large", error.Message, StringComparison.Ordinal);
    }

    private static RamSplit Ram => RamSplit.Of(128 << 20);

    private ReadOnlySpan<byte> Setup => _fwCfg.Value(FwCfgKey.SetupData);

    private static byte[] Image(Action<byte[]>? change = null)
    {
        byte[] image = [.. new byte[3 * 512], .. "kernel"u8];
        image[0x1F1] = 2; // sectors of setup after the boot sector
        "HdrS"u8.CopyTo(image.AsSpan(0x202));
        (image[0x206], image[0x207], image[0x211]) = (15, 2, 1);
        BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(0x22C), 0x7FFF_FFFF);
        change?.Invoke(image);
        return image;
    }

    private void Install(byte[] image, string? commandLine = null, string? initrd = null) =>
        DirectBoot.Install(new KernelConfig(Write("kernel", image), initrd, commandLine), Ram, _fwCfg, _order);

    private void Refused(byte[] image, string why) =>
        Assert.Contains(why, Assert.Throws<ConfigException>(() => Install(image)).Message, StringComparison.Ordinal);

    private string Write(string name, byte[] bytes)
    {
        string path = Path.Combine(_directory, name);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    private uint Number(FwCfgKey key) => BinaryPrimitives.ReadUInt32LittleEndian(_fwCfg.Value(key));

    private int Word(int at) => BinaryPrimitives.ReadUInt16LittleEndian(Setup[at..]);

    private uint DWord(int at) => BinaryPrimitives.ReadUInt32LittleEndian(Setup[at..]);

    private static int Sum(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (byte value in bytes) sum += value;
        return sum;
    }
}
