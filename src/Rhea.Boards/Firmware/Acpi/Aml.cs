using System.Buffers.Binary;
using System.Text;

namespace Rhea.Boards.Firmware.Acpi;

/// <summary>A piece of ACPI Machine Language: a number, a name, an operation or an object, ready to be put into a larger one.</summary>
/// <remarks>A C# number is an AML number and a C# string is an AML <em>name</em>; AML strings are <see cref="Aml.Text"/>.</remarks>
public readonly record struct Term(byte[] Bytes)
{
    public static implicit operator Term(int number) => Aml.Number((uint)number);

    public static implicit operator Term(string path) => new(Aml.Path(path));
}

/// <summary>ACPI Machine Language, spelt in C#. Each function is the operator of that name in the ACPI Source Language.</summary>
/// <remarks>ACPI 6.4, chapter 20. Tables are of revision 1: numbers have 32 bits.</remarks>
public static class Aml
{
    private const byte ExtendedOp = 0x5B;
    private const int SegmentLength = 4;

    public static Term Local0 => Op(0x60);

    public static Term Arg0 => Op(0x68);

    public static Term Arg1 => Op(0x69);

    public static Term Arg2 => Op(0x6A);

    // Data

    public static Term Number(uint number)
    {
        var wide = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(wide, number);
        return number switch
        {
            0 or 1 => Op((byte)number),
            <= byte.MaxValue => new([0x0A, .. wide.AsSpan(0, 1)]),
            <= ushort.MaxValue => new([0x0B, .. wide.AsSpan(0, 2)]),
            _ => new([0x0C, .. wide]),
        };
    }

    public static Term Text(string text) => new([0x0D, .. Encoding.ASCII.GetBytes(text), 0]);

    /// <summary>"PNP0A03": three letters of five bits, four hexadecimal digits, the whole with its bytes reversed.</summary>
    public static Term EisaId(string id)
    {
        uint packed = (uint)((id[0] - '@') << 26 | (id[1] - '@') << 21 | (id[2] - '@') << 16) | Convert.ToUInt32(id[3..], 16);
        return Number(BinaryPrimitives.ReverseEndianness(packed));
    }

    public static Term Bytes(ReadOnlySpan<byte> bytes) => Sized([0x11], Number((uint)bytes.Length), new Term(bytes.ToArray()));

    public static Term Package(params Term[] elements) => Sized([0x12], [new Term([(byte)elements.Length]), .. elements]);

    /// <summary>Hardware resources one after the other, and their end tag.</summary>
    public static Term ResourceTemplate(params byte[][] resources) => Bytes([.. resources.SelectMany(bytes => bytes), .. Resource.End]);

    // Objects

    public static Term Name(string name, Term value) => Op(0x08, name, value);

    public static Term Scope(string path, params Term[] contents) => Sized([0x10], [path, .. contents]);

    public static Term Device(string name, params Term[] contents) => Sized([ExtendedOp, 0x82], [name, .. contents]);

    public static Term Method(string name, int arguments, params Term[] body) => Method(name, (byte)arguments, body);

    /// <summary>A method that one thread runs at a time, as is needed where it creates names.</summary>
    public static Term SerializedMethod(string name, int arguments, params Term[] body) => Method(name, (byte)(arguments | 0x08), body);

    public static Term Mutex(string name) => Extended(0x01, name, new Term([0]));

    public static Term OperationRegion(string name, RegionSpace space, Term offset, Term length) =>
        Extended(0x80, name, new Term([(byte)space]), offset, length);

    public static Term Field(string region, FieldAccess access, FieldUpdate update, params FieldUnit[] units)
    {
        byte[] list = [.. units.SelectMany(unit => unit.Encode())];
        return Sized([ExtendedOp, 0x81], region, new Term([(byte)((byte)access | (byte)update)]), new Term(list));
    }

    public static Term CreateDWordField(Term buffer, Term offset, string name) => Op(0x8A, buffer, offset, name);

    // Operations

    public static Term Store(Term value, Term into) => Op(0x70, value, into);

    public static Term Increment(Term target) => Op(0x75, target);

    public static Term ShiftLeft(Term value, Term bits) => Op(0x79, value, bits, new Term([0]));

    public static Term And(Term left, Term right) => Op(0x7B, left, right, new Term([0]));

    public static Term Or(Term left, Term right, Term into) => Op(0x7D, left, right, into);

    public static Term Equal(Term left, Term right) => Op(0x93, left, right);

    public static Term Less(Term left, Term right) => Op(0x95, left, right);

    public static Term Notify(Term device, Term what) => Op(0x86, device, what);

    public static Term Call(string method, params Term[] arguments) => Join([method, .. arguments]);

    /// <summary>Waits for ever.</summary>
    public static Term Acquire(string mutex) => Extended(0x23, mutex, new Term([0xFF, 0xFF]));

    public static Term Release(string mutex) => Extended(0x27, mutex);

    public static Term If(Term condition, params Term[] then) => Sized([0xA0], [condition, .. then]);

    public static Term Else(params Term[] otherwise) => Sized([0xA1], otherwise);

    public static Term While(Term condition, params Term[] body) => Sized([0xA2], [condition, .. body]);

    public static Term Return(Term value) => Op(0xA4, value);

    public static Term Join(params Term[] parts) => new([.. parts.SelectMany(part => part.Bytes)]);

    /// <summary>A name as it is encoded: root and parents, a count, and segments of four characters.</summary>
    internal static byte[] Path(string path)
    {
        int from = path.TakeWhile(character => character is '\\' or '^').Count();
        byte[] prefix = Encoding.ASCII.GetBytes(path[..from]);
        if (from == path.Length) return [.. prefix, 0];
        string[] segments = path[from..].Split('.');
        byte[] names = Encoding.ASCII.GetBytes(string.Concat(segments.Select(segment => segment.PadRight(SegmentLength, '_'))));
        return segments.Length switch
        {
            1 => [.. prefix, .. names],
            2 => [.. prefix, 0x2E, .. names],
            _ => [.. prefix, 0x2F, (byte)segments.Length, .. names],
        };
    }

    /// <summary>A length of six bits in the first byte, or of four bits there and eight in each of up to three more.</summary>
    internal static byte[] Length(int length)
    {
        if (length < 1 << 6) return [(byte)length];
        int more = length < 1 << 12 ? 1 : length < 1 << 20 ? 2 : 3;
        var bytes = new byte[1 + more];
        bytes[0] = (byte)((more << 6) | (length & 0x0F));
        for (var i = 1; i <= more; i++) bytes[i] = (byte)(length >> (4 + ((i - 1) * 8)));
        return bytes;
    }

    private static Term Method(string name, byte flags, Term[] body) => Sized([0x14], [name, new Term([flags]), .. body]);

    private static Term Op(byte code, params Term[] operands) => Join([new Term([code]), .. operands]);

    private static Term Extended(byte code, params Term[] operands) => Join([new Term([ExtendedOp, code]), .. operands]);

    /// <summary>An operator whose operands are preceded by their length, which counts its own bytes too.</summary>
    private static Term Sized(byte[] code, params Term[] operands)
    {
        byte[] contents = Join(operands).Bytes;
        var own = 1;
        while (Length(contents.Length + own).Length > own) own++;
        return new([.. code, .. Length(contents.Length + own), .. contents]);
    }
}

/// <summary>Where the registers of an operation region are.</summary>
public enum RegionSpace : byte
{
    SystemMemory = 0,
    SystemIo = 1,
    PciConfig = 2,
}

/// <summary>The width of accesses to a field's registers.</summary>
public enum FieldAccess : byte
{
    Byte = 1,
    DWord = 3,
}

/// <summary>What happens to the other bits of a register when one field of it is written.</summary>
public enum FieldUpdate : byte
{
    Preserve = 0x00,
    WriteAsZeros = 0x40,
}

/// <summary>Some bits of a register under a name, or bits without a name that are skipped.</summary>
public readonly record struct FieldUnit(string? Name, int Bits)
{
    public static FieldUnit Skip(int bits) => new(null, bits);

    internal byte[] Encode() => Name is null ? [0, .. Aml.Length(Bits)] : [.. Aml.Path(Name), .. Aml.Length(Bits)];
}
