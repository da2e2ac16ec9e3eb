using Rhea.Core.Cpu;

namespace Rhea.X86.Cpuid;

/// <summary>The leaves of one processor, as CPUID answers them and as the processor asks what it may do.</summary>
public sealed class Features(IReadOnlyList<CpuidLeaf> leaves)
{
    /// <summary>What EDX holds after a reset: family, model and stepping.</summary>
    public uint Signature { get; } = Find(leaves, 1, 0).Eax;

    /// <summary>Width of a physical address.</summary>
    public int PhysicalBits { get; } = Find(leaves, 0x8000_0008, 0).Eax is var bits and not 0 ? (int)(bits & 0xFF) : 36;

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
