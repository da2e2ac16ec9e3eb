using Iced.Intel;
using Rhea.Core.Cpu;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>x87 code in the host's own unit: when the guest's registers have to leave it.</summary>
public class TranslatorX87Tests
{
    private const ushort MaskAll = 0x37F, ReportDivision = 0x37B;

    [Fact]
    public void A_sum_lives_in_the_unit_over_the_turns_of_a_loop()
    {
        using CpuBench bench = Start(code =>
        {
            Label again = code.CreateLabel();
            code.mov(ecx, 1000);
            code.fldz();
            code.Label(ref again);
            code.mov(__dword_ptr[0x8000], ecx);
            code.fiadd(__dword_ptr[0x8000]);
            code.dec(ecx);
            code.jnz(again);
            code.fistp(__qword_ptr[0x8008]);
            code.mov(rax, __qword_ptr[0x8008]);
            code.hlt();
        });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(500_500UL, bench.State.General[0]);
        Assert.Equal((0xFF, 0), (bench.State.FpuEmpty, bench.State.FpuStatus >> 11));
    }

    [Fact]
    public void The_interpreter_sees_what_translated_code_computed_and_the_other_way_round()
    {
        using CpuBench bench = Start(code =>
        {
            code.fld1();
            code.fld1();
            code.faddp(st1, st0);
            code.movq(rax, mm7); // the significand of ST(0): 2.0
            code.emms();
            code.fninit();
            code.fldpi();
            code.fxsave(__[0x8000]);
            code.fninit();
            code.fxrstor(__[0x8000]);
            code.fstp(__tbyte_ptr[0x8200]);
            code.mov(rbx, __qword_ptr[0x8200]);
            code.hlt();
        });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(0x8000_0000_0000_0000UL, bench.State.General[0]);
        Assert.Equal(0xC90F_DAA2_2168_C235UL, bench.State.General[3]);
    }

    [Fact]
    public void A_division_by_zero_that_is_to_be_reported_is_reported_by_the_next_instruction()
    {
        using CpuBench bench = Start(code =>
        {
            code.fld1();
            code.fldz();
            code.fldcw(__word_ptr[0x8002]);
            code.fdivp(st1, st0);
            code.mov(eax, 1);
            code.wait();
            code.mov(eax, 2);
            code.hlt();
        });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(1UL, bench.State.General[0]);
        Assert.Equal(0x9B, bench.Memory.Read<byte>(bench.Memory.Read<ulong>(bench.State.General[4]))); // WAIT
        Assert.Equal(0x8084, bench.State.FpuStatus & 0x80FF);
    }

    [Fact]
    public void A_load_that_faults_pushes_nothing()
    {
        using CpuBench bench = Start(code =>
        {
            code.fld1();
            code.fld(__qword_ptr[0x7000_0000]); // not mapped
            code.hlt();
        });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(7, bench.State.FpuStatus >> 11);
        Assert.Equal(0x7F, bench.State.FpuEmpty);
    }

    /// <summary>64-bit code with SSE switched on, in which every exception halts.</summary>
    private static CpuBench Start(Action<Assembler> program)
    {
        var bench = new CpuBench(warmth: 0);
        foreach (ulong vector in (ulong[])[14, 16]) bench.Memory.Write(0x2000 + (vector * 16), 0x0000_8E00_0028_6000UL);
        bench.Assemble(64, 0x6000, code => code.hlt());
        bench.Memory.Write(0x8000, MaskAll);
        bench.Memory.Write(0x8002, ReportDivision);
        bench.Assemble(64, 0x7000, program);
        bench.Long64(0x7000);
        bench.Set(registers =>
        {
            registers.State.FpuControl = MaskAll;
            registers.State.FpuEmpty = 0xFF;
        });
        return bench;
    }
}
