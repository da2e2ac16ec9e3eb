using Rhea.Core.Cpu;

namespace Rhea.Hypervisors.Kvm;

/// <summary>The model-specific registers that KVM keeps for a processor, and where each is in the canonical state.</summary>
internal sealed class KvmMsrs
{
    private const uint TimeStampCounter = 0x10, SmbaseMsr = 0x9E, VariableMtrr = 0x200, MachineCheckBank = 0x400;
    private const int Banks = 10;

    private static readonly uint[] FixedMtrrs = [0x250, 0x258, 0x259, 0x268, 0x269, 0x26A, 0x26B, 0x26C, 0x26D, 0x26E, 0x26F];
    private static readonly (uint Index, Place Place)[] All = [.. Single(), .. Ranges()];

    private readonly List<(uint Index, Place Place)> _kept = [];
    private readonly KvmFile _vcpu;

    /// <summary>Those that this kernel knows for this processor.</summary>
    public KvmMsrs(KvmFile vcpu)
    {
        _vcpu = vcpu;
        foreach ((uint index, Place place) in All)
        {
            var one = new KvmMsrList { Count = 1 };
            one.Entries[0].Index = index;
            if (vcpu.Try(KvmCall.GetMsrs, ref one) == 1) _kept.Add((index, place));
        }
    }

    private delegate ref ulong Place(ref CpuState state);

    public void Fetch(ref CpuState to)
    {
        var list = new KvmMsrList { Count = (uint)_kept.Count + 1 };
        for (var i = 0; i < _kept.Count; i++) list.Entries[i].Index = _kept[i].Index;
        list.Entries[_kept.Count].Index = SmbaseMsr;
        int got = _vcpu.Call(KvmCall.GetMsrs, ref list);
        for (var i = 0; i < Math.Min(got, _kept.Count); i++) _kept[i].Place(ref to) = list.Entries[i].Data;
        if (got > _kept.Count) to.Smbase = (uint)list.Entries[_kept.Count].Data;
    }

    /// <summary>All at once; where the kernel stops at one that it does not take, for a saved machine may have been another model, on with the next.</summary>
    public void Store(ref CpuState from)
    {
        KvmMsrList list = default;
        for (int done = 0, all = _kept.Count + 1; done < all;)
        {
            list.Count = (uint)(all - done);
            for (var i = 0; i < list.Count; i++) list.Entries[i] = MsrAt(done + i, ref from);
            done += _vcpu.Call(KvmCall.SetMsrs, ref list) + 1;
        }
    }

    private KvmMsr MsrAt(int at, ref CpuState from) => at < _kept.Count
        ? new KvmMsr { Index = _kept[at].Index, Data = _kept[at].Place(ref from) }
        : new KvmMsr { Index = SmbaseMsr, Data = from.Smbase };

    private static (uint, Place)[] Single() =>
    [
        (0x174, static (ref CpuState state) => ref state.SysenterCs),
        (0x175, static (ref CpuState state) => ref state.SysenterEsp),
        (0x176, static (ref CpuState state) => ref state.SysenterEip),
        (0xC000_0081, static (ref CpuState state) => ref state.Star),
        (0xC000_0082, static (ref CpuState state) => ref state.Lstar),
        (0xC000_0083, static (ref CpuState state) => ref state.Cstar),
        (0xC000_0084, static (ref CpuState state) => ref state.Fmask),
        (0xC000_0102, static (ref CpuState state) => ref state.KernelGsBase),
        (0xC000_0103, static (ref CpuState state) => ref state.TscAux),
        (0x3B, static (ref CpuState state) => ref state.TscAdjust),
        (TimeStampCounter, static (ref CpuState state) => ref state.Tsc),
        (0x277, static (ref CpuState state) => ref state.Pat),
        (0x2FF, static (ref CpuState state) => ref state.MtrrDefaultType),
        (0x1A0, static (ref CpuState state) => ref state.MiscEnable),
        (0x34, static (ref CpuState state) => ref state.SmiCount),
        (0x6E0, static (ref CpuState state) => ref state.TscDeadline),
        (0x17A, static (ref CpuState state) => ref state.McgStatus),
        (0x17B, static (ref CpuState state) => ref state.McgCtl),
        (0x4B56_4D00, static (ref CpuState state) => ref state.WallClockMsr),
        (0x4B56_4D01, static (ref CpuState state) => ref state.SystemTimeMsr),
        (0x4B56_4D03, static (ref CpuState state) => ref state.StealTimeMsr),
        (0x4B56_4D04, static (ref CpuState state) => ref state.PvEoiMsr),
        (0x4B56_4D05, static (ref CpuState state) => ref state.PollControl),
    ];

    private static IEnumerable<(uint, Place)> Ranges()
    {
        for (var i = 0; i < FixedMtrrs.Length; i++)
        {
            int at = i;
            yield return (FixedMtrrs[i], (ref CpuState state) => ref state.MtrrFixed[at]);
        }

        for (var i = 0; i < 8; i++)
        {
            int at = i;
            yield return (VariableMtrr + (2 * (uint)i), (ref CpuState state) => ref state.MtrrVariable[at].Base);
            yield return (VariableMtrr + (2 * (uint)i) + 1, (ref CpuState state) => ref state.MtrrVariable[at].Mask);
        }

        for (var i = 0; i < Banks * 4; i++)
        {
            int at = i;
            yield return (MachineCheckBank + (uint)i, (ref CpuState state) => ref state.McBanks[at]);
        }
    }
}
