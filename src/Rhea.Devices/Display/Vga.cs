using System.Numerics;
using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Core.Pci;
using Rhea.Core.State;

namespace Rhea.Devices.Display;

/// <summary>The display adapter of the PC: IBM's VGA, and any resolution through Bochs' extension.</summary>
/// <remarks>
/// IBM PS/2 Video Subsystem Technical Reference, 1992; Bochs, "VBE display interface"; QEMU's specification "standard-vga" for
/// the PCI side. As in QEMU the retrace bits change with every read, so that no guest waits for them in vain, and the pixel
/// mask (3C6h) is not there.
/// </remarks>
[Device("VGA", "Display adapter: VGA and Bochs VBE")]
public sealed class Vga : Device
{
    private const byte ColorPorts = 0x01;                                  // miscellaneous output
    private const byte LocksTiming = 0x80, LineCompareBit8 = 0x10;         // CRTC 11h and 07h
    private const byte RetraceOrBlank = 0x09;                              // input status 1
    private const byte DacReads = 3;                                       // DAC state
    private const uint BigEndian = 0xBEBE_BEBE, LittleEndian = 0x1E1E_1E1E; // extended register 4

    private readonly PciFunction _pci;
    private readonly VgaRegisters _vga = new();
    private readonly RamBlock _ram;
    private readonly VgaMemory _memory;
    private readonly VgaPicture _picture;
    private readonly MemoryRegion _window = MemoryRegion.Frame("vga-lowmem", 0x2_0000);
    private readonly MemoryRegion _ramRegion;
    private MemoryRegion? _plain; // video memory shown as it is, while the planes are chained
    [NotState("where that starts; follows from the registers")]
    private ulong _plainBank;

    public Vga(PciSlot slot, Options options)
    {
        _pci = slot.Plug(new PciIdentity(0x1234, 0x1111, Revision: 2, Class: 0x0300, SubsystemVendor: 0x1AF4, Subsystem: 0x1100) { Fixed = true });
        _ram = slot.AddRam("vga.vram", BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(options.MemoryMiB, 1, 512)) << 20);
        _ramRegion = MemoryRegion.Ram(_ram);
        (_memory, _picture) = (new VgaMemory(_vga, _ram), new VgaPicture(_vga, _ram, slot.Clock));
        _pci.AddMemoryBar(0, _ram.Length, _ramRegion, PciBarKind.Prefetchable);
        _pci.AddMemoryBar(2, 0x1000, RegisterBar());
        slot.AddRom("vga.rom", options.RomFile);
        foreach ((ushort at, uint length) in new[] { ((ushort)0x3B4, 2u), ((ushort)0x3BA, 1u), ((ushort)0x3C0, 16u), ((ushort)0x3D4, 2u), ((ushort)0x3DA, 1u) })
            slot.MapPorts(at, new IoRegion("vga", length, AccessSizes.Byte,
                (offset, _) => ReadPort(at + (int)offset), (offset, _, value) => WritePort(at + (int)offset, (byte)value)));
        slot.MapPorts(0x1CE, new IoRegion("vbe", 4, new AccessSizes(1, 2), ReadVbePort, WriteVbePort));
        _window.Add(0, MemoryRegion.Io(new IoRegion("vga-lowmem", 0x2_0000, AccessSizes.Byte,
            (offset, _) => _memory.Read(offset), (offset, _, value) => _memory.Write(offset, (byte)value))));
        slot.MapMemory(0xA_0000, _window);
        slot.AddConsole(_picture);
    }

    public override string Model => "VGA";

    public override StructType Section { get; } = new("vga", 2);

    public override void Reset()
    {
        _pci.Reset();
        _vga.Reset(_ram.Length);
        Settle();
    }

    public override void Visit(StateVisitor state)
    {
        _pci.Visit("dev", state);
        _vga.Visit("vga", state);
    }

    public override void Loaded()
    {
        _pci.Loaded();
        VbeDispi.Settle(_vga, _ram.Length);
        Settle();
    }

    private byte ReadPort(int port)
    {
        if (IsOff(port)) return 0xFF;
        return port switch
        {
            0x3C0 => _vga.AttributeDataNext ? (byte)0 : _vga.AttributeIndex,
            0x3C1 => (_vga.AttributeIndex & 0x1F) < _vga.Attribute.Length ? _vga.Attribute[_vga.AttributeIndex & 0x1F] : (byte)0,
            0x3C2 => _vga.Status0,
            0x3C4 => _vga.SequencerIndex,
            0x3C5 => _vga.Sequencer[_vga.SequencerIndex & 7],
            0x3C7 => _vga.DacState,
            0x3C8 => _vga.DacWriteIndex,
            0x3C9 => ReadDac(),
            0x3CA => _vga.FeatureControl,
            0x3CC => _vga.Misc,
            0x3CE => _vga.GraphicsIndex,
            0x3CF => _vga.Graphics[_vga.GraphicsIndex & 15],
            0x3B4 or 0x3D4 => _vga.CrtcIndex,
            0x3B5 or 0x3D5 => _vga.Crtc[_vga.CrtcIndex],
            0x3BA or 0x3DA => ReadStatus1(),
            _ => 0,
        };
    }

    private void WritePort(int port, byte value)
    {
        if (IsOff(port)) return;
        switch (port)
        {
            case 0x3C0:
                WriteAttribute(value);
                break;
            case 0x3C2:
                _vga.Misc = (byte)(value & 0xEF);
                break;
            case 0x3C4:
                _vga.SequencerIndex = (byte)(value & 7);
                break;
            case 0x3C5:
                _vga.Sequencer[_vga.SequencerIndex & 7] = (byte)(value & SequencerBits[_vga.SequencerIndex & 7]);
                break;
            case 0x3C7:
                (_vga.DacReadIndex, _vga.DacComponent, _vga.DacState) = (value, 0, DacReads);
                break;
            case 0x3C8:
                (_vga.DacWriteIndex, _vga.DacComponent, _vga.DacState) = (value, 0, 0);
                break;
            case 0x3C9:
                WriteDac(value);
                break;
            case 0x3CE:
                _vga.GraphicsIndex = (byte)(value & 15);
                break;
            case 0x3CF:
                _vga.Graphics[_vga.GraphicsIndex & 15] = (byte)(value & GraphicsBits[_vga.GraphicsIndex & 15]);
                break;
            case 0x3B4 or 0x3D4:
                _vga.CrtcIndex = value;
                break;
            case 0x3B5 or 0x3D5:
                WriteCrtc(value);
                break;
            case 0x3BA or 0x3DA:
                _vga.FeatureControl = (byte)(value & 0x10);
                break;
        }

        Settle();
    }

    private static ReadOnlySpan<byte> SequencerBits => [0x03, 0x3D, 0x0F, 0x3F, 0x0E, 0x00, 0x00, 0xFF];

    private static ReadOnlySpan<byte> GraphicsBits => [0x0F, 0x0F, 0x0F, 0x1F, 0x03, 0x7B, 0x0F, 0x0F, 0xFF, 0, 0, 0, 0, 0, 0, 0];

    /// <summary>CRTC and status are at 3Bxh or at 3Dxh, never at both.</summary>
    private bool IsOff(int port) => (_vga.Misc & ColorPorts) != 0 ? port < 0x3C0 : port >= 0x3D0;

    /// <summary>Index and data take turns at one port, until status 1 is read.</summary>
    private void WriteAttribute(byte value)
    {
        int index = _vga.AttributeIndex & 0x1F;
        if (!_vga.AttributeDataNext) _vga.AttributeIndex = (byte)(value & 0x3F);
        else if (index < _vga.Attribute.Length)
            _vga.Attribute[index] = (byte)(value & index switch { < 0x10 => 0x3F, 0x10 => 0xEF, 0x11 => 0xFF, 0x12 => 0x3F, _ => 0x0F });
        _vga.AttributeDataNext = !_vga.AttributeDataNext;
    }

    private void WriteCrtc(byte value)
    {
        byte index = _vga.CrtcIndex;
        if (index > 7 || (_vga.Crtc[0x11] & LocksTiming) == 0) _vga.Crtc[index] = value;
        else if (index == 7) _vga.Crtc[7] = (byte)((_vga.Crtc[7] & ~LineCompareBit8) | (value & LineCompareBit8));
    }

    private byte ReadStatus1()
    {
        _vga.AttributeDataNext = false;
        return _vga.Status1 ^= RetraceOrBlank;
    }

    private byte ReadDac()
    {
        byte value = _vga.Palette[(_vga.DacReadIndex * 3) + Math.Min(_vga.DacComponent, (byte)2)];
        if (++_vga.DacComponent >= 3) (_vga.DacComponent, _vga.DacReadIndex) = (0, (byte)(_vga.DacReadIndex + 1));
        return value;
    }

    /// <summary>A colour changes when its third component comes.</summary>
    private void WriteDac(byte value)
    {
        _vga.DacCache[Math.Min(_vga.DacComponent, (byte)2)] = value;
        if (++_vga.DacComponent < 3) return;
        _vga.DacCache.CopyTo(_vga.Palette.AsSpan(_vga.DacWriteIndex * 3));
        (_vga.DacComponent, _vga.DacWriteIndex) = (0, (byte)(_vga.DacWriteIndex + 1));
    }

    /// <summary>The index at 1CEh; the data at 1CFh, and at 1D0h, where they are aligned. Bytes of them are nothing, as in QEMU.</summary>
    private ulong ReadVbePort(uint offset, int size) => size == 1 ? 0xFFu : offset == 0 ? _vga.VbeIndex : ReadVbe(_vga.VbeIndex);

    private void WriteVbePort(uint offset, int size, ulong value)
    {
        if (size == 1) return;
        if (offset == 0) _vga.VbeIndex = (ushort)value;
        else WriteVbe(_vga.VbeIndex, (ushort)value);
    }

    /// <summary>A register that is accessed in memory is selected, too, as in QEMU.</summary>
    private ulong ReadVbe(ushort index) => VbeDispi.Read(_vga, _vga.VbeIndex = index, _ram.Length);

    private void WriteVbe(ushort index, ushort value)
    {
        _vga.VbeIndex = index;
        ulong clear = VbeDispi.Write(_vga, index, value, _ram.Length);
        if (clear > 0)
        {
            _ram.Span(0, (int)clear).Clear();
            _ram.MarkWritten(0, (int)clear);
        }

        Settle();
    }

    /// <summary>BAR 2: the monitor's EDID, the ports once more, the VBE registers without index, QEMU's byte order register.</summary>
    private MemoryRegion RegisterBar()
    {
        MemoryRegion bar = MemoryRegion.Frame("vga.mmio", 0x1000);
        bar.Add(0x000, MemoryRegion.Io(new IoRegion("edid", (uint)MonitorEdid.Bytes.Length, AccessSizes.Byte,
            (offset, _) => MonitorEdid.Bytes[(int)offset], (_, _, _) => { })));
        bar.Add(0x400, MemoryRegion.Io(new IoRegion("vga ioports remapped", 0x20, AccessSizes.Byte,
            (offset, _) => ReadPort(0x3C0 + (int)offset), (offset, _, value) => WritePort(0x3C0 + (int)offset, (byte)value))));
        bar.Add(0x500, MemoryRegion.Io(new IoRegion("bochs dispi interface", 0x16, new AccessSizes(2, 2),
            (offset, _) => ReadVbe((ushort)(offset / 2)), (offset, _, value) => WriteVbe((ushort)(offset / 2), (ushort)value))));
        bar.Add(0x600, MemoryRegion.Io(new IoRegion("qemu extended regs", 8, AccessSizes.DWord,
            (offset, _) => offset == 0 ? 8u : _vga.BigEndian ? BigEndian : LittleEndian, WriteExtended)));
        return bar;
    }

    private void WriteExtended(uint offset, int size, ulong value)
    {
        if (offset == 4 && value is BigEndian or LittleEndian) _vga.BigEndian = value == BigEndian;
        Settle();
    }

    /// <summary>The registers changed: shows chained memory directly, and has the picture drawn anew.</summary>
    private void Settle()
    {
        _picture.Invalidate();
        ulong bank = (ulong)_vga.BankOffset & (_ram.Length - 1);
        if (_memory.IsPlain == _plain is not null && (_plain is null || _plainBank == bank)) return;
        if (_plain is not null) _window.Remove(_plain);
        _plainBank = bank;
        _plain = _memory.IsPlain ? MemoryRegion.Window("vga.chain4", _ramRegion, bank, Math.Min(0x1_0000, _ram.Length - bank)) : null;
        if (_plain is not null) _window.Add(0, _plain, priority: 1);
    }

    public sealed record Options
    {
        [Option("vgamem_mb", "Video memory in MiB, 1 to 512, rounded up to a power of two")]
        public int MemoryMiB { get; init; } = 16;

        [Option("romfile", "The video BIOS; empty for none")]
        public string RomFile { get; init; } = "vgabios-stdvga.bin";
    }
}
