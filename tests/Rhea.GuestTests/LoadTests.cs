using System.Diagnostics;
using System.Security.Cryptography;
using Xunit;

namespace Rhea.GuestTests;

/// <summary>Guests that have much to do.</summary>
[Collection(nameof(Alone))]
public class LoadTests
{
    /// <summary>What the kernel has to complain of, and how much.</summary>
    private const string Complaints = "dmesg | grep -e 'soft locku[p]' -e 'rcu.*stal[l]' -e 'blocked for mor[e]' -e 'BU[G]:' -e 'WARNIN[G]: CPU' -e 'Oop[s]:' -e 'MP-BIOS bu[g]' >/tmp/complaints;"
        + "cat /tmp/complaints; echo complaints: $(wc -l </tmp/complaints)";

    private static bool All => Environment.GetEnvironmentVariable("RHEA_TEST_ALL") == "1";

    private static bool Quick => Environment.GetEnvironmentVariable("RHEA_TEST_QUICK") == "1";

    /// <summary>Debian's stress-ng checks what it computes, on all processors at once: sums, memory, locks, signals, sockets, page tables.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public async Task Everything_that_is_computed_under_stress_is_right(int processors)
    {
        Assert.SkipWhen(Quick, "not in a quick run");
        int seconds = All ? 300 : 30;
        string stress = $"ifconfig lo up; stress-ng --verify --timeout {seconds}s --cpu {processors} --vm 1 --vm-bytes 24M --atomic 1 --futex 1 --pthread 1 --switch 1 --timer 1 "
            + "--fault 1 --mmap 1 --mmap-bytes 8M --sigsegv 1 --vecmath 1 --matrix 1 --qsort 1 --bsearch 1 --fork 1 --sock 1 --pipe 1 --sem 1 --mutex 1 2>&1";
        await using Emulator rhea = Linux($"{stress}; echo stress: $?; {Complaints}", Assets.StressInitrd, "-smp", $"{processors}", "-cpu", "max");

        await rhea.WaitFor("complaints: ", TimeSpan.FromSeconds((seconds * 3) + 120));

        Assert.Contains("successful run completed", rhea.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("stress-ng: fail", rhea.Output, StringComparison.Ordinal);
        Assert.Contains("stress: 0", rhea.Output, StringComparison.Ordinal);
        Assert.Contains("complaints: 0", rhea.Output, StringComparison.Ordinal);
        Assert.Equal(0, await rhea.Exit());
    }

    /// <summary>Time is slow in a guest for which the host has little time, and nothing that it waits for comes too late.</summary>
    [Fact]
    public async Task Linux_boots_on_a_host_that_is_busy()
    {
        Assert.SkipWhen(Quick, "not in a quick run");
        using var stress = Process.Start(new ProcessStartInfo(Assets.Installed("/usr/bin/stress-ng", "stress-ng"), ["--cpu", "4", "--quiet"]))!;
        try
        {
            for (var left = All ? 1000 : 20; left > 0; left -= 4) await Task.WhenAll(Boot(1), Boot(2), Boot(1), Boot(2));
        }
        finally
        {
            stress.Kill(entireProcessTree: true);
        }

        static async Task Boot(int processors)
        {
            await using Emulator rhea = Linux(Complaints, Assets.CloudInitrd, "-smp", $"{processors}");
            await rhea.WaitFor("complaints: ", TimeSpan.FromMinutes(5));
            Assert.True(rhea.Output.Contains("complaints: 0", StringComparison.Ordinal), rhea.Output);
            Assert.Equal(0, await rhea.Exit());
        }
    }

    /// <summary>One wrong bit anywhere in a compiler's thousands of millions of instructions, and the object file is another.</summary>
    [Fact]
    public async Task Debians_compiler_makes_the_same_object_file_as_on_the_host()
    {
        Assert.SkipUnless(All, "only with RHEA_TEST_ALL=1");
        const string options = "-O2 -w -c";
        using TemporaryFolder folder = Assets.Folder();
        HostProgram.Run("gcc", [.. options.Split(' '), "-o", folder["zbench.o"], Path.Combine(Assets.Root, "bench/guest/zbench.c")]);
        string expected = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(folder["zbench.o"], TestContext.Current.CancellationToken)));

        await using Emulator rhea = Linux($"cd /work; PATH=/usr/bin:$PATH gcc {options} -o /tmp/zbench.o zbench.c; echo compiled: $?; sha256sum /tmp/zbench.o; echo all done", Assets.CompilerInitrd);

        await rhea.WaitFor("all done", TimeSpan.FromMinutes(10));
        Assert.True(rhea.Output.Contains($"{expected}  /tmp/zbench.o", StringComparison.Ordinal), rhea.Output);
        Assert.Equal(0, await rhea.Exit());
    }

    private static Emulator Linux(string script, string initrd, params string[] options) => Emulator.Rhea(
        ["-m", "512", "-display", "none", "-serial", "stdio", "-nic", "none", "-no-reboot", "-kernel", Assets.CloudKernel, "-initrd", initrd,
        "-append", $"console=ttyS0 quiet panic=-1 -- {Emulator.InFewWords(script)}", .. options]);
}
