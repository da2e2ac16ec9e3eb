namespace Rhea.Hypervisors.Xen;

/// <summary>The frames of a domain's physical memory: what <see cref="XenMemory"/> asks of Xen. Frame numbers are the guest's.</summary>
internal interface IXenFrames
{
    /// <summary>It may have so many more.</summary>
    void Allow(ulong frames);

    /// <summary>Gives the domain memory there.</summary>
    /// <exception cref="Core.ConfigException">There is not enough.</exception>
    void Populate(ulong frame, ulong count);

    /// <summary>The memory is seen elsewhere from now on; whoever has mapped it keeps it.</summary>
    void Move(ulong from, ulong to, ulong count);

    /// <summary>Takes the memory there away.</summary>
    void Release(ulong frame, ulong count);

    /// <summary>The guest's writes there are lost, or not.</summary>
    void Protect(ulong frame, ulong count, bool readOnly);

    /// <summary>Lays frames over reserved addresses of this process; of one that is absent it says so with an error.</summary>
    void Map(nint at, ReadOnlySpan<ulong> frames, Span<int> errors);

    /// <summary>Which frames were written since the last call, a bit each; false when nobody knows.</summary>
    bool CollectDirty(ulong frame, ulong count, Span<byte> bitmap);
}
