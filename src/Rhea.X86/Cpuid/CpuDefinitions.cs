namespace Rhea.X86.Cpuid;

/// <summary>A processor that can be bought, as far as CPUID tells: QEMU 7.2's definition of it.</summary>
/// <param name="Features">By their names in <c>-cpu</c>; the name of another definition stands for its features, a minus takes one away.</param>
internal sealed record CpuDefinition(
    string Name, string Brand, string Vendor, uint Family, uint Model, uint Stepping, uint Level, uint ExtendedLevel, string Features);

/// <summary>The processors that <c>-cpu</c> knows by name, in all their versions, with the values of QEMU 7.2 (query-cpu-model-expansion).</summary>
internal static class CpuDefinitions
{
    /// <summary>Names without a version, and what they stand for where that is not version 1.</summary>
    public static readonly (string Alias, string Name)[] Aliases =
    [
        ("Broadwell-IBRS", "Broadwell-v3"), ("Broadwell-noTSX", "Broadwell-v2"), ("Broadwell-noTSX-IBRS", "Broadwell-v4"),
        ("Cascadelake-Server-noTSX", "Cascadelake-Server-v3"), ("EPYC-IBPB", "EPYC-v2"), ("Haswell-IBRS", "Haswell-v3"),
        ("Haswell-noTSX", "Haswell-v2"), ("Haswell-noTSX-IBRS", "Haswell-v4"), ("Icelake-Server-noTSX", "Icelake-Server-v2"),
        ("IvyBridge-IBRS", "IvyBridge-v2"), ("Nehalem-IBRS", "Nehalem-v2"), ("SandyBridge-IBRS", "SandyBridge-v2"),
        ("Skylake-Client-IBRS", "Skylake-Client-v2"), ("Skylake-Client-noTSX-IBRS", "Skylake-Client-v3"),
        ("Skylake-Server-IBRS", "Skylake-Server-v2"), ("Skylake-Server-noTSX-IBRS", "Skylake-Server-v3"), ("Westmere-IBRS", "Westmere-v2"),
    ];

    public static readonly CpuDefinition[] All =
    [
        new("486-v1", "", "GenuineIntel", 4, 8, 0, 1, 0, "fpu pse hypervisor"),
        new("Broadwell-v1", "Intel Core Processor (Broadwell)", "GenuineIntel", 6, 61, 2, 0xD, 0x8000_0008,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni pclmulqdq ssse3 fma cx16 pcid sse4.1 "
            + "sse4.2 x2apic movbe popcnt tsc-deadline aes xsave avx f16c rdrand hypervisor fsgsbase bmi1 hle avx2 smep bmi2 erms invpcid rtm rdseed adx "
            + "smap syscall nx rdtscp lm lahf-lm abm 3dnowprefetch arat xsaveopt"),
        new("Broadwell-v2", "Intel Core Processor (Broadwell, no TSX)", "GenuineIntel", 6, 61, 2, 0xD, 0x8000_0008, "Broadwell-v1 -hle -rtm"),
        new("Broadwell-v3", "Intel Core Processor (Broadwell, IBRS)", "GenuineIntel", 6, 61, 2, 0xD, 0x8000_0008, "Broadwell-v2 hle rtm spec-ctrl"),
        new("Broadwell-v4", "Intel Core Processor (Broadwell, no TSX, IBRS)", "GenuineIntel", 6, 61, 2, 0xD, 0x8000_0008, "Broadwell-v3 -hle -rtm"),
        new("Cascadelake-Server-v1", "Intel Xeon Processor (Cascadelake)", "GenuineIntel", 6, 85, 6, 0xD, 0x8000_0008,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni pclmulqdq ssse3 fma cx16 pcid sse4.1 "
            + "sse4.2 x2apic movbe popcnt tsc-deadline aes xsave avx f16c rdrand hypervisor fsgsbase bmi1 hle avx2 smep bmi2 erms invpcid rtm avx512f "
            + "avx512dq rdseed adx smap clflushopt clwb avx512cd avx512bw avx512vl pku avx512vnni spec-ctrl ssbd syscall nx pdpe1gb rdtscp lm lahf-lm abm "
            + "3dnowprefetch arat xsaveopt xsavec xgetbv1"),
        new("Cascadelake-Server-v2", "Intel Xeon Processor (Cascadelake)", "GenuineIntel", 6, 85, 6, 0xD, 0x8000_0008,
            "Cascadelake-Server-v1 arch-capabilities"),
        new("Cascadelake-Server-v3", "Intel Xeon Processor (Cascadelake)", "GenuineIntel", 6, 85, 6, 0xD, 0x8000_0008, "Cascadelake-Server-v2 -hle -rtm"),
        new("Cascadelake-Server-v4", "Intel Xeon Processor (Cascadelake)", "GenuineIntel", 6, 85, 6, 0xD, 0x8000_0008, "Cascadelake-Server-v3"),
        new("Cascadelake-Server-v5", "Intel Xeon Processor (Cascadelake)", "GenuineIntel", 6, 85, 6, 0xD, 0x8000_0008, "Cascadelake-Server-v4 xsaves"),
        new("Conroe-v1", "Intel Celeron_4x0 (Conroe/Merom Class Core 2)", "GenuineIntel", 6, 15, 3, 0xA, 0x8000_0008,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni ssse3 hypervisor syscall nx lm lahf-lm"),
        new("Cooperlake-v1", "Intel Xeon Processor (Cooperlake)", "GenuineIntel", 6, 85, 10, 0xD, 0x8000_0008,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni pclmulqdq ssse3 fma cx16 pcid sse4.1 "
            + "sse4.2 x2apic movbe popcnt tsc-deadline aes xsave avx f16c rdrand hypervisor fsgsbase bmi1 hle avx2 smep bmi2 erms invpcid rtm avx512f "
            + "avx512dq rdseed adx smap clflushopt clwb avx512cd avx512bw avx512vl pku avx512vnni spec-ctrl stibp arch-capabilities ssbd syscall nx pdpe1gb "
            + "rdtscp lm lahf-lm abm 3dnowprefetch arat xsaveopt xsavec xgetbv1"),
        new("Cooperlake-v2", "Intel Xeon Processor (Cooperlake)", "GenuineIntel", 6, 85, 10, 0xD, 0x8000_0008, "Cooperlake-v1 xsaves"),
        new("Denverton-v1", "Intel Atom Processor (Denverton)", "GenuineIntel", 6, 95, 1, 0x15, 0x8000_0008,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni pclmulqdq monitor ssse3 cx16 sse4.1 sse4.2 "
            + "x2apic movbe popcnt tsc-deadline aes xsave rdrand hypervisor fsgsbase smep erms mpx rdseed smap clflushopt sha-ni spec-ctrl "
            + "arch-capabilities ssbd syscall nx pdpe1gb rdtscp lm lahf-lm 3dnowprefetch arat xsaveopt xsavec xgetbv1"),
        new("Denverton-v2", "Intel Atom Processor (Denverton)", "GenuineIntel", 6, 95, 1, 0x15, 0x8000_0008, "Denverton-v1 -monitor -mpx"),
        new("Denverton-v3", "Intel Atom Processor (Denverton)", "GenuineIntel", 6, 95, 1, 0x15, 0x8000_0008, "Denverton-v2 xsaves"),
        new("Dhyana-v1", "Hygon Dhyana Processor", "HygonGenuine", 24, 0, 1, 0xD, 0x8000_001E,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni monitor ssse3 fma cx16 sse4.1 sse4.2 movbe "
            + "popcnt xsave avx f16c rdrand hypervisor fsgsbase bmi1 avx2 smep bmi2 rdseed adx smap clflushopt syscall nx mmxext fxsr-opt pdpe1gb rdtscp lm "
            + "lahf-lm svm cr8legacy abm sse4a misalignsse 3dnowprefetch osvw topoext arat xsaveopt xsavec xgetbv1"),
        new("Dhyana-v2", "Hygon Dhyana Processor", "HygonGenuine", 24, 0, 1, 0xD, 0x8000_001E, "Dhyana-v1 xsaves"),
        new("EPYC-Milan-v1", "AMD EPYC-Milan Processor", "AuthenticAMD", 25, 1, 1, 0xD, 0x8000_001E,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni pclmulqdq monitor ssse3 fma cx16 pcid "
            + "sse4.1 sse4.2 movbe popcnt aes xsave avx f16c rdrand hypervisor fsgsbase bmi1 avx2 smep bmi2 erms invpcid rdseed adx smap clflushopt clwb "
            + "sha-ni umip pku rdpid fsrm syscall nx mmxext fxsr-opt pdpe1gb rdtscp lm lahf-lm svm cr8legacy abm sse4a misalignsse 3dnowprefetch osvw "
            + "topoext perfctr-core arat xsaveopt xsavec xgetbv1 xsaves"),
        new("EPYC-Rome-v1", "AMD EPYC-Rome Processor", "AuthenticAMD", 23, 49, 0, 0xD, 0x8000_001E,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni pclmulqdq monitor ssse3 fma cx16 sse4.1 "
            + "sse4.2 movbe popcnt aes xsave avx f16c rdrand hypervisor fsgsbase bmi1 avx2 smep bmi2 rdseed adx smap clflushopt clwb sha-ni umip rdpid "
            + "syscall nx mmxext fxsr-opt pdpe1gb rdtscp lm lahf-lm svm cr8legacy abm sse4a misalignsse 3dnowprefetch osvw topoext perfctr-core arat "
            + "xsaveopt xsavec xgetbv1 xsaves"),
        new("EPYC-Rome-v2", "AMD EPYC-Rome Processor", "AuthenticAMD", 23, 49, 0, 0xD, 0x8000_001E, "EPYC-Rome-v1"),
        new("EPYC-v1", "AMD EPYC Processor", "AuthenticAMD", 23, 1, 2, 0xD, 0x8000_001E,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni pclmulqdq monitor ssse3 fma cx16 sse4.1 "
            + "sse4.2 movbe popcnt aes xsave avx f16c rdrand hypervisor fsgsbase bmi1 avx2 smep bmi2 rdseed adx smap clflushopt sha-ni syscall nx mmxext "
            + "fxsr-opt pdpe1gb rdtscp lm lahf-lm svm cr8legacy abm sse4a misalignsse 3dnowprefetch osvw topoext arat xsaveopt xsavec xgetbv1"),
        new("EPYC-v2", "AMD EPYC Processor (with IBPB)", "AuthenticAMD", 23, 1, 2, 0xD, 0x8000_001E, "EPYC-v1"),
        new("EPYC-v3", "AMD EPYC Processor", "AuthenticAMD", 23, 1, 2, 0xD, 0x8000_001E, "EPYC-v2 perfctr-core xsaves"),
        new("Haswell-v1", "Intel Core Processor (Haswell)", "GenuineIntel", 6, 60, 4, 0xD, 0x8000_0008,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni pclmulqdq ssse3 fma cx16 pcid sse4.1 "
            + "sse4.2 x2apic movbe popcnt tsc-deadline aes xsave avx f16c rdrand hypervisor fsgsbase bmi1 hle avx2 smep bmi2 erms invpcid rtm syscall nx "
            + "rdtscp lm lahf-lm abm arat xsaveopt"),
        new("Haswell-v2", "Intel Core Processor (Haswell, no TSX)", "GenuineIntel", 6, 60, 1, 0xD, 0x8000_0008, "Haswell-v1 -hle -rtm"),
        new("Haswell-v3", "Intel Core Processor (Haswell, IBRS)", "GenuineIntel", 6, 60, 4, 0xD, 0x8000_0008, "Haswell-v2 hle rtm spec-ctrl"),
        new("Haswell-v4", "Intel Core Processor (Haswell, no TSX, IBRS)", "GenuineIntel", 6, 60, 1, 0xD, 0x8000_0008, "Haswell-v3 -hle -rtm"),
        new("Icelake-Server-v1", "Intel Xeon Processor (Icelake)", "GenuineIntel", 6, 134, 0, 0xD, 0x8000_0008,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni pclmulqdq ssse3 fma cx16 pcid sse4.1 "
            + "sse4.2 x2apic movbe popcnt tsc-deadline aes xsave avx f16c rdrand hypervisor fsgsbase bmi1 hle avx2 smep bmi2 erms invpcid rtm avx512f "
            + "avx512dq rdseed adx smap clflushopt clwb avx512cd avx512bw avx512vl avx512vbmi umip pku avx512vbmi2 gfni vaes vpclmulqdq avx512vnni "
            + "avx512bitalg avx512-vpopcntdq la57 spec-ctrl ssbd syscall nx pdpe1gb rdtscp lm lahf-lm abm 3dnowprefetch arat xsaveopt xsavec xgetbv1"),
        new("Icelake-Server-v2", "Intel Xeon Processor (Icelake)", "GenuineIntel", 6, 134, 0, 0xD, 0x8000_0008, "Icelake-Server-v1 -hle -rtm"),
        new("Icelake-Server-v3", "Intel Xeon Processor (Icelake)", "GenuineIntel", 6, 134, 0, 0xD, 0x8000_0008, "Icelake-Server-v2 arch-capabilities"),
        new("Icelake-Server-v4", "Intel Xeon Processor (Icelake)", "GenuineIntel", 6, 106, 0, 0xD, 0x8000_0008,
            "Icelake-Server-v3 avx512ifma sha-ni rdpid fsrm"),
        new("Icelake-Server-v5", "Intel Xeon Processor (Icelake)", "GenuineIntel", 6, 106, 0, 0xD, 0x8000_0008, "Icelake-Server-v4 xsaves"),
        new("Icelake-Server-v6", "Intel Xeon Processor (Icelake)", "GenuineIntel", 6, 106, 0, 0xD, 0x8000_0008, "Icelake-Server-v5"),
        new("IvyBridge-v1", "Intel Xeon E3-12xx v2 (Ivy Bridge)", "GenuineIntel", 6, 58, 9, 0xD, 0x8000_0008,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni pclmulqdq ssse3 cx16 sse4.1 sse4.2 x2apic "
            + "popcnt tsc-deadline aes xsave avx f16c rdrand hypervisor fsgsbase smep erms syscall nx rdtscp lm lahf-lm arat xsaveopt"),
        new("IvyBridge-v2", "Intel Xeon E3-12xx v2 (Ivy Bridge, IBRS)", "GenuineIntel", 6, 58, 9, 0xD, 0x8000_0008, "IvyBridge-v1 spec-ctrl"),
        new("KnightsMill-v1", "Intel Xeon Phi Processor (Knights Mill)", "GenuineIntel", 6, 133, 0, 0xD, 0x8000_0008,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 ss pni pclmulqdq ssse3 fma cx16 sse4.1 sse4.2 "
            + "x2apic movbe popcnt tsc-deadline aes xsave avx f16c rdrand hypervisor fsgsbase bmi1 avx2 smep bmi2 erms avx512f rdseed adx avx512pf avx512er "
            + "avx512cd avx512-vpopcntdq avx512-4vnniw avx512-4fmaps syscall nx pdpe1gb rdtscp lm lahf-lm abm 3dnowprefetch arat xsaveopt"),
        new("Nehalem-v1", "Intel Core i7 9xx (Nehalem Class Core i7)", "GenuineIntel", 6, 26, 3, 0xB, 0x8000_0008,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni ssse3 cx16 sse4.1 sse4.2 popcnt hypervisor "
            + "syscall nx lm lahf-lm"),
        new("Nehalem-v2", "Intel Core i7 9xx (Nehalem Core i7, IBRS update)", "GenuineIntel", 6, 26, 3, 0xB, 0x8000_0008, "Nehalem-v1 spec-ctrl"),
        new("Opteron_G1-v1", "AMD Opteron 240 (Gen 1 Class Opteron)", "AuthenticAMD", 15, 6, 1, 5, 0x8000_0008,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni hypervisor syscall nx lm"),
        new("Opteron_G2-v1", "AMD Opteron 22xx (Gen 2 Class Opteron)", "AuthenticAMD", 15, 6, 1, 5, 0x8000_000A,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni cx16 hypervisor syscall nx lm lahf-lm svm"),
        new("Opteron_G3-v1", "AMD Opteron 23xx (Gen 3 Class Opteron)", "AuthenticAMD", 16, 2, 3, 5, 0x8000_000A,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni monitor cx16 popcnt hypervisor syscall nx "
            + "rdtscp lm lahf-lm svm abm sse4a misalignsse"),
        new("Opteron_G4-v1", "AMD Opteron 62xx class CPU", "AuthenticAMD", 21, 1, 2, 0xD, 0x8000_001A,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni pclmulqdq ssse3 cx16 sse4.1 sse4.2 popcnt "
            + "aes xsave avx hypervisor syscall nx pdpe1gb rdtscp lm lahf-lm svm abm sse4a misalignsse 3dnowprefetch xop fma4"),
        new("Opteron_G5-v1", "AMD Opteron 63xx class CPU", "AuthenticAMD", 21, 2, 0, 0xD, 0x8000_001A,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni pclmulqdq ssse3 fma cx16 sse4.1 sse4.2 "
            + "popcnt aes xsave avx f16c hypervisor syscall nx pdpe1gb rdtscp lm lahf-lm svm abm sse4a misalignsse 3dnowprefetch xop fma4 tbm"),
        new("Penryn-v1", "Intel Core 2 Duo P9xxx (Penryn Class Core 2)", "GenuineIntel", 6, 23, 3, 0xA, 0x8000_0008,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni ssse3 cx16 sse4.1 hypervisor syscall nx lm "
            + "lahf-lm"),
        new("SandyBridge-v1", "Intel Xeon E312xx (Sandy Bridge)", "GenuineIntel", 6, 42, 1, 0xD, 0x8000_0008,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni pclmulqdq ssse3 cx16 sse4.1 sse4.2 x2apic "
            + "popcnt tsc-deadline aes xsave avx hypervisor syscall nx rdtscp lm lahf-lm arat xsaveopt"),
        new("SandyBridge-v2", "Intel Xeon E312xx (Sandy Bridge, IBRS update)", "GenuineIntel", 6, 42, 1, 0xD, 0x8000_0008, "SandyBridge-v1 spec-ctrl"),
        new("Skylake-Client-v1", "Intel Core Processor (Skylake)", "GenuineIntel", 6, 94, 3, 0xD, 0x8000_0008,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni pclmulqdq ssse3 fma cx16 pcid sse4.1 "
            + "sse4.2 x2apic movbe popcnt tsc-deadline aes xsave avx f16c rdrand hypervisor fsgsbase bmi1 hle avx2 smep bmi2 erms invpcid rtm rdseed adx "
            + "smap syscall nx rdtscp lm lahf-lm abm 3dnowprefetch arat xsaveopt xsavec xgetbv1"),
        new("Skylake-Client-v2", "Intel Core Processor (Skylake, IBRS)", "GenuineIntel", 6, 94, 3, 0xD, 0x8000_0008, "Skylake-Client-v1 spec-ctrl"),
        new("Skylake-Client-v3", "Intel Core Processor (Skylake, IBRS, no TSX)", "GenuineIntel", 6, 94, 3, 0xD, 0x8000_0008, "Skylake-Client-v2 -hle -rtm"),
        new("Skylake-Client-v4", "Intel Core Processor (Skylake, IBRS, no TSX)", "GenuineIntel", 6, 94, 3, 0xD, 0x8000_0008, "Skylake-Client-v3 xsaves"),
        new("Skylake-Server-v1", "Intel Xeon Processor (Skylake)", "GenuineIntel", 6, 85, 4, 0xD, 0x8000_0008,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni pclmulqdq ssse3 fma cx16 pcid sse4.1 "
            + "sse4.2 x2apic movbe popcnt tsc-deadline aes xsave avx f16c rdrand hypervisor fsgsbase bmi1 hle avx2 smep bmi2 erms invpcid rtm avx512f "
            + "avx512dq rdseed adx smap clflushopt clwb avx512cd avx512bw avx512vl pku syscall nx pdpe1gb rdtscp lm lahf-lm abm 3dnowprefetch arat xsaveopt "
            + "xsavec xgetbv1"),
        new("Skylake-Server-v2", "Intel Xeon Processor (Skylake, IBRS)", "GenuineIntel", 6, 85, 4, 0xD, 0x8000_0008,
            "Skylake-Server-v1 spec-ctrl -clflushopt"),
        new("Skylake-Server-v3", "Intel Xeon Processor (Skylake, IBRS, no TSX)", "GenuineIntel", 6, 85, 4, 0xD, 0x8000_0008, "Skylake-Server-v2 -hle -rtm"),
        new("Skylake-Server-v4", "Intel Xeon Processor (Skylake, IBRS, no TSX)", "GenuineIntel", 6, 85, 4, 0xD, 0x8000_0008, "Skylake-Server-v3"),
        new("Skylake-Server-v5", "Intel Xeon Processor (Skylake, IBRS, no TSX)", "GenuineIntel", 6, 85, 4, 0xD, 0x8000_0008, "Skylake-Server-v4 xsaves"),
        new("Snowridge-v1", "Intel Atom Processor (SnowRidge)", "GenuineIntel", 6, 134, 1, 0x1B, 0x8000_0008,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni pclmulqdq monitor ssse3 cx16 sse4.1 sse4.2 "
            + "x2apic movbe popcnt tsc-deadline aes xsave rdrand hypervisor fsgsbase smep erms mpx rdseed smap clflushopt clwb sha-ni umip gfni cldemote "
            + "movdiri movdir64b spec-ctrl arch-capabilities core-capability ssbd syscall nx pdpe1gb rdtscp lm lahf-lm 3dnowprefetch arat xsaveopt xsavec "
            + "xgetbv1"),
        new("Snowridge-v2", "Intel Atom Processor (Snowridge, no MPX)", "GenuineIntel", 6, 134, 1, 0x1B, 0x8000_0008, "Snowridge-v1 -mpx"),
        new("Snowridge-v3", "Intel Atom Processor (Snowridge, no MPX)", "GenuineIntel", 6, 134, 1, 0x1B, 0x8000_0008, "Snowridge-v2 xsaves"),
        new("Snowridge-v4", "Intel Atom Processor (Snowridge, no MPX)", "GenuineIntel", 6, 134, 1, 0x1B, 0x8000_0008, "Snowridge-v3 -core-capability"),
        new("Westmere-v1", "Westmere E56xx/L56xx/X56xx (Nehalem-C)", "GenuineIntel", 6, 44, 1, 0xB, 0x8000_0008,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni pclmulqdq ssse3 cx16 sse4.1 sse4.2 popcnt "
            + "aes hypervisor syscall nx lm lahf-lm arat"),
        new("Westmere-v2", "Westmere E56xx/L56xx/X56xx (IBRS update)", "GenuineIntel", 6, 44, 1, 0xB, 0x8000_0008, "Westmere-v1 spec-ctrl"),
        new("athlon-v1", "QEMU Virtual CPU version 2.5+", "AuthenticAMD", 6, 2, 3, 2, 0x8000_0008,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 mmx fxsr sse sse2 hypervisor mmxext 3dnowext 3dnow"),
        new("core2duo-v1", "Intel(R) Core(TM)2 Duo CPU     T7700  @ 2.40GHz", "GenuineIntel", 6, 15, 11, 0xA, 0x8000_0008,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush acpi mmx fxsr sse sse2 ss pni monitor ssse3 cx16 hypervisor "
            + "syscall nx lm lahf-lm"),
        new("coreduo-v1", "Genuine Intel(R) CPU           T2600  @ 2.16GHz", "GenuineIntel", 6, 14, 8, 0xA, 0x8000_0008,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat clflush acpi mmx fxsr sse sse2 ss pni monitor hypervisor nx"),
        new("kvm32-v1", "Common 32-bit KVM processor", "GenuineIntel", 15, 6, 1, 5, 0x8000_0008,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni hypervisor"),
        new("kvm64-v1", "Common KVM processor", "GenuineIntel", 15, 6, 1, 0xD, 0x8000_0008,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni cx16 hypervisor syscall nx lm"),
        new("n270-v1", "Intel(R) Atom(TM) CPU N270   @ 1.60GHz", "GenuineIntel", 6, 28, 2, 0xA, 0x8000_0008,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat clflush acpi mmx fxsr sse sse2 ss pni monitor ssse3 movbe hypervisor nx "
            + "lahf-lm"),
        new("pentium-v1", "", "GenuineIntel", 5, 4, 3, 1, 0, "fpu de pse tsc msr mce cx8 apic mmx hypervisor"),
        new("pentium2-v1", "", "GenuineIntel", 6, 5, 2, 2, 0, "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 mmx fxsr hypervisor"),
        new("pentium3-v1", "", "GenuineIntel", 6, 7, 3, 3, 0, "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 mmx fxsr sse hypervisor"),
        new("phenom-v1", "AMD Phenom(tm) 9550 Quad-Core Processor", "AuthenticAMD", 16, 2, 3, 5, 0x8000_001A,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni monitor cx16 popcnt hypervisor syscall nx "
            + "mmxext fxsr-opt pdpe1gb rdtscp lm 3dnowext 3dnow lahf-lm svm abm sse4a"),
        new("qemu32-v1", "QEMU Virtual CPU version 2.5+", "GenuineIntel", 6, 6, 3, 4, 0x8000_0004,
            "fpu de pse tsc msr pae mce cx8 apic sep pge cmov pat mmx fxsr sse sse2 pni hypervisor"),
        new("qemu64-v1", "QEMU Virtual CPU version 2.5+", "AuthenticAMD", 15, 107, 1, 0xD, 0x8000_000A,
            "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 pni cx16 hypervisor syscall nx lm lahf-lm"),
        new("x86-64-v2", "Rhea Virtual CPU (x86-64-v2)", "GenuineIntel", 15, 6, 1, 0xD, 0x8000_0008, "kvm64-v1 cx16 lahf-lm popcnt ssse3 sse4.1 sse4.2 x2apic"),
        new("x86-64-v3", "Rhea Virtual CPU (x86-64-v3)", "GenuineIntel", 15, 6, 1, 0xD, 0x8000_0008, "x86-64-v2 avx avx2 bmi1 bmi2 f16c fma abm movbe xsave xsaveopt"),
    ];
}
