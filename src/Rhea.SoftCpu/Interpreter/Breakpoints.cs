using Rhea.Core.Cpu;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>The debug registers at work: instruction breakpoints before, data breakpoints and single steps after an instruction.</summary>
/// <remarks>Intel SDM vol. 3, 19.2. While a data breakpoint is set no access uses the TLB, so that all of them are seen.</remarks>
internal sealed class Breakpoints(Cpu cpu)
{
    private const ulong SingleStep = 1 << 14, Matches = 15;
    private const int OnExecution = 0, OnWrite = 1, OnPort = 2;

    private ulong _trapped; // bits of DR6 for the trap after this instruction

    /// <summary>An instruction breakpoint is set.</summary>
    public bool WatchesCode { get; private set; }

    public bool WatchesPorts { get; private set; }

    /// <summary>DR7 changed.</summary>
    public void Update()
    {
        ulong control = cpu.State.Debug[7];
        var data = false;
        WatchesCode = WatchesPorts = false;
        for (var i = 0; i < 4; i++)
        {
            if (!IsOn(control, i)) continue;
            int kind = Kind(control, i);
            if (kind == OnExecution) WatchesCode = true;
            else if (kind == OnPort) WatchesPorts = true;
            else data = true;
        }

        cpu.Mmu.Breakpoints = data || cpu.Debugger.HasWatchpoints;
        cpu.Attention = true;
        cpu.UpdateMode();
    }

    /// <summary>True, with the fault noted, when the next instruction has a breakpoint that RFLAGS.RF does not skip.</summary>
    public bool HitsInstruction()
    {
        ref CpuState state = ref cpu.State;
        if ((state.Rflags & Rflags.Resume) != 0)
        {
            state.Rflags &= ~(ulong)Rflags.Resume;
            return false;
        }

        if (!WatchesCode) return false;
        ulong linear = cpu.LinearIp, hit = 0;
        for (var i = 0; i < 4; i++)
            if (IsOn(state.Debug[7], i) && Kind(state.Debug[7], i) == OnExecution && state.Debug[i] == linear) hit |= 1UL << i;
        if (hit == 0) return false;
        Note(hit);
        cpu.Fault(ExceptionVector.Debug);
        return true;
    }

    public void OnAccess(ulong linear, int size, bool write) => Watch(linear, size, port: false, write);

    public void OnPortAccess(ushort port, int size) => Watch(port, size, port: true, write: false);

    /// <summary>RFLAGS.TF was set when the instruction began.</summary>
    public void OnStep()
    {
        _trapped |= SingleStep;
        cpu.Attention = true;
    }

    /// <summary>True, with DR6 set, when the last instruction ends in a trap.</summary>
    public bool TakeTrap()
    {
        if (_trapped == 0) return false;
        Note(_trapped);
        _trapped = 0;
        return true;
    }

    /// <summary>Sets DR6: which breakpoint it was is of this exception alone, the other bits are for software to clear.</summary>
    public void Note(ulong bits) => cpu.State.Debug[6] = (cpu.State.Debug[6] & ~Matches) | bits;

    private void Watch(ulong address, int size, bool port, bool write)
    {
        ref CpuState state = ref cpu.State;
        for (var i = 0; i < 4; i++)
        {
            int kind = Kind(state.Debug[7], i);
            if (!IsOn(state.Debug[7], i) || kind == OnExecution || (kind == OnPort) != port || (kind == OnWrite && !write)) continue;
            ulong length = Length(state.Debug[7], i), start = state.Debug[i] & ~(length - 1);
            if (address >= start + length || start >= address + (ulong)size) continue;
            _trapped |= 1UL << i;
            cpu.Attention = true;
        }
    }

    private static bool IsOn(ulong control, int index) => (control >> (index * 2) & 3) != 0;

    private static int Kind(ulong control, int index) => (int)(control >> (16 + (index * 4))) & 3;

    private static ulong Length(ulong control, int index) => (control >> (18 + (index * 4)) & 3) switch { 0 => 1, 1 => 2, 2 => 8, _ => 4 };
}
