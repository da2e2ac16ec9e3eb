using Rhea.Core.Cpu;
using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Core.State;

namespace Rhea.Devices.Chipset;

/// <summary>The interrupt controller for more than one processor: each of its 24 inputs becomes a message to local APICs.</summary>
/// <remarks>Data sheet: Intel 82093AA, 1996, with the end-of-interrupt register of version 20h. Polarity is ignored: inputs are active high.</remarks>
public sealed class IoApic : Device, IInterruptController
{
    public const ulong Address = 0xFEC0_0000;

    private const uint Length = 0x1000, LastByte = 0xFF; // of the address: the registers repeat
    private const uint Select = 0x00, Window = 0x10, EndOfInterruptRegister = 0x40;                    // in memory
    private const int Identity = 0x00, VersionRegister = 0x01, Arbitration = 0x02, FirstEntry = 0x10;   // through the window
    private const uint Version = 0x20 | (IoApicRegisters.Pins - 1) << 16;
    private const ulong Masked = 0x1_0000, Level = 0x8000, RemoteIrr = 0x4000, SendPending = 0x1000, Logical = 0x800;

    private readonly IoApicRegisters _chip;
    private readonly Action<ulong, uint> _send;
    private readonly Action<int, ulong, uint> _route;

    /// <param name="slot">Its place on the board.</param>
    /// <param name="registers">Its registers.</param>
    /// <param name="send">Takes the messages, as MSIs: address and data.</param>
    /// <param name="route">Told what each pin sends, before it does; for local APICs elsewhere.</param>
    public IoApic(IsaSlot slot, IoApicRegisters registers, Action<ulong, uint> send, Action<int, ulong, uint>? route = null)
    {
        (_chip, _send, _route) = (registers, send, route ?? ((_, _, _) => { }));
        Inputs = [.. Enumerable.Range(0, IoApicRegisters.Pins).Select(pin => new IrqInput(level => OnInput(pin, level)))];
        slot.MapMemory(Address, MemoryRegion.Io(new IoRegion("ioapic", Length, AccessSizes.DWord, Read, Write)));
    }

    public override string Model => "ioapic";

    public override StructType Section => _chip.Section;

    public IReadOnlyList<IrqInput> Inputs { get; }

    public override void Reset() => _chip.Reset();

    public override void Visit(StateVisitor state) => _chip.Visit(state);

    public override void Loaded()
    {
        for (var pin = 0; pin < _chip.Redirection.Length; pin++) Route(pin);
    }

    /// <summary>A processor has finished a level-triggered interrupt: where the input is still high, it asks again.</summary>
    public void EndOfInterrupt(byte vector)
    {
        for (var pin = 0; pin < _chip.Redirection.Length; pin++)
        {
            if ((byte)_chip.Redirection[pin] != vector || (_chip.Redirection[pin] & (Level | RemoteIrr)) != (Level | RemoteIrr)) continue;
            _chip.Redirection[pin] &= ~RemoteIrr;
            Serve(pin);
        }
    }

    /// <summary>An edge on a masked input is lost, a level is not.</summary>
    private void OnInput(int pin, bool level)
    {
        ulong entry = _chip.Redirection[pin];
        if (level && ((entry & Level) != 0 || (entry & Masked) == 0)) _chip.Request |= 1u << pin;
        if (!level && (entry & Level) != 0) _chip.Request &= ~(1u << pin);
        Serve(pin);
    }

    private void Serve(int pin)
    {
        ref ulong entry = ref _chip.Redirection[pin];
        if ((_chip.Request >> pin & 1) == 0 || (entry & Masked) != 0) return;
        if ((entry & Level) == 0)
        {
            _chip.Request &= ~(1u << pin);
        }
        else
        {
            if ((entry & RemoteIrr) != 0) return;
            entry |= RemoteIrr;
        }

        (ulong address, uint data) = Message(entry);
        _send(address, data);
    }

    private static (ulong Address, uint Data) Message(ulong entry) =>
        (0xFEE0_0000 | (entry >> 56 << 12) | ((entry & Logical) != 0 ? 4u : 0u), (uint)(entry & 0x7FF | entry & Level | ((entry & Level) != 0 ? 0x4000u : 0u)));

    private void Route(int pin)
    {
        (ulong address, uint data) = Message(_chip.Redirection[pin]);
        _route(pin, address, data);
    }

    private ulong Read(uint offset, int size) => (offset & LastByte) switch
    {
        Select => _chip.Select,
        Window => ReadWindow(_chip.Select),
        _ => 0,
    };

    private ulong ReadWindow(int register)
    {
        int pin = (register - FirstEntry) >> 1;
        return register switch
        {
            Identity or Arbitration => (ulong)_chip.Id << 24,
            VersionRegister => Version,
            >= FirstEntry when pin < IoApicRegisters.Pins => (register & 1) == 0 ? (uint)_chip.Redirection[pin] : _chip.Redirection[pin] >> 32,
            _ => 0,
        };
    }

    private void Write(uint offset, int size, ulong value)
    {
        switch (offset & LastByte)
        {
            case Select:
                _chip.Select = (byte)value;
                break;
            case Window:
                WriteWindow(_chip.Select, value);
                break;
            case EndOfInterruptRegister:
                EndOfInterrupt((byte)value);
                break;
        }
    }

    private void WriteWindow(int register, ulong value)
    {
        if (register == Identity) _chip.Id = (byte)(value >> 24 & 0x0F);
        int pin = (register - FirstEntry) >> 1;
        if (register < FirstEntry || pin >= IoApicRegisters.Pins) return;
        ref ulong entry = ref _chip.Redirection[pin];
        if ((register & 1) != 0)
        {
            entry = (uint)entry | value << 32;
        }
        else
        {
            const ulong ReadOnly = RemoteIrr | SendPending;
            entry = (entry & ~0xFFFF_FFFFUL) | (entry & ReadOnly) | (value & ~ReadOnly);
            if ((entry & Level) == 0) entry &= ~RemoteIrr;
            else if (Inputs[pin].Level) _chip.Request |= 1u << pin;
        }

        Route(pin);
        Serve(pin);
    }
}
