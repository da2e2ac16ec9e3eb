using Rhea.Core.Cpu;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

internal enum TaskSwitchReason
{
    Jump,
    Call,
    Interrupt,
    Return,
}

/// <summary>Hardware task switches: through a TSS descriptor or a task gate (Intel SDM vol. 3, 8.3).</summary>
internal static class TaskSwitch
{
    private const uint Backlink = 0;

    /// <summary>Leaves the running task, whose RIP is where it is to go on, and enters another.</summary>
    /// <param name="cpu">The processor.</param>
    /// <param name="selector">Of the new TSS.</param>
    /// <param name="reason">What becomes of the busy bits, the back link and RFLAGS.NT.</param>
    /// <param name="external">Bit 0 of error codes.</param>
    public static bool Enter(Cpu cpu, Selector selector, TaskSwitchReason reason, uint external = 0)
    {
        bool returns = reason == TaskSwitchReason.Return;
        ExceptionVector wrong = returns ? ExceptionVector.InvalidTss : ExceptionVector.GeneralProtection;
        if (selector.IsNull || selector.InLdt) return cpu.Refuse(wrong, selector.Error | external);
        if (!Descriptors.Read(cpu, selector, out Descriptor descriptor, wrong, external)) return false;
        bool wide = (descriptor.Type & 8) != 0, busy = (descriptor.Type & 2) != 0;
        if (!descriptor.IsSystem || (descriptor.Type & 5) != 1 || busy != returns) return cpu.Refuse(wrong, selector.Error | external);
        if (!descriptor.Present) return cpu.Refuse(ExceptionVector.SegmentNotPresent, selector.Error | external);
        if (descriptor.Limit < (wide ? 0x67u : 0x2Bu)) return cpu.Refuse(ExceptionVector.InvalidTss, selector.Error | external);

        Segment old = cpu.State.Tr;
        if (!ReadImage(cpu, descriptor.Base, wide, out Image image)) return false;
        ulong flags = cpu.ReadRflags();
        if (returns) flags &= ~(ulong)Rflags.NestedTask;
        if (!WriteImage(cpu, old, flags)) return false;
        if (reason is TaskSwitchReason.Jump or TaskSwitchReason.Return && !Descriptors.Unmark(cpu, new Selector(old.Selector), Descriptor.BusyBit)) return false;
        if (reason is TaskSwitchReason.Call or TaskSwitchReason.Interrupt)
        {
            if (!cpu.Mmu.WriteSystem(descriptor.Base + Backlink, old.Selector)) return false;
            image.Flags |= Rflags.NestedTask;
        }

        if (!returns && !Descriptors.Mark(cpu, selector, Descriptor.BusyBit, ref descriptor)) return false;
        cpu.State.Tr = descriptor.ToSegment(selector.Value);
        cpu.State.Tr.Flags |= Descriptor.BusyBit;
        return Install(cpu, ref image, wide);
    }

    private static bool ReadImage(Cpu cpu, ulong at, bool wide, out Image image)
    {
        image = default;
        uint limit = wide ? 0x64u : 0x2Cu;
        Span<uint> words = stackalloc uint[26];
        for (uint i = 0; i < limit; i += wide ? 4u : 2u)
        {
            uint value;
            if (wide)
            {
                if (!cpu.Mmu.ReadSystem(at + i, out value)) return false;
            }
            else
            {
                if (!cpu.Mmu.ReadSystem(at + i, out ushort narrow)) return false;
                value = narrow;
            }

            words[(int)(i / (wide ? 4u : 2u))] = value;
        }

        // 32-bit: link, esp0 … ss2 (7 slots), cr3, eip, eflags, 8 registers, 6 segments, ldt; 16-bit: no cr3, 4 segments
        var next = 7;
        image.Cr3 = wide ? words[next++] : 0;
        image.Ip = words[next++];
        image.Flags = words[next++];
        for (var i = 0; i < 8; i++) image.General[i] = words[next++];
        for (var i = 0; i < (wide ? 6 : 4); i++) image.Selectors[i] = (ushort)words[next++];
        image.Ldt = (ushort)words[next];
        return true;
    }

    private static bool WriteImage(Cpu cpu, Segment task, ulong flags)
    {
        bool wide = (task.Flags >> 8 & 8) != 0;
        uint size = wide ? 4u : 2u, at = wide ? 0x20u : 0x0Eu;
        if (!Put(cpu, task.Base + at, wide, (uint)cpu.State.Rip) || !Put(cpu, task.Base + at + size, wide, (uint)flags)) return false;
        at += size * 2;
        for (var i = 0; i < 8; i++, at += size)
            if (!Put(cpu, task.Base + at, wide, (uint)cpu.State.General[i])) return false;
        for (var i = 0; i < (wide ? 6 : 4); i++, at += size)
            if (!Put(cpu, task.Base + at, wide: false, cpu.State.Segments[i].Selector)) return false;
        return true;
    }

    private static bool Put(Cpu cpu, ulong at, bool wide, uint value) => wide ? cpu.Mmu.WriteSystem(at, value) : cpu.Mmu.WriteSystem(at, (ushort)value);

    /// <summary>From here on faults belong to the new task.</summary>
    private static bool Install(Cpu cpu, ref Image image, bool wide)
    {
        ref CpuState state = ref cpu.State;
        if (wide && (state.Cr0 & Cr0.Paging) != 0 && state.Cr3 != image.Cr3)
        {
            state.Cr3 = image.Cr3;
            cpu.Mmu.Tables.FlushLocal();
        }

        for (var i = 0; i < 8; i++) state.General[i] = wide ? image.General[i] : (state.General[i] & 0xFFFF_0000) | (ushort)image.General[i];
        state.Rip = image.Ip;
        state.Debug[7] &= ~0x155UL; // the local enables
        state.Cr0 |= Cr0.TaskSwitched;
        for (var i = 0; i < 6; i++) state.Segments[i] = new Segment { Selector = image.Selectors[i] };
        bool v86 = wide && (image.Flags & Rflags.Virtual8086) != 0;
        cpu.WriteRflags(wide ? image.Flags & 0x3F_7FD7 : image.Flags & 0x7FD7);
        cpu.Breakpoints.Update();
        state.Ldtr = default;
        if (!Descriptors.LoadLdt(cpu, image.Ldt, ExceptionVector.InvalidTss)) return false;
        if (v86)
        {
            for (var i = 0; i < 6; i++) Descriptors.LoadParagraph(cpu, (SegmentRegister)i, image.Selectors[i]);
            return true;
        }

        return LoadSegments(cpu, ref image);
    }

    private static bool LoadSegments(Cpu cpu, ref Image image)
    {
        var code = new Selector(image.Selectors[(int)SegmentRegister.Cs]);
        if (code.IsNull) return cpu.Refuse(ExceptionVector.InvalidTss);
        if (!Descriptors.Read(cpu, code, out Descriptor descriptor, ExceptionVector.InvalidTss)) return false;
        bool fits = descriptor.IsCode && (descriptor.IsConforming ? descriptor.Dpl <= code.Rpl : descriptor.Dpl == code.Rpl);
        if (!fits) return cpu.Refuse(ExceptionVector.InvalidTss, code.Error);
        if (!descriptor.Present) return cpu.Refuse(ExceptionVector.SegmentNotPresent, code.Error);
        if (!Descriptors.Mark(cpu, code, Descriptor.AccessedBit, ref descriptor)) return false;
        cpu.Segment(SegmentRegister.Ss).Flags = (uint)code.Rpl << 13; // the new privilege level
        Descriptors.Set(cpu, SegmentRegister.Cs, descriptor.ToSegment(code.Value));
        foreach (SegmentRegister register in (ReadOnlySpan<SegmentRegister>)
            [SegmentRegister.Ss, SegmentRegister.Es, SegmentRegister.Ds, SegmentRegister.Fs, SegmentRegister.Gs])
        {
            if (Descriptors.Load(cpu, register, image.Selectors[(int)register])) continue;
            return cpu.FaultVector == ExceptionVector.GeneralProtection ? cpu.Refuse(ExceptionVector.InvalidTss, cpu.FaultCode) : false;
        }

        return true;
    }

    private struct Image
    {
        public uint Cr3, Ip, Flags;
        public Words8 General;
        public Selectors6 Selectors;
        public ushort Ldt;
    }

    [System.Runtime.CompilerServices.InlineArray(8)]
    private struct Words8
    {
        private uint _element;
    }

    [System.Runtime.CompilerServices.InlineArray(6)]
    private struct Selectors6
    {
        private ushort _element;
    }
}
