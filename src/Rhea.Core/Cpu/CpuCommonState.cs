using Rhea.Core.State;

namespace Rhea.Core.Cpu;

/// <summary>QEMU's section "cpu_common" beside a processor's own: whether it sleeps, and which signals wait for it.</summary>
/// <remarks>The INTR pin is sent too, for QEMU's processors do not ask again; here the controllers drive it after loading.</remarks>
public sealed class CpuCommonState(CpuRegisters registers) : IState
{
    private const uint Interrupt = 0x002, Smi = 0x040, Nmi = 0x200, Init = 0x400; // QEMU's interrupt_request

    public static StructType Section { get; } = new("cpu_common", 1);

    public void Visit(StateVisitor state)
    {
        ref CpuState cpu = ref registers.State;
        uint halted = cpu.Activity == CpuActivity.Running ? 0u : 1;
        uint requests = (cpu.InterruptPending ? Interrupt : 0) | (cpu.SmiPending ? Smi : 0) | (cpu.NmiPending ? Nmi : 0) | (cpu.InitPending ? Init : 0);
        state.UInt32("halted", ref halted);
        state.UInt32("interrupt_request", ref requests);
        if (!state.Loading) return;
        cpu.Activity = halted != 0 ? CpuActivity.Halted : CpuActivity.Running;
        cpu.SmiPending = (requests & Smi) != 0;
        cpu.InitPending = (requests & Init) != 0;
        cpu.NmiPending |= (requests & Nmi) != 0;
    }
}
