using Rhea.Core.Config;
using Rhea.Core.Cpu;
using Rhea.Core.Machines;
using Rhea.Core.Time;
using Rhea.Tests.SoftCpu;
using Xunit;

namespace Rhea.Tests.Machines;

public sealed class InstructionClockTests : IDisposable
{
    private readonly FakeHost _host = new();
    private readonly CpuBench _bench = new();

    public InstructionClockTests()
    {
        _bench.Long64(0x7000);
        _bench.Memory.Write(0x7000, (ushort)0xFEEB); // JMP to itself
    }

    public void Dispose() => _bench.Dispose();

    [Theory]
    [InlineData(0, 100)]
    [InlineData(3, 800)]
    public void Each_instruction_takes_its_time(int shift, long nanoseconds)
    {
        var clock = new InstructionClock(_host, new InstructionTimeConfig(shift));

        Assert.Equal(VcpuStop.BudgetSpent, clock.Run(_bench.Cpu, 100));

        Assert.Equal(nanoseconds, clock.Monotonic);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 1)]
    [InlineData(8, 1)]
    [InlineData(9, 2)]
    [InlineData(8_000, 1000)]
    [InlineData(8_001, 1000)]
    [InlineData(VmTimer.Never, 1000)]
    public void A_turn_ends_with_the_instruction_that_reaches_the_deadline(long nanoseconds, long instructions) =>
        Assert.Equal(instructions, new InstructionClock(_host, new InstructionTimeConfig(3)).InstructionsIn(nanoseconds, 1000));

    [Fact]
    public void Time_in_which_nothing_runs_is_skipped()
    {
        var clock = new InstructionClock(_host, new InstructionTimeConfig(3) { Sleeps = false });

        clock.Sleep(5_000);

        Assert.Equal((5_000L, 0), (clock.Monotonic, _host.Sleeps));
    }

    [Fact]
    public void Who_is_woken_for_nothing_sleeps_on_to_the_same_moment()
    {
        var clock = new InstructionClock(_host, new InstructionTimeConfig(3));
        _host.WakesAfter = 2_000;

        clock.Sleep(5_000);
        Assert.Equal(0, clock.Monotonic);
        _host.WakesAfter = long.MaxValue;
        clock.Sleep(5_000);

        Assert.Equal((5_000L, FakeHost.Start + 5_000), (clock.Monotonic, _host.Monotonic));
    }

    [Fact]
    public void Who_is_woken_by_somebody_outside_has_slept_until_then()
    {
        var clock = new InstructionClock(_host, new InstructionTimeConfig(3));
        _host.WakesAfter = 2_000;

        clock.Sleep(5_000);
        clock.Run(_bench.Cpu, 100);

        Assert.Equal(2_800, clock.Monotonic);
    }

    [Fact]
    public void Time_that_lags_behind_the_hosts_goes_faster()
    {
        var clock = new InstructionClock(_host, new InstructionTimeConfig(3) { Adapts = true });
        clock.Run(_bench.Cpu, 100);
        _host.Monotonic += VmClock.Second;

        clock.Run(_bench.Cpu, 100);

        Assert.Equal(100 * 8 + (100 * 16), clock.Monotonic);
    }

    private sealed class FakeHost : IHostClock
    {
        public const long Start = 1_000_000;

        public long Monotonic { get; set; } = Start;

        public long Wall => 0;

        /// <summary>When somebody ends the sleep.</summary>
        public long WakesAfter { get; set; } = long.MaxValue;

        public int Sleeps { get; private set; }

        public void Sleep(long nanoseconds)
        {
            Sleeps++;
            Monotonic += Math.Min(nanoseconds, WakesAfter);
        }

        public void Wake()
        {
        }
    }
}
