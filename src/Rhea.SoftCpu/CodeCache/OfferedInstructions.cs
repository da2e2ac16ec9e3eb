using Iced.Intel;
using Rhea.X86.Cpuid;

namespace Rhea.SoftCpu.CodeCache;

/// <summary>Which instructions a processor has: those whose CPUID bits are on. The others are invalid opcodes.</summary>
internal sealed class OfferedInstructions
{
    /// <summary>The CPUID bit, by the name of <c>-cpu</c>, that each of Iced's features stands for. One that is not here needs none.</summary>
    private static readonly (CpuidFeature Feature, string Name)[] Names =
    [
        (CpuidFeature.FPU, "fpu"), (CpuidFeature.FPU287, "fpu"), (CpuidFeature.FPU387, "fpu"), (CpuidFeature.TSC, "tsc"), (CpuidFeature.MSR, "msr"),
        (CpuidFeature.CX8, "cx8"), (CpuidFeature.CMPXCHG16B, "cx16"), (CpuidFeature.SEP, "sep"), (CpuidFeature.CMOV, "cmov"), (CpuidFeature.CLFSH, "clflush"),
        (CpuidFeature.CLFLUSHOPT, "clflushopt"), (CpuidFeature.CLWB, "clwb"), (CpuidFeature.FXSR, "fxsr"), (CpuidFeature.MMX, "mmx"),
        (CpuidFeature.SSE, "sse"), (CpuidFeature.SSE2, "sse2"), (CpuidFeature.SSE3, "sse3"), (CpuidFeature.SSSE3, "ssse3"), (CpuidFeature.SSE4_1, "sse4.1"),
        (CpuidFeature.SSE4_2, "sse4.2"), (CpuidFeature.SSE4A, "sse4a"), (CpuidFeature.AES, "aes"), (CpuidFeature.PCLMULQDQ, "pclmulqdq"), (CpuidFeature.SHA, "sha-ni"),
        (CpuidFeature.XSAVE, "xsave"), (CpuidFeature.XSAVEOPT, "xsaveopt"), (CpuidFeature.XSAVEC, "xsavec"), (CpuidFeature.XSAVES, "xsaves"),
        (CpuidFeature.AVX, "avx"), (CpuidFeature.AVX2, "avx2"), (CpuidFeature.FMA, "fma"), (CpuidFeature.F16C, "f16c"), (CpuidFeature.VAES, "vaes"),
        (CpuidFeature.VPCLMULQDQ, "vpclmulqdq"), (CpuidFeature.BMI1, "bmi1"), (CpuidFeature.BMI2, "bmi2"), (CpuidFeature.LZCNT, "abm"),
        (CpuidFeature.POPCNT, "popcnt"), (CpuidFeature.MOVBE, "movbe"), (CpuidFeature.ADX, "adx"), (CpuidFeature.RDRAND, "rdrand"), (CpuidFeature.RDSEED, "rdseed"),
        (CpuidFeature.RDPID, "rdpid"), (CpuidFeature.RDTSCP, "rdtscp"), (CpuidFeature.FSGSBASE, "fsgsbase"), (CpuidFeature.INVPCID, "invpcid"),
        (CpuidFeature.MONITOR, "monitor"), (CpuidFeature.SMAP, "smap"), (CpuidFeature.SYSCALL, "syscall"),
    ];

    private readonly bool[] _has = new bool[256];

    public OfferedInstructions(Features features)
    {
        Array.Fill(_has, true);
        foreach ((CpuidFeature feature, string name) in Names) _has[(int)feature] = features.Has(name);
    }

    /// <summary>What the processor takes an instruction for: REP BSF is TZCNT only where there is one. False is an invalid opcode.</summary>
    public bool Resolve(ref Code code)
    {
        if (code is >= Code.Tzcnt_r16_rm16 and <= Code.Tzcnt_r64_rm64 && !_has[(int)CpuidFeature.BMI1]) code += Code.Bsf_r16_rm16 - Code.Tzcnt_r16_rm16;
        else if (code is >= Code.Lzcnt_r16_rm16 and <= Code.Lzcnt_r64_rm64 && !_has[(int)CpuidFeature.LZCNT]) code += Code.Bsr_r16_rm16 - Code.Lzcnt_r16_rm16;
        foreach (CpuidFeature feature in code.CpuidFeatures())
            if (!_has[(int)feature]) return false;
        return true;
    }

    /// <summary>The bit, by its name in <c>-cpu</c>, that an instruction needs and the processor has not.</summary>
    public string? FindMissing(Code code)
    {
        foreach (CpuidFeature feature in code.CpuidFeatures())
            if (!_has[(int)feature]) return Names.First(entry => entry.Feature == feature).Name;
        return null;
    }
}
