using Rhea.Core;
using Rhea.Core.Backends;
using Rhea.Tests.Devices;
using Xunit;

namespace Rhea.Tests.Machines;

public class BackendTableTests
{
    private readonly PcBench _pc = new();

    [Fact]
    public void A_device_finds_its_back_end_by_name()
    {
        var wire = new Wire();
        _pc.Chardevs.Add("com1", wire);

        Assert.Same(wire, _pc.IsaSlot().Chardev("com1"));
        Assert.Null(_pc.IsaSlot().Chardev(""));
    }

    [Fact]
    public void One_back_end_serves_one_device()
    {
        _pc.Chardevs.Add("com1", new Wire());
        _pc.IsaSlot().Chardev("com1");

        var error = Assert.Throws<ConfigException>(() => _pc.PciSlot().Chardev("com1"));

        Assert.Equal("Property 'chardev' can't take value 'com1', it's in use", error.Message);
    }

    [Fact]
    public void A_name_that_is_not_there_is_named_in_the_error()
    {
        var error = Assert.Throws<ConfigException>(() => _pc.IsaSlot().Drive("hd0"));

        Assert.Equal("Property 'drive' can't find value 'hd0'", error.Message);
    }

    private sealed class Wire : ICharBackend
    {
        public int Write(ReadOnlySpan<byte> bytes) => bytes.Length;

        public void Attach(ICharFrontend? frontend)
        {
        }

        public void ResumeReading()
        {
        }
    }
}
