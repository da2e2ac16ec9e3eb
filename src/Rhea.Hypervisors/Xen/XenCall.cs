namespace Rhea.Hypervisors.Xen;

/// <summary>Requests of /dev/xen/privcmd and /dev/xen/evtchn (Linux, xen/privcmd.h and xen/evtchn.h).</summary>
internal enum XenIoctl : uint
{
    Hypercall = 0x30_5000,
    MapBatch = 0x20_5004,
    DmOp = 0x10_5005,
    RestrictPrivcmd = 0x2_5006,
    MapResource = 0x20_5007,
    BindInterdomain = 0x8_4501,
    BindUnbound = 0x4_4502,
    Notify = 0x4_4504,
    RestrictEvtchn = 0x2_4506,
}

/// <summary>Hypercalls (Xen, public/xen.h).</summary>
internal enum Hypercall
{
    MemoryOp = 12,
    Multicall = 13,
    XenVersion = 17,
    HvmOp = 34,
    Sysctl = 35,
    Domctl = 36,
}

/// <summary>What Dom0 does with a domain (Xen, public/domctl.h).</summary>
internal enum Domctl : uint
{
    CreateDomain = 1,
    DestroyDomain = 2,
    PauseDomain = 3,
    UnpauseDomain = 4,
    GetDomainInfo = 5,
    MaxMemory = 11,
    SetVcpuContext = 12,
    GetVcpuInfo = 14,
    MaxVcpus = 15,
    SetTimeOffset = 24,
    ResumeDomain = 27,
    GetHvmContext = 33,
    SetHvmContext = 34,
    SetTscInfo = 60,
    GetCpuPolicy = 82,
    SetCpuPolicy = 83,
    SetPagingPool = 86,
}

/// <summary>What Dom0 does with the whole host (Xen, public/sysctl.h).</summary>
internal enum Sysctl : uint
{
    PhysicalInfo = 3,
    GetDomainInfoList = 6,
}

/// <summary>Memory operations (Xen, public/memory.h).</summary>
internal enum MemoryOp
{
    DecreaseReservation = 1,
    PopulatePhysmap = 6,
}

/// <summary>What a device model does (Xen, public/hvm/dm_op.h).</summary>
internal enum DmOp : uint
{
    CreateIoreqServer = 1,
    GetIoreqServerInfo = 2,
    MapIoRange = 3,
    SetIoreqServerState = 5,
    TrackDirtyVram = 7,
    SetIsaIrqLevel = 9,
    SetMemoryType = 12,
    InjectMsi = 14,
    RemoteShutdown = 16,
    RelocateMemory = 17,
}

/// <summary>Parameters of an HVM domain (Xen, public/hvm/params.h).</summary>
internal enum HvmParam : uint
{
    TimerMode = 10,
    HpetEnabled = 11,
    AcpiPortsLocation = 19,
    TripleFaultReason = 31,
}
