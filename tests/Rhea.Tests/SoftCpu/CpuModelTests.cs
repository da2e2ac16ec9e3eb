using Rhea.Core;
using Rhea.Core.Config;
using Rhea.Core.Cpu;
using Rhea.X86.Cpuid;
using Xunit;

namespace Rhea.Tests.SoftCpu;

public class CpuModelTests
{
    [Fact]
    public void The_default_model_is_QEMUs()
    {
        Features features = Build(new CpuConfig());

        Assert.Equal(0x0006_0FB1u, features.Signature);
        Assert.Equal(new CpuidLeaf(0, 0, 0xD, 0x6874_7541, 0x444D_4163, 0x6974_6E65), features.Read(0, 0));
        Assert.Equal(0x8000_2001u, features.Word(FeatureWord.Leaf1Ecx)); // SSE3, CMPXCHG16B, a hypervisor
        Assert.Equal(40, features.PhysicalBits);
    }

    [Fact]
    public void Features_come_and_go_by_name()
    {
        var config = new CpuConfig { Features = [new("popcnt", true), new("lm", false)] };

        Assert.True(Build(config).Has("popcnt"));
        Assert.False(Build(config).Has("lm"));
    }

    [Fact]
    public void A_misspelt_model_or_feature_is_told_the_nearest()
    {
        var model = Assert.Throws<ConfigException>(() => Build(new CpuConfig { Model = "qemu6" }));
        var feature = Assert.Throws<ConfigException>(() => Build(new CpuConfig { Features = [new("popcount", true)] }));

        Assert.Equal("unable to find CPU model 'qemu6'; did you mean 'qemu64'?", model.Message);
        Assert.EndsWith("did you mean 'popcnt'?", feature.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Nehalem", 0x0001_06A3u, "sse4.2", "avx")]
    [InlineData("Haswell", 0x0003_06C4u, "avx2", "rtm")]
    [InlineData("Haswell-noTSX", 0x0003_06C1u, "fma", "rtm")]
    [InlineData("Opteron_G5-v1", 0x0060_0F20u, "f16c", "xop")]
    [InlineData("EPYC", 0x0080_0F12u, "sha-ni", "svm")]
    [InlineData("x86-64-v3", 0x0000_0F61u, "bmi2", "aes")]
    public void A_model_has_the_signature_of_QEMUs_and_what_is_implemented_of_its_features(string name, uint signature, string has, string lacks)
    {
        Features features = Build(new CpuConfig { Model = name });

        Assert.Equal(signature, features.Signature);
        Assert.True(features.Has(has));
        Assert.False(features.Has(lacks));
    }

    [Fact]
    public void What_is_not_implemented_is_warned_of_in_QEMUs_words()
    {
        List<string> warnings = [];

        CpuModel.Build(new CpuConfig { Model = "Westmere", Features = [new("vmx", true)] }, new SmpConfig(), 0, CpuModel.Everything, warnings.Add);
        CpuModel.Build(new CpuConfig(), new SmpConfig(), 0, CpuModel.Everything, message => Assert.Fail(message));

        Assert.Equal("TCG doesn't support requested feature: CPUID.01H:ECX.vmx [bit 5]", Assert.Single(warnings));
    }

    [Fact]
    public void Help_lists_versions_and_aliases_as_QEMU_does()
    {
        Assert.Contains(("Haswell", "(alias configured by machine type)"), CpuModel.All);
        Assert.Contains(("Haswell-noTSX", "(alias of Haswell-v2)"), CpuModel.All);
        Assert.Contains(("Haswell-v1", "Intel Core Processor (Haswell)"), CpuModel.All);
    }

    /// <summary>Read from QEMU 7.2's Nehalem, whose highest leaf is Bh.</summary>
    [Fact]
    public void A_leaf_beyond_the_last_answers_as_the_last_does()
    {
        Assert.Equal(new CpuidLeaf(0xB, 0, 0, 1, 0x100, 0), Build(new CpuConfig { Model = "Nehalem" }).Read(0xD, 0));
    }

    [Fact]
    public void Caches_are_in_leaf_4_with_Intel_and_in_8000_0006_with_AMD()
    {
        Assert.Equal(new CpuidLeaf(4, 0, 0, 0, 0, 0), Build(new CpuConfig()).Read(4, 0));
        Assert.Equal(new CpuidLeaf(4, 0, 0x121, 0x1C0_003F, 63, 1), Build(new CpuConfig { Model = "Haswell" }).Read(4, 0));
        Assert.Equal(new CpuidLeaf(0x8000_0006, 0, 0, 0x4200_4200, 0x0200_8140, 0x0080_8140), Build(new CpuConfig()).Read(0x8000_0006, 0));
    }

    [Fact]
    public void The_APIC_id_spells_out_socket_core_and_thread()
    {
        var smp = new SmpConfig { Cpus = 12, MaxCpus = 12, Sockets = 2, Cores = 3, Threads = 2 };

        var features = new Features(CpuModel.Build(new CpuConfig(), smp, 11, CpuModel.Everything));

        Assert.Equal(0xDu, features.Read(0xB, 0).Edx); // socket 1, core 2, thread 1: 1 10 1
        Assert.Equal(6u, features.Read(0xB, 1).Ebx);
        Assert.Equal(0x0D06_0800u, features.Read(1, 0).Ebx);
    }

    /// <summary>As Xen numbers them: in leaf Bh and in leaf 1, with one more bit for the threads of a core.</summary>
    [Fact]
    public void Local_apics_of_a_machine_that_moves_have_even_numbers()
    {
        var smp = new SmpConfig { Cpus = 4, MaxCpus = 4, Cores = 2, Threads = 2, EvenApicIds = true };
        IReadOnlyList<CpuidLeaf> leaves = CpuModel.Build(new CpuConfig(), smp, 3, null);

        Assert.Equal(6u, leaves.First(leaf => leaf.Leaf == 1).Ebx >> 24);
        Assert.Equal((2u, 6u), (leaves.First(leaf => leaf is { Leaf: 0xB, Subleaf: 0 }).Eax, leaves.First(leaf => leaf is { Leaf: 0xB, Subleaf: 0 }).Edx));
        Assert.Equal(3u, leaves.First(leaf => leaf is { Leaf: 0xB, Subleaf: 1 }).Eax);
    }

    private static Features Build(CpuConfig config) => new(CpuModel.Build(config, new SmpConfig(), 0, CpuModel.Everything));

    [Fact]
    public void Properties_change_what_the_model_is()
    {
        IReadOnlyList<CpuidLeaf> leaves = CpuModel.Build(new CpuConfig { Properties = [new("family", "0x10"), new("model", "5"), new("stepping", "3"), new("vendor", "GenuineIntel"), new("level", "2")] },
            new SmpConfig(), 0, CpuModel.Everything);

        Assert.Equal((0x0010_0F53u, 2u, 0x756E_6547u), (leaves.First(leaf => leaf.Leaf == 1).Eax, leaves[0].Eax, leaves[0].Ebx));
    }

    [Theory]
    [InlineData("family", "271", "Property .family doesn't take value 271 (minimum: 0, maximum: 270)")]
    [InlineData("level", "x", "Parameter 'level' expects uint64")]
    [InlineData("vendor", "short", "Property '.vendor' doesn't take value 'short'")]
    [InlineData("nosuch", "1", "Property 'qemu64-x86_64-cpu.nosuch' not found")]
    public void Properties_that_a_model_does_not_take_are_refused(string name, string value, string message)
    {
        var error = Assert.Throws<ConfigException>(() => CpuModel.Build(new CpuConfig { Properties = [new(name, value)] }, new SmpConfig(), 0, null));

        Assert.Equal(message, error.Message);
    }

    [Fact]
    public void A_user_who_enforces_gets_all_features_or_no_machine()
    {
        var error = Assert.Throws<ConfigException>(() =>
            CpuModel.Build(new CpuConfig { Model = "Skylake-Server", Features = [new("enforce", true)] }, new SmpConfig(), 0, CpuModel.Everything));

        Assert.Equal("TCG doesn't support requested features", error.Message);
    }
}
