using Rhea.Core.Cpu;

namespace Rhea.SoftCpu;

/// <summary>The machine, as a processor that is running guest code reaches it: it is not inside while a device works.</summary>
internal sealed class Outside(IMachineBus bus, InsideLock inside)
{
    public uint ReadPort(ushort port, int size)
    {
        inside.Exit();
        uint value = bus.ReadPort(port, size);
        inside.Enter();
        return value;
    }

    public void WritePort(ushort port, int size, uint value)
    {
        inside.Exit();
        bus.WritePort(port, size, value);
        inside.Enter();
    }

    public ulong ReadMemory(ulong address, int size, bool smm)
    {
        inside.Exit();
        ulong value = bus.ReadMemory(address, size, smm);
        inside.Enter();
        return value;
    }

    public void WriteMemory(ulong address, int size, ulong value, bool smm)
    {
        inside.Exit();
        bus.WriteMemory(address, size, value, smm);
        inside.Enter();
    }

    public int AcknowledgeInterrupt()
    {
        inside.Exit();
        int vector = bus.AcknowledgeInterrupt();
        inside.Enter();
        return vector;
    }

    public void ReportFloatingPointError(bool pending)
    {
        inside.Exit();
        bus.ReportFloatingPointError(pending);
        inside.Enter();
    }

    public bool TryReadApicMsr(uint msr, out ulong value)
    {
        inside.Exit();
        bool known = bus.TryReadApicMsr(msr, out value);
        inside.Enter();
        return known;
    }

    public bool TryWriteApicMsr(uint msr, ulong value)
    {
        inside.Exit();
        bool known = bus.TryWriteApicMsr(msr, value);
        inside.Enter();
        return known;
    }

    public void SetTaskPriority(byte value)
    {
        inside.Exit();
        bus.TaskPriority = value;
        inside.Enter();
    }

    public void Leave() => inside.Exit();

    public void Enter() => inside.Enter();
}
