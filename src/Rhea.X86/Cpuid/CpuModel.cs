using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using Rhea.Core;
using Rhea.Core.Config;
using Rhea.Core.Cpu;

namespace Rhea.X86.Cpuid;

/// <summary>The processors that <c>-cpu</c> names, and the CPUID leaves each shows, with QEMU 7.2's values.</summary>
public sealed class CpuModel
{
    /// <summary>What the software processor implements: nothing is offered that does not work.</summary>
    private const string Implemented = "fpu de pse tsc msr pae cx8 apic sep pge cmov pat mmx fxsr sse sse2 pni hypervisor mce mca mtrr pse36 clflush cx16 syscall nx lm "
        + "lahf-lm cr8legacy tsc-adjust tsc-deadline x2apic popcnt movbe fsgsbase smep smap umip pcid invpcid la57 topoext rdtscp mmxext ss acpi "
        + "3dnowprefetch pdpe1gb arat erms clflushopt clwb monitor abm bmi1 bmi2 adx rdrand rdseed rdpid "
        + "ssse3 sse4.1 sse4.2 sse4a aes pclmulqdq sha-ni xsave xsaveopt xsavec xgetbv1 avx avx2 fma f16c vaes vpclmulqdq";

    /// <summary>The model that has all there is.</summary>
    public const string MaxName = "max";

    private static readonly CpuDefinition Max = new(MaxName, "QEMU TCG CPU version 2.5+", "AuthenticAMD", 15, 107, 1, 0xD, 0x8000_001E, Implemented);

    /// <summary>Properties of QEMU's that say something to KVM only.</summary>
    private static readonly string[] WithoutEffect = ["host-phys-bits", "kvm", "migratable", "pmu"];

    private readonly CpuDefinition _definition;
    private readonly uint[] _features;

    private CpuModel(CpuDefinition definition) => (_definition, _features) = (definition, FeaturesOf(definition));

    /// <summary>Names and what they are, for <c>-cpu help</c>, in QEMU's order and words.</summary>
    public static IEnumerable<(string Name, string Summary)> All => CpuDefinitions.All
        .Select(definition => (definition.Name, definition.Brand))
        .Concat(CpuDefinitions.All.Where(definition => definition.Name.EndsWith("-v1", StringComparison.Ordinal))
            .Select(definition => (definition.Name[..^3], "(alias configured by machine type)")))
        .Concat(CpuDefinitions.Aliases.Select(entry => (entry.Alias, $"(alias of {entry.Name})")))
        .OrderBy(entry => entry.Item1, StringComparer.Ordinal)
        .Append((Max.Name, "Enables all features supported by the accelerator in the current host"));

    /// <summary>The most that the software processor can show.</summary>
    public static IReadOnlyList<CpuidLeaf> Everything { get; } = Build(new CpuConfig { Model = MaxName }, new SmpConfig(), 0, null);

    /// <summary>The software processor has it.</summary>
    public static bool Offers(string feature) => new Features(Everything).Has(feature);

    /// <summary>The leaves of one processor of a machine.</summary>
    /// <param name="config">The user's model and changes.</param>
    /// <param name="smp">The topology.</param>
    /// <param name="index">Which processor; its APIC id follows from the topology.</param>
    /// <param name="supported">What the accelerator offers; null is no limit.</param>
    /// <param name="warn">Told of each feature that was asked for and is not offered, unless the user has <c>check=off</c>.</param>
    /// <param name="offerer">Who offers it, in a warning's words.</param>
    /// <exception cref="ConfigException">The model or a feature does not exist, or with <c>enforce</c>: is not offered.</exception>
    public static IReadOnlyList<CpuidLeaf> Build(CpuConfig config, SmpConfig smp, int index, IReadOnlyList<CpuidLeaf>? supported, Action<string>? warn = null,
        string offerer = "TCG")
    {
        CpuDefinition definition = Find(config.Model)
            ?? throw new ConfigException($"unable to find CPU model '{config.Model}'; did you mean '{Nearest(config.Model, All.Select(entry => entry.Name))}'?");
        var model = new CpuModel(CpuProperties.Change(definition, config.Model, config.Properties));
        (bool check, bool enforce) = (true, false);
        foreach ((string name, bool on) in config.Features)
        {
            if (name == "check") check = on;
            else if (name == "enforce") enforce = on;
            else if (WithoutEffect.Contains(name)) continue;
            else model.Apply(name, on, config.Model);
        }

        bool lacks = supported is not null && model.Limit(new Features(supported), check || enforce ? warn : null, offerer);
        if (lacks && enforce) throw new ConfigException($"{offerer} doesn't support requested features");
        return model.Leaves(model._features, new Topology(smp, index));
    }

    /// <summary>By its full name, another name, or without its version, which is then the first.</summary>
    private static CpuDefinition? Find(string name)
    {
        if (name == Max.Name) return Max;
        string full = CpuDefinitions.Aliases.FirstOrDefault(entry => entry.Alias == name).Name ?? name;
        return CpuDefinitions.All.FirstOrDefault(definition => definition.Name == full)
            ?? CpuDefinitions.All.FirstOrDefault(definition => definition.Name == name + "-v1");
    }

    private static uint[] FeaturesOf(CpuDefinition definition)
    {
        var words = new uint[CpuFeatures.Words];
        foreach (string token in definition.Features.Split(' '))
        {
            if (CpuDefinitions.All.FirstOrDefault(other => other.Name == token) is { } other) FeaturesOf(other).CopyTo(words, 0);
            else if (CpuFeatures.TryFind(token.TrimStart('-'), out FeatureWord word, out int bit)) SetBit(words, word, bit, token[0] != '-');
            else throw new ArgumentException(token);
        }

        return words;
    }

    private static void SetBit(uint[] words, FeatureWord word, int bit, bool on)
    {
        if (on) words[(int)word] |= 1u << bit;
        else words[(int)word] &= ~(1u << bit);
    }

    private void Apply(string name, bool on, string model)
    {
        if (!CpuFeatures.TryFind(name, out FeatureWord word, out int bit))
            throw new ConfigException($"Property '{model}-x86_64-cpu.{name}' not found; did you mean '{Nearest(name, CpuFeatures.All)}'?");
        SetBit(_features, word, bit, on);
    }

    /// <summary>Takes away what the accelerator lacks; true when there was any of it.</summary>
    private bool Limit(Features offered, Action<string>? warn, string offerer)
    {
        var lacks = false;
        for (var i = 0; i < _features.Length; i++)
        {
            uint missing = _features[i] & ~offered.Word((FeatureWord)i);
            _features[i] &= ~missing;
            lacks |= missing != 0;
            for (; missing != 0; missing &= missing - 1)
                warn?.Invoke($"{offerer} doesn't support requested feature: {CpuFeatures.Describe((FeatureWord)i, BitOperations.TrailingZeroCount(missing))}");
        }

        return lacks;
    }

    private List<CpuidLeaf> Leaves(uint[] features, Topology topology)
    {
        (uint family, uint modelNumber) = (_definition.Family, _definition.Model);
        uint signature = _definition.Stepping | (modelNumber & 15) << 4 | modelNumber >> 4 << 16 | (family > 15 ? 0xF00 | (family - 15) << 20 : family << 8);
        uint level = Math.Max(_definition.Level, features[(int)FeatureWord.Leaf7Ebx] != 0 ? 7u : 0);
        bool amd = _definition.Vendor == "AuthenticAMD", many = topology.LogicalPerDie > 1;
        if (!amd && topology.Dies > 1) level = Math.Max(level, 0x1F);
        uint edx = features[(int)FeatureWord.Leaf1Edx] | (many ? 1u << 28 : 0);
        const uint clflush = 8 << 8; // of eight bytes, whether it is there or not
        uint commonEdx = amd ? features[0] & 0x0183_F3FF : 0; // AMD repeats leaf 1's bits
        var leaves = new List<CpuidLeaf>
        {
            Vendor(0, level),
            new(1, 0, signature, (uint)topology.ApicId << 24 | (many ? (uint)topology.LogicalPerDie << 16 : 0) | clflush, features[(int)FeatureWord.Leaf1Ecx], edx),
            new(5, 0, 0, 0, 3, 0), // MWAIT ends with an interrupt even where they are masked
            new(6, 0, features[(int)FeatureWord.Leaf6Eax], 0, 0, 0),
            new(7, 0, 0, features[(int)FeatureWord.Leaf7Ebx], features[(int)FeatureWord.Leaf7Ecx], features[(int)FeatureWord.Leaf7Edx]),
            Text(0x4000_0000, 0x4000_0001, "TCGTCGTCGTCG"),
            new(0x4000_0001, 0, 0, 0, 0, 0),
            Vendor(0x8000_0000, _definition.ExtendedLevel),
            new(0x8000_0001, 0, signature, 0, features[(int)FeatureWord.Extended1Ecx] | (amd && many ? 2u : 0), features[(int)FeatureWord.Extended1Edx] | commonEdx),
            Brand(0), Brand(1), Brand(2),
            new(0x8000_0007, 0, 0, 0, 0, 0),
            new(0x8000_0008, 0, AddressBits(features), 0, many ? (uint)topology.PackageBits << 12 | (uint)topology.LogicalPerDie - 1 : 0, 0),
        };
        leaves.AddRange(ExtendedState(features));
        leaves.AddRange(Places(topology, amd || _definition.ExtendedLevel >= 0x8000_001E));
        Caches caches = Caches.Of(_definition.Name);
        leaves.AddRange(caches.Amd(topology));
        if (!amd) leaves.AddRange(caches.Intel(topology));
        return leaves;
    }

    /// <summary>Leaf Dh: the parts of the state that XSAVE knows, and where they are. EBX is of a processor after reset.</summary>
    private static IEnumerable<CpuidLeaf> ExtendedState(uint[] features)
    {
        if ((features[(int)FeatureWord.Leaf1Ecx] >> 26 & 1) == 0) return [];
        bool avx = (features[(int)FeatureWord.Leaf1Ecx] >> 28 & 1) != 0;
        CpuidLeaf parts = new(0xD, 0, avx ? 7u : 3, 576, avx ? 832u : 576, 0), forms = new(0xD, 1, features[(int)FeatureWord.LeafDEax], 576, 0, 0);
        return avx ? [parts, forms, new CpuidLeaf(0xD, 2, 256, 576, 0, 0)] : [parts, forms];
    }

    /// <summary>Which thread of which core of which die it is, in the leaves of either maker.</summary>
    private static IEnumerable<CpuidLeaf> Places(Topology topology, bool asAmd)
    {
        uint id = (uint)topology.ApicId;
        yield return new(0xB, 0, (uint)topology.ThreadBits, (uint)topology.Threads, 0x100, id);
        yield return new(0xB, 1, (uint)topology.PackageBits, (uint)topology.LogicalPerDie, 0x201, id);
        yield return new(0xB, 2, 0, 0, 2, id);
        if (asAmd)
        {
            yield return new(0x8000_001E, 0, id, (uint)(topology.Threads - 1) << 8 | (uint)topology.Core, (uint)(topology.Dies - 1) << 8 | (uint)topology.Die, 0);
            yield break;
        }

        yield return new(0x1F, 0, (uint)topology.ThreadBits, (uint)topology.Threads, 0x100, id);
        yield return new(0x1F, 1, (uint)topology.DieShift, (uint)topology.LogicalPerDie, 0x201, id);
        yield return new(0x1F, 2, (uint)topology.PackageBits, (uint)(topology.LogicalPerDie * topology.Dies), 0x502, id);
    }

    /// <summary>Physical and linear: 40 and 48 in long mode, or 57 with five levels of tables.</summary>
    private static uint AddressBits(uint[] features)
    {
        bool longMode = (features[(int)FeatureWord.Extended1Edx] >> 29 & 1) != 0, fiveLevels = (features[(int)FeatureWord.Leaf7Ecx] >> 16 & 1) != 0;
        return !longMode ? 32u : fiveLevels ? 40 | 57u << 8 : 40 | 48u << 8;
    }

    /// <summary>Twelve characters in EBX, EDX, ECX.</summary>
    private CpuidLeaf Vendor(uint leaf, uint eax) => new(leaf, 0, eax, Four(_definition.Vendor, 0), Four(_definition.Vendor, 8), Four(_definition.Vendor, 4));

    private static CpuidLeaf Text(uint leaf, uint eax, string text) => new(leaf, 0, eax, Four(text, 0), Four(text, 4), Four(text, 8));

    private CpuidLeaf Brand(int part)
    {
        string text = _definition.Brand.PadRight(48, '\0');
        return new CpuidLeaf(0x8000_0002 + (uint)part, 0, Four(text, part * 16), Four(text, (part * 16) + 4), Four(text, (part * 16) + 8), Four(text, (part * 16) + 12));
    }

    private static uint Four(string text, int at) => BinaryPrimitives.ReadUInt32LittleEndian(Encoding.ASCII.GetBytes(text, at, 4));

    private static string Nearest(string name, IEnumerable<string> names) => names.MinBy(other => Distance(name, other))!;

    /// <summary>How many letters to insert, remove or change.</summary>
    private static int Distance(string from, string to)
    {
        var row = new int[to.Length + 1];
        for (var j = 0; j <= to.Length; j++) row[j] = j;
        for (var i = 1; i <= from.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= to.Length; j++)
            {
                int change = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(change, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[^1];
    }
}
