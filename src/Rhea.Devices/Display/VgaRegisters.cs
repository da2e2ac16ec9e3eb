using Rhea.Core.State;

namespace Rhea.Devices.Display;

/// <summary>What a VGA remembers besides its memory: the registers, the latches and the palette, with QEMU's list of them.</summary>
internal sealed class VgaRegisters : IState
{
    public const int VbeRegisters = 10;

    public readonly byte[] Sequencer = new byte[8], Graphics = new byte[16], Attribute = new byte[21], Crtc = new byte[256];

    /// <summary>Red, green and blue of 256 colours, 6 bits each unless the guest asked for 8.</summary>
    public readonly byte[] Palette = new byte[768];
    public readonly byte[] DacCache = new byte[3];
    public readonly ushort[] Vbe = new ushort[VbeRegisters];
    public uint Latch;
    public byte SequencerIndex, GraphicsIndex, AttributeIndex, CrtcIndex;
    public bool AttributeDataNext;
    public byte Misc, FeatureControl, Status0, Status1;
    public byte DacState, DacComponent, DacReadIndex, DacWriteIndex;
    public int BankOffset;
    public ushort VbeIndex;
    public uint VbeStart, VbeLineLength, VbeBankMask; // the start in doublewords, the length in bytes
    public bool BigEndian;

    private static readonly StructType Type = new("vga", 2);

    public bool VbeEnabled => (Vbe[VbeDispi.Enable] & VbeDispi.Enabled) != 0;

    /// <summary>Bits per pixel of the VBE mode; 0 when there is none.</summary>
    public int VbeDepth => VbeEnabled ? Vbe[VbeDispi.Depth] : 0;

    /// <summary>The guest addresses memory as a row of bytes; else through four planes. VBE modes but the planar one are chained.</summary>
    public bool Chain4 => VbeDepth > 4 || (Sequencer[4] & 0x08) != 0;

    /// <summary>Planes that writes reach.</summary>
    public int WritePlanes => VbeDepth > 4 ? 0xF : Sequencer[2] & 0xF;

    /// <summary>Two dots a pixel.</summary>
    public bool HalfDotClock => VbeDepth == 0 && (Sequencer[1] & 0x08) != 0;

    public bool Dac8Bit => (Vbe[VbeDispi.Enable] & VbeDispi.EightBitDac) != 0;

    /// <summary>RESET: nothing is displayed and the memory answers nowhere until the BIOS has programmed a mode.</summary>
    public void Reset(ulong memory)
    {
        foreach (byte[] registers in new[] { Sequencer, Graphics, Attribute, Crtc, Palette, DacCache }) Array.Clear(registers);
        Array.Clear(Vbe);
        (Latch, SequencerIndex, GraphicsIndex, AttributeIndex, CrtcIndex, AttributeDataNext) = (0, 0, 0, 0, 0, false);
        (Misc, FeatureControl, Status0, Status1) = (0, 0, 0, 0);
        (DacState, DacComponent, DacReadIndex, DacWriteIndex) = (0, 0, 0, 0);
        (BankOffset, VbeIndex, VbeStart, VbeLineLength, BigEndian) = (0, 0, 0, 0, false);
        VbeBankMask = (uint)(memory >> 16) - 1;
        Vbe[VbeDispi.Id] = VbeDispi.Version;
    }

    public void Visit(string name, StateVisitor state) => state.Struct(name, Type, Visit);

    public void Visit(StateVisitor state)
    {
        int flipFlop = AttributeDataNext ? 1 : 0;
        state.UInt32("latch", ref Latch);
        state.UInt8("sr_index", ref SequencerIndex);
        state.Buffer("sr", Sequencer);
        state.UInt8("gr_index", ref GraphicsIndex);
        state.Buffer("gr", Graphics);
        state.UInt8("ar_index", ref AttributeIndex);
        state.Buffer("ar", Attribute);
        state.Int32("ar_flip_flop", ref flipFlop);
        state.UInt8("cr_index", ref CrtcIndex);
        state.Buffer("cr", Crtc);
        state.UInt8("msr", ref Misc);
        state.UInt8("fcr", ref FeatureControl);
        state.UInt8("st00", ref Status0);
        state.UInt8("st01", ref Status1);
        state.UInt8("dac_state", ref DacState);
        state.UInt8("dac_sub_index", ref DacComponent);
        state.UInt8("dac_read_index", ref DacReadIndex);
        state.UInt8("dac_write_index", ref DacWriteIndex);
        state.Buffer("dac_cache", DacCache);
        state.Buffer("palette", Palette);
        state.Int32("bank_offset", ref BankOffset);
        state.Equal("is_vbe_vmstate", (byte)1);
        state.UInt16("vbe_index", ref VbeIndex);
        state.UInt16("vbe_regs", Vbe);
        state.UInt32("vbe_start_addr", ref VbeStart);
        state.UInt32("vbe_line_offset", ref VbeLineLength);
        state.UInt32("vbe_bank_mask", ref VbeBankMask);
        state.Subsection("vga.endian", 1, BigEndian, endian => endian.Bool("big_endian_fb", ref BigEndian));
        if (state.Loading) AttributeDataNext = flipFlop != 0;
    }
}
