using Rhea.Core;
using Rhea.Core.Config;
using Rhea.Core.Cpu;
using Rhea.Core.Diagnostics;
using Rhea.Hypervisors.Kvm;
using Rhea.Hypervisors.Xen;
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
            wanted = KvmHost.HasHardware && KvmHost.Problem is null && !LogsCode(config) && config.InstructionTime is null
                ? [new AcceleratorConfig("kvm", []), new AcceleratorConfig("tcg", [])]
                : [new AcceleratorConfig("tcg", [])];
        for (var i = 0; ; i++)
        {
            try
            {
                if (config.InstructionTime is not null && wanted[i].Name is "kvm" or "xen")
                    throw new ConfigException("-icount is not allowed with hardware virtualization: instructions are counted by tcg alone");
                IAccelerator? hypervisor = wanted[i].Name switch
                {
                    "kvm" => KvmAccelerator.Open(wanted[i].IrqChip, Say),
                    "xen" when wanted[i].Domain is { } domain => XenAccelerator.Join((ushort)domain, config.Memory, wanted[i].MapCache, Say),
                    "xen" => XenAccelerator.Open(config.Smp.MaxCpus, config.Memory >> 20, wanted[i].MapCache, Say),
                    _ => null,
                };
                if (hypervisor is null) return Software(wanted[i], config, log);
                if (hypervisor is KvmAccelerator { HasSmm: false } && config.Switches.Smm)
                    Say("KVM has no system management mode on this host: the guest runs without (-machine smm=off: without this line)");
                if (LogsCode(config)) Say($"{(hypervisor.Name == "kvm" ? "KVM" : "Xen")} does not tell what guest code does: -d is for -accel tcg there");
                return hypervisor;
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
        long bytes = ((long)accelerator.TranslationSize << 20) / config.Smp.MaxCpus;
        ExecutionLog? execution = LogsCode(config) ? new(config.LogItems, config.LogOnly, lines => log(LogLevel.Execution, lines)) : null;
        return new SoftAccelerator(line => log(LogLevel.Warning, line), accelerator.Translates ? Warmth : -1, execution, (int)Math.Min(bytes, SoftAccelerator.LargestCode),
            accelerator.SingleThread || config.InstructionTime is not null, config.Seed ?? (config.InstructionTime is null ? null : 0));
    }
}
