using Rhea.Core.State;

namespace Rhea.Devices.Chipset;

/// <summary>A serial EEPROM of 256 bytes, as memory modules have one to describe themselves. Here, as in QEMU's PC, it is empty.</summary>
/// <param name="address">On the bus.</param>
internal sealed class SmBusEeprom(byte address) : IState
{
    public const string Section = "smbus-eeprom";
    public static readonly StructType Type = new(Section, 1);

    private const int MessageLength = 34;

    private static readonly StructType DeviceType = new("smbus-device", 1), SlaveType = new("I2CSlave", 1);

    private readonly byte[] _bytes = new byte[256], _message = new byte[MessageLength]; // the message is the last one written to it
    private byte _offset;
    private bool _accessed;

    /// <summary>QEMU sends nothing of one that nobody has used.</summary>
    public bool IsSent => _accessed;

    public void Reset()
    {
        Array.Clear(_bytes);
        Array.Clear(_message);
        (_offset, _accessed) = (0, false);
    }

    public void Seek(byte offset)
    {
        (_message[0], _offset, _accessed) = (offset, offset, true);
    }

    public byte Read()
    {
        _accessed = true;
        return _bytes[_offset++];
    }

    /// <summary>The bytes after the offset.</summary>
    public void Write(params ReadOnlySpan<byte> values)
    {
        values.CopyTo(_message.AsSpan(1));
        foreach (byte value in values) _bytes[_offset++] = value;
    }

    public void Visit(StateVisitor state)
    {
        state.Struct("smbusdev", DeviceType, VisitDevice);
        state.UInt8("data", _bytes);
        state.UInt8("offset", ref _offset);
        state.Bool("accessed", ref _accessed);
    }

    /// <summary>Between transactions it is idle, and has nothing left to say.</summary>
    private void VisitDevice(StateVisitor state)
    {
        int mode = 0, length = 0;
        byte own = address;
        state.Struct("i2c", SlaveType, slave => slave.UInt8("address", ref own));
        state.Int32("mode", ref mode);
        state.Int32("data_len", ref length);
        state.UInt8("data_buf", _message);
    }
}
