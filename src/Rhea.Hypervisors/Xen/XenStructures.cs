using System.Runtime.InteropServices;

namespace Rhea.Hypervisors.Xen;

// The structures of the kernel's calls and of Xen's stable ones, whose layout is the same in every version.

[StructLayout(LayoutKind.Sequential)]
internal struct PrivcmdHypercall
{
    public ulong Number, First, Second, Third, Fourth, Fifth;
}

[StructLayout(LayoutKind.Explicit, Size = 16)]
internal struct PrivcmdDmOp
{
    [FieldOffset(0)] public ushort Domain;
    [FieldOffset(2)] public ushort Count;
    [FieldOffset(8)] public ulong Buffers;
}

[StructLayout(LayoutKind.Explicit, Size = 32)]
internal struct PrivcmdMapBatch
{
    [FieldOffset(0)] public uint Count;
    [FieldOffset(4)] public ushort Domain;
    [FieldOffset(8)] public ulong Address;
    [FieldOffset(16)] public ulong Frames;
    [FieldOffset(24)] public ulong Errors;
}

/// <summary>Type and first frame are 0: an ioreq server's pages, all of them.</summary>
[StructLayout(LayoutKind.Explicit, Size = 32)]
internal struct PrivcmdMapResource
{
    [FieldOffset(0)] public ushort Domain;
    [FieldOffset(8)] public uint Id;
    [FieldOffset(16)] public ulong Count;
    [FieldOffset(24)] public ulong Address;
}

[StructLayout(LayoutKind.Sequential)]
internal struct EvtchnBind
{
    public uint RemoteDomain, RemotePort;
}

/// <summary>struct xen_dm_op, with the operations that rhea uses laid over each other.</summary>
[StructLayout(LayoutKind.Explicit, Size = 32)]
internal struct XenDmOp
{
    [FieldOffset(0)] public DmOp Operation;

    // create_ioreq_server: whether it handles buffered requests, and the server's number that comes back.
    [FieldOffset(8)] public byte HandlesBuffered;
    [FieldOffset(12)] public ushort CreatedServer;

    // get_ioreq_server_info, map_io_range_to_ioreq_server, set_ioreq_server_state.
    [FieldOffset(8)] public ushort Server;
    [FieldOffset(10)] public ushort InfoFlags;
    [FieldOffset(10)] public byte Enabled;
    [FieldOffset(12)] public uint BufferedPort;
    [FieldOffset(12)] public XenIoRange RangeType;
    [FieldOffset(16)] public ulong RangeStart;
    [FieldOffset(24)] public ulong RangeEnd;

    // track_dirty_vram, set_mem_type.
    [FieldOffset(8)] public uint FrameCount;
    [FieldOffset(12)] public XenMemoryType MemoryType;
    [FieldOffset(16)] public ulong FirstFrame;

    // relocate_memory: FrameCount frames.
    [FieldOffset(16)] public ulong SourceFrame;
    [FieldOffset(24)] public ulong TargetFrame;

    // remote_shutdown.
    [FieldOffset(8)] public XenShutdown ShutdownReason; // 32 bits, of which the lowest 8 are all

    // set_isa_irq_level.
    [FieldOffset(8)] public byte IsaIrq;
    [FieldOffset(9)] public byte Level;

    // inject_msi.
    [FieldOffset(8)] public uint MsiData;
    [FieldOffset(16)] public ulong MsiAddress;
}

internal enum XenIoRange : uint
{
    Port = 0,
    Memory = 1,
    Pci = 2,
}

internal enum XenMemoryType : ushort
{
    ReadWrite = 0,
    ReadOnly = 1,
}

/// <summary>struct ioreq: an access of the guest's that waits for its answer.</summary>
[StructLayout(LayoutKind.Explicit, Size = 32)]
internal struct Ioreq
{
    [FieldOffset(0)] public ulong Address;

    /// <summary>What is read or written; with <see cref="DataIsPointer"/>, where in guest-physical memory that is.</summary>
    [FieldOffset(8)] public ulong Data;
    [FieldOffset(16)] public uint Count;
    [FieldOffset(20)] public uint Size;
    [FieldOffset(24)] public uint EventChannel;
    [FieldOffset(30)] public byte Flags;
    [FieldOffset(31)] public IoreqType Type;

    public readonly bool DataIsPointer => (Flags & 0x10) != 0;

    public readonly bool IsRead => (Flags & 0x20) != 0;

    public readonly bool GoesDown => (Flags & 0x40) != 0;
}

internal enum IoreqType : byte
{
    Port = 0,
    Memory = 1,
    PciConfig = 2,
    TimeOffset = 7,
    Invalidate = 8,
}

/// <summary>The low four bits of an ioreq's flags.</summary>
internal static class IoreqState
{
    public const byte None = 0, Ready = 1, InProcess = 2, Answered = 3, Mask = 15;
}
