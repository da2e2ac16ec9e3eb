namespace Rhea.X86.Cpuid;

/// <summary>A register of a CPUID leaf that holds feature bits.</summary>
public enum FeatureWord
{
    Leaf1Edx,
    Leaf1Ecx,
    Leaf7Ebx,
    Leaf7Ecx,
    Leaf7Edx,
    Extended1Edx,
    Extended1Ecx,
    Leaf6Eax,
    LeafDEax,
}

/// <summary>Feature bits by the names that <c>-cpu</c> takes, which are QEMU's.</summary>
public static class CpuFeatures
{
    public const int Words = 9;

    /// <summary>Names by word and bit; spellings of one bit are separated by bars, the first is the one shown.</summary>
    private static readonly string[][] Names =
    [
        [
            "fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", "", "sep", "mtrr", "pge", "mca", "cmov",
            "pat", "pse36", "pn", "clflush", "", "ds", "acpi", "mmx", "fxsr", "sse", "sse2", "ss", "ht", "tm", "ia64", "pbe",
        ],
        [
            "pni|sse3", "pclmulqdq|pclmuldq", "dtes64", "monitor", "ds-cpl|ds_cpl", "vmx", "smx", "est", "tm2", "ssse3", "cid", "", "fma", "cx16", "xtpr", "pdcm",
            "", "pcid", "dca", "sse4.1|sse4-1|sse4_1", "sse4.2|sse4-2|sse4_2", "x2apic", "movbe", "popcnt", "tsc-deadline", "aes", "xsave", "", "avx", "f16c", "rdrand", "hypervisor",
        ],
        [
            "fsgsbase", "tsc-adjust|tsc_adjust", "sgx", "bmi1", "hle", "avx2", "", "smep", "bmi2", "erms", "invpcid", "rtm", "", "", "mpx", "",
            "avx512f", "avx512dq", "rdseed", "adx", "smap", "avx512ifma", "pcommit", "clflushopt", "clwb", "intel-pt", "avx512pf", "avx512er", "avx512cd", "sha-ni", "avx512bw", "avx512vl",
        ],
        [
            "", "avx512vbmi", "umip", "pku", "", "waitpkg", "avx512vbmi2", "", "gfni", "vaes", "vpclmulqdq", "avx512vnni", "avx512bitalg", "", "avx512-vpopcntdq", "",
            "la57", "", "", "", "", "", "rdpid", "", "bus-lock-detect", "cldemote", "", "movdiri", "movdir64b", "", "sgxlc", "pks",
        ],
        [
            "", "", "avx512-4vnniw", "avx512-4fmaps", "fsrm", "", "", "", "avx512-vp2intersect", "", "md-clear", "", "", "", "serialize", "",
            "tsx-ldtrk", "", "", "arch-lbr", "", "", "amx-bf16", "avx512-fp16", "amx-tile", "amx-int8", "spec-ctrl", "stibp", "", "arch-capabilities", "core-capability", "ssbd",
        ],
        [
            "", "", "", "", "", "", "", "", "", "", "", "syscall", "", "", "", "",
            "", "", "", "", "nx|xd", "", "mmxext", "", "", "fxsr-opt|ffxsr", "pdpe1gb", "rdtscp", "", "lm|i64", "3dnowext", "3dnow",
        ],
        [
            "lahf-lm|lahf_lm", "cmp-legacy|cmp_legacy", "svm", "extapic", "cr8legacy", "abm", "sse4a", "misalignsse", "3dnowprefetch", "osvw", "ibs", "xop", "skinit", "wdt", "", "lwp",
            "fma4", "tce", "", "nodeid-msr|nodeid_msr", "", "tbm", "topoext", "perfctr-core|perfctr_core", "perfctr-nb|perfctr_nb", "", "", "", "", "", "", "",
        ],
        ["", "", "arat"],
        ["xsaveopt", "xsavec", "xgetbv1", "xsaves", "xfd"],
    ];

    /// <summary>All names there are, first spellings only.</summary>
    public static IEnumerable<string> All => Names.SelectMany(word => word).Where(name => name != "").Select(name => name.Split('|')[0]);

    public static bool TryFind(string name, out FeatureWord word, out int bit)
    {
        for (var i = 0; i < Names.Length; i++)
        {
            bit = Array.FindIndex(Names[i], names => names.Split('|').Contains(name));
            word = (FeatureWord)i;
            if (bit >= 0) return true;
        }

        (word, bit) = (default, 0);
        return false;
    }

    /// <summary>A bit as QEMU's messages have it: the leaf, the register, the name and the number.</summary>
    internal static string Describe(FeatureWord word, int bit)
    {
        string register = word switch
        {
            FeatureWord.Leaf1Edx => "CPUID.01H:EDX",
            FeatureWord.Leaf1Ecx => "CPUID.01H:ECX",
            FeatureWord.Leaf7Ebx => "CPUID.07H:EBX",
            FeatureWord.Leaf7Ecx => "CPUID.07H:ECX",
            FeatureWord.Leaf7Edx => "CPUID.07H:EDX",
            FeatureWord.Extended1Edx => "CPUID.80000001H:EDX",
            FeatureWord.Extended1Ecx => "CPUID.80000001H:ECX",
            FeatureWord.Leaf6Eax => "CPUID.06H:EAX",
            _ => "CPUID.0DH:EAX",
        };
        return $"{register}.{Names[(int)word][bit].Split('|')[0]} [bit {bit}]";
    }
}
