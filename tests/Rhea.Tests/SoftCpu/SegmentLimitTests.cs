using Iced.Intel;
using Rhea.Core.Cpu;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>Where segments end, by the manual (Intel SDM vol. 3, 6.3 and 6.4; vol. 1, 7.3), interpreted and translated.</summary>
public class SegmentLimitTests
{
    private const uint Code = 0x1_7000, Data = 0x4_0000, Stack = 0x5_0000, SystemStack = 0x5000, Handlers = 0x3800;
    private const uint DataRights = 0xF300, Big = 0x40_0000;
    private const int StackFault = 12, Protection = 13;

    public static TheoryData<int> Warmths => [0, -1];

    [Theory]
    [MemberData(nameof(Warmths))]
    public void A_word_may_end_at_the_limit_but_not_beyond(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            code.mov(bx, 0x1FE);
            code.mov(__word_ptr[bx], 0x1234);
            code.mov(__word_ptr[bx + 1], 0x5678);
        });
        bench.Set(registers => registers.State.Segments[3].Limit = 0x1FF);

        AssertFault(bench, Protection, ip: 7);
        Assert.Equal(0x1234, bench.Memory.Read<ushort>(Data + 0x1FE));
        Assert.Equal(0, bench.Memory.Read<ushort>(Data + 0x200));
    }

    [Theory]
    [MemberData(nameof(Warmths))]
    public void An_address_of_16_bits_goes_around_and_an_access_across_its_end_does_not(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            code.mov(bx, 0xFFF0);
            code.mov(si, 0x20);
            code.mov(__byte_ptr[bx + si], 1); // at 10h
            code.mov(__byte_ptr[bx + 0xF], 2); // at FFFFh
            code.mov(__word_ptr[bx + 0xF], 3);
        });

        AssertFault(bench, Protection, ip: 0xD);
        Assert.Equal((1, 2), (bench.Memory.Read<byte>(Data + 0x10), bench.Memory.Read<byte>(Data + 0xFFFF)));
    }

    [Theory]
    [MemberData(nameof(Warmths))]
    public void A_bits_address_goes_around_at_64_KiB_too(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            code.mov(di, 4);
            code.mov(eax, -64);
            code.bts(__dword_ptr[di], eax); // two dwords below 4
            code.mov(eax, 32 * 3);
            code.bts(__dword_ptr[di], eax); // at 10h
        });

        AssertFault(bench, Protection, ip: 0x17); // the HLT
        Assert.Equal((1U, 1U), (bench.Memory.Read<uint>(Data + 0xFFFC), bench.Memory.Read<uint>(Data + 0x10)));
    }

    [Theory]
    [MemberData(nameof(Warmths))]
    public void What_is_beyond_the_stack_segments_end_is_a_stack_fault(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            code.mov(bp, 0x2FF);
            code.mov(al, __[bp]);
            code.mov(ax, __[bp]);
        });
        bench.Set(registers => registers.State.Segments[2].Limit = 0x2FF);

        AssertFault(bench, StackFault, ip: 6);
    }

    [Theory]
    [MemberData(nameof(Warmths))]
    public void The_stack_goes_around_at_64_KiB_and_only_SP_changes(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            code.mov(eax, 0x1111_2222);
            code.push(ax);
            code.push(eax);
            code.pop(ebx);
            code.mov(sp, 1);
            code.push(ax); // at FFFFh and 0
        });
        bench.Set(registers => registers.State.General[4] = 0x7777_0000);

        AssertFault(bench, StackFault, ip: 0xE);
        Assert.Equal(0x2222, bench.Memory.Read<ushort>(Stack + 0xFFFE));
        Assert.Equal(0x1111_2222UL, bench.Memory.Read<uint>(Stack + 0xFFFA));
        Assert.Equal(0x1111_2222UL, bench.State.General[3]);
        Assert.Equal(0x7777_0001U, bench.Memory.Read<uint>(SystemStack - 8)); // ESP
    }

    [Theory]
    [MemberData(nameof(Warmths))]
    public void A_segment_that_expands_down_begins_behind_its_limit(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            code.mov(__byte_ptr[0x200], 1);
            code.mov(__word_ptr[0xFFFE], 0x303);
            code.mov(__byte_ptr[0x1FF], 2);
        });
        bench.Set(registers => (registers.State.Segments[3].Limit, registers.State.Segments[3].Flags) = (0x1FF, DataRights | 0x400));

        AssertFault(bench, Protection, ip: 0xB);
        Assert.Equal((1, 0x303), (bench.Memory.Read<byte>(Data + 0x200), bench.Memory.Read<ushort>(Data + 0xFFFE)));
    }

    [Theory]
    [InlineData(0, 0xF100U, true)] // may only be read
    [InlineData(0, 0xF900U, false)] // may only be executed
    [InlineData(0, 0xFB00U, true)]
    [InlineData(0, 0U, false)] // a null selector's
    [InlineData(-1, 0xF100U, true)]
    [InlineData(-1, 0xF900U, false)]
    [InlineData(-1, 0xFB00U, true)]
    [InlineData(-1, 0U, false)]
    public void Rights_are_those_of_the_descriptor(int warmth, uint flags, bool readable)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            code.mov(al, __byte_ptr[0x10]);
            code.mov(__byte_ptr[0x10], 2);
        });
        bench.Set(registers => registers.State.Segments[3].Flags = flags);

        AssertFault(bench, Protection, ip: readable ? 3U : 0);
        Assert.Equal(0, bench.Memory.Read<byte>(Data + 0x10));
    }

    [Theory]
    [MemberData(nameof(Warmths))]
    public void A_jump_goes_around_at_64_KiB(int warmth)
    {
        using CpuBench bench = Start(warmth, code => code.mov(cx, 0x55), ip: 2);
        bench.Memory.Write(Code + 0xFFF0, [0xB3, 0x66, 0xEB, 0x0E]); // mov bl, 66h; jmp to FFF4h + 0Eh = 2
        bench.Set(registers => registers.State.Rip = 0xFFF0);

        AssertFault(bench, Protection, ip: 5); // the HLT
        Assert.Equal((0x55UL, 0x66UL), (bench.State.General[1], bench.State.General[3]));
    }

    [Theory]
    [MemberData(nameof(Warmths))]
    public void A_call_beyond_the_code_segment_faults_before_it_pushes(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            code.mov(sp, 0x100);
            code.call(0x80);
        });
        bench.Set(registers => registers.State.Segments[1].Limit = 0x7F);

        AssertFault(bench, Protection, ip: 3);
        Assert.Equal((0x100U, 0), ((uint)bench.Memory.Read<ushort>(SystemStack - 8), bench.Memory.Read<ushort>(Stack + 0xFE)));
    }

    [Theory]
    [MemberData(nameof(Warmths))]
    public void Code_ends_at_the_limit(int warmth)
    {
        using CpuBench bench = Start(warmth, code =>
        {
            code.inc(ax);
            code.inc(ax);
            code.mov(bx, 0x1234);
        });
        bench.Set(registers => registers.State.Segments[1].Limit = 3);

        AssertFault(bench, Protection, ip: 2);
        Assert.Equal(2UL, bench.State.General[0]);
    }

    [Theory]
    [MemberData(nameof(Warmths))]
    public void Code_in_segments_of_32_bits_has_their_bases_and_limits(int warmth)
    {
        using CpuBench bench = Start(warmth, code => { });
        bench.Assemble(32, Code, code =>
        {
            code.mov(ebx, 0x1_0000);
            code.mov(__dword_ptr[ebx], 0x1122_3344);
            code.push(ebx);
            code.mov(eax, __dword_ptr.es[ebx + 1]);
        });
        bench.Set(registers =>
        {
            ref CpuState state = ref registers.State;
            state.Segments[1].Flags |= Big;
            state.Segments[2].Flags |= Big;
            state.Segments[2].Limit = state.Segments[3].Limit = 0x2_0000;
            state.Segments[0].Limit = 0x1_0003;
            state.General[4] = 0x1_0010;
        });

        AssertFault(bench, Protection, ip: 0xC);
        Assert.Equal(0x1122_3344U, bench.Memory.Read<uint>(Data + 0x1_0000));
        Assert.Equal(0x1_0000U, bench.Memory.Read<uint>(Stack + 0x1_000C));
    }

    /// <summary>At level 3, in 16-bit protected mode: code, data and stack with bases, each of 64 KiB. All exceptions halt at level 0, and so does the code's end.</summary>
    private static CpuBench Start(int warmth, Action<Assembler> program, uint ip = 0)
    {
        var bench = new CpuBench(warmth: warmth);
        bench.Protected32(0);
        for (uint vector = 0; vector < 32; vector++)
        {
            bench.Memory.Write(Handlers + vector, (byte)0xF4);
            bench.Memory.Write(0x2000 + (vector * 8), (Handlers + vector) | 8UL << 16 | 0x8EUL << 40);
        }

        bench.Memory.Write(0x3004, SystemStack);
        bench.Memory.Write(0x3008, 0x10U);
        bench.Memory.Write(Code + ip, CpuBench.Bytes(16, ip, code =>
        {
            program(code);
            code.hlt();
        }));
        bench.Set(registers =>
        {
            ref CpuState state = ref registers.State;
            state.Tr = CpuBench.TaskState;
            foreach (int data in (ReadOnlySpan<int>)[0, 2, 3, 4, 5]) state.Segments[data] = new Segment { Selector = 0x23, Base = data == 2 ? Stack : Data, Limit = 0xFFFF, Flags = DataRights };
            state.Segments[1] = new Segment { Selector = 0x1B, Base = Code, Limit = 0xFFFF, Flags = 0xFB00 };
            for (var i = 0; i < 8; i++) state.General[i] = 0;
            state.Rip = ip;
        });
        return bench;
    }

    /// <summary>The program ends in an exception with error code 0.</summary>
    private static void AssertFault(CpuBench bench, int vector, uint ip)
    {
        Assert.Equal(VcpuStop.Halted, bench.Run(long.MaxValue));
        Assert.Equal(vector, (int)(bench.State.Rip - Handlers) - 1);
        Assert.Equal((0U, ip), (bench.Memory.Read<uint>(SystemStack - 24), bench.Memory.Read<uint>(SystemStack - 20))); // error code, EIP
    }
}
