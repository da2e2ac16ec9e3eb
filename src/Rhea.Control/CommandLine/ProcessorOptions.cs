using Rhea.Core;
using Rhea.Core.Config;

namespace Rhea.Control.CommandLines;

/// <summary>Which processor, how many, and how they are packaged.</summary>
internal static class ProcessorOptions
{
    private const int MostProcessors = 255;

    public static IReadOnlyList<Option> All { get; } =
    [
        new("cpu", "cpu[,+feature][,-feature][,feature=on|off]", "choose the processor's model and features ('-cpu help' for a list)", Cpu),
        new("smp", "[[cpus=]n][,maxcpus=maxcpus][,sockets=sockets][,dies=dies][,cores=cores][,threads=threads]",
            "set the number of processors [default=1] and their topology:\n"
            + "sockets on the board, dies in a socket, cores in a die, threads in a core;\nmaxcpus counts those that may be plugged in later too", Smp),
    ];

    private static void Cpu(Draft draft, string text)
    {
        if (text is "help" or "?")
        {
            draft.Answer = "Available CPUs:\n" + string.Concat(draft.Catalogue.Processors.Select(model => $"x86 {model.Name,-20}  {model.Summary}\n"));
            return;
        }

        string[] parts = text.Split(',');
        if (!draft.Catalogue.Processors.Any(model => model.Name == parts[0])) throw new ConfigException($"unable to find CPU model '{parts[0]}'");
        var features = new List<KeyValuePair<string, bool>>();
        var properties = new List<KeyValuePair<string, string>>();
        foreach (string part in parts.Skip(1).Where(part => part.Length > 0))
        {
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            string value = equals < 0 ? "on" : part[(equals + 1)..];
            if (part[0] is '+' or '-') features.Add(new(part[1..], part[0] == '+'));
            else if (value is "on" or "off") features.Add(new(equals < 0 ? part : part[..equals], value == "on"));
            else properties.Add(new(part[..equals], value));
        }

        draft.Machine = draft.Machine with { Cpu = new CpuConfig { Model = parts[0], Features = features, Properties = properties } };
    }

    private static void Smp(Draft draft, string text)
    {
        draft.Smp.AddRange(KeyValues.Parse(null, text, implied: "cpus").Left);
        draft.SmpSpelling = draft.Spelling;
    }

    /// <summary>Fills in what was left out, cores before sockets, and checks that the product fits (as QEMU does since 6.2).</summary>
    public static SmpConfig Topology(KeyValues keys)
    {
        int cpus = Count(keys, "cpus"), maximum = Count(keys, "maxcpus");
        int sockets = Count(keys, "sockets"), dies = Count(keys, "dies"), clusters = Count(keys, "clusters");
        int cores = Count(keys, "cores"), threads = Count(keys, "threads");
        keys.RejectUnknown();
        if (clusters > 1) throw new ConfigException("clusters not supported by this machine's CPU topology");
        dies = Math.Max(dies, 1);
        if (cpus == 0 && maximum == 0)
        {
            (sockets, cores, threads) = (Math.Max(sockets, 1), Math.Max(cores, 1), Math.Max(threads, 1));
        }
        else
        {
            long total = maximum > 0 ? maximum : cpus;
            if (cores == 0)
            {
                (sockets, threads) = (Math.Max(sockets, 1), Math.Max(threads, 1));
                cores = (int)(total / ((long)sockets * dies * threads));
            }
            else if (sockets == 0)
            {
                threads = Math.Max(threads, 1);
                sockets = (int)(total / ((long)dies * cores * threads));
            }

            if (threads == 0) threads = (int)(total / ((long)sockets * dies * cores));
        }

        long product = (long)sockets * dies * cores * threads;
        if (maximum == 0) maximum = cpus > 0 ? cpus : (int)Math.Min(product, int.MaxValue);
        if (cpus == 0) cpus = maximum;
        string shape = $"sockets ({sockets}) * dies ({dies}) * cores ({cores}) * threads ({threads})";
        if (product != maximum)
            throw new ConfigException($"Invalid CPU topology: product of the hierarchy must match maxcpus: {shape} != maxcpus ({maximum})");
        if (maximum < cpus)
            throw new ConfigException("Invalid CPU topology: maxcpus must be equal to or greater than smp: "
                + $"{shape} == maxcpus ({maximum}) < smp_cpus ({cpus})");
        if (maximum > MostProcessors)
            throw new ConfigException($"Invalid SMP CPUs {maximum}. The max CPUs supported by machine 'pc-i440fx-7.2' is {MostProcessors}");
        return new SmpConfig { Cpus = cpus, MaxCpus = maximum, Sockets = sockets, Dies = dies, Cores = cores, Threads = threads };
    }

    /// <summary>0 stands for what was not given.</summary>
    private static int Count(KeyValues keys, string key)
    {
        const int Most = 1 << 16;
        bool given = keys.Has(key);
        int count = keys.Int32(key, 0);
        if (given && count == 0) throw new ConfigException("Invalid CPU topology: CPU topology parameters must be greater than zero");
        return count <= Most ? count : throw new ConfigException($"Parameter '{key}' expects a number up to {Most}");
    }
}
