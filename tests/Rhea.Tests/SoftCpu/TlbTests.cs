using Iced.Intel;
using Rhea.Core.Cpu;
using Rhea.Core.Memory;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>When a changed page table counts: MOV CR3, INVLPG and global pages, for data and for code.</summary>
public class TlbTests
{
    private const ulong Global = 0x100, PageDirectory = 0x1_2000, PageTable = 0x1_3000;

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Loading_cr3_forgets_a_page_of_data(int warmth) => Assert.Equal((1UL, 2UL), ReadAroundChange(warmth, 0, Reload));

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Loading_cr3_keeps_a_global_page(int warmth) => Assert.Equal((1UL, 1UL), ReadAroundChange(warmth, Global, Reload));

    [Theory]
    [InlineData(0, 0UL)]
    [InlineData(-1, 0UL)]
    [InlineData(0, Global)]
    [InlineData(-1, Global)]
    public void Invlpg_forgets_a_page(int warmth, ulong rights) => Assert.Equal((1UL, 2UL), ReadAroundChange(warmth, rights, code => code.invlpg(__[0x8000])));

    /// <summary>Another page that is global has its own place, before or behind the one that goes.</summary>
    [Theory]
    [InlineData(0UL)]
    [InlineData(10UL)]
    public void Invlpg_forgets_a_page_beside_a_global_one(ulong globalPage)
    {
        using CpuBench bench = Start(0, 0, code =>
        {
            Label read = code.CreateLabel();
            for (var i = 0; i < 3; i++) code.call(read); // so that it is translated, and its cache knows the old page
            code.mov(rbx, rdx);
            code.mov(__qword_ptr[PageTable + (8 * 8)], 0xB007);
            code.invlpg(__[0x8000]);
            code.call(read);
            code.hlt();
            code.Label(ref read);
            code.mov(rcx, __qword_ptr[(globalPage << 12) + 0x10]);
            code.mov(rdx, __qword_ptr[0x8000]);
            code.ret();
        });
        bench.Memory.Write(PageTable + (globalPage * 8), globalPage << 12 | 7 | Global);
        bench.Memory.Write(0xB000, 2UL);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((1UL, 2UL), (bench.State.General[3], bench.State.General[2]));
    }

    /// <summary>Each of so many instructions has a cache of its own for what it has read; loading CR3 makes all of them look anew.</summary>
    [Theory]
    [InlineData(100)]
    [InlineData(6000)]
    public void Loading_cr3_is_seen_by_all_instructions(int count)
    {
        const int reader = 0x10_0000;
        using CpuBench bench = Start(0, 0, code =>
        {
            code.mov(esi, 0x8000);
            code.mov(edi, reader);
            code.xor(edx, edx);
            for (var i = 0; i < 3; i++) code.call(rdi); // so that it is translated, and has read
            code.mov(rbx, rdx);
            code.mov(__qword_ptr[PageTable + (8 * 8)], 0xA007);
            Reload(code);
            code.xor(edx, edx);
            code.call(rdi);
            code.hlt();
        });
        bench.Assemble(64, reader, code =>
        {
            for (var i = 0; i < count; i++)
            {
                code.and(rsi, rsi); // it may be another address for all that the translator knows
                code.or(rdx, __qword_ptr[rsi]);
            }

            code.ret();
        });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((1UL, 2UL), (bench.State.General[3], bench.State.General[2]));
    }

    /// <summary>One INVLPG of any address in it forgets all of a large page, also those parts that were read before it (Intel SDM vol. 3, 5.10.4.1).</summary>
    [Theory]
    [InlineData(0, 0UL)]
    [InlineData(-1, 0UL)]
    [InlineData(0, Global)]
    [InlineData(-1, Global)]
    public void Invlpg_forgets_all_of_a_large_page(int warmth, ulong rights)
    {
        const ulong entry = PageDirectory + 8, large = 0x87; // of the second 2 MiB
        using CpuBench bench = Start(warmth, 0, code =>
        {
            Label read = code.CreateLabel();
            for (var i = 0; i < 3; i++) code.call(read); // so that it is translated, and its cache knows the old page
            code.mov(rbx, rdx);
            code.mov(__qword_ptr[entry], (int)(0x40_0000 | large | rights));
            code.invlpg(__[0x3F_F000]);
            code.call(read);
            code.hlt();
            code.Label(ref read);
            code.mov(rdx, __qword_ptr[0x20_1000]);
            code.mov(rcx, __qword_ptr[0x3F_F000]);
            code.ret();
        });
        bench.Memory.Write(entry, 0x20_0000 | large | rights);
        bench.Memory.Write(0x20_1000, 1UL);
        bench.Memory.Write(0x40_1000, 2UL);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((1UL, 2UL), (bench.State.General[3], bench.State.General[2]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Switching_global_pages_off_forgets_them(int warmth) => Assert.Equal((1UL, 2UL), ReadAroundChange(warmth, Global, code =>
    {
        code.mov(rax, cr4);
        code.xor(eax, 0x80);
        code.mov(cr4, rax);
    }));

    /// <summary>The reader of a bitmap takes its bits between two writes to a page that the processor knows already.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void A_page_that_is_written_again_is_told_again(int warmth)
    {
        using var bench = new CpuBench("max", warmth);
        bench.Long64(0x7000);
        bench.Assemble(64, 0x7000, code =>
        {
            Label again = code.CreateLabel();
            code.Label(ref again);
            code.mov(__qword_ptr[0x8000], rax);
            code.inc(eax);
            code.test(al, 0xF);
            code.jnz(again);
            code.hlt();
        });
        DirtyBitmap written = bench.Ram.Track(DirtyReader.Display);
        var pages = new List<ulong>();
        bench.Run(20);
        written.Take(pages.Add);
        Assert.Contains(8UL, pages);

        pages.Clear();
        bench.Run(20);
        written.Take(pages.Add);
        Assert.Contains(8UL, pages);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Loading_cr3_forgets_a_page_of_code(int warmth)
    {
        using CpuBench bench = Start(warmth, 0, code =>
        {
            Label again = code.CreateLabel();
            code.mov(edi, 0x8000);
            code.mov(esi, 3);
            code.Label(ref again);
            code.call(rdi);
            code.mov(rbx, rdx);
            code.dec(esi);
            code.jnz(again);
            code.mov(__qword_ptr[PageTable + (8 * 8)], 0xA007);
            Reload(code);
            code.call(rdi);
            code.hlt();
        });
        foreach ((ulong page, int value) in (ReadOnlySpan<(ulong, int)>)[(0x8000, 1), (0xA000, 2)])
            bench.AssembleNumber(page, value);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((1UL, 2UL), (bench.State.General[3], bench.State.General[2]));
    }

    /// <summary>A guest that goes around in more pages than the tables have places for gets larger ones; what has changed is seen there too.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void The_tables_grow(int warmth)
    {
        const ulong table = 0x2_0000, entries = 512, first = 0x200_0000, pages = 60_000, physical = 0x10_0000, passes = 6;
        using CpuBench bench = Start(warmth, 0, code =>
        {
            Label pass = code.CreateLabel(), again = code.CreateLabel(), next = code.CreateLabel();
            code.xor(edx, edx);
            code.mov(ebx, (int)passes);
            code.Label(ref again);
            code.call(pass);
            code.dec(ebx);
            code.jnz(again);
            code.mov(rbx, rdx);
            code.mov(__qword_ptr[table + 8], (int)(physical | 7)); // the second page is the first one
            Reload(code);
            code.xor(edx, edx);
            code.call(pass);
            code.hlt();
            code.Label(ref pass);
            code.mov(esi, (int)first);
            code.Label(ref next);
            code.add(rdx, __qword_ptr[rsi]);
            code.add(rsi, 0x1000);
            code.cmp(rsi, (int)(first + (pages << 12)));
            code.jb(next);
            code.ret();
        });
        for (ulong i = 0; i < entries; i++)
        {
            bench.Memory.Write(table + (i * 8), (physical + (i << 12)) | 7);
            bench.Memory.Write(physical + (i << 12), i + 1);
            if (i >= first >> 21) bench.Memory.Write(PageDirectory + (i * 8), table | 7);
        }

        ulong sum = 0;
        for (ulong i = 0; i < pages; i++) sum += (i % entries) + 1;
        Assert.Equal(VcpuStop.Halted, bench.Run(2_000_000));
        Assert.Equal((sum * passes, sum - ((pages / entries) + 1)), (bench.State.General[3], bench.State.General[2]));
        if (warmth == 0) Assert.InRange(Interpreted(bench), (long)pages, 4 * (long)pages); // two first passes, and what was lost before there was room
    }

    /// <summary>How many instructions of translated code the interpreter has done.</summary>
    private static long Interpreted(CpuBench bench)
    {
        string report = bench.Cpu.TranslatorReport()!;
        return long.Parse(report.Split('\n').Single(line => line.StartsWith("interpreted ", StringComparison.Ordinal))[12..], null);
    }

    private static void Reload(Assembler code)
    {
        code.mov(rax, cr3);
        code.mov(cr3, rax);
    }

    /// <summary>What is read at 8000h before and after that page becomes another and something is done about it.</summary>
    private static (ulong Before, ulong After) ReadAroundChange(int warmth, ulong rights, Action<Assembler> change)
    {
        using CpuBench bench = Start(warmth, rights, code =>
        {
            Label read = code.CreateLabel();
            for (var i = 0; i < 3; i++) code.call(read); // so that it is translated, and its cache knows the old page
            code.mov(rbx, rdx);
            code.mov(__qword_ptr[PageTable + (8 * 8)], (int)(0xA007 | rights));
            change(code);
            code.call(read); // by the same instruction
            code.hlt();
            code.Label(ref read);
            code.mov(rdx, __qword_ptr[0x8000]);
            code.ret();
        });
        Assert.Equal(VcpuStop.Halted, bench.Run());
        return (bench.State.General[3], bench.State.General[2]);
    }

    private static CpuBench Start(int warmth, ulong rights, Action<Assembler> program)
    {
        var bench = new CpuBench(warmth: warmth);
        bench.Assemble(64, 0x7000, program);
        bench.Long64(0x7000, rsp: 0x2_0000);
        bench.Memory.Write(0x8000, 1UL);
        bench.Memory.Write(0xA000, 2UL);
        bench.Memory.Write(PageTable + (8 * 8), 0x8007 | rights);
        return bench;
    }
}
