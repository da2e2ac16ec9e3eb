using System.Runtime.InteropServices;

namespace Rhea.SoftCpu.Tlb;

/// <summary>One page that may be reached without asking: <c>(linear ^ ~Tag) &lt;= 4096 - size</c> says that all of an access is in it.</summary>
/// <remarks>
/// An empty entry's tag is 0, which is the last page there is, so that a table needs no filling: memory that no entry was put in is not even
/// there. Only in the last entry, where that page belongs, another page's tag stands for nothing: so no address matches, canonical or not.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
internal struct TlbEntry
{
    /// <summary>How many a table has: at first, and at most.</summary>
    public const int Fewest = 1 << 14, Most = 1 << 20;

    /// <summary>Of the size of an entry.</summary>
    public const int SizeBits = 4;

    /// <summary>Where in an entry the host address is, in bytes.</summary>
    public const int OffsetOfHost = 8;

    /// <summary>The complement of the page's linear address.</summary>
    public ulong Tag;

    /// <summary>Where the page is in host memory.</summary>
    public nint Host;
}

/// <summary>The tables that the running code uses.</summary>
/// <param name="Read">Address of the entries for reading.</param>
/// <param name="Write">Of those for writing.</param>
/// <param name="Entries">How many these two have.</param>
/// <param name="Guarded">Of those for writing to pages with code.</param>
/// <param name="Marks">Of those that tell where it is marked which bytes of these pages are code.</param>
/// <param name="Fetch">Of those for code.</param>
/// <param name="Salt">See <see cref="AccessSlots"/>.</param>
internal readonly record struct TlbSelection(nint Read, nint Write, int Entries, nint Guarded, nint Marks, nint Fetch, ulong Salt);

/// <summary>Who accesses: each has entries of its own, so that changing from one to the other flushes nothing.</summary>
internal enum TlbView
{
    /// <summary>Code at CPL 0 to 2, and what the processor does by itself; SMAP does not keep it from user pages.</summary>
    Supervisor,

    /// <summary>Code at CPL 0 to 2 with SMAP, and without AC.</summary>
    SupervisorOnly,

    User,

    /// <summary>Always empty, for code whose every access is checked: alignment.</summary>
    Checked,
}
