using Rhea.Devices.Debug;
using Xunit;

namespace Rhea.Tests.Devices;

public class DebugConsoleTests
{
    private readonly PcBench _pc = new();
    private readonly TestWire _log = new();

    public DebugConsoleTests()
    {
        _pc.Chardevs.Add("log", _log);
        new DebugConsole(_pc.IsaSlot(), new() { IoBase = 0x402, Chardev = "log" }).Reset();
    }

    [Fact]
    public void Firmware_finds_it_by_reading_and_prints_by_writing()
    {
        Assert.Equal(0xE9, _pc.In(0x402));

        foreach (char c in "SeaBIOS") _pc.Out(0x402, (byte)c);

        Assert.Equal("SeaBIOS", _log.Received);
    }

    [Fact]
    public void What_a_busy_host_does_not_take_comes_later_in_order()
    {
        _log.Room = 1;
        foreach (char c in "abc") _pc.Out(0x402, (byte)c);
        Assert.Equal("a", _log.Received);

        _log.Room = 9;
        _log.Device!.CanWrite();
        _pc.Out(0x402, (byte)'d');

        Assert.Equal("abcd", _log.Received);
    }
}
