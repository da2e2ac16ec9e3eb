using System.Runtime.InteropServices;
using Rhea.SoftCpu.Interpreter;

namespace Rhea.SoftCpu.CodeCache;

/// <summary>Decoded instructions that follow one another in memory. They come after this head, closed by an op that stops.</summary>
/// <remarks>
/// A block is known by the host address of its bytes, which names them whatever maps them: page tables, PAM, SMRAM.
/// UNSAFE: lies, with its ops, in the cache's arena. SAFETY: only the cache makes and follows these pointers.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Block
{
    public nint Host;

    /// <summary>The host page that the last bytes are in, when that is another one; else 0.</summary>
    public nint SecondPage;
    public Block* HashNext;
    public int Count, Length;
    public BlockMode Mode;
    public bool Dead;

    /// <summary>Its translation expects the status flags in the frame; else it sets them all before anybody sees them.</summary>
    public bool NeedsFlags;

    /// <summary>Its translation uses the host's x87 unit.</summary>
    public bool NeedsX87;

    /// <summary>Each memory access is checked by itself: checks of several at once have failed too often.</summary>
    public bool ChecksAlone;
    public byte FailedChecks;

    /// <summary>How often a translation of code at this place went because the code changed, up to <see cref="MostDeaths"/>.</summary>
    public byte Deaths;
    public const int MostDeaths = 4;

    /// <summary>How often it was interpreted; negative when it is not to be translated.</summary>
    public int Runs;

    /// <summary>How often it was interpreted right after itself: a loop.</summary>
    public int Turns;

    /// <summary>Where its translation begins in the code memory, and where what leaves at once begins; 0 when there is none.</summary>
    public int Entry, StartStub;

    /// <summary>What <c>info jit</c> tells of its translation: its linear address, its bytes, and, while they are counted, how often it has run.</summary>
    public ulong Linear;
    public int HostLength;

    /// <summary>Where what must be in the code segment for its translation to run begins and ends, in bytes from its start: itself, and where it jumps to in its page.</summary>
    public short CodeFrom, CodeTo;
    public long Executions;

    /// <summary>How often it had the interpreter do an instruction, and left by a jump that was not linked.</summary>
    public int Interpreted, Exits;

    /// <summary>Number of the last jump that was linked to it; 0 when there is none.</summary>
    public int Incoming;

    public static Op* Ops(Block* block) => (Op*)(block + 1);
}

/// <summary>A block in the list of a page that holds some of its bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PageLink
{
    public Block* Block;
    public PageLink* Next;
}

/// <summary>Where a linear address led last. It holds only in the same generation of the TLB, and for the same kind of code.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct JumpEntry
{
    public ulong Linear;
    public Block* Block;
    public ulong Key;
}
