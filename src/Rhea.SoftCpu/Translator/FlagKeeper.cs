namespace Rhea.SoftCpu.Translator;

/// <summary>Where the status flags are at the point that is being translated: in RFLAGS, in the frame, or in both.</summary>
/// <remarks>
/// An access to guest memory changes RFLAGS and may end in a fault, which shows the flags to the guest: so they are saved before
/// it, unless they are in the frame already. Between blocks they are in the frame, or still in RFLAGS where the next block does not need them.
/// </remarks>
internal sealed class FlagKeeper(Emitter code)
{
    private bool _inFrame;

    public bool InHost { get; private set; }

    /// <summary>They are in RFLAGS and nowhere else.</summary>
    public bool OnlyInHost => InHost && !_inFrame;

    /// <summary>At the start of a block.</summary>
    public void Start(bool needed) => (InHost, _inFrame) = (false, needed);

    /// <summary>RFLAGS is about to be changed by something that is not the guest's, or the guest may see its flags.</summary>
    public void Release()
    {
        Save();
        InHost = false;
    }

    /// <summary>Makes sure that the frame has them.</summary>
    public void Save()
    {
        if (!OnlyInHost) return;
        Stubs.SaveFlags(code);
        _inFrame = true;
    }

    /// <summary>Makes sure that RFLAGS has them. Changes R11.</summary>
    public void Need()
    {
        if (InHost) return;
        Stubs.LoadFlags(code);
        InHost = true;
    }

    /// <summary>An instruction of the guest has set them.</summary>
    public void Changed() => (InHost, _inFrame) = (true, false);
}
