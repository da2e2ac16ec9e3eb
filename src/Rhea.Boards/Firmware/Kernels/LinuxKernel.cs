using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Rhea.Core;
using Rhea.Core.Config;
using Rhea.Devices.Chipset;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Boards.Firmware.Kernels;

/// <summary>A bzImage, started without a boot loader: an option ROM copies its parts from fw_cfg into memory and jumps to its real-mode setup.</summary>
/// <remarks>"The Linux/x86 Boot Protocol" in the kernel's documentation, from 2.02 on.</remarks>
public static class LinuxKernel
{
    /// <summary>The ROM's name in fw_cfg; SeaBIOS runs everything under "genroms/".</summary>
    public const string RomFile = "genroms/linuxboot_dma.bin";

    private const int SetupSectors = 0x1F1, VgaMode = 0x1FA, Magic = 0x202, Protocol = 0x206, LoaderType = 0x210, LoadFlags = 0x211;
    private const int InitrdAddress = 0x218, InitrdLength = 0x21C, HeapEnd = 0x224, CommandLinePointer = 0x228, InitrdLimit = 0x22C;
    private const int ExtendedFlags = 0x236, HeaderEnd = 0x268, Sector = 512, DefaultSetupSectors = 4;
    private const byte LoadedHigh = 0x01, HeapUsable = 0x80, Unregistered = 0xB0;
    private const ushort AnyInitrdAddress = 0x02;                                       // extended flags: also above 4 GiB
    private const ushort HasFlags = 0x20C, HasInitrdLimit = 0x203, Oldest = 0x202;      // protocol versions
    private const uint Setup = 0x1_0000, CommandLine = 0x2_0000, Kernel = 0x10_0000;    // where its parts go
    private const uint OldInitrdLimit = 0x37FF_FFFF, AcpiRoom = 0x2_8000, Page = 4096;  // SeaBIOS keeps tables at the end of RAM
    private const int MaxCommandLine = 64 << 10, EntrySegment = Sector / 16, StackGap = 16;

    public static bool Recognizes(ReadOnlySpan<byte> file) => file.Length >= HeaderEnd && file.Slice(Magic, 4).SequenceEqual("HdrS"u8);

    /// <summary>Puts kernel, initrd, command line and ROM into fw_cfg.</summary>
    /// <exception cref="ConfigException">The kernel is too old or cut short, or something does not fit.</exception>
    public static void Install(byte[] file, KernelConfig config, RamSplit ram, FwCfg to)
    {
        int sectors = file[SetupSectors] == 0 ? DefaultSetupSectors : file[SetupSectors];
        int setupLength = (sectors + 1) * Sector;
        ushort protocol = BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(Protocol));
        if (protocol < Oldest || (file[LoadFlags] & LoadedHigh) == 0)
            throw new ConfigException($"could not load kernel '{config.Path}': boot protocol {protocol >> 8}.{protocol & 0xFF:d2} is too old; 2.02 and a bzImage are needed");
        if (setupLength >= file.Length)
            throw new ConfigException($"could not load kernel '{config.Path}': the file ends inside the kernel's setup");

        byte[] setup = file[..setupLength], kernel = file[setupLength..];
        byte[] commandLine = [.. Encoding.UTF8.GetBytes(config.CommandLine ?? ""), 0];
        if (commandLine.Length > MaxCommandLine) throw new ConfigException("the kernel command line is too long: 64 KiB are the most");
        if (Kernel + (ulong)kernel.Length > ram.Below4G)
            throw new ConfigException($"kernel '{config.Path}' does not fit into {ram.Below4G >> 20} MiB of memory; give more with -m");

        setup[LoaderType] = Unregistered;
        setup[LoadFlags] |= HeapUsable;
        BinaryPrimitives.WriteUInt16LittleEndian(setup.AsSpan(HeapEnd), (ushort)(CommandLine - Setup - Sector));
        BinaryPrimitives.WriteUInt32LittleEndian(setup.AsSpan(CommandLinePointer), CommandLine);
        if (VideoMode(config.CommandLine) is { } mode) BinaryPrimitives.WriteUInt16LittleEndian(setup.AsSpan(VgaMode), mode);
        if (config.Initrd is { } initrd) AddInitrd(HostFile.Read(initrd, $"could not load initrd '{initrd}'"), initrd, setup, kernel.Length, ram, to);

        AddPart(to, FwCfgKey.KernelAddress, Kernel, FwCfgKey.KernelSize, FwCfgKey.KernelData, kernel);
        AddPart(to, FwCfgKey.CommandLineAddress, CommandLine, FwCfgKey.CommandLineSize, FwCfgKey.CommandLineData, commandLine);
        AddPart(to, FwCfgKey.SetupAddress, Setup, FwCfgKey.SetupSize, FwCfgKey.SetupData, setup);
        to.AddFile(RomFile, BuildRom());
    }

    /// <summary>As high as the kernel lets it lie, below the tables that the BIOS keeps at the end of RAM.</summary>
    private static void AddInitrd(byte[] initrd, string path, Span<byte> setup, int kernelLength, RamSplit ram, FwCfg to)
    {
        ushort protocol = BinaryPrimitives.ReadUInt16LittleEndian(setup[Protocol..]);
        bool anywhere = protocol >= HasFlags && (BinaryPrimitives.ReadUInt16LittleEndian(setup[ExtendedFlags..]) & AnyInitrdAddress) != 0;
        uint limit = anywhere ? uint.MaxValue
            : protocol >= HasInitrdLimit ? BinaryPrimitives.ReadUInt32LittleEndian(setup[InitrdLimit..])
            : OldInitrdLimit;
        long last = Math.Min(limit, (long)ram.Below4G - AcpiRoom - 1);
        long address = (last - initrd.Length) & ~(long)(Page - 1);
        if (address < Kernel + kernelLength)
            throw new ConfigException($"initrd '{path}' is too large: {initrd.Length} bytes do not fit beside the kernel; give more memory with -m");
        BinaryPrimitives.WriteUInt32LittleEndian(setup[InitrdAddress..], (uint)address);
        BinaryPrimitives.WriteInt32LittleEndian(setup[InitrdLength..], initrd.Length);
        AddPart(to, FwCfgKey.InitrdAddress, (uint)address, FwCfgKey.InitrdSize, FwCfgKey.InitrdData, initrd);
    }

    private static void AddPart(FwCfg to, FwCfgKey addressKey, uint address, FwCfgKey sizeKey, FwCfgKey dataKey, byte[] data)
    {
        to.AddNumber(addressKey, address);
        to.AddNumber(sizeKey, (uint)data.Length);
        to.Add(dataKey, data);
    }

    /// <summary>The last <c>vga=</c> of the command line; the boot loader takes it, not the kernel.</summary>
    private static ushort? VideoMode(string? commandLine)
    {
        const string Option = "vga=";
        string? word = commandLine?.Split(' ').LastOrDefault(part => part.StartsWith(Option, StringComparison.Ordinal))?[Option.Length..];
        return word switch
        {
            null => null,
            "normal" => 0xFFFF,
            "ext" => 0xFFFE,
            "ask" => 0xFFFD,
            _ when word.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
                && ushort.TryParse(word.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ushort hex) => hex,
            _ when ushort.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out ushort number) => number,
            _ => throw new ConfigException($"can't parse 'vga' parameter: {word}; it is a number, normal, ext or ask"),
        };
    }

    /// <summary>Copies all parts and enters the setup as its protocol says: all segments at its start, the stack at the end of its heap.</summary>
    internal static byte[] BuildRom() => OptionRom.Build("Linux loader", code =>
    {
        var fwCfg = new FwCfgReader(code);
        code.cli();
        code.cld();
        fwCfg.Begin();
        fwCfg.Copy(FwCfgKey.KernelData, FwCfgKey.KernelSize, FwCfgKey.KernelAddress);
        fwCfg.Copy(FwCfgKey.InitrdData, FwCfgKey.InitrdSize, FwCfgKey.InitrdAddress);
        fwCfg.Copy(FwCfgKey.CommandLineData, FwCfgKey.CommandLineSize, FwCfgKey.CommandLineAddress);
        fwCfg.Copy(FwCfgKey.SetupData, FwCfgKey.SetupSize, FwCfgKey.SetupAddress);

        fwCfg.ReadNumber(FwCfgKey.SetupAddress);
        code.mov(ebx, eax);
        fwCfg.ReadNumber(FwCfgKey.CommandLineAddress);
        code.sub(eax, ebx);
        code.sub(eax, StackGap);
        code.shr(ebx, 4);
        code.mov(ds, bx);
        code.mov(es, bx);
        code.mov(fs, bx);
        code.mov(gs, bx);
        code.mov(ss, bx);
        code.mov(sp, ax);
        code.add(bx, EntrySegment);
        code.push(bx);
        code.push(0);
        code.retf();
        fwCfg.End();
    });
}
