using System.Runtime.InteropServices;
using Rhea.SoftCpu.Interpreter;

namespace Rhea.SoftCpu.Translator;

/// <summary>Where a jump to another page led last, or where a call returned to. Each such jump, and each call, has one for itself.</summary>
/// <remarks>It holds for code that runs at the same address under the same key, which no longer fits when the page tables, the mode or the privilege change.</remarks>
[StructLayout(LayoutKind.Sequential)]
internal struct FarSlot
{
    /// <summary>How many there are; jumps and returns beyond them look into the table each time.</summary>
    public const int Count = 1 << 16;

    /// <summary>Bytes of one, and of all.</summary>
    public const int Size = 32, Length = Count * Size;

    /// <summary>Where in a slot what is.</summary>
    public const int OffsetOfFrom = 0, OffsetOfKey = 8, OffsetOfPageIp = 16, OffsetOfCode = 24;

    /// <summary>RIP of the first byte of the page that the jump is in; or RIP behind the call.</summary>
    public ulong From;

    /// <summary>See <see cref="FrameHead.Key"/>. 0 is nobody's: no generation is 0.</summary>
    public ulong Key;

    /// <summary>RIP of the first byte of the page that it leads to, and, of a jump, the code there.</summary>
    public ulong PageIp;
    public nint Code;
}
