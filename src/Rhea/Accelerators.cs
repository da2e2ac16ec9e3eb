using Rhea.Core;
using Rhea.Core.Config;
using Rhea.Core.Cpu;
using Rhea.Core.Diagnostics;
using Rhea.Hypervisors.Kvm;
using Rhea.SoftCpu;

namespace Rhea;

/// <summary>Chooses what runs the guest's code: the first of the user's list that works here, or the best there is.</summary>
internal static class Accelerators
{
    /// <summary>How often a block of code runs before it is worth translating.</summary>
    private const int Warmth = 16;

    /// <exception cref="ConfigException">None of those that the user wants can be used here.</exception>
    public static IAccelerator Open(MachineConfig config, Action<LogLevel, string> log)
    {
        void Say(string line) => log(LogLevel.Warning, line);

        IReadOnlyList<AcceleratorConfig> wanted = config.Accelerators;
        if (wanted.Count == 0)
            wanted = KvmHost.Problem is null && !LogsCode(config) ? [new AcceleratorConfig("kvm", []), new AcceleratorConfig("tcg", [])] : [new AcceleratorConfig("tcg", [])];
        for (var i = 0; ; i++)
        {
            try
            {
                if (wanted[i].Name != "kvm") return Software(wanted[i], config, log);
                IAccelerator kvm = KvmAccelerator.Open(wanted[i].IrqChip, Say);
                if (LogsCode(config)) Say("KVM does not tell what guest code does: -d is for -accel tcg there");
                return kvm;
            }
            catch (ConfigException error) when (i + 1 < wanted.Count)
            {
                Say($"-accel {wanted[i].Name}: {error.Message}; falling back to {wanted[i + 1].Name}");
            }
            catch (ConfigException error)
            {
                throw new ConfigException($"-accel {wanted[i].Name}: {error.Message}", error);
            }
        }
    }

    private static bool LogsCode(MachineConfig config) => config.LogItems.Any(ExecutionLog.Items.Contains);

    private static SoftAccelerator Software(AcceleratorConfig accelerator, MachineConfig config, Action<LogLevel, string> log)
    {
        if (accelerator.SingleThread && config.Smp.MaxCpus > 1) throw new ConfigException("thread=single is not available for more than one processor in this version of rhea");
        long bytes = ((long)accelerator.TranslationSize << 20) / config.Smp.MaxCpus;
        ExecutionLog? execution = LogsCode(config) ? new(config.LogItems, config.LogOnly, lines => log(LogLevel.Execution, lines)) : null;
        return new SoftAccelerator(line => log(LogLevel.Warning, line), accelerator.Translates ? Warmth : -1, execution, (int)Math.Min(bytes, SoftAccelerator.LargestCode));
    }
}
