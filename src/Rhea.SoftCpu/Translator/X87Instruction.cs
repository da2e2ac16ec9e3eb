using Iced.Intel;
using Rhea.SoftCpu.Interpreter;
using static Rhea.SoftCpu.Translator.GuestRegister;

namespace Rhea.SoftCpu.Translator;

/// <summary>x87 instructions, which the host's unit does as they are: it holds the guest's stack, tags, status and control word.</summary>
/// <remarks>So that it never faults, it is used only while all its exceptions are masked: see <see cref="HostX87"/>.</remarks>
internal sealed class X87Instruction(Site site, MemoryAccess memory)
{
    private const int FirstOpcode = 0xD8, LastOpcode = 0xDF, Masks = 0x3F;

    private readonly Emitter _code = site.Code;

    /// <summary>All but what initializes the unit, stores its whole state, or means something on old units only.</summary>
    public static bool Knows(HostForm form) => (form.Opcode > 0xFF ? form.Opcode >> 8 : form.Opcode) is >= FirstOpcode and <= LastOpcode && form.Map == 0
        && form.Mnemonic is not (Mnemonic.Fnstenv or Mnemonic.Fldenv or Mnemonic.Fnsave or Mnemonic.Frstor or Mnemonic.Fninit or Mnemonic.Fneni
        or Mnemonic.Fndisi or Mnemonic.Fnsetpm or Mnemonic.Fstpnce);

    /// <summary>Ten bytes are two accesses, of which the second may be around at 64 KiB.</summary>
    public bool Fits(HostForm form, in Op op) => !op.Has(OpFlags.Memory) || (memory.CanReach(in op) && !(form.MemorySize > sizeof(ulong) && MemoryAccess.IsShort(in op)));

    public void Emit(HostForm form, in Op op)
    {
        site.NeedX87();
        if (op.Has(OpFlags.Memory))
        {
            EmitMemory(form, in op);
            return;
        }

        if (form.Reads != 0) site.Flags.Need();
        _code.Byte(form.Opcode >> 8);
        _code.Byte(form.Opcode + StackRegister(form, in op));
        if (form.Writes != 0) site.Flags.Changed();
    }

    /// <summary>Its memory operand is written.</summary>
    public static bool Stores(HostForm form) => form.Mnemonic is Mnemonic.Fst or Mnemonic.Fstp or Mnemonic.Fist or Mnemonic.Fistp or Mnemonic.Fisttp
        or Mnemonic.Fbstp or Mnemonic.Fnstcw or Mnemonic.Fnstsw;

    private static int StackRegister(HostForm form, in Op op)
    {
        OpCodeInfo info = form.Code.ToOpCode();
        for (var i = 0; i < info.OpCount; i++)
            if (info.GetOpKind(i) == OpCodeOperandKind.sti_opcode) return i == 0 ? op.R0 : op.R1;
        return 0;
    }

    private void EmitMemory(HostForm form, in Op op)
    {
        HostAddress at = memory.Reach(in op, form.MemorySize, Stores(form));
        if (form.Mnemonic == Mnemonic.Fldcw) CopyControl(in at);
        else _code.Op(form.Opcode, false, form.Group, in at);
    }

    /// <summary>Loads a control word that masks all exceptions. It is copied first: memory may change between the look and the load.</summary>
    private void CopyControl(in HostAddress at)
    {
        var copy = new HostAddress(State, FrameOffset.Scratch);
        _code.LoadWord(Temporary, in at);
        _code.StoreWord(in copy, Temporary);
        _code.Arithmetic(4, false, Temporary, Masks);
        _code.Arithmetic(7, false, Temporary, Masks);
        site.Miss(_code.Jump(Condition.NotEqual));
        _code.Op(0xD9, false, 5, in copy);
    }
}
