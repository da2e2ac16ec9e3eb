using Rhea.Devices.Chipset;
using Xunit;

namespace Rhea.Tests.Devices;

public class Port92Tests
{
    private readonly PcBench _pc = new();
    private readonly List<string> _wires = [];

    public Port92Tests() => new Port92(_pc.IsaSlot(), open => _wires.Add(open ? "A20" : "no A20"), () => _wires.Add("reset")).Reset();

    [Fact]
    public void Bit_1_is_the_A20_gate_and_reads_back()
    {
        _pc.Out(0x92, 0x02);
        Assert.Equal(0x02, _pc.In(0x92));

        _pc.Out(0x92, 0x00);
        Assert.Equal(["A20", "no A20"], _wires);
    }

    [Fact]
    public void Bit_0_resets_when_it_rises()
    {
        _pc.Out(0x92, 0x03);
        _pc.Out(0x92, 0x03);

        Assert.Equal(["A20", "reset", "A20"], _wires);
    }
}
