using Iced.Intel;
using Rhea.Core.Cpu;
using Rhea.Core.Memory;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>What is special about translated code; what instructions do is compared in <see cref="Differential.DifferentialTests"/>.</summary>
public class TranslatorTests
{
    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(1_000_000)]
    public void A_loop_counts_through_memory(long budget)
    {
        using var bench = new CpuBench(warmth: 2);
        bench.Assemble(64, 0x7000, code =>
        {
            Label again = code.CreateLabel();
            code.xor(eax, eax);
            code.mov(ecx, 100_000);
            code.Label(ref again);
            code.add(rax, rcx);
            code.mov(__qword_ptr[rsp - 8], rax);
            code.mov(r9, __qword_ptr[rsp - 8]);
            code.sub(rcx, 1);
            code.jnz(again);
            code.hlt();
        });
        bench.Long64(0x7000);

        Assert.Equal(VcpuStop.Halted, bench.Run(budget));
        Assert.Equal(5_000_050_000UL, bench.State.General[0]);
        Assert.Equal(5_000_050_000UL, bench.State.General[9]);
    }

    /// <summary>Code is marked by pieces of 64 bytes: writes to the pieces before and behind it, to it, and to both with one access.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void A_page_is_written_beside_its_code_and_in_it(int warmth)
    {
        const int turns = 200;
        using var bench = new CpuBench(warmth: warmth);
        bench.Long64(0x7000);
        bench.Assemble(64, 0x8040, code =>
        {
            code.mov(eax, 0);
            code.ret();
        });
        bench.Assemble(64, 0x7000, code =>
        {
            Label again = code.CreateLabel();
            code.mov(ecx, turns);
            code.mov(esi, 0x8000);
            code.xor(ebx, ebx);
            code.Label(ref again);
            code.mov(__qword_ptr[rsi + 0x38], rcx);
            code.mov(__dword_ptr[rsi + 0x80], ecx);
            code.mov(__dword_ptr[rsi + 0x41], ecx); // the number that the function returns
            code.call(0x8040);
            code.add(rbx, rax);
            code.mov(rdx, rcx);
            code.shl(rdx, 8);
            code.mov(dl, 0xB8);
            code.shl(rdx, 32);
            code.mov(__qword_ptr[rsi + 0x3C], rdx); // four bytes before it, its opcode, and three of the number
            code.call(0x8040);
            code.add(rbx, rax);
            code.add(__qword_ptr[rsi + 0xF00], rcx);
            code.dec(ecx);
            code.jne(again);
            code.hlt();
        });
        DirtyBitmap dirty = bench.Ram.Track(DirtyReader.Display);
        var pages = new List<ulong>();

        for (var part = 0; part < 4; part++)
        {
            pages.Clear();
            Assert.Equal(part == 3 ? VcpuStop.Halted : VcpuStop.BudgetSpent, bench.Run(part == 3 ? long.MaxValue : 1000));
            dirty.Take(pages.Add);
            Assert.Contains(8UL, pages);
        }

        Assert.Equal((ulong)(turns * (turns + 1)), bench.State.General[3]);
        Assert.Equal((ulong)(turns * (turns + 1) / 2), bench.Memory.Read<ulong>(0x8F00));
        Assert.Equal((0x1UL, 0x1U), (bench.Memory.Read<ulong>(0x8038) & uint.MaxValue, bench.Memory.Read<uint>(0x8080)));
    }

    [Fact]
    public void A_budget_ends_exactly_where_the_interpreters_does()
    {
        using CpuBench translated = Counting(0), interpreted = Counting(-1);
        for (var budget = 1; budget < 60; budget++)
        {
            Assert.Equal(interpreted.Run(budget), translated.Run(budget));
            Assert.Equal(interpreted.State.Rip, translated.State.Rip);
            Assert.Equal(interpreted.State.Rflags, translated.State.Rflags);
            Assert.Equal(interpreted.State.General[0], translated.State.General[0]);
        }

        static CpuBench Counting(int warmth)
        {
            var bench = new CpuBench(warmth: warmth);
            bench.Assemble(64, 0x7000, code =>
            {
                Label again = code.CreateLabel(), odd = code.CreateLabel();
                code.Label(ref again);
                code.add(rax, 3);
                code.test(al, 1);
                code.jnz(odd);
                code.inc(rbx);
                code.cpuid();
                code.Label(ref odd);
                code.push(rax);
                code.pop(rcx);
                code.jmp(again);
            });
            bench.Long64(0x7000);
            return bench;
        }
    }

    [Fact]
    public void A_kick_ends_an_endless_loop()
    {
        using var bench = new CpuBench(warmth: 0);
        bench.Assemble(64, 0x7000, code =>
        {
            Label again = code.CreateLabel();
            code.Label(ref again);
            code.add(eax, 1);
            code.jmp(again);
        });
        bench.Long64(0x7000);
        using var timer = new Timer(_ => bench.Cpu.Kick(), null, 50, Timeout.Infinite);

        Assert.Equal(VcpuStop.Kicked, bench.Run(long.MaxValue));
        Assert.InRange(bench.State.General[0], 1UL, uint.MaxValue);
    }

    [Fact]
    public void A_loop_that_was_left_in_the_middle_can_be_changed_from_outside()
    {
        using var bench = new CpuBench(warmth: 0);
        bench.Assemble(64, 0x7000, code =>
        {
            Label again = code.CreateLabel();
            code.Label(ref again);
            code.add(eax, 1);
            code.jmp(again);
        });
        bench.Long64(0x7000);
        for (var i = 0; i < 3; i++)
        {
            using var timer = new Timer(_ => bench.Cpu.Kick(), null, 20, Timeout.Infinite);
            Assert.Equal(VcpuStop.Kicked, bench.Run(long.MaxValue));
        }

        bench.Assemble(64, 0x7000, code => code.hlt());
        bench.Set(registers => registers.State.Rip = 0x7000);

        Assert.Equal(VcpuStop.Halted, bench.Run(long.MaxValue));
    }

    /// <summary>As in small boot sectors. What changes is seen all the same: the code changes its own number.</summary>
    [Fact]
    public void Code_stays_translated_although_what_is_beside_it_is_written_again_and_again()
    {
        const int turns = 2000;
        using var bench = new CpuBench(warmth: 0);
        bench.Assemble(64, 0x7000, code =>
        {
            Label again = code.CreateLabel(), round = code.CreateLabel();
            code.mov(edx, 2);
            code.Label(ref round);
            code.mov(ecx, turns);
            code.Label(ref again);
            code.add(__dword_ptr[0x7038], ecx);
            code.dec(ecx);
            code.jne(again);
            code.inc(__byte_ptr[0x7006]); // of the number of turns
            code.dec(edx);
            code.jne(round);
            code.hlt();
        });
        bench.Long64(0x7000);

        Assert.Equal(VcpuStop.Halted, bench.Run());

        Assert.Equal((turns * (turns + 1)) + turns + 1, bench.Memory.Read<int>(0x7038));
        Assert.Matches(@"TB invalidate count +1?[0-9]\n", bench.Cpu.TranslatorReport());
    }

    [Fact]
    public void An_instruction_can_change_the_next_one_of_its_own_block()
    {
        using var bench = new CpuBench(warmth: 0);
        bench.Assemble(64, 0x7000, code =>
        {
            Label again = code.CreateLabel(), patched = code.CreateLabel();
            code.mov(ecx, 5);
            code.xor(eax, eax);
            code.Label(ref again);
            code.mov(__byte_ptr[patched], cl); // the immediate of what follows at once
            code.db(0x83, 0xC0); // add eax, imm8
            code.Label(ref patched);
            code.db(0);
            code.loop(again);
            code.hlt();
        });
        bench.Long64(0x7000);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(5UL + 4 + 3 + 2 + 1, bench.State.General[0]);
    }

    [Fact]
    public void Two_pieces_of_code_that_lead_to_one_another_change()
    {
        using CpuBench bench = new(warmth: 0);
        bench.Assemble(64, 0x8000, code =>
        {
            code.test(edx, edx);
            code.je(0x8100);
            code.ret();
        });
        bench.Assemble(64, 0x8100, code =>
        {
            code.add(ebx, 1);
            code.ret();
        });
        bench.Assemble(64, 0x7000, code =>
        {
            Label loop = code.CreateLabel();
            code.xor(edx, edx);
            code.xor(ebx, ebx);
            code.mov(esi, 0x8000);
            code.mov(edi, 0x8100);
            code.mov(ecx, 10);
            code.Label(ref loop);
            code.call(rsi);
            code.call(rsi);
            code.call(rsi);
            code.mov(al, __byte_ptr[rsi]);
            code.mov(__byte_ptr[rsi], al);
            code.mov(al, __byte_ptr[rdi]);
            code.mov(__byte_ptr[rdi], al);
            code.sub(ecx, 1);
            code.jne(loop);
            code.hlt();
        });
        bench.Long64(0x7000);

        Assert.Equal(VcpuStop.Halted, bench.Run(long.MaxValue)); // uncounted: the code begins with the comparison
        Assert.Equal(30UL, bench.State.General[3]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void The_second_byte_of_a_register_goes_to_where_the_register_points(int warmth)
    {
        using var bench = new CpuBench(warmth: warmth);
        bench.Assemble(64, 0x7000, code =>
        {
            code.mov(edx, 0x4_1234);
            code.mov(__byte_ptr[rdx - 4], dh);
            code.mov(ecx, 0x3412);
            code.mov(esi, 0x4_0000);
            code.add(__byte_ptr[rsi + rcx], ch);
            code.hlt();
        });
        bench.Long64(0x7000);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((0x12, 0x34), (bench.Memory.Read<byte>(0x4_1230), bench.Memory.Read<byte>(0x4_3412)));
    }

    [Fact]
    public void A_fault_shows_the_flags_of_the_instruction_before_although_the_next_would_replace_them()
    {
        using var bench = new CpuBench(warmth: 0);
        bench.Memory.Write(0x2000 + (14 * 16), 0x0000_8E00_0028_6000UL); // page fault: 28:6000
        bench.Assemble(64, 0x6000, code => code.hlt());
        bench.Assemble(64, 0x7000, code =>
        {
            code.mov(eax, 0x7FFF_FFFF);
            code.add(eax, 1); // SF, OF, AF, PF
            code.mov(ebx, __dword_ptr[0x7000_0000]); // not mapped
            code.xor(ecx, ecx);
            code.hlt();
        });
        bench.Long64(0x7000);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        ulong frame = bench.State.General[4]; // error code, RIP, CS, RFLAGS
        Assert.Equal(0x700AUL, bench.Memory.Read<ulong>(frame + 8));
        Assert.Equal(0x896UL, bench.Memory.Read<ulong>(frame + 24) & 0x8D7);
    }

    [Fact]
    public void Code_is_found_again_after_its_page_moved()
    {
        using var bench = new CpuBench(warmth: 0);
        bench.Assemble(64, 0x8000, code => Answer(code, 1));
        bench.Assemble(64, 0xA000, code => Answer(code, 2));
        bench.Assemble(64, 0x7000, code =>
        {
            code.mov(edi, 0x8000);
            code.call(rdi);
            code.mov(ebx, eax);
            code.mov(__qword_ptr[0x1_3000 + (8 * 8)], 0xA007); // page 8 is now page Ah
            code.invlpg(__[0x8000]);
            code.call(rdi);
            code.hlt();
        });
        bench.Long64(0x7000, rsp: 0x2_0000);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((1UL, 2UL), (bench.State.General[3], bench.State.General[0]));

        static void Answer(Assembler code, int value)
        {
            code.mov(eax, value);
            code.ret();
        }
    }

    [Fact]
    public void Calls_and_jumps_go_from_page_to_page()
    {
        using var bench = new CpuBench(warmth: 0);
        bench.Assemble(64, 0x8FF0, code =>
        {
            for (var i = 0; i < 0x10; i++) code.nop(); // falls into the next page
            code.add(eax, 1);
            code.ret();
        });
        bench.Assemble(64, 0x7000, code =>
        {
            Label again = code.CreateLabel();
            code.mov(ecx, 1000);
            code.xor(eax, eax);
            code.Label(ref again);
            code.call(0x8FF0);
            code.dec(ecx);
            code.jnz(again);
            code.hlt();
        });
        bench.Long64(0x7000, rsp: 0x2_0000);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((1000UL, 0x2_0000UL), (bench.State.General[0], bench.State.General[4]));
    }

    [Fact]
    public void Code_in_flat_32_bit_segments_is_translated_too()
    {
        using var bench = new CpuBench(warmth: 0);
        bench.Assemble(32, 0x7000, code =>
        {
            Label again = code.CreateLabel(), function = code.CreateLabel();
            code.xor(eax, eax);
            code.mov(ecx, 100);
            code.Label(ref again);
            code.push(ecx);
            code.call(function);
            code.pop(ecx);
            code.dec(ecx);
            code.jnz(again);
            code.hlt();
            code.Label(ref function);
            code.push(ebp);
            code.mov(ebp, esp);
            code.add(eax, __dword_ptr[ebp + 8]);
            code.leave();
            code.ret();
        });
        bench.Protected32(0x7000);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((5050UL, 0x9000UL), (bench.State.General[0], bench.State.General[4]));
    }

    [Fact]
    public void An_unaligned_vector_operand_faults()
    {
        using var bench = new CpuBench(warmth: 0);
        bench.Memory.Write(0x2000 + (13 * 16), 0x0000_8E00_0028_6000UL);
        bench.Assemble(64, 0x6000, code => code.hlt());
        bench.Assemble(64, 0x7000, code =>
        {
            code.addps(xmm0, __xmmword_ptr[0x8008]);
            code.mov(eax, 1);
            code.hlt();
        });
        bench.Long64(0x7000);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(0x7000UL, bench.Memory.Read<ulong>(bench.State.General[4] + 8));
    }
}
