using System.Buffers.Binary;

namespace Rhea.Hypervisors.Xen;

/// <summary>All that Xen keeps of a domain's processors and chips: a stream of records, each with its type and instance.</summary>
/// <remarks>Xen, public/arch-x86/hvm/save.h. What is left out of a stream that goes back stays as it was.</remarks>
internal sealed class XenContext
{
    private const int DescriptorLength = 8;

    private readonly SortedDictionary<(XenRecord Type, int Instance), byte[]> _records = [];
    private readonly SortedSet<(XenRecord Type, int Instance)> _changed = [];

    /// <exception cref="InvalidDataException">It is not whole.</exception>
    public XenContext(ReadOnlySpan<byte> stream)
    {
        while (true)
        {
            if (stream.Length < DescriptorLength) throw new InvalidDataException("Xen's state of the domain ends in the middle");
            var type = (XenRecord)BinaryPrimitives.ReadUInt16LittleEndian(stream);
            int instance = BinaryPrimitives.ReadUInt16LittleEndian(stream[2..]);
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(stream[4..]);
            stream = stream[DescriptorLength..];
            if (type == XenRecord.End) return;
            if (length > (uint)stream.Length) throw new InvalidDataException($"Xen's state of the domain ends in record {(int)type}");
            _records[(type, instance)] = stream[..(int)length].ToArray();
            stream = stream[(int)length..];
        }
    }

    public int Count => _records.Count;

    /// <summary>Empty when there is none.</summary>
    public ReadOnlySpan<byte> Find(XenRecord type, int instance = 0) => _records.GetValueOrDefault((type, instance));

    /// <summary>A record that goes back; a new one is all zeros.</summary>
    public Span<byte> Change(XenRecord type, int instance, int length)
    {
        _changed.Add((type, instance));
        if (_records.TryGetValue((type, instance), out byte[]? record) && record.Length == length) return record;
        return _records[(type, instance)] = new byte[length];
    }

    public void Remove(XenRecord type, int instance)
    {
        _records.Remove((type, instance));
        _changed.Remove((type, instance));
    }

    /// <summary>The stream of what was changed; null when nothing was.</summary>
    public byte[]? Changes()
    {
        if (_changed.Count == 0) return null;
        var stream = new List<byte>();
        Append(stream, XenRecord.Header, 0, _records[(XenRecord.Header, 0)]);
        foreach ((XenRecord type, int instance) in _changed.Where(record => record.Type != XenRecord.Header)) Append(stream, type, instance, _records[(type, instance)]);
        Append(stream, XenRecord.End, 0, []);
        _changed.Clear();
        return [.. stream];
    }

    private static void Append(List<byte> stream, XenRecord type, int instance, ReadOnlySpan<byte> record)
    {
        Span<byte> descriptor = stackalloc byte[DescriptorLength];
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor, (ushort)type);
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[2..], (ushort)instance);
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor[4..], (uint)record.Length);
        CollectionExtensions.AddRange(stream, descriptor);
        CollectionExtensions.AddRange(stream, record);
    }
}

/// <summary>Types of record.</summary>
internal enum XenRecord
{
    End = 0,
    Header = 1,
    Cpu = 2,
    Pic = 3,
    IoApic = 4,
    LocalApic = 5,
    LocalApicRegisters = 6,
    PciIrq = 7,
    IsaIrq = 8,
    Pit = 10,
    Rtc = 11,
    Hpet = 12,
    Mtrr = 14,
    Xsave = 16,
    TscAdjust = 19,
}
