using System.Buffers.Binary;

namespace Rhea.Boards.Firmware;

/// <summary>The memory map that firmware takes over: the file "etc/e820" of packed (address, length, type).</summary>
public static class E820
{
    public const string File = "etc/e820";
    private const uint Ram = 1, Reserved = 2;
    private const int EntryLength = 20;
    private const ulong HyperTransport = 0xFD_0000_0000, HyperTransportLength = 0x3_0000_0000;

    /// <param name="memory">The RAM of the board.</param>
    /// <param name="amd">The processor is AMD's, whose HyperTransport range below 1 TiB is never memory.</param>
    public static byte[] Build(RamSplit memory, bool amd)
    {
        List<(ulong Start, ulong Length, uint Type)> entries = amd ? [(HyperTransport, HyperTransportLength, Reserved)] : [];
        entries.Add((0, memory.Below4G, Ram));
        if (memory.Above4G > 0) entries.Add((RamSplit.FourGiB, memory.Above4G, Ram));

        var file = new byte[entries.Count * EntryLength];
        for (var i = 0; i < entries.Count; i++)
        {
            Span<byte> entry = file.AsSpan(i * EntryLength);
            BinaryPrimitives.WriteUInt64LittleEndian(entry, entries[i].Start);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[8..], entries[i].Length);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[16..], entries[i].Type);
        }

        return file;
    }
}
