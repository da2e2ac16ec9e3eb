using System.Buffers.Binary;

namespace Rhea.Hypervisors;

/// <summary>The fields of a structure that is known by offsets: little-endian, of 16 (half), 32 (word) and 64 bits (quad).</summary>
internal static class Record
{
    public static ushort Half(ReadOnlySpan<byte> record, int at) => BinaryPrimitives.ReadUInt16LittleEndian(record[at..]);

    public static uint Word(ReadOnlySpan<byte> record, int at) => BinaryPrimitives.ReadUInt32LittleEndian(record[at..]);

    public static ulong Quad(ReadOnlySpan<byte> record, int at) => BinaryPrimitives.ReadUInt64LittleEndian(record[at..]);

    public static void Put(Span<byte> record, int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(record[at..], value);

    public static void Put(Span<byte> record, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(record[at..], value);

    public static void Put(Span<byte> record, int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(record[at..], value);
}
