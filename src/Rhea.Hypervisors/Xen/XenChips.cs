using System.Buffers.Binary;
using Rhea.Core.Cpu;

namespace Rhea.Hypervisors.Xen;

/// <summary>Between Xen's records of the platform's chips and their canonical registers. Pure: no call is made here.</summary>
/// <remarks>Xen, public/arch-x86/hvm/save.h.</remarks>
internal static class XenChips
{
    public const int PicLength = 8, IoApicLength = 400, PitLength = 56, LinesLength = 8, PinsLength = 16;

    private const int IoApicPins = 48;
    private const ulong Masked = 0x1_0000;

    public static void Fetch(ReadOnlySpan<byte> from, uint isaLines, I8259Registers to)
    {
        (to.Request, to.Mask, to.InService, to.VectorBase) = (from[0], from[1], from[2], from[3]);
        (to.InitStep, to.Icw4Wanted, to.Single, to.HighestPriority) = ((byte)(from[4] & 3), Bit(from[4], 2), Bit(from[4], 3), (byte)(from[4] >> 4));
        (to.ReadInService, to.Poll, to.AutoEoi, to.RotateOnAutoEoi) = (Bit(from[5], 0), Bit(from[5], 1), Bit(from[5], 2), Bit(from[5], 3));
        (to.SpecialFullyNested, to.SpecialMask, to.LevelTriggered) = (Bit(from[5], 4), Bit(from[5], 5), from[6]);
        to.LastRequest = (byte)(isaLines >> (to.Instance * 8));
        if (to.Instance == 0) to.LastRequest = (byte)((to.LastRequest & ~4) | (to.Request & 4)); // the second one's output
    }

    public static void Store(I8259Registers from, Span<byte> to)
    {
        byte output = to[7]; // Xen's own, which it computes
        (to[0], to[1], to[2], to[3]) = (from.Request, from.Mask, from.InService, from.VectorBase);
        int begun = from.InitStep == 0 ? 0 : (from.InitStep & 3) | Flag(from.Icw4Wanted, 2) | Flag(from.Single, 3); // while it is not 0, Xen's asks for nothing
        to[4] = (byte)(begun | from.HighestPriority << 4);
        to[5] = (byte)(Flag(from.ReadInService, 0) | Flag(from.Poll, 1) | Flag(from.AutoEoi, 2) | Flag(from.RotateOnAutoEoi, 3)
            | Flag(from.SpecialFullyNested, 4) | Flag(from.SpecialMask, 5) | (from.Instance == 0 ? 0x40 : 0));
        (to[6], to[7]) = (from.LevelTriggered, output);
    }

    public static void Fetch(ReadOnlySpan<byte> from, IoApicRegisters to)
    {
        (to.Select, to.Id, to.Request) = (from[8], from[12], 0);
        for (var pin = 0; pin < IoApicRegisters.Pins; pin++) to.Redirection[pin] = BinaryPrimitives.ReadUInt64LittleEndian(from[(16 + (pin * 8))..]);
    }

    /// <summary>Pins that a PC has not are masked.</summary>
    public static void Store(IoApicRegisters from, Span<byte> to)
    {
        to.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(to, 0xFEC0_0000);
        (to[8], to[12]) = (from.Select, from.Id);
        for (var pin = 0; pin < IoApicPins; pin++)
            BinaryPrimitives.WriteUInt64LittleEndian(to[(16 + (pin * 8))..], pin < IoApicRegisters.Pins ? from.Redirection[pin] : Masked);
    }

    /// <param name="from">The record of the counters.</param>
    /// <param name="now">Guest time in nanoseconds. Xen does not tell when a count was loaded: each begins its period anew.</param>
    /// <param name="to">The canonical registers.</param>
    public static void Fetch(ReadOnlySpan<byte> from, long now, I8254Registers to)
    {
        for (var i = 0; i < to.Channels.Length; i++) to.Channels[i] = PitRecord.Fetch(from[(i * PitRecord.Length)..]) with { CountLoadTime = now };
        to.Channels[0].NextTransition = now; // the output is looked at, and the next change computed, at once
        to.IrqDisabled = 0;
    }

    /// <remarks>The speaker's switch beside the counters stays. Xen begins each count anew.</remarks>
    public static void Store(I8254Registers from, long now, Span<byte> to)
    {
        for (var i = 0; i < from.Channels.Length; i++) PitRecord.Store(in from.Channels[i], PitRecord.Left(in from.Channels[i], now), to[(i * PitRecord.Length)..]);
    }

    private static byte Bit(byte register, int bit) => (byte)(register >> bit & 1);

    private static int Flag(byte on, int bit) => on == 0 ? 0 : 1 << bit;
}
