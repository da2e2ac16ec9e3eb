using System.Numerics;
using Iced.Intel;
using Rhea.Core.Cpu;
using Rhea.SoftCpu.Interpreter;
using Rhea.X86;

namespace Rhea.SoftCpu.CodeCache;

/// <summary>Turns guest code into a block of ops: Iced decodes, this fills in what handlers need.</summary>
/// <remarks>
/// A block ends at an unconditional jump, at the end of its page, or when it is full; conditional jumps are gone through. An
/// instruction that crosses a page is a block of its own.
/// UNSAFE: reads code and writes ops in place. SAFETY: reading ends with the page, writing with <see cref="MaxOps"/>.
/// </remarks>
internal sealed unsafe class BlockDecoder
{
    public const int MaxOps = 48;
    public const int MaxBytes = 64 + ((MaxOps + 1) * 48) + 64;
    private const int MaxConditionals = 3, LongestInstruction = 15;

    private readonly Cpu _cpu;
    private readonly Reader _reader;
    private readonly Decoder[] _decoders; // 16, 32, 64 bits
    private readonly OfferedInstructions _offered;

    public BlockDecoder(Cpu cpu)
    {
        _cpu = cpu;
        _reader = new Reader(cpu);
        _offered = new OfferedInstructions(cpu.Features);
        _decoders = [Make(16), Make(32), Make(64)];
        Decoder Make(int bits) => Decoder.Create(bits, _reader, DecoderOptions.ForceReservedNop);
    }

    /// <summary>Ends a block before the instruction.</summary>
    public nint StopHandler { get; } = (nint)(delegate*<Cpu, in Op, Step>)&Stop;

    public static int SizeOf(Block* block) => sizeof(Block) + ((block->Count + 1) * sizeof(Op));

    /// <summary>Decodes code in RAM. False is a fault at the second page; a block that does not last must not be kept.</summary>
    public bool Decode(ulong linear, nint host, Block* into, out bool lasts)
    {
        lasts = true;
        *into = new Block { Host = host, Mode = _cpu.BlockMode };
        _reader.Start(host, 0x1000 - (int)(host & 0xFFF));
        Decoder decoder = _decoders[(int)(_cpu.BlockMode & (BlockMode.Code32 | BlockMode.Code64))];
        decoder.IP = 0;
        if (Fill(decoder, into)) return true;

        Span<byte> bytes = stackalloc byte[LongestInstruction];
        var here = (int)Math.Min(0x1000 - (host & 0xFFF), LongestInstruction);
        new ReadOnlySpan<byte>((byte*)host, here).CopyTo(bytes);
        if (!_cpu.Mmu.Fetch((linear & ~0xFFFUL) + 0x1000, out nint second)) return false;
        if (second == 0)
        {
            lasts = false;
            return DecodeFromBus(linear, into);
        }

        _cpu.Accelerator.MarkCode(second, LongestInstruction - here, _cpu);
        new ReadOnlySpan<byte>((byte*)second, LongestInstruction - here).CopyTo(bytes[here..]);
        DecodeOne(bytes, into);
        into->SecondPage = second;
        return true;
    }

    /// <summary>Decodes one instruction that is not, or not all, in RAM.</summary>
    public bool DecodeFromBus(ulong linear, Block* into)
    {
        Span<byte> bytes = stackalloc byte[LongestInstruction];
        if (!_cpu.Mmu.FetchBytes(linear, bytes, out int count)) return false;
        *into = new Block { Mode = _cpu.BlockMode };
        return DecodeOne(bytes[..count], into)
            || _cpu.Mmu.FetchBytes(linear + (ulong)count, bytes[count..], out _); // the rest of it is where nothing can be fetched
    }

    /// <summary>False when there is more of the instruction.</summary>
    private bool DecodeOne(ReadOnlySpan<byte> bytes, Block* into)
    {
        fixed (byte* start = bytes)
        {
            _reader.StartCopy((nint)start, bytes.Length);
            Decoder decoder = _decoders[(int)(_cpu.BlockMode & (BlockMode.Code32 | BlockMode.Code64))];
            decoder.IP = 0;
            decoder.Decode(out Instruction instruction);
            bool whole = decoder.LastError != DecoderError.NoMoreBytes;
            Op* op = Block.Ops(into);
            Translate(in instruction, op, 0);
            (into->Count, into->Length) = (1, op->NextOffset);
            Close(op + 1, 1, op->NextOffset);
            return whole;
        }
    }

    /// <summary>False when the first instruction crosses the page.</summary>
    private bool Fill(Decoder decoder, Block* into)
    {
        Op* ops = Block.Ops(into);
        int count = 0, conditionals = 0;
        ushort end = 0;
        while (count < MaxOps)
        {
            decoder.Decode(out Instruction instruction);
            if (decoder.LastError == DecoderError.NoMoreBytes)
            {
                if (count == 0) return false;
                break;
            }

            Translate(in instruction, ops + count, count);
            end = ops[count++].NextOffset;
            FlowControl flow = instruction.FlowControl;
            if (flow == FlowControl.ConditionalBranch ? ++conditionals == MaxConditionals : flow != FlowControl.Next) break;
            if (EndsBlock(instruction.Code)) break;
        }

        (into->Count, into->Length) = (count, end);
        Close(ops + count, count, end);
        return true;
    }

    private void Close(Op* op, int number, ushort offset) => *op = new Op { Handler = StopHandler, Number = (byte)number, Offset = offset, NextOffset = offset };

    private void Translate(in Instruction instruction, Op* op, int number)
    {
        *op = new Op
        {
            Offset = (ushort)instruction.IP,
            NextOffset = (ushort)instruction.NextIP,
            Number = (byte)number,
            Base = FrameOffset.Zero,
            Index = FrameOffset.Zero,
            Segment = SegmentRegister.Ds,
        };
        var memory = false;
        var immediates = 0;
        for (var i = 0; i < instruction.OpCount; i++)
        {
            OpKind kind = instruction.GetOpKind(i);
            switch (kind)
            {
                case OpKind.Register:
                    SetRegister(op, i, Locate(instruction.GetOpRegister(i)));
                    break;
                case OpKind.NearBranch16:
                    op->Immediate = (short)instruction.NearBranch16;
                    break;
                case OpKind.NearBranch32:
                    op->Immediate = (int)instruction.NearBranch32;
                    break;
                case OpKind.NearBranch64:
                    op->Immediate = (long)instruction.NearBranch64;
                    break;
                case OpKind.FarBranch16:
                    (op->Immediate, op->Displacement) = (instruction.FarBranch16, instruction.FarBranchSelector);
                    break;
                case OpKind.FarBranch32:
                    (op->Immediate, op->Displacement) = (instruction.FarBranch32, instruction.FarBranchSelector);
                    break;
                case OpKind.Memory:
                    memory = true;
                    SetMemory(in instruction, op);
                    break;
                case >= OpKind.MemorySegSI and <= OpKind.MemoryESRDI:
                    memory = true;
                    SetString(in instruction, kind, op);
                    break;
                default:
                    if (immediates++ == 0) op->Immediate = (long)instruction.GetImmediate(i);
                    else op->Displacement = (long)instruction.GetImmediate(i);
                    break;
            }
        }

        if (memory) op->Flags |= OpFlags.Memory;
        if (instruction.HasRepPrefix) op->Flags |= OpFlags.Rep;
        if (instruction.HasRepnePrefix) op->Flags |= OpFlags.RepNe;
        if (instruction.HasLockPrefix) op->Flags |= OpFlags.Lock;
        if (instruction.Encoding == EncodingKind.VEX) op->Flags |= OpFlags.Vex;
        Code code = instruction.Code;
        if (_offered.Resolve(ref code)) op->Handler = HandlerTable.Instance.Find(code, memory, instruction.HasLockPrefix);
        op->Code = (ushort)(op->Handler != 0 ? code : Code.INVALID);
        if (op->Handler == 0) op->Handler = code == Code.INVALID && instruction.Length == LongestInstruction
            ? (nint)(delegate*<Cpu, in Op, Step>)&SoftwareInterrupts.TooLong
            : (nint)(delegate*<Cpu, in Op, Step>)&Invalid;
    }

    private void SetMemory(in Instruction instruction, Op* op)
    {
        Register register = instruction.MemoryBase, index = instruction.MemoryIndex;
        op->Displacement = (long)instruction.MemoryDisplacement64;
        int size = instruction.MemoryDisplSize * 8;
        if (instruction.IsIPRelativeMemoryOperand)
        {
            op->Base = FrameOffset.BlockIp;
            size = register == Register.EIP ? 32 : 64;
        }
        else if (register != Register.None)
        {
            op->Base = FrameOffset.General(register.GetNumber());
            size = register.GetSize() * 8;
        }

        if (index.IsVectorRegister()) op->Index = FrameOffset.Vector(index.GetNumber()); // of a gather, which adds each lane itself
        else if (index != Register.None)
        {
            op->Index = FrameOffset.General(index.GetNumber());
            size = Math.Max(size, index.GetSize() * 8); // XLAT's index is AL
        }

        op->Scale = (byte)BitOperations.Log2((uint)instruction.MemoryIndexScale);
        op->AddressShift = (byte)(64 - Math.Max(size, 16));
        SetSegment(instruction.MemorySegment, op);
    }

    private void SetString(in Instruction instruction, OpKind kind, Op* op)
    {
        op->AddressShift = kind switch
        {
            OpKind.MemorySegSI or OpKind.MemorySegDI or OpKind.MemoryESDI => 48,
            OpKind.MemorySegESI or OpKind.MemorySegEDI or OpKind.MemoryESEDI => 32,
            _ => 0,
        };
        if (kind >= OpKind.MemoryESDI) return; // always ES
        bool source = kind is OpKind.MemorySegSI or OpKind.MemorySegESI or OpKind.MemorySegRSI;
        op->Base = FrameOffset.General(source ? 6 : 7);
        SetSegment(instruction.MemorySegment, op);
    }

    private void SetSegment(Register segment, Op* op)
    {
        op->Segment = (SegmentRegister)(segment - Register.ES);
        bool flat = (_cpu.BlockMode & BlockMode.Code64) != 0
            ? op->Segment < SegmentRegister.Fs
            : (_cpu.BlockMode & BlockMode.Flat) != 0 && op->Segment is (SegmentRegister.Es or SegmentRegister.Ss or SegmentRegister.Ds);
        if (flat) op->Flags |= OpFlags.Flat;
    }

    private static void SetRegister(Op* op, int operand, ushort offset)
    {
        if (operand == 0) op->R0 = offset;
        else if (operand == 1) op->R1 = offset;
        else if (operand == 2) op->R2 = offset;
        else op->R3 = offset;
    }

    private static ushort Locate(Register register) => register switch
    {
        >= Register.AL and <= Register.BL => FrameOffset.General(register - Register.AL),
        >= Register.AH and <= Register.BH => (ushort)(FrameOffset.General(register - Register.AH) + 1),
        >= Register.SPL and <= Register.R15L => FrameOffset.General(register - Register.SPL + 4),
        >= Register.AX and <= Register.R15 => FrameOffset.General(register.GetNumber()),
        >= Register.MM0 and <= Register.MM7 => FrameOffset.Mmx(register - Register.MM0),
        >= Register.XMM0 and <= Register.XMM15 => FrameOffset.Vector(register - Register.XMM0),
        >= Register.YMM0 and <= Register.YMM15 => FrameOffset.Vector(register - Register.YMM0),
        _ => (ushort)register.GetNumber(),
    };

    /// <summary>What changes mode, privilege, tables or the interrupt flag leaves the block anyway.</summary>
    private static bool EndsBlock(Code code) => code is Code.Hlt or Code.Popfw or Code.Popfd or Code.Popfq or Code.Wrmsr
        or (>= Code.Mov_cr_r32 and <= Code.Mov_dr_r64) or (>= Code.Mov_Sreg_rm16 and <= Code.Mov_Sreg_r64m16)
        or Code.Invlpg_m or Code.Invpcid_r32_m128 or Code.Invpcid_r64_m128 or Code.Cpuid or Code.INVALID or Code.Rsm or Code.Popw_SS or Code.Popd_SS;

    private static Step Stop(Cpu cpu, in Op op) => Step.Stop;

    private static Step Invalid(Cpu cpu, in Op op) => cpu.Fault(ExceptionVector.InvalidOpcode);

    /// <summary>Feeds Iced from guest memory, and marks it as code before it is read.</summary>
    private sealed class Reader(Cpu cpu) : CodeReader
    {
        private byte* _at, _end, _marked;

        public void Start(nint host, int length)
        {
            _at = _marked = (byte*)host;
            _end = _at + length;
        }

        /// <summary>A copy, which needs no marks.</summary>
        public void StartCopy(nint bytes, int length)
        {
            _at = (byte*)bytes;
            _end = _marked = _at + length;
        }

        public override int ReadByte()
        {
            if (_at == _end) return -1;
            if (_at == _marked)
            {
                var chunk = (byte*)(((nint)_at & ~63) + 64);
                cpu.Accelerator.MarkCode((nint)_at, 1, cpu);
                _marked = chunk;
            }

            return *_at++;
        }
    }
}
