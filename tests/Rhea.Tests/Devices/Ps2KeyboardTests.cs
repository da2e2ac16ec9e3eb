using Rhea.Devices.Input;
using Xunit;

namespace Rhea.Tests.Devices;

public class Ps2KeyboardTests
{
    private readonly Ps2Keyboard _keyboard = new();
    private readonly PcBench _pc = new();

    public Ps2KeyboardTests()
    {
        Ps2Mouse mouse = new();
        var controller = new I8042(_pc.IsaSlot(), _keyboard, mouse, _ => { }, () => { });
        _keyboard.Reset();
        mouse.Reset();
        controller.Reset();
    }

    [Theory]
    [InlineData("a", "1c f0 1c", "1e 9e")]
    [InlineData("ret", "5a f0 5a", "1c 9c")]
    [InlineData("f7", "83 f0 83", "41 c1")]
    [InlineData("ctrl_r", "e0 14 e0 f0 14", "e0 1d e0 9d")]
    [InlineData("up", "e0 75 e0 f0 75", "e0 48 e0 c8")]
    [InlineData("kp_enter", "e0 5a e0 f0 5a", "e0 1c e0 9c")]
    [InlineData("less", "61 f0 61", "56 d6")]
    [InlineData("print", "e0 12 e0 7c e0 f0 7c e0 f0 12", "e0 2a e0 37 e0 b7 e0 aa")]
    [InlineData("pause", "e1 14 77 e1 f0 14 f0 77", "e1 1d 45 e1 9d c5")]
    public void Keys_have_the_codes_of_the_specification(string name, string set2, string set1)
    {
        Assert.Equal(set2, Type(name));

        Send(0xF0, 1);
        Assert.Equal(set1, Type(name));
    }

    [Fact]
    public void With_alt_print_is_sysrq_and_with_control_pause_is_break()
    {
        _keyboard.Press("alt", true);
        _keyboard.Press("ctrl", true);
        Read();

        Assert.Equal("84 f0 84", Type("print"));
        Assert.Equal("e0 7e e0 f0 7e", Type("pause"));
    }

    [Theory]
    [InlineData("fa ab 83", 0xF2)]
    [InlineData("ee", 0xEE)]
    [InlineData("fa aa", 0xFF)]
    [InlineData("fa", 0xF6)]
    [InlineData("fe", 0x05)]
    [InlineData("fa fa", 0xED, 0x02)]
    [InlineData("fa fa", 0xF3, 0x20)]
    [InlineData("fa fa 02", 0xF0, 0x00)]
    [InlineData("fa fe", 0xF0, 0x07)]
    public void Commands_are_answered(string answer, params int[] bytes)
    {
        var answers = new List<string>();
        foreach (int value in bytes)
        {
            _pc.Out(0x60, (byte)value);
            answers.Add(Read());
        }

        Assert.Equal(answer, string.Join(' ', answers));
    }

    [Fact]
    public void Leds_are_what_the_host_says()
    {
        Send(0xED, 0x05);

        Assert.Equal(5, _keyboard.Leds);
    }

    [Fact]
    public void A_disabled_keyboard_says_nothing_until_enabled()
    {
        Send(0xF5);
        Assert.Equal("", Type("a"));

        Send(0xF4);
        Assert.Equal("1c f0 1c", Type("a"));
    }

    [Fact]
    public void Sixteen_bytes_wait_and_a_key_that_does_not_fit_is_lost_whole()
    {
        for (var i = 0; i < 6; i++) Press("a");

        Assert.Equal("1c f0 1c 1c f0 1c 1c f0 1c 1c f0 1c 1c f0 1c 1c", Read());
    }

    [Fact]
    public void An_answer_overtakes_keys_that_wait()
    {
        _keyboard.Press("a", true);
        _pc.Out(0x60, 0xEE);

        Assert.Equal("ee 1c", Read());
    }

    [Fact]
    public void Every_name_of_a_key_is_known_and_no_other()
    {
        Assert.All(["a", "0", "f12", "spc", "bracket_left", "meta_l", "kp_5", "henkan", "volumeup"], name => Assert.True(_keyboard.Press(name, false)));
        Assert.False(_keyboard.Press("any", true));
    }

    private string Type(string key)
    {
        Press(key);
        return Read();
    }

    private void Press(string key)
    {
        _keyboard.Press(key, true);
        _keyboard.Press(key, false);
    }

    private void Send(params byte[] bytes)
    {
        foreach (byte value in bytes)
        {
            _pc.Out(0x60, value);
            Read();
        }
    }

    private string Read()
    {
        var bytes = new List<string>();
        while ((_pc.In(0x64) & 0x01) != 0) bytes.Add($"{_pc.In(0x60):x2}");
        return string.Join(' ', bytes);
    }
}
