using Iced.Intel;
using Rhea.Core.Cpu;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>Where jumps of translated code lead after the page tables have changed: to what is there then.</summary>
public class TargetsTests
{
    private const ulong Function = 0x20_0000, First = 0x30_0000, Second = 0x30_1000, OtherTables = 0x2_0000, FunctionEntry = 0x1_4000, OtherEntry = 0x2_3000;

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(-1)]
    public void Two_address_spaces_have_different_code_at_one_address(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            Label loop = code.CreateLabel();
            code.xor(ebx, ebx);
            code.mov(esi, (uint)Function);
            code.mov(ebp, 0x1_0000);
            code.mov(edi, (uint)OtherTables);
            code.mov(ecx, 100);
            code.Label(ref loop);
            code.mov(cr3, rbp);
            code.call(Function);
            code.mov(cr3, rdi);
            code.call(rsi);
            code.sub(ecx, 1);
            code.jne(loop);
            code.hlt();
        });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Null(bench.Exception);
        Assert.Equal(100UL * (1 + 1000), bench.State.General[3]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void A_call_of_a_page_that_has_gone_faults_at_its_target(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            code.xor(ebx, ebx);
            code.mov(esi, (uint)Function);
            for (var i = 0; i < 3; i++) code.call(rsi);
            code.mov(__qword_ptr[FunctionEntry], 0);
            code.mov(rax, cr3);
            code.mov(cr3, rax);
            code.call(rsi);
            code.hlt();
        });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((14, Function, 3UL), (bench.Exception, bench.State.Cr2, bench.State.General[3]));
        Assert.Equal(Function, bench.Memory.Read<ulong>(bench.State.General[4] + 8)); // RIP, above the error code
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void A_kernel_may_not_run_what_user_code_did_where_smep_forbids(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            code.xor(ebx, ebx);
            code.mov(esi, (uint)Function);
            for (var i = 0; i < 3; i++) code.call(rsi);
            code.mov(rax, cr4);
            code.bts(rax, 20);
            code.mov(cr4, rax);
            code.call(rsi);
            code.hlt();
        }, user: false);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((14, Function, 3UL), (bench.Exception, bench.State.Cr2, bench.State.General[3]));
    }

    /// <summary>64-bit code at 7000h, in a page of the supervisor's where not all are the user's. The function adds 1 to RBX, 1000 in the other address space.</summary>
    private static CpuBench Start(int warmth, Action<Assembler> program, bool user = true)
    {
        var bench = new CpuBench(warmth: warmth);
        Add(First, 1);
        Add(Second, 1000);
        bench.Assemble(64, 0x7000, program);
        bench.Long64(0x7000);
        bench.HaltOnExceptions();
        foreach ((ulong from, ulong to) in ((ulong, ulong)[])[(0x1_0000, 0x2_0000), (0x1_1000, 0x2_1000), (0x1_2000, 0x2_2000)])
            for (ulong i = 0; i < 4096; i += 8) bench.Memory.Write(to + i, bench.Memory.Read<ulong>(from + i));
        bench.Memory.Write(0x2_0000, 0x2_1007UL);
        bench.Memory.Write(0x2_1000, 0x2_2007UL);
        bench.Memory.Write(0x2_2008, OtherEntry | 7);
        for (ulong i = 0; i < 4096; i += 8) bench.Memory.Write(OtherEntry + i, bench.Memory.Read<ulong>(FunctionEntry + i));
        bench.Memory.Write(FunctionEntry, First | 7);
        bench.Memory.Write(OtherEntry, Second | 7);
        if (user) return bench;
        foreach (ulong page in (ulong[])[3, 7]) bench.Memory.Write(0x1_3000 + (page * 8), (page << 12) | 3);
        return bench;

        void Add(ulong at, uint value) => bench.Assemble(64, at, code =>
        {
            code.add(ebx, value);
            code.ret();
        });
    }
}
