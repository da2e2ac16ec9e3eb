using Iced.Intel;

namespace Rhea.SoftCpu.Translator;

/// <summary>Which SSE instructions the host does for the guest: those of SSE and SSE2 that work on XMM registers and memory alone.</summary>
internal static class VectorInstructions
{
    private const int Whole = 16;

    public static bool Contains(Code code)
    {
        if (code.Encoding() != EncodingKind.Legacy || !code.CpuidFeatures().All(feature => feature is CpuidFeature.SSE or CpuidFeature.SSE2)) return false;
        return code.Mnemonic() is not (Mnemonic.Ldmxcsr or Mnemonic.Stmxcsr or Mnemonic.Sfence or Mnemonic.Lfence or Mnemonic.Mfence
            or Mnemonic.Clflush or Mnemonic.Pause or Mnemonic.Prefetchnta or Mnemonic.Prefetcht0 or Mnemonic.Prefetcht1 or Mnemonic.Prefetcht2);
    }

    /// <summary>A memory operand that is not aligned faults; so does CMPXCHG16B's.</summary>
    public static bool MustBeAligned(HostForm form) => form.MemorySize == Whole
        && form.Mnemonic is not (Mnemonic.Movups or Mnemonic.Movupd or Mnemonic.Movdqu);
}
