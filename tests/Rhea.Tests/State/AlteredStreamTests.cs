using Rhea.Core.Machines;
using Rhea.Core.State;
using Rhea.GuestTests;
using Xunit;

namespace Rhea.Tests.State;

/// <summary>Streams that somebody has altered: each is refused with a reason, or makes a machine that runs.</summary>
/// <remarks>RHEA_TEST_ALL=1 tries a million of them.</remarks>
public sealed class AlteredStreamTests
{
    private const int Few = 1500, Many = 1_000_000, MostChanges = 4, RunsOneOf = 8;

    [Fact]
    public async Task None_crashes_hangs_or_runs_half_loaded()
    {
        VirtualMachine pc = Begin();
        Machine machine = pc.Machine;
        byte[] whole = machine.Invoke(() => FullMachine.Devices(machine));
        var random = new TestRandom(20261129);
        int count = Environment.GetEnvironmentVariable("RHEA_TEST_ALL") == "1" ? Many : Few, loaded = 0;
        for (var i = 0; i < count; i++)
        {
            byte[] stream = Altered(whole, random);
            string about = $"stream {i} ({Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(stream))[..8]})";
            if (machine.Invoke(() => Load(machine, stream)) is { } refusal)
            {
                Assert.True(refusal.Length > 0, about);
                Assert.NotEqual(RunState.Running, machine.State);
                continue;
            }

            if (loaded++ % RunsOneOf != 0) continue;
            machine.Invoke(machine.Start);
            await Task.Delay(1, TestContext.Current.CancellationToken);
            machine.Invoke(() => machine.Stop());
            Assert.True(machine.Loop.Fault is null, $"{about}: {machine.Loop.Fault}");
            if (machine.Invoke(() => Load(machine, whole)) is not { } lack) continue;
            Assert.StartsWith("this machine lacks", lack, StringComparison.Ordinal); // the guest has ejected a card
            pc.Dispose();
            machine = (pc = Begin()).Machine;
        }

        pc.Dispose();
        Assert.InRange(loaded, count / 20, count - (count / 20)); // both happen, or nothing was tried
    }

    [Fact]
    public void A_stream_that_ends_early_is_refused_wherever_it_ends()
    {
        using VirtualMachine pc = FullMachine.Create();
        byte[] whole = FullMachine.Devices(pc.Machine);
        int end = EndOfSections(whole);
        for (var length = 0; length < end; length += 1 + (length / 40))
            Assert.Throws<StateException>(() => pc.Machine.Load(new MemoryStream(whole, 0, length)));
    }

    private static VirtualMachine Begin()
    {
        VirtualMachine pc = FullMachine.Create();
        pc.Start();
        return pc;
    }

    /// <summary>Null when it was loaded, or why not.</summary>
    private static string? Load(Machine machine, byte[] stream)
    {
        machine.Stop();
        try
        {
            machine.Load(new MemoryStream(stream));
            return null;
        }
        catch (StateException error)
        {
            return error.Message;
        }
    }

    private static byte[] Altered(byte[] whole, TestRandom random)
    {
        var stream = (byte[])whole.Clone();
        int sections = EndOfSections(whole);
        for (int changes = random.Next(MostChanges); changes >= 0; changes--)
        {
            int at = random.Next(sections);
            stream[at] = random.Next(4) switch
            {
                0 => 0xFF,
                1 => 0,
                2 => (byte)(stream[at] ^ (1 << random.Next(8))),
                _ => (byte)random.Next(256),
            };
        }

        return random.Next(20) == 0 ? stream[..random.Next(sections)] : stream;
    }

    /// <summary>Where the description begins.</summary>
    private static int EndOfSections(byte[] stream) => stream.AsSpan().LastIndexOf("{\"page_size\""u8) - 5;
}
