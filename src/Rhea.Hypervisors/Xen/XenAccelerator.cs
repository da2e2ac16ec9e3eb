using System.Diagnostics;
using Rhea.Core;
using Rhea.Core.Cpu;
using Rhea.Core.Memory;
using Rhea.Host;

namespace Rhea.Hypervisors.Xen;

/// <summary>Xen: the guest is an HVM domain that rhea makes in Dom0 by itself, and whose device model it is. What <c>-accel xen</c> runs on.</summary>
public sealed class XenAccelerator : IAccelerator
{
    private static readonly TimeSpan ShutdownPoll = TimeSpan.FromMilliseconds(100), MostTimeToStop = TimeSpan.FromSeconds(10);

    private readonly XenKeeper _keeper;
    private readonly XenDomain _domain;
    private readonly XenMemory _memory;
    private readonly XenPlatform _platform;
    private readonly XenFile _events = XenIoreqs.OpenEvents();
    private readonly Action<string> _log;
    private readonly List<XenVcpu> _vcpus = [];
    private readonly List<IMachineBus> _buses = [];
    private XenIoreqs? _ioreqs; // once the domain runs for the first time
    private volatile bool _hasShutDown;
    private bool _announced; // to xl

    private XenAccelerator(XenKeeper keeper, XenDomain domain, int mostChunks, ulong populated, Action<string> log)
    {
        (_keeper, _domain, _log) = (keeper, domain, log);
        _memory = new XenMemory(domain, mostChunks, populated);
        _platform = new XenPlatform(domain, _vcpus);
        Supported = domain.CpuidPolicy();
    }

    public string Name => "xen";

    public IHostedPlatform? Platform => _platform;

    public IRamProvider? Ram => _memory;

    public IReadOnlyList<CpuidLeaf> Supported { get; }

    /// <summary>Xen's guests have no system management mode.</summary>
    public bool HasSmm => false;

    /// <summary>Makes an empty domain.</summary>
    /// <param name="vcpus">Processors that it may have.</param>
    /// <param name="megabytes">Its memory, of which Xen's own tables about it depend.</param>
    /// <param name="mapCache">Bytes of guest memory that may be mapped here for long; 0 for as many as a process can have.</param>
    /// <param name="log">Takes what goes wrong later.</param>
    /// <exception cref="ConfigException">It cannot be used here: why, and what would help.</exception>
    public static XenAccelerator Open(int vcpus, ulong megabytes, ulong mapCache, Action<string> log)
    {
        using XenHost host = XenHost.Open();
        try
        {
            return Begin(keeper => XenDomain.Make(keeper, XenDomainInfo.NewHandle(), vcpus, megabytes, log), Chunks(mapCache), populated: 0, log);
        }
        catch (HostException error)
        {
            throw new ConfigException($"Xen could not make a domain ({host.FreeMegabytes} MiB are free): {error.Message}", error);
        }
    }

    /// <summary>
    /// Becomes the device model of a domain that xl has made and not started yet. From then on it is the same machine as one of our own:
    /// the firmware is ours, and hvmloader, which xl has put into the domain, never runs. Starting and destroying it stay xl's.
    /// </summary>
    /// <param name="id">The domain.</param>
    /// <param name="memory">Bytes of memory that xl has given it.</param>
    /// <param name="mapCache">As of <see cref="Open"/>.</param>
    /// <param name="log">Takes what goes wrong later.</param>
    /// <exception cref="ConfigException">It cannot be used here: why, and what would help.</exception>
    public static XenAccelerator Join(ushort id, ulong memory, ulong mapCache, Action<string> log)
    {
        using XenHost host = XenHost.Open();
        try
        {
            return Begin(keeper => XenDomain.Join(keeper, id, log), Chunks(mapCache), memory, log);
        }
        catch (HostException error)
        {
            throw new ConfigException($"Xen does not give domain {id} away: {error.Message}", error);
        }
    }

    /// <summary>To begin anew, a toolstack makes another domain.</summary>
    public bool EndsOnReset => _domain.IsTheirs;

    /// <summary>Tells the toolstack whose domain this is: the rest is its work.</summary>
    public void GuestEnded(bool restart)
    {
        if (_domain.IsTheirs) _domain.RequestShutdown(restart ? XenShutdown.Reboot : XenShutdown.PowerOff);
    }

    public void Attach(AddressSpace memory, AddressSpace smm) => memory.Follow(_memory);

    public IVcpu CreateVcpu(int index, IReadOnlyList<CpuidLeaf> model, IMachineBus bus)
    {
        if (index == 0) SetModel(model);
        var vcpu = new XenVcpu(this, _domain, index, bus);
        _vcpus.Add(vcpu);
        _buses.Add(bus);
        return vcpu;
    }

    public void Dispose()
    {
        _ioreqs?.Dispose();
        if (_ioreqs is null) _events.Dispose();
        _domain.Dispose();
        _keeper.Dispose();
    }

    internal void Report(string what) => _log(what);

    internal void Wake() => _ioreqs?.Wake();

    /// <summary>Lets the domain run, and serves it, until the first processor is kicked or the domain has shut down.</summary>
    internal VcpuStop RunDomain(XenVcpu first)
    {
        if (first.Kicked) return VcpuStop.Kicked;
        _memory.Complete();
        _ioreqs ??= new XenIoreqs(_domain, _buses, _events, _memory.Invalidate);
        XenShutdown reason = RunUntilKicked(first, _ioreqs);
        if (reason == XenShutdown.PowerOff && _vcpus.TrueForAll(vcpu => vcpu.IsDown))
        {
            while (!first.Kicked) _ioreqs.Wait(); // all sleep with interrupts off, which Xen takes for the end: a PC waits for its reset
            return VcpuStop.Kicked;
        }

        return reason switch
        {
            XenShutdown.Suspend => VcpuStop.Kicked,
            XenKeeping.TripleFault => VcpuStop.TripleFault,
            XenShutdown.PowerOff => VcpuStop.PoweredOff,
            XenShutdown.Reboot or XenShutdown.SoftReset => VcpuStop.Restarted,
            _ => VcpuStop.Crashed,
        };
    }

    /// <summary>All of Xen's leaves but its own (4000_0000h up), with what the model has in them; one set for all processors, whose numbers Xen puts in.</summary>
    private void SetModel(IReadOnlyList<CpuidLeaf> model)
    {
        const uint ExtendedState = 0xD, FirstOfXen = 0x4000_0000, LastOfXen = 0x4FFF_FFFF;
        CpuidLeaf[] leaves = [.. Supported.Where(leaf => leaf.Leaf is not ExtendedState and (< FirstOfXen or > LastOfXen))
            .Select(leaf => model.FirstOrDefault(wanted => wanted.Leaf == leaf.Leaf && wanted.Subleaf == leaf.Subleaf, new CpuidLeaf(leaf.Leaf, leaf.Subleaf, 0, 0, 0, 0)))];
        if (_domain.SetCpuidPolicy(leaves) is { } refused) _log($"Xen does not take this processor's CPUID (leaf {refused:x}h): the guest sees Xen's own choice");
    }

    /// <summary>With short stops for the NMIs that somebody wants the processors to have.</summary>
    private XenShutdown RunUntilKicked(XenVcpu first, XenIoreqs ioreqs)
    {
        using var ended = new ManualResetEvent(initialState: false);
        var look = new Thread(() =>
        {
            while (!ended.WaitOne(ShutdownPoll)) LookForShutdown();
        });
        look.IsBackground = true;
        look.Start();
        try
        {
            while (true)
            {
                foreach (XenVcpu vcpu in _vcpus) vcpu.DeliverNmi();
                _domain.Unpause();
                if (_domain.IsTheirs && !_announced) Present();
                while (!first.Kicked && !_hasShutDown && !_vcpus.Exists(vcpu => vcpu.WantsNmi)) ioreqs.Wait();
                XenShutdown reason = StopDomain();
                if (reason != XenShutdown.Suspend || first.Kicked) return reason;
            }
        }
        finally
        {
            ended.Set();
            look.Join();
        }
    }

    private static XenAccelerator Begin(Func<XenKeeper, XenDomain> begin, int mostChunks, ulong populated, Action<string> log)
    {
        var keeper = XenKeeper.Start(log);
        XenDomain? domain = null;
        try
        {
            domain = begin(keeper);
            return new XenAccelerator(keeper, domain, mostChunks, populated, log);
        }
        catch
        {
            domain?.Dispose();
            keeper.Dispose();
            throw;
        }
    }

    /// <summary>What xl waits for before it starts the domain.</summary>
    private void Present()
    {
        _announced = true;
        XenStore.Write($"/local/domain/0/device-model/{_domain.Id}/state", "running");
    }

    private static int Chunks(ulong mapCache) =>
        mapCache == 0 ? XenMapCache.MostChunks : (int)Math.Clamp(mapCache >> RamBlock.ChunkBits, 1, XenMapCache.MostChunks);

    /// <summary>On a thread of its own, now and then: Xen tells only one program of a host when a domain shuts down.</summary>
    private void LookForShutdown()
    {
        try
        {
            if (_hasShutDown || _domain.ShutdownReason is null) return;
            _hasShutDown = true;
            Wake();
        }
        catch (HostException)
        {
            _hasShutDown = true; // it has been destroyed by somebody else, or its keeper has ended: who stops it finds out
            Wake();
        }
    }

    /// <summary>
    /// Brings the domain to a stand, and says why it stands: by our asking, or by itself. A mere pause could catch a processor between
    /// an access and its answer, which is in no record of Xen's; a shutdown lets each take its answer, and begin no other access.
    /// </summary>
    private XenShutdown StopDomain()
    {
        if (_domain.IsTheirs) return StopTheirDomain();
        _domain.RequestShutdown(XenShutdown.Suspend);
        var watch = Stopwatch.StartNew();
        XenShutdown? reason;
        for (var spin = new SpinWait(); (reason = _domain.ShutdownReason) is null; spin.SpinOnce())
        {
            _ioreqs!.Serve();
            if (watch.Elapsed > MostTimeToStop) throw new InvalidOperationException("the domain does not stop");
        }

        _domain.Pause();
        _domain.Resume();
        _hasShutDown = false;
        return reason.Value;
    }

    /// <summary>Its toolstack would take a shutdown for the end. So a mere pause has to do, after what is being asked has been answered.</summary>
    private XenShutdown StopTheirDomain()
    {
        _ioreqs!.Serve();
        _domain.Pause();
        _ioreqs.Serve();
        _hasShutDown = false;
        return _domain.ShutdownReason ?? XenShutdown.Suspend;
    }
}
