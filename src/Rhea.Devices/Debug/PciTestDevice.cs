using System.Buffers.Binary;
using System.Text;
using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Core.Pci;
using Rhea.Core.State;

namespace Rhea.Devices.Debug;

/// <summary>A card that counts accesses: the guest chooses a test by number and finds out where to write what, and how often that arrived.</summary>
/// <remarks>QEMU's specification "pci-testdev". What is written to the variants with an eventfd arrives there, and is not counted.</remarks>
[Device("pci-testdev", "Counts accesses to ports and memory, for tests")]
public sealed class PciTestDevice : Device
{
    private const uint MemoryLength = 0x1000, PortLength = 0x100, MemoryTarget = 0x800, PortTarget = 0x80;
    private const int HeaderLength = 16, Width = 1, NoTest = -1;

    private static readonly (string Name, byte Data)[] Kinds = [("no-eventfd", 0xFA), ("wildcard-eventfd", 0xCE), ("datamatch-eventfd", 0xFA)];

    private readonly PciFunction _pci;
    private readonly uint[] _counts = new uint[Kinds.Length * 2];
    private int _test;

    public PciTestDevice(PciSlot slot, Options options)
    {
        _pci = slot.Plug(new PciIdentity(0x1B36, 0x0005, Revision: 0, Class: 0x00FF, SubsystemVendor: 0x1AF4, Subsystem: 0x1100));
        _pci.AddMemoryBar(0, MemoryLength, MemoryRegion.Io(new IoRegion("pci-testdev-mmio", MemoryLength, AccessSizes.Byte, Read,
            (offset, _, value) => Write(0, MemoryTarget, offset, value))));
        _pci.AddPortBar(1, new IoRegion("pci-testdev-portio", PortLength, AccessSizes.Byte, Read,
            (offset, _, value) => Write(Kinds.Length, PortTarget, offset, value)));
        if (options.MemoryBar > 0)
            _pci.AddMemoryBar(2, options.MemoryBar, MemoryRegion.Io(new IoRegion("pci-testdev-membar", (uint)options.MemoryBar, AccessSizes.Any, (_, _) => 0, (_, _, _) => { })),
                PciBarKind.Wide | PciBarKind.Prefetchable);
    }

    public override string Model => "pci-testdev";

    public override StructType Section { get; } = new("pci-testdev", 1);

    public override void Reset()
    {
        _pci.Reset();
        _test = NoTest;
        Array.Clear(_counts);
    }

    /// <summary>QEMU saves nothing of it.</summary>
    public override void Visit(StateVisitor state)
    {
        _pci.Visit("parent_obj", state);
        state.Int32("current", ref _test);
        state.Demand(_test >= NoTest && _test < _counts.Length, $"current was {_test}");
        state.UInt32("counts", _counts);
    }

    public override void Loaded() => _pci.Loaded();

    /// <summary>Number, width, and as 32-bit numbers where, what and how often; then the name.</summary>
    private ulong Read(uint offset, int size)
    {
        if (_test == NoTest) return 0;
        Span<byte> bytes = stackalloc byte[64 + sizeof(ulong)];
        bytes.Clear();
        bool ports = _test >= Kinds.Length;
        (string name, byte data) = Kinds[_test % Kinds.Length];
        (bytes[0], bytes[1]) = ((byte)_test, Width);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[4..], (ports ? PortTarget : MemoryTarget) + (uint)_test);
        bytes[8] = data;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[12..], _counts[_test]);
        int start = Encoding.ASCII.GetBytes(ports ? "portio-" : "mmio-", bytes[HeaderLength..]);
        Encoding.ASCII.GetBytes(name, bytes[(HeaderLength + start)..]);
        return offset < 64 ? BinaryPrimitives.ReadUInt64LittleEndian(bytes[(int)offset..]) : 0;
    }

    private void Write(int firstTest, uint target, uint offset, ulong value)
    {
        if (offset == 0)
        {
            _test = value < (ulong)Kinds.Length ? firstTest + (int)value : NoTest;
            if (_test != NoTest) _counts[_test] = 0;
        }
        else if (_test == firstTest && offset == target + (uint)_test && value == Kinds[0].Data)
        {
            _counts[_test]++;
        }
    }

    public sealed record Options
    {
        [Option("membar", "Bytes of memory of its own; 0 is none")]
        public ulong MemoryBar { get; init; }
    }
}
