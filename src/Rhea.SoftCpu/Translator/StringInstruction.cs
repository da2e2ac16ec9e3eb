using Iced.Intel;
using Rhea.Core.Cpu;
using Rhea.SoftCpu.Interpreter;
using Rhea.X86;
using static Rhea.SoftCpu.Translator.GuestRegister;

namespace Rhea.SoftCpu.Translator;

/// <summary>LODS, STOS and MOVS without REP, upwards.</summary>
internal sealed class StringInstruction(Site site, MemoryAccess memory)
{
    private const int Source = HostRegister.Rsi, Target = HostRegister.Rdi;

    private readonly Emitter _code = site.Code;

    public static bool Knows(Code code) => SizeOf(code) != 0;

    public static bool Fits(in Op op) => !op.Has(OpFlags.Rep | OpFlags.RepNe);

    /// <summary>The guest registers that it changes, a bit for each, or more of them.</summary>
    public static int Written => 1 << HostRegister.Rax | 1 << Source | 1 << Target;

    public void Emit(in Op op)
    {
        Mnemonic mnemonic = ((Code)op.Code).Mnemonic();
        int size = SizeOf((Code)op.Code);
        bool loads = mnemonic is Mnemonic.Lodsb or Mnemonic.Lodsw or Mnemonic.Lodsd or Mnemonic.Lodsq;
        bool stores = mnemonic is Mnemonic.Stosb or Mnemonic.Stosw or Mnemonic.Stosd or Mnemonic.Stosq;
        var kept = new HostAddress(State, FrameOffset.Scratch);
        site.Flags.Leave();
        _code.Op(0xF7, false, 0, new HostAddress(State, FrameOffset.Rflags)); // test
        _code.Int32((int)Rflags.Direction);
        site.Miss(_code.Jump(Condition.NotEqual));
        if (loads)
        {
            Move(0x8A, size, HostRegister.Rax, memory.Reach(in op, size, write: false));
        }
        else if (stores)
        {
            Move(0x88, size, HostRegister.Rax, memory.Reach(ToTarget(in op), size, write: true));
        }
        else
        {
            Move(0x8A, size, Temporary, memory.Reach(in op, size, write: false));
            _code.Store(in kept, Temporary);
            HostAddress to = memory.Reach(ToTarget(in op), size, write: true);
            _code.Load(Temporary, in kept);
            Move(0x88, size, Temporary, in to);
        }

        if (!stores) Advance(Source, in op, size);
        if (!loads) Advance(Target, in op, size);
    }

    private static int SizeOf(Code code) => code switch
    {
        Code.Lodsb_AL_m8 or Code.Stosb_m8_AL or Code.Movsb_m8_m8 => 1,
        Code.Lodsw_AX_m16 or Code.Stosw_m16_AX or Code.Movsw_m16_m16 => 2,
        Code.Lodsd_EAX_m32 or Code.Stosd_m32_EAX or Code.Movsd_m32_m32 => 4,
        Code.Lodsq_RAX_m64 or Code.Stosq_m64_RAX or Code.Movsq_m64_m64 => 8,
        _ => 0,
    };

    /// <summary>The operand at ES:rDI.</summary>
    private Op ToTarget(in Op op)
    {
        bool flat = (site.Mode & (BlockMode.Code64 | BlockMode.Flat)) != 0;
        return op with { Base = FrameOffset.General(Target), Segment = SegmentRegister.Es, Flags = flat ? op.Flags | OpFlags.Flat : op.Flags & ~OpFlags.Flat };
    }

    /// <param name="opcode">That of bytes.</param>
    /// <param name="size">Of the operand.</param>
    /// <param name="register">The register.</param>
    /// <param name="at">The memory.</param>
    private void Move(int opcode, int size, int register, in HostAddress at) => _code.Sized(opcode | (size == 1 ? 0 : 1), size, register, in at);

    private void Advance(int register, in Op op, int by)
    {
        if (op.AddressShift > 32) _code.Byte(0x66);
        _code.Lea(register, new HostAddress(register, by), wide: op.AddressShift == 0);
    }
}
