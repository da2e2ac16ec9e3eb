namespace Rhea.SoftCpu.Tlb;

/// <summary>What the TLB has of one process context (Intel SDM vol. 3, 5.10.1), and of what is the same in all.</summary>
internal sealed class TlbContext : IDisposable
{
    /// <summary>No context has this identifier.</summary>
    public const int Nobody = -1;

    /// <summary>In <see cref="Fetch"/>: who runs the code.</summary>
    public const int Supervisors = 0, Users = 1;

    private readonly TlbTable[] _data;

    public TlbContext() => _data = [.. Read, .. Write, .. Guarded, .. Marks];

    /// <summary>Its process-context identifier.</summary>
    public int Identifier { get; set; } = Nobody;

    /// <summary>Grows with each switch: the context that was left longest ago gives its tables to another.</summary>
    public long LastSwitch { get; set; }

    /// <summary>By <see cref="TlbView"/>.</summary>
    public TlbTable[] Read { get; } = [new(), new(), new(), new()];

    /// <summary>By <see cref="TlbView"/>.</summary>
    public TlbTable[] Write { get; } = [new(), new(), new(), new()];

    /// <summary>Pages with code that may be written, by <see cref="TlbView"/>.</summary>
    public TlbTable[] Guarded { get; } = [new(), new(), new(), new()];

    /// <summary>For the same pages, where it is marked which bytes are code, by <see cref="TlbView"/>: see <see cref="CodeCache.CodePages"/>.</summary>
    public TlbTable[] Marks { get; } = [new(), new(), new(), new()];

    /// <summary>Code.</summary>
    public TlbTable[] Fetch { get; } = [new(), new()];

    /// <summary>See <see cref="TlbTables.Generation"/>; of supervisors only while they have code of their own here.</summary>
    public ulong[] Generations { get; } = new ulong[2];

    /// <summary>There is code of supervisors that is not global.</summary>
    public bool HasOwnCode { get; set; }

    /// <summary>Users have a code page that their generation has found, and that is in the table no more.</summary>
    public bool CrowdedOut { get; set; }

    /// <summary>See <see cref="LocalSlots.Last"/>; as of the last switch to another.</summary>
    public ulong LastLocal { get; set; }

    public void Grow(int entries)
    {
        foreach (TlbTable table in (TlbTable[])[.. Read, .. Write]) table.Grow(entries);
    }

    public void Flush()
    {
        foreach (TlbTable table in _data) table.Flush();
        foreach (TlbTable table in Fetch) table.Flush();
    }

    /// <summary>Forgets all but global pages; true when there were others with users' code.</summary>
    public bool FlushLocal()
    {
        foreach (TlbTable table in _data) table.FlushLocal();
        Fetch[Supervisors].FlushLocal();
        return Fetch[Users].FlushLocal();
    }

    /// <summary>Forgets the pages in a stretch of 2^<paramref name="bits"/> bytes around an address; says who had code there.</summary>
    public (bool Supervisors, bool Users) FlushPages(ulong linear, int bits)
    {
        foreach (TlbTable table in _data) table.FlushPages(linear, bits);
        return (Fetch[Supervisors].FlushPages(linear, bits), Fetch[Users].FlushPages(linear, bits));
    }

    public void Dispose()
    {
        foreach (TlbTable table in _data) table.Dispose();
        foreach (TlbTable table in Fetch) table.Dispose();
    }
}
