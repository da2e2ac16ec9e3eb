namespace Rhea.SoftCpu.Translator;

/// <summary>Where the status flags are at the point that is being translated: in RFLAGS, in the frame, or in what they were made of.</summary>
/// <remarks>
/// An access to guest memory changes RFLAGS and may end in a fault, which shows the flags to the guest. So before it they are saved, unless they
/// are in the frame or can be had again: then the way to the fault makes them (<see cref="Missing"/>). Between blocks they are in the frame, or
/// still in RFLAGS where the next block does not need them.
/// </remarks>
internal sealed class FlagKeeper(Emitter code)
{
    /// <summary>All registers, and the flags.</summary>
    public const int Everything = 0xFFFF;

    private FlagState _now;
    private bool _expires;

    /// <summary>Where they are now: to come back to when a path joins this one.</summary>
    public FlagState Now
    {
        get => _now;
        set => _now = value;
    }

    public bool InHost => _now.InHost;

    /// <summary>They are in RFLAGS and nowhere else.</summary>
    public bool OnlyInHost => _now is { InHost: true, InFrame: false, Source.Exists: false };

    /// <summary>What has to be emitted before somebody looks into the frame, when RFLAGS no longer has them.</summary>
    public FlagSource Missing => _now.InFrame ? default : _now.Source;

    /// <summary>At the start of a block.</summary>
    public void Start(bool needed) => (_now, _expires) = (new FlagState(false, needed, default), false);

    /// <summary>RFLAGS is about to be changed by something that is not the guest's. Who shows the guest its flags sees to <see cref="Missing"/>.</summary>
    public void Leave()
    {
        if (OnlyInHost) Save();
        _now = _now with { InHost = false };
    }

    /// <summary>The same, and the guest may see its flags in the frame.</summary>
    public void Release()
    {
        Save();
        _now = _now with { InHost = false };
    }

    /// <summary>Makes sure that the frame has them. Changes R11.</summary>
    public void Save()
    {
        if (_now.InFrame || !(_now.InHost || _now.Source.Exists)) return;
        if (_now.Source.Recipe != 0)
        {
            _now.Source.Promise(code);
        }
        else
        {
            Need();
            Stubs.SaveFlags(code);
        }

        _now = _now with { InFrame = true };
    }

    /// <summary>Makes sure that RFLAGS has them. Changes R11.</summary>
    public void Need()
    {
        if (_now.InHost) return;
        if (_now.Source.Exists) _now.Source.Emit(code);
        else Stubs.LoadFlags(code);
        _now = _now with { InHost = true };
    }

    /// <summary>An instruction of the guest has set them.</summary>
    public void Changed(FlagSource source = default) => (_now, _expires) = (new FlagState(true, false, source), false);

    /// <summary>They have been written to the frame.</summary>
    public void Replaced() => (_now, _expires) = (new FlagState(false, true, default), false);

    /// <summary>An instruction comes that changes guest registers.</summary>
    /// <param name="registers">A bit for each; <see cref="Everything"/> if it may be the interpreter that does it, and changes the flags.</param>
    /// <param name="wanted">The flags from before it matter behind it.</param>
    public void Begin(int registers, bool wanted)
    {
        bool unknown = registers == Everything;
        _expires = unknown ? _now.Source.Exists : (_now.Source.Registers & registers) != 0;
        if (!_expires || !wanted || _now.InFrame) return;
        if (unknown)
        {
            Save();
            return;
        }

        _now = _now with { Source = _now.Source.Keep(code) };
        _expires = false;
    }

    /// <summary>That instruction is done.</summary>
    public void End()
    {
        if (_expires) _now = _now with { Source = default };
        _expires = false;
    }
}

/// <summary>Where the status flags are; nowhere when they do not matter.</summary>
/// <param name="InHost">In RFLAGS.</param>
/// <param name="InFrame">In the frame.</param>
/// <param name="Source">What they can be had from.</param>
internal readonly record struct FlagState(bool InHost, bool InFrame, FlagSource Source);
