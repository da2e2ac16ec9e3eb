using Iced.Intel;
using Rhea.Core.Cpu;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

public class XsaveTests
{
    private const ulong OsXsave = 1 << 18;

    [Fact]
    public void Registers_come_back_from_an_area_that_XSAVE_wrote()
    {
        using var bench = new CpuBench();
        bench.Assemble(64, 0x7000, code =>
        {
            SwitchAllOn(code);
            code.xsave(__[0x8000]);
            code.vzeroall();
            code.xrstor(__[0x8000]);
            code.hlt();
        });
        Start(bench, state =>
        {
            (state.Vector[3][0], state.Vector[3][3]) = (0x1111, 0x4444);
            return state;
        });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(0x1111UL, bench.State.Vector[3][0]);
        Assert.Equal(0x4444UL, bench.State.Vector[3][3]);
        Assert.Equal(6UL, bench.Memory.Read<ulong>(0x8200) & 6); // SSE and AVX are in use
        Assert.Equal(0x4444UL, bench.Memory.Read<ulong>(0x8000 + 576 + (3 * 16) + 8));
    }

    [Fact]
    public void XSAVEC_marks_its_form_and_XRSTOR_clears_what_is_not_there()
    {
        using var bench = new CpuBench();
        bench.Assemble(64, 0x7000, code =>
        {
            SwitchAllOn(code);
            code.xsavec(__[0x8000]);
            code.vpcmpeqd(ymm5, ymm5, ymm5);
            code.xrstor(__[0x8000]);
            code.hlt();
        });
        Start(bench, state => state);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(0x8000_0000_0000_0007UL, bench.Memory.Read<ulong>(0x8208));
        Assert.Equal(0UL, bench.State.Vector[5][0] | bench.State.Vector[5][3]);
    }

    [Fact]
    public void Writing_the_lower_half_clears_the_upper_one_and_SSE_keeps_it()
    {
        using var bench = new CpuBench();
        bench.Assemble(64, 0x7000, code =>
        {
            SwitchAllOn(code);
            code.vpcmpeqd(ymm1, ymm1, ymm1);
            code.vpcmpeqd(ymm2, ymm2, ymm2);
            code.vpaddd(xmm1, xmm1, xmm1);
            code.paddd(xmm2, xmm2);
            code.hlt();
        });
        Start(bench, state => state);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(0UL, bench.State.Vector[1][3]);
        Assert.Equal(ulong.MaxValue, bench.State.Vector[2][3]);
    }

    [Fact]
    public void CPUID_tells_the_size_of_what_is_switched_on()
    {
        using var bench = new CpuBench();
        bench.Assemble(64, 0x7000, code =>
        {
            code.mov(eax, 0xD);
            code.xor(ecx, ecx);
            code.cpuid();
            code.mov(esi, ebx);
            SwitchAllOn(code);
            code.mov(eax, 0xD);
            code.cpuid();
            code.hlt();
        });
        Start(bench, state => state);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(576UL, bench.State.General[6]);
        Assert.Equal(832UL, bench.State.General[3]);
        Assert.Equal(7UL, bench.State.General[0]);
    }

    /// <summary>XCR0: x87, SSE and AVX.</summary>
    /// <summary>The host's processor reaches all 512 bytes too, before it looks at MXCSR.</summary>
    [Fact]
    public void FXRSTOR_needs_its_last_bytes_though_it_does_not_use_them()
    {
        using var bench = new CpuBench();
        bench.Assemble(64, 0x7000, code =>
        {
            code.fxrstor(__[0x9000 - 496]);
            code.hlt();
        });
        Start(bench, state => state);
        bench.HaltOnExceptions();
        bench.Memory.Write(0x9000 - 496 + 24, uint.MaxValue);
        bench.Memory.Write(0x1_3000 + (9 * 8), 0UL); // the page of the last 16

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(14, bench.Exception);
        Assert.InRange(bench.State.Cr2, 0x9000UL, 0x900FUL);
    }

    private static void SwitchAllOn(Assembler code)
    {
        code.xor(ecx, ecx);
        code.xor(edx, edx);
        code.mov(eax, 7);
        code.xsetbv();
    }

    private static void Start(CpuBench bench, Func<CpuState, CpuState> set)
    {
        bench.Long64(0x7000);
        bench.Set(registers =>
        {
            registers.State.Cr4 |= OsXsave;
            registers.State = set(registers.State);
        });
    }
}
