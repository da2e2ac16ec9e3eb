using Rhea.Core.Machines;
using Xunit;

namespace Rhea.Tests.Machines;

/// <summary>Starting, stopping and resetting a machine whose processors run.</summary>
public sealed class RunStateTests : IDisposable
{
    private readonly VirtualMachine _pc = VirtualMachine.Create("-accel", "tcg", "-m", "16", "-nodefaults", "-smp", "2", "-display", "none", "-nic", "none", "-S");

    public void Dispose() => _pc.Dispose();

    [Fact]
    public async Task A_pause_right_after_a_resume_finds_every_processor_parked()
    {
        _pc.Start();

        Task toggling = Task.Run(() =>
        {
            for (var i = 0; i < 500; i++)
            {
                _pc.Resume();
                _pc.Pause();
            }

            _pc.Resume();
            for (var i = 0; i < 50; i++) _pc.Reset();
        }, TestContext.Current.CancellationToken);

        await toggling.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        Assert.Equal(RunState.Running, _pc.State);
    }

    /// <summary>A guest of a few instructions may be done while the machine's thread is still busy with starting it.</summary>
    [Fact]
    public void A_machine_that_ends_before_its_loop_turns_has_ended()
    {
        using VirtualMachine pc = VirtualMachine.Create("-accel", "tcg", "-m", "16", "-nodefaults", "-display", "none", "-nic", "none", "-device", "isa-debug-exit", "-S");
        using (pc.Machine.Loop.Enter()) pc.Machine.Ports.Write(0x501, 1, 0x11);

        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        Assert.Equal(new MachineEnd(ShutdownCause.DebugExit, (0x11 << 1) | 1), pc.Machine.Run(late.Token));
    }

    [Fact]
    public void A_pause_right_after_power_on_is_a_pause()
    {
        for (var i = 0; i < 20; i++)
        {
            using VirtualMachine pc = VirtualMachine.Create("-accel", "tcg", "-m", "16", "-nodefaults", "-display", "none", "-nic", "none");
            pc.Start();

            pc.Pause();

            Assert.Equal(RunState.Paused, pc.State);
        }
    }
}
