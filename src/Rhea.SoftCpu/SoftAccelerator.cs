using System.Runtime.InteropServices;
using Rhea.Core.Cpu;
using Rhea.Core.Memory;
using Rhea.Host;
using Rhea.SoftCpu.CodeCache;
using Rhea.SoftCpu.Interpreter;
using Rhea.X86.Cpuid;

namespace Rhea.SoftCpu;

/// <summary>The software processor: what <c>-accel tcg</c> runs on. It knows all of its processors, and keeps their views of RAM honest.</summary>
/// <param name="log">Takes what went wrong inside.</param>
/// <param name="warmth">How often a block of code is interpreted before it is translated; negative: always. Hosts that are not x86-64 always interpret.</param>
/// <param name="execution">Takes what guest code does; null when nobody wants to know.</param>
/// <param name="codeBytes">For the translations of each processor; what is less than <see cref="SmallestCode"/> is taken for that, and 0 for enough.</param>
/// <param name="singleThread">All processors take turns on one thread.</param>
/// <param name="seed">Makes RDRAND and RDSEED give the same numbers in every run; null for real ones.</param>
public sealed class SoftAccelerator(Action<string>? log = null, int warmth = -1, ExecutionLog? execution = null, int codeBytes = 0, bool singleThread = false, ulong? seed = null) : IAccelerator, IMapListener
{
    /// <summary>As little as can hold a good part of a kernel, and as much as one jump can reach.</summary>
    public const int SmallestCode = 1 << 20, LargestCode = 1 << 30;

    private const int UsualCode = 64 << 20;

    private readonly List<SoftVcpu> _vcpus = [];
    private volatile CodePages[] _ram = [];
    private AddressSpace? _memory, _smmMemory;
    private ulong? _seed = seed;

    public string Name => "tcg";

    public string Offerer => "TCG";

    public IHostedPlatform? Platform => null;

    public IRamProvider? Ram => null;

    public IReadOnlyList<CpuidLeaf> Supported => CpuModel.Everything;

    public bool SingleThread => singleThread;

    internal int Warmth => RuntimeInformation.ProcessArchitecture == Architecture.X64 ? warmth : -1;

    internal ExecutionLog? Execution => execution;

    /// <summary>Room for each processor's translations.</summary>
    internal int CodeBytes => codeBytes == 0 ? UsualCode : Math.Clamp(codeBytes, SmallestCode, LargestCode);

    internal AddressSpace Memory => _memory!;

    internal AddressSpace SmmMemory => _smmMemory!;

    /// <summary>There is more than one processor.</summary>
    internal bool HasSeveral => _vcpus.Count > 1;

    /// <summary>Several processors share one thread.</summary>
    internal bool TakesTurns => singleThread && HasSeveral;

    /// <summary>Held by a locked access that the host cannot make atomic.</summary>
    internal Lock SplitLock { get; } = new();

    public void Attach(AddressSpace memory, AddressSpace smm)
    {
        (_memory, _smmMemory) = (memory, smm);
        memory.Follow(this);
        smm.Follow(this);
    }

    public IVcpu CreateVcpu(int index, IReadOnlyList<CpuidLeaf> model, IMachineBus bus)
    {
        var vcpu = new SoftVcpu(this, index, model, bus);
        _vcpus.Add(vcpu);
        foreach (SoftVcpu other in _vcpus) other.Hold(_ => { }); // their code was for one processor
        return vcpu;
    }

    public void Removed(MapEntry entry)
    {
    }

    public void Added(MapEntry entry)
    {
        if (entry.Ram is { } block) PagesOf(block);
    }

    public void Committed(FlatMap map)
    {
        foreach (SoftVcpu vcpu in _vcpus) vcpu.Hold(cpu => cpu.Mmu.Flush());
    }

    public void Dispose()
    {
        foreach (CodePages pages in _ram)
        {
            pages.Block.Written -= OnDeviceWrote;
            pages.Block.Collecting -= CollectDirty;
        }
    }

    /// <summary>A random number of the guest's.</summary>
    internal ulong NextRandom()
    {
        if (_seed is not { } state) return HostEntropy.Next();
        _seed = state += 0x9E37_79B9_7F4A_7C15; // SplitMix64 (Steele, Lea, Flood 2014)
        state = (state ^ (state >> 30)) * 0xBF58_476D_1CE4_E5B9;
        state = (state ^ (state >> 27)) * 0x94D0_49BB_1331_11EB;
        return state ^ (state >> 31);
    }

    internal void Report(string what) => log?.Invoke(what);

    /// <summary>Where code is in a block of RAM.</summary>
    internal CodePages PagesOf(RamBlock block)
    {
        foreach (CodePages pages in _ram)
            if (pages.Block == block) return pages;
        lock (_vcpus)
        {
            var added = new CodePages(block);
            _ram = [.. _ram, added];
            block.Written += OnDeviceWrote;
            block.Collecting += CollectDirty;
            return added;
        }
    }

    internal CodePages? FindPages(nint host)
    {
        foreach (CodePages pages in _ram)
            if (pages.Contains(host)) return pages;
        return null;
    }

    /// <summary>A processor is about to decode these bytes, which are in one page.</summary>
    internal void MarkCode(nint host, int length, Cpu by)
    {
        if (FindPages(host) is not { } pages || !pages.Mark((ulong)(host - pages.Block.HostAddress), length)) return;
        nint page = host & ~0xFFF;
        by.Mmu.Tables.ProtectPage(page);
        foreach (SoftVcpu vcpu in _vcpus) vcpu.HoldFrom(by, cpu => cpu.Mmu.Tables.ProtectPage(page));
    }

    /// <summary>Bytes that are marked as code changed, but no code: see <see cref="BlockCache.TrySpare"/>. Not with several processors, for which marks are taken once.</summary>
    internal bool TrySpare(nint host, int length) => _vcpus is [var only] && only.TrySpare(host, length);

    /// <summary>Bytes that were marked as code changed: their blocks go, the writer's own at once, others' before their next block.</summary>
    internal void CodeWritten(CodePages pages, ulong offset, int length, Cpu? by)
    {
        (offset, length) = CodePages.Widen(offset, length);
        nint host = pages.Block.HostAddress + (nint)offset;
        foreach (SoftVcpu vcpu in _vcpus) vcpu.Invalidate(host, length, by);
    }

    /// <summary>Processors write pages that they have found once without telling anybody.</summary>
    private void CollectDirty(RamBlock block)
    {
        foreach (SoftVcpu vcpu in _vcpus) vcpu.Hold(cpu => cpu.Mmu.Tables.CollectDirty(block));
    }

    private void OnDeviceWrote(RamBlock block, ulong offset, int length)
    {
        if (length <= 0) return;
        CodePages pages = PagesOf(block);
        for (ulong at = offset, end = offset + (ulong)length; at < end;)
        {
            var part = (int)Math.Min(end - at, RamBlock.PageSize - (at & (RamBlock.PageSize - 1)));
            if (pages.Take(at, part)) CodeWritten(pages, at, part, null);
            at += (ulong)part;
        }
    }
}
