namespace Rhea.SoftCpu.Tlb;

/// <summary>
/// Those of the <see cref="AccessSlots"/> that may know a page that is not global: a list that generated code adds to, so that a change of CR3 costs what was
/// filled since the last.
/// </summary>
/// <remarks>UNSAFE: a list in the frame. SAFETY: its end never goes beyond its last place, which generated code compares it with; what is in it are addresses of slots.</remarks>
/// <param name="list">Its end, its last place, <see cref="Last"/>, and the list's places.</param>
internal sealed unsafe class LocalSlots(nint* list)
{
    private const int Places = 1 << 12, Head = 3;

    /// <summary>Bytes of all that.</summary>
    public const int Length = (Head + Places) * sizeof(ulong);

    /// <summary>A page that is not global comes into the TLB.</summary>
    /// <param name="last">The linear address of its last byte.</param>
    public void Add(ulong last) => Last = Math.Max(Last, last);

    /// <summary>All slots have been forgotten.</summary>
    public void Clear() => (list[0], list[1]) = ((nint)(list + Head), (nint)(list + Head + Places - 1));

    /// <summary>Forgets the slots in the list; false when there were too many for it.</summary>
    public bool Forget()
    {
        var end = (nint*)list[0];
        if ((nint)end == list[1]) return false;
        for (nint* slot = list + Head; slot < end; slot++) *(ulong*)*slot = 0;
        list[0] = (nint)(list + Head);
        return true;
    }

    /// <summary>The highest linear address that is in a page in the TLB's chosen tables that is not global; 0 when there is none.</summary>
    public ulong Last
    {
        get => (ulong)list[2];
        set => list[2] = (nint)value;
    }
}
