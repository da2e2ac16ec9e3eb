using Rhea.Core.State;

namespace Rhea.Devices.Chipset;

/// <summary>The SMBus host controller of the PIIX4, and the devices on its bus. A guest starts a transaction and polls for its end.</summary>
/// <remarks>
/// Data sheets: Intel 82371AB, 1997, chapter 7.3; for block transfers, which go byte by byte or as a whole, Intel 82801EB (ICH5),
/// 2003, chapter 5.21. As in QEMU a transaction is carried out when the guest first looks at the status, which then says "busy" once,
/// or at once if the guest has asked for interrupts, of which there are none.
/// </remarks>
internal sealed class SmBusHost
{
    private const int HostStatus = 0, HostControl = 2, HostCommand = 3, HostAddress = 4, Data0 = 5, Data1 = 6, BlockData = 7, AuxControl = 13;
    private const byte Busy = 0x01, Done = 0x02, DeviceError = 0x04, Failed = 0x10, ByteDone = 0x80;         // status
    private const byte Start = 0x40, LastByte = 0x20, Kill = 0x02, InterruptEnable = 0x01, ReadBack = 0x1F;   // control
    private const int ProtocolShift = 2, Quick = 0, Byte = 1, ByteWithCommand = 2, Word = 3, Block = 5, I2cRead = 6;
    private const byte WholeBlocks = 0x02;                                                                   // auxiliary control
    private const byte Nobody = 0xFF;

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
                if (!_pending) return status;
                _status &= unchecked((byte)~Busy);
                Transact();
                return status;
            case HostControl: return (byte)(_control & ReadBack);
            case HostCommand: return _command;
            case HostAddress: return _address;
            case Data0: return _data0;
            case Data1: return _data1;
            case BlockData: return IsWhole ? ReadBlock() : _blockData;
            case AuxControl: return _auxControl;
            default: return 0;
        }
    }

    public void Write(uint offset, byte value)
    {
        switch (offset)
        {
            case HostStatus:
                bool goesOn = (_status & value & ByteDone) != 0 && !_done;
                _status &= (byte)~(value & ~Busy);
                if (goesOn) NextByte();
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
            case BlockData when (_auxControl & WholeBlocks) == 0:
                _blockData = value;
                break;
            case BlockData:
                if (_blockIndex >= _block.Length) _blockIndex = 0;
                _block[_blockIndex++] = value;
                break;
            case AuxControl:
                _auxControl = (byte)(value & 3);
                break;
        }
    }

    private bool IsWhole => (_auxControl & WholeBlocks) != 0 && !_inBlockRead;

    private int Protocol => _control >> ProtocolShift & 7;

    private bool Reads => (_address & 1) != 0;

    private SmBusEeprom? Device => _devices.GetValueOrDefault((byte)(_address >> 1));

    private byte ReadBlock()
    {
        if (_blockIndex >= _block.Length) _blockIndex = 0;
        byte value = _block[_blockIndex++];
        if (!_done && _blockIndex == _data0) (_done, _blockIndex) = (true, 0);
        return value;
    }

    private void WriteControl(byte value)
    {
        _control = (byte)(value & ~Start);
        if ((value & Start) != 0)
        {
            if (!_done) (_blockIndex, _done) = (0, true);
            if ((value & InterruptEnable) != 0) Transact();
            else (_status, _pending) = ((byte)(_status | Busy), true);
        }

        if ((value & Kill) == 0) return;
        _status = (byte)((_status | Failed) & ~Busy);
        (_done, _blockIndex) = (true, 0);
    }

    private void Transact()
    {
        (_pending, _inBlockRead) = (false, false);
        if ((_status & DeviceError) != 0) _status |= DeviceError; // the last one's must be cleared first
        else if (Protocol == Block) TransactBlock();
        else if (Protocol == I2cRead) BeginI2cRead();
        else _status |= TransactBytes() ? Done : DeviceError;
    }

    private bool TransactBytes()
    {
        SmBusEeprom? device = Device;
        switch (Protocol)
        {
            case Quick: // the address is all
                break;
            case Byte when Reads:
                _data0 = device?.Read() ?? _data0;
                break;
            case Byte:
                device?.Seek(_command);
                break;
            case ByteWithCommand:
                device?.Seek(_command);
                if (Reads) _data0 = device?.Read() ?? _data0;
                else device?.Write(_data0);
                break;
            case Word:
                device?.Seek(_command);
                if (Reads) (_data0, _data1) = (device?.Read() ?? _data0, device?.Read() ?? _data1);
                else device?.Write(_data0, _data1);
                break;
            default:
                return false;
        }

        return device is not null;
    }

    private void TransactBlock()
    {
        bool whole = (_auxControl & WholeBlocks) != 0;
        if (!Reads) _blockIndex = 0;
        if (Reads && !ReadFromDevice())
        {
            _status |= DeviceError;
        }
        else if (!whole)
        {
            if (!Reads) _block[0] = _blockData;
            BeginBytes(_block[0]);
        }
        else
        {
            _status |= Reads || WriteToDevice() ? Done : DeviceError;
            _done = !Reads; // until the guest has taken all of it
        }
    }

    /// <summary>The device tells how many there are; more than a block can be is none.</summary>
    private bool ReadFromDevice()
    {
        if (Device is not { } device) return false;
        device.Seek(_command);
        _data0 = device.Read();
        if (_data0 > _block.Length) _data0 = 0;
        for (var i = 0; i < _data0; i++) _block[i] = device.Read();
        _blockIndex = 0;
        return true;
    }

    private bool WriteToDevice()
    {
        if (_data0 > _block.Length || Device is not { } device) return false;
        device.Seek(_command);
        device.Write([_data0, .. _block.AsSpan(0, _data0)]);
        return true;
    }

    /// <summary>From the offset in the second data register on, until the guest says which byte is the last.</summary>
    private void BeginI2cRead()
    {
        if (Device is not { } device)
        {
            _status |= DeviceError;
            return;
        }

        device.Seek(_data1);
        _inBlockRead = true;
        BeginBytes(device.Read());
    }

    private void BeginBytes(byte first)
    {
        (_blockData, _blockIndex, _done) = (first, 0, false);
        _status |= Busy | ByteDone;
    }

    /// <summary>The guest has taken a byte, or given the next.</summary>
    private void NextByte()
    {
        _blockIndex = (_blockIndex + 1) % (uint)_block.Length;
        if (_inBlockRead || Reads)
        {
            _blockData = _inBlockRead ? Device?.Read() ?? Nobody : _block[_blockIndex];
            if ((_control & LastByte) != 0) EndBytes();
            else _status |= ByteDone;
        }
        else if (_blockIndex != _data0)
        {
            _block[_blockIndex] = _blockData;
            _status |= ByteDone;
        }
        else if (WriteToDevice())
        {
            EndBytes();
        }
        else
        {
            _status |= DeviceError;
        }
    }

    private void EndBytes()
    {
        (_done, _inBlockRead, _blockIndex) = (true, false, 0);
        _status = (byte)((_status & ~Busy) | Done);
    }
}
