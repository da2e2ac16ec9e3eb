using Rhea.Core.Cpu;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

public class OfferedInstructionsTests
{
    private const uint InvalidOpcodes = 0x3000;

    [Theory]
    [InlineData("movbe", new byte[] { 0x0F, 0x38, 0xF0, 0x03 })]
    [InlineData("popcnt", new byte[] { 0xF3, 0x0F, 0xB8, 0xC3 })]
    [InlineData("clflushopt", new byte[] { 0x66, 0x0F, 0xAE, 0x3B })]
    [InlineData("clwb", new byte[] { 0x66, 0x0F, 0xAE, 0x33 })]
    [InlineData("bmi1", new byte[] { 0xC4, 0xE2, 0x60, 0xF2, 0xC1 })]    // andn eax, ebx, ecx
    [InlineData("bmi2", new byte[] { 0xC4, 0xE2, 0x70, 0xF5, 0xC3 })]    // bzhi eax, ebx, ecx
    [InlineData("adx", new byte[] { 0x66, 0x0F, 0x38, 0xF6, 0xC3 })]
    [InlineData("rdrand", new byte[] { 0x0F, 0xC7, 0xF0 })]
    [InlineData("rdseed", new byte[] { 0x0F, 0xC7, 0xF8 })]
    [InlineData("rdpid", new byte[] { 0xF3, 0x0F, 0xC7, 0xF8 })]
    [InlineData("rdtscp", new byte[] { 0x0F, 0x01, 0xF9 })]
    public void An_instruction_whose_CPUID_bit_is_off_is_an_invalid_opcode(string feature, byte[] code)
    {
        Assert.Equal(0UL, CountInvalid("max", code));
        Assert.Equal(1UL, CountInvalid("qemu64", code));
        Assert.Equal(0UL, CountInvalid("qemu64," + feature, code));
    }

    [Theory]
    [InlineData("qemu64", 8UL, 31UL - 19)] // REP BSF and REP BSR
    [InlineData("max", 8UL, 19UL)]
    public void Without_their_bits_TZCNT_and_LZCNT_are_BSF_and_BSR(string model, ulong trailing, ulong leading)
    {
        using var bench = new CpuBench(model);
        bench.Assemble(64, 0x7000, code =>
        {
            code.mov(ebx, 0x1100);
            code.tzcnt(eax, ebx);
            code.lzcnt(ecx, ebx);
            code.hlt();
        });
        bench.Long64(0x7000);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(trailing, bench.State.General[0]);
        Assert.Equal(leading, bench.State.General[1]);
    }

    /// <summary>Of zero both give the operand's size and set CF; of a number with the first bit set, ZF.</summary>
    [Theory]
    [InlineData(0u, 32UL, 0x1u)]
    [InlineData(0x8000_0000u, 0UL, 0x40u)]
    [InlineData(0x0001_0000u, 15UL, 0u)]
    public void LZCNT_tells_of_nothing_and_of_the_first_bit(uint value, ulong expected, uint flags)
    {
        using var bench = new CpuBench();
        bench.Assemble(64, 0x7000, code =>
        {
            code.mov(ebx, value);
            code.lzcnt(eax, ebx);
            code.hlt();
        });
        bench.Long64(0x7000);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(expected, bench.State.General[0]);
        Assert.Equal(flags, bench.State.Rflags & 0x41);
    }

    [Fact]
    public void RDTSCP_and_RDPID_read_what_was_written_to_TSC_AUX()
    {
        using var bench = new CpuBench();
        bench.Assemble(64, 0x7000, code =>
        {
            code.mov(ecx, 0xC000_0103);
            code.mov(eax, 0x1234_5678);
            code.xor(edx, edx);
            code.wrmsr();
            code.rdtscp();
            code.rdpid(rbx);
            code.hlt();
        });
        bench.Long64(0x7000);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(0x1234_5678UL, bench.State.General[1]);
        Assert.Equal(0x1234_5678UL, bench.State.General[3]);
    }

    [Fact]
    public void RDRAND_sets_carry_and_rarely_repeats_itself()
    {
        using var bench = new CpuBench();
        bench.Assemble(64, 0x7000, code =>
        {
            code.rdrand(rax);
            code.rdrand(rbx);
            code.hlt();
        });
        bench.Long64(0x7000);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(1UL, bench.State.Rflags & 0x8D5);
        Assert.NotEqual(bench.State.General[0], bench.State.General[3]);
    }

    [Fact]
    public void VEX_is_an_invalid_opcode_in_real_mode()
    {
        using var bench = new CpuBench();
        bench.Memory.Write(6 * 4, 0x0000_6000u);
        bench.Assemble(16, 0x6000, code => code.hlt());
        bench.Memory.Write(0x7000, [0xC4, 0xE2, 0x60, 0xF2, 0xC1]);
        bench.Set(registers =>
        {
            for (var i = 0; i < 6; i++) registers.State.Segments[i] = new Segment { Limit = 0xFFFF, Flags = 0x9300 };
            (registers.State.Rip, registers.State.General[4]) = (0x7000, 0x8000);
        });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(0x6001UL, bench.State.Rip);
    }

    /// <summary>Runs the code in long mode; RSI counts invalid opcodes, whose handler halts.</summary>
    private static ulong CountInvalid(string model, byte[] code)
    {
        using var bench = new CpuBench(model);
        bench.Assemble(64, InvalidOpcodes, c =>
        {
            c.inc(rsi);
            c.hlt();
        });
        bench.Memory.Write(0x7000, [.. code, 0xF4]);
        bench.Long64(0x7000);
        bench.Memory.Write(0x2000 + (6 * 16), (InvalidOpcodes & 0xFFFF) | 0x28UL << 16 | 0x8EUL << 40 | (ulong)(InvalidOpcodes >> 16) << 48);
        bench.Set(registers =>
        {
            registers.State.General[3] = 0x5000;
            registers.State.General[6] = 0;
        });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        return bench.State.General[6];
    }
}
