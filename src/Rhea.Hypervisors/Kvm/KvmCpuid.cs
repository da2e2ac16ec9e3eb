using Rhea.Core.Cpu;

namespace Rhea.Hypervisors.Kvm;

/// <summary>CPUID under KVM: what it can offer at most, and the guest's leaves with KVM's own among them.</summary>
internal sealed class KvmCpuid
{
    private const uint Monitor = 1 << 3, Vmx = 1 << 5, X2Apic = 1 << 21, TscDeadline = 1 << 24, Hypervisor = 1u << 31; // leaf 1, ECX
    private const uint Svm = 1 << 2;                                                                                // leaf 8000_0001h, ECX
    private const uint AlwaysRunningTimer = 1 << 2;                                                                 // leaf 6, EAX
    private const uint FirstParavirtual = 0x4000_0000, LastParavirtual = 0x4000_00FF;
    private const uint SignificantIndex = 1;
    private const uint MostEntries = KvmCpuidList.Capacity;

    private readonly List<CpuidLeaf> _paravirtual = [];

    /// <param name="kvm">/dev/kvm.</param>
    /// <param name="hostedApic">The local APICs are KVM's: else it cannot offer x2APIC and the deadline timer.</param>
    public KvmCpuid(KvmFile kvm, bool hostedApic)
    {
        var list = new KvmCpuidList { Count = MostEntries };
        kvm.Call(KvmCall.GetSupportedCpuid, ref list);
        var supported = new List<CpuidLeaf>();
        for (var i = 0; i < list.Count; i++)
        {
            ref KvmCpuidEntry entry = ref list.Entries[i];
            var leaf = new CpuidLeaf(entry.Function, entry.Index, entry.Eax, entry.Ebx, entry.Ecx, entry.Edx);
            if (entry.Function is >= FirstParavirtual and <= LastParavirtual) _paravirtual.Add(leaf);
            else supported.Add(Adjust(leaf, hostedApic && kvm.Try(KvmCall.CheckExtension, (long)KvmCapability.TscDeadlineTimer) > 0, hostedApic));
        }

        Supported = supported;
    }

    public IReadOnlyList<CpuidLeaf> Supported { get; }

    /// <summary>The model's leaves, its hypervisor's replaced by KVM's, as the kernel takes them.</summary>
    public KvmCpuidList For(IReadOnlyList<CpuidLeaf> model)
    {
        KvmCpuidList list = default;
        foreach (CpuidLeaf leaf in model.Where(leaf => leaf.Leaf is < FirstParavirtual or > LastParavirtual).Concat(_paravirtual))
        {
            if (list.Count == MostEntries) break;
            bool several = leaf.Leaf is 4 or 7 or 0xB or 0xD or 0x1F or 0x8000_001D;
            list.Entries[(int)list.Count++] = new KvmCpuidEntry
            {
                Function = leaf.Leaf,
                Index = leaf.Subleaf,
                Flags = several ? SignificantIndex : 0,
                Eax = leaf.Eax,
                Ebx = leaf.Ebx,
                Ecx = leaf.Ecx,
                Edx = leaf.Edx,
            };
        }

        return list;
    }

    /// <summary>What KVM has but does not list, and what no saved state of ours could carry: a guest's guest.</summary>
    private static CpuidLeaf Adjust(CpuidLeaf leaf, bool deadline, bool hostedApic) => leaf.Leaf switch
    {
        1 => leaf with { Ecx = leaf.Ecx & ~(Vmx | X2Apic | TscDeadline | Monitor) | Hypervisor | (hostedApic ? X2Apic : 0) | (deadline ? TscDeadline : 0) },
        6 => leaf with { Eax = leaf.Eax | AlwaysRunningTimer },
        0x8000_0001 => leaf with { Ecx = leaf.Ecx & ~Svm },
        _ => leaf,
    };
}
