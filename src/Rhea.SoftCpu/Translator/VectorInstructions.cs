using System.Runtime.Intrinsics.X86;
using Iced.Intel;

namespace Rhea.SoftCpu.Translator;

/// <summary>Which SSE instructions the host does for the guest: those up to SSE4.2, as far as the host has them, that work on XMM and general registers and memory alone.</summary>
internal static class VectorInstructions
{
    private const int Whole = 16;

    public static bool Contains(Code code)
    {
        if (code.Encoding() != EncodingKind.Legacy || !code.CpuidFeatures().All(HostHas)) return false;
        return code.Mnemonic() is not (Mnemonic.Ldmxcsr or Mnemonic.Stmxcsr or Mnemonic.Sfence or Mnemonic.Lfence or Mnemonic.Mfence
            or Mnemonic.Clflush or Mnemonic.Pause or Mnemonic.Prefetchnta or Mnemonic.Prefetcht0 or Mnemonic.Prefetcht1 or Mnemonic.Prefetcht2
            or Mnemonic.Fisttp or Mnemonic.Crc32 or Mnemonic.Pcmpestri or Mnemonic.Pcmpestrm or Mnemonic.Pcmpistri or Mnemonic.Pcmpistrm);
    }

    /// <summary>A memory operand that is not aligned faults; so does CMPXCHG16B's.</summary>
    public static bool MustBeAligned(HostForm form) => form.MemorySize == Whole
        && form.Mnemonic is not (Mnemonic.Movups or Mnemonic.Movupd or Mnemonic.Movdqu or Mnemonic.Lddqu);

    private static bool HostHas(CpuidFeature feature) => feature switch
    {
        CpuidFeature.SSE or CpuidFeature.SSE2 => true,
        CpuidFeature.SSE3 => Sse3.IsSupported,
        CpuidFeature.SSSE3 => Ssse3.IsSupported,
        CpuidFeature.SSE4_1 => Sse41.IsSupported,
        CpuidFeature.SSE4_2 => Sse42.IsSupported,
        _ => false,
    };
}
