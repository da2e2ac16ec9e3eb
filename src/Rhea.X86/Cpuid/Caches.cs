using Rhea.Core.Cpu;

namespace Rhea.X86.Cpuid;

/// <summary>The caches that CPUID tells of, as those of the processor that the model stands for; there are none in truth.</summary>
/// <remarks>Intel SDM vol. 2, CPUID leaf 4; AMD64 APM vol. 3, E.4.5, E.4.6 and E.4.15. Which caches, and who shares them, is as in QEMU 7.2.</remarks>
internal sealed class Caches
{
    private const uint LineSize = 64;

    /// <summary>32 KiB each of data and code, 4 MiB for a core and 16 MiB for all: of every model but AMD's newer ones.</summary>
    private static readonly Caches Legacy = new(new(0x121, 8, 64, 1), new(0x122, 8, 64, 1), new(0x143, 16, 4096, 1), new(0x163, 16, 16384, 6));
    private static readonly Caches Zen = ForZen(codeWays: 4, codeSets: 256, megabytes: 8), Zen2 = ForZen(8, 64, 16), Zen3 = ForZen(8, 64, 32);

    private readonly Cache _data, _code, _core, _shared;

    private Caches(Cache data, Cache code, Cache core, Cache shared) => (_data, _code, _core, _shared) = (data, code, core, shared);

    public static Caches Of(string model) =>
        model.StartsWith("EPYC-Milan", StringComparison.Ordinal) ? Zen3
        : model.StartsWith("EPYC-Rome", StringComparison.Ordinal) ? Zen2
        : model.StartsWith("EPYC", StringComparison.Ordinal) || model.StartsWith("Dhyana", StringComparison.Ordinal) ? Zen
        : Legacy;

    /// <summary>Leaves 2 and 4, which AMD's processors do not have.</summary>
    public IEnumerable<CpuidLeaf> Intel(Topology topology)
    {
        uint cores = (uint)(topology.Cores - 1) << 26;
        yield return this == Legacy ? new(2, 0, 1, 0, 0x4D, 0x2C_307D) : new(2, 0, 1, 0, 0x4B, 0x2C_FF80);
        yield return _data.Leaf(4, 0, 1, cores);
        yield return _code.Leaf(4, 1, 1, cores);
        yield return _core.Leaf(4, 2, topology.Threads, cores);
        yield return _shared.Leaf(4, 3, 1 << topology.DieShift, cores);
    }

    /// <summary>The leaves of AMD's, which Intel's have as far as the highest leaf allows.</summary>
    public IEnumerable<CpuidLeaf> Amd(Topology topology)
    {
        const uint translation = 0x01FF_01FF, translation2 = 0x4200_4200;
        bool legacy = this == Legacy; // whose leaves do not agree with each other
        yield return new(0x8000_0005, 0, translation, translation, legacy ? 0x4002_0140 : First(_data), legacy ? 0x4002_0140 : First(_code));
        yield return new(0x8000_0006, 0, 0, translation2, legacy ? 0x0200_8140 : _core.Kilobytes << 16 | 0x6140, legacy ? 0x0080_8140 : _shared.Kilobytes / 512 << 18 | 0x8140);
        yield return _data.Leaf(0x8000_001D, 0, topology.Threads, 0);
        yield return _code.Leaf(0x8000_001D, 1, topology.Threads, 0);
        yield return _core.Leaf(0x8000_001D, 2, topology.Threads, 0);
        yield return _shared.Leaf(0x8000_001D, 3, topology.LogicalPerDie, 0);

        static uint First(Cache cache) => cache.Kilobytes << 24 | cache.Ways << 16 | 1 << 8 | LineSize;
    }

    private static Caches ForZen(uint codeWays, uint codeSets, uint megabytes) =>
        new(new(0x121, 8, 64, 1), new(0x122, codeWays, codeSets, 1), new(0x43, 8, 1024, 0), new(0x163, 16, megabytes * 1024, 6));

    /// <param name="Kind">Level and contents, and that it needs no initialization, as EAX has them.</param>
    /// <param name="Ways">How many lines an address may be in.</param>
    /// <param name="Sets">Times ways and line size that is the size.</param>
    /// <param name="Properties">EDX: what writing back concerns, whether it includes the lower levels, how it is indexed.</param>
    private readonly record struct Cache(uint Kind, uint Ways, uint Sets, uint Properties)
    {
        public uint Kilobytes => Ways * Sets * LineSize / 1024;

        public CpuidLeaf Leaf(uint leaf, uint subleaf, int sharedBy, uint cores) =>
            new(leaf, subleaf, Kind | (uint)(sharedBy - 1) << 14 | cores, (Ways - 1) << 22 | (LineSize - 1), Sets - 1, Properties);
    }
}
