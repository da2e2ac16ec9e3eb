using Iced.Intel;
using Rhea.SoftCpu.Interpreter;
using static Rhea.SoftCpu.Translator.GuestRegister;

namespace Rhea.SoftCpu.Translator;

/// <summary>Instructions whose encoding says an operand where the host's register does not fit: in the opcode, or as an absolute address; and fences.</summary>
internal sealed class SpecialInstruction(Site site, MemoryAccess memory)
{
    private readonly Emitter _code = site.Code;

    public static bool Knows(Code code) => code is Code.Lea_r16_m or Code.Lea_r32_m or Code.Lea_r64_m or Code.Mov_r8_imm8 or Code.Mov_r16_imm16 or Code.Mov_r32_imm32 or Code.Mov_r64_imm64
        or Code.Xchg_r16_AX or Code.Xchg_r32_EAX or Code.Xchg_r64_RAX or Code.Bswap_r32 or Code.Bswap_r64 or Code.Inc_r16 or Code.Dec_r16 or Code.Inc_r32 or Code.Dec_r32
        or Code.Lfence or Code.Mfence or Code.Sfence or Code.Pause || IsStore(code) || IsLoad(code);

    public bool Fits(in Op op) => (Code)op.Code switch
    {
        Code.Pause => !site.Yields,
        Code.Mov_r8_imm8 => !FrameOffset.IsHighByte(op.R0) || HostOf(FrameOffset.GeneralNumber(op.R0)) < 4,
        _ => !op.Has(OpFlags.Memory) || memory.CanReach(in op),
    };

    /// <summary>The guest registers that it changes, a bit for each.</summary>
    public static int Written(in Op op) => (Code)op.Code switch
    {
        Code.Lfence or Code.Mfence or Code.Sfence or Code.Pause => 0,
        var code when IsStore(code) => 0,
        var code when IsLoad(code) => 1 << HostRegister.Rax,
        Code.Xchg_r16_AX or Code.Xchg_r32_EAX or Code.Xchg_r64_RAX => 1 << HostRegister.Rax | 1 << FrameOffset.GeneralNumber(op.R0),
        _ => 1 << FrameOffset.GeneralNumber(op.R0),
    };

    /// <summary>It does not change R10.</summary>
    public static bool KeepsAddress(in Op op) => (Code)op.Code switch
    {
        Code.Lea_r32_m or Code.Lea_r64_m => op.Base == FrameOffset.Zero || (op.Base != FrameOffset.BlockIp && HostOf(FrameOffset.GeneralNumber(op.Base)) >= 0),
        Code.Mov_r32_imm32 or Code.Mov_r64_imm64 => true,
        _ => false,
    };

    public void Emit(in Op op)
    {
        switch ((Code)op.Code)
        {
            case Code.Lea_r16_m:
                EmitShortLea(in op);
                break;
            case Code.Lea_r32_m:
                EmitLea(in op, wide: false);
                break;
            case Code.Lea_r64_m:
                EmitLea(in op, wide: true);
                break;
            case Code.Mov_r16_imm16:
                EmitWord(in op);
                break;
            case Code.Mov_r8_imm8:
                EmitByte(in op);
                break;
            case Code.Mov_r32_imm32:
                EmitConstant(in op, (uint)op.Immediate);
                break;
            case Code.Mov_r64_imm64:
                EmitConstant(in op, (ulong)op.Immediate);
                break;
            case Code.Xchg_r16_AX or Code.Xchg_r32_EAX or Code.Xchg_r64_RAX:
                EmitExchange(in op, (Code)op.Code switch { Code.Xchg_r16_AX => 2, Code.Xchg_r32_EAX => 4, _ => 8 });
                break;
            case Code.Bswap_r32 or Code.Bswap_r64:
                EmitSwap(in op, (Code)op.Code == Code.Bswap_r64);
                break;
            case Code.Lfence:
                _code.Bytes([0x0F, 0xAE, 0xE8]);
                break;
            case Code.Mfence:
                _code.Bytes([0x0F, 0xAE, 0xF0]);
                break;
            case Code.Sfence:
                _code.Bytes([0x0F, 0xAE, 0xF8]);
                break;
            case Code.Pause:
                _code.Bytes([0xF3, 0x90]);
                break;
            case Code.Inc_r16 or Code.Dec_r16 or Code.Inc_r32 or Code.Dec_r32:
                EmitCount(in op);
                break;
            default:
                EmitAbsolute(in op);
                break;
        }
    }

    private void EmitLea(in Op op, bool wide)
    {
        int number = FrameOffset.GeneralNumber(op.R0), to = HostOf(number) is >= 0 and var host ? host : Temporary;
        memory.Compute(in op, to, wide && op.AddressShift == 0);
        if (to == Temporary) _code.Store(Slot(number), Temporary);
    }

    private void EmitShortLea(in Op op)
    {
        int number = FrameOffset.GeneralNumber(op.R0), host = HostOf(number);
        memory.Compute(in op, Temporary, wide: op.AddressShift == 0);
        if (host < 0) _code.StoreWord(Slot(number), Temporary);
        else _code.Sized(0x8B, sizeof(ushort), host, Temporary);
    }

    private void EmitWord(in Op op)
    {
        int number = FrameOffset.GeneralNumber(op.R0), host = HostOf(number);
        if (host < 0) _code.Sized(0xC7, sizeof(ushort), 0, Slot(number));
        else _code.Sized(0xC7, sizeof(ushort), 0, host);
        _code.Int16((int)op.Immediate);
    }

    private void EmitByte(in Op op)
    {
        int number = FrameOffset.GeneralNumber(op.R0), host = HostOf(number);
        bool high = FrameOffset.IsHighByte(op.R0);
        if (host < 0)
        {
            _code.Byte(0xC6);
            _code.ModRm(0, Slot(number));
        }
        else
        {
            _code.Rex(false, 0, -1, host, force: !high && host >= 4);
            _code.Byte(0xB0 | (host & 7) | (high ? 4 : 0));
        }

        _code.Byte((int)op.Immediate);
    }

    private void EmitConstant(in Op op, ulong value)
    {
        int number = FrameOffset.GeneralNumber(op.R0), to = HostOf(number) is >= 0 and var host ? host : Temporary;
        _code.Constant(to, value);
        if (to == Temporary) _code.Store(Slot(number), Temporary);
    }

    private void EmitExchange(in Op op, int size)
    {
        int number = FrameOffset.GeneralNumber(op.R0), with = Bring(number);
        _code.Sized(0x87, size, HostRegister.Rax, with);
        if (with == Temporary) _code.Store(Slot(number), Temporary);
    }

    private void EmitSwap(in Op op, bool wide)
    {
        int number = FrameOffset.GeneralNumber(op.R0), host = Bring(number);
        _code.Rex(wide, 0, -1, host);
        _code.Byte(0x0F);
        _code.Byte(0xC8 | (host & 7));
        if (host == Temporary) _code.Store(Slot(number), Temporary);
    }

    /// <summary>INC and DEC of one byte, which are REX prefixes in 64-bit code.</summary>
    private void EmitCount(in Op op)
    {
        const uint Carry = 1;
        if ((site.LiveFlags & Carry) != 0) site.Flags.Need();
        int size = (Code)op.Code is Code.Inc_r16 or Code.Dec_r16 ? sizeof(ushort) : sizeof(uint);
        _code.Sized(0xFF, size, (Code)op.Code is Code.Dec_r16 or Code.Dec_r32 ? 1 : 0, Bring(FrameOffset.GeneralNumber(op.R0)));
        site.Flags.Changed();
    }

    private void EmitAbsolute(in Op op)
    {
        var code = (Code)op.Code;
        bool write = IsStore(code);
        int size = code switch
        {
            Code.Mov_AL_moffs8 or Code.Mov_moffs8_AL => 1,
            Code.Mov_AX_moffs16 or Code.Mov_moffs16_AX => 2,
            Code.Mov_EAX_moffs32 or Code.Mov_moffs32_EAX => 4,
            _ => 8,
        };
        HostAddress at = memory.Reach(in op, size, write);
        _code.Sized((write ? 0x88 : 0x8A) | (size == 1 ? 0 : 1), size, HostRegister.Rax, in at);
    }

    private static bool IsLoad(Code code) => code is Code.Mov_AL_moffs8 or Code.Mov_AX_moffs16 or Code.Mov_EAX_moffs32 or Code.Mov_RAX_moffs64;

    private static bool IsStore(Code code) => code is Code.Mov_moffs8_AL or Code.Mov_moffs16_AX or Code.Mov_moffs32_EAX or Code.Mov_moffs64_RAX;

    private int Bring(int number)
    {
        int host = HostOf(number);
        if (host >= 0) return host;
        _code.Load(Temporary, Slot(number));
        return Temporary;
    }
}
