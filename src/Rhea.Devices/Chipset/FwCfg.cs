using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using Rhea.Core;
using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Core.State;

namespace Rhea.Devices.Chipset;

/// <summary>The firmware configuration device: numbered and named items that firmware, boot loaders and kernels read from the host.</summary>
/// <remarks>
/// QEMU's specification "QEMU Firmware Configuration (fw_cfg) Device". A selector at 510h, the chosen item byte by byte at 511h, and
/// a DMA interface at 514h whose requests lie in guest memory, big-endian. Items are read-only.
/// </remarks>
public sealed class FwCfg : Device
{
    /// <summary>Where firmware finds the three ACPI files; QEMU's stream carries their sizes.</summary>
    public const string AcpiTables = "etc/acpi/tables", AcpiLoader = "etc/table-loader", AcpiRsdp = "etc/acpi/rsdp";

    private const int FirstFile = 0x20, FileSlots = 0x20, Keys = FirstFile + FileSlots, NameLength = 56, FileEntry = 64;
    private const ushort Local = 0x8000, WriteChannel = 0x4000, Nothing = 0xFFFF;
    private const byte Traditional = 1, DmaInterface = 2;                                // item 1
    private const uint Error = 1, Read = 2, Skip = 4, Select = 8, Write = 16;            // control word of a request
    private const int RequestLength = 16;
    private const uint MaxFill = 1 << 20; // zeros a guest gets for reading past the end of an item

    private readonly GuestMemory _memory;
    private readonly Item?[] _items = new Item?[Keys], _localItems = new Item?[Keys];
    private readonly SortedList<string, Item> _files = new(StringComparer.Ordinal);
    private ushort _selected;
    private uint _offset;
    private ulong _requestAddress;

    public FwCfg(IsaSlot slot, GuestMemory memory)
    {
        _memory = memory;
        slot.MapPorts(0x510, new IoRegion("fwcfg", 2, new AccessSizes(1, 2), ReadData, WriteSelector));
        slot.MapPorts(0x514, new IoRegion("fwcfg.dma", 8, AccessSizes.Any, ReadSignature, WriteRequest));
        Add(FwCfgKey.Signature, "QEMU"u8.ToArray());
        AddNumber(FwCfgKey.Id, (uint)(Traditional | DmaInterface));
        WriteDirectory();
    }

    public override string Model => "fw_cfg_io";

    public override StructType Section { get; } = new("fw_cfg", 2, Oldest: 2);

    /// <summary>Names of the files, in the order of their keys.</summary>
    public IEnumerable<string> Files => _files.Keys;

    public override void Reset()
    {
        (_selected, _offset) = (0, 0);
        _requestAddress = 0;
    }

    public override void Visit(StateVisitor state)
    {
        state.UInt16("cur_entry", ref _selected);
        state.UInt32("cur_offset[1]", ref _offset);
        state.Subsection("fw_cfg/dma", 0, needed: true, sub => sub.UInt64("dma_addr", ref _requestAddress));
        state.Subsection("fw_cfg/acpi_mr", 1, needed: true, sub =>
        {
            VisitSize("table_mr_size", AcpiTables, sub);
            VisitSize("linker_mr_size", AcpiLoader, sub);
            VisitSize("rsdp_mr_size", AcpiRsdp, sub);
        });
    }

    /// <summary>Sets an item that has a fixed key.</summary>
    public void Add(FwCfgKey key, byte[] bytes) => Items((ushort)key)[(ushort)key & (Keys - 1)] = new Item(bytes, null, 0, null);

    /// <summary>Sets an item that is a number, little-endian, as wide as its type.</summary>
    public void AddNumber<T>(FwCfgKey key, T number) where T : unmanaged, IBinaryInteger<T>
    {
        var bytes = new byte[number.GetByteCount()];
        number.WriteLittleEndian(bytes);
        Add(key, bytes);
    }

    /// <summary>Adds a file. Keys follow the order of names, so all files are there before the guest runs.</summary>
    /// <exception cref="ConfigException">The name is taken or too long, or there are more files than keys.</exception>
    public void AddFile(string name, byte[] bytes) => AddFile(name, new Item(bytes, null, 0, null));

    /// <summary>Adds a file that lies in RAM, so that it travels with the machine.</summary>
    /// <param name="ram">The first <paramref name="length"/> bytes of it are the file.</param>
    /// <param name="onSelect">Called whenever the guest selects the file, before it reads.</param>
    public void AddFile(string name, RamBlock ram, int length, Action onSelect) => AddFile(name, new Item([], ram, length, onSelect));

    /// <summary>The contents of a file; empty when there is none of that name.</summary>
    public ReadOnlySpan<byte> File(string name) => _files.TryGetValue(name, out Item? file) ? file.Bytes : default;

    /// <summary>The contents of an item with a fixed key; empty when there is none.</summary>
    public ReadOnlySpan<byte> Value(FwCfgKey key) => Find((ushort)key) is { } item ? item.Bytes : default;

    private void AddFile(string name, Item file)
    {
        if (Encoding.UTF8.GetByteCount(name) >= NameLength)
            throw new ConfigException($"fw_cfg: name '{name}' is too long: {NameLength - 1} bytes are the most");
        if (_files.Count == FileSlots) throw new ConfigException($"fw_cfg: no room for file '{name}': {FileSlots} are the most");
        if (!_files.TryAdd(name, file)) throw new ConfigException($"duplicate fw_cfg file name: {name}");
        WriteDirectory();
    }

    private void WriteDirectory()
    {
        var directory = new byte[4 + (FileSlots * FileEntry)];
        BinaryPrimitives.WriteUInt32BigEndian(directory, (uint)_files.Count);
        for (var i = 0; i < _files.Count; i++)
        {
            Span<byte> entry = directory.AsSpan(4 + (i * FileEntry), FileEntry);
            BinaryPrimitives.WriteUInt32BigEndian(entry, (uint)_files.Values[i].Bytes.Length);
            BinaryPrimitives.WriteUInt16BigEndian(entry[4..], (ushort)(FirstFile + i));
            Encoding.UTF8.GetBytes(_files.Keys[i], entry[8..]);
            _items[FirstFile + i] = _files.Values[i];
        }

        Add(FwCfgKey.Directory, directory);
    }

    private void VisitSize(string field, string file, StateVisitor state)
    {
        var here = (ulong)File(file).Length;
        ulong size = here;
        state.UInt64(field, ref size);
        state.Demand(size == here, $"{file} has {size} bytes there and {here} here");
    }

    private Item?[] Items(ushort key) => (key & Local) != 0 ? _localItems : _items;

    private Item? Find(ushort key)
    {
        int index = key & ~(Local | WriteChannel);
        return index < Keys ? Items(key)[index] : null;
    }

    private void Choose(ushort key)
    {
        _offset = 0;
        _selected = (key & ~(Local | WriteChannel)) < Keys ? key : Nothing;
        Find(_selected)?.OnSelect?.Invoke();
    }

    /// <summary>Both ports give data, but only byte by byte.</summary>
    private ulong ReadData(uint offset, int size)
    {
        if (size != 1 || Find(_selected) is not { } item || _offset >= item.Bytes.Length) return 0;
        return item.Bytes[(int)_offset++];
    }

    /// <summary>The selector is a word. Data can no longer be written.</summary>
    private void WriteSelector(uint offset, int size, ulong value)
    {
        if (size == 2) Choose((ushort)value);
    }

    private static ulong ReadSignature(uint offset, int size)
    {
        ReadOnlySpan<byte> signature = "QEMU CFG"u8.Slice((int)offset, size);
        ulong value = 0;
        for (var i = 0; i < size; i++) value |= (ulong)signature[i] << (i * 8);
        return value;
    }

    /// <summary>The high half of a request's address, big-endian, then the low half, which starts it.</summary>
    private void WriteRequest(uint offset, int size, ulong value)
    {
        uint half = BinaryPrimitives.ReverseEndianness((uint)value);
        if (size != 4 || offset % 4 != 0) return;
        if (offset == 0)
        {
            _requestAddress = (ulong)half << 32;
        }
        else
        {
            ulong address = _requestAddress | half;
            _requestAddress = 0;
            Serve(address);
        }
    }

    private void Serve(ulong at)
    {
        Span<byte> request = stackalloc byte[RequestLength];
        uint result = Error;
        if (_memory.Read(at, request))
        {
            uint control = BinaryPrimitives.ReadUInt32BigEndian(request);
            if ((control & Select) != 0) Choose((ushort)(control >> 16));
            uint length = BinaryPrimitives.ReadUInt32BigEndian(request[4..]);
            ulong address = BinaryPrimitives.ReadUInt64BigEndian(request[8..]);
            result = Transfer(control, length, address) ? 0 : Error;
        }

        BinaryPrimitives.WriteUInt32BigEndian(request, result);
        _memory.Write(at, request[..4]);
    }

    private bool Transfer(uint control, uint length, ulong address)
    {
        if ((control & (Read | Write | Skip)) == 0 || length == 0) return true;
        if ((control & (Read | Write)) == Write) return false;
        ReadOnlySpan<byte> bytes = Find(_selected) is { } item ? item.Bytes : default;
        uint start = Math.Min(_offset, (uint)bytes.Length);
        var there = (int)Math.Min(length, (uint)bytes.Length - start);
        _offset += (uint)there;
        if ((control & Read) == 0) return true;
        return _memory.Write(address, bytes.Slice((int)start, there)) && Fill(address + (uint)there, length - (uint)there);
    }

    private bool Fill(ulong address, uint length)
    {
        ReadOnlySpan<byte> zeros = stackalloc byte[256];
        uint left = Math.Min(length, MaxFill);
        for (uint part; left > 0; left -= part, address += part)
        {
            part = Math.Min(left, (uint)zeros.Length);
            if (!_memory.Write(address, zeros[..(int)part])) return false;
        }

        return length <= MaxFill;
    }

    private sealed record Item(byte[] Data, RamBlock? Ram, int Length, Action? OnSelect)
    {
        public ReadOnlySpan<byte> Bytes => Ram is null ? Data : Ram.Span(0, Length);
    }
}

/// <summary>Items with a fixed key. Those from 8000h on are the PC's own.</summary>
public enum FwCfgKey : ushort
{
    Signature = 0x00,
    Id = 0x01,
    Uuid = 0x02,
    RamSize = 0x03,
    NoGraphic = 0x04,
    Cpus = 0x05,
    KernelAddress = 0x07,
    KernelSize = 0x08,
    InitrdAddress = 0x0A,
    InitrdSize = 0x0B,
    Numa = 0x0D,
    BootMenu = 0x0E,
    MaxCpus = 0x0F,
    KernelEntry = 0x10,
    KernelData = 0x11,
    InitrdData = 0x12,
    CommandLineAddress = 0x13,
    CommandLineSize = 0x14,
    CommandLineData = 0x15,
    SetupAddress = 0x16,
    SetupSize = 0x17,
    SetupData = 0x18,
    Directory = 0x19,
    Irq0Override = 0x8002,
    Hpet = 0x8004,
}
