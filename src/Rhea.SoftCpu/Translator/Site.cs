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
    private bool _hasX87;

    public Emitter Code => code;

    public FlagKeeper Flags { get; } = new(code);

    /// <summary>Of the block.</summary>
    public BlockMode Mode { get; private set; }

    /// <summary>See <see cref="TranslationKind"/>.</summary>
    public bool Atomic { get; private set; }

    /// <summary>64-bit code, as opposed to 32-bit code with flat segments.</summary>
    public bool Code64 => (Mode & BlockMode.Code64) != 0;

    /// <summary>Where in its page the block begins.</summary>
    public int BlockStart { get; private set; }

    /// <summary>Status flags that something behind this instruction depends on.</summary>
    public uint LiveFlags { get; private set; }

    public void StartBlock(BlockMode mode, int start, bool atomic) => (Mode, BlockStart, Atomic, _hasX87) = (mode, start, atomic, false);

    /// <param name="place">Of the op, in the arena.</param>
    /// <param name="liveFlags">See <see cref="LiveFlags"/>.</param>
    public void Start(int place, uint liveFlags) => (_place, LiveFlags) = (place, liveFlags);

    /// <summary>A jump, not bound yet, that leaves the fast path. Nothing of the instruction has been done there.</summary>
    public void Miss(int jump) => _misses.Add(jump);

    /// <summary>A jump from a check that found another page in its slot. With the TLB's help it goes on here, with the host address in R10, else it misses.</summary>
    public void Refill(int jump, int slot, int size, bool write) => _fillings.Add(new Filling(jump, slot, code.Position, stubs.FillSlot(size, write)));

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
        _detours.Add(new Detour([.. _misses], [.. _fillings], [.. _sought], _place, code.Position, stubs.Interpret(Flags.InHost, _hasX87)));
        _misses.Clear();
        _fillings.Clear();
        _sought.Clear();
    }

    /// <summary>Makes sure that the host's x87 unit has the guest's registers. If it cannot, the block is left before this instruction.</summary>
    public void NeedX87()
    {
        if (_hasX87) return;
        Flags.Release();
        code.Op(0x80, false, 7, new HostAddress(GuestRegister.State, FrameOffset.X87Place));
        code.Byte((int)X87Place.Host);
        int jump = code.Jump(Condition.NotEqual);
        _detours.Add(new Detour([jump], [], [], _place, code.Position, stubs.StartX87));
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
            List<int> misses = [.. detour.Misses];
            foreach (Filling filling in detour.Fillings)
            {
                code.Bind(filling.Jump);
                code.Lea(GuestRegister.Temporary, new HostAddress(GuestRegister.State, filling.Slot));
                code.CallTo(filling.Stub);
                code.PointAt(code.Jump(Condition.BelowOrEqual), filling.Back);
                if (detour.Sought.Length > 0 || filling != detour.Fillings[^1]) misses.Add(code.Jump());
            }

            foreach (Sought sought in detour.Sought)
            {
                EmitSeek(sought.Other, sought.Stale, sought.Back);
                if (sought != detour.Sought[^1]) misses.Add(code.Jump());
            }

            foreach (int jump in misses) code.Bind(jump);
            code.Constant(GuestRegister.Address, (ulong)detour.Place);
            code.CallTo(detour.Stub);
            code.JumpTo(detour.Back);
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

    private readonly record struct Detour(int[] Misses, Filling[] Fillings, Sought[] Sought, int Place, int Back, int Stub);

    private readonly record struct Sought(int Other, int Stale, int Back);

    private readonly record struct Filling(int Jump, int Slot, int Back, int Stub);
}
