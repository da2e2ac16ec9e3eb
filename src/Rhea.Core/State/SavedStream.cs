using System.Buffers.Binary;
using System.Text.Json;
using Rhea.Core.Memory;

namespace Rhea.Core.State;

/// <summary>A saved machine taken apart by what stands in it alone, without a machine to load it into: Rhea's or QEMU's.</summary>
/// <remarks>Where a section ends is known from the description at the stream's end only; without one no section is shown.</remarks>
public sealed class SavedStream
{
    private const int LongestDescription = 32 << 20, DescriptionHead = 5;

    private readonly Dictionary<(string, long), JsonElement> _described = [];
    private readonly List<SavedBlock> _blocks = [];
    private readonly List<SavedSection> _sections = [];
    private readonly long _length;
    private SavedBlock? _block;

    /// <param name="from">A whole stream, in which one can seek.</param>
    /// <exception cref="StateException">It is none, or is damaged; the message says where.</exception>
    public SavedStream(Stream from)
    {
        _length = from.Length;
        if (Description(from) is { } description)
        {
            HasDescription = true;
            Configuration = SavedConfiguration.Of(description);
            Index(description);
        }

        from.Position = 0;
        Read(new WireReader(from));
    }

    /// <summary>The machine's type: "pc-i440fx-7.2". Empty when the stream does not tell.</summary>
    public string Machine { get; private set; } = "";

    /// <summary>False for a stream whose device sections cannot be told apart.</summary>
    public bool HasDescription { get; }

    /// <summary>Null in a stream that Rhea has not written.</summary>
    public SavedConfiguration? Configuration { get; }

    public IReadOnlyList<SavedBlock> Blocks => _blocks;

    public IReadOnlyList<SavedSection> Sections => _sections;

    /// <summary>Only how to build the machine again; null when the stream does not say.</summary>
    /// <exception cref="StateException">What it says cannot be read.</exception>
    public static SavedConfiguration? ConfigurationOf(Stream from) => Description(from) is { } description ? SavedConfiguration.Of(description) : null;

    /// <summary>The last thing in the stream: a mark, its length, and a text that reaches to the end.</summary>
    private static JsonElement? Description(Stream from)
    {
        var tail = new byte[Math.Min(from.Length, LongestDescription)];
        from.Position = from.Length - tail.Length;
        from.ReadExactly(tail);
        for (int start = tail.Length - 2; start >= DescriptionHead; start--)
        {
            if (tail[start] != '{' || tail[start - DescriptionHead] != MachineStream.Description) continue;
            if (BinaryPrimitives.ReadUInt32BigEndian(tail.AsSpan(start - sizeof(uint))) != tail.Length - start) continue;
            try
            {
                return JsonDocument.Parse(tail.AsMemory(start)).RootElement;
            }
            catch (JsonException error)
            {
                throw new StateException("the description at its end cannot be read", error);
            }
        }

        return null;
    }

    private void Index(JsonElement description)
    {
        try
        {
            foreach (JsonElement device in description.GetProperty("devices").EnumerateArray())
                _described[(device.GetProperty("name").GetString() ?? "", device.GetProperty("instance_id").GetInt64())] = device;
        }
        catch (Exception error) when (IsMalformed(error))
        {
            throw new StateException("the description at its end lacks what it should say of devices", error);
        }
    }

    private void Read(WireReader wire)
    {
        byte record = MachineStream.ReadHeader(wire, out string machine);
        Machine = machine;
        for (; record != MachineStream.End; record = wire.UInt8())
        {
            uint number = wire.UInt32();
            if (record is MachineStream.Part or MachineStream.Last) ReadRam(wire);
            else if (record is MachineStream.Start or MachineStream.Full)
            {
                (string name, uint instance, uint version) = (wire.Name(), wire.UInt32(), wire.UInt32());
                if (name == MachineStream.Ram) ReadRam(wire);
                else if (!HasDescription) return;
                else ReadSection(wire, name, instance, version);
            }
            else throw new StateException($"record type {record:x2}h is unknown");

            MachineStream.ReadFooter(wire, number);
        }
    }

    private void ReadSection(WireReader wire, string name, uint instance, uint version)
    {
        if (!_described.TryGetValue((name, instance), out JsonElement description)) throw new StateException($"{name} number {instance} is not described");
        try
        {
            long length = SavedSection.LengthOf(description);
            if (length > _length) throw new StateException($"{name}: is said to have {length} bytes");
            var bytes = new byte[length];
            wire.Bytes(bytes);
            _sections.Add(new SavedSection(name, instance, version, description, bytes));
        }
        catch (Exception error) when (IsMalformed(error))
        {
            throw new StateException($"{name}: its description cannot be read", error);
        }
    }

    private void ReadRam(WireReader wire)
    {
        Span<byte> page = stackalloc byte[RamBlock.PageSize];
        while (true)
        {
            ulong head = wire.UInt64(), flags = head & RamState.Flags, value = head - flags;
            switch (flags & ~RamState.SameBlock)
            {
                case RamState.EndOfSection: return;
                case RamState.Sizes:
                    ReadSizes(wire, value);
                    break;
                case RamState.Zero:
                    Find(wire, flags).Filled++;
                    wire.UInt8();
                    break;
                case RamState.Page:
                    Find(wire, flags).Pages++;
                    wire.Bytes(page);
                    break;
                default: throw new StateException($"ram: flags {flags:x}h are unknown");
            }
        }
    }

    private void ReadSizes(WireReader wire, ulong total)
    {
        for (ulong seen = 0; seen < total;)
        {
            var block = new SavedBlock(wire.Name(), wire.UInt64());
            if (block.Length == 0) throw new StateException($"ram: {block.Name} has no bytes");
            _blocks.Add(block);
            seen += block.Length;
        }
    }

    private SavedBlock Find(WireReader wire, ulong flags)
    {
        if ((flags & RamState.SameBlock) != 0) return _block ?? throw new StateException("ram: a page of no block");
        string name = wire.Name();
        return _block = _blocks.Find(block => block.Name == name) ?? throw new StateException($"ram: a page of {name}, which is not listed");
    }

    internal static bool IsMalformed(Exception error) => error is KeyNotFoundException or InvalidOperationException or FormatException or OverflowException or ArgumentOutOfRangeException;
}

/// <summary>A block of RAM in a saved machine.</summary>
/// <param name="Name">"pc.ram".</param>
/// <param name="Length">In bytes.</param>
public sealed record SavedBlock(string Name, ulong Length)
{
    /// <summary>How many pages came with their contents.</summary>
    public long Pages { get; internal set; }

    /// <summary>How many came as one value that fills them.</summary>
    public long Filled { get; internal set; }
}
