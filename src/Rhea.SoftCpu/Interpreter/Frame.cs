using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Rhea.Core.Cpu;
using Rhea.SoftCpu.Translator;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>The memory that an operand's register offset points into: all registers, and two numbers that serve as registers.</summary>
/// <remarks>It lies in unmanaged memory and never moves, so that generated code can address it too.</remarks>
[StructLayout(LayoutKind.Sequential)]
internal struct Frame
{
    public CpuState State;

    /// <summary>The base or index of an address that has none.</summary>
    public ulong Zero;

    /// <summary>RIP of the running block's first instruction: the base of an address relative to RIP.</summary>
    public ulong BlockIp;
}

/// <summary>What generated code looks at all the time. It lies right before the frame, where an 8-bit displacement reaches it.</summary>
[StructLayout(LayoutKind.Sequential, Size = Length)]
internal struct FrameHead
{
    public const int Length = 256, AttentionShift = 56;

    /// <summary>The TLB's entries for code at the running level.</summary>
    public nint FetchTable;

    /// <summary>Where translated code is found by its host address: see <see cref="Targets"/>.</summary>
    public nint Targets;

    /// <summary>What a target's entry must have besides its address.</summary>
    public ulong TargetMode;

    /// <summary>RDTSC is a protection fault.</summary>
    public bool TimeDenied;

    /// <summary>An interrupt waits, for IF if for nothing else.</summary>
    public bool InterruptWaits;

    /// <summary>The line that gives the time stamp counter, in the host's ticks: see <see cref="Translator.TickClock"/>.</summary>
    public ulong TickStart, TickLength, TickScale, TickStamp;

    /// <summary>The TLB's entries for writing beside code, and for the marks of code there: see <see cref="Tlb.TlbSelection"/>.</summary>
    public nint GuardedTable, MarksTable;

    /// <summary>Where the filling of a slot beside code keeps a register.</summary>
    public ulong SavedRdx;

    /// <summary>Which slot a far jump wants filled, or what is behind the call that a return is to go on at: see <see cref="Translator.Targets"/>.</summary>
    public ulong Sought;

    /// <summary>The arena of decoded blocks, and the processor's handle for what generated code calls.</summary>
    public nint Arena, Handle;

    /// <summary>What of an address tells the place in the tables for data, as an offset in bytes.</summary>
    public ulong TableMask;

    /// <summary>The last byte of the code segment that generated code runs from: in 16-bit code no jump goes beyond 64 KiB.</summary>
    public ulong CodeLimit;

    /// <summary>The TLB's entries for the running code.</summary>
    public nint ReadTable, WriteTable;

    /// <summary>Where indirect jumps look for translated code.</summary>
    public nint JumpTable;

    /// <summary>With the next three, what a jump's entry must have been made under: of the TLB, the mode, the privilege level.</summary>
    public uint Generation;
    public BlockMode Mode;
    public byte Level;

    /// <summary>Not 0: something is to be looked at before the next block. It is in no entry's key, so no indirect jump is found.</summary>
    public byte Attention;

    /// <summary>What a jump's entry must have, when there is nothing to look at.</summary>
    public readonly ulong Key => Generation | (ulong)Mode << 32 | (ulong)Level << 48;

    /// <summary>RIP of the first byte of the page that the running code is in.</summary>
    public ulong PageIp;

    /// <summary>How many instructions may still be run.</summary>
    public long Budget;

    /// <summary>The status flags: OF in the lowest byte, the others as LAHF has them in the next.</summary>
    public ulong Flags;

    /// <summary>Keeps a value over a check that needs all temporary registers.</summary>
    public ulong Scratch;

    /// <summary>Where operands are kept that the flags can be had from again: see <see cref="Translator.FlagSource"/>.</summary>
    public ulong FlagLeft, FlagRight;

    /// <summary>Number of the jump that left generated code last, to be linked; 0 when there was none.</summary>
    public int LastExit;

    /// <summary>MXCSR of the host's own code.</summary>
    public uint HostMxcsr;

    public X87Place X87Place;

    /// <summary>0: the status flags are in <see cref="Flags"/>. Else who wants them there has to make them: see <see cref="Translator.FlagSource.Recipe"/>.</summary>
    public uint FlagRecipe;

    /// <summary>What the tags of access slots are made with: see <see cref="Tlb.AccessSlots"/>.</summary>
    public ulong Salt;

    /// <summary>Where the filling of a slot keeps registers.</summary>
    public ulong SavedRax, SavedRcx;

    /// <summary>How low the host's stack may reach with what calls have left there: see <see cref="Translator.ReturnStack"/>.</summary>
    public nint ReturnLimit;
}

/// <summary>Where in a <see cref="Frame"/> a register is.</summary>
/// <remarks>UNSAFE: views fields as bytes to measure where they are. SAFETY: nothing is read or written through those views.</remarks>
internal static class FrameOffset
{
    public static readonly ushort Zero = Of((ref Frame frame) => ref Unsafe.As<ulong, byte>(ref frame.Zero));
    public static readonly ushort BlockIp = Of((ref Frame frame) => ref Unsafe.As<ulong, byte>(ref frame.BlockIp));
    public static readonly ushort Rip = Of((ref Frame frame) => ref Unsafe.As<ulong, byte>(ref frame.State.Rip));
    public static readonly ushort Rflags = Of((ref Frame frame) => ref Unsafe.As<ulong, byte>(ref frame.State.Rflags));
    public static readonly ushort KernelGsBase = Of((ref Frame frame) => ref Unsafe.As<ulong, byte>(ref frame.State.KernelGsBase));
    public static readonly ushort TscAux = Of((ref Frame frame) => ref Unsafe.As<ulong, byte>(ref frame.State.TscAux));
    public static readonly ushort Mxcsr = Of((ref Frame frame) => ref Unsafe.As<uint, byte>(ref frame.State.Mxcsr));
    public static readonly short CodeLimit = OfHead((ref FrameHead head) => ref Unsafe.As<ulong, byte>(ref head.CodeLimit));
    public static readonly short FetchTable = OfHead((ref FrameHead head) => ref Unsafe.As<nint, byte>(ref head.FetchTable));
    public static readonly short Targets = OfHead((ref FrameHead head) => ref Unsafe.As<nint, byte>(ref head.Targets));
    public static readonly short TargetMode = OfHead((ref FrameHead head) => ref Unsafe.As<ulong, byte>(ref head.TargetMode));
    public static readonly short TimeDenied = OfHead((ref FrameHead head) => ref Unsafe.As<bool, byte>(ref head.TimeDenied));
    public static readonly short TickStart = OfHead((ref FrameHead head) => ref Unsafe.As<ulong, byte>(ref head.TickStart));
    public static readonly short TickLength = OfHead((ref FrameHead head) => ref Unsafe.As<ulong, byte>(ref head.TickLength));
    public static readonly short TickScale = OfHead((ref FrameHead head) => ref Unsafe.As<ulong, byte>(ref head.TickScale));
    public static readonly short TickStamp = OfHead((ref FrameHead head) => ref Unsafe.As<ulong, byte>(ref head.TickStamp));
    public static readonly short ReadTable = OfHead((ref FrameHead head) => ref Unsafe.As<nint, byte>(ref head.ReadTable));
    public static readonly short WriteTable = OfHead((ref FrameHead head) => ref Unsafe.As<nint, byte>(ref head.WriteTable));
    public static readonly short GuardedTable = OfHead((ref FrameHead head) => ref Unsafe.As<nint, byte>(ref head.GuardedTable));
    public static readonly short MarksTable = OfHead((ref FrameHead head) => ref Unsafe.As<nint, byte>(ref head.MarksTable));
    public static readonly short JumpTable = OfHead((ref FrameHead head) => ref Unsafe.As<nint, byte>(ref head.JumpTable));
    public static readonly short JumpKey = OfHead((ref FrameHead head) => ref Unsafe.As<uint, byte>(ref head.Generation));
    public static readonly short Mode = OfHead((ref FrameHead head) => ref Unsafe.As<BlockMode, byte>(ref head.Mode));
    public static readonly short Level = OfHead((ref FrameHead head) => ref head.Level);
    public static readonly short InterruptWaits = OfHead((ref FrameHead head) => ref Unsafe.As<bool, byte>(ref head.InterruptWaits));
    public static readonly short Attention = OfHead((ref FrameHead head) => ref head.Attention);
    public static readonly short PageIp = OfHead((ref FrameHead head) => ref Unsafe.As<ulong, byte>(ref head.PageIp));
    public static readonly short Budget = OfHead((ref FrameHead head) => ref Unsafe.As<long, byte>(ref head.Budget));
    public static readonly short Flags = OfHead((ref FrameHead head) => ref Unsafe.As<ulong, byte>(ref head.Flags));
    public static readonly short FlagLeft = OfHead((ref FrameHead head) => ref Unsafe.As<ulong, byte>(ref head.FlagLeft));
    public static readonly short FlagRight = OfHead((ref FrameHead head) => ref Unsafe.As<ulong, byte>(ref head.FlagRight));
    public static readonly short Scratch = OfHead((ref FrameHead head) => ref Unsafe.As<ulong, byte>(ref head.Scratch));
    public static readonly short Arena = OfHead((ref FrameHead head) => ref Unsafe.As<nint, byte>(ref head.Arena));
    public static readonly short LastExit = OfHead((ref FrameHead head) => ref Unsafe.As<int, byte>(ref head.LastExit));
    public static readonly short HostMxcsr = OfHead((ref FrameHead head) => ref Unsafe.As<uint, byte>(ref head.HostMxcsr));
    public static readonly short X87Place = OfHead((ref FrameHead head) => ref Unsafe.As<X87Place, byte>(ref head.X87Place));

    public static readonly short FlagRecipe = OfHead((ref FrameHead head) => ref Unsafe.As<uint, byte>(ref head.FlagRecipe));
    public static readonly short TableMask = OfHead((ref FrameHead head) => ref Unsafe.As<ulong, byte>(ref head.TableMask));
    public static readonly short Salt = OfHead((ref FrameHead head) => ref Unsafe.As<ulong, byte>(ref head.Salt));
    public static readonly short SavedRax = OfHead((ref FrameHead head) => ref Unsafe.As<ulong, byte>(ref head.SavedRax));
    public static readonly short SavedRdx = OfHead((ref FrameHead head) => ref Unsafe.As<ulong, byte>(ref head.SavedRdx));
    public static readonly short Sought = OfHead((ref FrameHead head) => ref Unsafe.As<ulong, byte>(ref head.Sought));
    public static readonly short SavedRcx = OfHead((ref FrameHead head) => ref Unsafe.As<ulong, byte>(ref head.SavedRcx));
    public static readonly short ReturnLimit = OfHead((ref FrameHead head) => ref Unsafe.As<nint, byte>(ref head.ReturnLimit));

    /// <summary>Behind the frame: the slots for reading, then those for writing.</summary>
    public static readonly int Slots = (Unsafe.SizeOf<Frame>() + 63) & ~63;

    /// <summary>Behind those.</summary>
    public static readonly int FarSlots = Slots + Tlb.AccessSlots.Length;

    /// <summary>Behind those, what a loop keeps while it turns without looking: how many turns more it may make, and its cells.</summary>
    public static readonly int LoopCount = FarSlots + Translator.FarSlot.Length;

    /// <summary>Behind those, the addresses of what makes the status flags, by recipe.</summary>
    public static readonly int FlagMakers = Cell(Translator.LoopCell.Count);

    /// <summary>Behind those, for each segment register how many bytes from its start may be read, then the same for writing.</summary>
    private static readonly int Reaches = FlagMakers + (Translator.FlagSource.Recipes * sizeof(ulong));

    /// <summary>Behind those, the list of slots that CR3 concerns, and what comes before it: see <see cref="Tlb.LocalSlots"/>.</summary>
    public static readonly int LocalSlots = Reaches + (2 * SegmentCount * sizeof(ulong));
    public static readonly int LastLocalSlot = LocalSlots + sizeof(ulong);
    public static readonly int LastLocal = LastLocalSlot + sizeof(ulong);

    /// <summary>Behind those, how often each slot for reading has been filled, in 16 bits.</summary>
    private static readonly int Fillings = LocalSlots + Tlb.LocalSlots.Length;

    /// <summary>The end of all.</summary>
    public static readonly int End = Fillings + (Tlb.AccessSlots.Count * sizeof(ushort));

    private const int SegmentCount = 6;

    /// <summary>It lies before the head.</summary>
    public const int HostX87 = -FrameHead.Length - Translator.HostX87.Length;

    private static readonly ushort FirstSegment = Of((ref Frame frame) => ref Unsafe.As<Segment, byte>(ref frame.State.Segments[0]));
    private static readonly ushort FirstSelector = Of((ref Frame frame) => ref Unsafe.As<ushort, byte>(ref frame.State.Segments[0].Selector));
    private static readonly ushort FirstVector = Of((ref Frame frame) => ref Unsafe.As<VectorRegister, byte>(ref frame.State.Vector[0]));
    private static readonly ushort FirstX87 = Of((ref Frame frame) => ref Unsafe.As<X87Register, byte>(ref frame.State.X87[0]));

    private delegate ref byte Field(ref Frame frame);

    private delegate ref byte HeadField(ref FrameHead head);

    /// <param name="slot">Where a slot for reading is.</param>
    public static int FillingsOf(int slot) => Fillings + ((slot - Slots) / Tlb.AccessSlots.Size * sizeof(ushort));

    public static int Slot(int number, bool write) => Slots + ((write ? Tlb.AccessSlots.Count + number : number) * Tlb.AccessSlots.Size);

    public static int FarSlot(int number) => FarSlots + (number * Translator.FarSlot.Size);

    /// <summary>See <see cref="Translator.LoopCell"/>.</summary>
    public static int Cell(int number) => LoopCount + ((number + 1) * sizeof(ulong));

    /// <summary>RAX … R15: they come first.</summary>
    public static ushort General(int number) => (ushort)(number * sizeof(ulong));

    /// <summary>Which general register is at an offset.</summary>
    public static int GeneralNumber(int offset) => offset / sizeof(ulong);

    /// <summary>The second byte of a register: AH, CH, DH or BH.</summary>
    public static bool IsHighByte(int offset) => offset % sizeof(ulong) == 1;

    public static int VectorNumber(int offset) => (offset - FirstVector) / Unsafe.SizeOf<VectorRegister>();

    public static ushort SegmentBase(SegmentRegister segment) => (ushort)(FirstSegment + ((int)segment * Unsafe.SizeOf<Segment>()));

    /// <summary>How many bytes from its start, up to 4 GiB, a segment has that may be accessed so: 0 if none, or if it expands down, so that somebody has to look. Not kept in 64-bit code.</summary>
    public static int Reach(SegmentRegister segment, bool write) => Reaches + (((write ? SegmentCount : 0) + (int)segment) * sizeof(ulong));

    public static ushort Selector(SegmentRegister segment) => (ushort)(FirstSelector + ((int)segment * Unsafe.SizeOf<Segment>()));

    public static ushort Vector(int number) => (ushort)(FirstVector + (number * Unsafe.SizeOf<VectorRegister>()));

    /// <summary>The 64 bits of an MMX register, which are the significand of the physical x87 register.</summary>
    public static ushort Mmx(int number) => (ushort)(FirstX87 + (number * Unsafe.SizeOf<X87Register>()));

    private static ushort Of(Field field)
    {
        Frame frame = default;
        return (ushort)Unsafe.ByteOffset(ref Unsafe.As<Frame, byte>(ref frame), ref field(ref frame));
    }

    /// <summary>Negative: the head is before the frame.</summary>
    private static short OfHead(HeadField field)
    {
        FrameHead head = default;
        return (short)((int)Unsafe.ByteOffset(ref Unsafe.As<FrameHead, byte>(ref head), ref field(ref head)) - FrameHead.Length);
    }
}
