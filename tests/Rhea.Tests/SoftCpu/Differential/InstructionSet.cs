using System.Runtime.Intrinsics.X86;
using Iced.Intel;
using Rhea.Core.Cpu;
using Rhea.X86.Cpuid;

namespace Rhea.Tests.SoftCpu.Differential;

/// <summary>The instructions that the differential test walks: those of <c>-cpu max</c> that the host has too, less some that two processors need not agree on.</summary>
internal static class InstructionSet
{
    /// <summary>The CPUID bit of each extension, by the name of <c>-cpu</c>; none where every processor has it. What is not here is not compared.</summary>
    private static readonly Dictionary<CpuidFeature, string> Extensions = new()
    {
        [CpuidFeature.INTEL8086] = "",
        [CpuidFeature.INTEL186] = "",
        [CpuidFeature.INTEL286] = "",
        [CpuidFeature.INTEL386] = "",
        [CpuidFeature.INTEL486] = "",
        [CpuidFeature.X64] = "",
        [CpuidFeature.CMOV] = "",
        [CpuidFeature.CX8] = "",
        [CpuidFeature.CMPXCHG16B] = "",
        [CpuidFeature.MULTIBYTENOP] = "",
        [CpuidFeature.FXSR] = "",
        [CpuidFeature.CLFSH] = "",
        [CpuidFeature.FPU] = "",
        [CpuidFeature.FPU387] = "",
        [CpuidFeature.FPU287] = "",
        [CpuidFeature.MMX] = "",
        [CpuidFeature.SSE] = "",
        [CpuidFeature.SSE2] = "",
        [CpuidFeature.PAUSE] = "",
        [CpuidFeature.PREFETCHW] = "",
        [CpuidFeature.SSE3] = "sse3",
        [CpuidFeature.SSSE3] = "ssse3",
        [CpuidFeature.SSE4_1] = "sse4.1",
        [CpuidFeature.SSE4_2] = "sse4.2",
        [CpuidFeature.SSE4A] = "sse4a",
        [CpuidFeature.POPCNT] = "popcnt",
        [CpuidFeature.MOVBE] = "movbe",
        [CpuidFeature.LZCNT] = "abm",
        [CpuidFeature.BMI1] = "bmi1",
        [CpuidFeature.BMI2] = "bmi2",
        [CpuidFeature.ADX] = "adx",
        [CpuidFeature.AES] = "aes",
        [CpuidFeature.PCLMULQDQ] = "pclmulqdq",
        [CpuidFeature.SHA] = "sha-ni",
        [CpuidFeature.AVX] = "avx",
        [CpuidFeature.AVX2] = "avx2",
        [CpuidFeature.FMA] = "fma",
        [CpuidFeature.F16C] = "f16c",
        [CpuidFeature.VAES] = "vaes",
        [CpuidFeature.VPCLMULQDQ] = "vpclmulqdq",
        [CpuidFeature.CLFLUSHOPT] = "clflushopt",
        [CpuidFeature.CLWB] = "clwb",
    };

    /// <summary>Why an instruction is not compared.</summary>
    private static readonly Dictionary<string, Mnemonic[]> Exceptions = new()
    {
        ["would call the host's kernel"] = [Mnemonic.Syscall, Mnemonic.Sysenter, Mnemonic.Int],
        ["is where each case ends"] = [Mnemonic.Int3, Mnemonic.Int1],
        ["sees the host's descriptor tables"] =
        [
            Mnemonic.Lar, Mnemonic.Lsl, Mnemonic.Verr, Mnemonic.Verw, Mnemonic.Sgdt, Mnemonic.Sidt, Mnemonic.Sldt, Mnemonic.Str, Mnemonic.Smsw,
            Mnemonic.Lds, Mnemonic.Les, Mnemonic.Lfs, Mnemonic.Lgs, Mnemonic.Lss, Mnemonic.Retf, Mnemonic.Iret, Mnemonic.Iretd, Mnemonic.Iretq,
            Mnemonic.Arpl,
        ],
        ["has no meaning that processors agree on"] = [Mnemonic.Salc, Mnemonic.Ud0, Mnemonic.Ud1],
        ["was removed after the 386 or the 486"] =
            [Mnemonic.Fstdw, Mnemonic.Fstsg, Mnemonic.Fnstdw, Mnemonic.Fnstsg, Mnemonic.Frstpm],
    };

    public static IEnumerable<Code> Codes(bool is64)
    {
        Features soft = new(CpuModel.Everything), host = HostFeatures();
        bool Has(CpuidFeature feature) => Extensions.TryGetValue(feature, out string? name) && (name == "" || (soft.Has(name) && host.Has(name)));
        return Enum.GetValues<Code>().Where(code => IsCompared(code, is64) && code.CpuidFeatures().All(Has));
    }

    private static Features HostFeatures()
    {
        static CpuidLeaf Read(uint leaf, uint subleaf)
        {
            (int eax, int ebx, int ecx, int edx) = X86Base.CpuId((int)leaf, (int)subleaf);
            return new CpuidLeaf(leaf, subleaf, (uint)eax, (uint)ebx, (uint)ecx, (uint)edx);
        }
        return new Features([Read(1, 0), Read(7, 0), Read(7, 1), Read(0x8000_0001, 0)]);
    }

    private static bool IsCompared(Code code, bool is64)
    {
        if (code is Code.INVALID) return false;
        if (NativeProcessor.IsIntel && code is (Code.Reservednop_rm16_r16_0F0D or Code.Reservednop_rm32_r32_0F0D or Code.Reservednop_rm64_r64_0F0D)) return false; // a fault for AMD's and ours
        OpCodeInfo info = code.ToOpCode();
        if (!info.IsInstruction || info.Encoding is not (EncodingKind.Legacy or EncodingKind.VEX) || !(is64 ? info.Mode64 : info.Mode32) || info.Fwait) return false;
        if (info.OperandSize == 16 && IsNearBranch(code, info)) return false; // RIP of 16 bits leaves the page of code
        if (info.AddressSize != 0 && info.AddressSize != (is64 ? 64 : 32)) return false; // another address size needs another prefix
        return !Exceptions.Values.Any(list => list.Contains(info.Mnemonic)) && !TakesSegment(info) && !IsFar(code, info);
    }

    /// <summary>Loads or shows a segment, control or debug register.</summary>
    private static bool TakesSegment(OpCodeInfo info)
    {
        for (var i = 0; i < info.OpCount; i++)
        {
            if (info.GetOpKind(i) is OpCodeOperandKind.seg_reg or OpCodeOperandKind.es or OpCodeOperandKind.cs or OpCodeOperandKind.ss
                or OpCodeOperandKind.ds or OpCodeOperandKind.fs or OpCodeOperandKind.gs or OpCodeOperandKind.tr_reg) return true;
        }
        return false;
    }

    private static bool IsNearBranch(Code code, OpCodeInfo info) => code.FlowControl() is FlowControl.IndirectBranch or FlowControl.IndirectCall
        or FlowControl.Return || (info.OpCount > 0 && info.GetOpKind(0) is OpCodeOperandKind.br16_1 or OpCodeOperandKind.br16_2);

    private static bool IsFar(Code code, OpCodeInfo info) =>
        (info.OpCount > 0 && info.GetOpKind(0) is OpCodeOperandKind.farbr2_2 or OpCodeOperandKind.farbr4_2)
        || (info.Mnemonic is Mnemonic.Jmp or Mnemonic.Call && code.ToString().Contains("_m16", StringComparison.Ordinal));
}
