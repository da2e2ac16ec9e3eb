namespace Rhea.SoftCpu.Tlb;

/// <summary>What the TLB has of one context's user pages (Intel SDM vol. 3, 5.10.1: process-context identifiers).</summary>
internal sealed class UserSpace : IDisposable
{
    public const int Nobody = -1;

    /// <summary>Whose pages these are.</summary>
    public int Context { get; set; } = Nobody;

    /// <summary>Grows with each switch; the space that was left longest ago goes to another context.</summary>
    public long LastSwitch { get; set; }

    public TlbTable Read { get; } = new();

    public TlbTable Write { get; } = new();

    /// <summary>See <see cref="TlbSelection"/>.</summary>
    public TlbTable Guarded { get; } = new();

    /// <summary>See <see cref="TlbSelection"/>.</summary>
    public TlbTable Marks { get; } = new();

    public TlbTable Fetch { get; } = new();

    /// <summary>See <see cref="TlbTables.Generation"/>; as of the last switch to another.</summary>
    public ulong Generation { get; set; }

    /// <summary>A code page that this generation has found is in the table no more; as of the last switch to another.</summary>
    public bool CrowdedOut { get; set; }

    /// <summary>See <see cref="LocalSlots.Last"/>; as of the last switch to another.</summary>
    public ulong LastLocal { get; set; }

    public void Grow(int entries)
    {
        Read.Grow(entries);
        Write.Grow(entries);
    }

    public void Flush()
    {
        foreach (TlbTable table in (ReadOnlySpan<TlbTable>)[Read, Write, Guarded, Marks, Fetch]) table.Flush();
        LastLocal = 0;
    }

    /// <summary>True when there was code there.</summary>
    public bool FlushPages(ulong linear, int bits)
    {
        foreach (TlbTable table in (ReadOnlySpan<TlbTable>)[Read, Write, Guarded, Marks]) table.FlushPages(linear, bits);
        return Fetch.FlushPages(linear, bits);
    }

    public void Dispose()
    {
        foreach (TlbTable table in (ReadOnlySpan<TlbTable>)[Read, Write, Guarded, Marks, Fetch]) table.Dispose();
    }
}
