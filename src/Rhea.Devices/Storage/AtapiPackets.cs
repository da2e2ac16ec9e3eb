using System.Buffers.Binary;
using System.Text;
using Rhea.Core.Backends;

namespace Rhea.Devices.Storage;

/// <summary>What a CD drive answers to each packet: bytes, sectors of the disc, or a reason why not.</summary>
/// <remarks>SPC-2 and MMC-3; the values are those of QEMU's drive.</remarks>
internal sealed class AtapiPackets(IdeTaskFile registers, IBlockBackend? drive, IdeNames names)
{
    private const byte TestUnitReady = 0x00, RequestSense = 0x03, Inquiry = 0x12, StartStop = 0x1B, PreventRemoval = 0x1E, ReadCapacity = 0x25,
        Read10 = 0x28, Seek10 = 0x2B, ReadToc = 0x43, GetConfiguration = 0x46, GetEventStatus = 0x4A, ReadDiscInformation = 0x51,
        ModeSense10 = 0x5A, Read12 = 0xA8, ReadDvdStructure = 0xAD, SetSpeed = 0xBB, MechanismStatus = 0xBD, ReadCd = 0xBE;
    private const int DataFrame = 0x10, WholeFrame = 0xF8;
    private const long LongestCd = 80 * 60 * 75; // sectors; more are a DVD
    public const int FrameHeader = 16;

    private bool HasMedium => drive is { HasMedium: true } && !registers.TrayOpen;

    private long Sectors => HasMedium ? drive!.Length / AtapiDrive.SectorLength : 0;

    private bool IsDvd => Sectors > LongestCd;

    /// <summary>Whether a command, when it succeeds, has something to send.</summary>
    public static bool HasAnswer(byte command) => command is not (TestUnitReady or StartStop or PreventRemoval or Seek10 or SetSpeed);

    public AtapiAnswer Run(ReadOnlySpan<byte> packet)
    {
        byte command = packet[0];
        if (registers.MediumChanged != 0 && command is not (Inquiry or RequestSense or GetConfiguration or GetEventStatus))
        {
            bool gone = registers.MediumChanged == 1;
            registers.MediumChanged = (byte)(gone && HasMedium ? 2 : 0);
            return Refuse(gone ? AtapiSense.NoMedium : AtapiSense.MediumChanged);
        }

        bool needsMedium = command is TestUnitReady or ReadCapacity or Read10 or Read12 or ReadCd or Seek10 or ReadToc or ReadDiscInformation or ReadDvdStructure;
        if (needsMedium && !HasMedium) return Refuse(AtapiSense.NoMedium);
        return command switch
        {
            TestUnitReady or SetSpeed => AtapiAnswer.Nothing,
            RequestSense => AnswerSense(packet[4]),
            Inquiry => AnswerInquiry(packet),
            StartStop => MoveTray(packet[4]),
            PreventRemoval => Lock((packet[4] & 1) != 0),
            ReadCapacity => AnswerCapacity(),
            Read10 => Read(BinaryPrimitives.ReadUInt32BigEndian(packet[2..]), BinaryPrimitives.ReadUInt16BigEndian(packet[7..]), whole: false),
            Read12 => Read(BinaryPrimitives.ReadUInt32BigEndian(packet[2..]), BinaryPrimitives.ReadUInt32BigEndian(packet[6..]), whole: false),
            ReadCd => AnswerReadCd(packet),
            Seek10 => BinaryPrimitives.ReadUInt32BigEndian(packet[2..]) < Sectors ? AtapiAnswer.Nothing : Refuse(AtapiSense.AddressOutOfRange),
            ReadToc => AnswerToc(packet),
            GetConfiguration => AnswerConfiguration(packet),
            GetEventStatus => AnswerEvents(packet),
            ReadDiscInformation => AnswerDiscInformation(packet),
            ModeSense10 => AnswerModeSense(packet),
            ReadDvdStructure => AnswerDvdStructure(packet),
            MechanismStatus => Cut([0, 0, 0, 0, 0, 1, 0, 0], BinaryPrimitives.ReadUInt16BigEndian(packet[8..])),
            _ => Refuse(AtapiSense.UnknownCommand),
        };
    }

    public void SetSense(AtapiSense sense) => (registers.SenseKey, registers.AdditionalSense) = ((byte)((int)sense >> 8), (byte)sense);

    /// <summary>A whole sector around its 2,048 bytes of data: sync pattern, address and mode before, room for correction codes after.</summary>
    public static void FrameSector(Span<byte> sector, long address)
    {
        sector.Clear();
        sector[1..11].Fill(0xFF);
        WriteMsf(sector[12..], address);
        sector[15] = 1; // mode 1
    }

    private AtapiAnswer Refuse(AtapiSense sense)
    {
        SetSense(sense);
        return AtapiAnswer.Refusal;
    }

    private static AtapiAnswer Cut(byte[] answer, int room) => new(answer.Length <= room ? answer : answer[..room]);

    private AtapiAnswer AnswerSense(int room)
    {
        byte[] sense = [0xF0, 0, registers.SenseKey, 0, 0, 0, 0, 10, 0, 0, 0, 0, registers.AdditionalSense, 0, 0, 0, 0, 0];
        if (registers.SenseKey == (int)AtapiSense.MediumChanged >> 8) SetSense(AtapiSense.None);
        return Cut(sense, room);
    }

    private AtapiAnswer AnswerInquiry(ReadOnlySpan<byte> packet)
    {
        const byte VitalProductData = 1, SupportedPages = 0x00, DeviceIdentification = 0x83, CdType = 0x05, Removable = 0x80;
        int room = BinaryPrimitives.ReadUInt16BigEndian(packet[3..]);
        byte page = packet[2];
        if ((packet[1] & VitalProductData) == 0)
            return page != 0 ? Refuse(AtapiSense.InvalidField)
                : Cut([CdType, Removable, 0, 0x21, 31, 0, 0, 0, .. Text("QEMU", 8), .. Text(names.Model, 16), .. Text(names.Version, 4)], room);
        return page switch
        {
            SupportedPages => Cut([CdType, SupportedPages, 0, 2, SupportedPages, DeviceIdentification], room),
            DeviceIdentification => Cut([CdType, DeviceIdentification, 0, 96, 2, 0, 0, 20, .. Text(names.Serial, 20), 2, 1, 0, 68, .. Text("ATA", 8), .. Text(names.Model, 40), .. Text(names.Serial, 20)], room),
            _ => Refuse(AtapiSense.InvalidField),
        };
    }

    private AtapiAnswer MoveTray(byte action)
    {
        const byte Start = 0x01, LoadEject = 0x02, PowerCondition = 0xF0;
        if ((action & PowerCondition) != 0 || (action & LoadEject) == 0) return AtapiAnswer.Nothing;
        bool close = (action & Start) != 0;
        if (!close && !registers.TrayOpen && registers.TrayLocked) return Refuse(HasMedium ? AtapiSense.RemovalPrevented : AtapiSense.RemovalPreventedEmpty);
        registers.TrayOpen = !close;
        return AtapiAnswer.Nothing;
    }

    private AtapiAnswer Lock(bool locked)
    {
        registers.TrayLocked = locked;
        return AtapiAnswer.Nothing;
    }

    private AtapiAnswer AnswerCapacity()
    {
        var answer = new byte[8];
        BinaryPrimitives.WriteUInt32BigEndian(answer, (uint)(Sectors - 1));
        BinaryPrimitives.WriteUInt32BigEndian(answer.AsSpan(4), AtapiDrive.SectorLength);
        return new AtapiAnswer(answer);
    }

    private AtapiAnswer Read(uint sector, uint count, bool whole)
    {
        const uint Most = int.MaxValue / AtapiDrive.WholeSectorLength; // an answer's length stays a number
        if (count == 0) return AtapiAnswer.Nothing;
        return count > Most || sector + (long)count > Sectors ? Refuse(AtapiSense.AddressOutOfRange) : new AtapiAnswer(sector, (int)count, whole);
    }

    private AtapiAnswer AnswerReadCd(ReadOnlySpan<byte> packet)
    {
        uint sector = BinaryPrimitives.ReadUInt32BigEndian(packet[2..]);
        uint count = BinaryPrimitives.ReadUInt32BigEndian(packet[5..]) & 0xFF_FFFF;
        return (packet[9] & WholeFrame) switch
        {
            0 => AtapiAnswer.Nothing,
            DataFrame => Read(sector, count, whole: false),
            WholeFrame => Read(sector, count, whole: true),
            _ => Refuse(AtapiSense.InvalidField),
        };
    }

    private AtapiAnswer AnswerToc(ReadOnlySpan<byte> packet)
    {
        const byte LeadOut = 0xAA, DataTrack = 0x14, LeadOutTrack = 0x16;
        bool msf = (packet[1] & 2) != 0;
        int room = BinaryPrimitives.ReadUInt16BigEndian(packet[7..]);
        byte track = packet[6];
        byte[] start = Position(0, msf), end = Position(Sectors, msf);
        switch (packet[9] >> 6)
        {
            case 0 when track is <= 1:
                return Cut([0, 18, 1, 1, 0, DataTrack, 1, 0, .. start, 0, LeadOutTrack, LeadOut, 0, .. end], room);
            case 0 when track == LeadOut:
                return Cut([0, 10, 1, 1, 0, LeadOutTrack, LeadOut, 0, .. end], room);
            case 1: // sessions
                return Cut([0, 10, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0], room);
            case 2: // the whole table: first track, last track, lead-out, the track
                return Cut([0, 46, 1, 1,
                    1, DataTrack, 0, 0xA0, 0, 0, 0, 0, 1, 0, 0,
                    1, DataTrack, 0, 0xA1, 0, 0, 0, 0, 1, 0, 0,
                    1, DataTrack, 0, 0xA2, 0, 0, 0, .. end,
                    1, DataTrack, 0, 1, 0, 0, 0, .. start], room);
            default:
                return Refuse(AtapiSense.InvalidField);
        }
    }

    private AtapiAnswer AnswerConfiguration(ReadOnlySpan<byte> packet)
    {
        const byte CdProfile = 0x08, DvdProfile = 0x10;
        if (BinaryPrimitives.ReadUInt16BigEndian(packet[2..]) != 0) return Refuse(AtapiSense.InvalidField);
        byte current = !HasMedium ? (byte)0 : IsDvd ? DvdProfile : CdProfile;
        return Cut([0, 0, 0, 16, 0, 0, 0, current, 0, 0, 3, 8, 0, DvdProfile, Flag(current == DvdProfile), 0, 0, CdProfile, Flag(current == CdProfile), 0],
            BinaryPrimitives.ReadUInt16BigEndian(packet[7..]));
    }

    private AtapiAnswer AnswerEvents(ReadOnlySpan<byte> packet)
    {
        const byte Polled = 0x01, MediaClass = 4, MediaBit = 1 << MediaClass, NoClass = 0x80, EjectRequest = 1, NewMedia = 2, MediumPresent = 0x02;
        if ((packet[1] & Polled) == 0) return Refuse(AtapiSense.InvalidField);
        int room = BinaryPrimitives.ReadUInt16BigEndian(packet[7..]);
        if ((packet[4] & MediaBit) == 0) return Cut([0, 0, NoClass, MediaBit], room);
        byte happened = registers.NewMedium ? NewMedia : registers.EjectRequested ? EjectRequest : (byte)0;
        if (registers.NewMedium) registers.NewMedium = false;
        else registers.EjectRequested = false;
        byte status = registers.TrayOpen ? (byte)1 : drive is { HasMedium: true } ? MediumPresent : (byte)0;
        return Cut([0, 4, MediaClass, MediaBit, happened, status, 0, 0], room);
    }

    private AtapiAnswer AnswerDiscInformation(ReadOnlySpan<byte> packet)
    {
        if ((packet[1] & 7) != 0) return Refuse(AtapiSense.InvalidField);
        var answer = new byte[34];
        (answer[1], answer[2]) = (32, 0x0E); // the disc is finished, and so is its last session
        (answer[3], answer[4], answer[5], answer[6], answer[7]) = (1, 1, 1, 1, 0x20);
        return Cut(answer, BinaryPrimitives.ReadUInt16BigEndian(packet[7..]));
    }

    private AtapiAnswer AnswerModeSense(ReadOnlySpan<byte> packet)
    {
        const byte ErrorRecovery = 0x01, AudioControl = 0x0E, Capabilities = 0x2A, Saved = 3;
        int room = BinaryPrimitives.ReadUInt16BigEndian(packet[7..]);
        if (packet[2] >> 6 == Saved) return Refuse(AtapiSense.SavingNotSupported);
        if (packet[2] >> 6 != 0) return Refuse(AtapiSense.InvalidField);
        return (packet[2] & 0x3F) switch
        {
            ErrorRecovery => Cut([0, 14, 0x70, 0, 0, 0, 0, 0, ErrorRecovery, 6, 0, 5, 0, 0, 0, 0], room),
            AudioControl => Cut([0, 22, 0x70, 0, 0, 0, 0, 0, AudioControl, 14, 0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], room),
            Capabilities => Cut([0, 28, 0x70, 0, 0, 0, 0, 0, Capabilities, 0x14, 0x3B, 0, 0x71, 0x60, (byte)(registers.TrayLocked ? 0x2B : 0x29), 0,
                0x02, 0xC0, 0, 2, 0x02, 0, 0x02, 0xC0, 0, 0, 0, 0, 0, 0], room),
            _ => Refuse(AtapiSense.InvalidField),
        };
    }

    private AtapiAnswer AnswerDvdStructure(ReadOnlySpan<byte> packet)
    {
        const byte Physical = 0x00, Copyright = 0x01, Manufacturer = 0x04, Formats = 0xFF;
        int room = BinaryPrimitives.ReadUInt16BigEndian(packet[8..]);
        byte format = packet[7];
        if (format == Formats) return Cut([0, 18, 0, 0, Physical, 0x40, 8, 4, Copyright, 0x40, 0, 8, 3, 0x40, 0, 0xC0, Manufacturer, 0x40, 8, 4], room);
        if (!IsDvd) return Refuse(AtapiSense.IncompatibleMedium);
        var answer = new byte[4 + (format == Copyright ? 4 : 2048)];
        BinaryPrimitives.WriteUInt16BigEndian(answer, (ushort)(answer.Length - 2));
        switch (format)
        {
            case Physical:
                (answer[4], answer[5], answer[6]) = (1, 0x0F, 1); // DVD-ROM, 120 mm at any rate, one layer
                BinaryPrimitives.WriteUInt32BigEndian(answer.AsSpan(12), (uint)(Sectors - 1));
                BinaryPrimitives.WriteUInt32BigEndian(answer.AsSpan(16), (uint)(Sectors - 1));
                return Cut(answer, room);
            case Copyright or Manufacturer:
                return Cut(answer, room);
            default:
                return Refuse(AtapiSense.InvalidField);
        }
    }

    private static byte Flag(bool value) => value ? (byte)1 : (byte)0;

    private static byte[] Text(string text, int length) => Encoding.Latin1.GetBytes(text.PadRight(length)[..length]);

    private static byte[] Position(long sector, bool msf)
    {
        var answer = new byte[4];
        if (msf) WriteMsf(answer.AsSpan(1), sector);
        else BinaryPrimitives.WriteUInt32BigEndian(answer, (uint)sector);
        return answer;
    }

    /// <summary>Minutes, seconds and frames from the start of the lead-in, two seconds before sector 0.</summary>
    private static void WriteMsf(Span<byte> into, long sector)
    {
        long frames = sector + 150;
        (into[0], into[1], into[2]) = ((byte)(frames / 75 / 60), (byte)(frames / 75 % 60), (byte)(frames % 75));
    }
}

/// <summary>An answer to a packet: bytes, or sectors to read, or neither.</summary>
internal readonly record struct AtapiAnswer(byte[]? Data, long Sector, int Sectors, bool WholeSectors, bool Refused)
{
    public static readonly AtapiAnswer Nothing = new([]), Refusal = new(null, 0, 0, false, Refused: true);

    public AtapiAnswer(byte[] data) : this(data, 0, 0, false, false)
    {
    }

    public AtapiAnswer(long sector, int sectors, bool whole) : this(null, sector, sectors, whole, false)
    {
    }

    public int Length => Data?.Length ?? (Sectors * (WholeSectors ? AtapiDrive.WholeSectorLength : AtapiDrive.SectorLength));
}

/// <summary>Why a packet was refused: sense key and additional sense code.</summary>
internal enum AtapiSense
{
    None = 0,
    NoMedium = 0x23A,
    RemovalPrevented = 0x253,
    HardwareError = 0x444,
    UnknownCommand = 0x520,
    AddressOutOfRange = 0x521,
    InvalidField = 0x524,
    IncompatibleMedium = 0x530,
    SavingNotSupported = 0x539,
    RemovalPreventedEmpty = 0x553,
    MediumChanged = 0x628,
}
