using Rhea.Core.Backends;
using Rhea.Core.Io;
using Rhea.Core.Machines;

namespace Rhea.Devices.Debug;

/// <summary>A port that firmware prints its log to, one byte a write. Reading tells that it is there.</summary>
/// <remarks>Bochs' port E9h; SeaBIOS looks for it at 402h. What a stuck host does not take is kept up to a limit, then lost.</remarks>
[Device("isa-debugcon", "Port that firmware prints its log to")]
public sealed class DebugConsole : Device, ICharFrontend
{
    private const int Limit = 1 << 16; // bytes kept for a slow host

    private readonly ICharBackend? _host;
    private readonly Queue<byte> _waiting = [];

    public DebugConsole(IsaSlot slot, Options options)
    {
        _host = slot.Chardev(options.Chardev, this);
        slot.MapPorts(options.IoBase, new IoRegion("isa-debugcon", 1, AccessSizes.Byte,
            read: (_, _) => options.ReadBack,
            write: (_, _, value) => Print((byte)value)));
    }

    public int Room => 0;

    public override string Model => "isa-debugcon";

    public override void Reset()
    {
    }

    public void Receive(ReadOnlySpan<byte> bytes)
    {
    }

    public void CanWrite()
    {
        while (_waiting.TryPeek(out byte next) && _host!.Write([next]) == 1) _waiting.Dequeue();
    }

    public void Connected(bool open)
    {
    }

    public void Break()
    {
    }

    private void Print(byte value)
    {
        if (_host is null || (_waiting.Count == 0 && _host.Write([value]) == 1)) return;
        if (_waiting.Count < Limit) _waiting.Enqueue(value);
    }

    public sealed record Options
    {
        [Option("iobase", "The port")]
        public ushort IoBase { get; init; } = 0xE9;

        [Option("readback", "What reading the port gives")]
        public ushort ReadBack { get; init; } = 0xE9;

        [Option("chardev", "Where the bytes go")]
        public string Chardev { get; init; } = "";
    }
}
