using System.Buffers.Binary;
using System.Globalization;

namespace Rhea.Hypervisors.Xen;

/// <summary>What Xen tells of a domain, and who made it: rhea writes its process into the handle, which is a name for people and tools.</summary>
public sealed record XenDomainInfo
{
    private const uint DyingFlag = 1 << 0, ShutdownFlag = 1 << 2, PausedFlag = 1 << 3;
    private const int PageKilobytes = 4, PidAt = 4;
    private const uint Maker = 0x6165_6872; // "rhea"

    private readonly byte[] _handle;

    internal XenDomainInfo(ReadOnlySpan<byte> info)
    {
        Id = BinaryPrimitives.ReadUInt16LittleEndian(info);
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(info[XenInterface.InfoFlags..]);
        Dying = (flags & DyingFlag) != 0;
        Paused = (flags & PausedFlag) != 0;
        ShutdownReason = (flags & ShutdownFlag) == 0 ? null : (XenShutdown)(flags >> 16 & 0xFF);
        Megabytes = BinaryPrimitives.ReadUInt64LittleEndian(info[XenInterface.InfoPages..]) * PageKilobytes >> 10;
        Vcpus = (int)BinaryPrimitives.ReadUInt32LittleEndian(info[XenInterface.InfoVcpus..]);
        _handle = info.Slice(XenInterface.InfoHandle, 16).ToArray();
    }

    public ushort Id { get; }

    public bool Dying { get; }

    public bool Paused { get; }

    public ulong Megabytes { get; }

    /// <summary>Those that are on.</summary>
    public int Vcpus { get; }

    /// <summary>The process that made it.</summary>
    public int ProcessId => BinaryPrimitives.ReadInt32LittleEndian(_handle.AsSpan(PidAt));

    /// <summary>That process is there no more.</summary>
    public bool IsLeftOver => !Directory.Exists($"/proc/{ProcessId.ToString(CultureInfo.InvariantCulture)}");

    internal XenShutdown? ShutdownReason { get; }

    internal bool IsOurs => BinaryPrimitives.ReadUInt32LittleEndian(_handle) == Maker;

    internal ReadOnlySpan<byte> Handle => _handle;

    /// <summary>A handle for a new domain of this process.</summary>
    internal static byte[] NewHandle()
    {
        byte[] handle = Guid.NewGuid().ToByteArray();
        BinaryPrimitives.WriteUInt32LittleEndian(handle, Maker);
        BinaryPrimitives.WriteInt32LittleEndian(handle.AsSpan(PidAt), Environment.ProcessId);
        return handle;
    }
}

/// <summary>SHUTDOWN_…: why a domain stands still for good (Xen, public/sched.h).</summary>
internal enum XenShutdown : byte
{
    PowerOff = 0,
    Reboot = 1,
    Suspend = 2,
    Crash = 3,
    Watchdog = 4,
    SoftReset = 5,
}
