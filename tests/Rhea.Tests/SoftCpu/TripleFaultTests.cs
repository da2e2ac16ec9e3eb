using Iced.Intel;
using Rhea.Core.Cpu;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>What a processor says of the exception that ended in its shutdown.</summary>
public class TripleFaultTests
{
    [Fact]
    public void A_missing_instruction_is_named_with_its_address_bytes_and_feature()
    {
        TripleFault fault = Collapse("qemu64", code => code.db(0xC4, 0xE2, 0x70, 0xF5, 0xC3)); // bzhi eax, ebx, ecx

        Assert.StartsWith("triple fault, begun by #UD (invalid opcode) at 0000000000007000 (c4e270f5c3 BZHI); no handler could be called: #GP with error code",
            fault.Description, StringComparison.Ordinal);
        Assert.Equal("bmi2", fault.MissingFeature);
    }

    [Fact]
    public void A_page_fault_is_named_with_the_address_that_faulted_first()
    {
        TripleFault fault = Collapse("max", code => code.mov(al, __[0x1234_5678]));

        Assert.Equal("triple fault, begun by #PF with error code 0h at address 12345678h at 0000000000007000 (a07856341200000000 MOV);"
            + " no handler could be called: #GP with error code 73h (IDT 2000h, limit 0h)", fault.Description);
        Assert.Null(fault.MissingFeature);
    }

    [Fact]
    public void Vector_instructions_that_are_not_switched_on_are_told_so()
    {
        Assert.Contains("AVX is not switched on in CR4.OSXSAVE and XCR0", Collapse("max", code => code.vaddps(ymm0, ymm1, ymm2)).Description, StringComparison.Ordinal);
        Assert.Contains("SSE is not switched on in CR4.OSFXSR", Collapse("max", code => code.addps(xmm0, xmm1), cr4: 0x20).Description, StringComparison.Ordinal);
    }

    private static TripleFault Collapse(string model, Action<Assembler> code, ulong cr4 = 0x6B0)
    {
        using var bench = new CpuBench(model);
        bench.Assemble(64, 0x7000, code);
        bench.Long64(0x7000);
        bench.Set(registers => (registers.State.Idtr.Limit, registers.State.Cr4) = (0, cr4));

        Assert.Equal(VcpuStop.TripleFault, bench.Run());
        return bench.Cpu.TripleFault!;
    }
}
