using Rhea.Core.Machines;
using Rhea.Devices.Chipset;
using Rhea.Devices.Input;
using Rhea.Tests.Cpu;
using Xunit;

namespace Rhea.Tests.Devices;

public sealed class VmMouseTests : IDisposable
{
    private const int Eax = 0, Ecx = 1, Edx = 2, Ebx = 3;
    private const uint Data = 39, Status = 40, Command = 41;
    private const uint ReadId = 0x4541_4552, RequestAbsolute = 0x5342_4152, Disable = 0xF5;

    private readonly PcBench _pc = new();
    private readonly FakeAccelerator _processor = new(hosted: false);
    private readonly VmMouse _mouse;

    public VmMouseTests()
    {
        _mouse = new VmMouse(_pc.IsaSlot());
        _mouse.Reset();
        _ = new VmPort(_pc.IsaSlot(), new PortCaller { Vcpu = _processor }, _mouse, new(128 << 20, Guid.Empty, X2Apic: false));
    }

    public void Dispose() => _processor.Dispose();

    [Fact]
    public void It_is_off_until_the_guest_asks_who_it_is()
    {
        Assert.Equal(0xFFFF_0000, Call(Status));

        Call(Command, ReadId);

        Assert.Equal(1u, Call(Status));
        Assert.Equal(0x3442_554Au, Call(Data, 1));
    }

    [Fact]
    public void A_movement_is_buttons_and_three_numbers()
    {
        Call(Command, ReadId);
        Call(Data, 1);

        _mouse.Button(0, down: true);
        _mouse.Move(3, 5, -1);

        Assert.Equal(8u, Call(Status));
        Assert.Equal(0x0001_0020u, Call(Data, 4));
        Assert.Equal(0x0001_0020u, Call(Data, 4));
        Assert.Equal((3u, unchecked((uint)-5), unchecked((uint)-1)), ((uint)_processor.Registers[Ebx], (uint)_processor.Registers[Ecx], (uint)_processor.Registers[Edx]));
    }

    [Fact]
    public void In_absolute_mode_it_says_where_the_pointer_is()
    {
        Call(Command, ReadId);
        Call(Data, 1);
        Call(Command, RequestAbsolute);

        _mouse.Move(100, 200, 0);
        _mouse.Move(-300, 7, 0);

        Call(Data, 4);
        Assert.Equal(0u, Call(Data, 4));
        Assert.Equal((0u, 207u), ((uint)_processor.Registers[Ebx], (uint)_processor.Registers[Ecx]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(0x8000_0001)]
    public void Asked_for_what_it_has_not_it_switches_itself_off(uint count)
    {
        Call(Command, ReadId);

        Call(Data, count);

        Assert.Equal(0xFFFF_0001, Call(Status));
    }

    [Fact]
    public void Switched_off_it_reports_nothing_and_a_full_queue_takes_no_more()
    {
        Call(Command, ReadId);
        for (var i = 0; i < 300; i++) _mouse.Move(1, 1, 0);
        Assert.Equal(1021u, Call(Status));

        Call(Command, Disable);
        _mouse.Move(1, 1, 0);

        Assert.Equal(0xFFFF_03FD, Call(Status));
    }

    [Fact]
    public void Without_the_magic_number_nobody_answers()
    {
        _processor.Registers[Eax] = 0x1234;
        _processor.Registers[Ecx] = 10;

        Assert.Equal(uint.MaxValue, _pc.Ports.Read(0x5658, 4));
    }

    private uint Call(uint command, uint argument = 0)
    {
        (_processor.Registers[Eax], _processor.Registers[Ebx], _processor.Registers[Ecx]) = (VmPort.Magic, argument, command);
        return _pc.Ports.Read(0x5658, 4);
    }
}
