using Rhea.Core.Cpu;
using Rhea.SoftCpu.CodeCache;
using Rhea.SoftCpu.Interpreter;
using Rhea.SoftCpu.Tlb;
using static Rhea.SoftCpu.Translator.GuestRegister;

namespace Rhea.SoftCpu.Translator;

/// <summary>Turns a guest address into a host address: the address computation, and the look into the TLB.</summary>
internal sealed class MemoryAccess(Site site)
{
    private const int PageSize = 0x1000;
    private const int Spare = 0, None = -1;
    private const int LongestIn32Bits = 0x1_0000;

    private readonly Emitter _code = site.Code;
    private readonly int[] _leaders = new int[BlockDecoder.MaxOps]; // slots, by instruction
    private int _slot = Spare;
    private (int Slot, bool WithPage) _kept = (None, false); // R10 has the slot's distance from guest to host addresses, maybe with RIP of the page

    /// <summary>False when the interpreter must find this operand.</summary>
    public bool CanReach(in Op op)
    {
        if (op.Base == FrameOffset.BlockIp && op.AddressShift != 0) return false;
        long displacement = Displacement(in op);
        return displacement == (int)displacement;
    }

    /// <summary>The operand's segment has neither a limit nor rights that matter.</summary>
    public static bool IsOpen(in Op op, BlockMode mode) => op.Has(OpFlags.Flat) || (mode & BlockMode.Code64) != 0 || op.Segment switch
    {
        SegmentRegister.Fs => (mode & BlockMode.OpenFs) != 0,
        SegmentRegister.Gs => (mode & BlockMode.OpenGs) != 0,
        _ => false,
    };

    /// <summary>A slot that nobody looks into.</summary>
    public static int SpareSlot { get; } = FrameOffset.Slot(Spare, write: false);

    /// <summary>R10 may have been changed.</summary>
    public void Forget() => _kept = (None, false);

    /// <summary>Where the memory operand is on the host: relative to R10, and maybe to registers of the guest. Changes R10, R11 and RFLAGS.</summary>
    /// <param name="op">The instruction.</param>
    /// <param name="size">Bytes.</param>
    /// <param name="write">It is written, and maybe read too.</param>
    /// <param name="aligned">To its own size, else the interpreter faults.</param>
    /// <param name="mayUseTemporary">It may be relative to R11 too.</param>
    public HostAddress Reach(in Op op, int size, bool write, bool aligned = false, bool mayUseTemporary = false)
    {
        if (site.Held.Is) return ReachHeld(in op, aligned ? size : 1);
        if (!site.IsQuiet) site.Flags.Leave();
        bool mayWander = !write && !aligned && CanWander(in op);
        if (mayWander && op.Has(OpFlags.Wanders)) return ReachAnywhere(in op, size, mayUseTemporary);
        if (IsNear(in op) && !(aligned && IsCertainlyUnaligned(in op, size)))
        {
            HostAddress near = Near(in op), at = CheckNear(in near, size, write, mayWander);
            if (aligned && near.Base != Address) CheckAligned(in near, size);
            return at;
        }

        Forget();
        Compute(in op, Address, op.AddressShift == 0);
        AddSegment(in op, size, write);
        Check(size, write, aligned, mayWander);
        return new HostAddress(Address);
    }

    /// <summary>Its address is a sum of host registers, and serves no other access.</summary>
    private bool CanWander(in Op op) => site is { Code64: true, Access.Grouped: false } && op.Has(OpFlags.Flat) && op.AddressShift == 0 && op.Base != FrameOffset.BlockIp
        && IsHost(op.Base) && IsHost(op.Index) && (op.Base != FrameOffset.Zero || op.Index != FrameOffset.Zero);

    private static bool IsHost(ushort register) => register == FrameOffset.Zero || HostOf(FrameOffset.GeneralNumber(register)) >= 0;

    /// <summary>The operand's host address, from the TLB: R10, or its sum with R11. Changes R11 and RFLAGS.</summary>
    private HostAddress ReachAnywhere(in Op op, int size, bool mayUseTemporary)
    {
        const int pageBits = 12;
        Forget();
        Compute(in op, Address, wide: true);
        _code.Move32(Temporary, Address);
        _code.ShiftRight(Temporary, pageBits - TlbEntry.SizeBits);
        _code.Op(0x23, false, Temporary, new HostAddress(State, FrameOffset.TableMask)); // and
        _code.Op(0x03, true, Temporary, new HostAddress(State, FrameOffset.ReadTable));
        _code.Op(0x33, true, Address, new HostAddress(Temporary)); // the complement of the distance from the page
        _code.Arithmetic(7, true, Address, ~(PageSize - size));
        site.Miss(_code.Jump(Condition.Below));
        _code.Load(Address, new HostAddress(Temporary, TlbEntry.OffsetOfHost));
        Compute(in op, Temporary, wide: false);
        _code.Arithmetic(4, false, Temporary, PageSize - 1);
        if (mayUseTemporary) return new HostAddress(Address, 0, Temporary);
        _code.Op(0x03, true, Address, Temporary);
        return new HostAddress(Address);
    }

    /// <summary>The same for a place on the stack.</summary>
    /// <param name="register">The host register that it is near.</param>
    /// <param name="displacement">From there.</param>
    /// <param name="size">Bytes.</param>
    /// <param name="write">It is written.</param>
    /// <param name="isSure">The check that serves for this access was made with the same value of the register.</param>
    public HostAddress ReachStack(int register, int displacement, int size, bool write, bool isSure)
    {
        if (!site.IsQuiet) site.Flags.Leave();
        var linear = new HostAddress(register, displacement);
        if (!site.HasFlatStack) return ReachInStack(in linear, size, write);
        if (isSure || CanBeNear(displacement)) return CheckNear(in linear, size, write);
        Forget();
        _code.Lea(Address, in linear, wide: false);
        Check(size, write);
        return new HostAddress(Address);
    }

    private HostAddress ReachInStack(in HostAddress offset, int size, bool write)
    {
        Forget();
        _code.Lea(Address, in offset, wide: false);
        if (site.HasShortStack) _code.ExtendWord(Address, Address);
        if ((site.Mode & BlockMode.Flat) == 0)
        {
            CheckLimit(SegmentRegister.Ss, size, write);
            _code.Op(0x03, false, Address, new HostAddress(State, FrameOffset.SegmentBase(SegmentRegister.Ss)));
        }

        Check(size, write);
        return new HostAddress(Address);
    }

    /// <summary>The same for the part of the memory operand that has a bit whose number is in a guest register.</summary>
    /// <param name="op">The instruction.</param>
    /// <param name="number">The register.</param>
    /// <param name="size">Of that part, and of the register, in bytes.</param>
    /// <param name="write">It is written, and maybe read too.</param>
    public void ReachBit(in Op op, int number, int size, bool write)
    {
        site.Flags.Leave();
        Forget();
        Compute(in op, Address, op.AddressShift == 0);
        Bring(number, Temporary, wide: size == sizeof(ulong));
        if (size != sizeof(ulong)) _code.Op(0x63, true, Temporary, Temporary); // movsxd
        _code.Op(0xC1, true, 7, Temporary); // sar
        _code.Byte(3);
        _code.Arithmetic(4, true, Temporary, -size);
        _code.Op(0x03, op.AddressShift == 0, Address, Temporary);
        if (IsShort(in op)) _code.ExtendWord(Address, Address);
        AddSegment(in op, size, write);
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
        else if (index < 0 && displacement == 0 && IsShort(in op)) _code.ExtendWord(to, start);
        else if (index < 0 && displacement == 0) _code.Op(0x8B, wide, to, start);
        else _code.Lea(to, new HostAddress(start, displacement, index, op.Scale), wide);
        if (IsShort(in op) && (index >= 0 || (start >= 0 && displacement != 0))) _code.ExtendWord(to, to);
    }

    /// <summary>The address has 16 bits.</summary>
    public static bool IsShort(in Op op) => op.AddressShift > 32;

    /// <summary>From the linear address in R10 to the host address in R10. Changes R11 and RFLAGS.</summary>
    private void Check(int size, bool write, bool aligned = false, bool mayWander = false)
    {
        (int slot, Wanted wanted, bool known) = Begin(size, write);
        if (!known)
        {
            if (wanted.From == 0) _code.Move(Temporary, Address);
            else _code.Lea(Temporary, new HostAddress(Address, wanted.From));
            int jump = Compare(slot, wanted.Length);
            _code.Op(0x03, true, Address, new HostAddress(State, slot + sizeof(ulong)));
            site.Refill(jump, slot, null, in wanted, mayWander);
        }
        else
        {
            _code.Load(Temporary, new HostAddress(State, slot + sizeof(ulong)));
            _code.Lea(Address, new HostAddress(Address, 0, Temporary)); // which leaves RFLAGS as it is
        }

        if (aligned && size > 1) CheckAligned(size);
    }

    /// <summary>The address must be a multiple of a power of two.</summary>
    private void CheckAligned(in HostAddress linear, int size)
    {
        _code.Lea(Temporary, in linear);
        _code.Rex(false, 0, -1, Temporary, force: true);
        _code.Byte(0xF6); // test r11b, imm8
        _code.ModRm(0, Temporary);
        _code.Byte(size - 1);
        site.Miss(_code.Jump(Condition.NotEqual));
    }

    /// <summary>The host address in R10 must be a multiple of a power of two.</summary>
    private void CheckAligned(int size)
    {
        _code.Rex(false, 0, -1, Address, force: true);
        _code.Byte(0xF6); // test r10b, imm8
        _code.ModRm(0, Address);
        _code.Byte(size - 1);
        site.Miss(_code.Jump(Condition.NotEqual));
    }

    /// <summary>The host address of an operand that needs no check but for its alignment.</summary>
    private HostAddress ReachHeld(in Op op, int alignment)
    {
        HeldAccess held = site.Held;
        Forget();
        var displacement = (int)Displacement(in op);
        int from = held.HasBase || op.Base == FrameOffset.Zero ? -1 : HostOf(FrameOffset.GeneralNumber(op.Base));
        int index = held.HasIndex || op.Index == FrameOffset.Zero ? -1 : HostOf(FrameOffset.GeneralNumber(op.Index));
        int start = site.LoopRegisters.CellHost(held.Cell);
        if (start < 0) _code.Load(start = Address, new HostAddress(State, FrameOffset.Cell(held.Cell)));
        if (!held.HasBase && op.Base != FrameOffset.Zero && from < 0)
        {
            _code.Load(Temporary, Slot(FrameOffset.GeneralNumber(op.Base)));
            Add(new HostAddress(start, 0, Temporary));
        }

        if (!held.HasIndex && op.Index != FrameOffset.Zero && index < 0)
        {
            _code.Load(Temporary, Slot(FrameOffset.GeneralNumber(op.Index)));
            Add(new HostAddress(start, 0, Temporary, op.Scale));
        }

        if (from >= 0 && index >= 0)
        {
            Add(new HostAddress(start, 0, from));
            from = -1;
        }

        HostAddress at = from >= 0 ? new HostAddress(from, displacement, start) : new HostAddress(start, displacement, index, index < 0 ? 0 : op.Scale);
        if (alignment <= 1) return at;
        site.Flags.Leave();
        _code.Lea(Address, in at);
        CheckAligned(alignment);
        return new HostAddress(Address);

        void Add(in HostAddress sum)
        {
            _code.Lea(Address, in sum);
            start = Address;
        }
    }

    /// <summary>The host address behind a linear address that is a register, or RIP of the page, and a displacement: R10 and what is not in it yet.</summary>
    /// <param name="linear">The address; R10 stands for RIP of the page.</param>
    /// <param name="size">Bytes.</param>
    /// <param name="write">It is written, and maybe read too.</param>
    /// <param name="mayWander">See <see cref="OpFlags.Wanders"/>.</param>
    private HostAddress CheckNear(in HostAddress linear, int size, bool write, bool mayWander = false)
    {
        (int slot, Wanted wanted, bool known) = Begin(size, write);
        bool inPage = linear.Base == Address;
        if (!known)
        {
            if (inPage) _code.Load(Temporary, new HostAddress(State, FrameOffset.PageIp));
            _code.Lea(Temporary, new HostAddress(inPage ? Temporary : linear.Base, linear.Displacement + wanted.From));
            int jump = Compare(slot, wanted.Length);
            site.Refill(jump, slot, linear, in wanted, mayWander);
        }

        if (!known || _kept != (slot, inPage))
        {
            _code.Load(Address, new HostAddress(State, slot + sizeof(ulong)));
            if (inPage) AddPage();
            _kept = (slot, inPage);
        }

        return inPage ? linear : linear with { Index = Address };
    }

    /// <summary>Adds RIP of the page to R10. Changes R11, not RFLAGS.</summary>
    private void AddPage()
    {
        _code.Load(Temporary, new HostAddress(State, FrameOffset.PageIp));
        _code.Lea(Address, new HostAddress(Address, 0, Temporary));
    }

    /// <summary>What is to be checked for the access, and in which slot; or in which slot that has been done.</summary>
    private (int Slot, Wanted Wanted, bool Known) Begin(int size, bool write)
    {
        PlannedAccess access = site.Access;
        var own = new Wanted(0, size, write, size, write);
        if (!access.Grouped) return (FrameOffset.Slot(NextSlot(), write), own, false);
        if (access.Leader != site.Number) return (_leaders[access.Leader], own, true);
        int slot = FrameOffset.Slot(NextSlot(), access.Writes);
        _leaders[site.Number] = slot;
        return (slot, own with { From = access.From, Length = Stubs.CheckedSize(access.Length), Writes = access.Writes }, false);
    }

    /// <summary>The jump for when the bytes from the linear address in R11 are not in the slot's page.</summary>
    private int Compare(int slot, int length)
    {
        _code.Op(0x33, true, Temporary, new HostAddress(State, FrameOffset.Salt));
        _code.Op(0x33, true, Temporary, new HostAddress(State, slot));
        _code.Arithmetic(7, true, Temporary, PageSize - length);
        return _code.Jump(Condition.Above);
    }

    /// <summary>A register of the host, or RIP of the page, is the base, there is nothing else but a displacement, and one that can be changed a little.</summary>
    private bool IsNear(in Op op)
    {
        if (!op.Has(OpFlags.Flat) || op.Index != FrameOffset.Zero || op.Base == FrameOffset.Zero || op.AddressShift != (site.Code64 ? 0 : 32)) return false;
        if (op.Base != FrameOffset.BlockIp && HostOf(FrameOffset.GeneralNumber(op.Base)) < 0) return false;
        return Displacement(in op) is > int.MinValue / 2 and < int.MaxValue / 2 && CanBeNear((int)Displacement(in op));
    }

    private HostAddress Near(in Op op) =>
        new(op.Base == FrameOffset.BlockIp ? Address : HostOf(FrameOffset.GeneralNumber(op.Base)), (int)Displacement(in op));

    /// <summary>It is relative to RIP, and not to a multiple of its size.</summary>
    private bool IsCertainlyUnaligned(in Op op, int size) => op.Base == FrameOffset.BlockIp && (Displacement(in op) & (size - 1)) != 0;

    /// <summary>
    /// The sum of a base and a displacement may be one of 64 bits. Where addresses have 32, it is another one if it does not fit. A check fails then; and where
    /// another access's check serves, the base itself must be in what was checked, so that it fits.
    /// </summary>
    private bool CanBeNear(int displacement)
    {
        PlannedAccess access = site.Access;
        if (site.Code64) return true;
        if (displacement is < -LongestIn32Bits or > LongestIn32Bits) return false;
        return !access.Grouped || access.Leader == site.Number || (-access.From - displacement >= 0 && -access.From - displacement < access.Length);
    }

    /// <summary>From the offset in R10 to the linear address. Changes R11 and RFLAGS.</summary>
    private void AddSegment(in Op op, int size, bool write)
    {
        if (!IsOpen(in op, site.Mode)) CheckLimit(op.Segment, size, write);
        if (!op.Has(OpFlags.Flat)) _code.Op(0x03, site.Code64, Address, new HostAddress(State, FrameOffset.SegmentBase(op.Segment)));
    }

    /// <summary>The bytes from the offset in R10 on must be in the segment, and may be accessed so.</summary>
    private void CheckLimit(SegmentRegister segment, int size, bool write)
    {
        _code.Lea(Temporary, new HostAddress(Address, size));
        _code.Op(0x3B, true, Temporary, new HostAddress(State, FrameOffset.Reach(segment, write)));
        site.Miss(_code.Jump(Condition.Above));
    }

    /// <summary>A slot for a new access.</summary>
    public int NewSlot(bool write) => FrameOffset.Slot(NextSlot(), write);

    private int NextSlot() => _slot = _slot + 1 < AccessSlots.Count ? _slot + 1 : Spare + 1;

    /// <summary>From the page's start, where it is relative to RIP. Of a 32-bit address only 32 bits matter, of one of 16 only those.</summary>
    private long Displacement(in Op op) => op.Base == FrameOffset.BlockIp ? op.Displacement + site.BlockStart
        : op.AddressShift == 0 ? op.Displacement : IsShort(in op) ? (ushort)op.Displacement : (int)op.Displacement;

    private int Value(int number, int temporary)
    {
        int host = HostOf(number);
        if (host >= 0) return host;
        _code.Load(temporary, Slot(number));
        return temporary;
    }
}

/// <summary>What a check of a memory access looks for.</summary>
/// <param name="From">Where the bytes begin that must be reachable, from the access.</param>
/// <param name="Length">Their number.</param>
/// <param name="Writes">They must be writable.</param>
/// <param name="Size">Bytes of the access itself.</param>
/// <param name="Write">It writes.</param>
internal readonly record struct Wanted(int From, int Length, bool Writes, int Size, bool Write)
{
    /// <summary>The access itself may be possible although the check fails.</summary>
    public bool IsMore => Length != Size || Writes != Write;
}
