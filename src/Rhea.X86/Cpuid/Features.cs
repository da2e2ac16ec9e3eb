using Rhea.Core.Cpu;

namespace Rhea.X86.Cpuid;

/// <summary>The leaves of one processor, as CPUID answers them and as the processor asks what it may do.</summary>
public sealed class Features(IReadOnlyList<CpuidLeaf> leaves)
{
    /// <summary>What EDX holds after a reset: family, model and stepping.</summary>
    public uint Signature { get; } = Find(leaves, 1, 0).Eax;

    /// <summary>Width of a physical address.</summary>
    public int PhysicalBits { get; } = Find(leaves, 0x8000_0008, 0).Eax is var bits and not 0 ? (int)(bits & 0xFF) : 36;

    /// <summary>Width of a linear address in long mode, at most.</summary>
    public int LinearBits { get; } = (int)(Find(leaves, 0x8000_0008, 0).Eax >> 8 & 0xFF) is var bits and not 0 ? bits : 48;

    public bool LahfIn64Bit { get; } = Bit(Find(leaves, 0x8000_0001, 0).Ecx, 0);

    public bool X2Apic { get; } = Bit(Find(leaves, 1, 0).Ecx, 21);

    public bool SystemCalls { get; } = Bit(Find(leaves, 0x8000_0001, 0).Edx, 11);

    public bool LongMode { get; } = Bit(Find(leaves, 0x8000_0001, 0).Edx, 29);

    public bool NoExecute { get; } = Bit(Find(leaves, 0x8000_0001, 0).Edx, 20);

    public bool Smap { get; } = Bit(Find(leaves, 7, 0).Ebx, 20);

    /// <summary>What of CR4 may be set: the extensions that CPUID shows.</summary>
    public ulong Cr4Allowed { get; } = AllowedCr4(leaves);

    /// <summary>XGETBV can tell what is in use; XSAVE has a compacted form.</summary>
    public bool HasXgetbv1 { get; } = Bit(Find(leaves, 0xD, 1).Eax, 2);

    /// <inheritdoc cref="HasXgetbv1"/>
    public bool HasXsavec { get; } = Bit(Find(leaves, 0xD, 1).Eax, 1);

    /// <summary>What of XCR0 may be set.</summary>
    public ulong Xcr0Allowed { get; } = Find(leaves, 0xD, 0).Eax;

    /// <summary>SYSENTER works in long mode on Intel's processors only.</summary>
    public bool Amd { get; } = Find(leaves, 0, 0).Ebx == 0x6874_7541;

    public bool Has(string name) => CpuFeatures.TryFind(name, out FeatureWord word, out int bit) && (Word(word) >> bit & 1) != 0;

    /// <summary>An unknown leaf answers as the highest basic one does.</summary>
    public CpuidLeaf Read(uint leaf, uint subleaf)
    {
        uint top = leaf >= 0x8000_0000 ? Find(leaves, 0x8000_0000, 0).Eax : leaf >= 0x4000_0000 ? Find(leaves, 0x4000_0000, 0).Eax : Find(leaves, 0, 0).Eax;
        return Find(leaves, leaf > top ? Find(leaves, 0, 0).Eax : leaf, subleaf);
    }

    public uint Word(FeatureWord word) => word switch
    {
        FeatureWord.Leaf1Edx => Find(leaves, 1, 0).Edx,
        FeatureWord.Leaf1Ecx => Find(leaves, 1, 0).Ecx,
        FeatureWord.Leaf7Ebx => Find(leaves, 7, 0).Ebx,
        FeatureWord.Leaf7Ecx => Find(leaves, 7, 0).Ecx,
        FeatureWord.Leaf7Edx => Find(leaves, 7, 0).Edx,
        FeatureWord.Extended1Edx => Find(leaves, 0x8000_0001, 0).Edx,
        FeatureWord.Extended1Ecx => Find(leaves, 0x8000_0001, 0).Ecx,
        FeatureWord.Leaf6Eax => Find(leaves, 6, 0).Eax,
        _ => Find(leaves, 0xD, 1).Eax,
    };

    private static ulong AllowedCr4(IReadOnlyList<CpuidLeaf> leaves)
    {
        uint edx = Find(leaves, 1, 0).Edx, ecx = Find(leaves, 1, 0).Ecx, ebx7 = Find(leaves, 7, 0).Ebx, ecx7 = Find(leaves, 7, 0).Ecx;
        ulong allowed = Cr4.PerformanceCounter;
        if (Bit(edx, 1)) allowed |= Cr4.Virtual8086 | Cr4.VirtualInterrupts;
        if (Bit(edx, 2)) allowed |= Cr4.DebuggingExtensions;
        if (Bit(edx, 3)) allowed |= Cr4.PageSize;
        if (Bit(edx, 4)) allowed |= Cr4.TimeStampDisable;
        if (Bit(edx, 6)) allowed |= Cr4.PhysicalAddress;
        if (Bit(edx, 7)) allowed |= Cr4.MachineCheck;
        if (Bit(edx, 13)) allowed |= Cr4.PageGlobal;
        if (Bit(edx, 24)) allowed |= Cr4.FxSave;
        if (Bit(edx, 25)) allowed |= Cr4.SimdExceptions;
        if (Bit(ecx, 17)) allowed |= Cr4.Pcid;
        if (Bit(ecx, 26)) allowed |= Cr4.OsXsave;
        if (Bit(ebx7, 0)) allowed |= Cr4.FsGsBase;
        if (Bit(ebx7, 7)) allowed |= Cr4.SupervisorExecution;
        if (Bit(ebx7, 20)) allowed |= Cr4.SupervisorAccess;
        if (Bit(ecx7, 2)) allowed |= Cr4.UserInstructionPrevention;
        if (Bit(ecx7, 16)) allowed |= Cr4.FiveLevelPaging;
        return allowed;
    }

    private static bool Bit(uint word, int bit) => (word >> bit & 1) != 0;

    private static CpuidLeaf Find(IReadOnlyList<CpuidLeaf> leaves, uint leaf, uint subleaf)
    {
        CpuidLeaf? first = null;
        foreach (CpuidLeaf entry in leaves)
        {
            if (entry.Leaf != leaf) continue;
            if (entry.Subleaf == subleaf) return entry;
            first ??= entry;
        }

        return first is { } only && !HasSubleaves(leaf) ? only : new CpuidLeaf(leaf, subleaf, 0, 0, leaf is 0xB or 0x1F ? subleaf & 0xFF : 0, 0);
    }

    private static bool HasSubleaves(uint leaf) => leaf is 4 or 7 or 0xB or 0xD or 0x1F or 0x8000_001D;
}
