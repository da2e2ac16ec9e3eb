using Rhea.Devices.Input;
using Xunit;

namespace Rhea.Tests.Devices;

public class Ps2MouseTests
{
    private readonly Ps2Mouse _mouse = new();
    private readonly PcBench _pc = new();

    public Ps2MouseTests()
    {
        Ps2Keyboard keyboard = new();
        var controller = new I8042(_pc.IsaSlot(), keyboard, _mouse, _ => { }, () => { });
        keyboard.Reset();
        _mouse.Reset();
        controller.Reset();
    }

    [Theory]
    [InlineData("fa aa 00", 0xFF)]
    [InlineData("fa 00", 0xF2)]
    [InlineData("fa 00 02 64", 0xE9)]
    [InlineData("fa fa fa fa 10 03 64", 0xE7, 0xE8, 0x03, 0xE9)]
    [InlineData("fa 08 00 00", 0xEB)]
    [InlineData("fa 55 fa", 0xEE, 0x55, 0xEC)]
    [InlineData("fe", 0xE1)]
    public void Commands_are_answered(string answer, params int[] bytes)
    {
        Assert.Equal(answer, Send(bytes));
    }

    [Fact]
    public void A_movement_is_three_bytes_with_y_upwards()
    {
        Send(0xF4);

        _mouse.Move(5, 3, 0);

        Assert.Equal("28 05 fd", Read());
    }

    [Fact]
    public void A_wheel_shows_after_its_knock()
    {
        Assert.EndsWith("fa 03", Send(0xF3, 200, 0xF3, 100, 0xF3, 80, 0xF2));
        Send(0xF4);

        _mouse.Move(0, 0, -1);

        Assert.Equal("08 00 00 ff", Read());
    }

    [Fact]
    public void Five_buttons_show_after_the_second_knock()
    {
        Assert.EndsWith("fa 04", Send(0xF3, 200, 0xF3, 200, 0xF3, 80, 0xF2));
        Send(0xF4);

        _mouse.Button(1, true);
        _mouse.Button(4, true);

        Assert.Equal("0a 00 00 00 0a 00 00 20", Read());
    }

    [Fact]
    public void A_movement_too_long_for_one_packet_takes_several()
    {
        Send(0xF4);

        _mouse.Move(-300, 0, 0);

        Assert.Equal("18 81 00 18 81 00 18 d2 00", Read());
    }

    [Fact]
    public void Movements_that_find_no_room_are_added_up()
    {
        Send(0xF4);

        for (var i = 0; i < 100; i++) _mouse.Move(1, 0, 0);

        byte[] bytes = [.. Read().Split(' ').Select(text => Convert.ToByte(text, 16))];
        Assert.Equal(100, Enumerable.Range(0, bytes.Length / 3).Sum(i => bytes[(i * 3) + 1]));
    }

    [Fact]
    public void A_disabled_mouse_says_nothing()
    {
        _mouse.Move(1, 1, 0);
        _mouse.Button(0, true);

        Assert.Equal("", Read());
    }

    [Fact]
    public void In_remote_mode_it_waits_to_be_asked()
    {
        Send(0xF4, 0xF0);
        _mouse.Move(7, 0, 0);
        Assert.Equal("", Read());

        Assert.Equal("fa 08 07 00", Send(0xEB));
    }

    private string Send(params int[] bytes)
    {
        var answers = new List<string>();
        foreach (int value in bytes)
        {
            _pc.Out(0x64, 0xD4);
            _pc.Out(0x60, (byte)value);
            answers.Add(Read());
        }

        return string.Join(' ', answers);
    }

    private string Read()
    {
        var bytes = new List<string>();
        while ((_pc.In(0x64) & 0x21) == 0x21) bytes.Add($"{_pc.In(0x60):x2}");
        return string.Join(' ', bytes);
    }
}
