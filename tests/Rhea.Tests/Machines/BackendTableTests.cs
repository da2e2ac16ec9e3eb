using Rhea.Core;
using Rhea.Devices.Debug;
using Rhea.Tests.Devices;
using Xunit;

namespace Rhea.Tests.Machines;

public class BackendTableTests
{
    private readonly PcBench _pc = new();
    private readonly TestWire _wire = new();

    public BackendTableTests() => _pc.Chardevs.Add("com1", _wire);

    [Fact]
    public void A_device_finds_its_back_end_by_name()
    {
        DebugConsole console = Plug("com1");

        Assert.Same(console, _wire.Device);
    }

    [Fact]
    public void Without_a_name_it_has_none()
    {
        Plug("");

        Assert.Null(_wire.Device);
    }

    [Fact]
    public void One_back_end_serves_one_device()
    {
        Plug("com1");

        var error = Assert.Throws<ConfigException>(() => Plug("com1"));

        Assert.Equal("Property 'chardev' can't take value 'com1', it's in use", error.Message);
    }

    [Fact]
    public void A_name_that_is_not_there_is_named_in_the_error()
    {
        var error = Assert.Throws<ConfigException>(() => _pc.IsaSlot().Drive("hd0"));

        Assert.Equal("Property 'drive' can't find value 'hd0'", error.Message);
    }

    private DebugConsole Plug(string chardev) => new(_pc.IsaSlot(), new() { Chardev = chardev });
}
