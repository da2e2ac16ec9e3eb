using System.Runtime.Intrinsics.X86;
using Iced.Intel;

namespace Rhea.SoftCpu.Translator;

/// <summary>Which SSE and AVX instructions the host does for the guest: those up to AVX2, FMA, F16C, AES and SHA, as far as the host has them, that work on vector and general registers and memory alone.</summary>
internal static class VectorInstructions
{
    private const int Whole = 16;

    public static bool Contains(Code code) => code.CpuidFeatures().All(HostHas) && code.Encoding() switch
    {
        EncodingKind.Legacy => code.Mnemonic() is not (Mnemonic.Ldmxcsr or Mnemonic.Stmxcsr or Mnemonic.Sfence or Mnemonic.Lfence or Mnemonic.Mfence
            or Mnemonic.Clflush or Mnemonic.Pause or Mnemonic.Prefetchnta or Mnemonic.Prefetcht0 or Mnemonic.Prefetcht1 or Mnemonic.Prefetcht2
            or Mnemonic.Fisttp or Mnemonic.Crc32),
        EncodingKind.VEX => code.Mnemonic() is not (Mnemonic.Vldmxcsr or Mnemonic.Vstmxcsr or Mnemonic.Vmaskmovdqu or Mnemonic.Vmaskmovps or Mnemonic.Vmaskmovpd
            or Mnemonic.Vpmaskmovd or Mnemonic.Vpmaskmovq),
        _ => false,
    };

    /// <summary>A memory operand that is not aligned faults; so does CMPXCHG16B's. With VEX, only where the name says so.</summary>
    public static bool MustBeAligned(HostForm form) => form.Vex is null
        ? form.MemorySize == Whole && form.Mnemonic is not (Mnemonic.Movups or Mnemonic.Movupd or Mnemonic.Movdqu or Mnemonic.Lddqu
            or Mnemonic.Pcmpestri or Mnemonic.Pcmpestrm or Mnemonic.Pcmpistri or Mnemonic.Pcmpistrm)
        : form.Mnemonic is Mnemonic.Vmovaps or Mnemonic.Vmovapd or Mnemonic.Vmovdqa or Mnemonic.Vmovntps or Mnemonic.Vmovntpd or Mnemonic.Vmovntdq or Mnemonic.Vmovntdqa;

    private static bool HostHas(CpuidFeature feature) => feature switch
    {
        CpuidFeature.SSE or CpuidFeature.SSE2 => true,
        CpuidFeature.SSE3 => Sse3.IsSupported,
        CpuidFeature.SSSE3 => Ssse3.IsSupported,
        CpuidFeature.SSE4_1 => Sse41.IsSupported,
        CpuidFeature.SSE4_2 => Sse42.IsSupported,
        CpuidFeature.AVX => Avx.IsSupported,
        CpuidFeature.AVX2 => Avx2.IsSupported,
        CpuidFeature.FMA => Fma.IsSupported,
        CpuidFeature.AES => Aes.IsSupported,
        CpuidFeature.PCLMULQDQ => Pclmulqdq.IsSupported,
        CpuidFeature.F16C => HostFeatures.F16c,
        CpuidFeature.SHA => HostFeatures.Sha,
        _ => false,
    };
}
