using Rhea.Core.Cpu;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>INIT and start-up IPI, as the processor's own record of registers has them.</summary>
internal static class SystemReset
{
    public static void Init(Cpu cpu)
    {
        var registers = new CpuRegisters(cpu.Index) { State = cpu.State };
        registers.Init(cpu.Signature);
        cpu.State = registers.State;
        cpu.WriteRflags(2);
        cpu.Breakpoints.Update();
    }

    public static void StartUp(Cpu cpu, byte vector)
    {
        var registers = new CpuRegisters(cpu.Index) { State = cpu.State };
        registers.StartUp(vector);
        cpu.State = registers.State;
        cpu.UpdateMode();
    }
}
