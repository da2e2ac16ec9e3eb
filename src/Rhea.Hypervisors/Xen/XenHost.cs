using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Rhea.Core;
using Rhea.Host;

namespace Rhea.Hypervisors.Xen;

/// <summary>The Xen below this Dom0: its calls, in the layout of its version.</summary>
public sealed class XenHost : IDisposable
{
    internal const string Device = "/dev/xen/privcmd";

    private const int UnknownVersion = -13, FirstSysctl = 0x12, LastSysctl = 0x20, ListEntries = 64, PageKilobytes = 4;

    private uint _sysctl; // XEN_SYSCTL_INTERFACE_VERSION, once it is known

    internal XenHost(IHypercalls calls, XenInterface @interface) => (Calls, Interface) = (calls, @interface);

    /// <summary>Null when it can be used, else why not, in one sentence.</summary>
    public static string? Problem
    {
        get
        {
            using XenHost? host = TryOpen(out string? problem);
            return problem;
        }
    }

    internal IHypercalls Calls { get; }

    internal XenInterface Interface { get; }

    internal ulong FreeMegabytes
    {
        get
        {
            Span<byte> info = stackalloc byte[112];
            return Sysctl(Xen.Sysctl.PhysicalInfo, info) < 0 ? 0 : BinaryPrimitives.ReadUInt64LittleEndian(info[32..]) * PageKilobytes >> 10;
        }
    }

    /// <exception cref="ConfigException">It cannot be used here: why.</exception>
    public static XenHost Open() => TryOpen(out string? problem) ?? throw new ConfigException(problem!);

    internal static string Explain(int error) => error switch
    {
        XenFile.PermissionDenied or XenFile.NotPermitted => $"{Device} may not be used: run rhea as root, in Dom0",
        XenFile.NoSuchFile or XenFile.NoDevice or XenFile.NoSuchDevice => $"there is no {Device}: this is not Dom0 of a Xen host (or the module xen-privcmd is not loaded)",
        _ => $"{Device} could not be opened: {new HostException(-error).Message}",
    };

    internal static string ExplainVersion(long version) =>
        $"Xen {version >> 16}.{version & 0xFFFF} has an interface that is not known; known are those of {string.Join(", ", XenInterface.All.Select(known => known.Name))}";

    /// <summary>A command about a domain. What it points to may come back changed, as may its own structure.</summary>
    /// <returns>What Xen says; negative for an error.</returns>
    internal long Domctl(Domctl command, ref ushort domain, Span<byte> payload, Span<byte> buffer = default, int pointer = 0) =>
        Domctl(Calls, Interface.Version, command, ref domain, payload, buffer, pointer);

    /// <summary>All domains that rhea has made and that are still there.</summary>
    public IReadOnlyList<XenDomainInfo> Domains()
    {
        var found = new List<XenDomainInfo>();
        var list = new byte[ListEntries * XenInterface.InfoLength];
        Span<byte> request = stackalloc byte[24];
        for (ushort first = 0; ;)
        {
            request.Clear();
            BinaryPrimitives.WriteUInt16LittleEndian(request, first);
            BinaryPrimitives.WriteUInt32LittleEndian(request[4..], ListEntries);
            if (Sysctl(Xen.Sysctl.GetDomainInfoList, request, list, pointer: 8) < 0) return found;
            var count = (int)BinaryPrimitives.ReadUInt32LittleEndian(request[16..]);
            for (var i = 0; i < count; i++)
            {
                var info = new XenDomainInfo(list.AsSpan(i * XenInterface.InfoLength, XenInterface.InfoLength));
                first = (ushort)(info.Id + 1);
                if (info.IsOurs) found.Add(info);
            }

            if (count < ListEntries) return found;
        }
    }

    /// <summary>Destroys a domain; it is gone once nobody maps its memory any more.</summary>
    /// <exception cref="HostException">Xen refuses.</exception>
    public void Destroy(ushort domain)
    {
        const int TryAgain = -11, Restart = -85;
        long result;
        do result = Domctl(Xen.Domctl.DestroyDomain, ref domain, []);
        while (result is TryAgain or Restart);
        if (result < 0) throw new HostException((int)-result);
    }

    public void Dispose() => Calls.Dispose();

    private static XenHost? TryOpen(out string? problem)
    {
        problem = null;
        if (Hypercalls.Open(out int error) is not { } calls)
        {
            problem = Explain(error);
            return null;
        }

        Span<byte> payload = stackalloc byte[XenInterface.InfoLength];
        foreach (XenInterface known in XenInterface.All)
        {
            ushort domain = 0;
            long result = Domctl(calls, known.Version, Xen.Domctl.GetDomainInfo, ref domain, payload, [], 0);
            if (result == UnknownVersion) continue;
            if (result >= 0) return new XenHost(calls, known);
            problem = Explain((int)result);
            break;
        }

        problem ??= ExplainVersion(calls.Call(Hypercall.XenVersion, 0, 0));
        calls.Dispose();
        return null;
    }

    private static long Domctl(IHypercalls calls, uint version, Domctl command, ref ushort domain, Span<byte> payload, Span<byte> buffer, int pointer)
    {
        Span<byte> structure = stackalloc byte[XenInterface.DomctlLength];
        structure.Clear();
        MemoryMarshal.Write(structure, (uint)command);
        MemoryMarshal.Write(structure[4..], version);
        MemoryMarshal.Write(structure[8..], domain);
        payload.CopyTo(structure[XenInterface.Payload..]);
        long result = calls.Call(Hypercall.Domctl, -1, structure, buffer, XenInterface.Payload + pointer);
        structure.Slice(XenInterface.Payload, payload.Length).CopyTo(payload);
        domain = MemoryMarshal.Read<ushort>(structure[8..]);
        return result;
    }

    private long Sysctl(Sysctl command, Span<byte> payload, Span<byte> buffer = default, int pointer = 0)
    {
        Span<byte> structure = stackalloc byte[8 + 128];
        for (uint version = _sysctl == 0 ? FirstSysctl : _sysctl; ; version++)
        {
            structure.Clear();
            MemoryMarshal.Write(structure, (uint)command);
            MemoryMarshal.Write(structure[4..], version);
            payload.CopyTo(structure[8..]);
            long result = Calls.Call(Hypercall.Sysctl, -1, structure, buffer, 8 + pointer);
            if (result == UnknownVersion && _sysctl == 0 && version < LastSysctl) continue;
            if (result >= 0) _sysctl = version;
            structure.Slice(8, payload.Length).CopyTo(payload);
            return result;
        }
    }
}
