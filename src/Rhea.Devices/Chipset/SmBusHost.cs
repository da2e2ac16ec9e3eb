using Rhea.Core.State;

namespace Rhea.Devices.Chipset;

/// <summary>The SMBus host controller of the PIIX4, and the devices on its bus. A guest starts a transaction and polls for its end.</summary>
/// <remarks>
/// Data sheet: Intel 82371AB, 1997, chapter 7.3. As in QEMU a transaction is carried out when the guest first looks at the
/// status, which then says "busy" once. Quick commands, bytes and words; block transfers find nobody.
/// </remarks>
internal sealed class SmBusHost
{
    private const int HostStatus = 0, HostControl = 2, HostCommand = 3, HostAddress = 4, Data0 = 5, Data1 = 6, BlockData = 7, AuxControl = 13;
    private const byte Busy = 0x01, Done = 0x02, DeviceError = 0x04, ByteDone = 0x80; // status
    private const byte Start = 0x40, Kill = 0x02;                                     // control
    private const int ProtocolShift = 2;
    private const byte WholeBlocks = 0x02;                                            // auxiliary control

    private static readonly StructType Type = new("pmsmb", 1);

    private readonly Dictionary<byte, SmBusEeprom> _devices = [];
    private byte _status, _control, _command, _address, _data0, _data1, _auxControl, _blockData;
    private uint _blockIndex;
    private readonly byte[] _block = new byte[32];
    private bool _i2c, _done, _inBlockRead, _pending;

    public void Add(byte address, SmBusEeprom device) => _devices.Add(address, device);

    public void Reset()
    {
        (_status, _control, _command, _address, _data0, _data1, _blockData, _blockIndex) = (0, 0, 0, 0, 0, 0, 0, 0);
        (_auxControl, _i2c, _done, _inBlockRead, _pending) = (WholeBlocks, false, true, false, false);
        Array.Clear(_block);
        foreach (SmBusEeprom device in _devices.Values) device.Reset();
    }

    public void Visit(string name, StateVisitor state) => state.Struct(name, Type, smb =>
    {
        smb.UInt8("smb_stat", ref _status);
        smb.UInt8("smb_ctl", ref _control);
        smb.UInt8("smb_cmd", ref _command);
        smb.UInt8("smb_addr", ref _address);
        smb.UInt8("smb_data0", ref _data0);
        smb.UInt8("smb_data1", ref _data1);
        smb.UInt32("smb_index", ref _blockIndex);
        smb.UInt8("smb_data", _block);
        smb.UInt8("smb_auxctl", ref _auxControl);
        smb.UInt8("smb_blkdata", ref _blockData);
        smb.Bool("i2c_enable", ref _i2c);
        smb.Bool("op_done", ref _done);
        smb.Bool("in_i2c_block_read", ref _inBlockRead);
        smb.Bool("start_transaction_on_status_read", ref _pending);
    });

    public byte Read(uint offset)
    {
        switch (offset)
        {
            case HostStatus:
                byte status = _status;
                if (_pending) Transact();
                return status;
            case HostControl:
                _blockIndex = 0;
                return (byte)(_control & 0x1F);
            case HostCommand: return _command;
            case HostAddress: return _address;
            case Data0: return _data0;
            case Data1: return _data1;
            case BlockData: return _block[_blockIndex++ % (uint)_block.Length];
            case AuxControl: return _auxControl;
            default: return 0;
        }
    }

    public void Write(uint offset, byte value)
    {
        switch (offset)
        {
            case HostStatus:
                _status &= (byte)~(value & ~Busy);
                break;
            case HostControl:
                WriteControl(value);
                break;
            case HostCommand:
                _command = value;
                break;
            case HostAddress:
                _address = value;
                break;
            case Data0:
                _data0 = value;
                break;
            case Data1:
                _data1 = value;
                break;
            case BlockData:
                _block[_blockIndex++ % (uint)_block.Length] = value;
                break;
            case AuxControl:
                _auxControl = (byte)(value & 3);
                break;
        }
    }

    private void WriteControl(byte value)
    {
        _control = (byte)(value & ~Start);
        if ((value & Kill) != 0) (_status, _pending) = ((byte)(_status & ~Busy), false);
        else if ((value & Start) != 0 && !_pending) (_status, _pending) = (Busy, true);
    }

    private void Transact()
    {
        _pending = false;
        bool reads = (_address & 1) != 0;
        bool answered = _devices.TryGetValue((byte)(_address >> 1), out SmBusEeprom? device);
        switch (_control >> ProtocolShift & 7)
        {
            case 0: // quick: the address is all
                break;
            case 1 when reads:
                _data0 = device?.Read() ?? _data0;
                break;
            case 1:
                device?.Seek(_command);
                break;
            case 2:
                device?.Seek(_command);
                if (reads) _data0 = device?.Read() ?? _data0;
                else device?.Write(_data0);
                break;
            case 3:
                device?.Seek(_command);
                if (reads) (_data0, _data1) = (device?.Read() ?? _data0, device?.Read() ?? _data1);
                if (reads) break;
                device?.Write(_data0, _data1);
                break;
            default:
                answered = false;
                break;
        }

        _status = (byte)((_status & ByteDone) | (answered ? Done : DeviceError));
    }
}
