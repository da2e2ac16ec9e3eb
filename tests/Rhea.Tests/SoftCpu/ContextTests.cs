using Iced.Intel;
using Rhea.Core.Cpu;
using Rhea.Core.Memory;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>Process-context identifiers: which translations of user pages stay when CR3 changes, and what forgets them (Intel SDM vol. 3, 5.10).</summary>
public class ContextTests
{
    private const ulong Pcid = 1 << 17, Keep = 1UL << 63, TableOfFirst = 0x1_3000, First = 0x1_0001, Second = 0x3_0002, Descriptor = 0x6800;
    private const int Nothing = -1, Halt = -2, Page = 0, Context = 1, All = 2, AllButGlobal = 3;

    /// <summary>A page of the first context becomes another one while the second is there.</summary>
    [Theory]
    [InlineData(Nothing, 0UL, true, 1)]
    [InlineData(Nothing, 0UL, false, 3)]
    [InlineData(Page, 1UL, true, 3)]
    [InlineData(Context, 1UL, true, 3)]
    [InlineData(Context, 2UL, true, 1)]
    [InlineData(Context, 9UL, true, 1)]
    [InlineData(All, 0UL, true, 3)]
    [InlineData(AllButGlobal, 0UL, true, 3)]
    public void A_page_is_seen_anew(int invalidation, ulong context, bool keeps, ulong expected)
    {
        foreach (int warmth in (ReadOnlySpan<int>)[0, -1])
        {
            using CpuBench bench = Start(warmth, (code, read) =>
            {
                for (var i = 0; i < 3; i++)
                {
                    Enter(code, Second | Keep);
                    code.call(read);
                    code.mov(r9, rdx);
                    Enter(code, First | Keep);
                    code.call(read);
                    code.mov(r8, rdx);
                }

                Enter(code, Second | Keep);
                code.mov(__qword_ptr[TableOfFirst + (8 * 8)], 0xB007);
                Call(code, invalidation);
                Enter(code, First | (keeps ? Keep : 0));
                code.call(read);
                code.mov(r10, rdx);
            });
            bench.Memory.Write(Descriptor, context);
            bench.Memory.Write(Descriptor + 8, 0x8000UL);

            Assert.Equal(VcpuStop.Halted, bench.Run());
            Assert.Equal((1UL, 2UL, expected), (bench.State.General[8], bench.State.General[9], bench.State.General[10]));
        }
    }

    /// <summary>Pieces of a large page that stayed over a load of CR3 go with it.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void A_large_page_that_stayed_goes_as_a_whole(int warmth)
    {
        const ulong entry = 0x1_2008, large = 0x87;
        using CpuBench bench = Start(warmth, (code, _) =>
        {
            Label read = code.CreateLabel(), done = code.CreateLabel();
            for (var i = 0; i < 3; i++) code.call(read);
            code.mov(r8, rdx);
            Enter(code, First | Keep);
            code.mov(__qword_ptr[entry], (int)(0x40_0000 | large));
            Call(code, Page);
            code.call(read);
            code.mov(r10, rdx);
            code.jmp(done);
            code.Label(ref read);
            code.mov(rdx, __qword_ptr[0x20_1000]);
            code.mov(r9, __qword_ptr[0x3F_F000]);
            code.ret();
            code.Label(ref done);
        });
        bench.Memory.Write(entry, 0x20_0000 | large);
        bench.Memory.Write(0x20_1000, 1UL);
        bench.Memory.Write(0x40_1000, 2UL);
        bench.Memory.Write(Descriptor, 1UL);
        bench.Memory.Write(Descriptor + 8, 0x3F_F000UL);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((1UL, 2UL), (bench.State.General[8], bench.State.General[10]));
    }

    /// <summary>More contexts than there are tables: each still finds its own page, its own code and its own large tables.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Many_contexts_take_turns(int warmth)
    {
        const int contexts = 40;
        using CpuBench bench = Start(warmth, (code, read) =>
        {
            Label round = code.CreateLabel();
            code.mov(r10d, 5);
            code.xor(r11d, r11d);
            code.Label(ref round);
            for (var i = 0; i < contexts; i++)
            {
                Enter(code, (i % 2 == 0 ? First & ~0xFFFUL : Second & ~0xFFFUL) | (uint)(i + 1) | Keep);
                code.call(read);
                code.lea(r11, __[r11 + (rdx * 4) + 1]);
                code.imul(r11, r11, 3);
            }

            code.dec(r10d);
            code.jnz(round);
        });
        ulong expected = 0;
        for (var i = 0; i < 5 * contexts; i++) expected = (expected + ((ulong)((i % 2) + 1) * 4) + 1) * 3;

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(expected, bench.State.General[11]);
    }

    /// <summary>The same address is other code in each context.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Code_is_its_contexts_own(int warmth)
    {
        using CpuBench bench = Start(warmth, (code, _) =>
        {
            Label again = code.CreateLabel();
            code.mov(r10d, 4);
            code.mov(r12d, 0x8800);
            code.xor(r11d, r11d);
            code.Label(ref again);
            foreach (ulong context in (ReadOnlySpan<ulong>)[First, Second])
            {
                Enter(code, context | Keep);
                code.call(r12);
                code.lea(r11, __[rdx + (r11 * 4)]);
            }

            code.dec(r10d);
            code.jnz(again);
        });
        foreach ((ulong page, int value) in (ReadOnlySpan<(ulong, int)>)[(0x8000, 1), (0xA000, 2)])
            bench.AssembleNumber(page + 0x800, value);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(0x6666UL, bench.State.General[11]);
    }

    /// <summary>A page that the other context may write without being asked becomes code, and is written there.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void A_write_in_one_context_changes_code_of_another(int warmth)
    {
        using CpuBench bench = Start(warmth, (code, _) =>
        {
            code.mov(r12d, 0xC000);
            code.xor(r11d, r11d);
            for (var i = 0; i < 4; i++)
            {
                Enter(code, Second | Keep);
                code.mov(__dword_ptr[0xC001], i + 1); // the number in MOV EDX
                Enter(code, First | Keep);
                code.call(r12);
                code.lea(r11, __[rdx + (r11 * 8)]);
            }
        });
        bench.AssembleNumber(0xC000, 0);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(0x29CUL, bench.State.General[11]); // 1234 octal
    }

    /// <summary>The reader of a bitmap takes its bits while the context that has written is not the running one.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void A_page_that_a_context_writes_again_is_told_again(int warmth)
    {
        using CpuBench bench = Start(warmth, (code, _) =>
        {
            Label again = code.CreateLabel();
            code.Label(ref again);
            Enter(code, First | Keep);
            code.mov(__qword_ptr[0x8010], rax);
            Enter(code, Second | Keep);
            code.jmp(again);
        });
        DirtyBitmap written = bench.Ram.Track(DirtyReader.Display);
        for (var i = 0; i < 5; i++)
        {
            var pages = new List<ulong>();
            bench.Run(100);
            written.Take(pages.Add);

            Assert.Contains(8UL, pages);
        }
    }

    private static void Enter(Assembler code, ulong root)
    {
        code.mov(rsi, root);
        Call(code, -3);
    }

    /// <summary>What only the kernel may do: an invalidation, HLT, or else a load of CR3 with RSI.</summary>
    private static void Call(Assembler code, int what)
    {
        if (what == Nothing) return;
        code.mov(ecx, what);
        code.@int(0x40);
    }

    /// <summary>A user's program, with two contexts: the page at 8000h has 1 in the first and 2 in the second, and 3 is at B000h.</summary>
    private static CpuBench Start(int warmth, Action<Assembler, Label> program)
    {
        var bench = new CpuBench(warmth: warmth);
        bench.Long64(0x10_0000, rsp: 0x2_0000);
        bench.Assemble(64, 0x10_0000, code =>
        {
            Label read = code.CreateLabel();
            program(code, read);
            Call(code, Halt);
            code.Label(ref read);
            code.mov(rdx, __qword_ptr[0x8000]);
            code.ret();
        });
        bench.Assemble(64, 0x6000, code =>
        {
            Label invalidate = code.CreateLabel(), halt = code.CreateLabel();
            code.cmp(ecx, Halt);
            code.je(halt);
            code.jg(invalidate);
            code.mov(cr3, rsi);
            code.iretq();
            code.Label(ref invalidate);
            code.mov(eax, ecx);
            code.mov(ebx, (int)Descriptor);
            code.db(0x66, 0x0F, 0x38, 0x82, 0x03); // invpcid rax, [rbx]
            code.iretq();
            code.Label(ref halt);
            code.hlt();
        });
        bench.Memory.Write(0x2000 + (0x40 * 16), 0x6000UL | 0x28UL << 16 | 0xEE00UL << 32);
        bench.Memory.Write(0x2000 + (0x40 * 16) + 8, 0UL);
        bench.Memory.Write(0x3004, 0x5000UL);
        foreach ((ulong page, ulong value) in (ReadOnlySpan<(ulong, ulong)>)[(0x8000, 1), (0xA000, 2), (0xB000, 3)]) bench.Memory.Write(page, value);
        bench.Memory.Write(0x3_0000, 0x3_1007UL);
        bench.Memory.Write(0x3_1000, 0x3_2007UL);
        bench.Memory.Write(0x3_2000, 0x3_3007UL);
        for (ulong i = 0; i < 512; i++) bench.Memory.Write(0x3_3000 + (i * 8), ((i == 8 ? 0xA : i) << 12) | 7);
        bench.Set(registers =>
        {
            ref CpuState state = ref registers.State;
            (state.Cr4, state.Cr3) = (state.Cr4 | Pcid, First);
            state.Tr = CpuBench.TaskState;
            CpuBench.EnterUser64(ref state);
        });
        return bench;
    }
}
