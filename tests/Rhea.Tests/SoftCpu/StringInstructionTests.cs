using Rhea.Core.Cpu;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>SCAS and CMPS with a repeat prefix, over more than one page.</summary>
public class StringInstructionTests
{
    private const ulong Text = 0x8F00, Copy = 0xB123;
    private const int Length = 0x1800, ZeroFlag = 0x40;

    [Theory]
    [InlineData(0x17FF, 0x2000, 0x1800, ZeroFlag)]
    [InlineData(0x100, 0x2000, 0x101, ZeroFlag)] // the first of a page
    [InlineData(0x1FFF, 0x1801, 0x1801, 0)] // beyond what is looked at
    public void Repne_scasb_stops_behind_the_byte(int place, int count, int looked, int zero)
    {
        using var bench = new CpuBench();
        bench.Memory.Write(Text, [.. Enumerable.Repeat((byte)'x', 0x2000)]);
        bench.Memory.Write(Text + (ulong)place, (byte)0);
        bench.Assemble(64, 0x7000, code =>
        {
            code.mov(edi, (int)Text);
            code.mov(ecx, count);
            code.xor(eax, eax);
            code.repne.scasb();
            code.hlt();
        });
        bench.Long64(0x7000);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((Text + (ulong)looked, (ulong)(count - looked)), (bench.State.General[7], bench.State.General[1]));
        Assert.Equal((ulong)zero, bench.State.Rflags & ZeroFlag);
    }

    [Fact]
    public void Repe_scasd_stops_at_the_first_other_word()
    {
        using var bench = new CpuBench();
        bench.Memory.Write(Text + 0x1000, 7u);
        bench.Assemble(64, 0x7000, code =>
        {
            code.mov(edi, (int)Text);
            code.mov(ecx, 0x1000);
            code.xor(eax, eax);
            code.repe.scasd();
            code.hlt();
        });
        bench.Long64(0x7000);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal((Text + 0x1004, 0x1000UL - 0x401), (bench.State.General[7], bench.State.General[1]));
        Assert.Equal(1UL, bench.State.Rflags & 1); // 0 is below 7
    }

    [Theory]
    [InlineData(-1, 0)]
    [InlineData(0x1234, Length - 0x1235)]
    public void Repe_cmpsb_stops_behind_the_first_difference(int place, int left)
    {
        using var bench = new CpuBench();
        byte[] text = [.. Enumerable.Range(0, Length).Select(i => (byte)(i * 7))];
        bench.Memory.Write(Text, text);
        bench.Memory.Write(Copy, text);
        if (place >= 0) bench.Memory.Write(Copy + (ulong)place, (byte)~text[place]);
        bench.Assemble(64, 0x7000, code =>
        {
            code.mov(esi, (int)Text);
            code.mov(edi, (int)Copy);
            code.mov(ecx, Length);
            code.repe.cmpsb();
            code.hlt();
        });
        bench.Long64(0x7000);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        ulong compared = (ulong)(Length - left);
        Assert.Equal((Text + compared, Copy + compared, (ulong)left), (bench.State.General[6], bench.State.General[7], bench.State.General[1]));
        Assert.Equal(place < 0 ? (ulong)ZeroFlag : 0, bench.State.Rflags & ZeroFlag);
    }
}
