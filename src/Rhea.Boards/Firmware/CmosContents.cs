using System.Buffers.Binary;
using Rhea.Core;
using Rhea.Devices.Storage;

namespace Rhea.Boards.Firmware;

/// <summary>What a PC's set-up leaves in the RAM of the real-time clock: sizes of memory, drives, order of boot.</summary>
/// <remarks>Ralf Brown's CMOS memory map; bytes 34h-35h, 38h, 39h, 3Dh and 5Bh-5Fh are those that SeaBIOS reads on QEMU.</remarks>
public static class CmosContents
{
    private const int FloppyTypes = 0x10, DiskTypes = 0x12, Equipment = 0x14, BaseMemory = 0x15, ExtendedMemory = 0x17;
    private const int FirstDiskType = 0x19, FirstDisk = 0x1B, DiskLength = 9, ExtendedMemoryAgain = 0x30, MemoryAbove16M = 0x34;
    private const int ThirdBoot = 0x38, Translations = 0x39, FirstBoots = 0x3D, MemoryAbove4G = 0x5B, MoreCpus = 0x5F;
    private const byte FloppyOne = 0x01, FloppyTwo = 0x40, Coprocessor = 0x02, Mouse = 0x04;                 // equipment
    private const byte Type47 = 47;
    private const int KiB = 1 << 10, MiB = 1 << 20, Unit = 64 << 10;

    public static void WriteMemory(Span<byte> ram, RamSplit memory)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(ram[BaseMemory..], (ushort)Math.Min(640, memory.Below4G / KiB));
        var extended = (ushort)Math.Min(ushort.MaxValue, Beyond(memory.Below4G, 1 * MiB) / KiB);
        BinaryPrimitives.WriteUInt16LittleEndian(ram[ExtendedMemory..], extended);
        BinaryPrimitives.WriteUInt16LittleEndian(ram[ExtendedMemoryAgain..], extended);
        BinaryPrimitives.WriteUInt16LittleEndian(ram[MemoryAbove16M..], (ushort)Math.Min(ushort.MaxValue, Beyond(memory.Below4G, 16 * MiB) / Unit));
        ulong above = memory.Above4G / Unit;
        (ram[MemoryAbove4G], ram[MemoryAbove4G + 1], ram[MemoryAbove4G + 2]) = ((byte)above, (byte)(above >> 8), (byte)(above >> 16));
    }

    /// <summary>Processors that start with the machine.</summary>
    public static void WriteCpus(Span<byte> ram, int cpus) => ram[MoreCpus] = (byte)(cpus - 1);

    /// <summary>The drives of the floppy controller, first to last; <see cref="FloppyType.None"/> where there is none.</summary>
    public static void WriteFloppies(Span<byte> ram, FloppyType first, FloppyType second)
    {
        ram[FloppyTypes] = (byte)(((int)first << 4) | (int)second);
        int drives = (first == FloppyType.None ? 0 : 1) + (second == FloppyType.None ? 0 : 1);
        ram[Equipment] = (byte)(Coprocessor | Mouse | drives switch { 0 => 0, 1 => FloppyOne, _ => FloppyOne | FloppyTwo });
    }

    /// <summary>The four IDE places in order; null where no disk is.</summary>
    public static void WriteDisks(Span<byte> ram, IReadOnlyList<DiskGeometry?> disks)
    {
        for (var i = 0; i < disks.Count; i++)
        {
            if (disks[i] is not { } disk) continue;
            ram[Translations] |= (byte)((disk.NeedsTranslation ? 1 : 0) << (i * 2));
            if (i >= 2) continue; // the rest of the map has room for the first channel only
            ram[DiskTypes] |= (byte)(0xF0 >> (i * 4));
            ram[FirstDiskType + i] = Type47;
            WriteDisk(ram.Slice(FirstDisk + (i * DiskLength), DiskLength), disk);
        }
    }

    /// <summary>The order in which drives are tried.</summary>
    /// <param name="order">Letters: a (or b) floppy, c disk, d CD, n network.</param>
    /// <param name="floppyCheck">A floppy without a boot signature is not booted from.</param>
    /// <exception cref="ConfigException">An unknown letter, or more than three.</exception>
    public static void WriteBootOrder(Span<byte> ram, string order, bool floppyCheck = true)
    {
        if (order.Length > 3) throw new ConfigException($"Too many boot devices for PC: '{order}' names more than three");
        Span<int> drives = stackalloc int[3];
        drives.Clear();
        for (var i = 0; i < order.Length; i++) drives[i] = BootDrive(order[i]);
        ram[FirstBoots] = (byte)((drives[1] << 4) | drives[0]);
        ram[ThirdBoot] = (byte)((drives[2] << 4) | (floppyCheck ? 0 : 1));
    }

    private static void WriteDisk(Span<byte> entry, DiskGeometry disk)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(entry, disk.Cylinders);
        entry[2] = disk.Heads;
        entry[3] = entry[4] = 0xFF; // write precompensation: none
        entry[5] = (byte)(0xC0 | (disk.Heads > 8 ? 8 : 0));
        BinaryPrimitives.WriteUInt16LittleEndian(entry[6..], disk.Cylinders); // landing zone
        entry[8] = disk.Sectors;
    }

    private static int BootDrive(char letter) => letter switch
    {
        'a' or 'b' => 1,
        'c' => 2,
        'd' => 3,
        'n' => 4,
        _ => throw new ConfigException($"Invalid boot device for PC: '{letter}'; a is the floppy, c the disk, d the CD, n the network"),
    };

    private static ulong Beyond(ulong memory, ulong from) => memory > from ? memory - from : 0;
}

/// <summary>A disk's cylinders, heads and sectors as the drive reports them.</summary>
public readonly record struct DiskGeometry(ushort Cylinders, byte Heads, byte Sectors)
{
    /// <summary>INT 13h has room for 1024 cylinders only: the BIOS makes up a geometry of its own.</summary>
    public bool NeedsTranslation => Cylinders > 1024;
}
