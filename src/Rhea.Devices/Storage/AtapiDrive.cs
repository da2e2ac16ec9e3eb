using System.Globalization;
using Rhea.Core.Backends;
using Rhea.Core.Machines;
using Rhea.Core.Memory;

namespace Rhea.Devices.Storage;

/// <summary>A CD or DVD drive on an IDE cable: takes SCSI commands as packets.</summary>
/// <remarks>
/// ATA/ATAPI-6, chapters 8 and 9.8, for the cable; MMC-3 for the packets, whose answers are made by <see cref="AtapiPackets"/>.
/// An answer goes out in blocks of the size that the host names, or all at once through the bus master.
/// </remarks>
[Device("ide-cd", "CD or DVD drive on an IDE cable")]
public sealed class AtapiDrive : IdeDrive
{
    private const byte DeviceReset = 0x08, Read = 0x20, ExecuteDiagnostic = 0x90, Packet = 0xA0, IdentifyPacketDevice = 0xA1,
        FlushCache = 0xE7, IdentifyDevice = 0xEC, SetFeature = 0xEF;
    private const byte UsesDma = 0x01, Overlapped = 0x02;                            // feature register of PACKET
    private const byte IsCommand = 1, ToHost = 2, Ended = IsCommand | ToHost;        // interrupt reason, in the count register
    private const uint FromBuffer = 0x8000_0000, WholeSectors = 0x4000_0000, Address = 0x3FFF_FFFF; // IdePio.Source
    internal const int SectorLength = 2048, WholeSectorLength = 2352;
    private const int PacketLength = 12;

    private readonly IBlockBackend? _drive;
    private readonly AtapiPackets _packets;
    private readonly IdeNames _names;

    public AtapiDrive(IdeSlot slot, Options options) : base(slot, options.Unit, options.BootIndex)
    {
        _drive = slot.Drive(options.Drive);
        _names = new IdeNames(
            options.Serial.Length > 0 ? options.Serial : string.Create(CultureInfo.InvariantCulture, $"QM{Number:00000}"), options.Version, options.Model);
        _packets = new AtapiPackets(Registers, _drive, _names);
        if (_drive is null) return;
        _drive.MediumChanged += OnMediumChanged;
        _drive.EjectRequested += OnEjectRequested;
        _drive.TrayMoved += OnTrayMoved;
    }

    internal override bool TakesDeviceReset => true;

    internal override long Position => 0;

    private IdePio Pio => Registers.Pio;

    /// <summary>Bytes of a sector in the answer that is under way.</summary>
    private int AnswerSector => (Pio.Source & WholeSectors) != 0 ? WholeSectorLength : SectorLength;

    public override string Model => "ide-cd";

    public override void Reset()
    {
        IdeIdentity.DescribeCd(Registers, _names);
        Registers.SetSignature(0x14, 0xEB);
        UpdateTray();
    }

    internal override void SoftReset()
    {
        Registers.SetSignature(0x14, 0xEB);
        (Registers.Error, Registers.Status) = (1, 0);
        Pio.SetBlock(0, 0, IdeStep.Ended);
    }

    public override void Loaded() => UpdateTray();

    internal override void Command(byte command)
    {
        Registers.Error = 0;
        Registers.Status = IdeTaskFile.Ready;
        switch (command)
        {
            case Packet when (Registers.Feature & Overlapped) == 0:
                Registers.Count = IsCommand;
                Pio.PacketLeft = 0;
                OfferBlock(0, PacketLength, IdeStep.Packet, interrupts: false);
                break;
            case IdentifyPacketDevice:
                Registers.KeepIdentify();
                Registers.Identify.CopyTo(Pio.Bytes);
                OfferBlock(0, IdeTaskFile.IdentifyLength, IdeStep.Stop);
                break;
            case IdentifyDevice or Read: // how a host that asks for a disk finds out that this is none
                Registers.SetSignature(0x14, 0xEB);
                Abort();
                break;
            case DeviceReset:
                SoftReset();
                Registers.Error = 0;
                break;
            case ExecuteDiagnostic: Diagnose(); break;
            case SetFeature: SetFeatures(null); break; // there is nothing to write
            case FlushCache: Succeed(); break;
            default: Abort(); break;
        }
    }

    internal override void BlockPassed()
    {
        Registers.Status = IdeTaskFile.Ready | IdeTaskFile.Seek;
        switch (Pio.Next)
        {
            case IdeStep.Packet:
                Registers.Status |= IdeTaskFile.Busy;
                Begin(IdeRequestKind.Packet);
                break;
            case IdeStep.PacketAnswer:
                NextBlock();
                break;
        }
    }

    internal override bool NeedsMaster(IdeRequestKind kind) => kind == IdeRequestKind.Packet && (Registers.Feature & UsesDma) != 0 && AtapiPackets.HasAnswer(Pio.Bytes[0]);

    internal override async ValueTask<IdeOutcome> Transfer(IdeRequestKind kind, CancellationToken cancel)
    {
        if (kind == IdeRequestKind.PacketPio)
        {
            await Fill(cancel);
            return IdeOutcome.Done;
        }

        var packet = new byte[PacketLength];
        Pio.Bytes[..PacketLength].CopyTo(packet);
        AtapiAnswer answer = _packets.Run(packet);
        UpdateTray();
        if (answer.Refused) return IdeOutcome.Refused;
        bool dma = (Registers.Feature & UsesDma) != 0;
        if (answer.Length == 0)
        {
            (Pio.Source, Pio.PacketLeft) = (FromBuffer, 0);
            return IdeOutcome.Done;
        }

        if (dma) return await SendByDma(answer, cancel);
        Pio.PacketLeft = answer.Length;
        Pio.Source = answer.Data is null ? (uint)(answer.Sector + answer.Sectors) | (answer.WholeSectors ? WholeSectors : 0) : FromBuffer;
        Pio.SetBlock(0, 0, IdeStep.PacketAnswer);
        if (answer.Data is { } data) data.CopyTo(Pio.Bytes);
        else if (FirstBlock() > 0) await Fill(cancel);
        return IdeOutcome.Done;
    }

    internal override void Completed(IdeRequestKind kind, IdeOutcome outcome)
    {
        switch (outcome)
        {
            case IdeOutcome.Refused:
                Refuse();
                break;
            case IdeOutcome.MemoryFault or IdeOutcome.MemoryTooShort:
                _packets.SetSense(AtapiSense.HardwareError);
                Refuse();
                break;
            case var _ when Pio.PacketLeft > 0:
                OfferAnswer();
                break;
            default:
                Finish();
                break;
        }
    }

    /// <summary>An answer that is half out cannot be tried again: QEMU reports its errors, whatever the user chose, and so do we.</summary>
    internal override IdeOutcome Judge(IdeRequestKind kind, BlockException error)
    {
        bool halfOut = kind == IdeRequestKind.PacketPio;
        BlockErrorPolicy policy = _drive is null ? BlockErrorPolicy.Report : _drive.Judge(error, writing: false);
        if (policy == BlockErrorPolicy.Stop && !halfOut && NeedsMaster(kind)) return IdeOutcome.Waits;
        if (policy == BlockErrorPolicy.Ignore) return IdeOutcome.Done;
        _packets.SetSense(error.Error == BlockError.NoMedium ? AtapiSense.NoMedium : AtapiSense.AddressOutOfRange);
        return IdeOutcome.Refused;
    }

    /// <summary>The size of the first block, as the host has named it; 0 is impossible, and the command is refused for it.</summary>
    private int FirstBlock()
    {
        int limit = Registers.CylinderLow | (Registers.CylinderHigh << 8);
        if (limit == 0xFFFF) limit--;
        if (Pio.PacketLeft <= limit) return Pio.PacketLeft;
        return limit & ~1;
    }

    /// <summary>The next block goes out, when it is in the buffer; else it is fetched first.</summary>
    private void NextBlock()
    {
        if (Pio.PacketLeft == 0)
        {
            Finish();
        }
        else if ((Pio.Source & FromBuffer) != 0)
        {
            OfferAnswer();
        }
        else if (Pio.Source == 0)
        {
            _packets.SetSense(AtapiSense.HardwareError); // the rest is in a QEMU that does not tell where
            Refuse();
        }
        else
        {
            Registers.Status = IdeTaskFile.Busy | IdeTaskFile.Ready | IdeTaskFile.Seek;
            Begin(IdeRequestKind.PacketPio);
        }
    }

    private void OfferAnswer()
    {
        int length = FirstBlock();
        if (length == 0)
        {
            Pio.PacketLeft = 0;
            Abort();
            return;
        }

        int start = (Pio.Source & FromBuffer) != 0 ? Pio.End : AnswerOffset(Pio.PacketLeft);
        Pio.PacketLeft -= length;
        (Registers.CylinderLow, Registers.CylinderHigh) = ((byte)length, (byte)(length >> 8));
        Registers.Count = ToHost;
        OfferBlock(start, length, IdeStep.PacketAnswer);
    }

    /// <summary>How far into a sector the answer is, with so many bytes to go: answers end with a sector.</summary>
    private int AnswerOffset(int left) => (AnswerSector - (left % AnswerSector)) % AnswerSector;

    /// <summary>Fetches the sectors of the next block, from the start of the one that it begins in.</summary>
    private async ValueTask Fill(CancellationToken cancel)
    {
        int left = Pio.PacketLeft, sectorsLeft = (left + AnswerSector - 1) / AnswerSector;
        long first = (Pio.Source & Address) - sectorsLeft;
        int wanted = Math.Min((AnswerOffset(left) + FirstBlock() + AnswerSector - 1) / AnswerSector, sectorsLeft);
        await ReadSectors(first, wanted, AnswerSector, Pio.Buffer, cancel);
    }

    private async ValueTask ReadSectors(long first, int count, int length, Memory<byte> into, CancellationToken cancel)
    {
        if (_drive is null) throw new BlockException(BlockError.NoMedium, "No medium found");
        if (length == SectorLength)
        {
            await _drive.ReadAsync(first * SectorLength, ScatterList.Of(into[..(count * SectorLength)]), cancel);
            return;
        }

        for (var i = 0; i < count; i++)
        {
            Memory<byte> sector = into.Slice(i * WholeSectorLength, WholeSectorLength);
            AtapiPackets.FrameSector(sector.Span, first + i);
            await _drive.ReadAsync((first + i) * SectorLength, ScatterList.Of(sector.Slice(AtapiPackets.FrameHeader, SectorLength)), cancel);
        }
    }

    private async ValueTask<IdeOutcome> SendByDma(AtapiAnswer answer, CancellationToken cancel)
    {
        (ScatterList memory, IdeMemoryFit fit) = Master.Map(answer.Length, toMemory: true);
        if (fit == IdeMemoryFit.Fault) return IdeOutcome.MemoryFault;
        if (fit == IdeMemoryFit.Shorter) return IdeOutcome.MemoryTooShort;
        if (answer.Data is { } data)
        {
            memory.CopyFrom(data);
        }
        else if (!answer.WholeSectors && _drive is not null)
        {
            await _drive.ReadAsync(answer.Sector * SectorLength, memory, cancel);
            memory.MarkWritten();
        }
        else
        {
            await SendFramed(answer, memory, cancel);
        }

        Pio.PacketLeft = 0;
        return IdeOutcome.Done;
    }

    private async ValueTask SendFramed(AtapiAnswer answer, ScatterList memory, CancellationToken cancel)
    {
        var sector = new byte[WholeSectorLength];
        for (var i = 0; i < answer.Sectors; i++)
        {
            await ReadSectors(answer.Sector + i, 1, WholeSectorLength, sector, cancel);
            memory.Slice((long)i * WholeSectorLength, WholeSectorLength).CopyFrom(sector);
        }
    }

    private void Finish()
    {
        Registers.Count = (Registers.Count & ~7u) | Ended;
        Succeed();
    }

    /// <summary>CHECK CONDITION: the sense key goes into the error register.</summary>
    private void Refuse()
    {
        Pio.PacketLeft = 0;
        Registers.Error = (byte)(Registers.SenseKey << 4);
        Registers.Count = (Registers.Count & ~7u) | Ended;
        Succeed(IdeTaskFile.Ready | IdeTaskFile.Failed);
    }

    /// <summary>The user has changed the medium: first the guest is told that there is none, then that it is another.</summary>
    private void OnMediumChanged()
    {
        Registers.MediumChanged = 1;
        (Registers.NewMedium, Registers.EjectRequested) = (_drive!.HasMedium, false);
        Registers.TrayOpen = false;
        UpdateTray();
    }

    /// <summary>The user has moved the tray, and what lies in it may be another disc.</summary>
    private void OnTrayMoved(bool open)
    {
        (Registers.MediumChanged, Registers.NewMedium, Registers.EjectRequested, Registers.TrayOpen) = (1, true, false, open);
        UpdateTray();
    }

    private void OnEjectRequested() => Registers.EjectRequested = true;

    private void UpdateTray()
    {
        if (_drive is null) return;
        (_drive.TrayOpen, _drive.TrayLocked) = (Registers.TrayOpen, Registers.TrayLocked);
    }

    public sealed record Options
    {
        [Option("drive", "The disc, by its id; none for a drive that stays empty")]
        public string Drive { get; init; } = "";

        [Option("unit", "Place on the cable, 0 or 1; -1 is the first one free")]
        public int Unit { get; init; } = -1;

        [Option("bootindex", "Place in the boot order; -1 is none")]
        public int BootIndex { get; init; } = -1;

        [Option("serial", "Serial number; QM00003 and so on when empty")]
        public string Serial { get; init; } = "";

        [Option("model", "Model name")]
        public string Model { get; init; } = "QEMU DVD-ROM";

        [Option("ver", "Firmware version")]
        public string Version { get; init; } = "2.5+";
    }
}
