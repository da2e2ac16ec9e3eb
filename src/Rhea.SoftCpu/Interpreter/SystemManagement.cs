using Rhea.Core.Cpu;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>SMI and RSM: the processor's state goes to SMRAM, in the AMD64 layout, and comes back from there.</summary>
/// <remarks>AMD64 APM vol. 2, 10.2.3; offsets are from SMBASE + 8000h, which QEMU's firmware knows.</remarks>
internal static class SystemManagement
{
    private const uint Area = 0x8000, Segments = 0x7E00, Gdtr = 0x7E60, Ldtr = 0x7E70, Idtr = 0x7E80, Tr = 0x7E90, EferSlot = 0x7ED0,
        Revision = 0x7EFC, Smbase = 0x7F00, Cr4Slot = 0x7F48, Cr3Slot = 0x7F50, Cr0Slot = 0x7F58, Dr7Slot = 0x7F60, Dr6Slot = 0x7F68,
        FlagsSlot = 0x7F70, RipSlot = 0x7F78, RaxSlot = 0x7FF8;

    private const uint RevisionId = 0x0002_0064, CanMoveSmbase = 0x2_0000;

    public static void Enter(Cpu cpu)
    {
        ref CpuState state = ref cpu.State;
        cpu.Accelerator.Execution?.SystemManagement(cpu, entering: true);
        state.Smm = true;
        state.SmiCount++;
        state.Activity = CpuActivity.Running;
        state.SmiInsideNmi = state.NmiBlocked;
        state.NmiBlocked = true;
        cpu.Mmu.Flush();
        Save(cpu, ref state);

        cpu.WriteRflags(2);
        state.Rip = 0x8000;
        state.Cr0 &= ~(ulong)(Cr0.ProtectedMode | Cr0.Emulation | Cr0.TaskSwitched | Cr0.Paging);
        state.Cr4 = 0;
        state.Efer = 0;
        state.Debug[7] = 0x400;
        for (var i = 0; i < 6; i++) state.Segments[i] = new Segment { Limit = uint.MaxValue, Flags = 0x80_9300 };
        state.Segments[(int)SegmentRegister.Cs].Selector = (ushort)(state.Smbase >> 4);
        state.Segments[(int)SegmentRegister.Cs].Base = state.Smbase;
        cpu.UpdateMode();
        cpu.Breakpoints.Update();
    }

    public static Step Resume(Cpu cpu, in Op op)
    {
        ref CpuState state = ref cpu.State;
        if (!state.Smm) return cpu.Fault(ExceptionVector.InvalidOpcode);
        ulong area = state.Smbase + Area;
        Restore(cpu, ref state, area);
        if ((cpu.Mmu.ReadPhysical<uint>(area + Revision) & CanMoveSmbase) != 0) state.Smbase = cpu.Mmu.ReadPhysical<uint>(area + Smbase);
        state.Smm = false;
        state.NmiBlocked = state.SmiInsideNmi;
        cpu.Attention = true;
        cpu.Mmu.Flush();
        cpu.UpdateMode();
        cpu.Breakpoints.Update();
        cpu.Accelerator.Execution?.SystemManagement(cpu, entering: false);
        return Step.Leave;
    }

    private static void Save(Cpu cpu, ref CpuState state)
    {
        Tlb.Mmu memory = cpu.Mmu;
        ulong area = state.Smbase + Area;
        for (uint i = 0; i < 6; i++) SaveSegment(memory, area + Segments + (i * 16), in state.Segments[(int)i]);
        SaveSegment(memory, area + Gdtr, in state.Gdtr);
        SaveSegment(memory, area + Ldtr, in state.Ldtr);
        SaveSegment(memory, area + Idtr, in state.Idtr);
        SaveSegment(memory, area + Tr, in state.Tr);
        memory.WritePhysical(area + EferSlot, state.Efer);
        for (uint i = 0; i < 16; i++) memory.WritePhysical(area + RaxSlot - (i * 8), state.General[(int)i]);
        memory.WritePhysical(area + RipSlot, state.Rip);
        memory.WritePhysical(area + FlagsSlot, (uint)cpu.ReadRflags());
        memory.WritePhysical(area + Dr6Slot, (uint)state.Debug[6]);
        memory.WritePhysical(area + Dr7Slot, (uint)state.Debug[7]);
        memory.WritePhysical(area + Cr4Slot, (uint)state.Cr4);
        memory.WritePhysical(area + Cr3Slot, state.Cr3);
        memory.WritePhysical(area + Cr0Slot, (uint)state.Cr0);
        memory.WritePhysical(area + Revision, RevisionId);
        memory.WritePhysical(area + Smbase, state.Smbase);
    }

    private static void Restore(Cpu cpu, ref CpuState state, ulong area)
    {
        Tlb.Mmu memory = cpu.Mmu;
        state.Efer = memory.ReadPhysical<ulong>(area + EferSlot);
        for (uint i = 0; i < 6; i++) state.Segments[(int)i] = LoadSegment(memory, area + Segments + (i * 16));
        state.Gdtr = LoadSegment(memory, area + Gdtr);
        state.Ldtr = LoadSegment(memory, area + Ldtr);
        state.Idtr = LoadSegment(memory, area + Idtr);
        state.Tr = LoadSegment(memory, area + Tr);
        for (uint i = 0; i < 16; i++) state.General[(int)i] = memory.ReadPhysical<ulong>(area + RaxSlot - (i * 8));
        state.Rip = memory.ReadPhysical<ulong>(area + RipSlot);
        ulong flags = memory.ReadPhysical<uint>(area + FlagsSlot);
        state.Debug[6] = memory.ReadPhysical<uint>(area + Dr6Slot);
        state.Debug[7] = memory.ReadPhysical<uint>(area + Dr7Slot);
        state.Cr4 = memory.ReadPhysical<uint>(area + Cr4Slot);
        state.Cr3 = memory.ReadPhysical<ulong>(area + Cr3Slot);
        state.Cr0 = memory.ReadPhysical<uint>(area + Cr0Slot);
        cpu.WriteRflags(flags);
    }

    private static void SaveSegment(Tlb.Mmu memory, ulong at, in Segment segment)
    {
        memory.WritePhysical(at, segment.Selector);
        memory.WritePhysical(at + 2, (ushort)(segment.Flags >> 8 & 0xF0FF));
        memory.WritePhysical(at + 4, segment.Limit);
        memory.WritePhysical(at + 8, segment.Base);
    }

    private static Segment LoadSegment(Tlb.Mmu memory, ulong at) => new()
    {
        Selector = memory.ReadPhysical<ushort>(at),
        Flags = (uint)(memory.ReadPhysical<ushort>(at + 2) & 0xF0FF) << 8,
        Limit = memory.ReadPhysical<uint>(at + 4),
        Base = memory.ReadPhysical<ulong>(at + 8),
    };
}
