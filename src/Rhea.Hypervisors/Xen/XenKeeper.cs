using System.Diagnostics;
using System.Runtime.InteropServices;
using Rhea.Core;
using Rhea.Host;

namespace Rhea.Hypervisors.Xen;

/// <summary>
/// A second, small process that makes the domain, does for this one what only an unrestricted privcmd can, and outlives it: when this one
/// ends in whatever way, it destroys the domain.
/// </summary>
/// <remarks>
/// This process deals with the guest and keeps a privcmd that reaches the one domain alone. The other deals with this one alone, over two pipes:
/// a request, an answer (<see cref="XenRequest"/>). The kernel closes them with this process.
/// </remarks>
public sealed class XenKeeper : IDisposable
{
    private const int BrokenPipe = 32;
    private const long TooMuch = -7;

    private readonly Lock _gate = new();
    private readonly Process? _process;
    private readonly XenKeeping? _here; // in a program that cannot start another of itself
    private readonly Action<string> _log;
    private bool _lost;

    private XenKeeper(Process? process, XenKeeping? here, Action<string> log) => (_process, _here, _log) = (process, here, log);

    /// <summary>When this program is not rhea, it keeps the domain itself.</summary>
    /// <exception cref="ConfigException">Xen cannot be used here.</exception>
    internal static XenKeeper Start(Action<string> log)
    {
        const string Program = "Rhea.Cli";
        if (AppDomain.CurrentDomain.FriendlyName != Program)
        {
            log("this program is not rhea: its guest is not kept from Xen by a second process, and if it is killed, its domain is left over (rhea xen destroy)");
            return new XenKeeper(null, new XenKeeping(XenHost.Open()), log);
        }

        string self = Environment.ProcessPath!;
        var start = new ProcessStartInfo(self) { RedirectStandardInput = true, RedirectStandardOutput = true };
        if (Path.GetFileName(self) == "dotnet") start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, $"{Program}.dll"));
        foreach (string argument in (string[])["xen", "keep"]) start.ArgumentList.Add(argument);
        return new XenKeeper(Process.Start(start)!, null, log);
    }

    /// <summary>What that process does: answers until there are no more requests, then destroys the domain. Nothing else ends it.</summary>
    /// <exception cref="ConfigException">Xen cannot be used here.</exception>
    public static void Keep(Stream requests, Stream answers) => Keep(XenHost.Open(), requests, answers);

    internal static void Keep(XenHost host, Stream requests, Stream answers)
    {
        using var keeping = new XenKeeping(host);
        try
        {
            var head = new byte[XenRequestHead.Size];
            while (requests.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) == head.Length)
            {
                var request = MemoryMarshal.Read<XenRequestHead>(head);
                var data = new byte[Math.Min(request.Length, XenRequestHead.MostData)];
                requests.ReadExactly(data);
                for (uint rest = request.Length - (uint)data.Length; rest > 0;)
                {
                    var taken = (int)Math.Min(rest, XenRequestHead.MostData);
                    requests.ReadExactly(data, 0, taken);
                    rest -= (uint)taken;
                }

                XenAnswer answer = request.Length > XenRequestHead.MostData ? TooMuch : keeping.Answer(in request, data);
                Send(answers, new XenAnswerHead(answer.Result, answer.Data.Length), answer.Data);
            }
        }
        catch (IOException)
        {
            // whoever asked has ended amid it
        }
    }

    /// <exception cref="HostException">The other process is there no more.</exception>
    internal XenAnswer Ask(XenRequest request, ulong first = 0, ulong second = 0, ulong third = 0, ReadOnlySpan<byte> data = default)
    {
        var head = new XenRequestHead(request, (uint)data.Length, first, second, third);
        lock (_gate)
        {
            if (_here is not null) return _here.Answer(in head, data.ToArray());
            try
            {
                Send(_process!.StandardInput.BaseStream, head, data);
                Stream answers = _process.StandardOutput.BaseStream;
                var answer = default(XenAnswerHead);
                answers.ReadExactly(MemoryMarshal.AsBytes(new Span<XenAnswerHead>(ref answer)));
                var extra = new byte[answer.Length];
                answers.ReadExactly(extra);
                return new XenAnswer(answer.Result, extra);
            }
            catch (IOException)
            {
                if (!_lost) _log("the second process, which keeps the domain, has ended");
                _lost = true;
                throw new HostException(BrokenPipe);
            }
        }
    }

    public void Dispose()
    {
        _here?.Dispose();
        if (_process is null) return;
        _process.StandardInput.BaseStream.Dispose(); // the writer around it would complain when the other end is gone
        _process.WaitForExit();
        _process.StandardOutput.Dispose();
        _process.Dispose();
    }

    private static void Send<T>(Stream to, T head, ReadOnlySpan<byte> data) where T : unmanaged
    {
        to.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(ref head)));
        if (!data.IsEmpty) to.Write(data);
        to.Flush();
    }
}
