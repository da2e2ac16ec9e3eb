using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;

namespace Rhea.GuestTests;

/// <summary>A saved machine taken apart by what QEMU's format says alone, so that it can judge who wrote it.</summary>
internal sealed class QemuStream
{
    private const byte Start = 1, Part = 2, Last = 3, Full = 4, Configuration = 7, Footer = 0x7E;
    private const int PageSize = 4096;
    private const ulong Zero = 0x02, Sizes = 0x04, Page = 0x08, EndOfSection = 0x10, SameBlock = 0x20;

    private readonly byte[] _bytes;
    private readonly Dictionary<string, JsonNode> _descriptions;
    private int _at;
    private string _block = "";

    public QemuStream(byte[] bytes)
    {
        _bytes = bytes;
        int text = bytes.AsSpan().LastIndexOf("{\"page_size\""u8);
        JsonNode description = JsonNode.Parse(Encoding.UTF8.GetString(bytes.AsSpan(text)).TrimEnd('\0'))!;
        _descriptions = description["devices"]!.AsArray().ToDictionary(device => $"{device!["name"]}#{device["instance_id"]}", device => device!);
        Read();
    }

    /// <summary>The machine's type.</summary>
    public string Machine { get; private set; } = "";

    /// <summary>Every device's bytes, after its header and before its footer, by name, instance and version.</summary>
    public Dictionary<string, string> Sections { get; } = [];

    /// <summary>RAM as it is at the end: block by block, page by page.</summary>
    public Dictionary<string, byte[]> Ram { get; } = [];

    /// <summary>The fields of a section with their bytes, one line each.</summary>
    public string[] Explain(string section)
    {
        var lines = new List<string>();
        Explain(_descriptions[section[..section.LastIndexOf(' ')]], Sections[section], 0, "", lines);
        return [.. lines];
    }

    private static int Explain(JsonNode node, string hex, int at, string path, List<string> lines)
    {
        foreach (JsonNode? field in node["fields"]!.AsArray())
        {
            int size = (int)field!["size"]!, count = (int?)field["array_len"] ?? 1;
            for (var i = 0; i < count; i++)
            {
                string name = $"{path}{field["name"]}{(field["index"] is { } index ? $"[{index}]" : count > 1 ? $"[{i}]" : "")}";
                if (field["struct"] is { } inner) Explain(inner, hex, at, name + ".", lines);
                else lines.Add($"{name} {hex.AsSpan(at * 2, size * 2)}");
                at += size;
            }
        }

        foreach (JsonNode? part in node["subsections"]?.AsArray() ?? [])
        {
            at = Explain(part!, hex, at + SubsectionHeader(part!), $"{path}{part!["vmsd_name"]}.", lines);
        }

        return at;
    }

    private void Read()
    {
        _at = 8; // magic and version
        while (true)
        {
            byte record = UInt8();
            if (record == 0) return;
            if (record == Configuration)
            {
                Machine = Text(UInt32());
                continue;
            }

            int number = UInt32();
            string name = "ram";
            if (record is Start or Full)
            {
                name = Text(UInt8());
                name = $"{name}#{UInt32()} v{UInt32()}";
            }

            if (record is Start or Part or Last) ReadRam();
            else Sections.Add(name, Convert.ToHexStringLower(Bytes(Length(_descriptions[name[..name.LastIndexOf(' ')]]))));
            if (UInt8() != Footer || UInt32() != number) throw new InvalidDataException($"{name} has no footer");
        }
    }

    private void ReadRam()
    {
        while (true)
        {
            ulong head = BinaryPrimitives.ReadUInt64BigEndian(Bytes(8)), flags = head & (PageSize - 1), value = head - flags;
            if (flags == EndOfSection) return;
            if (flags == Sizes)
            {
                for (ulong seen = 0; seen < value;)
                {
                    string name = Text(UInt8());
                    ulong length = BinaryPrimitives.ReadUInt64BigEndian(Bytes(8));
                    Ram.Add(name, new byte[length]);
                    seen += length;
                }

                continue;
            }

            if ((flags & SameBlock) == 0) _block = Text(UInt8());
            Span<byte> page = Ram[_block].AsSpan((int)value, PageSize);
            if ((flags & Zero) != 0) page.Fill(UInt8());
            else if ((flags & Page) != 0) Bytes(PageSize).CopyTo(page);
            else throw new InvalidDataException($"RAM with flags {flags:x}");
        }
    }

    private static int Length(JsonNode description) =>
        description["fields"]!.AsArray().Sum(field => (int)field!["size"]! * ((int?)field["array_len"] ?? 1))
        + (description["subsections"]?.AsArray().Sum(part => SubsectionHeader(part!) + Length(part!)) ?? 0);

    /// <summary>A mark, the name with its length, a version.</summary>
    private static int SubsectionHeader(JsonNode part) => 1 + 1 + ((string)part["vmsd_name"]!).Length + 4;

    private byte UInt8() => _bytes[_at++];

    private int UInt32() => (int)BinaryPrimitives.ReadUInt32BigEndian(Bytes(4));

    private string Text(int length) => Encoding.Latin1.GetString(Bytes(length));

    private ReadOnlySpan<byte> Bytes(int length) => _bytes.AsSpan((_at += length) - length, length);
}
