using Rhea.Tests.SoftCpu.Differential;

namespace Rhea.Tests.SoftCpu;

/// <summary>Makes random programs of bytes for code of 16 and 32 bits: with both sizes of operands and addresses, all segments, the stack, and jumps among the instructions.</summary>
/// <remarks>Left out is what leaves results undefined that processors do not agree on, other than AF.</remarks>
internal sealed class SegmentedProgram(CaseRandom random, bool code32)
{
    private const byte OtherOperand = 0x66, OtherAddress = 0x67, Halt = 0xF4, Return = 0xC3;

    private static readonly byte[] Overrides = [0x26, 0x36, 0x3E, 0x64, 0x65]; // not CS, which would change the program to what is left out

    private readonly List<Part> _parts = [];

    /// <summary>Selectors that it loads into DS, ES, FS and GS.</summary>
    public required ushort[] Selectors { get; init; }

    /// <summary>So many instructions, HLT, and two functions, of which one returns with the other size of operands.</summary>
    public byte[] Make(int length)
    {
        while (_parts.Count < length) AddOne(length);
        int end = _parts.Count, function = end + 1, other = function + 5;
        _parts.Add(new Part([Halt]));
        AddFunction([]);
        AddFunction([OtherOperand]);
        for (var i = 0; i < end; i++)
            if (_parts[i] is { Relative: > 0, Target: < 0 } call) _parts[i] = call with { Target = call.Target == CallSame ? function : other };
        return Encode(end);
    }

    private const int CallSame = -1, CallOther = -2, Nowhere = -3;

    private void AddFunction(byte[] prefix)
    {
        _parts.Add(new Part([0x53])); // push (e)bx
        _parts.Add(new Part([0x03, 0x05])); // add eax, [edi]; add ax, [di]
        _parts.Add(new Part([0x5B])); // pop (e)bx
        _parts.Add(new Part([0x40])); // inc (e)ax
        _parts.Add(new Part([.. prefix, Return]));
        if (code32) _parts[^4] = new Part([0x03, 0x07]);
    }

    private byte[] Encode(int end)
    {
        var places = new int[_parts.Count + 1];
        for (var i = 0; i < _parts.Count; i++) places[i + 1] = places[i] + _parts[i].Length;
        List<byte> bytes = [];
        for (var i = 0; i < _parts.Count; i++)
        {
            Part part = _parts[i];
            bytes.AddRange(part.Bytes);
            if (part.Relative == 0) continue;
            int target = part.Target > end && i < end && part.Relative == 1 ? end : part.Target, distance = places[target] - places[i + 1];
            for (var at = 0; at < part.Relative; at++) bytes.Add((byte)(distance >> (8 * at)));
        }

        return [.. bytes];
    }

    private void AddOne(int length)
    {
        bool other = random.OneIn(4);
        bool wide = code32 != other; // operands of 32 bits
        byte[] size = other ? [OtherOperand] : [];
        switch (random.Below(33))
        {
            case 0 or 1 or 2:
                AddModRm(size, [(byte)(random.Below(8) << 3 | random.Below(4))], random.Below(8));
                break;
            case 3 or 4 or 5:
                AddModRm(size, [(byte)(0x88 | random.Below(4))], random.Below(8));
                break;
            case 6:
                AddModRm(size, [0x83], random.Below(8), Number(1));
                break;
            case 7:
                AddModRm(size, [0x81], random.Below(8), Number(wide ? 4 : 2));
                break;
            case 8:
                AddModRm(size, [0xC7], 0, Number(wide ? 4 : 2));
                break;
            case 9:
                AddModRm(size, [(byte)(0xF6 | random.Below(2))], 2 + random.Below(2)); // not, neg
                break;
            case 10:
                AddModRm(size, [(byte)(0xFE | random.Below(2))], random.Below(2)); // inc, dec
                break;
            case 11 or 12:
                _parts.Add(new Part([.. size, (byte)(0x50 | random.Below(16))]));
                break;
            case 13:
                _parts.Add(random.OneIn(2) ? new Part([.. size, 0x6A, .. Number(1)]) : new Part([.. size, 0x68, .. Number(wide ? 4 : 2)]));
                break;
            case 14:
                if (random.OneIn(2)) AddModRm(size, [0xFF], 6);
                else AddModRm(size, [0x8F], 0);
                break;
            case 15:
                byte[][] pushes = [[0x06], [0x0E], [0x16], [0x1E], [0x0F, 0xA0], [0x0F, 0xA8]];
                byte[][] pops = [[0x07], [0x1F], [0x0F, 0xA1], [0x0F, 0xA9]];
                _parts.Add(new Part([.. size, .. pushes[random.Below(pushes.Length)]]));
                if (random.OneIn(2)) _parts.Add(new Part([.. size, .. pops[random.Below(pops.Length)]]));
                break;
            case 16:
                AddModRm(size, [0x8D], random.Below(8), [], memory: true);
                break;
            case 17:
                byte[] extends = [0xB6, 0xB7, 0xBE, 0xBF];
                AddModRm(size, [0x0F, extends[random.Below(extends.Length)]], random.Below(8));
                break;
            case 18:
                AddModRm(size, [0x85], random.Below(8)); // test
                break;
            case 19:
                byte[][] exchanges = [[0x86], [0x87], [0x0F, 0xB0], [0x0F, 0xB1], [0x0F, 0xC0], [0x0F, 0xC1]];
                AddModRm(size, exchanges[random.Below(exchanges.Length)], random.Below(8));
                break;
            case 20:
                bool wideAddress = code32 != random.OneIn(4);
                byte[] address = wideAddress == code32 ? [] : [OtherAddress];
                _parts.Add(new Part([.. Override(), .. size, .. address, (byte)(0xA0 | random.Below(4)), .. Offset(wideAddress ? 4 : 2)]));
                break;
            case 21 or 22 or 23:
                AddJump(size, wide, length);
                break;
            case 24:
                _parts.Add(new Part([.. size, 0xE8], wide ? 4 : 2, other ? CallOther : CallSame));
                break;
            case 25:
                AddIndirectJump();
                break;
            case 26:
                byte[] single = [0xC9, 0x60, 0x61, 0x98, 0xFC, 0xFD]; // leave, pusha, popa, cbw, cld, std
                _parts.Add(new Part([.. size, single[random.Below(single.Length)]]));
                break;
            case 27:
                _parts.Add(new Part([0x04, .. Number(1)])); // add al, imm8: it leaves no flag undefined
                _parts.Add(new Part([.. size, 0x9C]));
                if (random.OneIn(2)) _parts.Add(new Part([.. size, 0x9D]));
                break;
            case 28:
                byte[] strings = [0xA4, 0xA5, 0xA6, 0xA7, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF, 0xD7];
                byte[] repeat = random.OneIn(4) ? [0xF3] : [];
                _parts.Add(new Part([.. random.OneIn(5) ? [0x2E] : Override(), .. size, .. repeat, strings[random.Below(strings.Length)]]));
                break;
            case 29:
                byte[] vectors = [0x10, 0x11, 0x28, 0x29];
                AddModRm([], [0x0F, vectors[random.Below(vectors.Length)]], random.Below(8));
                break;
            case 30:
                byte[][] floats = [[0xD9, 0], [0xDD, 3], [0xDB, 5], [0xDB, 7], [0xDF, 3]];
                byte[] chosen = floats[random.Below(floats.Length)];
                AddModRm([], [chosen[0]], chosen[1], [], memory: true);
                break;
            case 31:
                if (random.OneIn(2)) AddModRm(size, [0x8C], random.Below(6));
                else if (random.OneIn(4)) AddModRm(size, [0x8E], random.Below(6));
                else AddLoadOfSegment();
                break;
            default:
                _parts.Add(new Part([.. size, (byte)(0xB8 | random.Below(8)), .. Offset(wide ? 4 : 2)]));
                break;
        }
    }

    private void AddJump(byte[] size, bool wide, int length)
    {
        int index = _parts.Count, target = random.OneIn(5) ? random.Below(index + 1) : Math.Min(length, index + 1 + random.Below(6));
        switch (random.Below(5))
        {
            case 0:
                _parts.Add(new Part([.. size, 0xEB], 1, target));
                break;
            case 1:
                _parts.Add(new Part([.. size, 0xE9], wide ? 4 : 2, target));
                break;
            case 2:
                _parts.Add(new Part([.. size, 0x0F, (byte)(0x80 | random.Below(16))], wide ? 4 : 2, target));
                break;
            case 3:
                byte[] address = random.OneIn(3) ? [OtherAddress] : [];
                _parts.Add(new Part([.. size, .. address, (byte)(0xE0 | random.Below(4))], 1, target)); // loopne, loope, loop, jcxz
                break;
            default:
                _parts.Add(new Part([.. size, (byte)(0x70 | random.Below(16))], 1, target));
                break;
        }
    }

    /// <summary>CALL to what follows, POP, ADD of the distance from there, and a jump, a call or a return to the sum.</summary>
    private void AddIndirectJump()
    {
        byte[] jump = random.Below(3) switch { 0 => [0xFF, 0xE3], 1 => [0xFF, 0xD3], _ => [0x53, Return] };
        _parts.Add(new Part([0xE8, 0, 0, .. code32 ? (byte[])[0, 0] : [], 0x5B, 0x83, 0xC3, (byte)(4 + jump.Length + random.Below(2)), .. jump, 0x40]));
    }

    private void AddLoadOfSegment()
    {
        byte[] loads = [0xC0, 0xD8, 0xE0, 0xE8]; // ES, DS, FS, GS from AX
        ushort selector = Selectors[random.Below(Selectors.Length)];
        _parts.Add(new Part([.. code32 ? (byte[])[OtherOperand] : [], 0xB8, (byte)selector, (byte)(selector >> 8), 0x8E, loads[random.Below(loads.Length)]]));
    }

    private void AddModRm(byte[] prefix, byte[] opcode, int register, byte[]? number = null, bool memory = false)
    {
        bool wide = code32 != random.OneIn(5);
        byte[] address = wide == code32 ? [] : [OtherAddress], place = [];
        int mode = memory || !random.OneIn(4) ? random.Below(3) : 3, rm = random.Below(8), displacement = mode == 1 ? 1 : mode == 2 ? (wide ? 4 : 2) : 0;
        if (mode != 3 && wide && rm == 4)
        {
            var scaled = (byte)random.Next();
            place = [scaled];
            if (mode == 0 && (scaled & 7) == 5) displacement = 4;
        }
        else if (mode == 0 && rm == (wide ? 5 : 6))
        {
            displacement = wide ? 4 : 2;
        }

        byte[] offset = displacement == 1 ? [(byte)(random.Below(40) - 20)] : displacement == 0 ? [] : Offset(displacement);
        _parts.Add(new Part([.. Override(), .. prefix, .. address, .. opcode, (byte)(mode << 6 | register << 3 | rm), .. place, .. offset, .. number ?? []]));
    }

    private byte[] Override() => random.OneIn(4) ? [Overrides[random.Below(Overrides.Length)]] : [];

    private byte[] Number(int bytes)
    {
        ulong value = random.Integer();
        var number = new byte[bytes];
        for (var i = 0; i < bytes; i++) number[i] = (byte)(value >> (8 * i));
        return number;
    }

    /// <summary>Small, below 64 KiB, or around at 0.</summary>
    private byte[] Offset(int bytes)
    {
        int value = random.Below(4) switch { 0 => -random.Below(16), 1 => 0xFFFF - random.Below(20), _ => random.Below(0x60) };
        return [.. BitConverter.GetBytes(value)[..bytes]];
    }

    /// <param name="Bytes">All but the distance of a relative jump.</param>
    /// <param name="Relative">Bytes of that.</param>
    /// <param name="Target">Which part it leads to; negative for a function.</param>
    private readonly record struct Part(byte[] Bytes, int Relative = 0, int Target = Nowhere)
    {
        public int Length => Bytes.Length + Relative;
    }
}
