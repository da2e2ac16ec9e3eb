using Rhea.SoftCpu.Interpreter;
using static Rhea.SoftCpu.Translator.HostRegister;

namespace Rhea.SoftCpu.Translator;

/// <summary>Where the guest's general registers are while generated code runs: most in the host's register of the same name.</summary>
/// <remarks>
/// The host's RSP is the host's stack and RBP points to the processor's <see cref="Frame"/>, so the guest's are in R9 and R8. R10 and
/// R11 are temporary. The guest's R8 to R11, the least used ones, stay in the frame.
/// </remarks>
internal static class GuestRegister
{
    public const int State = Rbp, Address = R10, Temporary = R11;

    public const int StackPointer = R9, BasePointer = R8;

    private static readonly int[] Hosts = [Rax, Rcx, Rdx, Rbx, StackPointer, BasePointer, Rsi, Rdi, -1, -1, -1, -1, R12, R13, R14, R15];

    /// <summary>The host register that holds a guest register; -1 when it stays in the frame.</summary>
    public static int HostOf(int number) => Hosts[number];

    /// <summary>Where a guest register's value is while generated code does not run, and of those that stay in the frame always.</summary>
    public static HostAddress Slot(int number) => new(State, FrameOffset.General(number));
}
