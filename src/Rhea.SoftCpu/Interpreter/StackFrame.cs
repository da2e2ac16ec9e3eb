using Rhea.Core.Cpu;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>A stack that is not the current one yet (or no longer): gates build their frame on it before anything is committed.</summary>
/// <param name="cpu">Whose memory it is in.</param>
/// <param name="segment">SS as it will be.</param>
/// <param name="pointer">RSP as it will be.</param>
/// <param name="long64">The new code is 64-bit: no segment, all of RSP.</param>
/// <param name="system">Accessed with supervisor rights whatever the current level.</param>
/// <param name="error">What a stack fault reports: the new selector, or 0.</param>
internal ref struct StackFrame(Cpu cpu, Segment segment, ulong pointer, bool long64, bool system, uint error)
{
    private readonly Segment _segment = segment;
    private readonly ulong _mask = long64 ? ulong.MaxValue : (segment.Flags & Descriptor.BigBit) != 0 ? uint.MaxValue : 0xFFFFUL;

    public ulong Pointer { get; private set; } = pointer;

    /// <summary>RSP with only the stack pointer's bits replaced.</summary>
    public readonly ulong Result => _mask == 0xFFFF ? (cpu.Rsp & ~0xFFFFUL) | (Pointer & 0xFFFF) : Pointer & _mask;

    public bool Push(ulong value, int size)
    {
        Pointer -= (ulong)size;
        if (!Locate(Pointer & _mask, size, out ulong linear)) return false;
        if (system)
        {
            return size switch
            {
                2 => cpu.Mmu.WriteSystem(linear, (ushort)value),
                4 => cpu.Mmu.WriteSystem(linear, (uint)value),
                _ => cpu.Mmu.WriteSystem(linear, value),
            };
        }

        return size switch
        {
            2 => cpu.StoreLinear(SegmentRegister.Ss, linear, (ushort)value),
            4 => cpu.StoreLinear(SegmentRegister.Ss, linear, (uint)value),
            _ => cpu.StoreLinear(SegmentRegister.Ss, linear, value),
        };
    }

    public bool Pop(int size, out ulong value)
    {
        value = 0;
        if (!Locate(Pointer & _mask, size, out ulong linear)) return false;
        Pointer += (ulong)size;
        if (size == 8) return cpu.LoadLinear(SegmentRegister.Ss, linear, out value);
        if (size == 4)
        {
            bool done = cpu.LoadLinear(SegmentRegister.Ss, linear, out uint wide);
            value = wide;
            return done;
        }

        bool read = cpu.LoadLinear(SegmentRegister.Ss, linear, out ushort narrow);
        value = narrow;
        return read;
    }

    public void Skip(ulong bytes) => Pointer += bytes;

    private readonly bool Locate(ulong offset, int size, out ulong linear)
    {
        linear = offset;
        if (long64) return cpu.IsCanonical(offset) || cpu.Refuse(ExceptionVector.StackFault, error);
        ulong last = offset + (ulong)size - 1;
        bool down = !cpu.RealSegments && (_segment.Flags >> 8 & 12) == 4;
        bool inside = down
            ? offset > _segment.Limit && last <= ((_segment.Flags & Descriptor.BigBit) != 0 ? uint.MaxValue : 0xFFFFu)
            : last <= _segment.Limit;
        if (!inside) return cpu.Refuse(ExceptionVector.StackFault, error);
        linear = cpu.LongMode && long64 ? offset : (uint)(_segment.Base + offset);
        return true;
    }
}
