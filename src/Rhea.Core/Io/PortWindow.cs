namespace Rhea.Core.Io;

/// <summary>A block of registers that the guest places in port space, or takes out of it.</summary>
public sealed class PortWindow(PortSpace ports, IoRegion registers)
{
    /// <summary>Where the registers answer; null while they do not, also because the ports are somebody else's.</summary>
    public ushort? At { get; private set; }

    public IoRegion Registers => registers;

    public void Place(ushort? at)
    {
        if (at == At) return;
        if (At is not null) ports.Unmap(registers);
        At = at is { } port && ports.TryMap(port, registers) ? port : null;
    }
}
