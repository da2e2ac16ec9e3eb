using Rhea.Core.Machines;
using Xunit;

namespace Rhea.Tests.Machines;

/// <summary>Starting, stopping and resetting a machine whose processors run.</summary>
public sealed class RunStateTests : IDisposable
{
    private readonly VirtualMachine _pc = VirtualMachine.Create("-m", "16", "-nodefaults", "-smp", "2", "-display", "none", "-nic", "none", "-S");

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
}
