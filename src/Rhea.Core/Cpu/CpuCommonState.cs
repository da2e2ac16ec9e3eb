using Rhea.Core.State;

namespace Rhea.Core.Cpu;

/// <summary>QEMU's section "cpu_common" beside a processor's own: whether it sleeps. Its interrupt requests follow from the controllers.</summary>
public sealed class CpuCommonState(CpuRegisters registers) : IState
{
    public static StructType Section { get; } = new("cpu_common", 1);

    public void Visit(StateVisitor state)
    {
        uint halted = registers.State.Activity == CpuActivity.Running ? 0u : 1, requests = 0;
        state.UInt32("halted", ref halted);
        state.UInt32("interrupt_request", ref requests);
        if (state.Loading) registers.State.Activity = halted != 0 ? CpuActivity.Halted : CpuActivity.Running;
    }
}
