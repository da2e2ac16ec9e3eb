using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.State;

namespace Rhea.Devices.Chipset;

/// <summary>Port 92h: the quick way to the A20 gate and to a reset, introduced with the PS/2.</summary>
/// <remarks>System control port A: IBM PS/2 Hardware Interface Technical Reference, 1988, "System Control Port A".</remarks>
public sealed class Port92 : Device
{
    private const byte FastReset = 0x01, A20 = 0x02;

    private readonly Action<bool> _setA20;
    private readonly Action _reset;
    private byte _latch;

    /// <param name="slot">Its place on the board.</param>
    /// <param name="setA20">The A20 gate: true opens it.</param>
    /// <param name="reset">Told of a rising edge of bit 0.</param>
    public Port92(IsaSlot slot, Action<bool> setA20, Action reset)
    {
        (_setA20, _reset) = (setA20, reset);
        slot.MapPorts(0x92, new IoRegion("port92", 1, AccessSizes.Byte, (_, _) => _latch, (_, _, value) => Write((byte)value)));
    }

    public override string Model => "port92";

    public override StructType Section { get; } = new("port92", 1);

    public override void Reset() => _latch = 0;

    public override void Visit(StateVisitor state) => state.UInt8("outport", ref _latch);

    private void Write(byte value)
    {
        byte before = _latch;
        _latch = value;
        _setA20((value & A20) != 0);
        if ((value & ~before & FastReset) != 0) _reset();
    }
}
