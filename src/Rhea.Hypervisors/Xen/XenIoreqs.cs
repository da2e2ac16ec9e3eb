using Rhea.Core.Cpu;
using Rhea.Host;

namespace Rhea.Hypervisors.Xen;

/// <summary>What Xen asks of a device model: each processor's port and memory accesses in a slot of its own, and writes to video memory in a ring.</summary>
/// <remarks>Xen, public/hvm/ioreq.h. One thread serves all of the domain's processors, since device code runs one at a time anyway.</remarks>
internal sealed class XenIoreqs : IDisposable
{
    private const byte BufferedAtomically = 2;
    private const ushort NoFrames = 1;
    private const int MostPorts = 256;

    private readonly XenDomain _domain;
    private readonly IoreqPages _pages;
    private readonly XenFile _events;
    private readonly uint[] _ports, _ready = new uint[MostPorts];
    private readonly uint _bufferedPort, _kickPort, _wakePort;

    /// <param name="domain">Whose accesses they are.</param>
    /// <param name="buses">By processor.</param>
    /// <param name="events">Event channels, of which it becomes the owner.</param>
    /// <param name="invalidated">Told when pages have moved.</param>
    /// <exception cref="HostException">Xen or the kernel refuses.</exception>
    public XenIoreqs(XenDomain domain, IReadOnlyList<IMachineBus> buses, XenFile events, Action invalidated)
    {
        (_domain, _events) = (domain, events);
        var create = new XenDmOp { Operation = DmOp.CreateIoreqServer, HandlesBuffered = BufferedAtomically };
        domain.DeviceModel(ref create);
        ushort server = create.CreatedServer;
        _pages = new IoreqPages(domain.MapIoreqPages(server, IoreqPages.Count), [.. buses], domain.NoteCalendarMoved, invalidated);
        var info = new XenDmOp { Operation = DmOp.GetIoreqServerInfo, Server = server, InfoFlags = NoFrames };
        domain.DeviceModel(ref info);
        Claim(server, XenIoRange.Port, ushort.MaxValue);
        Claim(server, XenIoRange.Memory, (1UL << 52) - 1);
        Claim(server, XenIoRange.Pci, ushort.MaxValue);
        var enable = new XenDmOp { Operation = DmOp.SetIoreqServerState, Server = server, Enabled = 1 };
        domain.DeviceModel(ref enable);
        _ports = [.. Enumerable.Range(0, buses.Count).Select(index => Bind(domain.Id, _pages.EventChannel(index)))];
        _bufferedPort = Bind(domain.Id, info.BufferedPort);
        uint own = 0; // a channel from this domain to itself: what is sent into one end comes out of the other
        _kickPort = (uint)_events.Call(XenIoctl.BindUnbound, ref own);
        _wakePort = Bind(0, _kickPort);
        ushort only = domain.Id; // no channel of any other domain from now on; a kernel that cannot be told so goes on as it is
        _ = _events.Try(XenIoctl.RestrictEvtchn, ref only);
    }

    /// <summary>The kernel names the channels after the thread that opens them, and warns of a slash in it: not one of the processors'.</summary>
    /// <exception cref="HostException">The kernel refuses.</exception>
    public static XenFile OpenEvents() => XenFile.Open("/dev/xen/evtchn", out int error) ?? throw new HostException(-error);

    /// <summary>Ends <see cref="Wait"/>, from any thread.</summary>
    public void Wake()
    {
        uint port = _wakePort;
        _events.Call(XenIoctl.Notify, ref port);
    }

    /// <summary>Sleeps until something is asked, and answers it.</summary>
    public void Wait()
    {
        Span<uint> ready = _ready.AsSpan(0, _events.ReadPorts(_ready));
        _events.Unmask(ready);
        _pages.Drain();
        foreach (uint port in ready)
        {
            int index = Array.IndexOf(_ports, port);
            if (index >= 0) Serve(index);
        }
    }

    /// <summary>Answers what is being asked at this moment.</summary>
    public void Serve()
    {
        _pages.Drain();
        for (var index = 0; index < _ports.Length; index++) Serve(index);
    }

    public void Dispose()
    {
        _events.Dispose();
        _pages.Dispose();
    }

    private void Serve(int index)
    {
        if (!_pages.Answer(index)) return;
        uint port = _ports[index];
        _events.Call(XenIoctl.Notify, ref port);
    }

    /// <summary>From 0 on: Xen's own devices come first whatever is claimed, and so does RAM.</summary>
    private void Claim(ushort server, XenIoRange type, ulong last)
    {
        var range = new XenDmOp { Operation = DmOp.MapIoRange, Server = server, RangeType = type, RangeEnd = last };
        _domain.DeviceModel(ref range);
    }

    private uint Bind(ushort domain, uint port)
    {
        var bind = new EvtchnBind { RemoteDomain = domain, RemotePort = port };
        return (uint)_events.Call(XenIoctl.BindInterdomain, ref bind);
    }
}
