using System.Buffers.Binary;
using System.Text;

namespace Rhea.Boards.Firmware.Acpi;

/// <summary>The script by which firmware puts ACPI files into memory: where each goes, which numbers in it point where, which bytes are sums.</summary>
/// <remarks>The interface of "etc/table-loader" as SeaBIOS and OVMF read it: commands of 128 bytes, little-endian.</remarks>
public sealed class TableLoader
{
    private const int CommandLength = 128, NameLength = 56;
    private const uint AllocateCommand = 1, AddPointerCommand = 2, AddChecksumCommand = 3;

    private readonly List<byte[]> _commands = [];

    public byte[] Build() => [.. _commands.SelectMany(command => command)];

    /// <param name="align">Of the file in memory; a power of two.</param>
    public void Allocate(string file, uint align, LoaderZone zone)
    {
        Span<byte> command = Command(AllocateCommand, file);
        BinaryPrimitives.WriteUInt32LittleEndian(command[NameLength..], align);
        command[NameLength + 4] = (byte)zone;
    }

    /// <summary>Adds the address of one file to a 32-bit number in another.</summary>
    public void AddPointer(string file, uint offset, string target)
    {
        Span<byte> command = Command(AddPointerCommand, file);
        Encoding.ASCII.GetBytes(target, command[NameLength..]);
        BinaryPrimitives.WriteUInt32LittleEndian(command[(NameLength * 2)..], offset);
        command[(NameLength * 2) + 4] = sizeof(uint);
    }

    /// <summary>Makes bytes of a file sum to zero by setting one of them.</summary>
    public void AddChecksum(string file, uint sumOffset, uint start, uint length)
    {
        Span<byte> command = Command(AddChecksumCommand, file);
        BinaryPrimitives.WriteUInt32LittleEndian(command[NameLength..], sumOffset);
        BinaryPrimitives.WriteUInt32LittleEndian(command[(NameLength + 4)..], start);
        BinaryPrimitives.WriteUInt32LittleEndian(command[(NameLength + 8)..], length);
    }

    /// <summary>A new command; what follows its number and file name is returned from the name on.</summary>
    private Span<byte> Command(uint number, string file)
    {
        var command = new byte[CommandLength];
        _commands.Add(command);
        BinaryPrimitives.WriteUInt32LittleEndian(command, number);
        Encoding.ASCII.GetBytes(file, command.AsSpan(4));
        return command.AsSpan(4);
    }
}

/// <summary>Where in memory a file goes.</summary>
public enum LoaderZone : byte
{
    /// <summary>Anywhere below 4 GiB.</summary>
    High = 1,

    /// <summary>F0000h-FFFFFh, where systems look for the root pointer.</summary>
    FSegment = 2,
}
