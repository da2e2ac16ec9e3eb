namespace Rhea.Core.Io;

/// <summary>A device's hold on one channel of the ISA bus's DMA controller: bytes in and out of memory that the guest has chosen.</summary>
public interface IDmaChannel
{
    /// <summary>The guest has unmasked it.</summary>
    bool IsOpen { get; }

    /// <summary>Told when the guest unmasks the channel: a transfer that moved nothing may be tried again.</summary>
    Action? Opened { get; set; }

    /// <summary>DREQ, which the guest sees in the status register.</summary>
    void Ask(bool asks);

    /// <param name="from">What the device has.</param>
    /// <param name="last">TC: the guest's count has ended with this transfer.</param>
    /// <returns>How many bytes were written: fewer when the count ended, 0 when the channel is not ready for this direction.</returns>
    int WriteMemory(Span<byte> from, out bool last);

    /// <returns>How many bytes were read: as above.</returns>
    int ReadMemory(Span<byte> into, out bool last);
}
