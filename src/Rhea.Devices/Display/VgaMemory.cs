using System.Buffers.Binary;
using Rhea.Core.Memory;

namespace Rhea.Devices.Display;

/// <summary>The way from A0000h-BFFFFh into video memory: windows, planes, latches and the four write modes.</summary>
/// <remarks>IBM PS/2 Video Subsystem Technical Reference, 1992. Plane p of address a is byte 4a + p of the memory, as in QEMU.</remarks>
internal sealed class VgaMemory(VgaRegisters vga, RamBlock ram)
{
    private const int WriteMode = 0x03, ReadCompare = 0x08, OddEven = 0x10; // graphics register 5

    private readonly uint _mask = (uint)ram.Length - 1;

    /// <summary>The window is plain memory: all planes in a row, 64 KiB from the bank.</summary>
    public bool IsPlain => vga.Chain4 && vga.WritePlanes == 0xF && Window == 1;

    private int Window => vga.Graphics[6] >> 2 & 3;

    public byte Read(uint offset)
    {
        if (!TryMap(ref offset)) return 0xFF;
        if (vga.Chain4) return Byte(offset);
        if ((vga.Graphics[5] & OddEven) != 0) return Byte(OddEvenAddress(offset));
        vga.Latch = BinaryPrimitives.ReadUInt32LittleEndian(Planes(offset));
        if ((vga.Graphics[5] & ReadCompare) == 0) return (byte)(vga.Latch >> ((vga.Graphics[4] & 3) * 8));
        uint differs = (vga.Latch ^ Spread(vga.Graphics[2])) & Spread(vga.Graphics[7]);
        differs |= differs >> 16;
        return (byte)~(differs | (differs >> 8));
    }

    public void Write(uint offset, byte value)
    {
        if (!TryMap(ref offset)) return;
        bool chained = vga.Chain4;
        if (!chained && (vga.Graphics[5] & OddEven) == 0)
        {
            WritePlanes(offset, value);
            return;
        }

        uint at = (chained ? offset : OddEvenAddress(offset)) & _mask;
        if ((vga.WritePlanes >> (int)(at & 3) & 1) == 0) return;
        ram.Span(at, 1)[0] = value;
        ram.MarkWritten(at, 1);
    }

    private void WritePlanes(uint offset, byte value)
    {
        byte function = vga.Graphics[3], bits = vga.Graphics[8];
        uint data, rotated = (uint)byte.RotateRight(value, function & 7);
        switch (vga.Graphics[5] & WriteMode)
        {
            case 0:
                uint setReset = Spread(vga.Graphics[1]);
                data = (Repeat(rotated) & ~setReset) | (Spread(vga.Graphics[0]) & setReset);
                break;
            case 1:
                Store(offset, vga.Latch);
                return;
            case 2:
                data = Spread(value);
                break;
            default:
                bits &= (byte)rotated;
                data = Spread(vga.Graphics[0]);
                break;
        }

        data = (function >> 3 & 3) switch
        {
            1 => data & vga.Latch,
            2 => data | vga.Latch,
            3 => data ^ vga.Latch,
            _ => data,
        };
        Store(offset, (data & Repeat(bits)) | (vga.Latch & ~Repeat(bits)));
    }

    private void Store(uint offset, uint data)
    {
        uint planes = Spread((byte)vga.WritePlanes);
        Span<byte> bytes = Planes(offset);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, (BinaryPrimitives.ReadUInt32LittleEndian(bytes) & ~planes) | (data & planes));
        ram.MarkWritten((offset * 4) & _mask, 4);
    }

    /// <summary>From an offset in the 128 KiB to an address in the memory; false outside the window.</summary>
    private bool TryMap(ref uint offset)
    {
        (uint start, uint length) = Window switch
        {
            0 => (0u, 0x2_0000u),
            1 => (0u, 0x1_0000u),
            2 => (0x1_0000u, 0x8000u),
            _ => (0x1_8000u, 0x8000u),
        };
        if (offset - start >= length) return false;
        offset -= start;
        if (Window == 1) offset += (uint)vga.BankOffset;
        return true;
    }

    private byte Byte(uint at) => ram.Span(at & _mask, 1)[0];

    private Span<byte> Planes(uint offset) => ram.Span((offset * 4) & _mask, 4);

    private uint OddEvenAddress(uint offset) => ((offset & ~1u) << 1) | (vga.Graphics[4] & 2u) | (offset & 1);

    private static uint Repeat(uint value) => (value & 0xFF) * 0x0101_0101;

    /// <summary>A bit a plane becomes a byte a plane.</summary>
    private static uint Spread(byte planes) =>
        ((planes & 1u) | ((planes & 2u) << 7) | ((planes & 4u) << 14) | ((planes & 8u) << 21)) * 0xFF;
}
