using System.Buffers.Binary;
using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Core.State;

namespace Rhea.Devices.Debug;

/// <summary>What kvm-unit-tests drive: a port that remembers, memory that is registers, and the machine's interrupt lines by hand.</summary>
/// <remarks>QEMU's device "pc-testdev"; its use is in kvm-unit-tests, x86/emulator.c and x86/ioapic.c.</remarks>
[Device("pc-testdev", "What kvm-unit-tests drive: a port, memory, lines")]
public sealed class PcTestDevice : Device
{
    private const ushort Port = 0xE0, FlushPort = 0xE4, BytePort = 0xE8, LinePorts = 0x2000;
    private const uint MemoryLength = 0x1_0000, Lines = 24;
    private const ulong Memory = 0xFF00_0000;

    private readonly IrqLine[] _lines;
    private readonly byte[] _memory = new byte[MemoryLength];
    private uint _port;

    public PcTestDevice(IsaSlot slot, Options options)
    {
        _ = options;
        _lines = [.. Enumerable.Range(0, (int)Lines).Select(slot.Irq)];
        slot.MapPorts(Port, new IoRegion("pc-testdev-ioport", 4, new AccessSizes(1, 4), ReadPort, WritePort));
        slot.MapPorts(FlushPort, new IoRegion("pc-testdev-flush-page", 4, AccessSizes.DWord, (_, _) => 0, (_, _, _) => { })); // a hint for KVM's page tables
        slot.MapPorts(BytePort, new IoRegion("pc-testdev-ioport-byte", 4, AccessSizes.Byte, ReadPort, WritePort));
        slot.MapPorts(LinePorts, new IoRegion("pc-testdev-irq-line", Lines, AccessSizes.Byte, (_, _) => 0, (offset, _, value) => _lines[offset].Set(value != 0)));
        slot.MapMemory(Memory, MemoryRegion.Io(new IoRegion("pc-testdev-iomem", MemoryLength, new AccessSizes(1, 4), ReadMemory, WriteMemory)), priority: 0);
    }

    public override string Model => "pc-testdev";

    public override StructType Section { get; } = new("pc-testdev", 1);

    public override void Reset()
    {
        _port = 0;
        Array.Clear(_memory);
        foreach (IrqLine line in _lines) line.Set(false);
    }

    /// <summary>QEMU saves nothing of it; a line that was held is let go.</summary>
    public override void Visit(StateVisitor state)
    {
        state.UInt32("ioport_data", ref _port);
        state.Buffer("iomem_buf", _memory);
    }

    private ulong ReadPort(uint offset, int size) => _port >> (int)(offset * 8);

    private void WritePort(uint offset, int size, ulong value)
    {
        uint bits = (uint)(ulong.MaxValue >> (64 - (size * 8))) << (int)(offset * 8);
        _port = (_port & ~bits) | ((uint)value << (int)(offset * 8) & bits);
    }

    private ulong ReadMemory(uint offset, int size)
    {
        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        _memory.AsSpan((int)offset, size).CopyTo(bytes);
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    private void WriteMemory(uint offset, int size, ulong value)
    {
        for (var i = 0; i < size; i++) _memory[offset + i] = (byte)(value >> (i * 8));
    }

    /// <summary>It has none.</summary>
    public sealed record Options;
}
