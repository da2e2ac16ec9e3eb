using System.Text;
using Iced.Intel;
using Rhea.Core.Cpu;
using Rhea.SoftCpu;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>Reads that are in another page nearly each time, until their code is translated anew for that; then what pages and faults are to such code.</summary>
public class WanderingAccessTests
{
    private const ulong Start = 0x7000, Flush = 0x7800, First = 0x10_0000, TableOfPages = 0x1_3000 + ((First >> 12) * 8);
    private const int Pages = 0x200, Offset = 0x808, PageFault = 14, MostRounds = 400;
    private const uint Multiplier = 1103515245, Increment = 12345, Reads = 70_000;

    [Theory]
    [InlineData(0)]
    [InlineData(Offset)]
    public void They_find_what_is_there(int displacement)
    {
        var log = new StringBuilder();
        using CpuBench bench = Bench(displacement, log);
        uint[] pages = [.. Enumerable.Range(0, Pages).Select(page => (uint)page * 7)];
        for (var page = 0; page < Pages; page++) bench.Memory.Write(First + ((ulong)page << 12) + Offset, pages[page]);
        for (uint round = 0; Translations(log) < 2; round++)
        {
            Assert.True(round < MostRounds, "not translated anew");
            Assert.Equal(VcpuStop.Halted, Run(bench, Start, seed: round));
            Assert.Equal(Sum(pages, round, Reads), (uint)bench.State.General[2]);
        }

        Assert.Equal(VcpuStop.Halted, Run(bench, Start, seed: 77));
        Assert.Equal(Sum(pages, 77, Reads), (uint)bench.State.General[2]);

        bench.Memory.Write(TableOfPages + (5 * 8), (First + 0x9000) | 7);
        pages[5] = pages[9];
        Assert.Equal(VcpuStop.Halted, Run(bench, Flush, seed: 78));
        Assert.Equal(Sum(pages, 78, Reads), (uint)bench.State.General[2]);

        bench.Memory.Write(TableOfPages + (6 * 8), 0UL);
        var left = 0U;
        while (PageOf(79, left + 1) != 6) left++;
        Assert.Equal(VcpuStop.Halted, Run(bench, Flush, seed: 79));
        Assert.Equal((PageFault, First + 0x6000 + Offset), (bench.Exception, bench.State.Cr2));
        Assert.Equal((Reads - left, Sum(pages, 79, left)), ((uint)bench.State.General[1], (uint)bench.State.General[2]));
    }

    /// <summary>At a page's end all bytes have to be there, and come from two pages.</summary>
    [Fact]
    public void They_may_cross_into_the_next_page()
    {
        var log = new StringBuilder();
        using CpuBench bench = Bench(0xFFE, log);
        for (ulong page = 0; page <= Pages; page++)
        {
            bench.Memory.Write(First + (page << 12), (ushort)(page * 3));
            bench.Memory.Write(First + (page << 12) + 0xFFE, (ushort)page);
        }

        uint[] pages = [.. Enumerable.Range(0, Pages).Select(page => (uint)page | (uint)(page + 1) * 3 << 16)];
        for (uint round = 0; round < 3; round++)
        {
            Assert.Equal(VcpuStop.Halted, Run(bench, Start, seed: round));
            Assert.Equal(Sum(pages, round, Reads), (uint)bench.State.General[2]);
        }
    }

    /// <summary>Adds up a number of each of many pages, in random order.</summary>
    private static CpuBench Bench(int displacement, StringBuilder log)
    {
        var bench = new CpuBench(warmth: 0, log: new ExecutionLog(["out_asm"], [], text => log.Append(text)));
        bench.Long64(Start);
        bench.HaltOnExceptions();
        bench.Assemble(64, Start, code =>
        {
            Label again = code.CreateLabel();
            code.Label(ref again);
            code.imul(ebx, ebx, unchecked((int)Multiplier));
            code.add(ebx, unchecked((int)Increment));
            code.mov(eax, ebx);
            code.shr(eax, 4);
            code.and(eax, (Pages - 1) << 12);
            if (displacement == 0)
            {
                code.lea(rsi, __[rdi + rax + Offset]);
                code.add(edx, __dword_ptr[rsi]);
            }
            else
            {
                code.add(edx, __dword_ptr[rdi + rax + displacement]);
            }

            code.dec(ecx);
            code.jne(again);
            code.hlt();
        });
        bench.Assemble(64, Flush, code =>
        {
            code.mov(rax, cr3);
            code.mov(cr3, rax);
            code.jmp(Start);
        });
        return bench;
    }

    private static VcpuStop Run(CpuBench bench, ulong at, uint seed)
    {
        bench.Set(registers =>
        {
            ref CpuState state = ref registers.State;
            (state.Activity, state.Rip) = (CpuActivity.Running, at);
            (state.General[1], state.General[2], state.General[3], state.General[7]) = (Reads, 0, seed, First);
        });
        return bench.Run(long.MaxValue);
    }

    private static int Translations(StringBuilder log) => log.ToString().Split($"guest addr 0x{Start:x16}").Length - 1;

    private static uint Sum(uint[] pages, uint seed, uint reads)
    {
        var sum = 0U;
        for (var i = 0U; i < reads; i++) sum += pages[Page(ref seed)];
        return sum;
    }

    /// <summary>The page that is read as the so-manieth.</summary>
    private static int PageOf(uint seed, uint read)
    {
        var page = 0;
        for (var i = 0U; i < read; i++) page = Page(ref seed);
        return page;
    }

    private static int Page(ref uint seed)
    {
        seed = unchecked((seed * Multiplier) + Increment);
        return (int)(seed >> 4 >> 12) & (Pages - 1);
    }
}
