using Rhea.Core.Io;
using Xunit;

namespace Rhea.Tests.Io;

public class IrqLineTests
{
    private readonly List<bool> _pic = [], _ioApic = [];
    private readonly IrqInput _input;
    private readonly IrqLine _line;

    public IrqLineTests()
    {
        _input = IrqInput.Junction([new IrqInput(_pic.Add).NewLine(), new IrqInput(_ioApic.Add).NewLine()]);
        _line = _input.NewLine();
    }

    [Fact]
    public void A_junction_drives_all_its_wires()
    {
        _line.Set(true);
        _line.Set(false);

        Assert.Equal([true, false], _pic);
        Assert.Equal([true, false], _ioApic);
    }

    [Fact]
    public void A_level_restored_through_a_junction_is_no_edge_but_falls_later()
    {
        _line.Restore(true);
        Assert.Empty(_pic);

        _line.Set(false);
        Assert.Equal([false], _pic);
    }

    [Fact]
    public void An_input_is_high_until_the_last_of_its_lines_falls()
    {
        IrqLine other = _input.NewLine();
        _line.Set(true);
        other.Set(true);

        _line.Set(false);
        Assert.Equal([true], _pic);

        other.Set(false);
        Assert.Equal([true, false], _pic);
    }
}
