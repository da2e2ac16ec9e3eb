namespace Rhea.Core.Backends;

/// <summary>One end of a network cable. Both ends are alike, so a NIC, a tap and a hub all join the same way.</summary>
public interface INetPort
{
    /// <summary>Takes a frame, or returns false to have it queued until it calls <see cref="ReadyToReceive"/> on its peer.</summary>
    bool TryReceive(ReadOnlySpan<byte> frame);

    void ReadyToReceive();
}
