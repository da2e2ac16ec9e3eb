using System.Runtime.Intrinsics.X86;
using Rhea.Core.Cpu;
using Rhea.SoftCpu.CodeCache;
using Rhea.SoftCpu.Interpreter;
using Rhea.SoftCpu.Tlb;
using static Rhea.SoftCpu.Translator.HostRegister;

namespace Rhea.SoftCpu.Translator;

/// <summary>The pieces of code that all blocks share: the way in, the way out, and the call of the interpreter for one instruction.</summary>
/// <remarks>
/// In the code of a block the registers are as <see cref="GuestRegister"/> says, the sixteen vector registers hold the guest's, MXCSR
/// is the guest's, and below RSP are the returns to come: see <see cref="ReturnStack"/>. System V AMD64 ABI, 3.2, says what a call from and to C# keeps.
/// </remarks>
internal sealed class Stubs
{
    /// <summary>What a callback returns up to this is a reason to leave, what is above an address of code to go on at.</summary>
    public const int LastReason = 15;

    private const int PageBits = 12, PageSize = 1 << PageBits, TargetBits = 4;
    private const int Vectors = 16, LoadVector = 0x10, StoreVector = 0x11, ExceptionFlags = 0x3F;
    private static readonly int[] CheckedSizes = [1, 2, 4, 8, 10, 16, 32, 64, 128, 256, 512];
    private static readonly int[] Saved = [Rbx, Rbp, R12, R13, R14, R15];

    private readonly Emitter _code;
    private readonly int _leave;
    private readonly int[] _interpret = new int[4];
    private readonly int[] _lookUp = new int[2];
    private readonly Dictionary<(int Size, SlotFilling Filling), int> _fillSlot = [];

    /// <param name="code">Where to emit.</param>
    /// <param name="callbacks">What generated code calls.</param>
    public Stubs(Emitter code, in Callbacks callbacks)
    {
        _code = code;
        for (var recipe = 0; recipe < FlagSource.Recipes; recipe++) EmitFlagMaker(recipe);
        ExitAt = code.Position;
        SettleFlags();
        code.Store(Frame(FrameOffset.Rip), GuestRegister.Address);
        Spill();
        code.Op(0x33, false, Rax, Rax);
        _leave = code.Position;
        EmitLeave();
        for (var i = 0; i < _interpret.Length; i++)
        {
            bool flags = (i & 1) != 0, x87 = (i & 2) != 0;
            _interpret[i] = code.Position;
            EmitCall(x87 ? callbacks.InterpretX87 : callbacks.Interpret, flags, x87);
        }

        InterpretLast = code.Position;
        EmitCall(callbacks.InterpretLast, flags: false, x87: false);
        InterpretAlone = code.Position;
        EmitCall(callbacks.InterpretAlone, flags: false, x87: false);
        InterpretWandering = code.Position;
        EmitCall(callbacks.InterpretWandering, flags: false, x87: false);
        foreach (int size in CheckedSizes)
        {
            foreach (SlotFilling filling in (ReadOnlySpan<SlotFilling>)[SlotFilling.Read, SlotFilling.Write, SlotFilling.WriteBesideCode])
                _fillSlot[(size, filling)] = EmitFillSlot(size, filling);
        }

        FindTarget = code.Position;
        EmitFindTarget();
        for (var i = 0; i < _lookUp.Length; i++)
        {
            _lookUp[i] = code.Position;
            EmitLookUp(segmented: i != 0);
        }

        Enter = code.Position;
        EmitEnter();
        FillFarSlot = code.Position;
        EmitFillFarSlot();
        FillReturnSlot = code.Position;
        EmitFillReturnSlot();
        ReadTime = code.Position;
        EmitReadTime(callbacks.ReadTime);
        ReadTicks = code.Position;
        SystemInstruction.ReadTicks(code);
        code.Byte(0xC3);
        StartX87 = code.Position;
        EmitCall(callbacks.StartX87, flags: false, x87: true);
    }

    /// <summary>Where what sets RFLAGS by a recipe begins.</summary>
    public int[] FlagMakers { get; } = new int[FlagSource.Recipes];

    /// <summary>A function (frame, code) that runs a block and what is linked to it.</summary>
    public int Enter { get; }

    /// <summary>A function that returns the host's time stamp counter.</summary>
    public int ReadTicks { get; }

    /// <summary>Where a block jumps to leave, with RIP in R10 and the flags in the frame.</summary>
    public int ExitAt { get; }

    /// <summary>Where a block jumps to go on at the RIP in R10, with the flags in the frame, if there is translated code; else it leaves.</summary>
    /// <param name="segmented">The code segment has a base or a limit.</param>
    public int LookUp(bool segmented) => _lookUp[segmented ? 1 : 0];

    /// <summary>The same, with the address of the jump's slot in R11: see <see cref="FarSlot"/>.</summary>
    public int FillFarSlot { get; }

    /// <summary>
    /// What a block calls where a call has returned to the RIP in R10, with the address of its slot in R11, and in the frame what is behind the call: if it is at RIP, the slot
    /// is filled and the condition is <see cref="Condition.Equal"/>. Else R10 is as it was.
    /// </summary>
    public int FillReturnSlot { get; }

    /// <summary>What a block calls before an x87 instruction, as <see cref="Interpret"/>: then the host's unit has the guest's registers.</summary>
    public int StartX87 { get; }

    /// <summary>What a block calls, with the op's place in the arena in R10 and the flags in the frame.</summary>
    /// <param name="flags">Afterwards the flags are in RFLAGS too.</param>
    /// <param name="x87">Afterwards the host's x87 unit has the guest's registers again.</param>
    public int Interpret(bool flags, bool x87) => _interpret[(flags ? 1 : 0) | (x87 ? 2 : 0)];

    /// <summary>The same, but what follows is not the block's next instruction: it is sought as a block of its own.</summary>
    public int InterpretLast { get; }

    /// <summary>The same, for an access that the TLB has, though not all that was checked with it: see <see cref="AccessPlanner"/>.</summary>
    public int InterpretAlone { get; }

    /// <summary>The same, for an access whose slot has been filled again and again.</summary>
    public int InterpretWandering { get; }

    /// <summary>How many bytes are checked when so many are wanted.</summary>
    public static int CheckedSize(int wanted) => Array.Find(CheckedSizes, size => size >= wanted);

    /// <summary>
    /// What a block calls with a linear address in R10 and a slot's address in R11: if the TLB has the page, the slot is filled, the host address is
    /// in R10, and the condition is <see cref="Condition.Equal"/>.
    /// </summary>
    public int FillSlot(int size, bool write) => _fillSlot[(size, write ? SlotFilling.Write : SlotFilling.Read)];

    /// <summary>
    /// The same for writing, also to a page with code, if what is checked has none: then the slot is good for this once. Not for several processors: the
    /// others may be about to read the bytes as code.
    /// </summary>
    public int FillSlotBesideCode(int size) => _fillSlot[(size, SlotFilling.WriteBesideCode)];

    /// <summary>What a block calls for the time stamp counter, which is in RAX then. Changes RDX, R10, R11 and RFLAGS.</summary>
    public int ReadTime { get; }

    /// <summary>
    /// What a block calls with a linear address in R10 and its place among the jumps' targets in R11: if there is translated code, found by its host address, the
    /// place is filled and the condition is <see cref="Condition.Equal"/>. Else R10 is as it was.
    /// </summary>
    public int FindTarget { get; }

    /// <summary>The name of what begins at a position; null when it is none of these pieces.</summary>
    public string? NameOf(long position)
    {
        foreach (((int size, SlotFilling filling), int place) in _fillSlot)
            if (place == position) return $"{(filling == SlotFilling.Read ? "read" : "write")}{size}{(filling == SlotFilling.WriteBesideCode ? "_beside_code" : "")}";
        int interpret = Array.IndexOf(_interpret, (int)position);
        if (interpret >= 0) return $"interpret{((interpret & 1) != 0 ? "_flags" : "")}{((interpret & 2) != 0 ? "_x87" : "")}";
        return position == ExitAt ? "exit" : _lookUp.Contains((int)position) ? "look_up" : position == FillFarSlot ? "fill_far_slot" : position == FillReturnSlot ? "fill_return_slot" : position == FindTarget ? "find_target"
            : position == InterpretLast ? "interpret_last" : position == InterpretAlone ? "interpret_alone" : position == InterpretWandering ? "interpret_wandering" : position == StartX87 ? "start_x87"
            : position == ReadTime ? "read_time" : null;
    }

    /// <summary>From RFLAGS to the frame; RFLAGS stays.</summary>
    public static void SaveFlags(Emitter code)
    {
        code.Move(R11, Rax);
        code.Byte(0x9F); // lahf
        code.Bytes([0x0F, 0x90, 0xC0]); // seto al
        code.StoreWord(Frame(FrameOffset.Flags), Rax);
        code.StoreConstant32(Frame(FrameOffset.FlagRecipe), 0);
        code.Move(Rax, R11);
    }

    /// <summary>From the frame to RFLAGS, or from what they can be made of. Changes R11.</summary>
    public static void LoadFlags(Emitter code)
    {
        code.Load32(R11, Frame(FrameOffset.FlagRecipe));
        code.Op(0xFF, false, 2, new HostAddress(GuestRegister.State, FrameOffset.FlagMakers, R11, 3)); // call
    }

    private static HostAddress Frame(int offset) => new(GuestRegister.State, offset);

    private void EmitFlagMaker(int recipe)
    {
        FlagMakers[recipe] = _code.Position;
        if (recipe == 0) LoadSavedFlags();
        else FlagSource.OfRecipe(recipe).Emit(_code);
        _code.Byte(0xC3);
    }

    private void LoadSavedFlags()
    {
        _code.Move(R11, Rax);
        _code.LoadWord(Rax, Frame(FrameOffset.Flags));
        _code.Bytes([0x04, 0x7F]); // add al, 7Fh: overflows when AL is 1
        _code.Byte(0x9E); // sahf
        _code.Move(Rax, R11);
    }

    /// <summary>Whoever is called finds the flags in the frame. Changes R11 and RFLAGS.</summary>
    private void SettleFlags()
    {
        _code.Op(0x83, false, 7, Frame(FrameOffset.FlagRecipe)); // cmp
        _code.Byte(0);
        int settled = _code.Jump(Condition.Equal);
        LoadFlags(_code);
        SaveFlags(_code);
        _code.Bind(settled);
    }

    private void EmitEnter()
    {
        foreach (int register in Saved) Push(register);
        _code.Arithmetic(5, true, Rsp, 8);
        _code.Move(Rbp, Rdi);
        _code.Move(R10, Rsi);
        ReturnStack.Start(_code, LookUp(segmented: false));
        Mxcsr(store: true, FrameOffset.HostMxcsr);
        Fill();
        _code.Bytes([0x41, 0xFF, 0xE2]); // jmp r10
    }

    private void EmitLeave()
    {
        ReturnStack.End(_code);
        _code.Arithmetic(0, true, Rsp, 8);
        foreach (int register in Saved.Reverse()) Pop(register);
        _code.Byte(0xC3);
    }

    private int EmitFillSlot(int size, SlotFilling filling)
    {
        bool besideCode = filling == SlotFilling.WriteBesideCode;
        int start = _code.Position;
        _code.Store(Frame(FrameOffset.SavedRax), Rax);
        _code.Store(Frame(FrameOffset.SavedRcx), Rcx);
        EmitIndex(data: true);
        _code.Op(0x03, true, Rax, Frame(filling == SlotFilling.Read ? FrameOffset.ReadTable : FrameOffset.WriteTable));
        int miss = EmitMatch(size);
        EmitListing();
        _code.Arithmetic(4, false, R10, PageSize - 1); // so the host address does not wait for the tag
        _code.Op(0x03, true, R10, new HostAddress(Rax, TlbEntry.OffsetOfHost));
        _code.Load(Rcx, new HostAddress(Rax));
        _code.Op(0xF7, true, 2, Rcx); // not
        _code.Load(Rax, new HostAddress(Rax, TlbEntry.OffsetOfHost));
        _code.Op(0x2B, true, Rax, Rcx);
        _code.Store(new HostAddress(R11, sizeof(ulong)), Rax);
        _code.Op(0x33, true, Rcx, Frame(FrameOffset.Salt));
        _code.Store(new HostAddress(R11), Rcx);
        _code.Op(0x3B, true, Rax, Rax); // equal
        int done = besideCode ? _code.Jump() : 0;
        _code.Bind(miss);
        if (besideCode)
        {
            EmitReachBesideCode(size);
            _code.Bind(done);
        }

        _code.Load(Rax, Frame(FrameOffset.SavedRax));
        _code.Load(Rcx, Frame(FrameOffset.SavedRcx));
        _code.Byte(0xC3);
        return start;
    }

    /// <summary>The slot at R11 is going to know the page of the linear address in R10: see <see cref="LocalSlots"/>. Changes RCX.</summary>
    private void EmitListing()
    {
        _code.Op(0x3B, true, R10, Frame(FrameOffset.LastLocal));
        int global = _code.Jump(Condition.Above);
        _code.Load(Rcx, Frame(FrameOffset.LocalSlots));
        _code.Store(new HostAddress(Rcx), R11);
        _code.Arithmetic(0, true, Rcx, sizeof(ulong));
        _code.Op(0x3B, true, Rcx, Frame(FrameOffset.LastLocalSlot));
        int full = _code.Jump(Condition.Above);
        _code.Store(Frame(FrameOffset.LocalSlots), Rcx);
        _code.Bind(full);
        _code.Bind(global);
    }

    /// <summary>Where in a table of the TLB's the linear address in R10 belongs, into RAX.</summary>
    /// <param name="data">It is a table for data, else one that does not grow.</param>
    private void EmitIndex(bool data)
    {
        _code.Move32(Rax, R10);
        _code.ShiftRight(Rax, PageBits - TlbEntry.SizeBits);
        if (data) _code.Op(0x23, false, Rax, Frame(FrameOffset.TableMask)); // and
        else _code.Arithmetic(4, false, Rax, (TlbEntry.Fewest - 1) << TlbEntry.SizeBits);
    }

    /// <summary>The jump for when the entry at RAX does not have all bytes from the linear address in R10; the condition is not equal then.</summary>
    private int EmitMatch(int size)
    {
        _code.Load(Rcx, new HostAddress(Rax));
        _code.Op(0x33, true, Rcx, R10); // the complement of the distance from the page
        _code.Arithmetic(7, true, Rcx, ~(PageSize - size));
        return _code.Jump(Condition.Below);
    }

    /// <summary>Looks for a page with code that may be written, and whether there are none of the bytes' marks. A page without any mark is the interpreter's: it may be a plain one again.</summary>
    private void EmitReachBesideCode(int size)
    {
        _code.Store(Frame(FrameOffset.SavedRdx), Rdx);
        EmitIndex(data: false);
        _code.Move32(Rdx, Rax);
        _code.Op(0x03, true, Rax, Frame(FrameOffset.GuardedTable));
        _code.Op(0x03, true, Rdx, Frame(FrameOffset.MarksTable));
        List<int> misses = [EmitMatch(size)];
        _code.Load(Rdx, new HostAddress(Rdx, TlbEntry.OffsetOfHost));
        _code.Load(Rdx, new HostAddress(Rdx));
        _code.Op(0x85, true, Rdx, Rdx);
        misses.Add(_code.Jump(Condition.Equal));
        for (var at = 0; at < size; at += CodePages.Chunk) MissMarked(at);
        if (size > 1) MissMarked(size - 1);
        _code.Load(Rax, new HostAddress(Rax, TlbEntry.OffsetOfHost));
        _code.Move(Rcx, R10);
        _code.Arithmetic(4, true, Rcx, -PageSize);
        _code.Op(0x2B, true, Rax, Rcx);
        _code.Store(new HostAddress(R11, sizeof(ulong)), Rax);
        _code.Op(0xC7, true, 0, new HostAddress(R11)); // no address matches this tag: see AccessSlots
        _code.Int32(0);
        _code.Op(0x03, true, R10, Rax);
        _code.Op(0x3B, true, Rax, Rax); // equal
        int done = _code.Jump();
        foreach (int miss in misses) _code.Bind(miss);
        _code.Op(0x85, true, Rsp, Rsp); // not equal
        _code.Bind(done);
        _code.Load(Rdx, Frame(FrameOffset.SavedRdx));

        void MissMarked(int at)
        {
            _code.Move32(Rcx, R10);
            _code.Arithmetic(4, false, Rcx, PageSize - 1);
            if (at != 0) _code.Arithmetic(0, false, Rcx, at);
            _code.ShiftRight(Rcx, CodePages.ChunkBits);
            _code.Op(0x0FA3, true, Rcx, Rdx); // bt
            misses.Add(_code.Jump(Condition.Below));
        }
    }

    /// <summary>Where the host has the code at the linear address in R10, into RCX, and the key into the frame's Scratch. Changes RAX.</summary>
    /// <returns>The jumps for when the TLB does not know, or something else wants to be done; the condition is not equal then.</returns>
    private (int Attention, int Unknown) EmitFetch()
    {
        _code.Store(Frame(FrameOffset.SavedRax), Rax);
        _code.Store(Frame(FrameOffset.SavedRcx), Rcx);
        _code.Load(Rcx, Frame(FrameOffset.JumpKey));
        _code.Store(Frame(FrameOffset.Scratch), Rcx); // it has no attention in it, even if there is some by the time it is used
        _code.Op(0xC1, true, 5, Rcx); // shr
        _code.Byte(FrameHead.AttentionShift);
        int attention = _code.Jump(Condition.NotEqual);
        EmitIndex(data: false);
        _code.Op(0x03, true, Rax, Frame(FrameOffset.FetchTable));
        _code.Load(Rcx, new HostAddress(Rax));
        _code.Op(0xF7, true, 2, Rcx); // not
        _code.Op(0x33, true, Rcx, R10);
        _code.Arithmetic(7, true, Rcx, PageSize - 1);
        int unknown = _code.Jump(Condition.Above);
        _code.Op(0x03, true, Rcx, new HostAddress(Rax, TlbEntry.OffsetOfHost));
        return (attention, unknown);
    }

    private void EmitFillReturnSlot()
    {
        (int attention, int unknown) = EmitFetch();
        _code.Op(0x0B, true, Rcx, Frame(FrameOffset.TargetMode));
        _code.Op(0x3B, true, Rcx, Frame(FrameOffset.Sought));
        int elsewhere = _code.Jump(Condition.NotEqual);
        _code.Load(Rcx, Frame(FrameOffset.Scratch));
        _code.Store(new HostAddress(R11, FarSlot.OffsetOfFrom), R10);
        _code.Store(new HostAddress(R11, FarSlot.OffsetOfKey), Rcx);
        _code.Arithmetic(4, true, R10, -PageSize);
        _code.Store(new HostAddress(R11, FarSlot.OffsetOfPageIp), R10);
        EndFetch(attention, unknown, elsewhere);
    }

    /// <summary>Returns to whoever wanted what <see cref="EmitFetch"/> looks for: the condition is equal, or as these jumps for when it is not there have it.</summary>
    private void EndFetch(params ReadOnlySpan<int> misses)
    {
        _code.Op(0x3B, true, Rax, Rax); // equal
        foreach (int miss in misses) _code.Bind(miss);
        _code.Load(Rax, Frame(FrameOffset.SavedRax));
        _code.Load(Rcx, Frame(FrameOffset.SavedRcx));
        _code.Byte(0xC3);
    }

    private void EmitFindTarget()
    {
        (int attention, int unknown) = EmitFetch();
        _code.Move32(Rax, Rcx);
        _code.ShiftRight(Rax, PageBits);
        _code.Op(0x33, false, Rax, Rcx);
        _code.Arithmetic(4, false, Rax, Targets.Count - 1);
        _code.ShiftLeft(Rax, TargetBits);
        _code.Op(0x03, true, Rax, Frame(FrameOffset.Targets));
        _code.Op(0x0B, true, Rcx, Frame(FrameOffset.TargetMode));
        _code.Op(0x3B, true, Rcx, new HostAddress(Rax));
        int untranslated = _code.Jump(Condition.NotEqual);
        _code.Load(Rax, new HostAddress(Rax, sizeof(ulong)));
        _code.Load(Rcx, Frame(FrameOffset.Scratch));
        _code.Store(new HostAddress(R11), R10);
        _code.Store(new HostAddress(R11, Exits.EntryKey), Rcx);
        _code.Store(new HostAddress(R11, Exits.EntryCode), Rax);
        _code.Arithmetic(4, true, R10, -PageSize);
        _code.Store(new HostAddress(R11, Exits.EntryPageIp), R10);
        EndFetch(attention, unknown, untranslated);
    }

    private void EmitLookUp(bool segmented)
    {
        HostAddress start = Frame(FrameOffset.SegmentBase(SegmentRegister.Cs));
        if (segmented)
        {
            _code.Op(0x3B, true, R10, Frame(FrameOffset.CodeLimit));
            _code.PointAt(_code.Jump(Condition.Above), ExitAt);
            _code.Op(0x03, false, R10, in start);
        }

        (int other, int stale) = Exits.Probe(_code);
        int found = _code.Position;
        Exits.Go(_code, segmented);
        EmitFind(other, stale, found);
        if (segmented) _code.Op(0x2B, false, R10, in start);
        _code.JumpTo(ExitAt);
    }

    private void EmitFillFarSlot()
    {
        _code.Store(Frame(FrameOffset.Sought), R11);
        (int other, int stale) = Exits.Probe(_code);
        int found = _code.Position;
        _code.Store(Frame(FrameOffset.SavedRax), Rax);
        _code.Load(Rax, Frame(FrameOffset.Sought));
        _code.Load(R10, Frame(FrameOffset.PageIp));
        _code.Store(new HostAddress(Rax, FarSlot.OffsetOfFrom), R10);
        _code.Load(R10, new HostAddress(R11, Exits.EntryKey));
        _code.Store(new HostAddress(Rax, FarSlot.OffsetOfKey), R10);
        _code.Load(R10, new HostAddress(R11, Exits.EntryPageIp));
        _code.Store(new HostAddress(Rax, FarSlot.OffsetOfPageIp), R10);
        _code.Store(Frame(FrameOffset.PageIp), R10);
        _code.Load(R10, new HostAddress(R11, Exits.EntryCode));
        _code.Store(new HostAddress(Rax, FarSlot.OffsetOfCode), R10);
        _code.Load(Rax, Frame(FrameOffset.SavedRax));
        _code.Bytes([0x41, 0xFF, 0xE2]); // jmp r10
        EmitFind(other, stale, found);
        _code.JumpTo(ExitAt);
    }

    /// <summary>Where <see cref="Exits.Probe"/> goes when the table does not know the target: it is looked for, and the code goes on as if it had been there. What follows is for when it is not found.</summary>
    private void EmitFind(int other, int stale, int found)
    {
        _code.Bind(stale);
        _code.Load(R10, new HostAddress(R11));
        _code.Bind(other);
        _code.CallTo(FindTarget);
        _code.PointAt(_code.Jump(Condition.Equal), found);
    }

    private void EmitReadTime(nint function)
    {
        Spill();
        _code.Move(Rdi, Rbp);
        Call(function);
        _code.Move(R10, Rax);
        _code.Op(0x80, false, 7, Frame(FrameOffset.X87Place));
        _code.Byte((int)X87Place.Image);
        int elsewhere = _code.Jump(Condition.NotEqual);
        MoveX87(restore: true);
        _code.Bind(elsewhere);
        Fill();
        _code.Move(Rax, R10);
        _code.Byte(0xC3);
    }

    private void EmitCall(nint function, bool flags, bool x87)
    {
        SettleFlags();
        Spill();
        _code.Move(Rdi, Rbp);
        _code.Load(Rsi, Frame(FrameOffset.Arena));
        _code.Op(0x03, true, Rsi, R10);
        Call(function);
        _code.Op(0x85, true, Rax, Rax);
        int elsewhere = _code.Jump(Condition.NotEqual);
        if (x87) MoveX87(restore: true);
        Fill();
        if (flags) LoadSavedFlags();
        _code.Byte(0xC3);
        _code.Bind(elsewhere);
        _code.Arithmetic(0, true, Rsp, 8); // the return address
        _code.Arithmetic(7, true, Rax, LastReason);
        _code.PointAt(_code.Jump(Condition.BelowOrEqual), _leave);
        _code.Move(R10, Rax);
        Fill();
        _code.Bytes([0x41, 0xFF, 0xE2]); // jmp r10
    }

    /// <summary>Calls C#, on an aligned stack. Changes RBX.</summary>
    private void Call(nint function)
    {
        _code.Move(Rbx, Rsp);
        _code.Arithmetic(4, true, Rsp, -16);
        _code.Constant(Rax, (ulong)function);
        _code.Bytes([0xFF, 0xD0]); // call rax
        _code.Move(Rsp, Rbx);
    }

    /// <summary>All of the guest's registers to the frame, and the host's MXCSR and x87 control word back. Loading MXCSR takes long, so it is compared first.</summary>
    private void Spill()
    {
        for (var i = 0; i < 16; i++)
            if (GuestRegister.HostOf(i) is >= 0 and var host) _code.Store(GuestRegister.Slot(i), host);
        MoveVectors(StoreVector);
        Mxcsr(store: true, FrameOffset.Mxcsr);
        _code.Load32(Rax, Frame(FrameOffset.Mxcsr));
        _code.Op(0x33, false, Rax, Frame(FrameOffset.HostMxcsr));
        _code.Arithmetic(4, false, Rax, ~ExceptionFlags);
        int same = _code.Jump(Condition.Equal);
        Mxcsr(store: false, FrameOffset.HostMxcsr);
        _code.Bind(same);
        _code.Op(0x80, false, 7, Frame(FrameOffset.X87Place));
        _code.Byte((int)X87Place.Host);
        int elsewhere = _code.Jump(Condition.NotEqual);
        MoveX87(restore: false);
        _code.Bind(elsewhere);
    }

    /// <summary>The x87 registers from the image to the host's unit (this loads vector registers too), or back.</summary>
    private void MoveX87(bool restore)
    {
        _code.Op(0x0FAE, false, restore ? 1 : 0, Frame(FrameOffset.HostX87));
        if (!restore) _code.Bytes([0xDB, 0xE3]); // fninit: what the ABI wants
        _code.Op(0xC6, false, 0, Frame(FrameOffset.X87Place));
        _code.Byte((int)(restore ? X87Place.Host : X87Place.Image));
    }

    private void Fill()
    {
        Mxcsr(store: true, FrameOffset.Scratch);
        _code.Load32(Rax, Frame(FrameOffset.Scratch));
        _code.Op(0x3B, false, Rax, Frame(FrameOffset.Mxcsr));
        int same = _code.Jump(Condition.Equal);
        Mxcsr(store: false, FrameOffset.Mxcsr);
        _code.Bind(same);
        MoveVectors(LoadVector);
        for (var i = 0; i < 16; i++)
            if (GuestRegister.HostOf(i) is >= 0 and var host) _code.Load(host, GuestRegister.Slot(i));
    }

    /// <summary>The vector registers to the frame or back: all of them where the guest can have something in their upper halves. The host's own code may be slower while they are not clear.</summary>
    private void MoveVectors(int opcode)
    {
        int narrow = 0, end = 0;
        if (Avx.IsSupported)
        {
            _code.Op(0xF6, false, 0, Frame(FrameOffset.Mode)); // test
            _code.Byte((int)BlockMode.WideVectors);
            narrow = _code.Jump(Condition.Equal);
            for (var i = 0; i < Vectors; i++)
            {
                HostAddress at = Frame(FrameOffset.Vector(i));
                _code.Vex(i, -1, at.Base, map: 1, w: false, third: 0, length: 1, prefix: 0);
                _code.Byte(opcode); // vmovups
                _code.ModRm(i, in at);
            }

            if (opcode == StoreVector) _code.Bytes([0xC5, 0xF8, 0x77]); // vzeroupper
            end = _code.Jump();
            _code.Bind(narrow);
        }

        for (var i = 0; i < Vectors; i++) _code.Op(0x0F00 | opcode, false, i, Frame(FrameOffset.Vector(i))); // movups
        if (Avx.IsSupported) _code.Bind(end);
    }

    private void Mxcsr(bool store, int offset) => _code.Op(0x0FAE, false, store ? 3 : 2, Frame(offset));

    private void Push(int register)
    {
        _code.Rex(false, 0, -1, register);
        _code.Byte(0x50 | (register & 7));
    }

    private void Pop(int register)
    {
        _code.Rex(false, 0, -1, register);
        _code.Byte(0x58 | (register & 7));
    }
}

/// <summary>What a slot is filled for.</summary>
internal enum SlotFilling
{
    Read,
    Write,

    /// <summary>Writing, also to a page with code.</summary>
    WriteBesideCode,
}

/// <summary>Functions that generated code calls: (frame, op) → 0 to go on behind the op, what the way out returns, or where to go on.</summary>
/// <param name="Interpret">Runs the op.</param>
/// <param name="InterpretX87">Runs the op, then fills the image of the x87 registers.</param>
/// <param name="InterpretLast">Runs the op, and goes on elsewhere in any case.</param>
/// <param name="InterpretAlone">The same, and notes that the block's checks look for too much.</param>
/// <param name="InterpretWandering">The same, and notes that the access is seldom in the page where it was before.</param>
/// <param name="StartX87">Fills the image of the x87 registers.</param>
/// <param name="ReadTime">(frame) → the time stamp counter.</param>
internal readonly record struct Callbacks(nint Interpret, nint InterpretX87, nint InterpretLast, nint InterpretAlone, nint InterpretWandering, nint StartX87, nint ReadTime);
