using Rhea.Host;
using static Rhea.Hypervisors.Record;

namespace Rhea.Hypervisors.Xen;

/// <summary>Carries out requests about one domain, which it makes first and destroys at the end. Whoever asks may be in the guest's hands.</summary>
/// <remarks>The domain's number in every call is its own; arguments are checked before Xen sees them, and the work of one request is bounded.</remarks>
/// <param name="host">Becomes its own.</param>
internal sealed class XenKeeping(XenHost host) : IDisposable
{
    /// <summary>What a shutdown by a triple fault is called: the guest itself cannot give this reason but by Xen's own watchdog.</summary>
    public const XenShutdown TripleFault = XenShutdown.Watchdog;

    public const int LeafLength = 24, SuperpageBits = 9, MostFrames = 8192;

    private const uint HardwareVirtualMachine = 1, HardwareAssistedPaging = 2, AllChips = 0x3FF, GrantTableV1 = 1, MostEventChannels = 1023;
    private const int HandleLength = 16, ContextLength = 16, ContextRecords = 8, PolicyLength = 40, PolicyLeaves = 8, RefusedLeaf = 24, MostLeaves = 512;
    private const long NoProcess = -3, Invalid = -HostException.InvalidArgument, Denied = -HostException.PermissionDenied, Unknown = -38;
    private const ulong MostVcpus = 128, MostMegabytes = 1 << 24, EndOfFrames = 1UL << 32, PageKilobytes = 4;
    private const ulong DeviceKilobytes = 4 << 20; // for video memory and firmware, beside RAM

    private ushort _id;
    private bool _begun;
    private byte[]? _handle; // of a domain that it has made itself
    private ulong _mostKilobytes;

    /// <summary>Whatever is asked, there is an answer.</summary>
    public XenAnswer Answer(in XenRequestHead head, byte[] data)
    {
        bool begins = head.Request is XenRequest.Make or XenRequest.Join, takesData = head.Request is XenRequest.Make or XenRequest.SetContext or XenRequest.SetCpuid;
        if (begins == _begun) return Denied;
        if (data.Length != 0 && !takesData) return Invalid;
        try
        {
            return Do(in head, data);
        }
        catch (HostException refused)
        {
            return -refused.Error;
        }
    }

    /// <summary>Destroys the domain that it has made, and nothing that has come into its place.</summary>
    public void Dispose()
    {
        try
        {
            foreach (XenDomainInfo domain in _handle is null ? [] : host.Domains())
                if (!domain.Dying && domain.Handle.SequenceEqual(_handle)) host.Destroy(domain.Id);
        }
        catch (HostException)
        {
            // somebody else has
        }

        host.Dispose();
    }

    private XenAnswer Do(in XenRequestHead head, byte[] data) => head.Request switch
    {
        XenRequest.Make => Make(head.First, head.Second, data),
        XenRequest.Join => Join(head.First),
        XenRequest.Pause => Call(Domctl.PauseDomain, []),
        XenRequest.Unpause => Call(Domctl.UnpauseDomain, []),
        XenRequest.Resume => Call(Domctl.ResumeDomain, []),
        XenRequest.Info => Info(),
        XenRequest.IsBlocked => IsBlocked(head.First),
        XenRequest.ResetVcpu => ResetVcpu(head.First),
        XenRequest.GetContext => GetContext(),
        XenRequest.SetContext => SetContext(data),
        XenRequest.SetCalendar => SetCalendar(head.First),
        XenRequest.SetTscRate => SetTscRate(head.First),
        XenRequest.GetCpuid => GetCpuid(),
        XenRequest.SetCpuid => SetCpuid(data),
        XenRequest.AllowMemory => AllowMemory(head.First),
        XenRequest.Populate => Reserve(MemoryOp.PopulatePhysmap, head.First, head.Second, head.Third),
        XenRequest.Release => Reserve(MemoryOp.DecreaseReservation, head.First, head.Second, order: 0),
        XenRequest.FreeMemory => (long)host.FreeMegabytes,
        _ => Unknown,
    };

    private long Make(ulong vcpus, ulong megabytes, byte[] handle)
    {
        if (vcpus is 0 or > MostVcpus || megabytes > MostMegabytes || handle.Length != HandleLength) return Invalid;
        Span<byte> create = stackalloc byte[72];
        create.Clear();
        handle.CopyTo(create[4..]);
        Put(create, 20, HardwareVirtualMachine | HardwareAssistedPaging);
        Put(create, 28, (uint)vcpus);
        Put(create, 32, MostEventChannels);
        Put(create, 36, uint.MaxValue); // as many grants as Xen allows
        Put(create, 40, uint.MaxValue);
        Put(create, 44, GrantTableV1);
        Put(create, host.Interface.EmulationFlags, AllChips);
        ushort id = host.Interface.AutomaticId;
        long result = host.Domctl(Domctl.CreateDomain, ref id, create);
        if (result < 0) return result;
        (_id, _begun, _handle, _mostKilobytes) = (id, true, handle, (megabytes << 10) + DeviceKilobytes);

        byte[] pool = new byte[sizeof(ulong)], count = new byte[sizeof(uint)];
        Put(pool, 0, ((vcpus * 1024) + (8 * megabytes) + 2048) * 1024);
        Put(count, 0, (uint)vcpus);
        result = AllowMemory(0);
        if (result < 0) return result;
        result = host.Calls.CallAll(
        [
            (Hypercall.Domctl, -1, Command(Domctl.MaxVcpus, count)),
            (Hypercall.HvmOp, 0, Parameter(HvmParam.HpetEnabled, 1)),
            (Hypercall.HvmOp, 0, Parameter(HvmParam.TripleFaultReason, (ulong)TripleFault)),
            (Hypercall.HvmOp, 0, Parameter(HvmParam.TimerMode, 1)), // late ticks are not made up for
            (Hypercall.HvmOp, 0, Parameter(HvmParam.AcpiPortsLocation, 1)), // at b000h, out of the way of the board's
        ]);
        if (result < 0) return result;
        result = Call(Domctl.SetPagingPool, pool);
        return result < 0 ? result : id;
    }

    private XenAnswer Join(ulong wanted)
    {
        if (wanted is 0 or > ushort.MaxValue) return Invalid;
        _id = (ushort)wanted;
        XenAnswer info = Info();
        if (info.Result < 0) return info;
        (_begun, _mostKilobytes) = (true, (Quad(info.Data, XenInterface.InfoMostPages) * PageKilobytes) + DeviceKilobytes);
        long result = host.Calls.CallAll([(Hypercall.HvmOp, 0, Parameter(HvmParam.TimerMode, 1)), (Hypercall.HvmOp, 0, Parameter(HvmParam.AcpiPortsLocation, 1))]);
        return result < 0 ? result : info with { Result = _id };
    }

    /// <summary>Of a domain that is gone, Xen tells about the next one.</summary>
    private XenAnswer Info()
    {
        var info = new byte[XenInterface.InfoLength];
        ushort id = _id;
        long result = host.Domctl(Domctl.GetDomainInfo, ref id, info);
        return result < 0 ? result : id != _id ? NoProcess : new XenAnswer(0, info);
    }

    private long IsBlocked(ulong vcpu)
    {
        if (vcpu >= MostVcpus) return Invalid;
        Span<byte> info = stackalloc byte[24];
        info.Clear();
        Put(info, 0, (uint)vcpu);
        long result = Call(Domctl.GetVcpuInfo, info);
        return result < 0 ? result : info[5] != 0 ? 1 : 0;
    }

    private long ResetVcpu(ulong vcpu)
    {
        if (vcpu >= MostVcpus) return Invalid;
        Span<byte> none = stackalloc byte[16]; // no context: as after power-on
        none.Clear();
        Put(none, 0, (uint)vcpu);
        return Call(Domctl.SetVcpuContext, none);
    }

    private XenAnswer GetContext()
    {
        Span<byte> request = stackalloc byte[ContextLength];
        request.Clear();
        long result = Call(Domctl.GetHvmContext, request);
        if (result < 0) return result;
        var records = new byte[Word(request, 0)];
        result = Call(Domctl.GetHvmContext, request, records, ContextRecords);
        return result < 0 ? result : new XenAnswer(result, records);
    }

    private long SetContext(byte[] records)
    {
        if (records.Length == 0) return Invalid;
        Span<byte> request = stackalloc byte[ContextLength];
        request.Clear();
        Put(request, 0, (uint)records.Length);
        return Call(Domctl.SetHvmContext, request, records, ContextRecords);
    }

    private long SetCalendar(ulong seconds)
    {
        Span<byte> offset = stackalloc byte[sizeof(ulong)];
        Put(offset, 0, seconds);
        return Call(Domctl.SetTimeOffset, offset);
    }

    /// <summary>A host without the hardware for it has every RDTSC emulated, which is slow but right.</summary>
    private long SetTscRate(ulong kilohertz)
    {
        const uint AlwaysThisRate = 1;
        if (kilohertz is 0 or > uint.MaxValue) return Invalid;
        Span<byte> rate = stackalloc byte[24];
        rate.Clear();
        Put(rate, 0, AlwaysThisRate);
        Put(rate, 4, (uint)kilohertz);
        return Call(Domctl.SetTscInfo, rate);
    }

    private XenAnswer GetCpuid()
    {
        Span<byte> request = stackalloc byte[PolicyLength];
        request.Clear();
        Put(request, 0, MostLeaves);
        var leaves = new byte[MostLeaves * LeafLength];
        long result = Call(Domctl.GetCpuPolicy, request, leaves, PolicyLeaves);
        return result < 0 ? result : new XenAnswer(result, leaves[..(int)(Math.Min(Word(request, 0), MostLeaves) * LeafLength)]);
    }

    private XenAnswer SetCpuid(byte[] leaves)
    {
        if (leaves.Length is 0 or > MostLeaves * LeafLength || leaves.Length % LeafLength != 0) return Invalid;
        Span<byte> request = stackalloc byte[PolicyLength];
        request.Clear();
        Put(request, 0, (uint)(leaves.Length / LeafLength));
        long result = Call(Domctl.SetCpuPolicy, request, leaves, PolicyLeaves);
        return result >= 0 ? result : new XenAnswer(result, request.Slice(RefusedLeaf, sizeof(uint)).ToArray());
    }

    private long AllowMemory(ulong kilobytes)
    {
        if (kilobytes > _mostKilobytes) return Invalid;
        Span<byte> limit = stackalloc byte[sizeof(ulong)];
        Put(limit, 0, kilobytes);
        return Call(Domctl.MaxMemory, limit);
    }

    private long Reserve(MemoryOp operation, ulong frame, ulong count, ulong order)
    {
        if (order is not (0 or SuperpageBits) || count is 0 or > MostFrames || frame >= EndOfFrames || frame + (count << (int)order) > EndOfFrames) return Invalid;
        var frames = new byte[count * sizeof(ulong)];
        for (var i = 0; i < (int)count; i++) Put(frames, i * sizeof(ulong), frame + ((ulong)i << (int)order));
        Span<byte> reservation = stackalloc byte[32];
        reservation.Clear();
        Put(reservation, 8, count);
        Put(reservation, 16, (uint)order);
        Put(reservation, 24, _id);
        return host.Calls.Call(Hypercall.MemoryOp, (int)operation, reservation, frames);
    }

    private long Call(Domctl command, Span<byte> payload, Span<byte> buffer = default, int pointer = 0)
    {
        ushort id = _id;
        return host.Domctl(command, ref id, payload, buffer, pointer);
    }

    private byte[] Command(Domctl command, ReadOnlySpan<byte> payload)
    {
        var structure = new byte[XenInterface.DomctlLength];
        Put(structure, 0, (uint)command);
        Put(structure, 4, host.Interface.Version);
        Put(structure, 8, _id);
        payload.CopyTo(structure.AsSpan(XenInterface.Payload));
        return structure;
    }

    private byte[] Parameter(HvmParam parameter, ulong value)
    {
        var structure = new byte[16];
        Put(structure, 0, _id);
        Put(structure, 4, (uint)parameter);
        Put(structure, 8, value);
        return structure;
    }
}
