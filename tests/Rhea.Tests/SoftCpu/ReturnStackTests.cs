using Iced.Intel;
using Rhea.Core.Cpu;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>Returns that do not go where the calls came from, or find something else there. Expected is what the program says, interpreted and translated.</summary>
public class ReturnStackTests
{
    private const ulong Start = 0x7000, Function = 0x8000, Other = 0x9000, Next = 0x9100, Stack = 0x20_0000, TableOfPages = 0x1_3000;
    private const int Rounds = 40;

    [Fact]
    public void A_recursion_comes_back_from_any_depth()
    {
        foreach (int depth in (ReadOnlySpan<int>)[1, 1000, 1023, 1024, 1025, 5000])
        {
            Check(depth, code =>
            {
                Label function = code.CreateLabel(), end = code.CreateLabel(), again = code.CreateLabel();
                code.mov(esi, 3);
                code.Label(ref again);
                code.mov(ecx, depth);
                code.xor(eax, eax);
                code.call(function);
                code.dec(esi);
                code.jne(again);
                code.hlt();
                code.Label(ref function);
                code.dec(ecx);
                code.je(end);
                code.call(function);
                code.Label(ref end);
                code.inc(eax);
                code.ret();
            });
        }
    }

    [Fact]
    public void A_function_may_return_elsewhere() => Check(Rounds, code =>
    {
        Label function = code.CreateLabel(), again = code.CreateLabel(), behind = code.CreateLabel();
        code.mov(ecx, Rounds);
        code.Label(ref again);
        code.call(function);
        code.hlt(); // not reached
        code.Label(ref behind);
        code.dec(ecx);
        code.jne(again);
        code.hlt();
        code.Label(ref function);
        code.inc(eax);
        code.lea(rdx, __[behind]);
        code.mov(__qword_ptr[rsp], rdx);
        code.ret();
    });

    /// <summary>As setjmp and longjmp do; more often than returns are kept.</summary>
    [Fact]
    public void Calls_may_never_return() => Check(5001, code =>
    {
        Label outer = code.CreateLabel(), inner = code.CreateLabel(), again = code.CreateLabel(), behind = code.CreateLabel(), whole = code.CreateLabel();
        code.mov(ecx, 5000);
        code.mov(r8, rsp);
        code.Label(ref again);
        code.call(outer);
        code.hlt();
        code.Label(ref behind);
        code.mov(rsp, r8);
        code.dec(ecx);
        code.jne(again);
        code.call(whole);
        code.hlt();
        code.Label(ref outer);
        code.call(inner);
        code.hlt();
        code.Label(ref inner);
        code.inc(eax);
        code.jmp(behind);
        code.Label(ref whole);
        code.inc(eax);
        code.ret();
    });

    [Fact]
    public void More_may_return_than_was_called() => Check(Rounds * 3, code =>
    {
        Label again = code.CreateLabel(), first = code.CreateLabel(), second = code.CreateLabel(), behind = code.CreateLabel();
        code.mov(ecx, Rounds);
        code.Label(ref again);
        foreach (Label next in (ReadOnlySpan<Label>)[behind, second, first])
        {
            code.lea(rdx, __[next]);
            code.push(rdx);
        }

        code.ret();
        code.hlt();
        code.Label(ref first);
        code.inc(eax);
        code.ret();
        code.hlt();
        code.Label(ref second);
        code.inc(eax);
        code.ret();
        code.hlt();
        code.Label(ref behind);
        code.inc(eax);
        code.dec(ecx);
        code.jne(again);
        code.hlt();
    });

    /// <summary>Two functions that end as the other's caller expects: 16 bytes of arguments are taken off the stack.</summary>
    [Fact]
    public void A_return_takes_arguments_with_it() => Check(Rounds * 5, code =>
    {
        Label again = code.CreateLabel(), function = code.CreateLabel();
        code.mov(ecx, Rounds);
        code.mov(r8, rsp);
        code.Label(ref again);
        code.push(2);
        code.push(3);
        code.call(function);
        code.mov(rdx, rsp);
        code.sub(rdx, r8);
        code.add(eax, edx); // 0
        code.dec(ecx);
        code.jne(again);
        code.hlt();
        code.Label(ref function);
        code.add(rax, __qword_ptr[rsp + 8]);
        code.add(rax, __qword_ptr[rsp + 16]);
        code.ret(16);
    });

    [Fact]
    public void What_is_behind_a_call_may_have_changed_by_the_time_it_returns() => Check(Rounds * (Rounds + 1) / 2, code =>
    {
        Label again = code.CreateLabel(), function = code.CreateLabel(), behind = code.CreateLabel();
        code.mov(ecx, Rounds);
        code.Label(ref again);
        code.call(function);
        code.Label(ref behind);
        code.mov(edx, 0x1234_5678);
        code.add(eax, edx);
        code.dec(ecx);
        code.jne(again);
        code.hlt();
        code.Label(ref function);
        code.lea(rdx, __[behind]);
        code.mov(__dword_ptr[rdx + 1], ecx); // the immediate
        code.ret();
    });

    /// <summary>Every fourth time the callee has the caller's page replaced by another one, which has the same code with another number.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_is_behind_a_call_may_be_in_another_page_by_the_time_it_returns(bool loadsCr3)
    {
        Check(Rounds / 2 * 3000, Caller(2000), bench =>
        {
            bench.Memory.Write(Other, CpuBench.Bytes(64, Start, Caller(1000)));
            bench.Assemble(64, Function, code =>
            {
                Label done = code.CreateLabel();
                code.test(cl, 3);
                code.jne(done);
                code.mov(esi, (int)Start | 7);
                code.mov(edi, (int)Other | 7);
                code.test(cl, 4);
                code.cmovne(esi, edi);
                code.mov(__qword_ptr[TableOfPages + ((Start >> 12) * 8)], rsi);
                if (loadsCr3)
                {
                    code.mov(rdx, cr3);
                    code.mov(cr3, rdx);
                }
                else
                {
                    code.invlpg(__byte_ptr[Start]);
                }

                code.Label(ref done);
                code.ret();
            });
        });

        static Action<Assembler> Caller(int number) => code =>
        {
            Label again = code.CreateLabel();
            code.mov(ecx, Rounds);
            code.Label(ref again);
            code.call(Function);
            code.add(eax, number);
            code.dec(ecx);
            code.jne(again);
            code.hlt();
        };
    }

    /// <summary>A page of code at two addresses, called from both.</summary>
    [Fact]
    public void A_caller_may_be_at_two_addresses() => Check(Rounds * 2, code =>
    {
        Label again = code.CreateLabel();
        code.mov(ecx, Rounds);
        code.Label(ref again);
        code.mov(rbx, Other);
        code.call(rbx);
        code.mov(rbx, Other + 0x1000);
        code.call(rbx);
        code.dec(ecx);
        code.jne(again);
        code.hlt();
    }, bench =>
    {
        bench.Memory.Write(TableOfPages + (((Other >> 12) + 1) * 8), Other | 7);
        bench.Assemble(64, Other, code =>
        {
            Label end = code.CreateLabel();
            code.call(end);
            code.lea(rdx, __[end]);
            code.sub(rdx, rbx);
            code.cmp(rdx, 0x100);
            code.jae(end); // not where it was called
            code.inc(eax);
            code.Label(ref end);
            code.ret();
        });
    });

    /// <summary>In every other round the function returns in 32-bit code: there 48 FF C0 is not INC RAX, but DEC EAX and INC EAX.</summary>
    [Fact]
    public void The_code_behind_a_call_may_have_another_mode_by_the_time_it_returns() => Check(Rounds / 2, code =>
    {
        const int code64 = 0x28;
        Label next = code.CreateLabel();
        code.mov(ecx, Rounds);
        code.nop(); // where each round begins
        code.call(Function);
        code.inc(rax);
        code.test(cl, 1);
        code.jne(next);
        code.push(code64);
        code.push((int)Next);
        code.db(0xCB); // retf, which is reached in 32-bit code
        code.Label(ref next);
        code.jmp(Next);
    }, bench =>
    {
        const int code32 = 8;
        bench.Assemble(64, Next, code =>
        {
            code.dec(ecx);
            code.jne(Start + 5);
            code.hlt();
        });
        bench.Assemble(64, Function, code =>
        {
            Label other = code.CreateLabel();
            code.test(cl, 1);
            code.je(other);
            code.ret();
            code.Label(ref other);
            code.push(code32);
            code.push((int)Other);
            code.db(0x48, 0xCB); // retfq
        });
        bench.Assemble(32, Other, code => code.ret(sizeof(uint))); // the upper half of RIP
    });

    /// <summary>Runs a program whose result is in EAX: interpreted, translated, and translated with its instructions counted.</summary>
    private static void Check(int expected, Action<Assembler> program, Action<CpuBench>? prepare = null)
    {
        foreach ((int warmth, long budget) in (ReadOnlySpan<(int, long)>)[(-1, 10_000_000), (0, long.MaxValue), (0, 10_000_000), (3, long.MaxValue)])
        {
            using var bench = new CpuBench(warmth: warmth);
            bench.Assemble(64, Start, program);
            bench.Long64(Start, Stack);
            prepare?.Invoke(bench);

            Assert.Equal(VcpuStop.Halted, bench.Run(budget));
            Assert.Equal((uint)expected, (uint)bench.State.General[0]);
        }
    }
}
