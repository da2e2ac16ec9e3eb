using Iced.Intel;
using Rhea.SoftCpu.Interpreter;
using Rhea.X86;
using static Rhea.SoftCpu.Translator.GuestRegister;

namespace Rhea.SoftCpu.Translator;

/// <summary>BT, BTS, BTR and BTC of 32 and 64 bits with a bit's number in a register: in memory it reaches far beyond the operand.</summary>
internal sealed class BitStringInstruction(Site site, MemoryAccess memory)
{
    private readonly Emitter _code = site.Code;

    public static bool Knows(HostForm form) => form is { Immediate: 0, Size: 32 or 64 } && form.Mnemonic is Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc;

    public bool Fits(in Op op) => memory.CanReach(in op);

    public void Emit(HostForm form, in Op op)
    {
        bool wide = form.Size == 64;
        var kept = new HostAddress(State, FrameOffset.Scratch);
        memory.ReachBit(in op, FrameOffset.GeneralNumber(op.R1), form.MemorySize, write: form.Mnemonic != Mnemonic.Bt);
        memory.Bring(FrameOffset.GeneralNumber(op.R1), Temporary, wide);
        _code.Arithmetic(4, false, Temporary, form.Size - 1);
        if ((Rflags.Status & ~form.Writes & site.LiveFlags) != 0)
        {
            _code.Store(in kept, Temporary);
            site.Flags.Need();
            _code.Load(Temporary, in kept);
        }

        if (op.Has(OpFlags.Lock) && site.Atomic) _code.Byte(0xF0);
        _code.Op(0x0F00 | form.Opcode, wide, Temporary, new HostAddress(Address));
        site.Flags.Changed();
    }
}
