using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using System.Text;
using System.Text.RegularExpressions;
using Iced.Intel;
using Rhea.Core.Cpu;
using Rhea.SoftCpu;
using Rhea.X86;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>What short pieces of guest code are translated to, instruction by instruction, compared with the files in <c>GeneratedCode</c>.</summary>
/// <remarks><c>RHEA_ACCEPT=1</c> writes the files anew: a change of the translator shows in their difference.</remarks>
public partial class GeneratedCodeTests
{
    private const int FirstColumn = 26; // of the mnemonic, behind the address

    private static readonly Dictionary<string, Action<Assembler>> Sequences = new()
    {
        ["registers"] = code =>
        {
            code.mov(rax, rbx);
            code.add(ecx, edx);
            code.lea(r8, __[r9 + (rax * 2) + 4]);
            code.sub(r10d, r11d);
        },
        ["load"] = code => code.mov(rax, __[rbx + 8]),
        ["store"] = code => code.mov(__[rbx + 8], rax),
        ["indexed"] = code => code.mov(eax, __[rbx + (rcx * 4) + 0x10]),
        ["frame-base"] = code => code.mov(rax, __[r8]),
        ["absolute"] = code => code.mov(eax, __dword_ptr[0x4_0000]),
        ["rip-relative"] = code =>
        {
            Label here = code.CreateLabel();
            code.Label(ref here);
            code.mov(rax, __qword_ptr[here]);
        },
        ["near-accesses"] = code =>
        {
            code.mov(rax, __[rbx]);
            code.add(rax, __[rbx + 8]);
            code.mov(__[rbx + 0x10], rax);
        },
        ["bit-manipulation"] = code =>
        {
            code.andn(rax, r8, __[rbx]);
            code.blsr(r10d, r11d);
            code.sarx(rcx, r9, rdx);
            code.mulx(r8, r9, rsi);
        },
        ["segment"] = code => code.mov(rax, __qword_ptr.gs[0x28]),
        ["vectors"] = code => // of AVX2
        {
            code.vmovdqu(ymm0, __ymmword_ptr[rbx]);
            code.vpaddd(ymm1, ymm0, ymm9);
            code.vpslld(xmm10, xmm1, 3);
            code.vblendvps(ymm2, ymm1, __ymmword_ptr[rbx + 0x20], ymm11);
            code.vpmovmskb(r8d, ymm2);
            code.vzeroupper();
        },
        ["compare-and-jump"] = code =>
        {
            Label end = code.CreateLabel();
            code.cmp(rax, rcx);
            code.ja(end);
            code.mov(eax, 1);
            code.Label(ref end);
            code.nop();
        },
        ["flags-over-access"] = code =>
        {
            code.cmp(rax, 3);
            code.mov(rcx, __[rbx]);
            code.setb(dl);
        },
        ["kept-comparison"] = code =>
        {
            code.cmp(rax, rcx);
            code.mov(eax, 5);
            code.mov(rdx, __[rbx]);
        },
        ["kept-shift"] = code =>
        {
            code.shr(eax, 8);
            code.xor(eax, __[rbx]);
        },
        ["carry"] = code =>
        {
            code.add(rax, __[rbx]);
            code.adc(rdx, __[rbx + 8]);
        },
        ["conditional-move"] = code =>
        {
            code.test(rax, rax);
            code.cmovne(rcx, rdx);
        },
        ["high-byte"] = code =>
        {
            code.mov(ah, cl);
            code.add(ch, bl);
        },
        ["push-and-pop"] = code =>
        {
            code.push(rax);
            code.push(r9);
            code.pop(rcx);
            code.pop(rdx);
        },
        ["call"] = code =>
        {
            Label function = code.CreateLabel(), end = code.CreateLabel();
            code.call(function);
            code.jmp(end);
            code.Label(ref function);
            code.mov(eax, 2);
            code.ret();
            code.Label(ref end);
            code.nop();
        },
        ["far-jump"] = code =>
        {
            Label far = code.CreateLabel();
            code.jmp(far);
            for (var i = 0; i < 0x1000; i++) code.nop();
            code.Label(ref far);
            code.nop();
        },
        ["indirect-jump"] = code =>
        {
            Label end = code.CreateLabel();
            code.lea(rax, __[end]);
            code.jmp(rax);
            code.Label(ref end);
            code.nop();
        },
        ["locked"] = code => code.@lock.add(__dword_ptr[rbx], eax),
        ["fence"] = code => code.@lock.or(__dword_ptr[rsp], 0),
        ["compare-exchange"] = code => code.cmpxchg(__dword_ptr[rbx], ecx),
        ["exchange"] = code => code.xchg(__[rbx], rax),
        ["divide"] = code =>
        {
            code.mov(eax, 100);
            code.xor(edx, edx);
            code.mov(ecx, 7);
            code.div(ecx);
        },
        ["bit-string"] = code => code.bts(__dword_ptr[rbx], ecx),
        ["aligned-vector"] = code =>
        {
            code.movaps(xmm1, __[rbx]);
            code.addps(xmm1, xmm2);
            code.movaps(__[rbx + 0x10], xmm1);
        },
        ["scalar"] = code =>
        {
            code.movsd(xmm0, __qword_ptr[rbx]);
            code.mulsd(xmm0, xmm1);
            code.movsd(__qword_ptr[rbx], xmm0);
        },
        ["x87"] = code =>
        {
            code.fld(__qword_ptr[rbx]);
            code.fmul(st0, st0);
            code.fstp(__qword_ptr[rbx]);
        },
        ["interpreted"] = code => code.cpuid(),
        ["loop"] = code => Loop(code, () => code.add(rax, rcx)),
        ["loop-of-loads"] = code => Loop(code, () =>
        {
            code.add(rax, __[rbx]);
            code.add(rbx, 8);
        }),
        ["loop-of-copies"] = code => Loop(code, () =>
        {
            code.movsd(xmm0, __qword_ptr[rsi + (rdx * 8)]);
            code.addsd(xmm0, __qword_ptr[rdi + (rdx * 8)]);
            code.movsd(__qword_ptr[rdi + (rdx * 8)], xmm0);
            code.inc(rdx);
        }),
        ["loop-with-a-step"] = code => Loop(code, () =>
        {
            code.mov(__byte_ptr[rbx + rax], 0);
            code.add(rax, rdx);
        }),
        ["loop-backwards"] = code => Loop(code, () =>
        {
            code.mov(__[rbx], eax);
            code.sub(rbx, 12);
        }),
    };

    /// <summary>In real mode, in segments that begin elsewhere than at 0.</summary>
    private static readonly Dictionary<string, Action<Assembler>> ShortSequences = new()
    {
        ["short-load"] = code => code.mov(ax, __[bx + si + 4]),
        ["short-store"] = code => code.mov(__word_ptr.es[di], ax),
        ["short-stack"] = code =>
        {
            code.push(ax);
            code.push(ds);
            code.pop(cx);
        },
        ["short-jumps"] = code =>
        {
            Label again = code.CreateLabel(), end = code.CreateLabel();
            code.mov(cx, 3);
            code.Label(ref again);
            code.cmp(ax, bx);
            code.jb(end);
            code.loop(again);
            code.Label(ref end);
            code.nop();
        },
        ["short-call"] = code =>
        {
            Label function = code.CreateLabel(), end = code.CreateLabel();
            code.call(function);
            code.jmp(end);
            code.Label(ref function);
            code.ret();
            code.Label(ref end);
            code.nop();
        },
        ["short-copy"] = code =>
        {
            code.lodsb();
            code.stosw();
            code.movsw();
        },
        ["short-with-long-operands"] = code => // as compilers make code of 16 bits
        {
            code.mov(eax, __dword_ptr[ebx + 8]);
            code.push(eax);
            code.add(eax, edx);
        },
    };

    public static TheoryData<string> Names => [.. Sequences.Keys, .. ShortSequences.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_piece_of_code_is_translated_as_before(string name)
    {
        Assert.SkipWhen(name == "vectors" && !Avx2.IsSupported, "this host has no AVX2");
        string found = ShortSequences.TryGetValue(name, out Action<Assembler>? sequence) ? Translate(16, sequence) : Translate(64, Sequences[name]), file = Path.Combine(Here(), "GeneratedCode", name + ".txt");
        if (Environment.GetEnvironmentVariable("RHEA_ACCEPT") == "1") File.WriteAllText(file, found);

        Assert.Equal(File.ReadAllText(file).ReplaceLineEndings("\n"), found);
    }

    private static void Loop(Assembler code, Action turn)
    {
        Label again = code.CreateLabel();
        code.mov(ecx, 20);
        code.Label(ref again);
        turn();
        code.sub(ecx, 1);
        code.jne(again);
    }

    private static string Translate(int bits, Action<Assembler> sequence)
    {
        var log = new StringBuilder();
        using var bench = new CpuBench(warmth: 0, log: new ExecutionLog(["out_asm"], [], text => log.Append(text)));
        bench.Assemble(bits, 0x7000, code =>
        {
            sequence(code);
            code.hlt();
        });
        if (bits == 64) bench.Long64(0x7000);
        bench.Set(registers =>
        {
            registers.State.General[3] = registers.State.General[6] = 0x4_0000;
            registers.State.General[7] = 0x4_1000;
            registers.State.Cr4 |= Cr4.OsXsave;
            registers.State.Xcr0 = 7; // x87, SSE and AVX
        });
        if (bits == 16) SetReal(bench);
        Assert.Equal(VcpuStop.Halted, bench.Run(long.MaxValue));
        return string.Concat(log.ToString().Split("OUT: ", StringSplitOptions.RemoveEmptyEntries).Select(Plain));
    }

    private static void SetReal(CpuBench bench) => bench.Set(registers =>
    {
        ref CpuState state = ref registers.State;
        for (var i = 0; i < 6; i++) state.Segments[i] = new Segment { Base = 0x2_0000, Limit = 0xFFFF, Flags = 0x9300 };
        state.Segments[1] = new Segment { Selector = 0x700, Base = 0x7000, Limit = 0xFFFF, Flags = 0x9B00 };
        for (var i = 0; i < 8; i++) state.General[i] = 0x8000;
        state.Rip = 0;
    });

    /// <summary>One block's listing without what is different each time: addresses.</summary>
    private static string Plain(string block)
    {
        var text = new StringBuilder();
        ulong start = 0;
        foreach (string line in block.Split('\n')[1..])
        {
            if (line.StartsWith("  --", StringComparison.Ordinal))
            {
                text.Append(line.Replace("  -- guest addr 0x000000000000", "", StringComparison.Ordinal)).Append(":\n");
                continue;
            }

            int colon = line.IndexOf(": ", StringComparison.Ordinal);
            if (colon < 0 || line.Length < colon + 2 + FirstColumn) continue; // more bytes of the line before
            ulong at = ulong.Parse(line.AsSpan(2, colon - 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if (start == 0) start = at;
            string instruction = HostAddress().Replace(line[(colon + 2 + FirstColumn)..], match => Place(match.Value, start));
            text.Append(CultureInfo.InvariantCulture, $"  {at - start,3:x}  {instruction}\n");
        }

        return text.Append('\n').ToString();
    }

    private static string Place(string address, ulong start)
    {
        ulong value = ulong.Parse(address.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        if (value >> 48 != 0) return "key"; // of a place in guest memory
        var distance = (long)(value - start);
        return distance >= 0 ? $"+{distance:x}" : "before";
    }

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;

    [GeneratedRegex("0x[0-9a-f]{9,}")]
    private static partial Regex HostAddress();
}
