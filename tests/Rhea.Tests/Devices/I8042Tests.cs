using Rhea.Core.State;
using Rhea.Devices.Input;
using Xunit;

namespace Rhea.Tests.Devices;

public class I8042Tests
{
    private readonly PcBench _pc = new();
    private readonly I8042 _controller;
    private readonly List<string> _wires = [];

    public I8042Tests()
    {
        Ps2Keyboard keyboard = new();
        Ps2Mouse mouse = new();
        _controller = new I8042(_pc.IsaSlot(), keyboard, mouse, open => _wires.Add(open ? "A20" : "no A20"), () => _wires.Add("reset"));
        keyboard.Reset();
        mouse.Reset();
        _controller.Reset();
    }

    [Fact]
    public void After_reset_nothing_waits_and_the_keyboard_is_unlocked()
    {
        Assert.Equal((0x18, 0x00), (_pc.In(0x64), _pc.In(0x60)));
    }

    [Fact]
    public void The_self_test_passes_and_sets_the_system_flag()
    {
        _pc.Out(0x64, 0xAA);

        Assert.Equal((0x1D, 0x55, 0x1C), (_pc.In(0x64), _pc.In(0x60), _pc.In(0x64)));
        Assert.Equal([1], _pc.Edges);
    }

    [Theory]
    [InlineData(0x20, 0x03)]
    [InlineData(0xA9, 0x00)]
    [InlineData(0xAB, 0x00)]
    [InlineData(0xC0, 0x80)]
    [InlineData(0xD0, 0xCF)]
    public void Commands_answer(byte command, byte answer)
    {
        _pc.Out(0x64, command);

        Assert.Equal(answer, _pc.In(0x60));
    }

    [Fact]
    public void The_command_byte_reads_back()
    {
        Command(0x60, 0x61);
        _pc.Out(0x64, 0x20);

        Assert.Equal(0x61, _pc.In(0x60));
    }

    [Fact]
    public void A_key_interrupts_with_its_code_translated_to_set_1()
    {
        Command(0x60, 0x43);

        _controller.Key("a", true);
        _controller.Key("a", false);

        Assert.Equal([1], _pc.Edges);
        Assert.Equal((0x1E, 0x9E), (_pc.In(0x60), _pc.In(0x60)));
        Assert.Equal([1, 1], _pc.Edges);
    }

    [Fact]
    public void A_disabled_keyboards_byte_waits()
    {
        _pc.Out(0x64, 0xAD);
        _controller.Key("a", true);
        Assert.Equal(0x18, _pc.In(0x64));

        _pc.Out(0x64, 0xAE);
        Assert.Equal((0x19, 0x1C), (_pc.In(0x64), _pc.In(0x60)));
    }

    [Fact]
    public void The_mouse_answers_on_irq_12_with_a_flag()
    {
        Command(0xD4, 0xF4);

        Assert.Equal([12], _pc.Edges);
        Assert.Equal((0x39, 0xFA, 0x18), (_pc.In(0x64), _pc.In(0x60), _pc.In(0x64)));
    }

    [Fact]
    public void What_the_controller_says_comes_before_what_the_devices_say()
    {
        Command(0xD4, 0xF4);
        _pc.In(0x60);
        _controller.Button(0, true);
        _controller.Key("a", true);

        Assert.Equal(0x09, _pc.In(0x60)); // the mouse's first byte was there already
        Assert.Equal((0x1C, 0x00, 0x00), (_pc.In(0x60), _pc.In(0x60), _pc.In(0x60)));
    }

    [Fact]
    public void Bytes_can_be_put_into_the_buffers()
    {
        Command(0xD2, 0x5A);
        Assert.Equal((0x19, 0x5A), (_pc.In(0x64), _pc.In(0x60)));

        Command(0xD3, 0xA5);
        Assert.Equal((0x39, 0xA5), (_pc.In(0x64), _pc.In(0x60)));
    }

    [Fact]
    public void The_output_port_holds_the_A20_gate_and_the_reset_line()
    {
        Command(0xD1, 0xDD);
        _pc.Out(0x64, 0xDF);
        Command(0xD1, 0xFE);
        _pc.Out(0x64, 0xFE);
        _pc.Out(0x64, 0xFF);

        Assert.Equal(["no A20", "A20", "A20", "reset", "reset"], _wires);
    }

    [Fact]
    public void A_byte_that_waits_survives_a_save_without_a_second_edge()
    {
        _controller.Key("a", true);
        var (stream, pc) = (new MemoryStream(), new PcBench());
        var wire = new WireWriter(stream);
        new StateWriter(wire).Write(_controller, 3);
        wire.Flush();
        stream.Position = 0;
        var copy = new I8042(pc.IsaSlot(), new(), new(), _ => { }, () => { });

        new StateReader(new WireReader(stream)).Read(copy, 3);
        copy.Loaded();

        Assert.True(pc.Input(1).Level);
        Assert.Empty(pc.Edges);
        Assert.Equal(0x19, pc.In(0x64));
    }

    private void Command(byte command, byte parameter)
    {
        _pc.Out(0x64, command);
        _pc.Out(0x60, parameter);
    }
}
