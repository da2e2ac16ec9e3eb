using System.Text;
using Rhea.Core.State;
using Xunit;

namespace Rhea.Tests.State;

public class SavedStreamTests
{
    [Fact]
    public void Every_section_of_a_machine_is_there_with_its_fields()
    {
        using VirtualMachine pc = FullMachine.Create();

        var saved = new SavedStream(new MemoryStream(FullMachine.Devices(pc.Machine)));

        Assert.Equal("pc-i440fx-7.2", saved.Machine);
        Assert.Equal(pc.Machine.Sections.Where(section => section.State.IsSent).Select(section => section.Id), saved.Sections.Select(section => section.Name));
        Assert.Contains(saved.Blocks, block => block is { Name: "pc.ram", Length: 2 << 20 });
        SavedSection pit = saved.Sections.Single(section => section.Name == "i8254");
        Assert.Contains(pit.Fields, field => field is { Path: "channels[1].gate", Type: "uint8", Hex: "01" });
    }

    [Fact]
    public void The_configuration_is_found_again()
    {
        using VirtualMachine pc = VirtualMachine.Create("-accel", "tcg", "-m", "2", "-display", "none", "-nic", "none", "-boot", "order=d", "-S");
        var stream = new MemoryStream();
        pc.Machine.Save(stream);

        SavedConfiguration saved = SavedStream.ConfigurationOf(stream)!;

        Assert.Equal(["-accel", "tcg", "-m", "2", "-display", "none", "-nic", "none", "-boot", "order=d"], saved.Options);
        Assert.Equal(Environment.CurrentDirectory, saved.Directory);
        Assert.Equal([new("ide1-cd0", null), new("floppy0", null)], saved.Media);
    }

    [Theory]
    [InlineData("""{"page_size":4096,"devices":[{"name":"a","instance_id":0,"fields":[{"name":"f","type":"buffer","size":4000000000}]}]}""", "a: is said to have 4000000000 bytes")]
    [InlineData("""{"page_size":4096,"devices":[{"name":"a","instance_id":0,"fields":[{"name":"f","type":"struct","size":1,"array_len":9,"struct":{"fields":[]}}]}]}""", "f is said to have 1 bytes, its fields have 0")]
    [InlineData("""{"page_size":4096,"devices":[{"name":"a","instance_id":0,"fields":7}]}""", "a: its description cannot be read")]
    [InlineData("""{"page_size":4096,"devices":[{"name":"b","instance_id":0,"fields":[]}]}""", "a number 0 is not described")]
    [InlineData("""{"page_size":4096}""", "the description at its end lacks what it should say of devices")]
    [InlineData("""{"page_size":""", "the description at its end cannot be read")]
    [InlineData("""{"page_size":4096,"devices":[],"rhea":{"options":3}}""", "the configuration in it cannot be read")]
    public void A_description_that_lies_is_refused(string description, string reason)
    {
        byte[] text = Encoding.UTF8.GetBytes(description);
        byte[] stream = [.. "QEVM"u8, 0, 0, 0, 3, 4, 0, 0, 0, 1, 1, (byte)'a', 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 0x7E, 0, 0, 0, 1, 0, 6, 0, 0, 0, (byte)text.Length, .. text];

        Assert.Equal(reason, Assert.Throws<StateException>(() => new SavedStream(new MemoryStream(stream))).Message);
    }
}
