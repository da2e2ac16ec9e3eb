using System.Runtime.CompilerServices;

namespace Rhea.SoftCpu.Translator;

/// <summary>The host's general registers, by their numbers in machine code.</summary>
internal static class HostRegister
{
    public const int Rax = 0, Rcx = 1, Rdx = 2, Rbx = 3, Rsp = 4, Rbp = 5, Rsi = 6, Rdi = 7;
    public const int R8 = 8, R9 = 9, R10 = 10, R11 = 11, R12 = 12, R13 = 13, R14 = 14, R15 = 15;
}

/// <summary>Condition codes of Jcc, SETcc and CMOVcc (Intel SDM vol. 1, appendix B).</summary>
internal static class Condition
{
    public const int Below = 2, AboveOrEqual = 3, Equal = 4, NotEqual = 5, BelowOrEqual = 6, Above = 7, Less = 12, Greater = 15;
}

/// <summary>An operand in memory, as ModRM and SIB say it: base + index · 2^scale + displacement. -1 is no register.</summary>
internal readonly record struct HostAddress(int Base, int Displacement = 0, int Index = -1, int Scale = 0);

/// <summary>Writes machine code for x86-64: the encoding (Intel SDM vol. 2, chapter 2), and no knowledge of what it is for.</summary>
/// <remarks>
/// Positions are offsets into the code memory, so that a distance is a difference.
/// UNSAFE: writes through a pointer. SAFETY: whoever emits a block makes sure first that the longest one fits: see <see cref="Room"/>.
/// </remarks>
internal sealed unsafe class Emitter(nint memory, int length)
{
    private readonly byte* _memory = (byte*)memory;

    public int Position { get; set; }

    public int Room => length - Position;

    /// <summary>What was written from a position on.</summary>
    public ReadOnlySpan<byte> From(int position) => new(_memory + position, Position - position);

    // Bytes

    public void Byte(int value) => _memory[Position++] = (byte)value;

    public void Bytes(ReadOnlySpan<byte> values)
    {
        values.CopyTo(new Span<byte>(_memory + Position, Room));
        Position += values.Length;
    }

    public void Int16(int value)
    {
        Unsafe.WriteUnaligned(_memory + Position, (short)value);
        Position += 2;
    }

    public void Int32(int value)
    {
        Unsafe.WriteUnaligned(_memory + Position, value);
        Position += 4;
    }

    public void Int64(long value)
    {
        Unsafe.WriteUnaligned(_memory + Position, value);
        Position += 8;
    }

    /// <summary>The next byte's position becomes a multiple. Who comes there runs over NOPs.</summary>
    public void Align(int bytes)
    {
        ReadOnlySpan<byte> longest = [0x66, 0x0F, 0x1F, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00]; // nop word [rax + rax + 0]
        while (Position % bytes != 0)
        {
            if (bytes - (Position % bytes) >= longest.Length) Bytes(longest);
            else Byte(0x90);
        }
    }

    // Operands

    /// <summary>REX when one is needed: <paramref name="wide"/> is W; <paramref name="force"/> makes SIL and DIL of DH and BH.</summary>
    public void Rex(bool wide, int register, int index, int other, bool force = false)
    {
        int rex = (wide ? 8 : 0) | ((register & 8) >> 1) | (index > 7 ? 2 : 0) | (other > 7 ? 1 : 0);
        if (rex != 0 || force) Byte(0x40 | rex);
    }

    /// <summary>A VEX prefix (Intel SDM vol. 2, 2.3.5), which has the map and the mandatory prefix in it.</summary>
    public void Vex(int register, int index, int other, int map, bool w, int third, uint length, int prefix)
    {
        int tail = (~third & 15) << 3 | (int)length << 2 | prefix switch { 0x66 => 1, 0xF3 => 2, 0xF2 => 3, _ => 0 };
        int notR = register > 7 ? 0 : 0x80;
        if (index <= 7 && other <= 7 && map == 1 && !w)
        {
            Byte(0xC5);
            Byte(notR | tail);
            return;
        }

        Byte(0xC4);
        Byte(notR | (index > 7 ? 0 : 0x40) | (other > 7 ? 0 : 0x20) | map);
        Byte((w ? 0x80 : 0) | tail);
    }

    public void ModRm(int register, int other) => Byte(0xC0 | ((register & 7) << 3) | (other & 7));

    public void ModRm(int register, in HostAddress address)
    {
        int field = (register & 7) << 3;
        if (address.Base < 0)
        {
            Byte(field | 4);
            Byte((address.Scale << 6) | (address.Index < 0 ? 4 << 3 : (address.Index & 7) << 3) | 5);
            Int32(address.Displacement);
            return;
        }

        int mode = address.Displacement == 0 && (address.Base & 7) != 5 ? 0 : address.Displacement == (sbyte)address.Displacement ? 0x40 : 0x80;
        if (address.Index >= 0 || (address.Base & 7) == 4)
        {
            Byte(mode | field | 4);
            Byte((address.Scale << 6) | (address.Index < 0 ? 4 << 3 : (address.Index & 7) << 3) | (address.Base & 7));
        }
        else
        {
            Byte(mode | field | (address.Base & 7));
        }

        if (mode == 0x40) Byte(address.Displacement);
        else if (mode == 0x80) Int32(address.Displacement);
    }

    /// <summary>An instruction of 32 or 64 bits with a register and a memory operand.</summary>
    public void Op(int opcode, bool wide, int register, in HostAddress address)
    {
        Rex(wide, register, address.Index, address.Base);
        Opcode(opcode);
        ModRm(register, in address);
    }

    public void Op(int opcode, bool wide, int register, int other)
    {
        Rex(wide, register, -1, other);
        Opcode(opcode);
        ModRm(register, other);
    }

    /// <summary>An instruction of 16, 32 or 64 bits with a register and a memory operand.</summary>
    public void Sized(int opcode, int size, int register, in HostAddress address)
    {
        if (size == sizeof(ushort)) Byte(0x66);
        Op(opcode, size == sizeof(ulong), register, in address);
    }

    public void Sized(int opcode, int size, int register, int other)
    {
        if (size == sizeof(ushort)) Byte(0x66);
        Op(opcode, size == sizeof(ulong), register, other);
    }

    // Instructions

    public void Move(int to, int from) => Op(0x8B, true, to, from);

    public void Move32(int to, int from) => Op(0x8B, false, to, from);

    public void Load(int to, in HostAddress from) => Op(0x8B, true, to, in from);

    public void Load32(int to, in HostAddress from) => Op(0x8B, false, to, in from);

    public void LoadWord(int to, in HostAddress from) => Op(0x0FB7, false, to, in from);

    public void ExtendWord(int to, int from) => Op(0x0FB7, false, to, from);

    public void ExtendByte(int to, int from)
    {
        Rex(false, to, -1, from, force: true);
        Opcode(0x0FB6);
        ModRm(to, from);
    }

    public void LoadByte(int to, in HostAddress from) => Op(0x0FB6, false, to, in from);

    public void Store(in HostAddress to, int from) => Op(0x89, true, from, in to);

    public void Store32(in HostAddress to, int from) => Op(0x89, false, from, in to);

    public void StoreWord(in HostAddress to, int from)
    {
        Byte(0x66);
        Op(0x89, false, from, in to);
    }

    public void StoreConstant32(in HostAddress to, uint value)
    {
        Op(0xC7, false, 0, in to);
        Int32((int)value);
    }

    public void Lea(int to, in HostAddress address, bool wide = true) => Op(0x8D, wide, to, in address);

    /// <summary>The shortest form that sets all 64 bits.</summary>
    public void Constant(int to, ulong value)
    {
        if (value <= uint.MaxValue)
        {
            Rex(false, 0, -1, to);
            Byte(0xB8 | (to & 7));
            Int32((int)value);
        }
        else if ((long)value == (int)value)
        {
            Op(0xC7, true, 0, to);
            Int32((int)value);
        }
        else
        {
            Rex(true, 0, -1, to);
            Byte(0xB8 | (to & 7));
            Int64((long)value);
        }
    }

    /// <summary>ADD, OR, ADC, SBB, AND, SUB, XOR or CMP, by number, with an immediate.</summary>
    public void Arithmetic(int number, bool wide, int register, int value)
    {
        bool small = value == (sbyte)value;
        Op(small ? 0x83 : 0x81, wide, number, register);
        if (small) Byte(value);
        else Int32(value);
    }

    /// <summary>The same for operands of 16, 32 or 64 bits.</summary>
    public void SizedArithmetic(int number, int size, int register, int value)
    {
        if (size != sizeof(ushort))
        {
            Arithmetic(number, size == sizeof(ulong), register, value);
            return;
        }

        bool small = (short)value == (sbyte)value;
        Sized(small ? 0x83 : 0x81, size, number, register);
        if (small) Byte(value);
        else Int16(value);
    }

    public void ShiftLeft(int register, int count)
    {
        Op(0xC1, false, 4, register);
        Byte(count);
    }

    public void ShiftRight(int register, int count)
    {
        Op(0xC1, false, 5, register);
        Byte(count);
    }

    // Jumps; those forward return a place for Bind

    public int Jump()
    {
        Byte(0xE9);
        Int32(0);
        return Position;
    }

    public int Jump(int condition)
    {
        Byte(0x0F);
        Byte(0x80 | condition);
        Int32(0);
        return Position;
    }

    public void JumpTo(int target) => PointAt(Jump(), target);

    public int Call()
    {
        Byte(0xE8);
        Int32(0);
        return Position;
    }

    public void CallTo(int target) => PointAt(Call(), target);

    /// <summary>Lets the jump or call that ends at a position lead here.</summary>
    public void Bind(int jump) => PointAt(jump, Position);

    /// <summary>Lets the jump or call that ends at a position lead to a target. It may be in code that has run.</summary>
    public void PointAt(int jump, int target) => Unsafe.WriteUnaligned(_memory + jump - 4, target - jump);

    /// <summary>Replaces five bytes by a jump.</summary>
    public void JumpFrom(int position, int target)
    {
        _memory[position] = 0xE9;
        PointAt(position + 5, target);
    }

    private void Opcode(int opcode)
    {
        if (opcode > 0xFF) Byte(opcode >> 8);
        Byte(opcode);
    }
}
