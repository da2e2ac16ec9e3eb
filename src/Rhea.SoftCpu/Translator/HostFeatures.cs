using System.Runtime.Intrinsics.X86;

namespace Rhea.SoftCpu.Translator;

/// <summary>What the host's processor has that .NET does not tell of (CPUID, Intel SDM vol. 2, table 3-8).</summary>
internal static class HostFeatures
{
    private static readonly int Features = X86Base.IsSupported ? X86Base.CpuId(1, 0).Ecx : 0;
    private static readonly int Extended = X86Base.IsSupported && X86Base.CpuId(0, 0).Eax >= 7 ? X86Base.CpuId(7, 0).Ebx : 0;

    /// <summary>What the manuals leave open is as Intel's processors have it.</summary>
    public static bool IsIntel { get; } = X86Base.IsSupported && X86Base.CpuId(0, 0).Ebx == 0x756E_6547; // "Genu"

    public static bool Movbe { get; } = (Features >> 22 & 1) != 0;

    /// <summary>With <see cref="Avx"/>, whose registers it converts.</summary>
    public static bool F16c { get; } = Avx.IsSupported && (Features >> 29 & 1) != 0;

    public static bool Adx { get; } = (Extended >> 19 & 1) != 0;

    public static bool Sha { get; } = (Extended >> 29 & 1) != 0;
}
