using Rhea.SoftCpu.Interpreter;

namespace Rhea.SoftCpu.Translator;

/// <summary>The returns that are to come, on the host's stack: the guest's calls are the host's, and so are its returns, which the host's processor then foresees.</summary>
/// <remarks>
/// Where the host returns to, generated code looks whether the guest does: if not, what is next is sought as any target (<see cref="Exits.EndCall"/>). So the two may differ
/// at any time, and below all is a return that always seeks. Whoever leaves generated code forgets them all; so does a call that would go too deep. A host return
/// address stays good as long as generated code runs: see <see cref="TranslatedCode"/>.
/// </remarks>
internal static class ReturnStack
{
    private const int Deepest = 1024, Length = Deepest * sizeof(ulong);

    private static HostAddress Limit => new(GuestRegister.State, FrameOffset.ReturnLimit);

    /// <summary>Generated code is entered: no return is known. Changes RAX.</summary>
    /// <param name="code">Where to emit.</param>
    /// <param name="lookUp">Goes on at the RIP in R10.</param>
    public static void Start(Emitter code, int lookUp)
    {
        code.Lea(HostRegister.Rax, new HostAddress(HostRegister.Rsp, -Length));
        code.Store(Limit, HostRegister.Rax);
        int over = code.Call();
        code.Lea(HostRegister.Rsp, new HostAddress(HostRegister.Rsp, -sizeof(ulong))); // this address is still there
        code.JumpTo(lookUp);
        code.Bind(over);
    }

    /// <summary>Generated code is left.</summary>
    public static void End(Emitter code)
    {
        code.Load(HostRegister.Rsp, Limit);
        code.Lea(HostRegister.Rsp, new HostAddress(HostRegister.Rsp, Length));
    }

    /// <summary>Before a call: the jump for when it would go too deep. Changes RFLAGS.</summary>
    public static int Check(Emitter code)
    {
        code.Op(0x3B, true, HostRegister.Rsp, Limit);
        return code.Jump(Condition.Below);
    }

    /// <summary>Forgets all of them.</summary>
    public static void Forget(Emitter code)
    {
        code.Load(HostRegister.Rsp, Limit);
        code.Lea(HostRegister.Rsp, new HostAddress(HostRegister.Rsp, Length - sizeof(ulong)));
    }
}
