using Iced.Intel;
using Rhea.Core.Cpu;
using Rhea.Tests.SoftCpu.Differential;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>Random 32-bit code whose bases and stack pointers go around at 4 GiB, where addresses have 32 bits and host registers 64; translated and interpreted alike.</summary>
public class AddressWrapTortureTests
{
    private const int Programs = 400, Turns = 12;
    private const ulong Adjust = 0x10; // undefined after what computes with bits
    private const uint Low = 0x800, Middle = 0x4_0000, Stack = 0x5_0000;

    /// <summary>Both ends of the address space, of which the upper one is RAM at F0000h too, and memory between them.</summary>
    private static readonly (uint Start, uint Length)[] Compared = [(0, Low), (Middle, 0x1000), (Stack - 0x800, 0x1000), (0xF_F800, 0x800)];

    [Fact]
    public void Addresses_go_around_at_4_GiB()
    {
        for (ulong seed = 1; seed <= Programs; seed++)
        {
            using CpuBench free = Bench(seed, 0), counted = Bench(seed, 0), interpreted = Bench(seed, -1);
            Assert.Equal(VcpuStop.Halted, interpreted.Run());
            Assert.Equal(VcpuStop.Halted, counted.Run());
            AssertSame(interpreted, counted, seed);
            Assert.Equal(VcpuStop.Halted, free.Run(long.MaxValue));
            AssertSame(interpreted, free, seed);
        }
    }

    private static void AssertSame(CpuBench expected, CpuBench found, ulong seed)
    {
        Assert.True(expected.State.Rip == found.State.Rip, $"program {seed}: EIP {found.State.Rip:x}, not {expected.State.Rip:x}");
        for (var i = 0; i < 8; i++)
            Assert.True(expected.State.General[i] == found.State.General[i], $"program {seed}: register {i} is {found.State.General[i]:x}, not {expected.State.General[i]:x}");
        Assert.True(((expected.State.Rflags ^ found.State.Rflags) & ~Adjust) == 0, $"program {seed}: EFLAGS {found.State.Rflags:x}, not {expected.State.Rflags:x}");
        foreach ((uint start, uint length) in Compared)
        {
            for (uint at = start; at < start + length; at += 8)
                Assert.True(expected.Memory.Read<ulong>(at) == found.Memory.Read<ulong>(at), $"program {seed}: memory at {at:x}");
        }
    }

    private static CpuBench Bench(ulong seed, int warmth)
    {
        var random = new CaseRandom(seed);
        var bench = new CpuBench(warmth: warmth);
        bench.Protected32(0x7000, Base(random));
        bench.Assemble(32, 0x7000, code => Emit(code, random));
        foreach ((uint start, uint length) in Compared)
            for (uint at = start; at < start + length; at += 8) bench.Memory.Write(at, (seed + at) * 0x9E37_79B9_7F4A_7C15);
        bench.Set(registers =>
        {
            registers.State.Cr4 |= 0x600; // SSE
            for (var i = 0; i < 8; i++)
                if (i is not (4 or 1)) registers.State.General[i] = Base(random);
        });
        return bench;
    }

    private static uint Base(CaseRandom random) => random.Below(4) switch
    {
        0 => (uint)random.Below(0x20),
        1 => (uint)-random.Below(0x20),
        2 => Middle + (uint)random.Below(0x40),
        _ => Stack + (uint)(4 * random.Below(4)),
    };

    private static void Emit(Assembler code, CaseRandom random)
    {
        Label again = code.CreateLabel(), function = code.CreateLabel();
        code.mov(ecx, Turns);
        code.Label(ref again);
        int length = 3 + random.Below(16);
        for (var i = 0; i < length; i++) EmitOne(code, random, function);
        code.sub(ecx, 1);
        code.jne(again);
        code.hlt();
        code.Label(ref function);
        code.push(ebx);
        code.push(edi);
        code.add(eax, __dword_ptr[esp + 4]);
        code.pop(edi);
        code.pop(ebx);
        code.ret();
    }

    private static void EmitOne(Assembler code, CaseRandom random, Label function)
    {
        AssemblerRegister32[] bases = [ebx, esi, edi, ebp, esp], values = [eax, edx];
        AssemblerRegister32 at = bases[random.Below(bases.Length)], other = bases[random.Below(bases.Length)], value = values[random.Below(values.Length)];
        int displacement = random.Below(0x30) - 0x18, distance = 4 * (random.Below(7) - 3);
        switch (random.Below(16))
        {
            case 0 or 1:
                code.mov(value, __dword_ptr[at + displacement]);
                break;
            case 2 or 3:
                code.mov(__dword_ptr[at + displacement], value);
                break;
            case 4:
                code.add(value, __dword_ptr[at + displacement]);
                break;
            case 5 or 6:
                code.add(at, distance);
                break;
            case 7:
                code.lea(at, __[at + distance]);
                break;
            case 8:
                if (other != esp) code.lea(other, __[at + distance]);
                break;
            case 9:
                code.push(value);
                code.push(other);
                break;
            case 10:
                code.push(displacement);
                code.push(at);
                code.pop(value);
                code.pop(edx);
                break;
            case 11:
                code.pop(eax);
                code.pop(edx);
                break;
            case 12:
                code.call(function);
                break;
            case 13:
                code.cmp(value, __dword_ptr[at + displacement]);
                code.cmovb(value, other);
                break;
            case 14:
                code.adc(__dword_ptr[at], value);
                code.mov(__dword_ptr[at + 4], value);
                break;
            default:
                code.movups(xmm1, __[at + displacement]);
                code.movups(__[at + displacement + 8], xmm1);
                break;
        }
    }
}
