using System.Text;
using Rhea.Core;
using Rhea.Core.Machines;
using Rhea.Core.Monitor;

namespace Rhea.Control.Monitor.Commands;

/// <summary>What the translator of the software processor has done.</summary>
public static class TranslatorCommands
{
    [HmpCommand("info jit", "", "show dynamic compiler info")]
    public static string Statistics(Machine machine) => machine.WhilePaused(() =>
    {
        var text = new StringBuilder();
        foreach (Processor processor in machine.Processors)
            if (processor.Vcpu.TranslatorReport() is { } report) text.Append($"CPU#{processor.Index}\n{report}");
        return text.Length > 0 ? text.ToString() : throw new ConfigException("JIT information is only available with accel=tcg and jit=on");
    });
}
