using System.Diagnostics;
using Rhea.Core;
using Rhea.Host;

namespace Rhea.Hypervisors.Xen;

/// <summary>A second, small process that outlives this one: when this one ends in whatever way, it destroys the domain that is left.</summary>
/// <remarks>
/// It knows the domain by its handle, so it may begin before there is one, and no moment is without it. It waits for the end of its
/// input, whose other end this process holds and the kernel closes.
/// </remarks>
public sealed class XenWatcher : IDisposable
{
    internal const string Ready = "ready";

    private readonly Process _process;

    private XenWatcher(Process process) => _process = process;

    /// <summary>Null when this program is not rhea, and cannot start another of itself.</summary>
    /// <exception cref="ConfigException">It does not start.</exception>
    internal static XenWatcher? Start(ReadOnlySpan<byte> handle)
    {
        const string Program = "Rhea.Cli";
        if (AppDomain.CurrentDomain.FriendlyName != Program) return null;
        string self = Environment.ProcessPath!;
        var start = new ProcessStartInfo(self) { RedirectStandardInput = true, RedirectStandardOutput = true };
        if (Path.GetFileName(self) == "dotnet") start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, $"{Program}.dll"));
        foreach (string argument in (string[])["xen", "watch", Convert.ToHexString(handle)]) start.ArgumentList.Add(argument);
        Process process = Process.Start(start)!;
        var watcher = new XenWatcher(process);
        if (process.StandardOutput.ReadLine() == Ready) return watcher;
        watcher.Dispose();
        throw new ConfigException("the process that would destroy the domain after this one does not start");
    }

    /// <summary>What that process does: waits for the end of its input, and destroys what has the handle. Nothing but its input ends it.</summary>
    public static void Watch(byte[] handle, TextReader input, TextWriter output)
    {
        using XenHost host = XenHost.Open();
        output.WriteLine(Ready);
        output.Flush();
        while (input.Read() >= 0)
        {
        }

        foreach (XenDomainInfo domain in host.Domains())
        {
            if (domain.Dying || !domain.Handle.SequenceEqual(handle)) continue;
            try
            {
                host.Destroy(domain.Id);
            }
            catch (HostException)
            {
                // somebody else has
            }
        }
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }
}
