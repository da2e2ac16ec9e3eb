using System.Buffers.Binary;
using System.Runtime.Intrinsics.X86;
using Iced.Intel;

namespace Rhea.Tests.SoftCpu.Differential;

/// <summary>Makes cases for an instruction: an encoding, registers that let it reach the memory there is, and operands.</summary>
/// <remarks>The encoding is random bytes after the opcode; what does not decode to the instruction is thrown away.</remarks>
internal sealed class CaseGenerator(ulong seed, bool is64)
{
    private const int Attempts = 400;
    private readonly CaseRandom _random = new(seed);

    /// <summary>Null when no encoding was found.</summary>
    public CpuImage? Generate(Code code)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            byte[] bytes = Encode(code.ToOpCode());
            var decoder = Decoder.Create(is64 ? 64 : 32, bytes, CaseLayout.Start, DecoderOptions.AMD);
            decoder.Decode(out Instruction instruction);
            if (instruction.Code != code || instruction.Length > 15) continue;
            var image = new CpuImage(new byte[CpuImage.Length]);
            FillState(image);
            if (!Aim(image, bytes, instruction, decoder.GetConstantOffsets(instruction)) || IsUndefined(instruction, image)) continue;
            image.Code.Fill(0xCC);
            bytes.AsSpan(0, instruction.Length).CopyTo(image.Code);
            return image;
        }
        return null;
    }

    /// <summary>Registers, flags and memory, and no instruction yet.</summary>
    public CpuImage State()
    {
        var image = new CpuImage(new byte[CpuImage.Length]);
        FillState(image);
        return image;
    }

    public static Instruction Decode(CpuImage image)
    {
        var decoder = Decoder.Create(image.Is64 ? 64 : 32, image.Code.ToArray(), CaseLayout.Start, DecoderOptions.AMD);
        return decoder.Decode();
    }

    /// <summary>SHLD and SHRD of sixteen bits by more than sixteen places; what makers differ in.</summary>
    private static bool IsUndefined(in Instruction instruction, CpuImage image) => instruction.Code switch
    {
        Code.Fstpnce_sti => (image.Fx[4] >> (image.Fx[3] >> 3 & 7) & 1) == 0, // some store an empty register, some fault
        Code.Shld_rm16_r16_imm8 or Code.Shrd_rm16_r16_imm8 => (instruction.Immediate8 & 31) > 16,
        Code.Shld_rm16_r16_CL or Code.Shrd_rm16_r16_CL => (image[1] & 31) > 16,
        Code.Pause => instruction.Length > 2, // which a REX prefix makes XCHG for some
        _ => false,
    };

    /// <summary>The three-byte prefix, or the shorter one where it can say the same.</summary>
    private byte[] EncodeVex(OpCodeInfo info)
    {
        bool hasVector = false;
        for (var i = 0; i < info.OpCount; i++)
            hasVector |= info.GetOpKind(i) is OpCodeOperandKind.r32_vvvv or OpCodeOperandKind.r64_vvvv or OpCodeOperandKind.xmm_vvvv or OpCodeOperandKind.ymm_vvvv;
        int inverted = is64 ? _random.Below(8) : 7, vector = hasVector ? _random.Below(16) : 15; // of R, X, B and vvvv
        int length = info.IsLIG ? _random.Below(2) : (int)info.L, width = info.IsWIG ? _random.Below(2) : (int)info.W;
        int prefix = info.MandatoryPrefix switch { MandatoryPrefix.P66 => 1, MandatoryPrefix.PF3 => 2, MandatoryPrefix.PF2 => 3, _ => 0 };
        int map = info.Table switch { OpCodeTableKind.T0F => 1, OpCodeTableKind.T0F38 => 2, _ => 3 };
        int modrm = _random.OneIn(2) ? _random.Below(256) | 0xC0 : _random.Below(0xC0);
        if (info.IsGroup) modrm = modrm & ~0x38 | info.GroupIndex << 3;
        int tail = vector << 3 | length << 2 | prefix;
        List<byte> bytes = map == 1 && width == 0 && (inverted & 3) == 3 && _random.OneIn(2)
            ? [0xC5, (byte)(inverted >> 2 << 7 | tail)]
            : [0xC4, (byte)(inverted << 5 | map), (byte)(width << 7 | tail)];
        bytes.Add((byte)info.OpCode);
        bytes.Add((byte)modrm);
        while (bytes.Count < 32) bytes.Add((byte)_random.Next());
        return [.. bytes];
    }

    private byte[] Encode(OpCodeInfo info)
    {
        if (info.Encoding == EncodingKind.VEX) return EncodeVex(info);
        var bytes = new List<byte>(32);
        if (info.CanUseLockPrefix && _random.OneIn(6)) bytes.Add(0xF0);
        if (info.CanUseRepPrefix && _random.OneIn(2)) bytes.Add(0xF3);
        else if (info.CanUseRepnePrefix && _random.OneIn(2)) bytes.Add(0xF2);
        bool narrow = info.MandatoryPrefix == MandatoryPrefix.P66 || info.OperandSize == 16;
        if (narrow || (info.MandatoryPrefix is MandatoryPrefix.None && _random.OneIn(8))) bytes.Add(0x66);
        if (info.MandatoryPrefix == MandatoryPrefix.PF3) bytes.Add(0xF3);
        if (info.MandatoryPrefix == MandatoryPrefix.PF2) bytes.Add(0xF2);
        if (is64 && (info.OperandSize == 64 || _random.OneIn(2))) bytes.Add((byte)(0x40 | _random.Below(16) | (info.OperandSize == 64 && _random.Below(4) != 0 ? 8 : 0)));
        if (info.Table is OpCodeTableKind.T0F or OpCodeTableKind.T0F38 or OpCodeTableKind.T0F3A) bytes.Add(0x0F);
        if (info.Table == OpCodeTableKind.T0F38) bytes.Add(0x38);
        if (info.Table == OpCodeTableKind.T0F3A) bytes.Add(0x3A);
        uint opcode = info.OpCode;
        for (var i = 0; i < info.OpCount; i++)
        {
            if (info.GetOpKind(i) is OpCodeOperandKind.r8_opcode or OpCodeOperandKind.r16_opcode or OpCodeOperandKind.r32_opcode
                or OpCodeOperandKind.r64_opcode or OpCodeOperandKind.sti_opcode) opcode += (uint)_random.Below(8);
        }
        if (info.OpCodeLength == 2) bytes.Add((byte)(opcode >> 8));
        bytes.Add((byte)opcode);
        int modrm = _random.OneIn(2) ? _random.Below(256) | 0xC0 : _random.Below(0xC0);
        if (info.IsGroup) modrm = modrm & ~0x38 | info.GroupIndex << 3;
        if (info.IsRmGroup) modrm = modrm & ~7 | info.RmGroupIndex | 0xC0;
        bytes.Add((byte)modrm);
        while (bytes.Count < 32) bytes.Add((byte)_random.Next());
        return [.. bytes];
    }

    private void FillState(CpuImage image)
    {
        for (var i = 0; i < 16; i++) image[i] = Cut(_random.Integer());
        image[4] = CaseLayout.Border + 0x200;
        image[5] = CaseLayout.Border + 0x240;
        image.Ip = CaseLayout.Start;
        image.Flags = 0x202 | (_random.Next() & 0x8D5) | (_random.OneIn(4) ? 0x400UL : 0);
        image.Is64 = is64;
        for (var i = 0; i < image.Border.Length; i += 8) BinaryPrimitives.WriteUInt64LittleEndian(image.Border[i..], _random.Lanes());
        for (var i = 0; i < image.Edge.Length; i += 8) BinaryPrimitives.WriteUInt64LittleEndian(image.Edge[i..], _random.Lanes());
        for (var i = 0; i < image.Upper.Length && Avx.IsSupported; i += 8) BinaryPrimitives.WriteUInt64LittleEndian(image.Upper[i..], _random.Lanes());
        FillFx(image.Fx);
    }

    private void FillFx(Span<byte> fx)
    {
        int control = 0x37F, status = _random.Below(8) << 11, mxcsr = 0x1F80;
        if (_random.OneIn(2)) control = control & ~0xF00 | _random.Below(4) << 10 | _random.Below(4) << 8;
        if ((control & 0x300) == 0x100) control |= 0x200; // a reserved precision
        if (_random.OneIn(6)) control &= ~_random.Below(64);
        if (_random.OneIn(3)) status |= (int)_random.Next() & 0x4700 | (control & _random.Below(64));
        if (_random.OneIn(2)) mxcsr = 0x1F80 | _random.Below(4) << 13 | _random.Below(64);
        if (_random.OneIn(6)) mxcsr &= ~(_random.Below(64) << 7);
        if (_random.OneIn(6)) mxcsr |= 1 << 6;
        if (_random.OneIn(6)) mxcsr |= 1 << 15;
        BinaryPrimitives.WriteUInt16LittleEndian(fx, (ushort)control);
        BinaryPrimitives.WriteUInt16LittleEndian(fx[2..], (ushort)status);
        fx[4] = _random.Below(4) switch { 0 => (byte)_random.Next(), 1 => (byte)~(1 << ((status >> 11) + 7 & 7)), _ => (byte)~(3 << ((status >> 11) + 6 & 7)) };
        if ((status >> 11 & 7) == 7 && fx[4] != 0) fx[4] |= 0x80;
        BinaryPrimitives.WriteUInt32LittleEndian(fx[24..], (uint)mxcsr);
        for (var i = 0; i < 8; i++)
        {
            (ulong significand, ushort signExponent) = _random.Extended();
            BinaryPrimitives.WriteUInt64LittleEndian(fx[(32 + (i * 16))..], significand);
            BinaryPrimitives.WriteUInt16LittleEndian(fx[(40 + (i * 16))..], signExponent);
        }
        for (var i = 0; i < (is64 ? 32 : 16); i++) BinaryPrimitives.WriteUInt64LittleEndian(fx[(160 + (i * 8))..], _random.Lanes());
    }

    /// <summary>Makes the instruction reach what is there: memory operands, strings, and code to jump to.</summary>
    private bool Aim(CpuImage image, byte[] bytes, in Instruction instruction, ConstantOffsets offsets)
    {
        if (instruction.IsJccShortOrNear || instruction.Op0Kind is OpKind.NearBranch16 or OpKind.NearBranch32 or OpKind.NearBranch64)
        {
            if (instruction.Op0Kind == OpKind.NearBranch16) return false; // leaves the page
            bytes.AsSpan(offsets.ImmediateOffset, offsets.ImmediateSize).Clear();
            bytes[offsets.ImmediateOffset] = (byte)_random.Below(0x60);
        }
        image[1] = instruction.HasRepPrefix || instruction.HasRepnePrefix ? (ulong)_random.Below(9) : image[1];
        for (var i = 6; i < 8; i++) image[i] = CaseLayout.Border + 0x80 + (ulong)_random.Below(0x300);
        bool indirect = instruction.FlowControl is FlowControl.IndirectBranch or FlowControl.IndirectCall or FlowControl.Return;
        ulong target = CaseLayout.Start + 0x100 + (ulong)_random.Below(0x100);
        if (instruction.FlowControl == FlowControl.Return) Write(image, (uint)image[4], target);
        if (instruction.Mnemonic is Mnemonic.Popf or Mnemonic.Popfd or Mnemonic.Popfq) Write(image, (uint)image[4], _random.Next() & 0xCD5);
        if (indirect && instruction.Op0Kind == OpKind.Register) image[instruction.Op0Register.GetFullRegister().GetNumber()] = target;
        for (var i = 0; i < instruction.OpCount; i++)
        {
            if (instruction.GetOpKind(i) != OpKind.Memory) continue;
            uint address = Choose(instruction);
            if (!Point(image, bytes, instruction, offsets, address)) return false;
            Prepare(image, instruction, address);
            if (indirect) Write(image, address, target);
        }
        return true;
    }

    private uint Choose(in Instruction instruction)
    {
        int size = Math.Max(1, instruction.MemorySize.GetSize());
        uint room = (uint)(CaseLayout.BorderLength - Math.Min(size, CaseLayout.BorderLength));
        bool differs = instruction.Code is Code.Movsxd_r16_rm16 || instruction.CpuidFeatures.Contains(CpuidFeature.SHA);
        if (differs) return CaseLayout.Border + ((uint)_random.Below((int)room + 1) & ~15u); // makers' read more bytes than they need, or want them aligned
        return _random.Below(20) switch
        {
            0 => CaseLayout.Data + 0x1000 - (uint)_random.Below(size),   // across two pages
            1 => CaseLayout.DataEnd - (uint)_random.Below(size + 1),     // into no page
            2 => CaseLayout.DataEnd + (uint)_random.Below(0x1000),
            < 6 => CaseLayout.Border + (uint)_random.Below((int)room + 1),
            _ => CaseLayout.Border + ((uint)_random.Below((int)room + 1) & ~15u),
        };
    }

    private bool Point(CpuImage image, byte[] bytes, in Instruction instruction, ConstantOffsets offsets, uint address)
    {
        Register baseRegister = instruction.MemoryBase, index = instruction.MemoryIndex;
        if (index.IsVectorRegister())
        {
            FillIndices(image, index.GetNumber(), instruction.Code.ToOpCode());
            index = Register.None;
        }

        if (baseRegister.GetSize() == 2 || index.GetSize() == 2) return false;
        ulong scaled = 0;
        if (index != Register.None && index.GetFullRegister() != baseRegister.GetFullRegister())
        {
            image[index.GetNumber()] = (ulong)_random.Below(32);
            scaled = image[index.GetNumber()] * (ulong)instruction.MemoryIndexScale;
        }
        if (baseRegister is Register.None or Register.RIP or Register.EIP)
        {
            if (!offsets.HasDisplacement || offsets.DisplacementSize < 4) return false;
            ulong from = baseRegister == Register.None ? scaled : CaseLayout.Start + (ulong)instruction.Length;
            Span<byte> displacement = bytes.AsSpan(offsets.DisplacementOffset, offsets.DisplacementSize);
            displacement.Clear();
            BinaryPrimitives.WriteUInt32LittleEndian(displacement, (uint)(address - from));
            return true;
        }
        ulong offset = instruction.MemoryDisplacement64;
        if (baseRegister.GetSize() == 4) offset = (ulong)(int)offset;
        ulong value = address - offset - scaled;
        if (index != Register.None && index.GetFullRegister() == baseRegister.GetFullRegister())
        {
            (value, ulong rest) = Math.DivRem(value, 1 + (ulong)instruction.MemoryIndexScale);
            if (rest != 0) return false;
        }
        image[baseRegister.GetNumber()] = Cut(value);
        return true;
    }

    /// <summary>Small numbers in a vector register that indexes memory, by dwords or quadwords.</summary>
    private void FillIndices(CpuImage image, int register, OpCodeInfo info)
    {
        bool wide = info.GetOpKind(1) is OpCodeOperandKind.mem_vsib64x or OpCodeOperandKind.mem_vsib64y;
        for (var i = 0; i < 4; i++)
        {
            ulong low = (ulong)_random.Below(32), high = (ulong)_random.Below(32) << 32, indices = wide ? low : low | high;
            BinaryPrimitives.WriteUInt64LittleEndian(i < 2 ? image.Fx[(160 + (register * 16) + (i * 8))..] : image.Upper[((register * 16) + ((i - 2) * 8))..], indices);
        }
    }

    /// <summary>Operands that random memory would rarely be.</summary>
    private void Prepare(CpuImage image, in Instruction instruction, uint address)
    {
        if (instruction.MemorySize == MemorySize.Float80)
        {
            (ulong significand, ushort signExponent) = _random.Extended();
            Write(image, address + 2, (ulong)signExponent << 48);
            Write(image, address, significand);
        }
        else if (instruction.Mnemonic == Mnemonic.Ldmxcsr) Write(image, address, _random.Next() & (_random.OneIn(4) ? uint.MaxValue : 0xFFFF));
        else if (instruction.Mnemonic is Mnemonic.Fxrstor or Mnemonic.Fxrstor64) Write(image, address + 24, _random.Next() & (_random.OneIn(8) ? uint.MaxValue : 0xFFFF));
    }

    private static void Write(CpuImage image, uint address, ulong value)
    {
        if (address - CaseLayout.Border <= CaseLayout.BorderLength - 8) BinaryPrimitives.WriteUInt64LittleEndian(image.Border[(int)(address - CaseLayout.Border)..], value);
    }

    private ulong Cut(ulong value) => is64 ? value : (uint)value;
}
