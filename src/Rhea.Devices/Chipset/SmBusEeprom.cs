namespace Rhea.Devices.Chipset;

/// <summary>A serial EEPROM of 256 bytes, as memory modules have one to describe themselves. Here, as in QEMU's PC, it is empty.</summary>
internal sealed class SmBusEeprom
{
    private readonly byte[] _bytes = new byte[256];
    private byte _offset;

    public void Reset() => _offset = 0;

    public void Seek(byte offset) => _offset = offset;

    public byte Read() => _bytes[_offset++];

    public void Write(byte value) => _bytes[_offset++] = value;
}
