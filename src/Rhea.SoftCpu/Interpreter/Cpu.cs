using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Rhea.Core.Cpu;
using Rhea.SoftCpu.Tlb;
using Rhea.SoftCpu.Translator;
using Rhea.X86;
using Rhea.X86.Cpuid;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>What an instruction handler works on: registers, flags, operands, memory, and a place to note a fault.</summary>
/// <remarks>
/// <para>A handler is <c>static Step Name(Cpu cpu, in Op op)</c>, in the file of its family, and knows no pointers. It reads
/// operands, returns <see cref="Step.Fault"/> as soon as something returns false or faults, and commits registers and flags only
/// when nothing can fail any more: the instruction must be able to start over.</para>
/// <para>Operands: register operand <c>n</c> is <c>cpu.Get&lt;T&gt;(op.R0)</c>, <c>cpu.Set(op.R0, value)</c> (32 bits clear the
/// upper half; <c>Ref&lt;T&gt;</c> reaches parts of vector registers); an immediate is <c>op.Immediate</c>; the one memory operand
/// is <c>cpu.Load(in op, out T value)</c>, <c>cpu.Store(in op, value)</c>, or <c>LoadForUpdate</c> followed by <c>Update</c>,
/// which cannot fail. T is any unmanaged type: <c>ulong</c>, <c>Vector128&lt;byte&gt;</c>, <c>X87Register</c> is not (10 bytes:
/// load 8 and 2 with <c>Load(in op, 8, …)</c>).</para>
/// <para>A family registers its handlers, by Iced's <c>Code</c>, in a table file of its own: see <see cref="HandlerTable"/>.</para>
/// <para>UNSAFE: registers and TLB lie in unmanaged memory. SAFETY: register offsets come from the decoder alone; memory is
/// reached only through a TLB entry that covers the whole access.</para>
/// </remarks>
internal sealed unsafe class Cpu : IDisposable
{
    private const int Alignment = 64;

    private readonly byte[] _memory = GC.AllocateArray<byte>(HostX87.Length + FrameHead.Length + FrameOffset.End + Alignment, pinned: true);
    private readonly Frame* _frame;
    private readonly FrameHead* _head;
    private readonly HostX87* _hostX87;
    private TlbEntry* _read, _write;
    private ulong _pages; // the number of entries in both, less one
    private bool _holdsTraps;
    private int _unusedBits; // of a linear address in long mode
    private byte* _update; // where Update writes; null when the MMU remembers

    public Cpu(IMachineBus bus, SoftAccelerator accelerator, Outside outside, IReadOnlyList<CpuidLeaf> model, int index)
    {
        _hostX87 = (HostX87*)((Marshal.UnsafeAddrOfPinnedArrayElement(_memory, 0) + Alignment - 1) & -Alignment);
        _head = (FrameHead*)(_hostX87 + 1);
        _frame = (Frame*)(_head + 1);
        (Bus, Accelerator, Outside, Index) = (bus, accelerator, outside, index);
        Features = new Features(model);
        Mmu = new Mmu(this, ClearSlots, new LocalSlots((nint*)((byte*)_frame + FrameOffset.LocalSlots))) { PhysicalBits = Features.PhysicalBits };
        Breakpoints = new Breakpoints(this);
        Debugger = new Debugger(this);
        UpdateMode();
    }

    /// <summary>The process-context identifier in CR3 (Intel SDM vol. 3, 5.10.1); 0 where there are none.</summary>
    public int Context => (State.Cr4 & Cr4.Pcid) != 0 ? (int)(State.Cr3 & 0xFFF) : 0;

    /// <summary>What may be asked without leaving guest code: time, task priority, the APIC's page.</summary>
    public IMachineBus Bus { get; }

    /// <summary>The devices.</summary>
    public Outside Outside { get; }

    /// <summary>0 is the processor that boots.</summary>
    public int Index { get; }

    /// <summary>What CPUID says.</summary>
    public Features Features { get; }

    public uint Signature => Features.Signature;

    public Breakpoints Breakpoints { get; }

    public Debugger Debugger { get; }

    public SoftAccelerator Accelerator { get; }

    public Mmu Mmu { get; }

    /// <summary>What generated code looks at, before the registers.</summary>
    public ref FrameHead Head => ref *_head;

    /// <summary>Where generated code moves the x87 registers to and from.</summary>
    public ref HostX87 HostX87 => ref *_hostX87;

    /// <summary>The registers' address, which does not change.</summary>
    public nint FrameAddress => (nint)_frame;

    /// <summary>All but the status flags, which are in <see cref="Flags"/>, and RIP, which is of the last block's end.</summary>
    public ref CpuState State => ref _frame->State;

    public LazyFlags Flags;

    /// <summary>What <see cref="Step.Fault"/> refers to.</summary>
    public ExceptionVector FaultVector { get; private set; }

    public uint FaultCode { get; private set; }

    /// <summary>The FERR# pin: an x87 error waits for the machine.</summary>
    public bool ReportsX87Error { get; set; }

    /// <summary>What the processor has shut down for, if it has.</summary>
    public TripleFault? TripleFault { get; set; }

    /// <summary>What to look at before the next block: the processor's thread, and others, set it; see <see cref="SoftVcpu"/>.</summary>
    public bool Attention
    {
        get => Volatile.Read(ref _head->Attention) != 0;
        set => Volatile.Write(ref _head->Attention, value ? (byte)1 : (byte)0);
    }

    /// <summary>The INTR pin is high, whatever IF says.</summary>
    public bool InterruptWaits
    {
        get => Volatile.Read(ref _head->InterruptWaits);
        set => Volatile.Write(ref _head->InterruptWaits, value);
    }

    /// <summary>After STI and MOV SS, events wait for one instruction.</summary>
    public bool InterruptsHeld => State.InterruptShadow;

    /// <summary>And after MOV SS traps do too: the stack is half switched (Intel SDM vol. 3, 7.8.3).</summary>
    public bool TrapsHeld => State.InterruptShadow && _holdsTraps;

    public void HoldInterrupts(bool traps)
    {
        State.InterruptShadow = Attention = true;
        _holdsTraps = traps;
        if (traps) EndsInTrap = false;
    }

    /// <summary>Every instruction has to be looked at.</summary>
    public bool StepsOne => State.InterruptShadow || (State.Rflags & (Rflags.Trap | Rflags.Resume)) != 0 || Breakpoints.WatchesCode || Debugger.StepsOne;

    /// <summary>The time stamp counter: guest nanoseconds, moved by what the guest wrote.</summary>
    public ulong TimeStamp
    {
        get => TickClock?.Read() ?? (ulong)Bus.Time + TimeStampOffset;
        set
        {
            TimeStampOffset = value - (ulong)Bus.Time;
            TickClock?.Reset();
        }
    }

    /// <summary>Where there is one, generated code reads the time stamp counter without asking the bus.</summary>
    public TickClock? TickClock { get; set; }

    /// <summary>How far the time stamp counter is ahead of guest time.</summary>
    public ulong TimeStampOffset { get; private set; }

    /// <summary>The guest waits for a processor that shares this one's thread.</summary>
    public bool Yields { get; set; }

    /// <summary>Current privilege level.</summary>
    public int Cpl { get; private set; }

    /// <summary>64-bit code, as opposed to compatibility mode.</summary>
    public bool Code64 { get; private set; }

    /// <summary>Real and V86 mode: segments are paragraphs.</summary>
    public bool RealSegments { get; private set; }

    /// <summary>EFER.LMA: 64-bit or compatibility mode.</summary>
    public bool LongMode => (State.Efer & Efer.LongModeActive) != 0;

    public bool Protected => (State.Cr0 & Cr0.ProtectedMode) != 0;

    public bool V86 => (State.Rflags & Rflags.Virtual8086) != 0;

    public int Iopl => (int)(State.Rflags >> 12) & 3;

    /// <summary>The part of RSP that is the stack pointer: 16, 32 or 64 bits.</summary>
    public ulong StackMask { get; private set; }

    /// <summary>What the decoding of a block depends on besides its bytes.</summary>
    public BlockMode BlockMode { get; private set; }

    /// <summary>Where the next instruction is, segmentation applied.</summary>
    public ulong LinearIp => Code64 ? State.Rip : (uint)(State.Segments[(int)SegmentRegister.Cs].Base + State.Rip);

    /// <summary>How many bytes from its start, up to 4 GiB, a segment has for certain that may be accessed so. Only in code that is not 64-bit.</summary>
    public ulong Reach(SegmentRegister segment, bool write) => Get<ulong>(FrameOffset.Reach(segment, write));

    /// <summary>So many bytes of code, from RIP on, are in the code segment.</summary>
    public bool FitsCode(int length) => Code64 || State.Rip + (ulong)length - 1 <= Segment(SegmentRegister.Cs).Limit;

    /// <summary>RIP of the running block's first instruction.</summary>
    public ulong BlockIp
    {
        get => _frame->BlockIp;
        set => _frame->BlockIp = value;
    }

    /// <summary>RFLAGS with the status flags brought up to date.</summary>
    public ulong ReadRflags() => (State.Rflags & ~(ulong)Rflags.Status) | Flags.Value;

    /// <summary>Sets all of RFLAGS; what depends on it follows.</summary>
    public void WriteRflags(ulong value)
    {
        bool opens = (value & ~State.Rflags & Rflags.Interrupt) != 0 && InterruptWaits;
        if (opens || (value & (Rflags.Trap | Rflags.Resume)) != 0) Attention = true;
        State.Rflags = (value & ~(ulong)Rflags.Status) | Rflags.One;
        Flags.Value = (uint)value;
        UpdateMode();
    }

    public ulong NextIp(in Op op) => _frame->BlockIp + op.NextOffset;

    /// <summary>The instruction that runs alone is to end in a single-step trap: RFLAGS.TF was set when it began, or it says so itself.</summary>
    public bool EndsInTrap { get; set; }

    public void BeginStep()
    {
        State.InterruptShadow = false;
        EndsInTrap = (State.Rflags & Rflags.Trap) != 0;
    }

    /// <summary>IRET and RSM: NMIs may come again.</summary>
    public void UnblockNmi()
    {
        if (State.NmiBlocked) Attention = true;
        State.NmiBlocked = false;
    }

    public void EndStep()
    {
        if (EndsInTrap) Breakpoints.OnStep();
    }

    // Registers

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Get<T>(int register) where T : unmanaged => Unsafe.ReadUnaligned<T>((byte*)_frame + register);

    /// <summary>A general register: 32 bits clear the upper half, fewer leave the rest as it is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Set<T>(int register, T value) where T : unmanaged
    {
        if (sizeof(T) == 4) *(ulong*)((byte*)_frame + register) = Unsafe.BitCast<T, uint>(value);
        else Unsafe.WriteUnaligned((byte*)_frame + register, value);
    }

    /// <summary>Part of a register of any kind, in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref T Ref<T>(int register) where T : unmanaged => ref *(T*)((byte*)_frame + register);

    public ref ulong Rax => ref Ref<ulong>(0);

    public ref ulong Rcx => ref Ref<ulong>(1 * sizeof(ulong));

    public ref ulong Rdx => ref Ref<ulong>(2 * sizeof(ulong));

    public ref ulong Rbx => ref Ref<ulong>(3 * sizeof(ulong));

    public ref ulong Rsp => ref Ref<ulong>(4 * sizeof(ulong));

    public ref ulong Rbp => ref Ref<ulong>(5 * sizeof(ulong));

    public ref ulong Rsi => ref Ref<ulong>(6 * sizeof(ulong));

    public ref ulong Rdi => ref Ref<ulong>(7 * sizeof(ulong));

    public ref Segment Segment(SegmentRegister segment) => ref State.Segments[(int)segment];

    // Faults and jumps

    /// <summary>Notes an exception: <c>return cpu.Fault(ExceptionVector.GeneralProtection);</c></summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public Step Fault(ExceptionVector vector, uint code = 0)
    {
        (FaultVector, FaultCode) = (vector, code);
        return Step.Fault;
    }

    /// <summary>The same, for what answers with success or not.</summary>
    public bool Refuse(ExceptionVector vector, uint code = 0)
    {
        Fault(vector, code);
        return false;
    }

    /// <summary>A near jump; the target is already cut to the operand size.</summary>
    public Step Jump(ulong target)
    {
        if (Code64 ? !IsCanonical(target) : target > Segment(SegmentRegister.Cs).Limit) return Fault(ExceptionVector.GeneralProtection);
        State.Rip = target;
        return Step.Leave;
    }

    /// <summary>Ends the block after this instruction, because it changed what decoding or the loop depends on.</summary>
    public Step LeaveAfter(in Op op)
    {
        State.Rip = Code64 ? NextIp(in op) : (uint)NextIp(in op);
        return Step.Leave;
    }

    /// <summary>The upper bits repeat the highest that is translated.</summary>
    public bool IsCanonical(ulong address) => (ulong)((long)address << _unusedBits >> _unusedBits) == address;

    /// <summary>The same for a register that holds an address: however many levels are in use, it may be as wide as the processor has them.</summary>
    /// <remarks>Intel SDM vol. 1, 3.3.7.1.</remarks>
    public bool IsCanonicalBase(ulong address) => (ulong)((long)address << (64 - Features.LinearBits) >> (64 - Features.LinearBits)) == address;

    // Memory operands

    /// <summary>The offset of the memory operand in its segment.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong EffectiveAddress(in Op op)
    {
        ulong address = Get<ulong>(op.Base) + (Get<ulong>(op.Index) << op.Scale) + (ulong)op.Displacement;
        return address << op.AddressShift >> op.AddressShift;
    }

    /// <summary>The linear address of the memory operand; false is a segment's fault.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Linear(in Op op, int size, bool write, out ulong linear)
    {
        linear = EffectiveAddress(in op);
        return (op.Flags & OpFlags.Flat) != 0 || Segmented(op.Segment, size, write, ref linear);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Load<T>(in Op op, out T value) where T : unmanaged
    {
        Unsafe.SkipInit(out value);
        return Linear(in op, sizeof(T), write: false, out ulong linear) && LoadLinear(op.Segment, linear, out value);
    }

    /// <summary>A part of the memory operand, some bytes into it.</summary>
    public bool Load<T>(in Op op, uint at, out T value) where T : unmanaged
    {
        Unsafe.SkipInit(out value);
        return LinearPart(in op, at, sizeof(T), write: false, out ulong linear) && LoadLinear(op.Segment, linear, out value);
    }

    /// <summary>At an offset in the memory operand's segment that the instruction computed itself.</summary>
    public bool LoadAt<T>(in Op op, ulong offset, out T value) where T : unmanaged
    {
        Unsafe.SkipInit(out value);
        ulong linear = offset << op.AddressShift >> op.AddressShift;
        return (op.Has(OpFlags.Flat) || Segmented(op.Segment, sizeof(T), write: false, ref linear)) && LoadLinear(op.Segment, linear, out value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Store<T>(in Op op, T value) where T : unmanaged =>
        Linear(in op, sizeof(T), write: true, out ulong linear) && StoreLinear(op.Segment, linear, value);

    /// <summary>A part of the memory operand, some bytes into it. Check the whole with <see cref="CanStore(in Op, int)"/> first.</summary>
    public bool Store<T>(in Op op, uint at, T value) where T : unmanaged =>
        LinearPart(in op, at, sizeof(T), write: true, out ulong linear) && StoreLinear(op.Segment, linear, value);

    /// <summary>Sixteen bytes that must be aligned, else a general protection fault.</summary>
    public bool LoadAligned<T>(in Op op, out T value) where T : unmanaged
    {
        Unsafe.SkipInit(out value);
        return LinearAligned(in op, sizeof(T), write: false, out ulong linear) && LoadLinear(op.Segment, linear, out value);
    }

    public bool StoreAligned<T>(in Op op, T value) where T : unmanaged =>
        LinearAligned(in op, sizeof(T), write: true, out ulong linear) && StoreLinear(op.Segment, linear, value);

    /// <summary>A store of so many bytes at the memory operand would not fault; up to a page.</summary>
    public bool CanStore(in Op op, int size) => Linear(in op, size, write: true, out ulong linear) && Mmu.CanWrite(linear, size, op.Segment);

    /// <summary>The same for a part of the memory operand, some bytes into it.</summary>
    public bool CanStore(in Op op, uint at, int size) =>
        LinearPart(in op, at, size, write: true, out ulong linear) && Mmu.CanWrite(linear, size, op.Segment);

    /// <summary>Reads the memory operand and makes sure that <see cref="Update"/> can write it back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool LoadForUpdate<T>(in Op op, out T value) where T : unmanaged
    {
        Unsafe.SkipInit(out value);
        return Linear(in op, sizeof(T), write: true, out ulong linear) && LoadForUpdate(op.Segment, linear, out value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool LoadForUpdate<T>(SegmentRegister segment, ulong linear, out T value) where T : unmanaged
    {
        TlbEntry* entry = _write + (linear >> 12 & _pages);
        if ((linear ^ ~entry->Tag) <= (ulong)(4096 - sizeof(T)))
        {
            _update = (byte*)(entry->Host + (nint)(linear ^ ~entry->Tag));
            value = Unsafe.ReadUnaligned<T>(_update);
            return true;
        }

        _update = null;
        Unsafe.SkipInit(out value);
        return Mmu.PrepareUpdate(linear, Bytes(ref value), segment);
    }

    /// <summary>Writes back what <see cref="LoadForUpdate{T}(in Op, out T)"/> read. It cannot fail.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<T>(T value) where T : unmanaged
    {
        if (_update != null) Unsafe.WriteUnaligned(_update, value);
        else Mmu.CommitWrite(Bytes(ref value));
    }

    /// <summary>As <see cref="Update"/>, for LOCK: false when memory no longer held the value that was read, and nothing was written.</summary>
    public bool TryUpdate<T>(T was, T value) where T : unmanaged =>
        _update != null ? Mmu.TryStore(_update, was, value) : Mmu.TryCommitWrite(was, value);

    /// <summary>Adds the segment's base and checks its limit and rights.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public bool Segmented(SegmentRegister register, int size, bool write, ref ulong address)
    {
        ref Segment segment = ref Segment(register);
        if (Code64)
        {
            if (register >= SegmentRegister.Fs) address += segment.Base;
            return true;
        }

        ulong last = address + (ulong)size - 1;
        bool inside = last <= segment.Limit;
        if (!RealSegments)
        {
            uint type = segment.Flags >> 8 & 15;
            bool code = (type & 8) != 0;
            if ((segment.Flags & 0x8000) == 0 || (write ? code || (type & 2) == 0 : code && (type & 2) == 0))
                return Refuse(register == SegmentRegister.Ss ? ExceptionVector.StackFault : ExceptionVector.GeneralProtection);
            if ((type & 12) == 4) inside = address > segment.Limit && last <= ((segment.Flags & 0x40_0000) != 0 ? uint.MaxValue : 0xFFFFu);
        }

        if (!inside) return Refuse(register == SegmentRegister.Ss ? ExceptionVector.StackFault : ExceptionVector.GeneralProtection);
        address = (uint)(address + segment.Base);
        return true;
    }

    // Linear memory, as the running code may access it

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool LoadLinear<T>(SegmentRegister segment, ulong linear, out T value) where T : unmanaged
    {
        TlbEntry* entry = _read + (linear >> 12 & _pages);
        if ((linear ^ ~entry->Tag) <= (ulong)(4096 - sizeof(T)))
        {
            value = Unsafe.ReadUnaligned<T>((byte*)(entry->Host + (nint)(linear ^ ~entry->Tag)));
            return true;
        }

        Unsafe.SkipInit(out value);
        return Mmu.Read(linear, Bytes(ref value), segment);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool StoreLinear<T>(SegmentRegister segment, ulong linear, T value) where T : unmanaged
    {
        TlbEntry* entry = _write + (linear >> 12 & _pages);
        if ((linear ^ ~entry->Tag) <= (ulong)(4096 - sizeof(T)))
        {
            Unsafe.WriteUnaligned((byte*)(entry->Host + (nint)(linear ^ ~entry->Tag)), value);
            return true;
        }

        return Mmu.Write(linear, Bytes(ref value), segment);
    }

    /// <summary>What of a linear range can be reached as host memory at once: for string instructions. Empty when it is not simple.</summary>
    public Span<byte> Window(ulong linear, int length, bool write)
    {
        TlbEntry* entry = (write ? _write : _read) + (linear >> 12 & _pages);
        ulong inside = linear ^ ~entry->Tag;
        return inside < 4096 ? new Span<byte>((byte*)(entry->Host + (nint)inside), Math.Min(length, 4096 - (int)inside)) : default;
    }

    // Stack

    /// <summary>The linear address so many bytes above (below) the stack pointer.</summary>
    public bool StackLinear(long offset, int size, bool write, out ulong linear)
    {
        linear = (Rsp + (ulong)offset) & StackMask;
        return (BlockMode & BlockMode.Flat) != 0 || Code64 || Segmented(SegmentRegister.Ss, size, write, ref linear);
    }

    public bool Push<T>(T value) where T : unmanaged
    {
        if (!StackLinear(-sizeof(T), sizeof(T), write: true, out ulong linear) || !StoreLinear(SegmentRegister.Ss, linear, value)) return false;
        MoveStack(-sizeof(T));
        return true;
    }

    public bool Pop<T>(out T value) where T : unmanaged
    {
        if (!Peek(0, out value)) return false;
        MoveStack(sizeof(T));
        return true;
    }

    /// <summary>Reads above the stack pointer without moving it.</summary>
    public bool Peek<T>(long offset, out T value) where T : unmanaged
    {
        Unsafe.SkipInit(out value);
        return StackLinear(offset, sizeof(T), write: false, out ulong linear) && LoadLinear(SegmentRegister.Ss, linear, out value);
    }

    /// <summary>Writes above (below) the stack pointer without moving it.</summary>
    public bool Poke<T>(long offset, T value) where T : unmanaged =>
        StackLinear(offset, sizeof(T), write: true, out ulong linear) && StoreLinear(SegmentRegister.Ss, linear, value);

    public void MoveStack(long by) => SetStack(Rsp + (ulong)by);

    /// <summary>Sets as much of RSP as is the stack pointer.</summary>
    public void SetStack(ulong value)
    {
        if (StackMask == ulong.MaxValue) Rsp = value;
        else if (StackMask == uint.MaxValue) Rsp = (uint)value;
        else Rsp = (Rsp & ~0xFFFFUL) | (ushort)value;
    }

    // Mode

    /// <summary>To be called when CR0, CR4, XCR0, EFER, CS, SS, DS, ES, RFLAGS.VM, AC or the privilege level changed.</summary>
    public void UpdateMode()
    {
        ref CpuState state = ref State;
        uint cs = state.Segments[(int)SegmentRegister.Cs].Flags, ss = state.Segments[(int)SegmentRegister.Ss].Flags;
        Code64 = LongMode && (cs & 0x20_0000) != 0;
        RealSegments = !Protected || V86;
        _unusedBits = (state.Cr4 & Cr4.FiveLevelPaging) != 0 ? 7 : 16;
        Cpl = !Protected ? 0 : V86 ? 3 : (int)(ss >> 13) & 3;
        StackMask = Code64 ? ulong.MaxValue : (ss & 0x40_0000) != 0 ? uint.MaxValue : 0xFFFFUL;
        BlockMode mode = Code64 ? BlockMode.Code64 : (cs & 0x40_0000) != 0 ? BlockMode.Code32 : BlockMode.Code16;
        if (!Code64 && IsFlat(SegmentRegister.Es) && IsFlat(SegmentRegister.Ss) && IsFlat(SegmentRegister.Ds)) mode |= BlockMode.Flat;
        if (!Code64 && IsOpen(SegmentRegister.Fs)) mode |= BlockMode.OpenFs;
        if (!Code64 && IsOpen(SegmentRegister.Gs)) mode |= BlockMode.OpenGs;
        if (!Code64 && Segment(SegmentRegister.Cs) is { Base: 0, Limit: uint.MaxValue } && (mode & BlockMode.Code32) != 0) mode |= BlockMode.FlatCode;
        if (StackMask == uint.MaxValue) mode |= BlockMode.Stack32;
        if (RealSegments && IsParagraph(SegmentRegister.Es) && IsParagraph(SegmentRegister.Ds) && IsParagraph(SegmentRegister.Fs) && IsParagraph(SegmentRegister.Gs)) mode |= BlockMode.Paragraphs;
        if (!Code64) UpdateReach(mode);
        if ((state.Cr0 & (Cr0.Emulation | Cr0.TaskSwitched)) == 0 && (state.Cr4 & Cr4.FxSave) != 0) mode |= BlockMode.Vectors;
        if (!RealSegments && (state.Cr0 & Cr0.TaskSwitched) == 0 && (state.Cr4 & Cr4.OsXsave) != 0 && (state.Xcr0 & Vex.AvxState) == Vex.AvxState) mode |= BlockMode.WideVectors;
        BlockMode = mode;
        (_head->Mode, _head->Level, _head->Generation) = (mode, (byte)Cpl, (uint)Mmu.Tables.Generation);
        (_head->TargetMode, _head->TimeDenied) = (Targets.ModeOf(mode), Cpl != 0 && (state.Cr4 & Cr4.TimeStampDisable) != 0);
        SelectView();
    }

    public void Dispose() => Mmu.Dispose();

    private void UpdateReach(BlockMode mode)
    {
        uint limit = Segment(SegmentRegister.Cs).Limit;
        _head->CodeLimit = (mode & BlockMode.Code32) != 0 ? limit : Math.Min(limit, ushort.MaxValue);
        for (var register = SegmentRegister.Es; register <= SegmentRegister.Gs; register++)
        {
            ref Segment segment = ref Segment(register);
            ulong length = (ulong)segment.Limit + 1;
            Ref<ulong>(FrameOffset.Reach(register, write: false)) = CanReach(in segment, write: false) ? length : 0;
            Ref<ulong>(FrameOffset.Reach(register, write: true)) = CanReach(in segment, write: true) ? length : 0;
        }
    }

    /// <summary>All bytes up to the limit may be accessed, as <see cref="Segmented"/> decides.</summary>
    private bool CanReach(in Segment segment, bool write)
    {
        if (RealSegments) return true;
        const uint present = 0x8000, code = 0x800, down = 0x400, writable = 0x200; // of code, the last one is: readable
        uint flags = segment.Flags;
        if ((flags & present) == 0) return false;
        return (flags & code) != 0 ? !write && (flags & writable) != 0 : (flags & down) == 0 && (!write || (flags & writable) != 0);
    }

    private void SelectView()
    {
        ref CpuState state = ref State;
        TlbView view = Cpl == 3 ? TlbView.User
            : (state.Cr4 & Cr4.SupervisorAccess) != 0 && (state.Rflags & Rflags.AlignmentCheck) == 0 ? TlbView.SupervisorOnly : TlbView.Supervisor;
        bool aligned = Cpl == 3 && (state.Cr0 & Cr0.AlignmentMask) != 0 && (state.Rflags & Rflags.AlignmentCheck) != 0;
        Mmu.Select(view, aligned);
        UseTables();
    }

    /// <summary>To be called when the TLB's tables have moved.</summary>
    public void UseTables()
    {
        TlbSelection tables = Mmu.Tables.Selection;
        _read = (TlbEntry*)tables.Read;
        _write = (TlbEntry*)tables.Write;
        _pages = (ulong)tables.Entries - 1;
        _head->TableMask = _pages << TlbEntry.SizeBits;
        (_head->ReadTable, _head->WriteTable, _head->GuardedTable, _head->MarksTable) = (tables.Read, tables.Write, tables.Guarded, tables.Marks);
        (_head->FetchTable, _head->Salt) = (tables.Fetch, tables.Salt);
    }

    /// <summary>No jump to another page, and no return, knows any more where it led last.</summary>
    /// <param name="used">How many slots there are for them.</param>
    public void ClearFarSlots(int used) => new Span<byte>((byte*)_frame + FrameOffset.FarSlots, used * FarSlot.Size).Clear();

    private void ClearSlots() => new Span<byte>((byte*)_frame + FrameOffset.Slots, AccessSlots.Length).Clear();

    private bool IsFlat(SegmentRegister register) => Segment(register).Base == 0 && IsOpen(register);

    /// <summary>Limit 4 GiB, a writable data segment that does not expand down.</summary>
    private bool IsOpen(SegmentRegister register)
    {
        ref Segment segment = ref Segment(register);
        return segment.Limit == uint.MaxValue && (RealSegments || (segment.Flags & 0x8E00) == 0x8200);
    }

    /// <summary>See <see cref="BlockMode.Paragraphs"/> and <see cref="Descriptors.LoadParagraph"/>.</summary>
    private bool IsParagraph(SegmentRegister register)
    {
        ref Segment segment = ref Segment(register);
        return segment.Limit == ushort.MaxValue && (!V86 || segment.Flags == Descriptors.VirtualRights);
    }

    private bool LinearPart(in Op op, uint at, int size, bool write, out ulong linear)
    {
        linear = (EffectiveAddress(in op) + at) << op.AddressShift >> op.AddressShift;
        return (op.Flags & OpFlags.Flat) != 0 || Segmented(op.Segment, size, write, ref linear);
    }

    private bool LinearAligned(in Op op, int size, bool write, out ulong linear) =>
        Linear(in op, size, write, out linear)
        && ((linear & (ulong)(size - 1)) == 0 || Refuse(ExceptionVector.GeneralProtection));

    private static Span<byte> Bytes<T>(ref T value) where T : unmanaged => MemoryMarshal.AsBytes(new Span<T>(ref value));
}

/// <summary>Code size, whether data segments can be left out of account, and whether SSE is switched on.</summary>
[Flags]
internal enum BlockMode : ushort
{
    Code16 = 0,
    Code32 = 1,
    Code64 = 2,
    Flat = 4,
    Vectors = 8,

    /// <summary>FS, or GS, has a base, but neither a limit nor rights that matter: not in 64-bit code, where that is so.</summary>
    OpenFs = 16,
    OpenGs = 32,

    /// <summary>AVX is switched on.</summary>
    WideVectors = 64,

    /// <summary>32-bit code whose segment has neither a base nor a limit that matters.</summary>
    FlatCode = 128,

    /// <summary>The stack pointer is ESP. Without it, and without <see cref="Code64"/>, it is SP.</summary>
    Stack32 = 256,

    /// <summary>Real or virtual-8086 mode, and DS, ES, FS and GS are as they are there: loading one changes its selector and its base and nothing else.</summary>
    Paragraphs = 512,
}
