using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.State;

namespace Rhea.Devices.Chipset;

/// <summary>Port 61h: the gate of the timer's counter 2, and the switch that leads its output to the speaker.</summary>
/// <remarks>System control port B of the IBM PC AT, Technical Reference 1984, 1-37. The memory refresh bit toggles at every read.</remarks>
public sealed class PcSpeaker : Device
{
    private const int Counter = 2;
    private const byte GateBit = 0x01, DataBit = 0x02, RefreshBit = 0x10, OutputBit = 0x20;

    private readonly I8254? _pit;
    private bool _data;
    private byte _refresh; // the bit, in its place

    /// <param name="slot">Its place on the board.</param>
    /// <param name="pit">The timer; null when the hypervisor keeps it, and the port with it.</param>
    public PcSpeaker(IsaSlot slot, I8254? pit)
    {
        _pit = pit;
        if (pit is null) return;
        slot.MapPorts(0x61, new IoRegion("pcspk", 1, AccessSizes.Byte, (_, _) => Read(), (_, _, value) => Write((byte)value)));
    }

    public override string Model => "isa-pcspk";

    public override StructType Section { get; } = new("pcspk", 1);

    /// <summary>In hertz; 0 is silence. A counter that makes no square wave, or one above hearing, makes no tone.</summary>
    public int Tone => _data && _pit is not null && _pit.Gate(Counter) && _pit.Programmed(Counter) is ( >= 60 and var count, 3) ? I8254.Hertz / count : 0;

    public override void Reset()
    {
    }

    public override void Visit(StateVisitor state)
    {
        state.UInt8("data_on", ref _data);
        state.UInt8("dummy_refresh_clock", ref _refresh);
    }

    private uint Read()
    {
        _refresh ^= RefreshBit;
        return (uint)((_pit!.Gate(Counter) ? GateBit : 0) | (_data ? DataBit : 0) | (_refresh & RefreshBit) | (_pit!.Output(Counter) ? OutputBit : 0));
    }

    private void Write(byte value)
    {
        _data = (value & DataBit) != 0;
        _pit!.SetGate(Counter, (value & GateBit) != 0);
    }
}
