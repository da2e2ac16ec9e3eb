using System.Buffers.Binary;
using System.Text;
using Iced.Intel;
using Rhea.Core;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Boards.Firmware.Kernels;

/// <summary>What a multiboot kernel finds in low memory: the information structure with all it points to, and the last step into the kernel.</summary>
/// <remarks>
/// Multiboot Specification 0.6.96, 3.2 and 3.3. A descriptor table and a few instructions lie there too, because protected mode needs
/// them at addresses that are known beforehand.
/// </remarks>
internal sealed class MultibootInformation
{
    /// <summary>Where it lies, where the ROM puts the memory map, and where a kernel may begin.</summary>
    public const uint Start = 0x1_0000, MemoryMap = 0x2_0000, End = 0x3_0000;

    /// <summary>Offsets from <see cref="Start"/>.</summary>
    public const int TableRegister = 0x18, Structure = 0x20, Step = 0x80;

    /// <summary>Fields that the ROM fills in, from <see cref="Start"/>: KiB below and above 1 MiB, bytes of the memory map.</summary>
    public const int LowerMemory = Structure + 4, UpperMemory = Structure + 8, MemoryMapLength = Structure + 44;

    public const ushort CodeSelector = 0x08, DataSelector = 0x10;

    private const int Strings = 0xA0, ModuleEntry = 16, MaxLength = 64 << 10;
    private const uint LoaderMagic = 0x2BAD_B002, FirstDisk = 0x8000_FFFF;
    private const uint HasMemory = 0x01, HasDevice = 0x02, HasCommandLine = 0x04, HasModules = 0x08, HasMemoryMap = 0x40, HasLoaderName = 0x200;
    private const uint FlatLow = 0x0000_FFFF, FlatCodeHigh = 0x00CF_9A00, FlatDataHigh = 0x00CF_9200; // 4 GiB from address 0

    private readonly List<byte> _bytes = [.. new byte[Strings]];

    /// <param name="commandLine">The kernel's own, its name first.</param>
    /// <param name="modules">Where each lies, and its command line.</param>
    /// <exception cref="ConfigException">Command lines that are too long.</exception>
    public MultibootInformation(string commandLine, IReadOnlyList<(uint First, uint End, string CommandLine)> modules)
    {
        int table = Strings;
        _bytes.AddRange(new byte[modules.Count * ModuleEntry]);
        for (var i = 0; i < modules.Count; i++)
        {
            Put(table + (i * ModuleEntry), modules[i].First, modules[i].End, AddText(modules[i].CommandLine));
        }

        Put(0, 0, 0, FlatLow, FlatCodeHigh, FlatLow, FlatDataHigh);
        Put(TableRegister, (uint)((3 * sizeof(ulong)) - 1) | (Start << 16), Start >> 16);
        Put(Structure, HasMemory | HasDevice | HasCommandLine | HasModules | HasMemoryMap | HasLoaderName);
        Put(Structure + 12, FirstDisk, AddText(commandLine), (uint)modules.Count, Start + (uint)table);
        Put(Structure + 48, MemoryMap);
        Put(Structure + 64, AddText("qemu"));
        byte[] step = AssembleStep();
        for (var i = 0; i < step.Length; i++) _bytes[Step + i] = step[i];
        if (_bytes.Count > MaxLength) throw new ConfigException("the command lines of kernel and modules are too long: 64 KiB in all are the most");
    }

    public byte[] Bytes => [.. _bytes];

    /// <summary>In protected mode, with the entry point in ESI: the state that the specification demands.</summary>
    private static byte[] AssembleStep()
    {
        var code = new Assembler(32);
        code.mov(eax, DataSelector);
        code.mov(ds, ax);
        code.mov(es, ax);
        code.mov(fs, ax);
        code.mov(gs, ax);
        code.mov(ss, ax);
        code.mov(eax, LoaderMagic);
        code.mov(ebx, Start + Structure);
        code.jmp(esi);
        using var bytes = new MemoryStream();
        code.Assemble(new StreamCodeWriter(bytes), Start + Step);
        return bytes.ToArray();
    }

    private uint AddText(string text)
    {
        uint at = Start + (uint)_bytes.Count;
        _bytes.AddRange([.. Encoding.UTF8.GetBytes(text), 0]);
        return at;
    }

    private void Put(int at, params ReadOnlySpan<uint> values)
    {
        Span<byte> wide = stackalloc byte[sizeof(uint)];
        foreach (uint value in values)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(wide, value);
            foreach (byte part in wide) _bytes[at++] = part;
        }
    }
}
