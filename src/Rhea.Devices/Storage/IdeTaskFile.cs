using System.Buffers.Binary;
using Rhea.Core.State;

namespace Rhea.Devices.Storage;

/// <summary>The registers of one of the two places on an IDE cable, and its drive's buffer. They exist without a drive, too.</summary>
/// <remarks>ATA/ATAPI-6, chapters 6 and 7. A register that LBA48 commands write twice keeps its previous content ("hob").</remarks>
public sealed class IdeTaskFile : IState
{
    public const byte Busy = 0x80, Ready = 0x40, Seek = 0x10, DataRequest = 0x08, Failed = 0x01; // status
    public const byte LbaMode = 0x40, HeadBits = 0x0F;                                           // device/head
    public const int Sector = 512, MultipleLimit = 16, IdentifyLength = 512;
    internal static readonly StructType Type = new("ide_drive", 3);

    public byte Feature, Error, SectorNumber, CylinderLow, CylinderHigh, DeviceHead, Status;
    public byte HobFeature, HobCount, HobSectorNumber, HobCylinderLow, HobCylinderHigh;

    /// <summary>The sector count; during a command the sectors that are left, so it holds more than a byte.</summary>
    public uint Count;

    /// <summary>The command that runs takes 48-bit addresses.</summary>
    public byte Lba48;

    public int MultipleSectors;
    public byte SenseKey, AdditionalSense;

    /// <summary>1: the guest has not been told yet that the medium went; 2: it has not been told that another one came.</summary>
    public byte MediumChanged;
    public bool TrayOpen, TrayLocked;
    public bool NewMedium, EjectRequested;

    [NotState("sent only in the middle of a data transfer; IdeChannelTests saves there")]
    public readonly IdePio Pio = new();

    private readonly byte[] _identify = new byte[IdentifyLength];
    private int _identifySet;

    /// <summary>What IDENTIFY answers. The guest's settings are kept here and nowhere else.</summary>
    public Span<byte> Identify => _identify;

    /// <summary>The guest knows what IDENTIFY answers, or has changed it: from now on it is a part of the state.</summary>
    public void KeepIdentify() => _identifySet = 1;

    public bool Is(byte status) => (Status & status) != 0;

    /// <summary>A word of IDENTIFY's answer.</summary>
    public ushort IdentifyWord(int index) => BinaryPrimitives.ReadUInt16LittleEndian(_identify.AsSpan(index * 2));

    public void SetIdentifyWord(int index, int value) => BinaryPrimitives.WriteUInt16LittleEndian(Identify[(index * 2)..], (ushort)value);

    /// <summary>Power-on. IDENTIFY's answer is made anew by the drive, and sent only once the guest has asked for it.</summary>
    public void Reset()
    {
        (Feature, Error, Count, SectorNumber, CylinderLow, CylinderHigh) = (0, 0, 0, 0, 0, 0);
        (HobFeature, HobCount, HobSectorNumber, HobCylinderLow, HobCylinderHigh, Lba48) = (0, 0, 0, 0, 0, 0);
        (DeviceHead, Status) = (0xA0, Ready | Seek);
        MultipleSectors = MultipleLimit;
        (SenseKey, AdditionalSense, MediumChanged) = (0, 0, 0);
        (TrayOpen, TrayLocked, NewMedium, EjectRequested) = (false, false, false, false);
        Pio.Reset();
        _identifySet = 0;
    }

    /// <summary>What a drive puts into its registers after a reset, by which its kind is known.</summary>
    public void SetSignature(byte low, byte high)
    {
        DeviceHead &= unchecked((byte)~HeadBits);
        (Count, SectorNumber, CylinderLow, CylinderHigh) = (1, 1, low, high);
    }

    public void Visit(StateVisitor state) => Visit(state, needsPio: false);

    /// <param name="state">Saves or loads.</param>
    /// <param name="needsPio">The buffer matters although no data are requested: a failed request will be tried again.</param>
    internal void Visit(StateVisitor state, bool needsPio)
    {
        state.Int32("mult_sectors", ref MultipleSectors);
        state.Demand(MultipleSectors is >= 0 and <= MultipleLimit, $"mult_sectors was {MultipleSectors}");
        state.Int32("identify_set", ref _identifySet);
        if (_identifySet != 0) state.Buffer("identify_data", _identify);
        state.UInt8("feature", ref Feature);
        state.UInt8("error", ref Error);
        state.UInt32("nsector", ref Count);
        state.UInt8("sector", ref SectorNumber);
        state.UInt8("lcyl", ref CylinderLow);
        state.UInt8("hcyl", ref CylinderHigh);
        state.UInt8("hob_feature", ref HobFeature);
        state.UInt8("hob_sector", ref HobSectorNumber);
        state.UInt8("hob_nsector", ref HobCount);
        state.UInt8("hob_lcyl", ref HobCylinderLow);
        state.UInt8("hob_hcyl", ref HobCylinderHigh);
        state.UInt8("select", ref DeviceHead);
        state.UInt8("status", ref Status);
        state.UInt8("lba48", ref Lba48);
        state.UInt8("sense_key", ref SenseKey);
        state.UInt8("asc", ref AdditionalSense);
        if (state.Version >= 3) state.UInt8("cdrom_changed", ref MediumChanged);
        state.Subsection("ide_drive/pio_state", 1, Is(DataRequest) || needsPio, Pio.Visit);
        state.Subsection("ide_drive/tray_state", 1, TrayOpen || TrayLocked, VisitTray);
        state.Subsection("ide_drive/atapi/gesn_state", 1, NewMedium || EjectRequested, VisitEvents);
    }

    private void VisitTray(StateVisitor state)
    {
        state.Bool("tray_open", ref TrayOpen);
        state.Bool("tray_locked", ref TrayLocked);
    }

    private void VisitEvents(StateVisitor state)
    {
        state.Bool("events.new_media", ref NewMedium);
        state.Bool("events.eject_request", ref EjectRequested);
    }
}
