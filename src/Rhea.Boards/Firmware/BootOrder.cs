using System.Text;
using Rhea.Core;

namespace Rhea.Boards.Firmware;

/// <summary>What to boot from, in order: the file "bootorder" of Open Firmware paths, one a line, made of the devices' <c>bootindex</c>.</summary>
/// <remarks>Devices that are not in it follow in the order of CMOS (<c>-boot order</c>), unless the user wants no others.</remarks>
public sealed class BootOrder
{
    public const string File = "bootorder";
    private const string NothingElse = "HALT";

    private readonly SortedList<int, string> _paths = [];

    /// <exception cref="ConfigException">The index is taken.</exception>
    public void Add(int index, string path)
    {
        if (!_paths.TryAdd(index, path)) throw new ConfigException($"The bootindex {index} has already been used");
    }

    /// <param name="strict">Whatever has no index is not tried.</param>
    public byte[] Build(bool strict)
    {
        IEnumerable<string> lines = strict && _paths.Count > 0 ? _paths.Values.Append(NothingElse) : _paths.Values;
        string text = string.Join('\n', lines);
        return text.Length == 0 ? [] : Encoding.ASCII.GetBytes(text + '\0');
    }

    /// <summary>A drive of the PIIX3's IDE function.</summary>
    public static string IdeDisk(int channel, int drive) => $"{Pci("ide", 1, 1)}/drive@{channel:x}/disk@{drive:x}";

    public static string Floppy(int drive) => $"{Pci("isa", 1, 0)}/fdc@03f0/floppy@{drive:x}";

    /// <summary>An option ROM that fw_cfg carries, by its file name there.</summary>
    public static string Rom(string file) => $"/rom@{file}";

    /// <summary>A PCI function by the name Open Firmware gives its class: "ethernet", "scsi".</summary>
    public static string Pci(string kind, int device, int function) =>
        function == 0 ? $"/pci@i0cf8/{kind}@{device:x}" : $"/pci@i0cf8/{kind}@{device:x},{function:x}";
}
