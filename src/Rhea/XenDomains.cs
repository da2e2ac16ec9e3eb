using System.Globalization;
using System.Runtime.InteropServices;
using Rhea.Core;
using Rhea.Host;
using Rhea.Hypervisors.Xen;

namespace Rhea;

/// <summary>The domains that rhea has made on this host, and those that earlier crashes have left: <c>rhea xen</c>.</summary>
public static class XenDomains
{
    /// <exception cref="ConfigException">There is no Xen here.</exception>
    public static void List(TextWriter output)
    {
        using XenHost host = XenHost.Open();
        output.WriteLine("Domain  Process  MiB     Processors  State");
        foreach (XenDomainInfo domain in host.Domains())
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{domain.Id,-7} {domain.ProcessId,-8} {domain.Megabytes,-7} {domain.Vcpus,-11} {StateOf(domain)}"));
    }

    /// <param name="ids">Which; none for all that are left over.</param>
    /// <param name="output">Takes what has been done.</param>
    /// <exception cref="ConfigException">There is no Xen here, or the domain is not rhea's.</exception>
    public static void Destroy(string[] ids, TextWriter output)
    {
        using XenHost host = XenHost.Open();
        IReadOnlyList<XenDomainInfo> all = host.Domains();
        var chosen = new List<XenDomainInfo>();
        foreach (string id in ids)
            chosen.Add(all.FirstOrDefault(domain => domain.Id.ToString(CultureInfo.InvariantCulture) == id) ?? throw new ConfigException($"{id} is no domain that rhea has made"));
        if (ids.Length == 0) chosen.AddRange(all.Where(domain => domain.IsLeftOver && !domain.Dying));
        foreach (XenDomainInfo domain in chosen)
        {
            try
            {
                host.Destroy(domain.Id);
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"domain {domain.Id} destroyed"));
            }
            catch (HostException refused)
            {
                throw new ConfigException($"domain {domain.Id}: {refused.Message}", refused);
            }
        }
    }

    /// <summary>What the process beside each domain does, until its input ends; no signal that can be caught ends it before.</summary>
    /// <exception cref="ConfigException">There is no Xen here.</exception>
    public static void Keep(Stream requests, Stream answers)
    {
        using (Ignore(PosixSignal.SIGINT))
        using (Ignore(PosixSignal.SIGTERM))
        using (Ignore(PosixSignal.SIGHUP))
            XenKeeper.Keep(requests, answers);
    }

    private static string StateOf(XenDomainInfo domain) =>
        domain.Dying ? "dying" : domain.IsLeftOver ? "left over" : domain.Paused ? "paused" : "running";

    private static PosixSignalRegistration Ignore(PosixSignal signal) => PosixSignalRegistration.Create(signal, context => context.Cancel = true);
}
