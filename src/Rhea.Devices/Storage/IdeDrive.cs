using Rhea.Core;
using Rhea.Core.Backends;
using Rhea.Core.Machines;

namespace Rhea.Devices.Storage;

/// <summary>A drive on an IDE cable: what disks and CD drives have in common.</summary>
/// <remarks>All that changes is in its <see cref="IdeTaskFile"/>, which the controller saves.</remarks>
public abstract class IdeDrive : Device
{
    protected const byte Aborted = 0x04; // error register

    private readonly IdeChannel _channel;

    /// <param name="slot">The cable.</param>
    /// <param name="unit">Place on the cable; -1 is the first one free.</param>
    /// <param name="bootIndex">Place in the boot order; -1 is none.</param>
    protected IdeDrive(IdeSlot slot, int unit, int bootIndex)
    {
        if (bootIndex < -1) throw new ConfigException("Invalid bootindex property value");
        BootIndex = bootIndex < 0 ? null : bootIndex;
        _channel = slot.Channel;
        Unit = slot.Plug(this, unit);
        Registers = _channel.Places[Unit];
    }

    /// <summary>0 is the first drive of the cable, 1 the second.</summary>
    public int Unit { get; }

    /// <summary>0 is the first cable of the controller, 1 the second.</summary>
    public int Channel => _channel.Number;

    /// <summary>Its place in the boot order; null when it has none of its own.</summary>
    public int? BootIndex { get; }

    /// <summary>Its number among the machine's drives, counted over the cables: part of the serial number it gets by default.</summary>
    protected int Number => (_channel.Number * 2) + Unit + 1;

    internal IdeTaskFile Registers { get; }

    /// <summary>DEVICE RESET works even while the drive is busy.</summary>
    internal virtual bool TakesDeviceReset => false;

    /// <summary>The sector that the registers name, for a request that is kept.</summary>
    internal abstract long Position { get; }

    protected IdeBusMaster Master => _channel.Master;

    /// <summary>SRST, or EXECUTE DEVICE DIAGNOSTIC: no error, and the signature.</summary>
    internal abstract void SoftReset();

    /// <summary>A command arrives, and the drive is neither busy nor in the middle of a transfer.</summary>
    internal abstract void Command(byte command);

    /// <summary>The block in the buffer has been read, or is full.</summary>
    internal abstract void BlockPassed();

    /// <summary>Whether a request waits for the bus master to be started.</summary>
    internal abstract bool NeedsMaster(IdeRequestKind kind);

    /// <summary>Does a request's work with the host. Until it ends nothing in the registers changes, so that it can be tried again.</summary>
    internal abstract ValueTask<IdeOutcome> Transfer(IdeRequestKind kind, CancellationToken cancel);

    /// <summary>What follows, in registers and interrupt, from a request that has ended.</summary>
    internal abstract void Completed(IdeRequestKind kind, IdeOutcome outcome);

    /// <summary>A host error: told to the guest, passed over, or waited out, as the user chose.</summary>
    internal abstract IdeOutcome Judge(IdeRequestKind kind, BlockException error);

    /// <summary>A request that waited begins.</summary>
    internal virtual void Retry(IdeRequest request)
    {
    }

    protected void Begin(IdeRequestKind kind) => _channel.Begin(this, kind);

    protected void Interrupt() => _channel.Interrupt();

    protected void Diagnose() => _channel.Diagnose();

    /// <summary>The command has ended well.</summary>
    protected void Succeed(byte status = IdeTaskFile.Ready | IdeTaskFile.Seek)
    {
        Registers.Status = status;
        Interrupt();
    }

    /// <summary>The command is refused.</summary>
    protected void Abort()
    {
        Registers.Error = Aborted;
        Succeed(IdeTaskFile.Ready | IdeTaskFile.Failed);
    }

    /// <summary>A block of the buffer waits for the guest.</summary>
    protected void OfferBlock(int start, int length, IdeStep next, bool interrupts = true)
    {
        Registers.Pio.SetBlock(start, length, next);
        Registers.Status = IdeTaskFile.Ready | IdeTaskFile.Seek | IdeTaskFile.DataRequest;
        if (interrupts) Interrupt();
    }

    /// <summary>SET FEATURES, for what every drive has.</summary>
    protected void SetFeatures(IBlockBackend? drive)
    {
        const int CommandSetEnabled = 85;
        const byte WriteCacheOn = 0x02, TransferMode = 0x03, WriteCacheOff = 0x82;
        switch (Registers.Feature)
        {
            case WriteCacheOn or WriteCacheOff:
                bool on = Registers.Feature == WriteCacheOn;
                Registers.KeepIdentify();
                Registers.SetIdentifyWord(CommandSetEnabled, on ? Registers.IdentifyWord(CommandSetEnabled) | 0x20 : Registers.IdentifyWord(CommandSetEnabled) & ~0x20);
                drive?.WriteCache = on;
                if (on || drive is null) Succeed();
                else Flush();
                break;
            case TransferMode:
                if (SetTransferMode((int)Registers.Count >> 3, (int)Registers.Count & 7)) Succeed();
                else Abort();
                break;
            case 0xCC or 0x66 or 0xAA or 0x55 or 0x05 or 0x85 or 0x69 or 0x67 or 0x96 or 0x9A or 0x42 or 0xC2: // defaults, look-ahead, power, noise
                Succeed();
                break;
            default:
                Abort();
                break;
        }
    }

    protected void Flush()
    {
        Registers.Status = IdeTaskFile.Busy | IdeTaskFile.Ready | IdeTaskFile.Seek;
        Begin(IdeRequestKind.Flush);
    }

    private bool SetTransferMode(int kind, int mode)
    {
        const int SingleWord = 62, MultiWord = 63, Ultra = 88;
        (int single, int multi, int ultra) = kind switch
        {
            0 or 1 => (0x07, 0x07, 0x3F),                    // PIO
            2 => (0x07 | (0x100 << mode), 0x07, 0x3F),
            4 => (0x07, 0x07 | (0x100 << mode), 0x3F),
            8 => (0x07, 0x07, 0x3F | (0x100 << mode)),
            _ => (0, 0, 0),
        };
        if (ultra == 0) return false;
        Registers.KeepIdentify();
        Registers.SetIdentifyWord(SingleWord, single);
        Registers.SetIdentifyWord(MultiWord, multi);
        Registers.SetIdentifyWord(Ultra, ultra);
        return true;
    }
}
