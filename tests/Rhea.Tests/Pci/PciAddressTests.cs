using Rhea.Core;
using Rhea.Core.Pci;
using Xunit;

namespace Rhea.Tests.Pci;

public class PciAddressTests
{
    [Theory]
    [InlineData("5", 5, 0)]
    [InlineData("0x5", 5, 0)]
    [InlineData("10", 16, 0)] // hexadecimal, with or without 0x
    [InlineData("5.1", 5, 1)]
    [InlineData("1f.7", 31, 7)]
    [InlineData("0x0a.0x3", 10, 3)]
    public void Is_read_as_the_user_writes_it(string text, int slot, int function) =>
        Assert.Equal(new PciAddress(slot, function), PciAddress.Parse("e1000", text));

    [Theory]
    [InlineData("")]
    [InlineData("20")]
    [InlineData("5.8")]
    [InlineData("5.")]
    [InlineData("1.2.3")]
    [InlineData("-1")]
    [InlineData("ffffffff")]
    [InlineData("x")]
    public void A_place_that_does_not_exist_is_refused(string text)
    {
        var error = Assert.Throws<ConfigException>(() => PciAddress.Parse("e1000", text));

        Assert.Equal($"Property 'e1000.addr' doesn't take value '{text}'", error.Message);
    }

    [Fact]
    public void Is_numbered_as_configuration_cycles_do()
    {
        Assert.Equal(0x0B, new PciAddress(1, 3).Number);
        Assert.Equal("01.3", PciAddress.Of(0x0B).ToString());
    }
}
