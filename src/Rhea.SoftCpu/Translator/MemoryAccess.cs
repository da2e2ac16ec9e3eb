using Rhea.Core.Cpu;
using Rhea.SoftCpu.Interpreter;
using Rhea.SoftCpu.Tlb;
using static Rhea.SoftCpu.Translator.GuestRegister;

namespace Rhea.SoftCpu.Translator;

/// <summary>Turns a guest address into a host address: the address computation, and the look into the TLB.</summary>
internal sealed class MemoryAccess(Site site)
{
    private const int PageSize = 0x1000;

    private readonly Emitter _code = site.Code;
    private int _slot;

    /// <summary>False when the interpreter must find this operand: by an address of 16 bits, or in a segment with limits.</summary>
    public bool CanReach(in Op op) => (op.Has(OpFlags.Flat) || HasOnlyBase(op.Segment)) && CanCompute(in op);

    /// <summary>The offset in the segment can be computed here.</summary>
    public bool CanCompute(in Op op)
    {
        if (op.AddressShift > 32 || (op.Base == FrameOffset.BlockIp && op.AddressShift != 0)) return false;
        long displacement = Displacement(in op);
        return displacement == (int)displacement;
    }

    /// <summary>Leaves the memory operand's host address in R10. Changes R11 and RFLAGS.</summary>
    /// <param name="op">The instruction.</param>
    /// <param name="size">Bytes.</param>
    /// <param name="write">It is written, and maybe read too.</param>
    /// <param name="aligned">To its own size, else the interpreter faults.</param>
    public void Reach(in Op op, int size, bool write, bool aligned = false)
    {
        site.Flags.Release();
        Compute(in op, Address, op.AddressShift == 0);
        AddSegment(in op);
        Check(size, write, aligned);
    }

    /// <summary>The same for the part of the memory operand that has a bit whose number is in a guest register.</summary>
    /// <param name="op">The instruction.</param>
    /// <param name="number">The register.</param>
    /// <param name="size">Of that part, and of the register, in bytes.</param>
    /// <param name="write">It is written, and maybe read too.</param>
    public void ReachBit(in Op op, int number, int size, bool write)
    {
        site.Flags.Release();
        Compute(in op, Address, op.AddressShift == 0);
        Bring(number, Temporary, wide: size == sizeof(ulong));
        if (size != sizeof(ulong)) _code.Op(0x63, true, Temporary, Temporary); // movsxd
        _code.Op(0xC1, true, 7, Temporary); // sar
        _code.Byte(3);
        _code.Arithmetic(4, true, Temporary, -size);
        _code.Op(0x03, op.AddressShift == 0, Address, Temporary);
        AddSegment(in op);
        Check(size, write);
    }

    /// <summary>Copies a guest register into a host register.</summary>
    public void Bring(int number, int to, bool wide)
    {
        if (HostOf(number) < 0) _code.Op(0x8B, wide, to, Slot(number));
        else _code.Op(0x8B, wide, to, HostOf(number));
    }

    /// <summary>The offset of the memory operand into a host register. Changes R10 and R11, not RFLAGS.</summary>
    public void Compute(in Op op, int to, bool wide)
    {
        int start = -1, index = -1;
        if (op.Base == FrameOffset.BlockIp)
        {
            start = Address;
            _code.Load(Address, new HostAddress(State, FrameOffset.PageIp));
        }
        else if (op.Base != FrameOffset.Zero)
        {
            start = Value(FrameOffset.GeneralNumber(op.Base), Address);
        }

        if (op.Index != FrameOffset.Zero) index = Value(FrameOffset.GeneralNumber(op.Index), Temporary);
        var displacement = (int)Displacement(in op);
        if (start < 0 && index < 0) _code.Constant(to, wide ? (ulong)displacement : (uint)displacement);
        else if (index < 0 && displacement == 0) _code.Op(0x8B, wide, to, start);
        else _code.Lea(to, new HostAddress(start, displacement, index, op.Scale), wide);
    }

    /// <summary>From the linear address in R10 to the host address in R10. Changes R11 and RFLAGS, which are in the frame already.</summary>
    /// <param name="size">Bytes.</param>
    /// <param name="write">They are written.</param>
    /// <param name="aligned">To their own size, else the interpreter faults.</param>
    /// <param name="stack">All accesses to the stack share a slot.</param>
    public void Check(int size, bool write, bool aligned = false, bool stack = false)
    {
        int slot = FrameOffset.Slot(stack ? 0 : NextSlot(), write);
        _code.Move(Temporary, Address);
        _code.Op(0x33, true, Temporary, new HostAddress(State, FrameOffset.Salt));
        _code.Op(0x33, true, Temporary, new HostAddress(State, slot));
        _code.Arithmetic(7, true, Temporary, PageSize - size);
        int jump = _code.Jump(Condition.Above);
        _code.Op(0x03, true, Address, new HostAddress(State, slot + sizeof(ulong)));
        site.Refill(jump, slot, size, write);
        if (!aligned || size <= 1) return;
        _code.Rex(false, 0, -1, Address, force: true);
        _code.Byte(0xF6); // test r10b, imm8
        _code.ModRm(0, Address);
        _code.Byte(size - 1);
        site.Miss(_code.Jump(Condition.NotEqual));
    }

    private void AddSegment(in Op op)
    {
        if (!op.Has(OpFlags.Flat)) _code.Op(0x03, site.Code64, Address, new HostAddress(State, FrameOffset.SegmentBase(op.Segment)));
    }

    private int NextSlot() => _slot = _slot + 1 < AccessSlots.Count ? _slot + 1 : 1;

    private bool HasOnlyBase(SegmentRegister segment) => segment switch
    {
        SegmentRegister.Fs => (site.Mode & (BlockMode.Code64 | BlockMode.OpenFs)) != 0,
        SegmentRegister.Gs => (site.Mode & (BlockMode.Code64 | BlockMode.OpenGs)) != 0,
        _ => false,
    };

    /// <summary>From the page's start, where it is relative to RIP. Of a 32-bit address only 32 bits matter.</summary>
    private long Displacement(in Op op) => op.Base == FrameOffset.BlockIp ? op.Displacement + site.BlockStart
        : op.AddressShift == 32 ? (int)op.Displacement : op.Displacement;

    private int Value(int number, int temporary)
    {
        int host = HostOf(number);
        if (host >= 0) return host;
        _code.Load(temporary, Slot(number));
        return temporary;
    }
}
