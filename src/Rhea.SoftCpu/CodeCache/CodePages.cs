using Rhea.Core.Memory;

namespace Rhea.SoftCpu.CodeCache;

/// <summary>Where in one block of RAM some processor has decoded code: a bit for every 64 bytes, shared by all processors.</summary>
/// <remarks>
/// A page without a bit may be in a processor's write TLB; others are written the long way, which drops the blocks of every
/// 64 bytes it touches. A processor sets the bits and takes the page out of all write TLBs before it reads the code.
/// </remarks>
internal sealed class CodePages(RamBlock block)
{
    /// <summary>What one bit is for, in bytes.</summary>
    public const int Chunk = 1 << ChunkBits;

    public const int ChunkBits = 6;

    private readonly ulong[] _pages = GC.AllocateArray<ulong>((int)(block.Length >> RamBlock.PageBits), pinned: true); // generated code reads it

    private readonly bool[] _had = new bool[block.Length >> RamBlock.PageBits];

    public RamBlock Block => block;

    public bool Contains(nint host) => (ulong)(host - block.HostAddress) < block.Length;

    public bool HasCode(ulong page) => Volatile.Read(ref _pages[page]) != 0;

    /// <summary>The page has code or once had some.</summary>
    public bool HasHadCode(ulong page) => Volatile.Read(ref _had[page]);

    /// <summary>The bits of a page. They do not move.</summary>
    public ref ulong MarksOf(ulong page) => ref _pages[page];

    /// <summary>True when the page had no code before.</summary>
    public bool Mark(ulong offset, int length)
    {
        ulong page = offset >> RamBlock.PageBits, bits = Chunks(offset, length);
        if ((Volatile.Read(ref _pages[page]) & bits) == bits) return false;
        Volatile.Write(ref _had[page], true);
        return Interlocked.Or(ref _pages[page], bits) == 0;
    }

    /// <summary>Some of these bytes, which are in one page, are marked.</summary>
    public bool IsMarked(ulong offset, int length) => (Volatile.Read(ref _pages[offset >> RamBlock.PageBits]) & Chunks(offset, length)) != 0;

    /// <summary>A write in one page: true when it touches code, which is then no longer marked and must be dropped.</summary>
    public bool Take(ulong offset, int length)
    {
        ulong bits = Chunks(offset, length);
        return IsMarked(offset, length) && (Interlocked.And(ref _pages[offset >> RamBlock.PageBits], ~bits) & bits) != 0;
    }

    /// <summary>A write widened to the whole 64-byte pieces whose marks <see cref="Take"/> clears.</summary>
    public static (ulong Offset, int Length) Widen(ulong offset, int length)
    {
        ulong start = offset >> ChunkBits << ChunkBits, end = ((offset + (ulong)length - 1) >> ChunkBits) + 1 << ChunkBits;
        return (start, (int)(end - start));
    }

    private static ulong Chunks(ulong offset, int length)
    {
        int first = (int)(offset >> ChunkBits) & 63, last = (int)((offset + (ulong)length - 1) >> ChunkBits) & 63;
        return ulong.MaxValue << first & ulong.MaxValue >> (63 - last);
    }
}
