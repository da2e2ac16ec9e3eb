using System.Buffers.Binary;
using System.Text;

namespace Rhea.Boards.Firmware.Smbios;

/// <summary>One SMBIOS structure: fields at fixed places, and strings after them that fields name by number.</summary>
internal sealed class SmbiosStructure
{
    private readonly byte[] _fields;
    private readonly List<string> _strings = [];

    public SmbiosStructure(byte type, ushort handle, byte length)
    {
        _fields = new byte[length];
        (_fields[0], _fields[1]) = (type, length);
        Word(2, handle);
    }

    public void Byte(int at, byte value) => _fields[at] = value;

    public void Word(int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(_fields.AsSpan(at), value);

    public void DWord(int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(_fields.AsSpan(at), value);

    public void QWord(int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(_fields.AsSpan(at), value);

    public void Bytes(int at, params ReadOnlySpan<byte> bytes) => bytes.CopyTo(_fields.AsSpan(at));

    /// <summary>A field that names a string; 0 for none.</summary>
    public void Text(int at, string? text)
    {
        if (string.IsNullOrEmpty(text)) return;
        _strings.Add(text);
        _fields[at] = (byte)_strings.Count;
    }

    /// <summary>Fields and strings; two zeros end it, with strings or without.</summary>
    public byte[] Build()
    {
        IEnumerable<byte> strings = _strings.SelectMany(text => (byte[])[.. Encoding.UTF8.GetBytes(text), 0]);
        return [.. _fields, .. strings, .. _strings.Count == 0 ? "\0\0"u8 : "\0"u8];
    }
}
