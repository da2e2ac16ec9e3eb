using System.Buffers.Binary;
using Rhea.Core;

namespace Rhea.Boards.Firmware.Kernels;

/// <summary>A multiboot kernel as it will lie in memory: its parts in place, the rest zero.</summary>
/// <param name="Address">Where it lies.</param>
/// <param name="Entry">Where it starts.</param>
/// <param name="Bytes">What lies there.</param>
/// <remarks>Multiboot Specification 0.6.96, 3.1; ELF from the System V ABI, Intel386 supplement.</remarks>
public sealed record MultibootImage(uint Address, uint Entry, byte[] Bytes)
{
    private const uint Magic = 0x1BAD_B002, HasAddresses = 1 << 16;
    private const int SearchLength = 8192, ShortHeader = 12, LongHeader = 32;
    private const int ElfHeaderLength = 52, SegmentLength = 32, ElfClass = 4, ElfEntry = 24, SegmentTable = 28, SegmentCount = 44;
    private const byte Class32 = 1, Class64 = 2;
    private const uint Loadable = 1;

    public static bool Recognizes(ReadOnlySpan<byte> file) => FindHeader(file) >= 0;

    /// <param name="file">The kernel.</param>
    /// <param name="name">For messages.</param>
    /// <param name="room">Bytes of memory it may fill.</param>
    /// <exception cref="ConfigException">It is for another processor, contradicts itself, or is larger than memory.</exception>
    public static MultibootImage Read(ReadOnlySpan<byte> file, string name, ulong room)
    {
        int header = FindHeader(file);
        bool addressed = (DWord(file, header + 4) & HasAddresses) != 0;
        return (addressed ? ReadAddressed(file, header, room) : ReadElf(file, name, room))
            ?? throw new ConfigException($"could not load kernel '{name}': its headers name parts that are not in the file, or more than {room >> 20} MiB of memory");
    }

    /// <summary>The header is on a 32-bit boundary in the first 8 KiB, and its three numbers sum to zero. -1 without one.</summary>
    private static int FindHeader(ReadOnlySpan<byte> file)
    {
        int end = Math.Min(file.Length, SearchLength) - ShortHeader;
        for (var at = 0; at <= end; at += 4)
        {
            if (DWord(file, at) != Magic || DWord(file, at) + DWord(file, at + 4) + DWord(file, at + 8) != 0) continue;
            if ((DWord(file, at + 4) & HasAddresses) == 0 || file.Length - at >= LongHeader) return at;
        }

        return -1;
    }

    /// <summary>The header itself says what goes where (the "a.out kludge"). Null when that cannot be.</summary>
    private static MultibootImage? ReadAddressed(ReadOnlySpan<byte> file, int header, ulong room)
    {
        uint headerAddress = DWord(file, header + 12), start = DWord(file, header + 16), loadEnd = DWord(file, header + 20);
        uint bssEnd = DWord(file, header + 24), entry = DWord(file, header + 28);
        long from = header - ((long)headerAddress - start);
        if (headerAddress < start || from < 0) return null;
        long length = loadEnd == 0 ? file.Length - from : (long)loadEnd - start;
        if (length <= 0 || from + length > file.Length) return null;
        long all = Math.Max(length, (long)bssEnd - start);
        if ((ulong)(start + all) > room) return null;
        var bytes = new byte[all];
        file.Slice((int)from, (int)length).CopyTo(bytes);
        return new MultibootImage(start, entry, bytes);
    }

    /// <summary>The loadable segments of a 32-bit ELF file, at their physical addresses. Null when they cannot be.</summary>
    private static MultibootImage? ReadElf(ReadOnlySpan<byte> file, string name, ulong room)
    {
        if (!file.StartsWith("\u007fELF"u8) || file.Length < ElfHeaderLength)
            throw new ConfigException($"could not load kernel '{name}': it has a multiboot header, but neither addresses in it nor an ELF header");
        if (file[ElfClass] == Class64) throw new ConfigException($"could not load kernel '{name}': Cannot load x86-64 image, give a 32bit one.");
        if (file[ElfClass] != Class32) return null;
        int count = BinaryPrimitives.ReadUInt16LittleEndian(file[SegmentCount..]);
        long table = DWord(file, SegmentTable);
        if (table + ((long)count * SegmentLength) > file.Length) return null;

        ulong low = ulong.MaxValue, high = 0;
        for (var i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> segment = file.Slice((int)table + (i * SegmentLength), SegmentLength);
            (ulong offset, ulong address, ulong length, ulong all) = (DWord(segment, 4), DWord(segment, 12), DWord(segment, 16), DWord(segment, 20));
            if (DWord(segment, 0) != Loadable || all == 0) continue;
            if (length > all || offset + length > (ulong)file.Length || address + all > room) return null;
            (low, high) = (Math.Min(low, address), Math.Max(high, address + all));
        }

        if (high == 0) return null;
        var bytes = new byte[high - low];
        for (var i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> segment = file.Slice((int)table + (i * SegmentLength), SegmentLength);
            if (DWord(segment, 0) != Loadable || DWord(segment, 20) == 0) continue;
            file.Slice((int)DWord(segment, 4), (int)DWord(segment, 16)).CopyTo(bytes.AsSpan((int)(DWord(segment, 12) - low)));
        }

        return new MultibootImage((uint)low, DWord(file, ElfEntry), bytes);
    }

    private static uint DWord(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
}
