using System.Runtime.InteropServices;
using Rhea.Core;
using Rhea.Core.Cpu;
using Rhea.Host;
using static Rhea.Hypervisors.Record;

namespace Rhea.Hypervisors.Xen;

/// <summary>An HVM domain that rhea runs: its memory, its state, and what makes it run.</summary>
/// <remarks>What a device model may do goes to Xen from here, by a privcmd that reaches no other domain; all else is asked of the keeper.</remarks>
internal sealed class XenDomain : IXenFrames, IDisposable
{
    private const ulong PageKilobytes = 4, SlackKilobytes = 4096;
    private const int NoMemory = 12, NotThere = 3;
    private const int LeafWords = XenKeeping.LeafLength / sizeof(uint);
    private const uint NoSubleaf = uint.MaxValue;

    private readonly XenKeeper _keeper;
    private readonly XenFile _privcmd;
    private readonly ushort _id;
    private ulong _pages; // that it may have
    private XenContext? _context;
    private readonly HashSet<int> _stopped = []; // processors that are to be as after power-on
    private readonly HashSet<uint> _leavesWithSubleaves = []; // of CPUID, in Xen's eyes
    private readonly bool _isTheirs; // somebody else has made it, starts it and destroys it
    private bool _runs, _wasPaused, _calendarMoved;
    private uint _tscRate; // that Xen is still to be told; else 0

    private XenDomain(XenKeeper keeper, ushort id, bool isTheirs, ulong pages, Action<string> log)
    {
        (_keeper, _id, _isTheirs, _pages) = (keeper, id, isTheirs, pages);
        _privcmd = XenFile.Open(XenHost.Device, out int error) ?? throw new HostException(-error);
        ushort only = id;
        error = _privcmd.Try(XenIoctl.RestrictPrivcmd, ref only);
        if (error < 0) log($"this kernel does not restrict {XenHost.Device} to one domain ({new HostException(-error).Message}): only the devices' code keeps the guest from other domains");
    }

    /// <summary>Makes an empty domain.</summary>
    /// <param name="keeper">Makes it, and destroys it in the end.</param>
    /// <param name="handle">Its name for people and tools.</param>
    /// <param name="vcpus">Processors that it may have.</param>
    /// <param name="megabytes">Its RAM.</param>
    /// <param name="log">Takes what goes wrong.</param>
    /// <exception cref="HostException">Xen refuses.</exception>
    public static XenDomain Make(XenKeeper keeper, byte[] handle, int vcpus, ulong megabytes, Action<string> log) =>
        new(keeper, (ushort)Check(keeper.Ask(XenRequest.Make, (ulong)vcpus, megabytes, data: handle)).Result, isTheirs: false, pages: 0, log);

    /// <summary>A domain that a toolstack has made, with its memory, and has not started yet.</summary>
    /// <exception cref="ConfigException">There is none.</exception>
    /// <exception cref="HostException">Xen refuses.</exception>
    public static XenDomain Join(XenKeeper keeper, ushort id, Action<string> log)
    {
        XenAnswer joined = keeper.Ask(XenRequest.Join, id);
        if (joined.Result is -NotThere or -HostException.InvalidArgument) throw new ConfigException($"there is no domain {id}");
        return new XenDomain(keeper, id, isTheirs: true, Quad(Check(joined).Data, XenInterface.InfoMostPages), log);
    }

    public ushort Id => _id;

    public bool IsTheirs => _isTheirs;

    /// <summary>What Xen keeps of it, as of its last stop. Only while it stands still; changes are there before it runs again.</summary>
    public XenContext Context => _context ??= new XenContext(Ask(XenRequest.GetContext).Data);

    /// <summary>Its calendar less the host's, in seconds.</summary>
    public long CalendarAhead
    {
        get;
        set => (field, _calendarMoved) = (value, true);
    }

    /// <summary>Why it has stopped for good; null when it has not.</summary>
    public XenShutdown? ShutdownReason => new XenDomainInfo(Ask(XenRequest.Info).Data).ShutdownReason;

    public void Unpause()
    {
        if (_runs) return;
        Settle();
        if (!_isTheirs || _wasPaused) Ask(XenRequest.Unpause);
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
        Ask(XenRequest.Pause);
        (_runs, _wasPaused) = (false, true);
    }

    /// <summary>It shuts down as soon as no processor waits for an access any more.</summary>
    public void RequestShutdown(XenShutdown reason)
    {
        var operation = new XenDmOp { Operation = DmOp.RemoteShutdown, ShutdownReason = reason };
        DeviceModel(ref operation);
    }

    /// <summary>After it has shut down: it may run again.</summary>
    public void Resume() => Ask(XenRequest.Resume);

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
    public bool IsBlocked(int vcpu) => _keeper.Ask(XenRequest.IsBlocked, (ulong)vcpu).Result > 0;

    /// <summary>What Xen lets the processors say of themselves.</summary>
    public IReadOnlyList<CpuidLeaf> CpuidPolicy()
    {
        ReadOnlySpan<uint> words = MemoryMarshal.Cast<byte, uint>(Ask(XenRequest.GetCpuid).Data);
        var policy = new List<CpuidLeaf>();
        for (; !words.IsEmpty; words = words[LeafWords..])
        {
            policy.Add(new CpuidLeaf(words[0], words[1] == NoSubleaf ? 0 : words[1], words[2], words[3], words[4], words[5]));
            if (words[1] != NoSubleaf) _leavesWithSubleaves.Add(words[0]);
        }

        return policy;
    }

    /// <summary>What all processors say of themselves. Before the domain runs for the first time.</summary>
    /// <returns>The leaf that Xen does not take; null when it takes all.</returns>
    public uint? SetCpuidPolicy(IReadOnlyList<CpuidLeaf> leaves)
    {
        var words = new uint[leaves.Count * LeafWords];
        for (var i = 0; i < leaves.Count; i++)
        {
            CpuidLeaf leaf = leaves[i];
            uint subleaf = _leavesWithSubleaves.Contains(leaf.Leaf) ? leaf.Subleaf : NoSubleaf;
            ((uint[])[leaf.Leaf, subleaf, leaf.Eax, leaf.Ebx, leaf.Ecx, leaf.Edx]).CopyTo(words, i * LeafWords);
        }

        XenAnswer answer = _keeper.Ask(XenRequest.SetCpuid, data: MemoryMarshal.AsBytes(words.AsSpan()));
        return answer.Result >= 0 ? null : answer.Data.Length == 0 ? 0 : Word(answer.Data, 0);
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

    public int TryDeviceModel(ref XenDmOp operation, Span<byte> buffer = default) => _privcmd.DeviceModel(_id, ref operation, buffer);

    public SharedPages MapIoreqPages(ushort server, int count) => _privcmd.MapIoreqPages(_id, server, count);

    public void Allow(ulong frames)
    {
        _pages += frames;
        Ask(XenRequest.AllowMemory, (_pages * PageKilobytes) + SlackKilobytes);
    }

    public void Populate(ulong frame, ulong count)
    {
        const int SuperpageBits = XenKeeping.SuperpageBits;
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
        for (ulong done = 0, now; done < count; done += now)
        {
            now = Math.Min(count - done, XenKeeping.MostFrames);
            Ask(XenRequest.Release, frame + done, now);
        }
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

    public void Map(nint at, ReadOnlySpan<ulong> frames, Span<int> errors) => _privcmd.MapFrames(_id, at, frames, errors);

    public bool CollectDirty(ulong frame, ulong count, Span<byte> bitmap)
    {
        var operation = new XenDmOp { Operation = DmOp.TrackDirtyVram, FrameCount = (uint)count, FirstFrame = frame };
        return TryDeviceModel(ref operation, bitmap) >= 0;
    }

    public void Dispose() => _privcmd.Dispose();

    /// <summary>What has been changed goes to Xen, in as few calls as can be.</summary>
    private void Settle()
    {
        foreach (int vcpu in _stopped) Ask(XenRequest.ResetVcpu, (ulong)vcpu);
        _stopped.Clear();
        if (_tscRate != 0) Ask(XenRequest.SetTscRate, _tscRate);
        _tscRate = 0;
        if (_context?.Changes() is { } changes) Check(_keeper.Ask(XenRequest.SetContext, data: changes));
        _context = null;
        if (_calendarMoved) Ask(XenRequest.SetCalendar, (ulong)CalendarAhead);
        _calendarMoved = false;
    }

    private void Populate(ulong frame, ulong count, int order)
    {
        if (count == 0 || TryPopulate(frame, count, order) == count) return;
        throw new ConfigException($"Xen has not enough free memory for the guest ({Ask(XenRequest.FreeMemory).Result} MiB are left): try a smaller -m, or give Dom0 less (dom0_mem=)");
    }

    private ulong TryPopulate(ulong frame, ulong count, int order)
    {
        for (ulong done = 0; done < count;)
        {
            ulong now = Math.Min(count - done, XenKeeping.MostFrames);
            long got = _keeper.Ask(XenRequest.Populate, frame + (done << order), now, (ulong)order).Result;
            if (got is < 0 and not -NoMemory) throw new HostException((int)-got);
            done += (ulong)Math.Max(got, 0);
            if ((ulong)got != now) return done;
        }

        return count;
    }

    private XenAnswer Ask(XenRequest request, ulong first = 0, ulong second = 0) => Check(_keeper.Ask(request, first, second));

    private static XenAnswer Check(XenAnswer answer) => answer.Result >= 0 ? answer : throw new HostException((int)-answer.Result);
}
