using Rhea.Boards.Firmware.Acpi;
using Xunit;
using static Rhea.Boards.Firmware.Acpi.Aml;

namespace Rhea.Tests.Boards.Firmware.Acpi;

/// <summary>Expected bytes from ACPI 6.4, chapter 20, and from iasl.</summary>
public class AmlTests
{
    [Theory]
    [InlineData(0u, "00")]
    [InlineData(1u, "01")]
    [InlineData(0xFFu, "0aff")]
    [InlineData(0x100u, "0b0001")]
    [InlineData(0x12345678u, "0c78563412")]
    public void Numbers_are_as_short_as_they_can_be(uint number, string bytes) => Assert.Equal(bytes, Hex(Number(number)));

    [Theory]
    [InlineData("HPET", "48504554")]
    [InlineData("S8", "53385f5f")]
    [InlineData(@"\", "5c00")]
    [InlineData(@"\_SB.PCI0", "5c2e5f53425f50434930")]
    [InlineData(@"\_SB.PCI0.S08.PRQ0", "5c2f045f53425f504349305330385f50525130")]
    [InlineData("^BSEL", "5e4253454c")]
    public void Names_have_segments_of_four_characters(string path, string bytes) => Assert.Equal(bytes, Hex(path));

    [Fact]
    public void An_eisa_id_is_packed() => Assert.Equal("0c41d00a03", Hex(EisaId("PNP0A03")));

    [Fact]
    public void A_length_counts_itself_and_grows_when_it_must()
    {
        Assert.Equal("103f5c00", Hex(Scope(@"\", new Term(new byte[60])))[..8]);
        Assert.Equal("1041045c", Hex(Scope(@"\", new Term(new byte[61])))[..8]);
        Assert.Equal("10810001", Hex(Scope(@"\", new Term(new byte[0x1000 - 4])))[..8]);
    }

    [Fact]
    public void A_method_tells_its_arguments_and_whether_it_is_serialized()
    {
        Assert.Equal("14084341525202a468", Hex(Method("CARR", 2, Return(Arg0))));
        Assert.Equal("14095f53544108a40a0f", Hex(SerializedMethod("_STA", 0, Return(0x0F))));
    }

    [Fact]
    public void A_package_of_a_sleep_state() => Assert.Equal("085f53355f1206040000" + "0000", Hex(Name("_S5", Package(0, 0, 0, 0))));

    [Fact]
    public void A_field_lists_bits_by_name_and_skips_others() => Assert.Equal(
        "5b810d505253544100204350454e01",
        Hex(Field("PRST", FieldAccess.Byte, FieldUpdate.WriteAsZeros, FieldUnit.Skip(32), new("CPEN", 1))));

    [Fact]
    public void A_resource_template_ends_with_its_tag() => Assert.Equal(
        "110d0a0a" + "4701f803f8030108" + "7900", Hex(ResourceTemplate(Resource.Ports(0x3F8, 8))));

    [Fact]
    public void A_memory_window_has_its_length_last() => Assert.Equal(
        "871700000c03" + "00000000" + "00000a00" + "ffff0b00" + "00000000" + "00000200",
        Convert.ToHexStringLower(Resource.MemoryWindow(0xA_0000, 0xB_FFFF, cacheable: true)));

    private static string Hex(Term term) => Convert.ToHexStringLower(term.Bytes);
}
