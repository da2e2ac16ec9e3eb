using Rhea.Core.Io;

namespace Rhea.X86.Apic;

/// <summary>What joins the local APICs with each other, with the I/O APIC and with every device that sends MSIs.</summary>
/// <remarks>Intel SDM vol. 3, 11.6 (destinations) and 11.11 (message format).</remarks>
public sealed class ApicBus
{
    /// <summary>Where a memory write of a device is a message, and not memory.</summary>
    public const ulong MsiBase = 0xFEE0_0000;

    private const uint MsiLength = 0x10_0000;

    private readonly Func<int> _acknowledgePic;
    private readonly List<LocalApic> _apics = [];

    /// <param name="acknowledgePic">The INTA cycle of the 8259 pair.</param>
    public ApicBus(Func<int> acknowledgePic)
    {
        _acknowledgePic = acknowledgePic;
        Intr = new IrqInput(level => _apics.ForEach(apic => apic.OnLint0(level)), remembers: false);
        Nmi = new IrqInput(level => _apics.ForEach(apic => apic.OnLint1(level)));
    }

    /// <summary>LINT0 of every processor: the output of the 8259 pair.</summary>
    public IrqInput Intr { get; }

    /// <summary>LINT1 of every processor.</summary>
    public IrqInput Nmi { get; }

    /// <summary>To be mapped at <see cref="MsiBase"/>. A processor's own accesses there go to its local APIC instead.</summary>
    /// <param name="send">Takes each message: address and data.</param>
    public static IoRegion MsiWindow(Action<ulong, uint> send) =>
        new("apic-msi", MsiLength, AccessSizes.DWord, (_, _) => uint.MaxValue, (offset, _, data) => send(MsiBase + offset, (uint)data));

    /// <summary>Told the vector of every level-triggered interrupt that a processor has finished: for the I/O APIC.</summary>
    public Action<byte> LevelEnded { get; set; } = _ => { };

    public void SendMsi(ulong address, uint data)
    {
        bool level = (data & 0x8000) != 0;
        if (level && (data & 0x4000) == 0) return; // de-assertion: the end of interrupt does that
        Send(new ApicMessage(Widen((byte)(address >> 12)), (address & 4) != 0, (DeliveryMode)(data >> 8 & 7), (byte)data, level));
    }

    internal int AcknowledgePic() => _acknowledgePic();

    internal void Add(LocalApic apic) => _apics.Add(apic);

    /// <summary>In eight bits all ones is everybody; a message has 32.</summary>
    internal static uint Widen(byte destination) => destination == 0xFF ? ApicMessage.Everybody : destination;

    internal void Send(in ApicMessage message)
    {
        if (message.Mode == DeliveryMode.LowestPriority)
        {
            Laziest(message)?.Receive(message);
            return;
        }

        foreach (LocalApic apic in _apics)
            if (apic.IsAddressedBy(message)) apic.Receive(message);
    }

    internal void SendToAll(in ApicMessage message, LocalApic? except)
    {
        foreach (LocalApic apic in _apics)
            if (apic != except) apic.Receive(message);
    }

    /// <summary>Of those addressed, the processor that does the least important work; of equals, the first.</summary>
    private LocalApic? Laziest(in ApicMessage message)
    {
        LocalApic? laziest = null;
        foreach (LocalApic apic in _apics)
            if (apic.TakesInterrupts && apic.IsAddressedBy(message) && (laziest is null || apic.ProcessorPriority < laziest.ProcessorPriority)) laziest = apic;
        return laziest;
    }
}

/// <param name="Destination">An APIC id, or in logical mode a set of processors.</param>
internal readonly record struct ApicMessage(uint Destination, bool Logical, DeliveryMode Mode, byte Vector, bool Level)
{
    public const uint Everybody = uint.MaxValue;
}

/// <summary>Bits 8-10 of a redirection entry, a local vector, the command register and an MSI.</summary>
internal enum DeliveryMode
{
    Fixed,
    LowestPriority,
    Smi,
    Reserved,
    Nmi,
    Init,
    StartUp,
    ExtInt,
}
