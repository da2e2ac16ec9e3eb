using Iced.Intel;

namespace Rhea.SoftCpu.Translator;

/// <summary>How an instruction of the guest is written again for the host: the same opcode, with other registers and another address.</summary>
/// <remarks>Made from Iced's description of the encoding. An instruction without a form, or with one that nobody emits, is the interpreter's.</remarks>
internal sealed class HostForm
{
    private const int OldAlias = 0x82; // of 80h, and not in 64-bit code

    private static readonly OpCodeOperandKind[] Accumulators = [OpCodeOperandKind.al, OpCodeOperandKind.ax, OpCodeOperandKind.eax, OpCodeOperandKind.rax];

    private HostForm(Code code, OpCodeInfo info)
    {
        Code = code;
        Mnemonic = code.Mnemonic();
        Size = info.OperandSize;
        if (info.Encoding == EncodingKind.VEX) Vex = new VexFields(info.W != 0 && !info.IsWIG, info.L);
        Prefix = info.MandatoryPrefix switch { MandatoryPrefix.P66 => 0x66, MandatoryPrefix.PF3 => 0xF3, MandatoryPrefix.PF2 => 0xF2, _ => 0 };
        Map = info.Table switch { OpCodeTableKind.T0F => 1, OpCodeTableKind.T0F38 => 2, OpCodeTableKind.T0F3A => 3, _ => 0 };
        Opcode = Map == 0 && info.OpCode == OldAlias ? OldAlias & ~2 : (int)info.OpCode;
        Group = info.IsGroup ? info.GroupIndex : 0;
        for (var i = 0; i < info.OpCount; i++) SetOperand(i, info.GetOpKind(i));
        var instruction = new Instruction { Code = code };
        if (IsShift && Immediate == 1) instruction.Immediate8 = 2; // by 0 would change nothing
        MemorySize = instruction.MemorySize.GetSize();
        (Reads, Writes) = (Status(instruction.RflagsRead), Status(instruction.RflagsModified));
        if (IsShift && Fixed) Reads |= Writes; // by CL, which may be 0
    }

    public Code Code { get; }

    public Mnemonic Mnemonic { get; }

    /// <summary>Operand size in bits where the encoding says it: 16, 32, 64; else 0.</summary>
    public int Size { get; }

    /// <summary>66h, F3h or F2h as a part of the opcode; else 0.</summary>
    public int Prefix { get; }

    /// <summary>0, or 1, 2 and 3 for 0Fh, 0F38h and 0F3Ah.</summary>
    public int Map { get; }

    public int Opcode { get; }

    /// <summary>What is in ModRM's register field when no operand is.</summary>
    public int Group { get; }

    /// <summary>Which operand is in ModRM's register field, and which in its other; -1 is none.</summary>
    public int Register { get; private set; } = -1;

    public int Other { get; private set; } = -1;

    /// <summary>The operands that VEX names besides, and that the immediate does in its upper half; -1 is none. They are vectors.</summary>
    public int Third { get; private set; } = -1;

    public int Fourth { get; private set; } = -1;

    /// <summary>The same for a general register that VEX names.</summary>
    public int ThirdGeneral { get; private set; } = -1;

    /// <summary>What VEX says besides the prefix and the map; null when it is not encoded so.</summary>
    public VexFields? Vex { get; }

    /// <summary>Bytes of the register operands, by operand: 1, 2, 4, 8; 16 is a vector, of whatever length.</summary>
    public int RegisterSize { get; private set; }

    public int OtherSize { get; private set; }

    /// <summary>Bytes of the immediate.</summary>
    public int Immediate { get; private set; }

    /// <summary>Operands that are where they are: the accumulator, CL.</summary>
    public bool Fixed { get; private set; }

    /// <summary>There is an operand that the other properties do not tell of.</summary>
    public bool Strange { get; private set; }

    /// <summary>Bytes of the memory operand.</summary>
    public int MemorySize { get; }

    /// <summary>Status flags, as bits of RFLAGS, that the result depends on, and that are changed, if to something undefined.</summary>
    public uint Reads { get; }

    public uint Writes { get; }

    /// <summary>It works on vector registers, which must be switched on.</summary>
    public bool IsVector => RegisterSize == 16 || OtherSize == 16 || Mnemonic == Mnemonic.Movnti || Vex is not null;

    public bool IsShift => Mnemonic is Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr or Mnemonic.Sar or Mnemonic.Rol or Mnemonic.Ror
        or Mnemonic.Rcl or Mnemonic.Rcr or Mnemonic.Shld or Mnemonic.Shrd;

    public static HostForm Of(Code code) => new(code, code.ToOpCode());

    private static uint Status(RflagsBits bits) =>
        ((bits & RflagsBits.CF) != 0 ? 1u : 0) | ((bits & RflagsBits.PF) != 0 ? 4u : 0) | ((bits & RflagsBits.AF) != 0 ? 0x10u : 0)
        | ((bits & RflagsBits.ZF) != 0 ? 0x40u : 0) | ((bits & RflagsBits.SF) != 0 ? 0x80u : 0) | ((bits & RflagsBits.OF) != 0 ? 0x800u : 0);

    private void SetOperand(int number, OpCodeOperandKind kind)
    {
        int other = OtherBytes(kind), register = RegisterBytes(kind);
        if (other >= 0) (Other, OtherSize) = (number, other);
        else if (register > 0) (Register, RegisterSize) = (number, register);
        else if (kind is OpCodeOperandKind.xmm_vvvv or OpCodeOperandKind.ymm_vvvv) Third = number;
        else if (kind is OpCodeOperandKind.r32_vvvv or OpCodeOperandKind.r64_vvvv) ThirdGeneral = number;
        else if (kind is OpCodeOperandKind.xmm_is4 or OpCodeOperandKind.ymm_is4) (Fourth, Immediate) = (number, 1);
        else if (ImmediateBytes(kind) is > 0 and var bytes) Immediate += bytes;
        else if (kind == OpCodeOperandKind.cl || Accumulators.Contains(kind)) Fixed = true;
        else if (kind != OpCodeOperandKind.imm8_const_1) Strange = true;
    }

    /// <summary>-1 when the operand is not in ModRM's other field; 0 when it is memory whose size the instruction knows.</summary>
    private static int OtherBytes(OpCodeOperandKind kind) => kind switch
    {
        OpCodeOperandKind.mem => 0,
        OpCodeOperandKind.r8_or_mem => 1,
        OpCodeOperandKind.r16_or_mem => 2,
        OpCodeOperandKind.r32_or_mem => 4,
        OpCodeOperandKind.r64_or_mem => 8,
        OpCodeOperandKind.r32_rm => 4,
        OpCodeOperandKind.r64_rm => 8,
        OpCodeOperandKind.xmm_or_mem or OpCodeOperandKind.xmm_rm or OpCodeOperandKind.ymm_or_mem or OpCodeOperandKind.ymm_rm => 16,
        _ => -1,
    };

    private static int RegisterBytes(OpCodeOperandKind kind) => kind switch
    {
        OpCodeOperandKind.r8_reg => 1,
        OpCodeOperandKind.r16_reg => 2,
        OpCodeOperandKind.r32_reg => 4,
        OpCodeOperandKind.r64_reg => 8,
        OpCodeOperandKind.xmm_reg or OpCodeOperandKind.ymm_reg => 16,
        _ => 0,
    };

    private static int ImmediateBytes(OpCodeOperandKind kind) => kind switch
    {
        OpCodeOperandKind.imm8 or OpCodeOperandKind.imm8sex16 or OpCodeOperandKind.imm8sex32 or OpCodeOperandKind.imm8sex64 => 1,
        OpCodeOperandKind.imm16 => 2,
        OpCodeOperandKind.imm32 or OpCodeOperandKind.imm32sex64 => 4,
        _ => 0,
    };
}

/// <summary>W and L of a VEX prefix (Intel SDM vol. 2, 2.3.5): W is another operand size or a part of the opcode, L = 1 is 256 bits.</summary>
internal readonly record struct VexFields(bool W, uint L);
