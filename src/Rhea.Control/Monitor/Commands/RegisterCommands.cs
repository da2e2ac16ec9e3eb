using Rhea.Core;
using Rhea.Core.Cpu;
using Rhea.Core.Machines;
using Rhea.Core.Monitor;

namespace Rhea.Control.Monitor.Commands;

/// <summary>The processors' registers, as QEMU prints them.</summary>
public static class RegisterCommands
{
    [HmpCommand("info registers", "[-a|vcpu]", "show the cpu registers (-a: show register info for all cpus; vcpu: specific vCPU to query; show the current CPU's registers if no argument is specified)")]
    public static string Registers(MonitorSession session, bool all = false, long vcpu = -1)
    {
        Machine machine = session.Machine;
        int one = vcpu < 0 ? session.Cpu : CheckCpu(machine, vcpu);
        return machine.WhilePaused(() => string.Concat(machine.Processors.Where(processor => all || processor.Index == one)
            .Select(processor => $"\nCPU#{processor.Index}\n{RegisterText.Of(in processor.Fetch().State)}")));
    }

    [HmpCommand("cpu", "index", "set the default CPU")]
    public static void Cpu(MonitorSession session, long index)
    {
        if (index < 0 || index >= session.Machine.Processors.Count) throw new ConfigException("invalid CPU index");
        session.Cpu = (int)index;
    }

    internal static int CheckCpu(Machine machine, long index) => index >= 0 && index < Math.Max(machine.Processors.Count, 1)
        ? (int)index
        : throw new ConfigException("Parameter 'cpu-index' expects a CPU number");
}
