using Rhea.Core.Cpu;
using Rhea.Core.Machines;
using Rhea.Hypervisors.Kvm;
using Rhea.Tests.Cpu;
using Xunit;

namespace Rhea.Tests.Hypervisors;

/// <summary>INT3 in guest memory that several processors share.</summary>
public sealed class KvmBreakpointsTests : IDisposable
{
    private const ulong Code = 0x5000, Nowhere = 0x800_0000;

    private readonly KvmBreakpoints _breakpoints = new();
    private readonly Machine _machine;
    private readonly IMachineBus _bus;

    public KvmBreakpointsTests()
    {
        var accelerator = new FakeAccelerator(hosted: false);
        _machine = TinyBoard.Build(accelerator);
        _bus = accelerator.Bus!;
    }

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void The_first_processor_puts_it_in_and_the_last_takes_it_out()
    {
        _bus.WriteMemory(Code, 1, 0x55, smm: false);

        Assert.True(_breakpoints.Insert(_bus, Code));
        Assert.True(_breakpoints.Insert(_bus, Code));
        Assert.Equal(0xCCUL, _bus.ReadMemory(Code, 1, smm: false));
        _breakpoints.Remove(_bus, Code);
        Assert.Equal(0xCCUL, _bus.ReadMemory(Code, 1, smm: false));
        _breakpoints.Remove(_bus, Code);
        Assert.Equal(0x55UL, _bus.ReadMemory(Code, 1, smm: false));
    }

    [Fact]
    public void What_the_guest_writes_there_meanwhile_stays()
    {
        _breakpoints.Insert(_bus, Code);
        _bus.WriteMemory(Code, 1, 0x90, smm: false);
        _breakpoints.Remove(_bus, Code);

        Assert.Equal(0x90UL, _bus.ReadMemory(Code, 1, smm: false));
    }

    [Fact]
    public void Where_nothing_can_be_written_there_is_none() => Assert.False(_breakpoints.Insert(_bus, Nowhere));
}
