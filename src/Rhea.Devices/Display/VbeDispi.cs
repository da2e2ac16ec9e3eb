namespace Rhea.Devices.Display;

/// <summary>The Bochs video extension: ten registers that set any resolution and depth, behind an index.</summary>
/// <remarks>
/// Bochs, "VBE display interface", version B0C5h. A mode that does not fit the memory is made to fit, so what the registers say
/// is always displayable.
/// </remarks>
internal static class VbeDispi
{
    public const int Id = 0, Width = 1, Height = 2, Depth = 3, Enable = 4, Bank = 5, VirtualWidth = 6, VirtualHeight = 7, XOffset = 8, YOffset = 9;
    public const ushort Enabled = 0x01, GetCapabilities = 0x02, EightBitDac = 0x20, NoClear = 0x80;
    public const ushort Version = 0xB0C5;
    private const ushort FirstVersion = 0xB0C0;
    private const int Memory64K = 10; // read-only: the memory in units of 64 KiB
    private const ushort MaxWidth = 16000, MaxHeight = 12000, MaxDepth = 32;

    public static ushort Read(VgaRegisters vga, int index, ulong memory)
    {
        if (index == Memory64K) return (ushort)(memory >> 16);
        if (index >= VgaRegisters.VbeRegisters) return 0;
        return (vga.Vbe[Enable] & GetCapabilities) == 0 ? vga.Vbe[index] : index switch
        {
            Width => MaxWidth,
            Height => MaxHeight,
            Depth => MaxDepth,
            _ => vga.Vbe[index],
        };
    }

    /// <summary>Returns how many bytes of video memory are to be cleared.</summary>
    public static ulong Write(VgaRegisters vga, int index, ushort value, ulong memory)
    {
        switch (index)
        {
            case Id:
                if (value is >= FirstVersion and <= Version) vga.Vbe[Id] = value;
                break;
            case Width or Height or Depth or VirtualWidth or XOffset or YOffset:
                vga.Vbe[index] = value;
                Settle(vga, memory);
                break;
            case Bank:
                uint banks = vga.Vbe[Depth] == 4 ? vga.VbeBankMask >> 2 : vga.VbeBankMask;
                vga.Vbe[Bank] = (ushort)(value & banks);
                vga.BankOffset = vga.Vbe[Bank] << 16;
                break;
            case Enable:
                return Switch(vga, value, memory);
        }

        return 0;
    }

    /// <summary>Makes the mode fit the memory and tells the VGA's own registers of it. Nothing, without a mode.</summary>
    public static void Settle(VgaRegisters vga, ulong memory)
    {
        if (!vga.VbeEnabled) return;
        Span<ushort> vbe = vga.Vbe;
        if (vbe[Depth] is not (4 or 8 or 15 or 16 or 24 or 32)) vbe[Depth] = 8;
        uint bits = vbe[Depth] == 15 ? 16u : vbe[Depth];
        vbe[Width] = (ushort)Math.Clamp(vbe[Width] & ~7, 8, MaxWidth);
        vbe[VirtualWidth] = (ushort)Math.Clamp(vbe[VirtualWidth] & ~7, vbe[Width], MaxWidth);
        uint line = vbe[VirtualWidth] * bits / 8;
        ulong lines = memory / line;
        vbe[Height] = (ushort)Math.Clamp(vbe[Height], 1ul, Math.Min(lines, MaxHeight));

        vbe[XOffset] = Math.Min(vbe[XOffset], MaxWidth);
        vbe[YOffset] = Math.Min(vbe[YOffset], MaxHeight);
        ulong picture = (ulong)vbe[Height] * line;
        if (Start() + picture > memory) vbe[YOffset] = 0;
        if (Start() + picture > memory) vbe[XOffset] = 0;

        vbe[VirtualHeight] = (ushort)lines;
        (vga.VbeLineLength, vga.VbeStart) = (line, (uint)Start() / 4);
        vga.VbeBankMask = (uint)(memory >> 16) - 1;
        ProgramVga(vga);

        ulong Start() => (vga.Vbe[XOffset] * (ulong)bits / 8) + (vga.Vbe[YOffset] * (ulong)line);
    }

    private static ulong Switch(VgaRegisters vga, ushort value, ulong memory)
    {
        bool on = (value & Enabled) != 0, wasOn = vga.VbeEnabled;
        if (on && !wasOn) vga.Vbe[VirtualWidth] = vga.Vbe[XOffset] = vga.Vbe[YOffset] = 0;
        vga.Vbe[Enable] = value;
        if (!on) vga.BankOffset = 0;
        if (!on || wasOn) return 0;
        Settle(vga, memory);
        return (value & NoClear) == 0 ? (ulong)vga.Vbe[Height] * vga.VbeLineLength : 0;
    }

    /// <summary>The registers of the VGA that a driver may read back: a graphics mode of that size without tricks.</summary>
    private static void ProgramVga(VgaRegisters vga)
    {
        byte[] crtc = vga.Crtc, graphics = vga.Graphics;
        int last = vga.Vbe[Height] - 1;
        graphics[6] = (byte)((graphics[6] & ~0x0C) | 0x05);                                  // graphics, at A0000h
        graphics[5] = (byte)((graphics[5] & ~0x60) | (vga.Vbe[Depth] == 4 ? 0x00 : 0x40));
        crtc[0x17] |= 3;                                                                     // no CGA or Hercules addresses
        crtc[0x13] = (byte)(vga.VbeLineLength >> 3);
        crtc[0x01] = (byte)((vga.Vbe[Width] >> 3) - 1);
        crtc[0x12] = (byte)last;
        crtc[0x07] = (byte)((crtc[0x07] & ~0x42) | ((last >> 7) & 0x02) | ((last >> 3) & 0x40) | 0x10);
        crtc[0x18] = 0xFF;                                                                   // no split
        crtc[0x09] = (byte)((crtc[0x09] & ~0x9F) | 0x40);
    }
}
