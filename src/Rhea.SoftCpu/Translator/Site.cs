using Rhea.SoftCpu.Interpreter;

namespace Rhea.SoftCpu.Translator;

/// <summary>The instruction that is being translated, and where it misses to: the interpreter, which then does it as a whole.</summary>
internal sealed class Site(Emitter code, Stubs stubs)
{
    private readonly List<Detour> _detours = [];
    private readonly List<int> _misses = [];
    private readonly List<Filling> _fillings = [];
    private readonly List<Sought> _sought = [];
    private readonly List<(int Jump, int Back)> _questions = [];
    private int _place;
    private FlagSource? _missing; // at the first jump away of the instruction
    private bool _hasX87;

    public Emitter Code => code;

    public FlagKeeper Flags { get; } = new(code);

    public LoopRegisters LoopRegisters { get; } = new(code);

    /// <summary>Of the block.</summary>
    public BlockMode Mode { get; private set; }

    /// <summary>See <see cref="TranslationKind"/>.</summary>
    public bool Atomic { get; private set; }

    /// <summary>PAUSE ends the processor's turn.</summary>
    public bool Yields { get; private set; }

    public bool Code64 => (Mode & BlockMode.Code64) != 0;

    public bool Code16 => (Mode & (BlockMode.Code32 | BlockMode.Code64)) == 0;

    /// <summary>The code segment has a base or a limit: RIP is not a linear address, and what is run next is to be inside.</summary>
    public bool HasCodeSegment => (Mode & (BlockMode.Code64 | BlockMode.FlatCode)) == 0;

    /// <summary>All of the stack pointer's register is a linear address.</summary>
    public bool HasFlatStack => Code64 || (Mode & (BlockMode.Flat | BlockMode.Stack32)) == (BlockMode.Flat | BlockMode.Stack32);

    /// <summary>The stack pointer is SP.</summary>
    public bool HasShortStack => (Mode & (BlockMode.Code64 | BlockMode.Stack32)) == 0;

    /// <summary>Accesses may share a check: where most of them are linear addresses.</summary>
    public bool SharesChecks => Code64 || (!Code16 && HasFlatStack);

    /// <summary>Where in its page the block begins, and where the host has the page.</summary>
    public int BlockStart { get; private set; }

    public nint PageHost { get; private set; }

    /// <summary>Status flags that something behind this instruction depends on.</summary>
    public uint LiveFlags { get; private set; }

    public void StartBlock(BlockMode mode, nint host, in TranslationKind kind)
    {
        const int pageMask = 0xFFF;
        (Mode, Atomic, Yields) = (mode, kind.Atomic, kind.TakesTurns);
        (BlockStart, PageHost) = ((int)(host & pageMask), host & ~pageMask);
    }

    /// <summary>The block's instructions come, for the first time or again.</summary>
    public void StartOps() => _hasX87 = false;

    /// <summary>What its memory access has in common with others of the block.</summary>
    public PlannedAccess Access { get; private set; }

    /// <summary>It needs no check, as long as the loop has turns left.</summary>
    public HeldAccess Held { get; private set; }

    /// <summary>Of the instruction in the block.</summary>
    public int Number { get; private set; }

    /// <summary>Its memory access needs no check, and neither misses nor changes RFLAGS.</summary>
    public bool IsQuiet { get; private set; }

    /// <param name="place">Of the op, in the arena.</param>
    /// <param name="number">See <see cref="Number"/>.</param>
    /// <param name="liveFlags">See <see cref="LiveFlags"/>.</param>
    /// <param name="access">See <see cref="Access"/>.</param>
    /// <param name="held">See <see cref="Held"/>.</param>
    /// <param name="isQuiet">See <see cref="IsQuiet"/>.</param>
    public void Start(int place, int number, uint liveFlags, in PlannedAccess access, in HeldAccess held, bool isQuiet) =>
        (_place, Number, LiveFlags, Access, Held, IsQuiet) = (place, number, liveFlags, access, held, isQuiet);

    /// <summary>A jump, not bound yet, that leaves the fast path. Nothing of the instruction has been done there.</summary>
    public void Miss(int jump)
    {
        _missing ??= Flags.Missing;
        _misses.Add(jump);
    }

    /// <summary>A jump from a check that found another page in its slot. With the TLB's help it goes on here, else it misses.</summary>
    /// <param name="jump">The jump.</param>
    /// <param name="slot">The slot.</param>
    /// <param name="linear">The access's linear address, in which R10 stands for RIP of the page. Null: that is in R10, and where it goes on the host address is.</param>
    /// <param name="wanted">What was looked for.</param>
    /// <param name="counts">How often that happens is counted: see <see cref="OpFlags.Wanders"/>.</param>
    public void Refill(int jump, int slot, HostAddress? linear, in Wanted wanted, bool counts = false)
    {
        _missing ??= Flags.Missing;
        _fillings.Add(new Filling(jump, slot, code.Position, linear, wanted, counts));
    }

    /// <summary>Jumps from a look for a target: another one was there, with the wanted RIP in R10, or the right one under a key that holds no longer.</summary>
    /// <remarks>If the target can be found by its host address, it goes on here, with the target's place in R11, else it misses.</remarks>
    public void Seek(int other, int stale) => _sought.Add(new Sought(other, stale, code.Position));

    /// <summary>The same at once: what follows is for when the target cannot be found.</summary>
    /// <param name="other">See <see cref="Seek"/>.</param>
    /// <param name="stale">See <see cref="Seek"/>.</param>
    /// <param name="found">Where it goes on else.</param>
    public void EmitSeek(int other, int stale, int found)
    {
        code.Bind(stale);
        code.Load(GuestRegister.Address, new HostAddress(GuestRegister.Temporary));
        code.Bind(other);
        code.CallTo(stubs.FindTarget);
        code.PointAt(code.Jump(Condition.Equal), found);
    }

    /// <summary>The fast path ends here.</summary>
    public void End()
    {
        if (_misses.Count == 0 && _fillings.Count == 0 && _sought.Count == 0) return;
        _detours.Add(new Detour([.. _misses], [.. _fillings], [.. _sought], _missing ?? default, _place, code.Position,
            Access.Leaves ? stubs.InterpretLast : stubs.Interpret(Flags.InHost, _hasX87), LoopRegisters.Borrowed));
        _missing = null;
        _misses.Clear();
        _fillings.Clear();
        _sought.Clear();
    }

    /// <summary>Makes sure that the host's x87 unit has the guest's registers. If it cannot, the block is left before this instruction.</summary>
    public void NeedX87()
    {
        if (_hasX87) return;
        Flags.Leave();
        code.Op(0x80, false, 7, new HostAddress(GuestRegister.State, FrameOffset.X87Place));
        code.Byte((int)X87Place.Host);
        int jump = code.Jump(Condition.NotEqual);
        _detours.Add(new Detour([jump], [], [], Flags.Missing, _place, code.Position, stubs.StartX87, LoopRegisters.Borrowed));
        _hasX87 = true;
    }

    /// <summary>A jump that asks for the time stamp counter and goes on here with it in RAX. Changes RDX, R10, R11 and RFLAGS.</summary>
    public void AskTime(int jump) => _questions.Add((jump, code.Position));

    /// <summary>The interpreter does all of it.</summary>
    public void Interpret()
    {
        Flags.Release();
        code.Constant(GuestRegister.Address, (ulong)_place);
        code.CallTo(stubs.Interpret(flags: false, x87: false));
        _hasX87 = false;
    }

    /// <summary>Behind the block: the slow paths of its instructions.</summary>
    public void EmitDetours()
    {
        foreach (Detour detour in _detours)
        {
            List<int> misses = [.. detour.Misses], alone = [], often = [];
            foreach (Filling filling in detour.Fillings)
            {
                EmitFilling(in filling, alone, often);
                if (detour.Sought.Length > 0 || filling != detour.Fillings[^1]) misses.Add(code.Jump());
            }

            foreach (Sought sought in detour.Sought)
            {
                EmitSeek(sought.Other, sought.Stale, sought.Back);
                if (sought != detour.Sought[^1]) misses.Add(code.Jump());
            }

            EmitInterpret(misses, in detour, detour.Stub);
            if (detour.Stub != stubs.InterpretLast) code.JumpTo(detour.Back);
            if (alone.Count > 0) EmitInterpret(alone, in detour, stubs.InterpretAlone);
            if (often.Count > 0) EmitInterpret(often, in detour, stubs.InterpretWandering);
        }

        foreach ((int jump, int back) in _questions)
        {
            code.Bind(jump);
            code.CallTo(stubs.ReadTime);
            code.JumpTo(back);
        }

        _detours.Clear();
        _questions.Clear();
    }

    /// <summary>Asks the TLB for what a check did not find. What follows is for when the TLB does not have it.</summary>
    /// <param name="filling">The check.</param>
    /// <param name="alone">Takes jumps for when the access is possible, but not all that was checked.</param>
    /// <param name="often">Takes jumps for when it has been asked for again and again.</param>
    private void EmitFilling(in Filling filling, List<int> alone, List<int> often)
    {
        Wanted wanted = filling.Wanted;
        bool moves = filling.Linear is null && wanted.From != 0;
        code.Bind(filling.Jump);
        if (filling.Counts)
        {
            code.Byte(0x66);
            code.Op(0x83, false, 0, new HostAddress(GuestRegister.State, FrameOffset.FillingsOf(filling.Slot))); // add
            code.Byte(1);
            often.Add(code.Jump(Condition.Below)); // it is 0 again
        }

        if (filling.Linear is { } linear) Load(linear with { Displacement = linear.Displacement + wanted.From });
        else if (moves) code.Lea(GuestRegister.Address, new HostAddress(GuestRegister.Address, wanted.From));
        code.Lea(GuestRegister.Temporary, new HostAddress(GuestRegister.State, filling.Slot));
        code.CallTo(FillSlot(wanted.Length, wanted.Writes));
        if (moves) code.Lea(GuestRegister.Address, new HostAddress(GuestRegister.Address, -wanted.From));
        code.PointAt(code.Jump(Condition.Equal), filling.Back);
        if (!wanted.IsMore) return;
        if (filling.Linear is { } own) Load(in own);
        code.Lea(GuestRegister.Temporary, new HostAddress(GuestRegister.State, MemoryAccess.SpareSlot));
        code.CallTo(FillSlot(wanted.Size, wanted.Write));
        alone.Add(code.Jump(Condition.Equal));
    }

    private void Load(in HostAddress linear)
    {
        if (linear.Base == GuestRegister.Address) code.Load(GuestRegister.Address, new HostAddress(GuestRegister.State, FrameOffset.PageIp));
        code.Lea(GuestRegister.Address, in linear);
    }

    private int FillSlot(int size, bool write) => write && !Atomic ? stubs.FillSlotBesideCode(size) : stubs.FillSlot(size, write);

    private void EmitInterpret(List<int> jumps, in Detour detour, int stub)
    {
        foreach (int jump in jumps) code.Bind(jump);
        if (detour.Flags.Exists)
        {
            detour.Flags.Emit(code);
            Stubs.SaveFlags(code);
        }

        LoopRegisters.GiveBack(detour.Borrowed);
        code.Constant(GuestRegister.Address, (ulong)detour.Place);
        code.CallTo(stub);
    }

    private readonly record struct Detour(int[] Misses, Filling[] Fillings, Sought[] Sought, FlagSource Flags, int Place, int Back, int Stub, int Borrowed);

    private readonly record struct Sought(int Other, int Stale, int Back);

    private readonly record struct Filling(int Jump, int Slot, int Back, HostAddress? Linear, Wanted Wanted, bool Counts);
}
