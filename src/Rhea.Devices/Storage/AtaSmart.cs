using System.Buffers.Binary;
using Rhea.Core.State;

namespace Rhea.Devices.Storage;

/// <summary>A disk's opinion of its own health: SMART. It is always good.</summary>
/// <remarks>ATA/ATAPI-6, 8.55. QEMU's stream has no room for these settings, so a loaded disk has them as after power-on.</remarks>
internal sealed class AtaSmart(IdeTaskFile registers)
{
    private const byte ReadData = 0xD0, ReadThresholds = 0xD1, AutoSave = 0xD2, RunTest = 0xD4, ReadLog = 0xD5, Enable = 0xD8, Disable = 0xD9, Status = 0xDA;
    private const byte KeyLow = 0x4F, KeyHigh = 0xC2;
    private const byte ErrorLog = 1, SelfTestLog = 6;
    private const int EntryLength = 12, Length = 512, TestSlots = 21;

    /// <summary>Attribute, its flags, its raw value, and the value below which the disk would be failing.</summary>
    private static readonly (byte Id, byte Flags, byte Value, byte[] Raw, byte Threshold)[] Attributes =
    [
        (0x01, 0x03, 0x64, [], 0x06),                             // read errors
        (0x03, 0x03, 0x64, [0x10], 0x00),                         // time to spin up
        (0x04, 0x02, 0x64, [0x64], 0x14),                         // starts
        (0x05, 0x03, 0x64, [], 0x24),                             // reallocated sectors
        (0x09, 0x03, 0x64, [0x01], 0x00),                         // hours of power
        (0x0C, 0x03, 0x64, [], 0x00),                             // power cycles
        (0xBE, 0x03, 0x45, [0x1F, 0x00, 0x1F, 0x1F], 0x32),       // temperature
    ];

    [NotState("QEMU's stream has no room for it")]
    private bool _enabled = true, _autoSave = true;

    [NotState("QEMU's stream has no room for it")]
    private byte _lastTest, _tests;

    internal enum Answer
    {
        Refused,
        Done,

        /// <summary>512 bytes are at the start of the buffer.</summary>
        Data,
    }

    public void Reset() => (_enabled, _autoSave, _lastTest, _tests) = (true, true, 0, 0);

    public Answer Run()
    {
        bool known = registers.CylinderLow == KeyLow && registers.CylinderHigh == KeyHigh;
        if (!known || (!_enabled && registers.Feature != Enable)) return Answer.Refused;
        switch (registers.Feature)
        {
            case Enable:
                _enabled = true;
                return Answer.Done;
            case Disable:
                _enabled = false;
                return Answer.Done;
            case AutoSave when registers.Count is 0 or 0xF1:
                _autoSave = registers.Count != 0;
                return Answer.Done;
            case Status:
                return Answer.Done; // the key in the cylinder registers stays: no threshold exceeded
            case ReadData:
                return Give(WriteData);
            case ReadThresholds:
                return Give(WriteThresholds);
            case ReadLog when registers.SectorNumber == ErrorLog:
                return Give(data => data[0] = 1);
            case ReadLog when registers.SectorNumber == SelfTestLog:
                return Give(WriteTestLog);
            case RunTest when registers.SectorNumber is 0 or 1 or 2: // off-line, short, extended: over at once
                (_lastTest, _tests) = (registers.SectorNumber, (byte)Math.Min(_tests + 1, TestSlots));
                return Answer.Done;
            default:
                return Answer.Refused;
        }
    }

    private Answer Give(Action<byte[]> write)
    {
        var data = new byte[Length];
        write(data);
        byte sum = 0;
        foreach (byte value in data) sum += value;
        data[^1] = (byte)-sum; // all bytes add up to zero
        data.CopyTo(registers.Pio.Bytes);
        return Answer.Data;
    }

    private void WriteData(byte[] data)
    {
        data[0] = 1;
        for (var i = 0; i < Attributes.Length; i++)
        {
            Span<byte> entry = data.AsSpan(2 + (i * EntryLength), EntryLength);
            (entry[0], entry[1], entry[3], entry[4]) = (Attributes[i].Id, Attributes[i].Flags, Attributes[i].Value, Attributes[i].Value);
            Attributes[i].Raw.CopyTo(entry[5..]);
        }

        data[362] = (byte)(_autoSave ? 0x82 : 0x02);                                    // off-line collection done
        BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(364), 288);                // its seconds
        (data[367], data[368], data[370]) = (0x19, 0x03, 0x01);                         // what the disk can
        (data[372], data[373], data[374]) = (2, 54, 1);                                 // minutes of the tests
    }

    private static void WriteThresholds(byte[] data)
    {
        data[0] = 1;
        for (var i = 0; i < Attributes.Length; i++)
            (data[2 + (i * EntryLength)], data[3 + (i * EntryLength)]) = (Attributes[i].Id, Attributes[i].Threshold);
    }

    private void WriteTestLog(byte[] data)
    {
        const int EntriesAt = 2, LogEntry = 24, LastIndex = 508;
        data[0] = 1;
        if (_tests == 0) return;
        data[EntriesAt + ((_tests - 1) * LogEntry)] = _lastTest;
        BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(EntriesAt + ((_tests - 1) * LogEntry) + 2), 0x1234); // hours of life
        data[LastIndex] = _tests;
    }
}
