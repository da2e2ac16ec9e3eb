using Rhea.Core.Cpu;

namespace Rhea.Core.Machines;

/// <summary>The processor whose port access is under way, for the rare device that looks into its registers.</summary>
public sealed class PortCaller
{
    /// <summary>Null when nobody's is: a monitor looks.</summary>
    public IVcpu? Vcpu { get; set; }
}
