using System.Buffers.Binary;
using System.Globalization;
using Rhea.Core;
using Rhea.Core.Backends;
using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Core.State;

namespace Rhea.Devices.Storage;

/// <summary>A hard disk on an IDE cable.</summary>
/// <remarks>
/// ATA/ATAPI-6, chapter 8. As for QEMU, VERIFY and SEEK look at nothing, and power modes are accepted and change nothing.
/// </remarks>
[Device("ide-hd", "Hard disk on an IDE cable")]
public sealed class AtaDisk : IdeDrive
{
    private const byte Nop = 0x00, DataSetManagement = 0x06, Recalibrate = 0x10, Read = 0x20, ReadOnce = 0x21, ReadExt = 0x24, ReadDmaExt = 0x25,
        NativeMaxExt = 0x27, ReadMultipleExt = 0x29, Write = 0x30, WriteOnce = 0x31, WriteExt = 0x34, WriteDmaExt = 0x35, WriteMultipleExt = 0x39,
        WriteVerify = 0x3C, Verify = 0x40, VerifyOnce = 0x41, VerifyExt = 0x42, SeekTo = 0x70, ExecuteDiagnostic = 0x90, InitializeParameters = 0x91,
        StandbyNow2 = 0x94, IdleNow2 = 0x95, Standby2 = 0x96, Idle2 = 0x97, CheckPower2 = 0x98, Sleep2 = 0x99, Smart = 0xB0,
        ReadMultiple = 0xC4, WriteMultiple = 0xC5, SetMultiple = 0xC6, ReadDma = 0xC8, ReadDmaOnce = 0xC9, WriteDma = 0xCA, WriteDmaOnce = 0xCB,
        WriteMultipleFua = 0xCE, WriteDmaFua = 0x3D, StandbyNow = 0xE0, IdleNow = 0xE1, Standby = 0xE2, Idle = 0xE3, CheckPower = 0xE5, Sleep = 0xE6,
        FlushCache = 0xE7, FlushCacheExt = 0xEA, IdentifyDevice = 0xEC, SetFeature = 0xEF, FreezeLock = 0xF5, NativeMax = 0xF8;
    private const byte FullyActive = 0xFF;
    private const int Sector = IdeTaskFile.Sector, TrimSectors = 64;

    private readonly IBlockBackend _drive;
    private readonly AtaSmart _smart;
    private readonly IdeNames _names;
    private readonly Options _options;
    [NotState("what was read ahead is read again")]
    private int _ahead;

    public AtaDisk(IdeSlot slot, Options options) : base(slot, options.Unit, options.BootIndex)
    {
        _drive = slot.Drive(options.Drive) ?? throw new ConfigException("No drive specified");
        if (!_drive.HasMedium) throw new ConfigException("Device needs media, but drive is empty");
        if (_drive.IsReadOnly) throw new ConfigException("Block node is read-only");
        _options = options;
        _names = new IdeNames(
            options.Serial.Length > 0 ? options.Serial : string.Create(CultureInfo.InvariantCulture, $"QM{Number:00000}"), options.Version, options.Model);
        _smart = new AtaSmart(Registers);
    }

    internal override long Position
    {
        get
        {
            IdeTaskFile r = Registers;
            long low = r.SectorNumber | (r.CylinderLow << 8) | (r.CylinderHigh << 16);
            if (r.Lba48 != 0) return low | (long)r.HobSectorNumber << 24 | (long)r.HobCylinderLow << 32 | (long)r.HobCylinderHigh << 40;
            if ((r.DeviceHead & IdeTaskFile.LbaMode) != 0) return low | (long)(r.DeviceHead & IdeTaskFile.HeadBits) << 24;
            long track = ((r.CylinderLow | (r.CylinderHigh << 8)) * (long)Heads) + (r.DeviceHead & IdeTaskFile.HeadBits);
            return (track * SectorsPerTrack) + r.SectorNumber - 1;
        }
    }

    private long Sectors => _drive.Length / Sector;

    internal (int Cylinders, int Heads, int SectorsPerTrack) Geometry
    {
        get
        {
            int heads = _options.Heads > 0 ? _options.Heads : IdeIdentity.Heads;
            int perTrack = _options.SectorsPerTrack > 0 ? _options.SectorsPerTrack : IdeIdentity.SectorsPerTrack;
            long cylinders = _options.Cylinders > 0 ? _options.Cylinders : Math.Clamp(Sectors / (heads * perTrack), 2, IdeIdentity.MostCylinders);
            return ((int)cylinders, heads, perTrack);
        }
    }

    private int Heads => Registers.IdentifyWord(55);

    private int SectorsPerTrack => Registers.IdentifyWord(56);

    public override string Model => "ide-hd";

    public override void Reset()
    {
        (int cylinders, int heads, int perTrack) = Geometry;
        IdeIdentity.DescribeDisk(Registers, _names, Sectors,
            new IdeDiskTraits(cylinders, heads, perTrack, _drive.WriteCache, _options.RotationRate, _options.WorldWideName == 0 ? null : _options.WorldWideName));
        Registers.SetSignature(0, 0);
        _smart.Reset();
        _ahead = 0;
    }

    internal override void SoftReset()
    {
        Registers.SetSignature(0, 0);
        (Registers.Error, Registers.Status, Registers.Lba48) = (1, IdeTaskFile.Ready | IdeTaskFile.Seek, 0);
        Registers.Pio.SetBlock(0, 0, IdeStep.Ended);
    }

    internal override void Command(byte command)
    {
        (Registers.Error, Registers.Lba48, _ahead) = (0, 0, 0);
        Registers.Status = IdeTaskFile.Ready;
        switch (command)
        {
            case Read or ReadOnce: StartRead(wide: false, 1); break;
            case ReadExt: StartRead(wide: true, 1); break;
            case ReadMultiple: StartRead(wide: false, Registers.MultipleSectors); break;
            case ReadMultipleExt: StartRead(wide: true, Registers.MultipleSectors); break;
            case Write or WriteOnce or WriteVerify: StartWrite(wide: false, 1); break;
            case WriteExt: StartWrite(wide: true, 1); break;
            case WriteMultiple: StartWrite(wide: false, Registers.MultipleSectors); break;
            case WriteMultipleExt or WriteMultipleFua: StartWrite(wide: true, Registers.MultipleSectors); break;
            case ReadDma or ReadDmaOnce: StartDma(wide: false, IdeRequestKind.ReadDma); break;
            case ReadDmaExt: StartDma(wide: true, IdeRequestKind.ReadDma); break;
            case WriteDma or WriteDmaOnce: StartDma(wide: false, IdeRequestKind.WriteDma); break;
            case WriteDmaExt or WriteDmaFua: StartDma(wide: true, IdeRequestKind.WriteDma); break;
            case DataSetManagement: StartTrim(); break;
            case FlushCache or FlushCacheExt: Flush(); break;
            case IdentifyDevice:
                Registers.KeepIdentify();
                Registers.Identify.CopyTo(Registers.Pio.Bytes);
                OfferBlock(0, IdeTaskFile.IdentifyLength, IdeStep.Stop);
                break;
            case SetFeature: SetFeatures(_drive); break;
            case SetMultiple: SetMultipleMode(); break;
            case InitializeParameters: SetTranslation(); break;
            case NativeMax: ReturnSize(wide: false); break;
            case NativeMaxExt: ReturnSize(wide: true); break;
            case Smart: RunSmart(); break;
            case ExecuteDiagnostic: Diagnose(); break;
            case CheckPower or CheckPower2:
                Registers.Count = FullyActive;
                Succeed();
                break;
            case Verify or VerifyOnce or VerifyExt or SeekTo or Recalibrate or FreezeLock: Succeed(); break;
            case StandbyNow or IdleNow or Standby or Idle or Sleep or StandbyNow2 or IdleNow2 or Standby2 or Idle2 or Sleep2: Succeed(IdeTaskFile.Ready); break;
            default: Abort(); break; // NOP too: that is what it does
        }
    }

    internal override void BlockPassed()
    {
        Registers.Status = IdeTaskFile.Ready | IdeTaskFile.Seek;
        switch (Registers.Pio.Next)
        {
            case IdeStep.ReadSectors:
                NextBlock();
                break;
            case IdeStep.WriteSectors:
                Registers.Status |= IdeTaskFile.Busy;
                Begin(IdeRequestKind.WritePio);
                break;
        }
    }

    internal override bool NeedsMaster(IdeRequestKind kind) => kind is IdeRequestKind.ReadDma or IdeRequestKind.WriteDma or IdeRequestKind.TrimDma;

    internal override void Retry(IdeRequest request)
    {
        Registers.Status |= IdeTaskFile.Busy;
        if (request.Kind != IdeRequestKind.Flush) SetPosition(request.Sector);
        Registers.Count = request.Count;
    }

    internal override async ValueTask<IdeOutcome> Transfer(IdeRequestKind kind, CancellationToken cancel)
    {
        switch (kind)
        {
            case IdeRequestKind.ReadPio:
                if (!IsInside(Position, NextSectors)) return IdeOutcome.Refused;
                _ahead = await ReadAhead(cancel);
                return IdeOutcome.Done;
            case IdeRequestKind.WritePio:
                if (!IsInside(Position, NextSectors)) return IdeOutcome.Refused;
                await _drive.WriteAsync(Position * Sector, ScatterList.Of(Registers.Pio.Buffer[..(NextSectors * Sector)]), cancel: cancel);
                return IdeOutcome.Done;
            case IdeRequestKind.ReadDma or IdeRequestKind.WriteDma:
                return await TransferDma(kind == IdeRequestKind.ReadDma, cancel);
            case IdeRequestKind.TrimDma:
                return await Trim(cancel);
            case IdeRequestKind.Flush:
                await _drive.FlushAsync(cancel);
                return IdeOutcome.Done;
            default:
                return IdeOutcome.Refused;
        }
    }

    internal override void Completed(IdeRequestKind kind, IdeOutcome outcome)
    {
        switch (outcome)
        {
            case IdeOutcome.Refused or IdeOutcome.MemoryFault:
                Abort();
                break;
            case IdeOutcome.MemoryTooShort:
                Registers.Status = IdeTaskFile.Ready | IdeTaskFile.Seek;
                break;
            case var _ when kind == IdeRequestKind.ReadPio:
                OfferSectors();
                break;
            case var _ when kind == IdeRequestKind.WritePio:
                PassSectors(NextSectors);
                if (Registers.Count == 0) Succeed();
                else OfferBlock(0, NextSectors * Sector, IdeStep.WriteSectors);
                break;
            case var _ when kind is IdeRequestKind.ReadDma or IdeRequestKind.WriteDma:
                PassSectors((int)Registers.Count);
                Succeed();
                break;
            default:
                Succeed();
                break;
        }
    }

    internal override IdeOutcome Judge(IdeRequestKind kind, BlockException error) =>
        _drive.Judge(error, writing: kind is not (IdeRequestKind.ReadDma or IdeRequestKind.ReadPio)) switch
        {
            BlockErrorPolicy.Stop => IdeOutcome.Waits,
            BlockErrorPolicy.Ignore => IdeOutcome.Done,
            _ => IdeOutcome.Refused,
        };

    /// <summary>Sectors of the next block.</summary>
    private int NextSectors => (int)Math.Min(Registers.Count, (uint)Math.Max(Registers.Pio.BlockSectors, 1));

    private bool IsInside(long sector, long count) => sector >= 0 && count <= Sectors && sector <= Sectors - count;

    private void SetCount(bool wide)
    {
        Registers.Lba48 = wide ? (byte)1 : (byte)0;
        uint count = wide ? (Registers.Count & 0xFF) | ((uint)Registers.HobCount << 8) : Registers.Count & 0xFF;
        Registers.Count = count != 0 ? count : wide ? 65536u : 256u;
    }

    private void StartRead(bool wide, int blockSectors)
    {
        if (blockSectors == 0)
        {
            Abort();
            return;
        }

        SetCount(wide);
        Registers.Pio.BlockSectors = blockSectors;
        NextBlock();
    }

    private void StartWrite(bool wide, int blockSectors)
    {
        if (blockSectors == 0)
        {
            Abort();
            return;
        }

        SetCount(wide);
        Registers.Pio.BlockSectors = blockSectors;
        OfferBlock(0, NextSectors * Sector, IdeStep.WriteSectors, interrupts: false);
    }

    private void StartDma(bool wide, IdeRequestKind kind)
    {
        SetCount(wide);
        Registers.Pio.SetBlock(0, 0, IdeStep.Ended);
        Registers.Status = IdeTaskFile.Ready | IdeTaskFile.Seek | IdeTaskFile.DataRequest;
        Begin(kind);
    }

    private void StartTrim()
    {
        const byte TrimFeature = 1;
        SetCount(wide: true);
        if (Registers.Feature != TrimFeature || Registers.Count > TrimSectors) Abort();
        else StartDma(wide: true, IdeRequestKind.TrimDma);
    }

    private void NextBlock()
    {
        if (Registers.Count == 0) return;
        if (_ahead >= NextSectors)
        {
            OfferSectors();
            return;
        }

        Registers.Status = IdeTaskFile.Busy | IdeTaskFile.Ready | IdeTaskFile.Seek;
        Begin(IdeRequestKind.ReadPio);
    }

    /// <summary>Reads what is left of the command in one go, as far as the buffer holds it; just the block where that fails.</summary>
    private async ValueTask<int> ReadAhead(CancellationToken cancel)
    {
        var most = (int)Math.Min(Math.Min(Registers.Count, IdePio.Capacity / Sector), Sectors - Position);
        Registers.Pio.SetBlock(0, 0, IdeStep.ReadSectors);
        try
        {
            await _drive.ReadAsync(Position * Sector, ScatterList.Of(Registers.Pio.Buffer[..(most * Sector)]), cancel);
            return most;
        }
        catch (BlockException) when (most > NextSectors)
        {
            await _drive.ReadAsync(Position * Sector, ScatterList.Of(Registers.Pio.Buffer[..(NextSectors * Sector)]), cancel);
            return NextSectors;
        }
    }

    /// <summary>The next block is in the buffer, behind the last one.</summary>
    private void OfferSectors()
    {
        int count = NextSectors, start = Registers.Pio.End;
        _ahead = Math.Max(_ahead - count, 0);
        PassSectors(count);
        OfferBlock(start, count * Sector, IdeStep.ReadSectors);
    }

    private void PassSectors(int count)
    {
        SetPosition(Position + count);
        Registers.Count -= (uint)count;
    }

    private void SetPosition(long sector)
    {
        IdeTaskFile r = Registers;
        if (r.Lba48 == 0 && (r.DeviceHead & IdeTaskFile.LbaMode) == 0)
        {
            (long track, long index) = Math.DivRem(sector, Math.Max(SectorsPerTrack, 1));
            (long cylinder, long head) = Math.DivRem(track, Math.Max(Heads, 1));
            (r.SectorNumber, r.CylinderLow, r.CylinderHigh) = ((byte)(index + 1), (byte)cylinder, (byte)(cylinder >> 8));
            r.DeviceHead = (byte)((r.DeviceHead & ~IdeTaskFile.HeadBits) | ((int)head & IdeTaskFile.HeadBits));
            return;
        }

        (r.SectorNumber, r.CylinderLow, r.CylinderHigh) = ((byte)sector, (byte)(sector >> 8), (byte)(sector >> 16));
        if (r.Lba48 != 0) (r.HobSectorNumber, r.HobCylinderLow, r.HobCylinderHigh) = ((byte)(sector >> 24), (byte)(sector >> 32), (byte)(sector >> 40));
        else r.DeviceHead = (byte)((r.DeviceHead & ~IdeTaskFile.HeadBits) | ((int)(sector >> 24) & IdeTaskFile.HeadBits));
    }

    private async ValueTask<IdeOutcome> TransferDma(bool toMemory, CancellationToken cancel)
    {
        if (!IsInside(Position, Registers.Count)) return IdeOutcome.Refused;
        (ScatterList memory, IdeMemoryFit fit) = Master.Map(Registers.Count * (long)Sector, toMemory);
        if (fit == IdeMemoryFit.Fault) return IdeOutcome.MemoryFault;
        if (fit == IdeMemoryFit.Shorter) return IdeOutcome.MemoryTooShort;
        if (toMemory)
        {
            await _drive.ReadAsync(Position * Sector, memory, cancel);
            memory.MarkWritten();
        }
        else
        {
            await _drive.WriteAsync(Position * Sector, memory, cancel: cancel);
        }

        return fit == IdeMemoryFit.Longer ? IdeOutcome.DoneWithMoreMemory : IdeOutcome.Done;
    }

    /// <summary>DATA SET MANAGEMENT with TRIM: ranges of 48 bits of address and 16 of length, which the disk may forget.</summary>
    private async ValueTask<IdeOutcome> Trim(CancellationToken cancel)
    {
        if (Registers.Count > TrimSectors) return IdeOutcome.Refused;
        (ScatterList memory, IdeMemoryFit fit) = Master.Map(Registers.Count * (long)Sector, toMemory: false);
        if (fit == IdeMemoryFit.Fault) return IdeOutcome.MemoryFault;
        if (fit == IdeMemoryFit.Shorter) return IdeOutcome.MemoryTooShort;
        var ranges = new byte[memory.Length];
        memory.CopyTo(ranges);
        for (var at = 0; at < ranges.Length; at += sizeof(ulong))
        {
            ulong range = BinaryPrimitives.ReadUInt64LittleEndian(ranges.AsSpan(at));
            long sector = (long)(range & 0xFFFF_FFFF_FFFF), count = (long)(range >> 48);
            if (count == 0) continue;
            if (!IsInside(sector, count)) return IdeOutcome.Refused;
            await _drive.DiscardAsync(sector * Sector, count * Sector, cancel);
        }

        return fit == IdeMemoryFit.Longer ? IdeOutcome.DoneWithMoreMemory : IdeOutcome.Done;
    }

    private void SetMultipleMode()
    {
        var count = (int)(Registers.Count & 0xFF);
        if (count > IdeTaskFile.MultipleLimit || (count & (count - 1)) != 0)
        {
            Abort();
            return;
        }

        Registers.MultipleSectors = count;
        Registers.KeepIdentify();
        Registers.SetIdentifyWord(59, count == 0 ? 0 : 0x100 | count);
        Succeed();
    }

    private void SetTranslation()
    {
        int heads = (Registers.DeviceHead & IdeTaskFile.HeadBits) + 1, perTrack = (int)(Registers.Count & 0xFF);
        if (perTrack == 0)
        {
            Abort();
            return;
        }

        IdeIdentity.SetTranslation(Registers, heads, perTrack, (int)Math.Min(Sectors / (heads * perTrack), 0xFFFF));
        Succeed();
    }

    private void ReturnSize(bool wide)
    {
        if (Sectors == 0)
        {
            Abort();
            return;
        }

        Registers.Lba48 = wide ? (byte)1 : (byte)0;
        Registers.DeviceHead |= IdeTaskFile.LbaMode;
        SetPosition(wide ? Sectors - 1 : Math.Min(Sectors - 1, 0x0FFF_FFFF));
        Succeed();
    }

    private void RunSmart()
    {
        switch (_smart.Run())
        {
            case AtaSmart.Answer.Refused:
                Abort();
                break;
            case AtaSmart.Answer.Done:
                Succeed();
                break;
            default:
                OfferBlock(0, Sector, IdeStep.Stop);
                break;
        }
    }

    public sealed record Options
    {
        [Option("drive", "The disk, by its id")]
        public string Drive { get; init; } = "";

        [Option("unit", "Place on the cable, 0 or 1; -1 is the first one free")]
        public int Unit { get; init; } = -1;

        [Option("bootindex", "Place in the boot order; -1 is none")]
        public int BootIndex { get; init; } = -1;

        [Option("serial", "Serial number; QM00001 and so on when empty")]
        public string Serial { get; init; } = "";

        [Option("model", "Model name")]
        public string Model { get; init; } = "QEMU HARDDISK";

        [Option("ver", "Firmware version")]
        public string Version { get; init; } = "2.5+";

        [Option("wwn", "World wide name; 0 is none")]
        public ulong WorldWideName { get; init; }

        [Option("rotation_rate", "Revolutions a minute; 1 is a solid-state disk")]
        public ushort RotationRate { get; init; }

        [Option("cyls", "Cylinders; 0 is what follows from the size")]
        public int Cylinders { get; init; }

        [Option("heads", "Heads; 0 is 16")]
        public int Heads { get; init; }

        [Option("secs", "Sectors per track; 0 is 63")]
        public int SectorsPerTrack { get; init; }
    }
}
