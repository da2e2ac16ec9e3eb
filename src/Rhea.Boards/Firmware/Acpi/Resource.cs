using System.Buffers.Binary;

namespace Rhea.Boards.Firmware.Acpi;

/// <summary>Resource descriptors: which ports, interrupts and addresses a device of the DSDT has.</summary>
/// <remarks>ACPI 6.4, 6.4.</remarks>
public static class Resource
{
    private const byte FixedRange = 0x0C;                                 // minimum and maximum are both fixed; a bridge passes it on
    private const byte SharedLevelHigh = 0x09;                            // an interrupt that is shared, level-triggered, active high
    private const byte MemoryRange = 0, PortRange = 1, BusRange = 2;
    private const byte WholePortRange = 0x03, ReadWrite = 0x01, Cacheable = 0x02;

    /// <summary>What every template ends with; its checksum is not used.</summary>
    public static ReadOnlySpan<byte> End => [0x79, 0];

    public static byte[] Ports(ushort first, byte length, byte alignment = 1) =>
        [0x47, 0x01, (byte)first, (byte)(first >> 8), (byte)first, (byte)(first >> 8), alignment, length];

    public static byte[] Irq(int number) => [0x22, (byte)(1 << number), (byte)((1 << number) >> 8)];

    /// <summary>A channel of the 8237 for transfers of bytes.</summary>
    public static byte[] Dma(int channel) => [0x2A, (byte)(1 << channel), 0];

    public static byte[] FixedMemory(uint address, uint length)
    {
        byte[] bytes = [0x86, 9, 0, 0, .. new byte[8]];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), address);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), length);
        return bytes;
    }

    /// <summary>One of these I/O APIC inputs.</summary>
    public static byte[] Interrupts(params byte[] inputs)
    {
        byte[] bytes = [0x89, (byte)(2 + (inputs.Length * 4)), 0, SharedLevelHigh, (byte)inputs.Length, .. new byte[inputs.Length * 4]];
        for (var i = 0; i < inputs.Length; i++) bytes[5 + (i * 4)] = inputs[i];
        return bytes;
    }

    public static byte[] BusNumbers(ushort first, ushort last) => Range([0x88, 0x0D, 0, BusRange, FixedRange, 0], sizeof(ushort), first, last);

    public static byte[] PortWindow(ushort first, ushort last) =>
        Range([0x88, 0x0D, 0, PortRange, FixedRange, WholePortRange], sizeof(ushort), first, last);

    public static byte[] MemoryWindow(uint first, uint last, bool cacheable) =>
        Range([0x87, 0x17, 0, MemoryRange, FixedRange, (byte)(ReadWrite | (cacheable ? Cacheable : 0))], sizeof(uint), first, last);

    public static byte[] MemoryWindow64(ulong first, ulong last) =>
        Range([0x8A, 0x2B, 0, MemoryRange, FixedRange, ReadWrite | Cacheable], sizeof(ulong), first, last);

    /// <summary>Five numbers after the head: granularity, minimum, maximum, translation, length.</summary>
    private static byte[] Range(byte[] head, int width, ulong first, ulong last)
    {
        ReadOnlySpan<ulong> numbers = [0, first, last, 0, last - first + 1];
        var bytes = new byte[head.Length + (numbers.Length * width)];
        head.CopyTo(bytes, 0);
        for (var i = 0; i < numbers.Length * width; i++) bytes[head.Length + i] = (byte)(numbers[i / width] >> (i % width * 8));
        return bytes;
    }
}
