using Iced.Intel;
using Rhea.Core.Cpu;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>Where the x87 says that an error was, and the pin by which it tells a PC's chipset (Intel SDM vol. 1, 8.1.8 and 8.7).</summary>
public class X87PointerTests
{
    private const ulong Environment = 0x5000, Operand = 0x5800;
    private const int DeviceError = 16;

    /// <summary>FDIV m32 by zero, unmasked: FIP and FDP are the instruction's and the operand's, FOP is D8 /6 without the five bits all x87 opcodes share.</summary>
    [Theory]
    [InlineData(64)]
    [InlineData(32)]
    public void FSTENV_shows_the_instruction_that_failed(int bits)
    {
        using CpuBench bench = Start(bits, code =>
        {
            code.fninit();
            code.fldcw(__word_ptr[Environment + 0x40]);
            code.fld1();
            code.fdiv(__dword_ptr[Operand]);
            code.fnstenv(__[Environment]);
            code.hlt();
        });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        uint at = bits == 64 ? 0x700BU : 0x700A;
        Assert.Equal(at, bench.Memory.Read<uint>(Environment + 12));
        Assert.Equal(0x0030_0000u | (bits == 64 ? 0x0004_0000u : 0x0005_0000u), bench.Memory.Read<uint>(Environment + 16) & 0x07FF_0000);
        Assert.Equal((uint)Operand, bench.Memory.Read<uint>(Environment + 20));
    }

    [Fact]
    public void The_look_at_the_instruction_that_failed_is_no_page_fault()
    {
        const ulong last = 0x7FF4; // its seven bytes, and a jump, end the page
        using CpuBench bench = Start(64, code =>
        {
            code.fninit();
            code.fldcw(__word_ptr[Environment + 0x40]);
            code.fld1();
            code.jmp(last);
        });
        bench.Assemble(64, last, code =>
        {
            code.fdiv(__dword_ptr[Operand]);
            code.jmp(0x6000);
        });
        bench.Assemble(64, 0x6000, code =>
        {
            code.fnstenv(__[Environment]);
            code.hlt();
        });
        bench.Memory.Write(0x1_3000 + (8 * 8), 0UL); // the next page is not there
        bench.Set(registers => registers.State.Cr2 = 0x55);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(((uint)last, 0x55UL), (bench.Memory.Read<uint>(Environment + 12), bench.State.Cr2));
    }

    [Fact]
    public void FLDENV_takes_what_FSTENV_stored()
    {
        using CpuBench bench = Start(32, code =>
        {
            code.fldenv(__[Environment + 0x80]);
            code.fnstenv(__[Environment]);
            code.hlt();
        });
        uint[] fields = [0x37F, 0, 0xFFFF, 0x1234_5678, 0x0123_0000, 0x0ABC_DEF0, 0];
        for (var i = 0; i < fields.Length; i++) bench.Memory.Write(Environment + 0x80 + ((ulong)i * 4), fields[i]);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(0x1234_5678u, bench.Memory.Read<uint>(Environment + 12));
        Assert.Equal(0x0123_0000u, bench.Memory.Read<uint>(Environment + 16));
        Assert.Equal(0x0ABC_DEF0u, bench.Memory.Read<uint>(Environment + 20));
    }

    /// <summary>With CR0.NE it is #MF, without the FERR# pin; FNCLEX takes it back.</summary>
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(false, true)]
    public void An_unmasked_error_is_told_by_the_next_waiting_instruction(bool numericError, bool clears)
    {
        using CpuBench bench = Start(64, code =>
        {
            code.fninit();
            code.fldcw(__word_ptr[Environment + 0x40]);
            code.fld1();
            code.fdiv(__dword_ptr[Operand]);
            code.fnstsw(ax); // does not wait
            code.fld1();
            if (clears) code.fnclex();
            code.hlt();
        });
        if (numericError) bench.Set(registers => registers.State.Cr0 |= 0x20);
        else bench.Set(registers => registers.State.Cr0 &= ~0x20UL);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(numericError ? DeviceError : null, bench.Exception);
        Assert.Equal(!numericError && !clears, bench.FloatingPointError);
        Assert.Equal(0xB884UL, bench.State.General[0] & 0xFFFF);
    }

    private static CpuBench Start(int bits, Action<Assembler> code)
    {
        var bench = new CpuBench();
        bench.Assemble(bits, 0x7000, code);
        if (bits == 64) bench.Long64(0x7000);
        else bench.Protected32(0x7000);
        if (bits == 64) bench.HaltOnExceptions();
        bench.Memory.Write(Environment + 0x40, (ushort)0x37B); // zero divide unmasked
        bench.Memory.Write(Operand, 0u);
        return bench;
    }
}
