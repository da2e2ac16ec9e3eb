using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Rhea.Core;
using Rhea.Core.Cpu;
using Rhea.Host;
using static Rhea.Hypervisors.Record;

namespace Rhea.Hypervisors.Xen;

/// <summary>An HVM domain that rhea has made: its memory, its state, and what makes it run.</summary>
internal sealed class XenDomain : IXenFrames, IDisposable
{
    private const uint HardwareVirtualMachine = 1, HardwareAssistedPaging = 2, AllChips = 0x3FF, GrantTableV1 = 1, MostEventChannels = 1023;
    private const int SuperpageBits = 9, FramesPerCall = 8192;
    private const ulong PageKilobytes = 4, SlackKilobytes = 4096;
    private const int NoMemory = 12;
    private const int MostLeaves = 512, LeafWords = 6, LeafLength = LeafWords * sizeof(uint), PolicyLength = 40, PolicyLeaves = 8;
    private const uint NoSubleaf = uint.MaxValue;

    /// <summary>What a shutdown by a triple fault is called: the guest itself cannot give this reason but by Xen's own watchdog.</summary>
    public const XenShutdown TripleFault = XenShutdown.Watchdog;

    private readonly XenHost _host;
    private readonly ushort _id;
    private ulong _pages; // that it may have
    private XenContext? _context;
    private readonly HashSet<int> _stopped = []; // processors that are to be as after power-on
    private readonly HashSet<uint> _leavesWithSubleaves = []; // of CPUID, in Xen's eyes
    private readonly bool _isTheirs; // somebody else has made it, starts it and destroys it
    private bool _runs, _wasPaused, _calendarMoved;
    private uint _tscRate; // that Xen is still to be told; else 0

    /// <exception cref="HostException">Xen refuses.</exception>
    public XenDomain(XenHost host, byte[] handle, int vcpus, ulong megabytes)
    {
        _host = host;
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
        Check(host.Domctl(Domctl.CreateDomain, ref id, create));
        _id = id;
        try
        {
            Configure(vcpus, megabytes);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>A domain that a toolstack has made, with its memory, and has not started yet.</summary>
    /// <exception cref="ConfigException">There is none.</exception>
    /// <exception cref="HostException">Xen refuses.</exception>
    public XenDomain(XenHost host, ushort id)
    {
        (_host, _id, _isTheirs) = (host, id, true);
        Span<byte> info = stackalloc byte[XenInterface.InfoLength];
        info.Clear();
        if (host.Domctl(Domctl.GetDomainInfo, ref id, info) < 0 || id != _id) throw new ConfigException($"there is no domain {_id}");
        _pages = BinaryPrimitives.ReadUInt64LittleEndian(info[XenInterface.InfoMostPages..]);
        Check(_host.Calls.CallAll([(Hypercall.HvmOp, 0, Parameter(HvmParam.TimerMode, 1)), (Hypercall.HvmOp, 0, Parameter(HvmParam.AcpiPortsLocation, 1))]));
    }

    public ushort Id => _id;

    public bool IsTheirs => _isTheirs;

    /// <summary>What Xen keeps of it, as of its last stop. Only while it stands still; changes are there before it runs again.</summary>
    public XenContext Context => _context ??= FetchContext();

    /// <summary>Its calendar less the host's, in seconds.</summary>
    public long CalendarAhead
    {
        get;
        set => (field, _calendarMoved) = (value, true);
    }

    /// <summary>Why it has stopped for good; null when it has not.</summary>
    public XenShutdown? ShutdownReason
    {
        get
        {
            Span<byte> info = stackalloc byte[XenInterface.InfoLength];
            info.Clear();
            Call(Domctl.GetDomainInfo, info);
            return new XenDomainInfo(info).ShutdownReason;
        }
    }

    public void Unpause()
    {
        if (_runs) return;
        Settle();
        if (!_isTheirs || _wasPaused) Call(Domctl.UnpauseDomain, []);
        _runs = true;
    }

    /// <summary>The guest has set its calendar.</summary>
    public void NoteCalendarMoved(long seconds)
    {
        bool due = _calendarMoved;
        CalendarAhead += seconds;
        _calendarMoved = due; // Xen knows it already
    }

    /// <summary>When this returns, none of its processors runs.</summary>
    public void Pause()
    {
        if (!_runs) return;
        Call(Domctl.PauseDomain, []);
        (_runs, _wasPaused) = (false, true);
    }

    /// <summary>It shuts down as soon as no processor waits for an access any more.</summary>
    public void RequestShutdown(XenShutdown reason)
    {
        var operation = new XenDmOp { Operation = DmOp.RemoteShutdown, ShutdownReason = reason };
        DeviceModel(ref operation);
    }

    /// <summary>After it has shut down: it may run again.</summary>
    public void Resume() => Call(Domctl.ResumeDomain, []);

    /// <summary>The processor waits for INIT and SIPI again.</summary>
    public void StopVcpu(int index)
    {
        Context.Remove(XenRecord.Cpu, index);
        _stopped.Add(index);
    }

    /// <summary>The processor gets new registers, and runs, whatever it waited for.</summary>
    public Span<byte> ChangeVcpu(int index)
    {
        _stopped.Add(index);
        return Context.Change(XenRecord.Cpu, index, XenRegisters.CpuLength);
    }

    /// <summary>It sleeps until an interrupt.</summary>
    public bool IsBlocked(int vcpu)
    {
        Span<byte> info = stackalloc byte[24];
        info.Clear();
        Put(info, 0, (uint)vcpu);
        ushort id = _id;
        return _host.Domctl(Domctl.GetVcpuInfo, ref id, info) >= 0 && info[5] != 0;
    }

    /// <summary>What Xen lets the processors say of themselves.</summary>
    public IReadOnlyList<CpuidLeaf> CpuidPolicy()
    {
        Span<byte> request = stackalloc byte[PolicyLength];
        request.Clear();
        Put(request, 0, MostLeaves);
        var leaves = new byte[MostLeaves * LeafLength];
        ushort id = _id;
        Check(_host.Domctl(Domctl.GetCpuPolicy, ref id, request, leaves, pointer: PolicyLeaves));
        var count = (int)BinaryPrimitives.ReadUInt32LittleEndian(request);
        var words = MemoryMarshal.Cast<byte, uint>(leaves);
        var policy = new List<CpuidLeaf>();
        for (var i = 0; i < count; i++)
        {
            ReadOnlySpan<uint> leaf = words.Slice(i * LeafWords, LeafWords);
            policy.Add(new CpuidLeaf(leaf[0], leaf[1] == NoSubleaf ? 0 : leaf[1], leaf[2], leaf[3], leaf[4], leaf[5]));
            if (leaf[1] != NoSubleaf) _leavesWithSubleaves.Add(leaf[0]);
        }

        return policy;
    }

    /// <summary>What all processors say of themselves. Before the domain runs for the first time.</summary>
    /// <returns>The leaf that Xen does not take; null when it takes all.</returns>
    public uint? SetCpuidPolicy(IReadOnlyList<CpuidLeaf> leaves)
    {
        const int RefusedLeaf = 24;
        Span<byte> request = stackalloc byte[PolicyLength];
        request.Clear();
        Put(request, 0, (uint)leaves.Count);
        var words = new uint[leaves.Count * LeafWords];
        for (var i = 0; i < leaves.Count; i++)
        {
            CpuidLeaf leaf = leaves[i];
            uint subleaf = _leavesWithSubleaves.Contains(leaf.Leaf) ? leaf.Subleaf : NoSubleaf;
            ((uint[])[leaf.Leaf, subleaf, leaf.Eax, leaf.Ebx, leaf.Ecx, leaf.Edx]).CopyTo(words, i * LeafWords);
        }

        ushort id = _id;
        return _host.Domctl(Domctl.SetCpuPolicy, ref id, request, MemoryMarshal.AsBytes(words.AsSpan()), pointer: PolicyLeaves) < 0 ? Word(request, RefusedLeaf) : null;
    }

    /// <summary>The rate of the time stamp counter, from the next start on: Xen shows it whatever the processor's own is.</summary>
    public void SetTscRate(uint kilohertz)
    {
        if (XenRegisters.TscRate(Context.Find(XenRecord.Header)) == kilohertz) return;
        Put(Context.Change(XenRecord.Header, 0, Context.Find(XenRecord.Header).Length), XenRegisters.HeaderTscRate, kilohertz);
        _tscRate = kilohertz;
    }

    public void DeviceModel(ref XenDmOp operation, Span<byte> buffer = default)
    {
        int result = TryDeviceModel(ref operation, buffer);
        if (result < 0) throw new HostException(-result);
    }

    public int TryDeviceModel(ref XenDmOp operation, Span<byte> buffer = default) => _host.Calls.Privcmd.DeviceModel(_id, ref operation, buffer);

    public SharedPages MapIoreqPages(ushort server, int count) => _host.Calls.Privcmd.MapIoreqPages(_id, server, count);

    public void Allow(ulong frames)
    {
        _pages += frames;
        Span<byte> limit = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(limit, (_pages * PageKilobytes) + SlackKilobytes);
        Call(Domctl.MaxMemory, limit);
    }

    public void Populate(ulong frame, ulong count)
    {
        const ulong Superpage = 1UL << SuperpageBits;
        ulong end = frame + count, aligned = Math.Min((frame + Superpage - 1) & ~(Superpage - 1), end), last = Math.Max(end & ~(Superpage - 1), aligned);
        Populate(frame, aligned - frame, 0);
        for (ulong done = aligned; done < last;)
        {
            ulong got = TryPopulate(done, (last - done) >> SuperpageBits, SuperpageBits);
            done += got << SuperpageBits;
            if (done == last) break;
            Populate(done, Superpage, 0); // no 2 MiB in one piece are left: in small ones, then
            done += Superpage;
        }

        Populate(last, end - last, 0);
    }

    public void Move(ulong from, ulong to, ulong count)
    {
        var operation = new XenDmOp { Operation = DmOp.RelocateMemory, FrameCount = (uint)count, SourceFrame = from, TargetFrame = to };
        DeviceModel(ref operation);
    }

    public void Release(ulong frame, ulong count)
    {
        var frames = new ulong[count];
        for (ulong i = 0; i < count; i++) frames[i] = frame + i;
        Check(Reserve(MemoryOp.DecreaseReservation, frames, 0));
    }

    public void Protect(ulong frame, ulong count, bool readOnly)
    {
        var operation = new XenDmOp
        {
            Operation = DmOp.SetMemoryType,
            FrameCount = (uint)count,
            MemoryType = readOnly ? XenMemoryType.ReadOnly : XenMemoryType.ReadWrite,
            FirstFrame = frame,
        };
        DeviceModel(ref operation);
    }

    public void Map(nint at, ReadOnlySpan<ulong> frames, Span<int> errors) => _host.Calls.Privcmd.MapFrames(_id, at, frames, errors);

    public bool CollectDirty(ulong frame, ulong count, Span<byte> bitmap)
    {
        var operation = new XenDmOp { Operation = DmOp.TrackDirtyVram, FrameCount = (uint)count, FirstFrame = frame };
        return TryDeviceModel(ref operation, bitmap) >= 0;
    }

    public void Dispose()
    {
        if (_isTheirs) return;
        try
        {
            _host.Destroy(_id);
        }
        catch (HostException)
        {
            // it has gone already
        }
    }

    private void Configure(int vcpus, ulong megabytes)
    {
        Allow(0);
        byte[] pool = new byte[8], count = new byte[4];
        BinaryPrimitives.WriteUInt64LittleEndian(pool, (((ulong)vcpus * 1024) + (8 * megabytes) + 2048) * 1024);
        BinaryPrimitives.WriteInt32LittleEndian(count, vcpus);
        Check(_host.Calls.CallAll(
        [
            (Hypercall.Domctl, -1, Command(Domctl.MaxVcpus, count)),
            (Hypercall.HvmOp, 0, Parameter(HvmParam.HpetEnabled, 1)),
            (Hypercall.HvmOp, 0, Parameter(HvmParam.TripleFaultReason, (ulong)TripleFault)),
            (Hypercall.HvmOp, 0, Parameter(HvmParam.TimerMode, 1)), // late ticks are not made up for
            (Hypercall.HvmOp, 0, Parameter(HvmParam.AcpiPortsLocation, 1)), // at b000h, out of the way of the board's
        ]));
        Call(Domctl.SetPagingPool, pool);
    }

    /// <summary>What has been changed goes to Xen, in as few calls as can be.</summary>
    private void Settle()
    {
        Span<byte> none = stackalloc byte[16];
        foreach (int vcpu in _stopped)
        {
            none.Clear();
            Put(none, 0, (uint)vcpu);
            Call(Domctl.SetVcpuContext, none); // of no context: as after power-on
        }

        _stopped.Clear();
        if (_tscRate != 0) SettleTscRate();
        if (_context?.Changes() is { } changes)
        {
            Span<byte> request = stackalloc byte[16];
            request.Clear();
            Put(request, 0, (uint)changes.Length);
            ushort id = _id;
            Check(_host.Domctl(Domctl.SetHvmContext, ref id, request, changes, pointer: 8));
        }

        _context = null;
        if (_calendarMoved)
        {
            BinaryPrimitives.WriteInt64LittleEndian(none, CalendarAhead);
            Call(Domctl.SetTimeOffset, none[..sizeof(long)]);
            _calendarMoved = false;
        }
    }

    /// <summary>A host without the hardware for it has every RDTSC emulated, which is slow but right.</summary>
    private void SettleTscRate()
    {
        const uint AlwaysThisRate = 1;
        Span<byte> rate = stackalloc byte[24];
        rate.Clear();
        Put(rate, 0, AlwaysThisRate);
        Put(rate, 4, _tscRate);
        Call(Domctl.SetTscInfo, rate);
        _tscRate = 0;
    }

    private XenContext FetchContext()
    {
        Span<byte> request = stackalloc byte[16];
        request.Clear();
        Call(Domctl.GetHvmContext, request);
        var stream = new byte[BinaryPrimitives.ReadUInt32LittleEndian(request)];
        ushort id = _id;
        Check(_host.Domctl(Domctl.GetHvmContext, ref id, request, stream, pointer: 8));
        return new XenContext(stream);
    }

    private void Populate(ulong frame, ulong count, int order)
    {
        if (count == 0 || TryPopulate(frame, count, order) == count) return;
        throw new ConfigException($"Xen has not enough free memory for the guest ({_host.FreeMegabytes} MiB are left): try a smaller -m, or give Dom0 less (dom0_mem=)");
    }

    private ulong TryPopulate(ulong frame, ulong count, int order)
    {
        var frames = new ulong[Math.Min(count, FramesPerCall)];
        for (ulong done = 0; done < count;)
        {
            var now = (int)Math.Min(count - done, FramesPerCall);
            for (var i = 0; i < now; i++) frames[i] = frame + ((done + (ulong)i) << order);
            long got = Reserve(MemoryOp.PopulatePhysmap, frames.AsSpan(0, now), order);
            if (got is < 0 and not -NoMemory) throw new HostException((int)-got);
            done += (ulong)Math.Max(got, 0);
            if (got != now) return done;
        }

        return count;
    }

    private long Reserve(MemoryOp operation, Span<ulong> frames, int order)
    {
        Span<byte> reservation = stackalloc byte[32];
        reservation.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(reservation[8..], (ulong)frames.Length);
        Put(reservation, 16, (uint)order);
        BinaryPrimitives.WriteUInt16LittleEndian(reservation[24..], _id);
        return _host.Calls.Call(Hypercall.MemoryOp, (int)operation, reservation, MemoryMarshal.AsBytes(frames));
    }

    private void Call(Domctl command, Span<byte> payload)
    {
        ushort id = _id;
        Check(_host.Domctl(command, ref id, payload));
    }

    private byte[] Command(Domctl command, ReadOnlySpan<byte> payload)
    {
        var structure = new byte[XenInterface.DomctlLength];
        Put(structure, 0, (uint)command);
        Put(structure, 4, _host.Interface.Version);
        BinaryPrimitives.WriteUInt16LittleEndian(structure.AsSpan(8), _id);
        payload.CopyTo(structure.AsSpan(XenInterface.Payload));
        return structure;
    }

    private byte[] Parameter(HvmParam parameter, ulong value)
    {
        var structure = new byte[16];
        BinaryPrimitives.WriteUInt16LittleEndian(structure, _id);
        Put(structure, 4, (uint)parameter);
        BinaryPrimitives.WriteUInt64LittleEndian(structure.AsSpan(8), value);
        return structure;
    }

    private static void Check(long result)
    {
        if (result < 0) throw new HostException((int)-result);
    }
}
