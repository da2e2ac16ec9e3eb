using Iced.Intel;

namespace Rhea.Tests.SoftCpu.Differential;

/// <summary>Makes short programs: instructions of many kinds in a row, on memory that is there, that is not, and across pages, with jumps among them.</summary>
/// <remarks>Left out is what has results that the manuals do not define, other than AF, and what would leave the program.</remarks>
internal sealed class SequenceGenerator
{
    private const int Longest = 16;
    private const ulong FirstIp = 1000; // each instruction's place until it is encoded

    private static readonly Mnemonic[] LeftOut =
    [
        Mnemonic.Rcpps, Mnemonic.Rcpss, Mnemonic.Rsqrtps, Mnemonic.Rsqrtss, Mnemonic.Vrcpps, Mnemonic.Vrcpss, Mnemonic.Vrsqrtps, Mnemonic.Vrsqrtss, Mnemonic.Popf, Mnemonic.Popfd, Mnemonic.Popfq, Mnemonic.Enter, Mnemonic.Leave,
        Mnemonic.Daa, Mnemonic.Das, Mnemonic.Lahf, Mnemonic.Pushf, Mnemonic.Pushfd, Mnemonic.Pushfq, Mnemonic.Fxrstor, Mnemonic.Ldmxcsr, Mnemonic.Clflush,
        Mnemonic.Fxsave, Mnemonic.Fxsave64, Mnemonic.Fnsave, Mnemonic.Fnstenv, // which show where the last x87 instruction was; translated ones do not note it
        Mnemonic.F2xm1, Mnemonic.Fyl2x, Mnemonic.Fyl2xp1, Mnemonic.Fpatan, Mnemonic.Fptan, Mnemonic.Fsin, Mnemonic.Fcos, Mnemonic.Fsincos, // of which the last place may differ
    ];

    private static readonly Code[] Branches = [Code.Jo_rel8_64, Code.Jb_rel8_64, Code.Jae_rel8_64, Code.Je_rel8_64, Code.Jne_rel8_64, Code.Jbe_rel8_64, Code.Js_rel8_64, Code.Jp_rel8_64, Code.Jl_rel8_64, Code.Jg_rel8_64];

    private readonly CaseRandom _random;
    private readonly CaseGenerator _states;
    private readonly Code[] _codes, _x87;
    private readonly bool _is64;

    public SequenceGenerator(ulong seed, bool is64)
    {
        (_random, _states, _is64) = (new CaseRandom(seed), new CaseGenerator(seed + 1, is64), is64);
        _codes = [.. InstructionSet.Codes(is64).Where(IsKnown)];
        _x87 = [.. _codes.Where(code => code.CpuidFeatures().Any(feature => feature is CpuidFeature.FPU or CpuidFeature.FPU287 or CpuidFeature.FPU387))];
    }

    public CpuImage Generate()
    {
        CpuImage image = _states.State();
        image[Base.Number] = CaseLayout.Border + 0x180;
        image[Rare.Number] = CaseLayout.DataEnd - 0x40;
        List<Instruction> program = [];
        var length = 4 + _random.Below(Longest - 4);
        bool computes = _random.OneIn(3);
        if (computes && _random.OneIn(2)) MaskX87(image);
        while (program.Count < length) program.Add(Make(program.Count, length, computes && _random.OneIn(2) ? _x87 : _codes));
        while (!TryEncode(program, image.Code))
        {
            program.RemoveAt(program.Count - 1);
            for (var i = 0; i < program.Count; i++) // no jump to what is no longer there
                if (program[i].NearBranchTarget > FirstIp + (ulong)program.Count) program[i] = program[i] with { NearBranch64 = FirstIp + (ulong)program.Count };
        }

        return image;
    }

    /// <summary>The registers that addresses start from, which nothing changes: memory across a page, and at the end of what there is.</summary>
    private (Register Name, int Number) Base => _is64 ? (Register.RBX, 3) : (Register.EBX, 3);

    private (Register Name, int Number) Rare => _is64 ? (Register.R10, 10) : (Register.EBP, 5);

    private static bool IsKnown(Code code)
    {
        OpCodeInfo info = code.ToOpCode();
        if (code.FlowControl() != FlowControl.Next || LeftOut.Contains(code.Mnemonic()) || info.AddressSize != 0 || info.IsGroup && info.OpCount == 0) return false;
        if ((new Instruction { Code = code, Immediate8 = 2 }.RflagsUndefined & ~RflagsBits.AF) != 0) return false;
        for (var i = 0; i < info.OpCount; i++)
            if (KindOf(info.GetOpKind(i)) is null) return false;
        return true;
    }

    /// <summary>What an operand may be; null when the programs have none of these.</summary>
    private static OpKind? KindOf(OpCodeOperandKind kind) => kind switch
    {
        OpCodeOperandKind.mem => OpKind.Memory,
        OpCodeOperandKind.imm8 => OpKind.Immediate8,
        OpCodeOperandKind.imm8_const_1 => OpKind.Immediate8,
        OpCodeOperandKind.imm8sex16 => OpKind.Immediate8to16,
        OpCodeOperandKind.imm8sex32 => OpKind.Immediate8to32,
        OpCodeOperandKind.imm8sex64 => OpKind.Immediate8to64,
        OpCodeOperandKind.imm16 => OpKind.Immediate16,
        OpCodeOperandKind.imm32 => OpKind.Immediate32,
        OpCodeOperandKind.imm32sex64 => OpKind.Immediate32to64,
        OpCodeOperandKind.imm64 => OpKind.Immediate64,
        _ => FirstOf(kind) is Register.None ? null : OpKind.Register,
    };

    private static Register FirstOf(OpCodeOperandKind kind) => kind switch
    {
        OpCodeOperandKind.r8_or_mem or OpCodeOperandKind.r8_reg or OpCodeOperandKind.r8_opcode or OpCodeOperandKind.al => Register.AL,
        OpCodeOperandKind.r16_or_mem or OpCodeOperandKind.r16_reg or OpCodeOperandKind.r16_opcode or OpCodeOperandKind.ax => Register.AX,
        OpCodeOperandKind.r32_or_mem or OpCodeOperandKind.r32_reg or OpCodeOperandKind.r32_rm or OpCodeOperandKind.r32_vvvv or OpCodeOperandKind.r32_opcode or OpCodeOperandKind.eax => Register.EAX,
        OpCodeOperandKind.r64_or_mem or OpCodeOperandKind.r64_reg or OpCodeOperandKind.r64_rm or OpCodeOperandKind.r64_vvvv or OpCodeOperandKind.r64_opcode or OpCodeOperandKind.rax => Register.RAX,
        OpCodeOperandKind.cl => Register.CL,
        OpCodeOperandKind.st0 or OpCodeOperandKind.sti_opcode => Register.ST0,
        OpCodeOperandKind.xmm_or_mem or OpCodeOperandKind.xmm_reg or OpCodeOperandKind.xmm_rm => Register.XMM0,
        _ => Register.None,
    };

    /// <summary>All x87 exceptions are masked, and none waits.</summary>
    private static void MaskX87(CpuImage image)
    {
        image.Fx[0] |= 0x3F;
        image.Fx[2] &= 0x7F;
        image.Fx[3] &= 0x7F;
    }

    private Instruction Make(int index, int length, Code[] codes)
    {
        ulong ip = FirstIp + (ulong)index;
        if (_random.OneIn(6))
        {
            Code branch = Branches[_random.Below(Branches.Length)];
            int target = _random.OneIn(8) ? _random.Below(index + 1) : index + 1 + _random.Below(length - index);
            Instruction jump = Instruction.CreateBranch(_is64 ? branch : branch - 1, FirstIp + (ulong)target);
            jump.IP = ip;
            return jump;
        }

        while (true)
        {
            Code code = codes[_random.Below(codes.Length)];
            OpCodeInfo info = code.ToOpCode();
            var instruction = new Instruction { Code = code, IP = ip };
            for (var i = 0; i < info.OpCount; i++) Fill(ref instruction, i, info.GetOpKind(i));
            if (info.CanUseLockPrefix && instruction.Op0Kind == OpKind.Memory && _random.OneIn(4)) instruction.HasLockPrefix = true;
            if (IsAllowed(in instruction)) return instruction;
        }
    }

    private void Fill(ref Instruction instruction, int operand, OpCodeOperandKind kind)
    {
        bool maybe = kind is OpCodeOperandKind.r8_or_mem or OpCodeOperandKind.r16_or_mem or OpCodeOperandKind.r32_or_mem or OpCodeOperandKind.r64_or_mem
            or OpCodeOperandKind.xmm_or_mem;
        OpKind chosen = maybe && _random.OneIn(2) ? OpKind.Memory : KindOf(kind)!.Value;
        instruction.SetOpKind(operand, chosen);
        if (chosen == OpKind.Register)
        {
            bool any = kind is not (OpCodeOperandKind.al or OpCodeOperandKind.ax or OpCodeOperandKind.eax or OpCodeOperandKind.rax or OpCodeOperandKind.cl or OpCodeOperandKind.st0);
            Register first = FirstOf(kind);
            int count = first == Register.AL ? (_is64 ? 20 : 8) : _is64 && first != Register.ST0 ? 16 : 8;
            instruction.SetOpRegister(operand, first + (any ? _random.Below(count) : 0));
        }
        else if (chosen == OpKind.Memory)
        {
            instruction.MemoryBase = _random.OneIn(8) ? Rare.Name : Base.Name;
            instruction.MemoryDisplSize = 1;
            long displacement = _random.OneIn(3) ? _random.Below(0x60) : _random.Below(8) * 16;
            instruction.MemoryDisplacement64 = (ulong)displacement;
        }
        else
        {
            instruction.SetImmediate(operand, kind == OpCodeOperandKind.imm8_const_1 ? 1 : (long)_random.Integer());
        }
    }

    /// <summary>It can be encoded, and changes neither the stack pointer nor where addresses start; a shift by a constant is by one.</summary>
    private bool IsAllowed(in Instruction instruction)
    {
        if (instruction.Mnemonic is Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr or Mnemonic.Sar or Mnemonic.Rol or Mnemonic.Ror or Mnemonic.Rcl or Mnemonic.Rcr
            or Mnemonic.Shld or Mnemonic.Shrd && instruction.Op1Kind != OpKind.Immediate8) return false;
        for (var i = 0; i < instruction.OpCount; i++)
        {
            if (instruction.GetOpKind(i) != OpKind.Register || !instruction.GetOpRegister(i).IsGPR()) continue;
            int number = instruction.GetOpRegister(i).GetFullRegister().GetNumber();
            if (number == Base.Number || number == Rare.Number || number == 4) return false;
        }

        return Encoder.Create(_is64 ? 64 : 32, new Sink()).TryEncode(in instruction, 0, out _, out _);
    }

    private bool TryEncode(List<Instruction> program, Span<byte> into)
    {
        var bytes = new List<byte>();
        Instruction end = Instruction.Create(Code.Int3);
        end.IP = FirstIp + (ulong)program.Count;
        var sink = new Sink();
        var block = new InstructionBlock(sink, [.. program, end], CaseLayout.Start);
        if (!BlockEncoder.TryEncode(_is64 ? 64 : 32, block, out string? _, out _) || sink.Bytes.Count > into.Length) return false;
        into.Fill(0xCC);
        sink.Bytes.ToArray().CopyTo(into);
        return true;
    }

    private sealed class Sink : CodeWriter
    {
        public List<byte> Bytes { get; } = [];

        public override void WriteByte(byte value) => Bytes.Add(value);
    }
}
