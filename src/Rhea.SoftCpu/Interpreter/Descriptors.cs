using Rhea.Core.Cpu;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Descriptor tables: reading an entry, marking it, and loading a segment register with all its checks.</summary>
/// <remarks>What answers false has noted the fault.</remarks>
internal static class Descriptors
{
    /// <summary>Of each segment in virtual-8086 mode.</summary>
    public const uint VirtualRights = 0xF300;

    /// <summary>An entry of the GDT or LDT; beyond the limit it is the given fault, with the selector.</summary>
    public static bool Read(Cpu cpu, Selector selector, out Descriptor descriptor, ExceptionVector fault = ExceptionVector.GeneralProtection, uint external = 0)
    {
        descriptor = default;
        if (!Locate(cpu, selector, 8, out ulong address)) return cpu.Refuse(fault, selector.Error | external);
        if (!cpu.Mmu.ReadSystem(address, out ulong value)) return false;
        descriptor = new Descriptor(value);
        return true;
    }

    /// <summary>The upper half of a 16-byte descriptor: bits 32 to 63 of a base or offset.</summary>
    public static bool ReadUpper(Cpu cpu, Selector selector, out ulong upper, ExceptionVector fault = ExceptionVector.GeneralProtection)
    {
        upper = 0;
        if (!Locate(cpu, selector, 16, out ulong address)) return cpu.Refuse(fault, selector.Error);
        if (!cpu.Mmu.ReadSystem(address + 8, out ulong value)) return false;
        if ((value >> 40 & 0x1F) != 0) return cpu.Refuse(fault, selector.Error);
        upper = value << 32;
        return true;
    }

    /// <summary>Sets bits of the descriptor's second byte pair in memory, and in the copy.</summary>
    public static bool Mark(Cpu cpu, Selector selector, uint bits, ref Descriptor descriptor)
    {
        var marked = new Descriptor(descriptor.Value | (ulong)bits << 32);
        if (marked == descriptor) return true;
        if (!Locate(cpu, selector, 8, out ulong address)) return true;
        descriptor = marked;
        return cpu.Mmu.WriteSystem(address + 4, (uint)(marked.Value >> 32));
    }

    public static bool Unmark(Cpu cpu, Selector selector, uint bits)
    {
        if (!Locate(cpu, selector, 8, out ulong address) || !cpu.Mmu.ReadSystem(address + 4, out uint high)) return false;
        return cpu.Mmu.WriteSystem(address + 4, high & ~bits);
    }

    /// <summary>Loads DS, ES, FS, GS or SS as MOV, POP and LxS do.</summary>
    public static bool Load(Cpu cpu, SegmentRegister register, ushort value)
    {
        if (cpu.RealSegments)
        {
            LoadParagraph(cpu, register, value);
            return true;
        }

        return register == SegmentRegister.Ss ? LoadStack(cpu, value) : LoadData(cpu, register, value);
    }

    /// <summary>In real mode limit and rights stay what they were; in V86 mode they are fixed.</summary>
    public static void LoadParagraph(Cpu cpu, SegmentRegister register, ushort value)
    {
        ref Segment segment = ref cpu.Segment(register);
        segment.Selector = value;
        segment.Base = (ulong)value << 4;
        if (cpu.V86) (segment.Limit, segment.Flags) = (0xFFFF, VirtualRights);
        cpu.UpdateMode();
    }

    public static void Set(Cpu cpu, SegmentRegister register, in Segment segment)
    {
        cpu.Segment(register) = segment;
        cpu.UpdateMode();
    }

    /// <summary>LLDT, and the LDT of a new task.</summary>
    public static bool LoadLdt(Cpu cpu, ushort value, ExceptionVector fault = ExceptionVector.GeneralProtection)
    {
        var selector = new Selector(value);
        if (selector.IsNull)
        {
            cpu.State.Ldtr = new Segment { Selector = value };
            return true;
        }

        if (selector.InLdt) return cpu.Refuse(fault, selector.Error);
        if (!Read(cpu, selector, out Descriptor descriptor, fault)) return false;
        if (!descriptor.IsSystem || descriptor.Type != SystemType.Ldt) return cpu.Refuse(fault, selector.Error);
        if (!descriptor.Present) return cpu.Refuse(fault == ExceptionVector.GeneralProtection ? ExceptionVector.SegmentNotPresent : fault, selector.Error);
        return SetSystem(cpu, ref cpu.State.Ldtr, value, descriptor, fault);
    }

    /// <summary>LTR: the descriptor becomes busy.</summary>
    public static bool LoadTask(Cpu cpu, ushort value)
    {
        var selector = new Selector(value);
        if (selector.IsNull || selector.InLdt) return cpu.Refuse(ExceptionVector.GeneralProtection, selector.Error);
        if (!Read(cpu, selector, out Descriptor descriptor)) return false;
        bool available = descriptor.IsSystem && (descriptor.Type == SystemType.Tss32 || (descriptor.Type == SystemType.Tss16 && !cpu.LongMode));
        if (!available) return cpu.Refuse(ExceptionVector.GeneralProtection, selector.Error);
        if (!descriptor.Present) return cpu.Refuse(ExceptionVector.SegmentNotPresent, selector.Error);
        return SetSystem(cpu, ref cpu.State.Tr, value, new Descriptor(descriptor.Value | (ulong)Descriptor.BusyBit << 32), ExceptionVector.GeneralProtection)
            && Mark(cpu, selector, Descriptor.BusyBit, ref descriptor);
    }

    private static bool LoadStack(Cpu cpu, ushort value)
    {
        var selector = new Selector(value);
        if (selector.IsNull)
        {
            if (!cpu.Code64 || cpu.Cpl == 3 || selector.Rpl != cpu.Cpl) return cpu.Refuse(ExceptionVector.GeneralProtection);
            Set(cpu, SegmentRegister.Ss, new Segment { Selector = value, Flags = (uint)cpu.Cpl << 13 });
            return true;
        }

        if (!Read(cpu, selector, out Descriptor descriptor)) return false;
        if (selector.Rpl != cpu.Cpl || !descriptor.IsWritableData || descriptor.Dpl != cpu.Cpl)
            return cpu.Refuse(ExceptionVector.GeneralProtection, selector.Error);
        if (!descriptor.Present) return cpu.Refuse(ExceptionVector.StackFault, selector.Error);
        if (!Mark(cpu, selector, Descriptor.AccessedBit, ref descriptor)) return false;
        Set(cpu, SegmentRegister.Ss, descriptor.ToSegment(value));
        return true;
    }

    private static bool LoadData(Cpu cpu, SegmentRegister register, ushort value)
    {
        var selector = new Selector(value);
        if (selector.IsNull)
        {
            ref Segment segment = ref cpu.Segment(register);
            ulong kept = cpu.LongMode && register >= SegmentRegister.Fs ? segment.Base : 0; // AMD keeps a null segment's base
            Set(cpu, register, new Segment { Selector = value, Base = kept });
            return true;
        }

        if (!Read(cpu, selector, out Descriptor descriptor)) return false;
        bool allowed = descriptor.IsReadable && (descriptor.IsConforming || (descriptor.Dpl >= cpu.Cpl && descriptor.Dpl >= selector.Rpl));
        if (!allowed) return cpu.Refuse(ExceptionVector.GeneralProtection, selector.Error);
        if (!descriptor.Present) return cpu.Refuse(ExceptionVector.SegmentNotPresent, selector.Error);
        if (!Mark(cpu, selector, Descriptor.AccessedBit, ref descriptor)) return false;
        Set(cpu, register, descriptor.ToSegment(value));
        return true;
    }

    private static bool SetSystem(Cpu cpu, ref Segment into, ushort value, Descriptor descriptor, ExceptionVector fault)
    {
        ulong upper = 0;
        if (cpu.LongMode && !ReadUpper(cpu, new Selector(value), out upper, fault)) return false;
        if (!cpu.IsCanonicalBase(upper | descriptor.Base)) return cpu.Refuse(fault, new Selector(value).Error);
        into = descriptor.ToSegment(value);
        into.Base |= upper;
        return true;
    }

    private static bool Locate(Cpu cpu, Selector selector, uint size, out ulong address)
    {
        ref Segment table = ref selector.InLdt ? ref cpu.State.Ldtr : ref cpu.State.Gdtr;
        address = table.Base + selector.Offset;
        if (!cpu.LongMode) address = (uint)address;
        return (!selector.InLdt || (table.Flags & 0x8000) != 0) && selector.Offset + size - 1 <= table.Limit;
    }
}
