using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Rhea.Core;
using Rhea.Core.Config;

namespace Rhea.Boards.Firmware.Smbios;

/// <summary>The SMBIOS structures of a machine, which name its maker, processors and memory, and the anchor that leads to them.</summary>
/// <remarks>System Management BIOS Reference Specification 2.8 (DMTF DSP0134). The firmware completes the anchor's address and checksums.</remarks>
public sealed class SmbiosTables
{
    public const string File = "etc/smbios/smbios-tables", AnchorFile = "etc/smbios/smbios-anchor";

    private const string Maker = "QEMU", Product = "Standard PC (i440FX + PIIX, 1996)";
    private const ushort ChassisHandle = 0x300, ArrayHandle = 0x1000, NoHandle = 0xFFFE, Unknown = 0xFFFF;
    private const ulong GiB = 1UL << 30, ModuleLength = 16 * GiB, TwoTiB = 1UL << 41;
    private const int AnchorLength = 31;

    private readonly SmbiosOptions _options;
    private readonly MachineConfig _config;
    private readonly List<byte[]> _structures;

    /// <param name="config">The machine; its <c>-smbios</c> options replace what is usual.</param>
    /// <param name="ram">Where its memory lies.</param>
    /// <param name="processorId">CPUID leaf 1: EAX, and EDX above it.</param>
    /// <exception cref="ConfigException">An option that means nothing.</exception>
    public SmbiosTables(MachineConfig config, RamSplit ram, ulong processorId)
    {
        (_config, _options) = (config, new SmbiosOptions(config.Smbios));
        _structures = [.. _options.Files];
        if (_options.Has(0)) Add(Bios());
        Add(System());
        if (_options.Has(2)) Add(Board());
        Add(Chassis());
        int perSocket = config.Smp.Cores * config.Smp.Dies * config.Smp.Threads;
        for (var socket = 0; socket * perSocket < config.Smp.Cpus; socket++) Add(Processor(socket, processorId));
        if (_options.OemStrings.Count > 0) Add(OemStrings());
        AddMemory(ram);
        Add(new SmbiosStructure(32, 0x2000, 11)); // boot information: no error
        Add(new SmbiosStructure(127, 0x7F00, 4)); // the end
        Anchor = BuildAnchor();
    }

    public byte[] Structures => [.. _structures.SelectMany(structure => structure)];

    public byte[] Anchor { get; }

    private void Add(SmbiosStructure structure)
    {
        byte[] bytes = structure.Build();
        if (!_options.HasFile(bytes[0])) _structures.Add(bytes);
    }

    private SmbiosStructure Bios()
    {
        const byte VirtualMachine = 0x10, TargetedContent = 0x04, Uefi = 0x08, NotSupported = 0x08;
        var bios = new SmbiosStructure(0, 0, 24);
        bios.Text(4, _options[0, "vendor"]);
        bios.Text(5, _options[0, "version"]);
        bios.Word(6, 0xE800);
        bios.Text(8, _options[0, "date"]);
        bios.Byte(10, NotSupported); // its characteristics are not told
        bios.Byte(19, (byte)(VirtualMachine | TargetedContent | (_options[0, "uefi"] is "on" or "yes" ? Uefi : 0)));
        (byte major, byte minor) = Release();
        bios.Bytes(20, major, minor, 0xFF, 0xFF); // no embedded controller
        return bios;
    }

    private (byte Major, byte Minor) Release()
    {
        if (_options[0, "release"] is not { } text) return (0, 0);
        string[] parts = text.Split('.');
        if (parts.Length == 2 && byte.TryParse(parts[0], out byte major) && byte.TryParse(parts[1], out byte minor)) return (major, minor);
        throw new ConfigException($"-smbios type=0: Invalid release '{text}'; it is two numbers up to 255, as 1.2");
    }

    private SmbiosStructure System()
    {
        Guid uuid = _config.Uuid ?? Guid.Empty;
        if (_options[1, "uuid"] is { } text && !Guid.TryParse(text, out uuid)) throw new ConfigException($"-smbios type=1: Invalid UUID '{text}'");
        var system = new SmbiosStructure(1, 0x100, 27);
        system.Text(4, _options[1, "manufacturer"] ?? Maker);
        system.Text(5, _options[1, "product"] ?? Product);
        system.Text(6, _options[1, "version"] ?? _config.Type);
        system.Text(7, _options[1, "serial"]);
        system.Bytes(8, uuid.ToByteArray());
        system.Byte(24, 6); // woken by the power switch
        system.Text(25, _options[1, "sku"]);
        system.Text(26, _options[1, "family"]);
        return system;
    }

    private SmbiosStructure Board()
    {
        const byte HostingBoard = 1, Motherboard = 0x0A;
        var board = new SmbiosStructure(2, 0x200, 15);
        board.Text(4, _options[2, "manufacturer"] ?? Maker);
        board.Text(5, _options[2, "product"] ?? Product);
        board.Text(6, _options[2, "version"] ?? _config.Type);
        board.Text(7, _options[2, "serial"]);
        board.Text(8, _options[2, "asset"]);
        board.Byte(9, HostingBoard);
        board.Text(10, _options[2, "location"]);
        board.Word(11, ChassisHandle);
        board.Byte(13, Motherboard);
        return board;
    }

    private SmbiosStructure Chassis()
    {
        const byte Other = 1, Safe = 3, UnknownSecurity = 2;
        var chassis = new SmbiosStructure(3, ChassisHandle, 22);
        chassis.Text(4, _options[3, "manufacturer"] ?? Maker);
        chassis.Byte(5, Other);
        chassis.Text(6, _options[3, "version"] ?? _config.Type);
        chassis.Text(7, _options[3, "serial"]);
        chassis.Text(8, _options[3, "asset"]);
        chassis.Bytes(9, Safe, Safe, Safe, UnknownSecurity); // boot-up, power supply, temperature, lock
        chassis.Text(21, _options[3, "sku"]);
        return chassis;
    }

    private SmbiosStructure Processor(int socket, ulong id)
    {
        const byte Central = 3, Other = 1, Populated = 0x41;
        const ushort UnknownCharacteristics = 2, DefaultSpeed = 2000; // MHz
        if (_options[4, "processor-id"] is { } text && !TryParse(text, out id)) throw new ConfigException($"-smbios type=4: Invalid processor-id '{text}'");
        var processor = new SmbiosStructure(4, (ushort)(0x400 + socket), 42);
        processor.Text(4, $"{_options[4, "sock_pfx"] ?? "CPU"} {socket:x}");
        processor.Bytes(5, Central, Other);
        processor.Text(7, _options[4, "manufacturer"] ?? Maker);
        processor.QWord(8, id);
        processor.Text(16, _options[4, "version"] ?? _config.Type);
        processor.Word(20, _options.Number(4, "max-speed", DefaultSpeed));
        processor.Word(22, _options.Number(4, "current-speed", DefaultSpeed));
        processor.Bytes(24, Populated, Other); // status, upgrade
        foreach (int cache in (ReadOnlySpan<int>)[26, 28, 30]) processor.Word(cache, Unknown);
        processor.Text(32, _options[4, "serial"]);
        processor.Text(33, _options[4, "asset"]);
        processor.Text(34, _options[4, "part"]);
        int cores = _config.Smp.Cores * _config.Smp.Dies;
        processor.Bytes(35, Count(cores), Count(cores), Count(cores * _config.Smp.Threads));
        processor.Word(38, UnknownCharacteristics);
        processor.Word(40, Other);
        return processor;

        static byte Count(int number) => (byte)Math.Min(number, 0xFF);
    }

    private SmbiosStructure OemStrings()
    {
        var strings = new SmbiosStructure(11, 0xE00, 5);
        foreach (string text in _options.OemStrings) strings.Text(4, text); // the field is the number of the last one: their count
        return strings;
    }

    private void AddMemory(RamSplit ram)
    {
        ulong total = ram.Below4G + ram.Above4G;
        var modules = (int)((total + ModuleLength - 1) / ModuleLength);
        Add(MemoryArray(total, modules));
        for (var i = 0; i < modules; i++) Add(MemoryModule(i, Math.Min(ModuleLength, total - ((ulong)i * ModuleLength))));
        Add(MappedRange(0, 0, ram.Below4G));
        if (ram.Above4G > 0) Add(MappedRange(1, RamSplit.FourGiB, ram.Above4G));
    }

    private static SmbiosStructure MemoryArray(ulong total, int modules)
    {
        const byte Other = 1, SystemMemory = 3, MultiBitEcc = 6;
        const uint SeeExtended = 0x8000_0000;
        var array = new SmbiosStructure(16, ArrayHandle, 23);
        array.Bytes(4, Other, SystemMemory, MultiBitEcc);
        array.DWord(7, total < TwoTiB ? (uint)(total >> 10) : SeeExtended);
        array.Word(11, NoHandle);
        array.Word(13, (ushort)modules);
        array.QWord(15, total < TwoTiB ? 0 : total);
        return array;
    }

    private SmbiosStructure MemoryModule(int index, ulong length)
    {
        const byte Dimm = 9, Ram = 7;
        const ushort OtherDetail = 2;
        ushort speed = _options.Number(17, "speed", 0);
        var module = new SmbiosStructure(17, (ushort)(0x1100 + index), 40);
        module.Word(4, ArrayHandle);
        module.Word(6, NoHandle);
        module.Word(8, Unknown);  // total width
        module.Word(10, Unknown); // data width
        module.Word(12, (ushort)(length >> 20));
        module.Byte(14, Dimm);
        module.Text(16, $"{_options[17, "loc_pfx"] ?? "DIMM"} {index}");
        module.Text(17, _options[17, "bank"]);
        module.Byte(18, Ram);
        module.Word(19, OtherDetail);
        module.Word(21, speed);
        module.Text(23, _options[17, "manufacturer"] ?? Maker);
        module.Text(24, _options[17, "serial"]);
        module.Text(25, _options[17, "asset"]);
        module.Text(26, _options[17, "part"]);
        module.Word(32, speed); // as configured
        return module;
    }

    private static SmbiosStructure MappedRange(int index, ulong start, ulong length)
    {
        const uint SeeExtended = uint.MaxValue;
        ulong first = start >> 10, last = ((start + length) >> 10) - 1;
        bool small = last < SeeExtended;
        var range = new SmbiosStructure(19, (ushort)(0x1300 + index), 31);
        range.DWord(4, small ? (uint)first : SeeExtended);
        range.DWord(8, small ? (uint)last : SeeExtended);
        range.Word(12, ArrayHandle);
        range.Byte(14, 1); // modules side by side
        range.QWord(15, small ? 0 : start);
        range.QWord(23, small ? 0 : start + length - 1);
        return range;
    }

    private byte[] BuildAnchor()
    {
        const byte Major = 2, Minor = 8, Bcd = 0x28;
        var anchor = new byte[AnchorLength];
        Encoding.ASCII.GetBytes("_SM_", anchor);
        (anchor[5], anchor[6], anchor[7]) = (AnchorLength, Major, Minor);
        BinaryPrimitives.WriteUInt16LittleEndian(anchor.AsSpan(8), (ushort)_structures.Max(structure => structure.Length));
        Encoding.ASCII.GetBytes("_DMI_", anchor.AsSpan(16));
        BinaryPrimitives.WriteUInt16LittleEndian(anchor.AsSpan(22), (ushort)_structures.Sum(structure => structure.Length));
        BinaryPrimitives.WriteUInt16LittleEndian(anchor.AsSpan(28), (ushort)_structures.Count);
        anchor[30] = Bcd;
        return anchor;
    }

    private static bool TryParse(string text, out ulong number) => text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
        ? ulong.TryParse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out number)
        : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
